-- Every object that users or schema files made in this database: kind, name, definition.
-- Definitions are texts without object ids, so two databases made alike give equal rows. Sequences
-- come without their current value. Members of extensions stand for themselves as the extension.
WITH own_schema AS (
    SELECT oid, nspname
      FROM pg_namespace
     WHERE nspname !~ '^pg_(catalog$|toast|temp_)' AND nspname <> 'information_schema'
), member AS (
    SELECT classid, objid
      FROM pg_depend
     WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
), relation AS (
    SELECT c.*, format('%I.%I', s.nspname, c.relname) AS name
      FROM pg_class AS c
      JOIN own_schema AS s ON s.oid = c.relnamespace
     WHERE NOT EXISTS (SELECT FROM member AS m
                        WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
), function AS (
    SELECT p.*, format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name
      FROM pg_proc AS p
      JOIN own_schema AS s ON s.oid = p.pronamespace
     WHERE NOT EXISTS (SELECT FROM member AS m
                        WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
), type AS (
    SELECT t.*, format('%I.%I', s.nspname, t.typname) AS name
      FROM pg_type AS t
      JOIN own_schema AS s ON s.oid = t.typnamespace
     WHERE t.typtype IN ('b', 'd', 'e', 'r')
       AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)
       AND NOT EXISTS (SELECT FROM member AS m
                        WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)
)
SELECT 'schema' AS kind, format('%I', s.nspname) AS name,
       json_build_array(n.nspowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
              FROM unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a),
           obj_description(n.oid, 'pg_namespace'))::text AS definition
  FROM own_schema AS s
  JOIN pg_namespace AS n USING (oid)
UNION ALL
SELECT 'extension', format('%I', e.extname),
       json_build_array(e.extnamespace::regnamespace, e.extversion)::text
  FROM pg_extension AS e
UNION ALL
SELECT CASE r.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
                      WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                      WHEN 'f' THEN 'foreign table' ELSE 'type' END,
       r.name,
       json_build_array(r.relkind, r.relpersistence, r.relowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
              FROM unnest(coalesce(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
                                                        r.relowner))) AS a),
           r.relrowsecurity, r.relforcerowsecurity, r.relreplident, r.relispopulated,
           (SELECT spcname FROM pg_tablespace AS t WHERE t.oid = r.reltablespace),
           (SELECT amname FROM pg_am AS m WHERE m.oid = r.relam),
           (SELECT array_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
              FROM pg_inherits AS i WHERE i.inhrelid = r.oid),
           pg_get_expr(r.relpartbound, r.oid), pg_get_partkeydef(r.oid),
           CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END,
           CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END,
           (SELECT json_build_array(q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmax, q.seqmin,
                                    q.seqcache, q.seqcycle)
              FROM pg_sequence AS q WHERE q.seqrelid = r.oid),
           (SELECT json_build_array(d.refobjid::regclass, a.attname)
              FROM pg_depend AS d
              JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE r.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = r.oid
               AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
           (SELECT json_build_array(v.srvname, f.ftoptions)
              FROM pg_foreign_table AS f JOIN pg_foreign_server AS v ON v.oid = f.ftserver
             WHERE f.ftrelid = r.oid),
           (SELECT array_agg(t.tgconstraint::int8 <> 0 ORDER BY t.tgname)
              FROM pg_trigger AS t WHERE t.tgrelid = r.oid AND t.tgisinternal AND t.tgenabled <> 'O'),
           obj_description(r.oid, 'pg_class'))::text
  FROM relation AS r
 WHERE r.relkind NOT IN ('i', 'I', 't')
UNION ALL
SELECT 'option', format('%s.%s%s', r.name, o.prefix, split_part(o.setting, '=', 1)), o.setting
  FROM relation AS r,
       LATERAL (SELECT '' AS prefix, unnest(r.reloptions) AS setting
                UNION ALL
                SELECT 'toast.', unnest(t.reloptions) FROM pg_class AS t WHERE t.oid = r.reltoastrelid) AS o
