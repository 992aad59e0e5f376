"""A schema with what real ones hold, and rows for it, to load through dumps of every form.

Some tables are large enough to have their indexes built after their rows, the others are not.
"""

from __future__ import annotations

# Written in the form of postgres/init: psql variables, schema owned by the application role.
SCHEMA = r"""
\if :{?schema}
\else
  \set schema vpv4
  \set app_user velpharma
\endif
CREATE SCHEMA :"schema" AUTHORIZATION :"app_user";
SET ROLE :"app_user";
SET search_path TO :"schema";

CREATE TYPE mood AS ENUM ('sad', 'so-so', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN short_text AS text NOT NULL DEFAULT 'none' CHECK (length(VALUE) < 40);
CREATE SEQUENCE loose_sequence INCREMENT 5 MINVALUE 5;

-- Quoted and mixed-case names, keywords, generated and identity columns, every awkward type.
CREATE TABLE "Mixed Case" (
    "Id"         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "select"     text COLLATE "C",
    "ü""quote"   numeric(20,6),
    doubled      numeric GENERATED ALWAYS AS ("ü""quote" * 2) STORED,
    mood         mood DEFAULT 'so-so',
    composite    pair,
    list         text[],
    matrix       int[][],
    document     jsonb,
    raw          bytea,
    span         tstzrange,
    day          date,
    moment       timestamptz DEFAULT now(),
    length       interval,
    ratio        double precision,
    address      inet,
    short        short_text,
    tree_path    xml,
    flag         bit(3)
);
COMMENT ON TABLE "Mixed Case" IS 'it''s; -- a comment';
COMMENT ON COLUMN "Mixed Case"."select" IS 'a keyword';
CREATE INDEX "Mixed Index" ON "Mixed Case" ("select" DESC NULLS LAST) INCLUDE (mood)
    WHERE mood <> 'sad';
CREATE INDEX expression_index ON "Mixed Case" ((lower("select") || 'x'));
ALTER INDEX expression_index ALTER COLUMN 1 SET STATISTICS 321;
COMMENT ON INDEX expression_index IS 'on an expression';
CREATE INDEX document_index ON "Mixed Case" USING gin (document jsonb_path_ops);
CREATE INDEX span_index ON "Mixed Case" USING gist (span);
ALTER TABLE "Mixed Case" ADD CONSTRAINT "no overlap" EXCLUDE USING gist (span WITH &&);
COMMENT ON CONSTRAINT "no overlap" ON "Mixed Case" IS 'spans are apart';
ALTER TABLE "Mixed Case" CLUSTER ON "Mixed Case_pkey";
ALTER TABLE "Mixed Case" ALTER COLUMN document SET STORAGE EXTERNAL;
ALTER TABLE "Mixed Case" SET (fillfactor = 71, autovacuum_vacuum_scale_factor = 0.3);

-- Foreign keys in a circle, to itself, over several columns, MATCH FULL, deferred.
CREATE TABLE team (
    team_id  int PRIMARY KEY,
    name     text NOT NULL,
    lead_id  int NOT NULL,
    note     text,
    CONSTRAINT team_name_key UNIQUE (name) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE person (
    person_id bigserial PRIMARY KEY,
    team_id   int NOT NULL REFERENCES team,
    boss_id   bigint REFERENCES person DEFERRABLE INITIALLY DEFERRED,
    email     varchar(80),
    about     text,
    UNIQUE (person_id, team_id)
);
ALTER TABLE team ADD CONSTRAINT team_lead_fkey FOREIGN KEY (lead_id) REFERENCES person DEFERRABLE;
COMMENT ON CONSTRAINT team_lead_fkey ON team IS 'in a circle';
COMMENT ON CONSTRAINT team_name_key ON team IS 'checked at the end';
COMMENT ON INDEX team_name_key IS 'of a constraint';
-- Expressions that PostgreSQL words in another way once its own words were read again, and a view
-- that needs the primary key.
CREATE INDEX email_index ON person (email) WHERE email IN ('a', 'b') OR length(email) > 3;
CREATE VIEW person_by_key AS
    SELECT p.person_id, p.boss_id, count(*)
      FROM person AS p JOIN team USING (team_id) GROUP BY p.person_id;
CREATE TABLE badge (
    person_id bigint,
    team_id   int,
    serial_no text,
    note      text,
    FOREIGN KEY (person_id, team_id) REFERENCES person (person_id, team_id) MATCH FULL
        ON UPDATE CASCADE ON DELETE SET NULL
);
CREATE UNIQUE INDEX badge_identity ON badge (serial_no);
ALTER TABLE badge ALTER serial_no SET NOT NULL;
ALTER TABLE badge REPLICA IDENTITY USING INDEX badge_identity;
ALTER TABLE person ADD CONSTRAINT unproved CHECK (team_id < 1000) NOT VALID;

-- Partitions, two levels, with a key of their own pointing out and one pointing in.
CREATE TABLE event (
    event_id  bigint NOT NULL,
    at        date NOT NULL,
    person_id bigint REFERENCES person,
    kind      text DEFAULT 'k',
    note      text,
    PRIMARY KEY (event_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
    PARTITION BY RANGE (at);
CREATE TABLE event_2026_q1 PARTITION OF event_2026
    FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE event_2026_rest PARTITION OF event_2026 DEFAULT;
CREATE INDEX event_kind_index ON event (kind);
CREATE INDEX event_2025_index ON event_2025 (person_id);
-- A partition whose foreign key was there before, with a name and a comment of its own; a partition
-- of a referenced table that came after the key.
CREATE TABLE visit (visit_id int, person_id bigint) PARTITION BY RANGE (visit_id);
CREATE TABLE visit_1 (visit_id int, person_id bigint CONSTRAINT visitor REFERENCES person);
COMMENT ON CONSTRAINT visitor ON visit_1 IS 'older than its parent';
ALTER TABLE visit ATTACH PARTITION visit_1 FOR VALUES FROM (0) TO (100);
ALTER TABLE visit ADD CONSTRAINT visit_person_fkey FOREIGN KEY (person_id) REFERENCES person;
CREATE TABLE event_note (
    event_id bigint, at date, note text UNIQUE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (event_id, at) REFERENCES event
);
CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');

-- Inheritance, no key at all, no columns at all, unlogged.
CREATE TABLE ancestor (name text, size int);
CREATE TABLE descendant (extra text) INHERITS (ancestor);
CREATE TABLE nothing_unique (a int, b text);
CREATE TABLE no_columns ();
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY);

-- Rows of the schema's own: one table that dumps bring too, one that they do not.
CREATE TABLE setting (name text PRIMARY KEY, value text);
INSERT INTO setting VALUES ('from the schema', '1');

-- Triggers that would do harm, rules, policies, views.
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a trigger fired during the load'; END $$;
CREATE TRIGGER row_trigger BEFORE INSERT ON team FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TRIGGER always AFTER INSERT ON person FOR EACH STATEMENT EXECUTE FUNCTION shout();
ALTER TABLE person ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON badge FOR EACH STATEMENT EXECUTE FUNCTION shout();
CREATE RULE swallow AS ON INSERT TO nothing_unique WHERE NEW.a = 13 DO INSTEAD NOTHING;
ALTER TABLE team ENABLE ROW LEVEL SECURITY;
ALTER TABLE team FORCE ROW LEVEL SECURITY;
CREATE POLICY only_own ON team USING (team_id = 1);
CREATE VIEW team_size AS SELECT team_id, count(*) AS members FROM person GROUP BY 1;
CREATE MATERIALIZED VIEW team_cache AS SELECT * FROM team_size WITH DATA;
CREATE UNIQUE INDEX team_cache_key ON team_cache (team_id);
CREATE MATERIALIZED VIEW above_team_cache AS SELECT max(members) AS most FROM team_cache WITH DATA;
CREATE MATERIALIZED VIEW never_filled AS SELECT 1 AS one WITH NO DATA;
CREATE STATISTICS person_stats (ndistinct) ON team_id, boss_id FROM person;
ALTER STATISTICS person_stats SET STATISTICS 42;
ALTER TABLE person ALTER COLUMN team_id SET STATISTICS 77;
ALTER TABLE person ALTER COLUMN email SET (n_distinct = -0.5);
GRANT SELECT (email) ON person TO pg_monitor;
RESET search_path;
RESET ROLE;
"""

