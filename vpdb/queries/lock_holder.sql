-- Who holds the advisory lock, by the name that its session goes by.
SELECT a.application_name
  FROM pg_locks AS l
  JOIN pg_stat_activity AS a USING (pid)
 WHERE l.locktype = 'advisory'
   AND l.granted
   AND l.classid = 0
   AND l.objid = %(key)s
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
