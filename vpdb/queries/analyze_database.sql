-- The live database's counters, and how long they have been counting.
SELECT s.blks_hit AS blocks_hit,
       s.blks_read AS blocks_read,
       s.temp_files,
       s.temp_bytes::bigint AS temp_bytes,
       s.deadlocks,
       extract(epoch FROM now() - coalesce(s.stats_reset, pg_postmaster_start_time()))::float8 AS counted_s,
       current_setting('work_mem') AS work_mem,
       current_setting('shared_buffers') AS shared_buffers,
       (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
         WHERE e.extname = 'pg_stat_statements') AS statements_schema
FROM pg_stat_database AS s
WHERE s.datname = current_database()
