-- Temporary tables that do not fit into temp_buffers are written to disk and read again; it cannot
-- be changed any more once the session has used one.
SELECT set_config('temp_buffers', '64MB', true) WHERE pg_my_temp_schema() = 0;
-- The catalog prints the expressions of constraints relative to the search path.
SET LOCAL search_path TO {schema}, public;
SET LOCAL datestyle TO 'ISO, YMD';
SET LOCAL work_mem TO '64MB';
SET LOCAL default_statistics_target TO 10;
SET LOCAL lock_timeout TO %s;
-- Readers go on reading; another writer could make the judgement of a row, or the row that it
-- refers to, untrue.
LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE;
SET CONSTRAINTS ALL DEFERRED
