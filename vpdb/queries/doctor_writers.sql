-- Sessions of other programs that write to the live database just now, with the database's counters.
SELECT a.pid,
       concat_ws(', ', nullif(a.application_name, ''), a.usename, host(a.client_addr)) AS who,
       d.xact_commit AS commits,
       d.tup_inserted + d.tup_updated AS rows,
       extract(epoch FROM clock_timestamp())::float8 AS taken_at
FROM pg_stat_activity AS a
JOIN pg_stat_database AS d ON d.datname = a.datname
WHERE a.datname = current_database()
  AND a.pid <> pg_backend_pid()
  AND a.backend_type = 'client backend'
  AND a.application_name NOT LIKE 'vpdb %'
  AND a.query ~* '^\s*(insert|update|commit|end|begin)\M'
  AND a.state_change > clock_timestamp() - interval '1 second'
ORDER BY a.pid
