-- Sessions that are idle inside a transaction, and how many others wait for each.
SELECT a.pid,
       concat_ws(', ', nullif(a.application_name, ''), a.usename, host(a.client_addr)) AS who,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS idle_s,
       (
           SELECT count(*) FROM pg_stat_activity AS w
           WHERE w.wait_event_type = 'Lock' AND a.pid = ANY (pg_blocking_pids(w.pid))
       )::int AS blocks
FROM pg_stat_activity AS a
WHERE a.state LIKE 'idle in transaction%'
  AND a.application_name NOT LIKE 'vpdb %'
ORDER BY idle_s DESC
