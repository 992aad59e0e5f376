-- Bytes of each table with its indexes and TOAST. pg_total_relation_size takes a lock and would
-- wait behind VACUUM FULL or an ALTER TABLE, just when one wants to look: such tables are left out.
SELECT c.oid::bigint AS oid, pg_total_relation_size(c.oid) AS bytes
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\_toast%'
  AND NOT EXISTS (
      SELECT FROM pg_locks AS l
      LEFT JOIN pg_index AS i ON i.indexrelid = l.relation
      WHERE l.mode = 'AccessExclusiveLock'
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.relation = c.oid OR i.indrelid = c.oid)
  )