UNION ALL
SELECT 'column', format('%s.%I', r.name, a.attname),
       json_build_array(
           -- The number itself, not the place: a column that was dropped and added again with a
           -- default has another one, while no row was written
           CASE WHEN r.relkind NOT IN ('i', 'I') THEN a.attnum END,
           format_type(a.atttypid, a.atttypmod),
           (SELECT c.collname FROM pg_collation AS c WHERE c.oid = a.attcollation),
           a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage,
           a.attcompression, to_jsonb(a) -> 'attstattarget',
           -- PostgreSQL's own mark of when a column got its type: another one in every database
           (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg_attver=%'),
           a.attfdwoptions,
           (SELECT array_agg(x::text ORDER BY x::text COLLATE "C") FROM unnest(a.attacl) AS x),
           a.attislocal, a.attinhcount, col_description(a.attrelid, a.attnum))::text
  FROM relation AS r
  JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE r.relkind NOT IN ('S', 't')
   AND (r.relkind NOT IN ('i', 'I') OR (to_jsonb(a) ->> 'attstattarget')::int >= 0)
UNION ALL
SELECT 'constraint',
       format('%s.%I', coalesce(r.name, t.name, 'none'), c.conname),
       json_build_array(c.contype, pg_get_constraintdef(c.oid), c.condeferrable, c.condeferred,
           c.convalidated, c.conislocal, c.coninhcount, c.connoinherit,
           obj_description(c.oid, 'pg_constraint'))::text
  FROM pg_constraint AS c
  LEFT JOIN relation AS r ON r.oid = c.conrelid
  LEFT JOIN type AS t ON t.oid = c.contypid
 WHERE (r.oid IS NOT NULL OR t.oid IS NOT NULL)
   -- A key into a partitioned table has a part for each partition, numbered as they were made.
   AND NOT EXISTS (SELECT FROM pg_constraint AS p WHERE p.oid = c.conparentid AND p.conrelid = c.conrelid)
UNION ALL
SELECT 'index', r.name,
       json_build_array(pg_get_indexdef(r.oid), r.relowner::regrole, i.indisclustered, i.indisreplident,
           i.indisvalid, i.indisready, i.indislive, i.indimmediate,
           (SELECT spcname FROM pg_tablespace AS t WHERE t.oid = r.reltablespace),
           (SELECT p.inhparent::regclass FROM pg_inherits AS p WHERE p.inhrelid = r.oid),
           obj_description(r.oid, 'pg_class'))::text
  FROM relation AS r
  JOIN pg_index AS i ON i.indexrelid = r.oid
UNION ALL
SELECT 'trigger', format('%s.%I', r.name, t.tgname),
       json_build_array(pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))::text
  FROM pg_trigger AS t
  JOIN relation AS r ON r.oid = t.tgrelid
 WHERE NOT t.tgisinternal
UNION ALL
SELECT 'rule', format('%s.%I', r.name, w.rulename),
       json_build_array(pg_get_ruledef(w.oid), w.ev_enabled, obj_description(w.oid, 'pg_rewrite'))::text
  FROM pg_rewrite AS w
  JOIN relation AS r ON r.oid = w.ev_class
 WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', format('%s.%I', r.name, p.polname),
       json_build_array(p.polcmd, p.polpermissive,
           (SELECT array_agg(x::regrole::text ORDER BY 1) FROM unnest(p.polroles) AS x),
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
           obj_description(p.oid, 'pg_policy'))::text
  FROM pg_policy AS p
  JOIN relation AS r ON r.oid = p.polrelid
UNION ALL
SELECT 'statistics', format('%I.%I', s.nspname, x.stxname),
       json_build_array(pg_get_statisticsobjdef(x.oid), x.stxowner::regrole,
           to_jsonb(x) -> 'stxstattarget', obj_description(x.oid, 'pg_statistic_ext'))::text
  FROM pg_statistic_ext AS x
  JOIN own_schema AS s ON s.oid = x.stxnamespace
UNION ALL
SELECT 'function', f.name,
       json_build_array(
           CASE WHEN f.prokind <> 'a' THEN pg_get_functiondef(f.oid)
                ELSE (SELECT json_build_array(g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn,
                                              g.aggsortop::regoperator, g.aggtranstype::regtype,
                                              g.agginitval)::text
                        FROM pg_aggregate AS g WHERE g.aggfnoid = f.oid) END,
           f.proowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
              FROM unnest(coalesce(f.proacl, acldefault('f', f.proowner))) AS a),
           obj_description(f.oid, 'pg_proc'))::text
  FROM function AS f
UNION ALL
SELECT 'type', t.name,
       json_build_array(t.typtype, t.typowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
              FROM unnest(coalesce(t.typacl, acldefault('T', t.typowner))) AS a),
           (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
           CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
           t.typnotnull, t.typdefault,
           (SELECT c.collname FROM pg_collation AS c WHERE c.oid = t.typcollation),
           (SELECT json_build_array(g.rngsubtype::regtype, g.rngcanonical, g.rngsubdiff)
              FROM pg_range AS g WHERE g.rngtypid = t.oid),
           obj_description(t.oid, 'pg_type'))::text
  FROM type AS t
UNION ALL
SELECT 'event trigger', format('%I', e.evtname),
       json_build_array(e.evtevent, e.evtenabled, e.evttags, e.evtfoid::regprocedure)::text
  FROM pg_event_trigger AS e
UNION ALL
SELECT 'default privileges', format('%s %s %s', d.defaclrole::regrole, nullif(d.defaclnamespace, 0)::regnamespace,
                                    d.defaclobjtype),
       (SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE "C") FROM unnest(d.defaclacl) AS a)
  FROM pg_default_acl AS d
UNION ALL
SELECT 'large object', l.oid::text, l.lomowner::regrole::text
  FROM pg_largeobject_metadata AS l
UNION ALL
-- The rarer kinds by their name alone; 16384 is the first id that is not PostgreSQL's own.
SELECT o.type, o.identity, ''
  FROM (SELECT 'pg_operator'::regclass AS classid, oid FROM pg_operator
        UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
        UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
        UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation
        UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion
        UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
        UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
        UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
        UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
        UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language
        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
        UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
        UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
        UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform) AS x,
       LATERAL pg_identify_object(x.classid, x.oid, 0) AS o
 WHERE x.oid >= 16384
   AND NOT EXISTS (SELECT FROM member AS m WHERE m.classid = x.classid AND m.objid = x.oid)
