-- The indexes of the tables `large` that are built after the rows have come, with the statements that
-- drop one, build it, and then make it all that it was. Filled row by row is what might not come
-- back the same: a part of a partitioned index, what views, rules or extensions depend on, an
-- exclusion constraint, what is in a tablespace of its own.
-- Those that take long come first: the other kinds than btree; then, as rows mostly come in the
-- primary key's order, all before that key's; what holds a part of the rows only, last.
SELECT x.name,
       i.indrelid::int8 AS table_oid,
       CASE WHEN k.oid IS NULL THEN format('DROP INDEX %%s', x.name)
            ELSE format('ALTER TABLE ONLY %%s DROP CONSTRAINT %%I', x.table_name, k.conname) END AS drop,
       pg_get_indexdef(c.oid) AS build,
       concat_ws('; ',
           CASE WHEN k.oid IS NOT NULL THEN
               format('ALTER TABLE ONLY %%s ADD CONSTRAINT %%I %%s USING INDEX %%I', x.table_name, k.conname,
                      CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, c.relname)
               || CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
               || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END END,
           format('COMMENT ON INDEX %%s IS ', x.name) || quote_literal(obj_description(c.oid, 'pg_class')),
           'COMMENT ON CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || x.table_name || ' IS '
               || quote_literal(obj_description(k.oid, 'pg_constraint')),
           (SELECT string_agg(format('ALTER INDEX %%s ALTER COLUMN %%s SET STATISTICS %%s', x.name, t.attnum,
                                     t.attstattarget), '; ')
              FROM pg_attribute AS t WHERE t.attrelid = c.oid AND t.attstattarget >= 0),
           CASE WHEN i.indisclustered THEN format('ALTER TABLE %%s CLUSTER ON %%I', x.table_name, c.relname) END,
           CASE WHEN i.indisreplident THEN
               format('ALTER TABLE %%s REPLICA IDENTITY USING INDEX %%I', x.table_name, c.relname) END) AS finish,
       i.indexprs IS NOT NULL OR i.indpred IS NOT NULL AS has_expressions
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_am AS a ON a.oid = c.relam
  JOIN pg_class AS t ON t.oid = i.indrelid
  JOIN pg_namespace AS n ON n.oid = t.relnamespace
 CROSS JOIN LATERAL (
       SELECT format('%%I.%%I', n.nspname, c.relname) AS name,
              format('%%I.%%I', n.nspname, t.relname) AS table_name) AS x
  LEFT JOIN pg_constraint AS k ON k.conindid = c.oid AND k.contype IN ('p', 'u')
 WHERE i.indrelid = ANY (%(large)s::oid[])
   AND NOT c.relispartition AND c.reltablespace = 0
   AND i.indisvalid AND i.indisready AND NOT i.indisexclusion
   AND NOT EXISTS (
       SELECT FROM pg_depend AS d
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.classid <> 'pg_constraint'::regclass
           OR d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid AND d.deptype = 'n'
           OR d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'x'))
 ORDER BY a.amname = 'btree', i.indpred IS NOT NULL, i.indisprimary, x.name
