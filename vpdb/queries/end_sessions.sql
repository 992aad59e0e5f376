-- Ends every session in a database but this one, background workers too; one row for each.
SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE datname = %(database)s AND pid <> pg_backend_pid()
