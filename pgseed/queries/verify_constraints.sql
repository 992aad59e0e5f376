-- How many constraints and unique indexes a schema has, and the ones that do not hold for every row.
SELECT (
           SELECT count(*) FROM pg_constraint AS k
           JOIN pg_namespace AS n ON n.oid = k.connamespace
           WHERE n.nspname = %(schema)s AND k.conrelid <> 0
       )::int AS constraints,
       (
           SELECT coalesce(array_agg(format('%%s of %%s', k.conname, k.conrelid::regclass) ORDER BY 1), '{}')
           FROM pg_constraint AS k
           JOIN pg_namespace AS n ON n.oid = k.connamespace
           WHERE n.nspname = %(schema)s AND NOT k.convalidated
       ) AS not_validated,
       (
           SELECT coalesce(array_agg(i.indexrelid::regclass::text ORDER BY 1), '{}')
           FROM pg_index AS i
           JOIN pg_class AS c ON c.oid = i.indexrelid
           JOIN pg_namespace AS n ON n.oid = c.relnamespace
           WHERE n.nspname = %(schema)s AND NOT (i.indisvalid AND i.indisready)
       ) AS broken_indexes
