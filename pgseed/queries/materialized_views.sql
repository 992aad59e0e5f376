-- The filled materialized views, each after those it reads.
WITH RECURSIVE edge AS (
    SELECT DISTINCT w.ev_class AS reader, d.refobjid AS source
      FROM pg_rewrite AS w
      JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                         AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
), depth AS (
    SELECT c.oid, 0 AS level FROM pg_class AS c WHERE c.relkind IN ('m', 'v')
    UNION
    SELECT e.reader, p.level + 1 FROM depth AS p JOIN edge AS e ON e.source = p.oid
)
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN (SELECT oid, max(level) AS level FROM depth GROUP BY oid) AS p ON p.oid = c.oid
 WHERE c.relkind = 'm' AND c.relispopulated
 ORDER BY p.level, c.oid
