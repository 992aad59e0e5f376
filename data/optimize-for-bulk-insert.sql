-- Bulk mode on: prepare the big tables of a schema for many inserts.
--
-- By hand, inside the container, where this folder is mounted:
--   docker exec velpharma-dev psql -U postgres -d velpdevdb -f /data/optimize-for-bulk-insert.sql
-- and afterwards, always:  … -f /data/restore-after-bulk-insert.sql
--
-- psql variables:  -v schema=vpv4      the schema (else VELPHARMA_SCHEMA, else vpv4)
--                  -v min_size_kb=128  what counts as a big table
--                  -v release=2026-11  the release that switches it on: where it was killed, the
--                                      next `pulumi up` switches off. Without it you do
--
-- What each part is worth, as far as it could be measured: data/README.md. The state before is
-- kept in the database's own settings (velpharma.bulk_mode), so that restoring needs no guessing
-- and `python -m vpdb status` can tell. Running it again changes nothing but to take in new tables.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?schema}
\else
  \set schema vpv4
  \getenv schema VELPHARMA_SCHEMA
\endif
\if :{?min_size_kb}
\else
  \set min_size_kb 128
\endif
\if :{?release}
\else
  \set release ''
\endif

BEGIN;
-- A vacuum by hand in another session holds the same lock: say so soon instead of waiting for it.
SET LOCAL lock_timeout = '10s';

CREATE TEMPORARY VIEW bulk_mode_before AS
SELECT substr(setting, length('velpharma.bulk_mode=') + 1)::jsonb AS note
  FROM pg_db_role_setting s
  JOIN pg_database d ON d.oid = s.setdatabase
 CROSS JOIN unnest(s.setconfig) AS setting
 WHERE d.datname = current_database() AND s.setrole = 0
   AND starts_with(setting, 'velpharma.bulk_mode=');

CREATE TEMPORARY VIEW bulk_mode_tables AS
SELECT format('%I.%I', n.nspname, c.relname) AS name,
       pg_relation_size(c.oid) AS size_bytes,
       c.reltoastrelid <> 0 AS has_toast,
       (SELECT option_value FROM pg_options_to_table(c.reloptions)
         WHERE option_name = 'autovacuum_enabled') AS autovacuum,
       (SELECT option_value FROM pg_class t, pg_options_to_table(t.reloptions)
         WHERE t.oid = c.reltoastrelid AND option_name = 'autovacuum_enabled') AS toast_autovacuum
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = :'schema' AND c.relkind = 'r'
   AND pg_relation_size(c.oid) >= :min_size_kb * 1024::bigint;

SELECT format('ALTER DATABASE %I SET velpharma.bulk_mode = %L', current_database(),
              jsonb_build_object(
                  'since', coalesce(before.note ->> 'since', to_char(now() AT TIME ZONE 'UTC',
                                                                     'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
                  'schema', :'schema',
                  'synchronous_commit', CASE WHEN before.note IS NULL THEN
                      (SELECT split_part(setting, '=', 2)
                         FROM pg_db_role_setting s
                         JOIN pg_database d ON d.oid = s.setdatabase
                        CROSS JOIN unnest(s.setconfig) AS setting
                        WHERE d.datname = current_database() AND s.setrole = 0
                          AND starts_with(setting, 'synchronous_commit='))
                      ELSE before.note ->> 'synchronous_commit' END,
                  -- What was noted first stays: by now it is the state from before.
                  'tables', coalesce((SELECT jsonb_object_agg(name, jsonb_build_object(
                                          'autovacuum', autovacuum,
                                          'toast_autovacuum', toast_autovacuum))
                                        FROM bulk_mode_tables), '{}')
                            || coalesce(before.note -> 'tables', '{}'))
              -- A release does not take over what somebody else had switched on before it.
              || CASE WHEN :'release' <> '' AND (before.note IS NULL OR before.note ? 'release')
                      THEN jsonb_build_object('release', :'release') ELSE '{}' END)
  FROM (SELECT) AS one LEFT JOIN bulk_mode_before before ON true
\gexec

-- No autovacuum takes turns with the inserts on the two cores; restoring vacuums once, at the end.
SELECT format('ALTER TABLE %s SET (autovacuum_enabled = off%s)', name,
              CASE WHEN has_toast THEN ', toast.autovacuum_enabled = off' ELSE '' END)
  FROM bulk_mode_tables
 ORDER BY name
\gexec

-- A COMMIT does not wait for the disk. A crash could lose the last second of commits, never more
-- and nothing half; fsync stays on. For sessions that begin from now on.
SELECT format('ALTER DATABASE %I SET synchronous_commit = off', current_database())
\gexec

\echo 'Bulk mode is on. Tables without autovacuum:'
SELECT name AS "table", pg_size_pretty(size_bytes) AS size FROM bulk_mode_tables ORDER BY name;

DROP VIEW bulk_mode_before, bulk_mode_tables;
COMMIT;
