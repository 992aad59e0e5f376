-- The one transaction of a dump. Gives the database's oid, which it keeps under every name, and the
-- name of the snapshot, for others to join.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- What the text of a value depends on.
SELECT pg_catalog.set_config('search_path', '', true);
SET LOCAL client_encoding = 'UTF8';
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 3;
SET LOCAL bytea_output = 'hex';
SET LOCAL xmloption = 'content';
SET LOCAL standard_conforming_strings = on;
SET LOCAL quote_all_identifiers = off;
SET LOCAL row_security = off;

-- What only costs time.
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';

SELECT oid, pg_export_snapshot() FROM pg_database WHERE datname = current_database();
