-- Everybody but the owner who has a right to a database, as REVOKE names them; PUBLIC in any case.
SELECT 'PUBLIC'
 UNION
SELECT quote_ident(r.rolname)
  FROM pg_database AS d
 CROSS JOIN LATERAL aclexplode(d.datacl) AS a
  JOIN pg_roles AS r ON r.oid = a.grantee
 WHERE d.datname = %(database)s AND a.grantee <> d.datdba
