-- One key of each table: the primary key, else a unique index over columns that are never null.
-- `plain`: all its types are PostgreSQL's own or enums, so their `=` is found in pg_catalog.
SELECT DISTINCT ON (i.indrelid)
       i.indrelid::int8 AS table_oid,
       k.names, k.types, k.plain
  FROM pg_index AS i
 CROSS JOIN LATERAL (
       SELECT json_agg(a.attname ORDER BY x.n) AS names,
              json_agg(format_type(a.atttypid, a.atttypmod) ORDER BY x.n) AS types,
              bool_and(t.typnamespace = 'pg_catalog'::regnamespace OR t.typtype = 'e') AS plain,
              bool_and(a.attnotnull) AS never_null
         FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS x (attnum, n)
         LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = x.attnum
         LEFT JOIN pg_type AS t ON t.oid = a.atttypid) AS k
 WHERE i.indrelid = ANY (%(tables)s::oid[])
   AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
   AND k.never_null
 ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid
