-- Bulk mode off: put back what optimize-for-bulk-insert.sql changed, then vacuum and analyze.
--
-- By hand, inside the container, where this folder is mounted:
--   docker exec velpharma-dev psql -U postgres -d velpdevdb -f /data/restore-after-bulk-insert.sql
--
-- psql variable:  -v schema=vpv4  the schema to vacuum (else the one noted, else VELPHARMA_SCHEMA)
--
-- Every option goes back to exactly what it was, also where somebody had autovacuum off before.
-- Running it again only vacuums again.
\set ON_ERROR_STOP on
\set QUIET on

BEGIN;
SET LOCAL lock_timeout = '10s';

CREATE TEMPORARY VIEW bulk_mode_before AS
SELECT substr(setting, length('velpharma.bulk_mode=') + 1)::jsonb AS note
  FROM pg_db_role_setting s
  JOIN pg_database d ON d.oid = s.setdatabase
 CROSS JOIN unnest(s.setconfig) AS setting
 WHERE d.datname = current_database() AND s.setrole = 0
   AND starts_with(setting, 'velpharma.bulk_mode=');

\if :{?schema}
\else
  \set schema vpv4
  \getenv schema VELPHARMA_SCHEMA
  SELECT coalesce((SELECT note ->> 'schema' FROM bulk_mode_before), :'schema') AS schema \gset
\endif

-- Tables that were dropped meanwhile are passed over.
CREATE TEMPORARY VIEW bulk_mode_options AS
SELECT c.oid, t.key AS name, o.option, t.value ->> o.noted AS before
  FROM bulk_mode_before b
 CROSS JOIN jsonb_each(b.note -> 'tables') AS t
  JOIN pg_class c ON c.oid = to_regclass(t.key)
 CROSS JOIN (VALUES ('autovacuum_enabled', 'autovacuum'),
                    ('toast.autovacuum_enabled', 'toast_autovacuum')) AS o (option, noted)
 WHERE o.option = 'autovacuum_enabled' OR c.reltoastrelid <> 0;

SELECT CASE WHEN before IS NULL THEN format('ALTER TABLE %s RESET (%s)', name, option)
            ELSE format('ALTER TABLE %s SET (%s = %L)', name, option, before) END
  FROM bulk_mode_options
 ORDER BY name, option
\gexec

SELECT CASE WHEN note ->> 'synchronous_commit' IS NULL
            THEN format('ALTER DATABASE %I RESET synchronous_commit', current_database())
            ELSE format('ALTER DATABASE %I SET synchronous_commit = %L', current_database(),
                        note ->> 'synchronous_commit') END
  FROM bulk_mode_before
\gexec

SELECT format('ALTER DATABASE %I RESET velpharma.bulk_mode', current_database())
  FROM bulk_mode_before
\gexec

DROP VIEW bulk_mode_options, bulk_mode_before;
-- This commit waits for the disk, and with it for every commit of the load before it.
SET LOCAL synchronous_commit = on;
COMMIT;

-- Space of replaced rows, the visibility map for index-only scans, and the statistics that the
-- planner goes by. Table by table, because VACUUM cannot run inside a transaction.
SET maintenance_work_mem = '256MB';
SELECT format('VACUUM (ANALYZE) %I.%I', n.nspname, c.relname)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = :'schema' AND c.relkind IN ('r', 'm')
 ORDER BY c.relname
\gexec

\echo 'Bulk mode is off. Tables after VACUUM (ANALYZE):'
SELECT format('%I.%I', n.nspname, c.relname) AS "table",
       c.reltuples::bigint AS rows,
       pg_size_pretty(pg_table_size(c.oid)) AS size,
       coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions)
                  WHERE option_name = 'autovacuum_enabled'), 'on') AS autovacuum
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = :'schema' AND c.relkind IN ('r', 'm')
 ORDER BY pg_table_size(c.oid) DESC, c.relname;
