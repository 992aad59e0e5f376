#!/bin/sh
# A backup into a new database by `psql -f`: schema, rows in one transaction, statistics.
# Runs inside the container, over its local socket. Arguments: database, backup. Prints seconds.
set -eu
database=$1 backup=$2
began=$(date +%s%N)
createdb -U postgres -T template0 "$database"
psql -qX -v ON_ERROR_STOP=1 -U postgres -d "$database" -o /dev/null \
     -f /tmp/init/01-create-user.sql -f /tmp/init/02-create-schema.sql \
     -f /tmp/init/03-create-extensions.sql
psql -qX -v ON_ERROR_STOP=1 --single-transaction -U velpharma -d "$database" -o /dev/null \
     -f "$backup"
vacuumdb -q --analyze-only --jobs 2 -U postgres -d "$database"
awk "BEGIN { printf \"%.3f\\n\", ($(date +%s%N) - $began) / 1e9 }"
