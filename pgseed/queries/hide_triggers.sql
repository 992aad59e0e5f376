-- Inside the transaction that fills these tables: no trigger fires, and TRUNCATE sees no foreign key.
UPDATE pg_class SET relhastriggers = false WHERE oid = ANY (%(tables)s::oid[]) AND relhastriggers
