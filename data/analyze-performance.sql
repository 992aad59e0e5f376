-- Where the time and the space of this database go: reads only, changes nothing.
--
-- By hand, inside the container, where this folder is mounted:
--   docker exec velpharma-dev psql -U postgres -d velpdevdb -f /data/analyze-performance.sql
-- With advice in words:  python -m vpdb analyze
--
-- psql variable:  -v schema=vpv4  the schema to look at (else VELPHARMA_SCHEMA, else vpv4)
-- Counters run since the database was made or its statistics were reset; those of a database that
-- was loaded a minute ago say little about which index is of use.
\set ON_ERROR_STOP on
\set QUIET on
\pset border 1
\pset footer off
\pset null '-'
\pset linestyle ascii
\if :{?schema}
\else
  \set schema vpv4
  \getenv schema VELPHARMA_SCHEMA
\endif
BEGIN TRANSACTION READ ONLY;
SET LOCAL statement_timeout = '60s';

\echo
\echo '1. The database'
SELECT d.datname AS database,
       pg_size_pretty(pg_database_size(d.oid)) AS size,
       round(100.0 * s.blks_hit / nullif(s.blks_hit + s.blks_read, 0), 1) AS "cache hit %",
       s.xact_commit AS commits,
       s.xact_rollback AS rollbacks,
       s.deadlocks,
       s.temp_files AS "temp files",
       pg_size_pretty(s.temp_bytes) AS "temp size",
       to_char(coalesce(s.stats_reset, pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI') AS "counted since"
  FROM pg_stat_database s
  JOIN pg_database d ON d.oid = s.datid
 WHERE d.datname = current_database();

\echo '2. Tables: size, dead rows, when they were last vacuumed and analyzed'
SELECT s.relname AS "table",
       s.n_live_tup AS rows,
       pg_size_pretty(pg_table_size(s.relid)) AS "table size",
       pg_size_pretty(pg_indexes_size(s.relid)) AS "index size",
       s.n_dead_tup AS "dead rows",
       round(100.0 * s.n_dead_tup / nullif(s.n_live_tup + s.n_dead_tup, 0), 1) AS "dead %",
       s.n_mod_since_analyze AS "changed since analyze",
       to_char(greatest(s.last_vacuum, s.last_autovacuum), 'MM-DD HH24:MI') AS vacuumed,
       to_char(greatest(s.last_analyze, s.last_autoanalyze), 'MM-DD HH24:MI') AS analyzed,
       coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions)
                  WHERE option_name = 'autovacuum_enabled'), 'on') AS autovacuum
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
 WHERE s.schemaname = :'schema'
 ORDER BY pg_total_relation_size(s.relid) DESC, s.relname
 LIMIT 20;

\echo '3. How tables are read, and how much of that came from memory'
SELECT s.relname AS "table",
       s.seq_scan AS "whole-table scans",
       s.seq_tup_read / nullif(s.seq_scan, 0) AS "rows a scan",
       coalesce(s.idx_scan, 0) AS "index scans",
       round(100.0 * s.idx_scan / nullif(s.seq_scan + s.idx_scan, 0), 1) AS "by index %",
       round(100.0 * i.heap_blks_hit / nullif(i.heap_blks_hit + i.heap_blks_read, 0), 1) AS "table hit %",
       round(100.0 * i.idx_blks_hit / nullif(i.idx_blks_hit + i.idx_blks_read, 0), 1) AS "index hit %",
       pg_size_pretty((i.heap_blks_read + coalesce(i.idx_blks_read, 0)
                       + coalesce(i.toast_blks_read, 0)) * current_setting('block_size')::bigint)
           AS "read from disk"
  FROM pg_stat_user_tables s
  JOIN pg_statio_user_tables i USING (relid)
 WHERE s.schemaname = :'schema'
 ORDER BY s.seq_tup_read + coalesce(s.idx_tup_fetch, 0) DESC, s.relname
 LIMIT 20;

\echo '4. Indexes by use; one that is never scanned costs every insert, unless it keeps a constraint'
SELECT s.relname AS "table",
       s.indexrelname AS index,
       s.idx_scan AS scans,
       to_char(s.last_idx_scan, 'MM-DD HH24:MI') AS "last scan",
       pg_size_pretty(pg_relation_size(s.indexrelid)) AS size,
       CASE WHEN i.indisprimary THEN 'primary key'
            WHEN i.indisunique THEN 'unique'
            WHEN s.idx_scan = 0 THEN 'unused so far'
            ELSE '' END AS remark
  FROM pg_stat_user_indexes s
  JOIN pg_index i USING (indexrelid)
 WHERE s.schemaname = :'schema'
 ORDER BY s.idx_scan = 0 AND NOT i.indisunique DESC, pg_relation_size(s.indexrelid) DESC,
          s.indexrelname
 LIMIT 30;

\echo '5a. Missing indexes: foreign keys without one (a deleted or changed key scans the whole table)'
SELECT c.conrelid::regclass AS "table",
       c.conname AS "foreign key",
       c.confrelid::regclass AS "refers to",
       format('CREATE INDEX ON %s (%s);', c.conrelid::regclass,
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.position)
                 FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, position)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum)) AS remedy
  FROM pg_constraint c
  JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE c.contype = 'f' AND n.nspname = :'schema'
   AND NOT EXISTS (
       SELECT FROM pg_index i
        WHERE i.indrelid = c.conrelid AND i.indisvalid
          -- A partial index serves here only if it leaves out nothing but NULL.
          AND (i.indpred IS NULL
               OR pg_get_expr(i.indpred, i.indrelid) LIKE '(% IS NOT NULL)')
          AND (SELECT array_agg(k ORDER BY k) FROM unnest(c.conkey) AS k)
              = (SELECT array_agg(k ORDER BY k)
                   FROM unnest((i.indkey::int2[])[0:cardinality(c.conkey) - 1]) AS k))
 ORDER BY pg_relation_size(c.conrelid) DESC, c.conname;

