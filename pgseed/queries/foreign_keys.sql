-- Every enforced foreign key with the query that finds a row which breaks it: the one that
-- PostgreSQL itself runs when a key is added (RI_Initial_Check in ri_triggers.c). Keys of single
-- partitions follow from those of the partitioned table.
SELECT c.conname AS name,
       c.conrelid::int8 AS table_oid,
       c.confrelid::int8 AS referenced_oid,
       format('%I.%I', fn.nspname, fc.relname) AS table_name,
       format('%I.%I', pn.nspname, pc.relname) AS referenced_name,
       k.names AS columns,
       format('SELECT %s FROM %s %I.%I AS f LEFT JOIN %s %I.%I AS p ON (%s) WHERE p.%I IS NULL AND (%s) LIMIT 1',
              k.shown,
              CASE WHEN fc.relkind <> 'p' THEN 'ONLY' END, fn.nspname, fc.relname,
              CASE WHEN pc.relkind <> 'p' THEN 'ONLY' END, pn.nspname, pc.relname,
              k.conditions,
              k.first_key,
              CASE c.confmatchtype WHEN 'f' THEN k.any_given ELSE k.all_given END) AS check_query
  FROM pg_constraint AS c
  JOIN pg_class AS fc ON fc.oid = c.conrelid
  JOIN pg_namespace AS fn ON fn.oid = fc.relnamespace
  JOIN pg_class AS pc ON pc.oid = c.confrelid
  JOIN pg_namespace AS pn ON pn.oid = pc.relnamespace
 CROSS JOIN LATERAL (
       SELECT string_agg(format('f.%I', fa.attname), ', ' ORDER BY x.n) AS shown,
              string_agg(format('%I', fa.attname), ', ' ORDER BY x.n) AS names,
              string_agg(format('p.%I OPERATOR(%I.%s) f.%I%s', pa.attname, o.nspname, o.oprname, fa.attname,
                                CASE WHEN fa.attcollation <> pa.attcollation AND pa.attcollation <> 0
                                     THEN format(' COLLATE %I.%I', l.nspname, l.collname) END),
                         ' AND ' ORDER BY x.n) AS conditions,
              (array_agg(pa.attname ORDER BY x.n))[1] AS first_key,
              string_agg(format('f.%I IS NOT NULL', fa.attname), ' AND ' ORDER BY x.n) AS all_given,
              string_agg(format('f.%I IS NOT NULL', fa.attname), ' OR ' ORDER BY x.n) AS any_given
         FROM unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY AS x (fk, pk, operator, n)
         JOIN pg_attribute AS fa ON fa.attrelid = c.conrelid AND fa.attnum = x.fk
         JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = x.pk
         JOIN (SELECT p.oid, s.nspname, p.oprname
                 FROM pg_operator AS p JOIN pg_namespace AS s ON s.oid = p.oprnamespace) AS o ON o.oid = x.operator
         LEFT JOIN (SELECT t.oid, s.nspname, t.collname
                      FROM pg_collation AS t JOIN pg_namespace AS s ON s.oid = t.collnamespace) AS l
                ON l.oid = pa.attcollation) AS k
 WHERE c.contype = 'f'
   AND c.conparentid = 0
   AND c.convalidated
   AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
   AND fn.nspname !~ '^pg_(catalog$|toast|temp_)'
 ORDER BY c.conname COLLATE "C"
