-- ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET of a database, as they are stored.
SELECT CASE s.setrole WHEN 0 THEN '' ELSE s.setrole::regrole::text END AS role,
       s.setconfig AS settings
  FROM pg_db_role_setting AS s
  JOIN pg_database AS d ON d.oid = s.setdatabase
 WHERE d.datname = %(database)s
 ORDER BY s.setrole
