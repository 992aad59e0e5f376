-- Ends every session in some databases but this one, background workers too; one row for each.
-- The view pg_stat_activity reads pg_database as well, which the session that swaps has to itself.
SELECT pg_terminate_backend(pid)
  FROM pg_stat_get_activity(NULL)
 WHERE datid = ANY (%(databases)s::oid[]) AND pid <> pg_backend_pid()
