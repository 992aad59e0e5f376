-- The session that keeps a table of this database for itself, else one that waits to.
SELECT a.pid, coalesce(nullif(a.application_name, ''), 'a program without a name')
  FROM pg_locks AS l
  JOIN pg_stat_activity AS a USING (pid)
 WHERE l.locktype = 'relation'
   AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.pid <> pg_backend_pid()
 ORDER BY l.granted DESC, a.backend_start
 LIMIT 1
