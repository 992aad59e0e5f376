-- Tables that have triggers, their own or those of foreign keys, which would not fire.
SELECT c.oid::regclass::text
  FROM pg_class AS c
 WHERE NOT c.relhastriggers
   AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
