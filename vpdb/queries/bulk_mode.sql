-- What data/optimize-for-bulk-insert.sql noted in a database's own settings while bulk mode is on,
-- and whether a release is under way on this server.
SELECT substr(setting, length('velpharma.bulk_mode=') + 1) AS note,
       EXISTS (SELECT
                 FROM pg_locks
                WHERE locktype = 'advisory'
                  AND granted
                  AND classid = 0
                  AND objid = %(release_key)s
                  AND database = (SELECT oid FROM pg_database WHERE datname = %(lock_database)s)
              ) AS release_runs
  FROM pg_db_role_setting AS s
  JOIN pg_database AS d ON d.oid = s.setdatabase
 CROSS JOIN unnest(s.setconfig) AS setting
 WHERE d.datname = %(database)s
   AND s.setrole = 0
   AND starts_with(setting, 'velpharma.bulk_mode=')
