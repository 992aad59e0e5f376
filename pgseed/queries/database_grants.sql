-- A database's owner, connection limit and grants; no grant rows where nobody ever granted.
SELECT d.datdba::regrole::text AS owner,
       d.datconnlimit AS connection_limit,
       d.datacl IS NOT NULL AS has_grants,
       coalesce((SELECT json_agg(json_build_array(
                     CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
                     a.privilege_type, a.is_grantable))
                   FROM aclexplode(d.datacl) AS a), '[]') AS grants
  FROM pg_database AS d
 WHERE d.datname = %(database)s
