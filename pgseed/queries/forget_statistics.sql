-- Take away what is known of these tables' rows: ANALYZE leaves it where a table is empty now.
WITH single AS (DELETE FROM pg_statistic WHERE starelid = ANY (%(tables)s::oid[]))
DELETE FROM pg_statistic_ext_data AS d
 USING pg_statistic_ext AS s
 WHERE s.oid = d.stxoid AND s.stxrelid = ANY (%(tables)s::oid[])
