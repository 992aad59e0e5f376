-- One row about the whole server and the live database.
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
       current_database() AS database,
       extract(epoch FROM clock_timestamp())::float8 AS taken_at,
       extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS up_s,
       current_setting('autovacuum')::boolean AS autovacuum,
       current_setting('max_connections')::int AS connections_allowed,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int - 1 AS connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker')::int AS autovacuum_workers,
       d.blks_hit AS blocks_hit,
       d.blks_read AS blocks_read,
       d.xact_commit AS commits,
       d.xact_rollback AS rollbacks,
       d.tup_inserted AS inserted,
       d.tup_updated AS updated,
       d.tup_deleted AS deleted,
       d.temp_bytes,
       d.deadlocks,
       pg_database_size(d.datid) AS database_bytes,
       (
           (SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace)
           + (SELECT sum(size) FROM pg_ls_waldir())
       )::bigint AS volume_bytes,
       (SELECT wal_bytes FROM pg_stat_wal)::bigint AS wal_written
FROM pg_stat_database AS d
WHERE d.datname = current_database()
