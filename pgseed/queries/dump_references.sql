-- Which table's rows need which other table's rows to be there before them. The constraints of
-- partitions are listed in pg_constraint one by one.
SELECT DISTINCT f.conrelid::bigint AS "from", f.confrelid::bigint AS "to"
FROM pg_constraint f
JOIN pg_class c ON c.oid = f.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE f.contype = 'f' AND n.nspname = %(schema)s AND f.conrelid <> f.confrelid;
