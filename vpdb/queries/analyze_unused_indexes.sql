-- Indexes never scanned since the counters began, that keep no constraint, the largest first.
SELECT format('%%I.%%I', s.schemaname, s.indexrelname) AS name,
       format('%%I.%%I', s.schemaname, s.relname) AS table_name,
       pg_relation_size(s.indexrelid) AS bytes
FROM pg_stat_user_indexes AS s
JOIN pg_index AS i USING (indexrelid)
WHERE s.schemaname = %(schema)s
  AND s.idx_scan = 0
  AND NOT i.indisunique
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = s.indexrelid)
ORDER BY 3 DESC, 1
