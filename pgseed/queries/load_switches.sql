-- What would act on rows that come into the tables `filled`, though it must not: the statements that
-- switch it off, and on again as it was.
WITH filled AS (
    SELECT c.oid, format('%%I.%%I', n.nspname, c.relname) AS name, c.relforcerowsecurity
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.oid = ANY (%(filled)s::oid[])
), enabled (state, words) AS (
    VALUES ('O', 'ENABLE'), ('R', 'ENABLE REPLICA'), ('A', 'ENABLE ALWAYS')
)
-- Event triggers first: they would act on all that follows. Those of another role, as a server's
-- provider has some, are left to act as on any statement.
SELECT 1 AS place,
       format('ALTER EVENT TRIGGER %%I DISABLE', e.evtname) AS off,
       format('ALTER EVENT TRIGGER %%I %%s', e.evtname, s.words) AS on_again
  FROM pg_event_trigger AS e
  JOIN enabled AS s ON s.state = e.evtenabled
 WHERE pg_has_role(e.evtowner, 'USAGE')
UNION ALL
-- Bits 4 and 32 of tgtype: fires on INSERT, on TRUNCATE.
SELECT 2,
       format('ALTER TABLE ONLY %%s DISABLE TRIGGER %%I', f.name, t.tgname),
       format('ALTER TABLE ONLY %%s %%s TRIGGER %%I', f.name, s.words, t.tgname)
  FROM filled AS f
  JOIN pg_trigger AS t ON t.tgrelid = f.oid AND NOT t.tgisinternal AND t.tgtype & 36 <> 0
  JOIN enabled AS s ON s.state = t.tgenabled
UNION ALL
-- Event 3 is INSERT; COPY heeds no rule.
SELECT 2,
       format('ALTER TABLE %%s DISABLE RULE %%I', f.name, w.rulename),
       format('ALTER TABLE %%s %%s RULE %%I', f.name, s.words, w.rulename)
  FROM filled AS f
  JOIN pg_rewrite AS w ON w.ev_class = f.oid AND w.ev_type = '3'
  JOIN enabled AS s ON s.state = w.ev_enabled
UNION ALL
-- The owner alone passes policies, unless they are forced on it too.
SELECT 2,
       format('ALTER TABLE %%s NO FORCE ROW LEVEL SECURITY', f.name),
       format('ALTER TABLE %%s FORCE ROW LEVEL SECURITY', f.name)
  FROM filled AS f
 WHERE f.relforcerowsecurity
UNION ALL
-- Who switched all triggers of a table off meant those of its foreign keys too, which come back on.
SELECT 3, '', format('ALTER TABLE ONLY %%I.%%I DISABLE TRIGGER ALL', n.nspname, c.relname)
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_trigger AS t ON t.tgrelid = c.oid
 WHERE n.nspname !~ '^pg_(catalog$|toast|temp_)'
 GROUP BY n.nspname, c.relname
HAVING bool_and(t.tgenabled = 'D') AND bool_or(t.tgisinternal)
 ORDER BY place
