-- Bytes on disk of one database.
SELECT pg_database_size(%(database)s)
