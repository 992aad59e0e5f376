-- One row on server, role and live database; run in the maintenance database.
SELECT current_setting('server_version_num')::int AS version,
       current_setting('autovacuum')::boolean AS autovacuum,
       r.oid IS NOT NULL AS role_exists,
       coalesce(r.rolsuper, false) AS role_is_superuser,
       d.oid IS NOT NULL AS live_exists,
       coalesce(d.datdba = r.oid, false) AS role_owns_database
FROM (SELECT) AS one
LEFT JOIN pg_roles AS r ON r.rolname = %(role)s
LEFT JOIN pg_database AS d ON d.datname = %(database)s
