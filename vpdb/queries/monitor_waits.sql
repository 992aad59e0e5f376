-- What each waiting session waits for, in words: `AccessExclusiveLock on vpv4.products`.
-- A relation has a name only inside its own database.
SELECT l.pid,
       l.mode,
       CASE
           WHEN l.locktype = 'relation' AND c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname)
           WHEN l.locktype = 'tuple' AND c.oid IS NOT NULL THEN format('a row of %I.%I', n.nspname, c.relname)
           WHEN l.locktype = 'transactionid' THEN 'a row another transaction changed'
           WHEN l.locktype = 'advisory' THEN 'an advisory lock'
           ELSE l.locktype
       END AS target
FROM pg_locks AS l
LEFT JOIN pg_database AS d ON d.oid = l.database
LEFT JOIN pg_class AS c ON c.oid = l.relation AND d.datname = current_database()
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT l.granted
