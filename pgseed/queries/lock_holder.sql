-- Who holds this project's lock (an advisory one in the maintenance database), by the name that the
-- session goes by, and for how long.
SELECT a.application_name AS operation,
       extract(epoch FROM clock_timestamp() - a.backend_start)::float8 AS operation_s
  FROM pg_locks AS l
  JOIN pg_stat_activity AS a USING (pid)
 WHERE l.locktype = 'advisory'
   AND l.granted
   AND l.classid = 0
   AND l.objid = %(key)s
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
