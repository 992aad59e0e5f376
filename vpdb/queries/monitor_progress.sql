-- Every COPY, VACUUM, CREATE INDEX, ANALYZE and CLUSTER under way on this server, in any database.
-- `done` of `total` in `unit`; a total of 0 means that PostgreSQL cannot know it (COPY from stdin).
WITH progress AS (
    SELECT pid, datid, relid, command, 'COPY' AS kind, '' AS phase,
           CASE WHEN bytes_total > 0 THEN bytes_processed ELSE tuples_processed END AS done,
           bytes_total AS total,
           CASE WHEN bytes_total > 0 THEN 'bytes' ELSE 'rows' END AS unit
    FROM pg_stat_progress_copy
    UNION ALL
    SELECT pid, datid, relid, 'VACUUM', 'VACUUM', phase,
           CASE WHEN phase = 'vacuuming heap' THEN heap_blks_vacuumed ELSE heap_blks_scanned END,
           heap_blks_total, 'blocks'
    FROM pg_stat_progress_vacuum
    UNION ALL
    SELECT pid, datid, relid, command, 'CREATE INDEX', phase,
           CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END,
           CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END,
           CASE WHEN blocks_total > 0 THEN 'blocks' ELSE 'rows' END
    FROM pg_stat_progress_create_index
    UNION ALL
    SELECT pid, datid, relid, 'ANALYZE', 'ANALYZE', phase, sample_blks_scanned, sample_blks_total, 'blocks'
    FROM pg_stat_progress_analyze
    UNION ALL
    SELECT pid, datid, relid, command, 'CLUSTER', phase, heap_blks_scanned, heap_blks_total, 'blocks'
    FROM pg_stat_progress_cluster
)
SELECT p.pid,
       p.kind,
       p.command,
       p.phase,
       p.done::float8 AS done,
       p.total::float8 AS total,
       p.unit,
       d.datname AS database,
       CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END AS relation,
       left(a.query, 200) AS query,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_s
FROM progress AS p
LEFT JOIN pg_stat_activity AS a ON a.pid = p.pid
LEFT JOIN pg_database AS d ON d.oid = p.datid
LEFT JOIN pg_class AS c ON c.oid = p.relid AND d.datname = current_database()
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY p.pid
