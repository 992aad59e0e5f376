-- The indexes to build after the rows of these tables have come; partitioned ones hold nothing.
SELECT i.indexrelid::int8 AS oid,
       i.indrelid::int8 AS table_oid,
       format('%%I.%%I', n.nspname, c.relname) AS name
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'i'
   AND i.indrelid = ANY (%(tables)s::oid[])
 ORDER BY i.indisprimary DESC, i.indisunique DESC, c.relname