ROWS = r"""
SET session_replication_role = replica;
SET search_path TO vpv4;
INSERT INTO "Mixed Case" ("select", "ü""quote", mood, composite, list, matrix, document, raw, span,
                          day, moment, length, ratio, address, short, tree_path, flag)
SELECT CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN E'tab\there' WHEN 2 THEN E'line\nbreak; \\. x'
                  WHEN 3 THEN '\.' WHEN 4 THEN '\N' WHEN 5 THEN 'it''s "quoted" ü€𝄞' ELSE '' END,
       CASE WHEN i % 5 > 0 THEN i * 1.000001 END,
       (ARRAY['sad', 'so-so', 'happy', NULL]::mood[])[i % 4 + 1],
       CASE WHEN i % 3 > 0 THEN ROW(i, E'a,"b"\\')::pair END,
       ARRAY['x', NULL, '', E'q"\\', i::text],
       ARRAY[[1, i], [NULL, 4]],
       jsonb_build_object('k', i, 'n', NULL, 't', E'\t'),
       decode(md5(i::text), 'hex'),
       tstzrange('2020-01-01'::timestamptz + i * interval '1 day',
                 '2020-01-01'::timestamptz + i * interval '1 day' + interval '3 hours'),
       CASE i % 4 WHEN 0 THEN 'infinity'::date WHEN 1 THEN '4713-01-01 BC'::date
                  ELSE '2024-02-29'::date END,
       '2024-03-31 01:30:00.123456+02'::timestamptz + i * interval '1 second',
       make_interval(months => i, secs => i / 3.0),
       CASE i % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' WHEN 2 THEN 0.1 + 0.2 ELSE i / 3.0 END,
       '10.0.0.0'::inet + i, 's' || i, ('<a>' || i || repeat('x', 1000) || '</a>')::xml,
       (i % 8)::bit(3)
  FROM generate_series(1, 300) AS i;
ALTER TABLE person DISABLE TRIGGER always;
INSERT INTO person SELECT i, i % 5, nullif(i - 1, 0), 'p' || i || '@x', repeat('about ', 300)
  FROM generate_series(1, 200) AS i;
ALTER TABLE person ENABLE ALWAYS TRIGGER always;
INSERT INTO team SELECT i, 'team ' || i, i + 1, repeat('team ', 15000)
  FROM generate_series(0, 4) AS i;
INSERT INTO badge SELECT i, i % 5, 's' || i, repeat('badge ', 1000)
  FROM generate_series(1, 50) AS i;
INSERT INTO badge VALUES (NULL, NULL, 'nobody''s');
INSERT INTO event SELECT i, '2025-10-01'::date + i, i, CASE i % 3 WHEN 0 THEN 'k' ELSE 'z' END,
       repeat('event ', 600)
  FROM generate_series(1, 200) AS i;
INSERT INTO visit SELECT i, i FROM generate_series(1, 20) AS i;
INSERT INTO event_note SELECT event_id, at, 'note ' || event_id FROM event WHERE event_id % 2 = 0;
INSERT INTO ancestor VALUES ('a', 1);
INSERT INTO descendant VALUES ('d', 2, 'e'), ('d', 2, 'e');
INSERT INTO nothing_unique VALUES (13, 'x'), (1, NULL), (1, NULL), (2, '');
INSERT INTO fleeting SELECT generate_series(1, 10);
INSERT INTO setting VALUES ('from the dump', '2');
SELECT setval('loose_sequence', 25, false);
SELECT setval('person_person_id_seq', 200);
REFRESH MATERIALIZED VIEW team_cache;
REFRESH MATERIALIZED VIEW above_team_cache;
"""
