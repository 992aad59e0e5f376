-- Counters of each table in a schema that decide whether it is looked after and how it is read.
SELECT format('%%I.%%I', s.schemaname, s.relname) AS name,
       greatest(s.n_live_tup, c.reltuples::bigint, 0) AS rows,
       s.n_dead_tup AS dead_rows,
       s.n_mod_since_analyze AS changed_rows,
       greatest(s.last_analyze, s.last_autoanalyze) IS NOT NULL AS analyzed,
       s.seq_scan AS sequential_scans,
       s.seq_tup_read AS rows_read,
       coalesce(s.idx_scan, 0) AS index_scans,
       coalesce(NOT (
           SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)
           WHERE option_name = 'autovacuum_enabled'
       ), false) AS autovacuum_off
FROM pg_stat_user_tables AS s
JOIN pg_class AS c ON c.oid = s.relid AND c.relkind IN ('r', 'm')
WHERE s.schemaname = %(schema)s
ORDER BY 1
