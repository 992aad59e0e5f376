-- A psql script: what there is to know of a server before pg_dump is let at it, as one JSON object.
SELECT json_build_object(
    'version', current_setting('server_version_num')::int,
    'read_only', current_setting('transaction_read_only')::boolean,
    'encrypted', (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
    'schema_exists', EXISTS (SELECT FROM pg_namespace WHERE nspname = :'schema'),
    'may_use_schema', coalesce((SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = :'schema'), false),
    'unreadable', (SELECT coalesce(json_agg(c.relname ORDER BY c.relname), '[]')
                     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = :'schema' AND c.relkind IN ('r', 'p')
                      AND NOT has_table_privilege(c.oid, 'SELECT'))
);
