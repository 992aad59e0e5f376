-- The ordinary and partitioned tables of users' schemas with their columns, members of extensions
-- apart. `root` is the topmost partitioned table above, or the table itself.
SELECT c.oid::int8 AS oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::text AS kind,
       coalesce(pg_partition_root(c.oid), c.oid)::oid::int8 AS root,
       coalesce((SELECT json_agg(json_build_object(
                     'name', a.attname,
                     'not_null', a.attnotnull,
                     'has_default', a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
                     'generated', a.attgenerated <> '') ORDER BY a.attnum)
                   FROM pg_attribute AS a
                   JOIN pg_type AS t ON t.oid = a.atttypid
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p')
   AND n.nspname !~ '^pg_(catalog$|toast|temp_)'
   AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
