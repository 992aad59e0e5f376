-- What the CSV loader has to know of some tables of a schema, one row a table.
-- plain_inserts: nothing but foreign keys would be passed over if triggers did not fire on INSERT
-- (session_replication_role also switches off the second look of deferrable unique constraints).
SELECT c.relname AS table_name,
       (SELECT json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod))
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS types,
       (SELECT coalesce(json_object_agg(a.attname, pg_get_expr(d.adbin, d.adrelid)), '{{}}')
          FROM pg_attrdef AS d
          JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
         WHERE d.adrelid = c.oid AND a.attgenerated = '') AS defaults,
       (SELECT coalesce(json_agg(json_build_object(
                   'columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                 FROM unnest(x.conkey) WITH ORDINALITY AS k (attnum, place)
                                 JOIN pg_attribute AS a
                                   ON a.attrelid = x.conrelid AND a.attnum = k.attnum),
                   'expression', pg_get_expr(x.conbin, x.conrelid),
                   'words', coalesce(obj_description(x.oid, 'pg_constraint'),
                                     'breaks ' || x.conname || ': ' || pg_get_constraintdef(x.oid)))
                   ORDER BY x.conname), '[]')
          FROM pg_constraint AS x
         WHERE x.conrelid = c.oid AND x.contype = 'c' AND x.conkey IS NOT NULL) AS checks,
       (SELECT coalesce(json_agg(DISTINCT a.attname), '[]')
          FROM pg_constraint AS x
          JOIN pg_attribute AS a ON a.attrelid = x.conrelid AND a.attnum = ANY (x.conkey)
         WHERE x.conrelid = c.oid AND x.contype = 'f') AS referring,
       (SELECT pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname)
          FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attidentity <> '') AS sequence,
       has_parameter_privilege('session_replication_role', 'SET')
       AND NOT EXISTS (SELECT FROM pg_trigger AS t
                        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 4 <> 0)
       AND NOT EXISTS (SELECT FROM pg_constraint AS x
                        WHERE x.conrelid = c.oid AND x.contype IN ('p', 'u', 'x')
                          AND x.condeferrable) AS plain_inserts
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = ANY (%(tables)s) AND c.relkind IN ('r', 'p')
