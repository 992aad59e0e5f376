#!/bin/sh
# Mark a new cluster as the property of one stack, so that resets and swaps can refuse any other.
# Runs once, on an empty volume; without VELPHARMA_STACK (plain `docker run`) there is no mark.
#
# The mark is a file in the cluster's data directory, so it lives and dies with the data, and
# `docker cp` reads it without starting a process in the container. Its password belongs to the role
# `vpdb`, which the command line and the Pulumi program use. It never leaves this machine and never
# changes, so a developer's changed password locks nobody out.
set -eu

if [ -n "${VELPHARMA_STACK:-}" ]; then
  mark="$PGDATA/vpdb-server.json"
  umask 077
  psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -v stack="$VELPHARMA_STACK" -v mark="$mark" \
       --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
-- Not even a slow disk may bring the password into the log or pg_stat_statements.
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET pg_stat_statements.track_utility = off;
-- The usual 4,096 rounds make guessing slow. Nobody guesses this password, and every session that a
-- command opens would pay for them (6 of 13 ms).
SET scram_iterations = 1;

BEGIN;
-- Two random UUIDs hold 244 random bits; gen_random_uuid() draws them from the system's
-- cryptographic source.
CREATE TEMPORARY TABLE mark AS
SELECT :'stack' AS stack,
       gen_random_uuid() AS server_id,
       replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '') AS admin_password;

SELECT format('CREATE ROLE vpdb SUPERUSER LOGIN PASSWORD %L', admin_password)
  FROM mark \gexec
COMMENT ON ROLE vpdb IS 'Administrator for this project''s own commands';

SELECT row_to_json(mark) FROM mark \g :mark
DROP TABLE mark;
COMMIT;
SQL
  sync "$mark"
fi
