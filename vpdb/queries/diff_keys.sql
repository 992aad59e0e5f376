-- The primary key's columns, or else a unique key's without NULLs, of each table in a schema.
SELECT format('%%I.%%I', n.nspname, c.relname) AS table_name,
       (
           SELECT array_agg(a.attname::text ORDER BY k.place)
           FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, place)
           JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
       ) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN LATERAL (
    SELECT x.indkey
    FROM pg_index AS x
    WHERE x.indrelid = c.oid
      AND x.indisunique
      AND x.indpred IS NULL
      AND x.indexprs IS NULL
      AND (
          x.indisprimary
          OR NOT EXISTS (
              SELECT FROM pg_attribute AS a
              WHERE a.attrelid = c.oid AND a.attnum = ANY (x.indkey) AND NOT a.attnotnull
          )
      )
    ORDER BY x.indisprimary DESC, x.indexrelid
    LIMIT 1
) AS i ON true
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p')
