-- Every session that does work now, the longest first. Idle ones are counted elsewhere, except
-- those idle inside a transaction: they hold locks and keep dead rows alive.
-- pg_blocking_pids takes every partition lock of the lock manager, so it is asked of waiters only.
SELECT a.pid,
       a.datname AS database,
       a.usename AS "user",
       a.application_name AS application,
       coalesce(host(a.client_addr), 'local') AS client,
       a.backend_type AS kind,
       a.state,
       a.wait_event_type AS wait_type,
       a.wait_event AS wait,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_s,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_s,
       left(a.query, 1000) AS query,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END AS blocked_by
FROM pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid()
  AND (
      a.backend_type IN ('autovacuum worker', 'parallel worker')
      OR (a.backend_type = 'client backend' AND a.state <> 'idle')
      -- Who blocks is shown whatever it is doing: a tree needs its root.
      OR a.pid IN (
          SELECT unnest(pg_blocking_pids(w.pid)) FROM pg_stat_activity AS w WHERE w.wait_event_type = 'Lock'
      )
  )
ORDER BY a.xact_start NULLS LAST, a.pid
