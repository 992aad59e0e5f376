-- No entries are made in the indexes of these tables until REINDEX has built them.
UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid = ANY (%(tables)s::oid[])
