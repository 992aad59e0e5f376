-- Extensions, and what can exist only with them. Runs after 02-create-schema.sql, as superuser.
-- psql variables (environment variable, default):
--   app_user (VELPHARMA_USER, velpharma), schema (VELPHARMA_SCHEMA, vpv4)
\set ON_ERROR_STOP on
\set QUIET on
\if :{?app_user}
\else
  \set app_user velpharma
  \getenv app_user VELPHARMA_USER
\endif
\if :{?schema}
\else
  \set schema vpv4
  \getenv schema VELPHARMA_SCHEMA
\endif

-- In `public`, where they outlive the schema; owned by the superuser, as extensions must be.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
RESET client_min_messages;

BEGIN;
SET LOCAL ROLE :"app_user";
SET LOCAL search_path TO :"schema", public;

-- unaccent() is only STABLE, because its dictionary could be altered; nobody does that here, and
-- an index needs IMMUTABLE. The body is bound when it is created: no search_path can redirect it.
CREATE FUNCTION search_text(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, value));
COMMENT ON FUNCTION search_text(text) IS
    'Lower case and without accents: finds Übelkeit by "ubelkeit"';

CREATE INDEX products_name_trgm_idx ON products USING gin (search_text(name) gin_trgm_ops);
CREATE INDEX reaction_terms_name_trgm_idx ON reaction_terms USING gin (search_text(name) gin_trgm_ops);
CREATE INDEX reaction_terms_german_name_idx ON reaction_terms (search_text(german_name));
COMMENT ON INDEX products_name_trgm_idx IS
    'Search inside names: WHERE search_text(name) LIKE ''%mepra%''';

COMMIT;

-- A schema file of your own, or a generated one, may have created as superuser. Whatever it left
-- with the superuser goes to the application role, which could not read its own tables otherwise.
SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, :'app_user')
  FROM pg_namespace
 WHERE nspname = :'schema' AND nspowner = current_user::regrole
 UNION ALL
SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, :'app_user')
  FROM pg_class c
 WHERE c.relnamespace = quote_ident(:'schema')::regnamespace
   AND c.relowner = current_user::regrole
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   -- A column's sequence follows its table; an extension's objects stay with it.
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
 UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, :'app_user')
  FROM pg_proc p
 WHERE p.pronamespace = quote_ident(:'schema')::regnamespace
   AND p.proowner = current_user::regrole
   AND p.prokind <> 'a'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 UNION ALL
SELECT format('ALTER TYPE %s OWNER TO %I', t.oid::regtype, :'app_user')
  FROM pg_type t
  LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE t.typnamespace = quote_ident(:'schema')::regnamespace
   AND t.typowner = current_user::regrole
   AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
\gexec
