-- The foreign keys of which the tables `filled` are an end, with the statements that drop one and
-- make it again. `tables` are all that it locks: both ends with their partitions. `mixed_query` finds
-- a row of a MATCH FULL key that has only some of the values: PostgreSQL does not say which.
WITH RECURSIVE key AS (
    -- Keys of single partitions come and go with the one that they belong to.
    SELECT c.*, t.tables
      FROM pg_constraint AS c
     CROSS JOIN LATERAL (
           SELECT array_agg(DISTINCT x.oid::int8) AS tables
             FROM (SELECT unnest(ARRAY[c.conrelid, c.confrelid])
                    UNION ALL SELECT relid FROM pg_partition_tree(c.conrelid)
                    UNION ALL SELECT relid FROM pg_partition_tree(c.confrelid)) AS x (oid)
            WHERE x.oid IS NOT NULL) AS t
     WHERE c.contype = 'f' AND c.conparentid = 0 AND t.tables && %(filled)s::int8[]
), part AS (
    SELECT oid AS key, oid, conrelid, conname, conname AS name, 0 AS depth FROM key
     UNION ALL
    SELECT p.key, c.oid, c.conrelid, c.conname, p.name, p.depth + 1
      FROM part AS p
      JOIN pg_constraint AS c ON c.conparentid = p.oid AND c.conrelid <> p.conrelid
), statement AS (
    -- A partition's key with a name of its own has to be there before the one that takes it up.
    SELECT p.key,
           string_agg(format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s', n.nspname, r.relname, p.conname,
                             pg_get_constraintdef(p.oid)), '; ' ORDER BY p.depth DESC)
               FILTER (WHERE p.depth = 0 OR p.conname <> p.name) AS add,
           string_agg(format('; COMMENT ON CONSTRAINT %%I ON %%I.%%I IS ', p.conname, n.nspname, r.relname)
                      || quote_literal(obj_description(p.oid, 'pg_constraint')), '') AS comment
      FROM part AS p
      JOIN pg_class AS r ON r.oid = p.conrelid
      JOIN pg_namespace AS n ON n.oid = r.relnamespace
     GROUP BY p.key
)
SELECT k.conname AS name,
       k.conrelid::int8 AS table_oid,
       format('%%I.%%I', fn.nspname, fc.relname) AS table_name,
       format('%%I.%%I', pn.nspname, pc.relname) AS referenced,
       k.tables,
       format('ALTER TABLE %%I.%%I DROP CONSTRAINT %%I', fn.nspname, fc.relname, k.conname) AS drop,
       s.add || coalesce(s.comment, '') AS add,
       format('SELECT %%1$s FROM %%2$I.%%3$I WHERE num_nulls(%%1$s) NOT IN (0, %%4$s) LIMIT 1',
              (SELECT string_agg(format('%%I', a.attname), ', ' ORDER BY x.n)
                 FROM unnest(k.conkey) WITH ORDINALITY AS x (attnum, n)
                 JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = x.attnum),
              fn.nspname, fc.relname, cardinality(k.conkey)) AS mixed_query
  FROM key AS k
  JOIN statement AS s ON s.key = k.oid
  JOIN pg_class AS fc ON fc.oid = k.conrelid
  JOIN pg_namespace AS fn ON fn.oid = fc.relnamespace
  JOIN pg_class AS pc ON pc.oid = k.confrelid
  JOIN pg_namespace AS pn ON pn.oid = pc.relnamespace
 ORDER BY k.conname COLLATE "C"
