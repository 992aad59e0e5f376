-- The indexes to build after the rows of these tables have come; partitioned ones hold nothing.
-- Those that take long come first: the other kinds than btree; then, as rows mostly come in the
-- primary key's order, all before that key's; what holds a part of the rows only, last.
SELECT i.indexrelid::int8 AS oid,
       i.indrelid::int8 AS table_oid,
       format('%%I.%%I', n.nspname, c.relname) AS name
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_am AS a ON a.oid = c.relam
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'i'
   AND i.indrelid = ANY (%(tables)s::oid[])
 ORDER BY a.amname = 'btree', i.indpred IS NOT NULL, i.indisprimary, n.nspname, c.relname
