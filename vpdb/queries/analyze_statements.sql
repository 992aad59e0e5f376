-- The statements that took most time in the live database, with their share of all time counted.
-- The schema of pg_stat_statements is filled in. This project's own sessions are left out.
SELECT left(regexp_replace(s.query, '\s+', ' ', 'g'), 120) AS query,
       s.calls,
       s.mean_exec_time / 1000 AS mean_s,
       s.total_exec_time / 1000 AS total_s,
       s.total_exec_time / nullif(sum(s.total_exec_time) OVER (), 0) AS share
FROM {extension}.pg_stat_statements AS s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND s.userid <> (SELECT oid FROM pg_roles WHERE rolname = 'vpdb')
ORDER BY s.total_exec_time DESC
LIMIT 20
