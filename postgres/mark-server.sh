#!/bin/sh
# Mark a new cluster as the property of one stack, so that resets and swaps can refuse any other.
# Runs once, on an empty volume; without VELPHARMA_STACK (plain `docker run`) there is no mark.
#
# The row's password belongs to the role `vpdb`, which the command line and the Pulumi program
# use; they read it over the container's own socket. It never leaves this machine and never changes,
# so a developer's changed password locks nobody out.
set -eu

if [ -n "${VELPHARMA_STACK:-}" ]; then
  psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -v stack="$VELPHARMA_STACK" \
       --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
-- Not even a slow disk may bring the password into the log or pg_stat_statements.
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET pg_stat_statements.track_utility = off;

BEGIN;
CREATE SCHEMA vpdb;
CREATE TABLE vpdb.server (
    stack          text NOT NULL,
    server_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    admin_password text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX server_one_row ON vpdb.server ((true));
REVOKE ALL ON SCHEMA vpdb FROM PUBLIC;
REVOKE ALL ON vpdb.server FROM PUBLIC;
COMMENT ON TABLE vpdb.server IS
    'The stack that created this cluster, and the password of its administrator role';

-- Two random UUIDs hold 244 random bits; gen_random_uuid() draws them from the system's
-- cryptographic source.
INSERT INTO vpdb.server (stack, admin_password)
VALUES (:'stack', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

SELECT format('CREATE ROLE vpdb SUPERUSER LOGIN PASSWORD %L', admin_password)
  FROM vpdb.server \gexec
COMMENT ON ROLE vpdb IS 'Administrator for this project''s own commands';
COMMIT;
SQL
fi
