-- The end of hide_triggers.sql, in the same transaction.
UPDATE pg_class AS c
   SET relhastriggers = true
 WHERE c.oid = ANY (%(tables)s::oid[])
   AND NOT c.relhastriggers
   AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
