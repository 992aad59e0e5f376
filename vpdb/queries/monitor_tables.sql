-- Counters of every table of the live database that holds rows itself (no partitioned parents).
SELECT format('%I.%I', s.schemaname, s.relname) AS name,
       s.relid::bigint AS oid,
       -- n_live_tup is an estimate, and 0 until the first ANALYZE of a freshly cloned database
       greatest(s.n_live_tup, c.reltuples::bigint, 0) AS rows,
       s.n_dead_tup AS dead_rows,
       s.n_tup_ins AS inserted,
       s.n_tup_upd AS updated,
       s.n_tup_del AS deleted,
       s.seq_scan AS sequential_scans,
       coalesce(s.idx_scan, 0) AS index_scans,
       extract(epoch FROM greatest(s.last_autovacuum, s.last_vacuum))::float8 AS vacuumed_at,
       extract(epoch FROM greatest(s.last_autoanalyze, s.last_analyze))::float8 AS analyzed_at,
       coalesce(NOT (
           SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)
           WHERE option_name = 'autovacuum_enabled'
       ), false) AS autovacuum_off
FROM pg_stat_user_tables AS s
JOIN pg_class AS c ON c.oid = s.relid AND c.relkind IN ('r', 'm')
ORDER BY 1
