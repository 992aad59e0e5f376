-- Tables of the live database that autovacuum leaves alone.
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm')
  AND EXISTS (
      SELECT FROM pg_options_to_table(c.reloptions)
      WHERE option_name = 'autovacuum_enabled' AND NOT option_value::boolean
  )
ORDER BY 1
