-- ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET of one database, for another one, as they
-- are stored: rebuilding such statements from text goes wrong for values that are lists.
-- Bulk mode ends with the database it was switched on in: its note stays behind, and
-- synchronous_commit is again what the note says it was.
WITH note AS (
    SELECT substr(setting, length('velpharma.bulk_mode=') + 1)::jsonb AS before
      FROM pg_db_role_setting AS s
      JOIN pg_database AS o ON o.oid = s.setdatabase AND o.datname = %(old)s
     CROSS JOIN unnest(s.setconfig) AS setting
     WHERE s.setrole = 0 AND starts_with(setting, 'velpharma.bulk_mode=')
), own AS (
    SELECT s.setrole,
           CASE WHEN s.setrole <> 0 OR note.before IS NULL THEN s.setconfig
                ELSE ARRAY(SELECT setting
                             FROM unnest(s.setconfig) WITH ORDINALITY AS u (setting, place)
                            WHERE NOT starts_with(setting, 'velpharma.bulk_mode=')
                              AND NOT starts_with(setting, 'synchronous_commit=')
                            ORDER BY place)
                     || ARRAY(SELECT 'synchronous_commit=' || (note.before ->> 'synchronous_commit')
                               WHERE note.before ->> 'synchronous_commit' IS NOT NULL)
           END AS setconfig
      FROM pg_db_role_setting AS s
      JOIN pg_database AS o ON o.oid = s.setdatabase AND o.datname = %(old)s
      LEFT JOIN note ON true
)
INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT n.oid, own.setrole, own.setconfig
  FROM own
  JOIN pg_database AS n ON n.datname = %(new)s
 WHERE cardinality(own.setconfig) > 0
   AND NOT EXISTS (SELECT FROM pg_db_role_setting AS x
                    WHERE x.setdatabase = n.oid AND x.setrole = own.setrole)
