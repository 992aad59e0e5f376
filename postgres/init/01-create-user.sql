-- The application role: it owns the database, the schema and everything in it, without superuser
-- rights. Safe to repeat: an existing role keeps its password and its settings.
--
-- psql variables, each with the environment variable and the default that stand in for it:
--   app_user      VELPHARMA_USER      velpharma
--   schema        VELPHARMA_SCHEMA    vpv4
-- The password comes from VELPHARMA_PASSWORD, else POSTGRES_PASSWORD, never from an argument.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?app_user}
\else
  \set app_user velpharma
  \getenv app_user VELPHARMA_USER
\endif
\if :{?schema}
\else
  \set schema vpv4
  \getenv schema VELPHARMA_SCHEMA
\endif
\set app_password ''
\getenv app_password POSTGRES_PASSWORD
\getenv app_password VELPHARMA_PASSWORD

-- The password must not reach the log or pg_stat_statements, not even on a slow disk.
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET pg_stat_statements.track_utility = off;

SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :'app_user') AS role_exists \gset
\if :role_exists
\else
  BEGIN;
  SELECT format('CREATE ROLE %I LOGIN', :'app_user') \gexec
  -- An empty password would be one that never matches; without any (trust) the role has none.
  SELECT format('ALTER ROLE %I PASSWORD %L', :'app_user', :'app_password')
   WHERE :'app_password' <> '' \gexec
  -- Tables are found without naming the schema, in psql and in every client.
  ALTER ROLE :"app_user" SET search_path = :"schema", public;
  -- `vpdb monitor` and developers see what other sessions do, and may end a stuck one.
  GRANT pg_monitor, pg_signal_backend TO :"app_user";
  COMMIT;
\endif

-- So that the role itself can switch bulk mode (data/optimize-for-bulk-insert.sql notes it so).
GRANT SET ON PARAMETER velpharma.bulk_mode TO :"app_user";

-- The owner may create what it likes in its own database; the server's own ones stay alone.
SELECT format('ALTER DATABASE %I OWNER TO %I', current_database(), :'app_user')
 WHERE current_database() NOT IN ('postgres', 'template0', 'template1') \gexec

RESET log_min_duration_statement;
RESET log_min_error_statement;
RESET pg_stat_statements.track_utility;
