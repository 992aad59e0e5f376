-- The directories that databases of the default tablespace live in, by their number.
SELECT name::int8 FROM pg_ls_dir('base') AS name WHERE name ~ '^[0-9]+$'
