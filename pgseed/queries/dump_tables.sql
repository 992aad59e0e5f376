-- The tables of a schema that hold rows of their own, with their columns as a dump writes them.
-- Partitions count, their parents hold nothing; generated columns are computed on restore.
-- sort_columns: the primary key, or nothing. "by_text" marks types whose own order depends on a
-- collation inside them (composites, ranges).
SELECT c.oid::bigint AS oid,
       c.relname AS name,
       pg_table_size(c.oid)::bigint AS bytes,
       ARRAY(
           SELECT a.attname::text
           FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
           ORDER BY a.attnum
       ) AS columns,
       ARRAY(
           SELECT jsonb_build_object(
                      'name', a.attname,
                      'collated', a.attcollation <> 0,
                      'by_text', t.typtype IN ('c', 'r', 'm'))
           FROM pg_index i
           CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
           JOIN pg_type t ON t.oid = a.atttypid
           WHERE i.indrelid = c.oid AND i.indisprimary
           ORDER BY k.place
       ) AS sort_columns,
       EXISTS (
           -- Bit 4 of tgtype: fires on INSERT.
           SELECT FROM pg_trigger g
           WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 4 <> 0 AND g.tgenabled <> 'D'
       ) AS has_insert_triggers
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s
  AND c.relkind = 'r'
  AND c.relpersistence <> 't'
  AND NOT EXISTS (
      SELECT FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname COLLATE "C";