\echo '5b. Missing indexes: large tables that are mostly read from end to end'
SELECT s.relname AS "table",
       s.seq_scan AS "whole-table scans",
       coalesce(s.idx_scan, 0) AS "index scans",
       s.seq_tup_read / s.seq_scan AS "rows a scan",
       pg_size_pretty(pg_relation_size(s.relid)) AS size
  FROM pg_stat_user_tables s
 WHERE s.schemaname = :'schema' AND s.seq_scan > coalesce(s.idx_scan, 0)
   AND s.seq_scan > 0 AND s.seq_tup_read / s.seq_scan > 10000
 ORDER BY s.seq_tup_read DESC;

\echo '6. Indexes that another one makes superfluous (same columns first, same condition)'
SELECT a.indrelid::regclass AS "table",
       a.indexrelid::regclass AS "superfluous index",
       b.indexrelid::regclass AS "covered by",
       pg_size_pretty(pg_relation_size(a.indexrelid)) AS size
  FROM pg_index a
  JOIN pg_index b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid
  JOIN pg_class ca ON ca.oid = a.indexrelid
  JOIN pg_class cb ON cb.oid = b.indexrelid AND cb.relam = ca.relam
  JOIN pg_namespace n ON n.oid = ca.relnamespace
 WHERE n.nspname = :'schema'
   AND NOT a.indisunique
   AND a.indexprs IS NULL AND b.indexprs IS NULL
   AND a.indpred::text IS NOT DISTINCT FROM b.indpred::text
   AND starts_with(b.indkey::text || ' ', a.indkey::text || ' ')
   AND starts_with(b.indclass::text || ' ', a.indclass::text || ' ')
   AND starts_with(b.indoption::text || ' ', a.indoption::text || ' ')
   AND (a.indkey::text <> b.indkey::text OR b.indisunique OR a.indexrelid > b.indexrelid)
 ORDER BY pg_relation_size(a.indexrelid) DESC;

\echo '7. Bloat, estimated from row widths: space that VACUUM FULL could give back'
SELECT relname AS "table",
       pg_size_pretty(actual) AS "table size",
       pg_size_pretty(needed) AS "needed about",
       pg_size_pretty(greatest(actual - needed, 0)) AS "bloat about",
       round(100.0 * greatest(actual - needed, 0) / nullif(actual, 0)) AS "bloat %"
  FROM (SELECT c.relname,
               pg_relation_size(c.oid) AS actual,
               -- 24 bytes of row header, 4 of line pointer, aligned to 8; a page has 8168 for rows.
               ceil(c.reltuples * (28 + ceil((w.width + 4) / 8.0) * 8)
                    / ((current_setting('block_size')::int - 24) * coalesce(f.fillfactor, 100) / 100.0))
                   ::bigint * current_setting('block_size')::int AS needed
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN LATERAL (
               SELECT sum((1 - p.null_frac) * p.avg_width) AS width
                 FROM pg_stats p
                WHERE p.schemaname = n.nspname AND p.tablename = c.relname) AS w
          LEFT JOIN LATERAL (
               SELECT option_value::numeric AS fillfactor
                 FROM pg_options_to_table(c.reloptions)
                WHERE option_name = 'fillfactor') AS f ON true
         WHERE n.nspname = :'schema' AND c.relkind = 'r' AND c.reltuples > 0
           AND w.width IS NOT NULL) AS estimated
 ORDER BY greatest(actual - needed, 0) DESC, relname
 LIMIT 10;

SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
       AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%' AS has_statements
\gset
\if :has_statements
SELECT quote_ident(n.nspname) || '.pg_stat_statements' AS statements
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
\gset
\echo '8a. Statements that took the most time altogether'
SELECT round(s.total_exec_time::numeric / 1000, 2) AS "total s",
       s.calls,
       round(s.mean_exec_time::numeric, 2) AS "mean ms",
       round(s.max_exec_time::numeric, 1) AS "worst ms",
       s.rows / nullif(s.calls, 0) AS "rows a call",
       round(100.0 * s.shared_blks_hit / nullif(s.shared_blks_hit + s.shared_blks_read, 0), 1) AS "hit %",
       left(regexp_replace(s.query, '\s+', ' ', 'g'), 90) AS statement
  FROM :statements s
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY s.total_exec_time DESC
 LIMIT 10;

\echo '8b. Statements that are slow each time (called at least five times)'
SELECT round(s.mean_exec_time::numeric, 2) AS "mean ms",
       round(s.stddev_exec_time::numeric, 2) AS "spread ms",
       s.calls,
       s.rows / nullif(s.calls, 0) AS "rows a call",
       s.shared_blks_read / nullif(s.calls, 0) AS "disk blocks a call",
       s.temp_blks_written / nullif(s.calls, 0) AS "temp blocks a call",
       left(regexp_replace(s.query, '\s+', ' ', 'g'), 90) AS statement
  FROM :statements s
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.calls >= 5
 ORDER BY s.mean_exec_time DESC
 LIMIT 10;
\else
\echo '8. Slow statements: the extension pg_stat_statements is not in use here'
\endif

\echo '9. Bulk mode, and settings that differ from the server''s own'
SELECT coalesce(r.rolname, 'every role') AS "for", setting
  FROM pg_db_role_setting s
  LEFT JOIN pg_roles r ON r.oid = s.setrole
 CROSS JOIN unnest(s.setconfig) AS setting
 WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
 ORDER BY 1, 2;
COMMIT;
