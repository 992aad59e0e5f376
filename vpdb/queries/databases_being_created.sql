-- Databases being made just now: CREATE DATABASE holds a ShareLock on the database it copies, from
-- before its directory is there until its row in pg_database is (createdb() in dbcommands.c).
SELECT count(*)
  FROM pg_locks
 WHERE locktype = 'object'
   AND classid = 'pg_database'::regclass
   AND mode = 'ShareLock'
