-- Who is connected to a database, this session apart.
SELECT pid,
       coalesce(usename, '') AS role,
       application_name AS application,
       coalesce(host(client_addr), 'local socket') AS address,
       coalesce(state, backend_type, '') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - backend_start), 0)::float8 AS seconds
  FROM pg_stat_activity
 WHERE datname = %(database)s AND pid <> pg_backend_pid()
 ORDER BY backend_start
