-- Foreign keys whose columns lead no index: a changed or deleted key reads the whole table.
SELECT format('%%I.%%I', n.nspname, t.relname) AS table_name,
       c.conname AS name,
       format(
           'CREATE INDEX ON %%I.%%I (%%s)', n.nspname, t.relname,
           (
               SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
               FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
               JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
           )
       ) AS remedy,
       greatest(t.reltuples::bigint, 0) AS rows
FROM pg_constraint AS c
JOIN pg_class AS t ON t.oid = c.conrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE c.contype = 'f'
  AND c.conparentid = 0
  AND n.nspname = %(schema)s
  AND NOT EXISTS (
      SELECT FROM pg_index AS i
      WHERE i.indrelid = c.conrelid
        AND i.indisvalid
        AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '(%% IS NOT NULL)')
        AND (SELECT array_agg(k ORDER BY k) FROM unnest(c.conkey) AS k) = (
            SELECT array_agg(k ORDER BY k)
            FROM unnest((i.indkey::int2[])[0:cardinality(c.conkey) - 1]) AS k
        )
  )
ORDER BY 4 DESC, 1, 2
