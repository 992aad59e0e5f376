-- Ends every session in some databases but this one, background workers too; one row for each.
SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE datname = ANY (%(databases)s) AND pid <> pg_backend_pid()
