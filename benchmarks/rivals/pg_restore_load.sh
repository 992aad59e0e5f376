#!/bin/sh
# A directory dump into a new database by `pg_restore -j2`, then statistics. The dump is not
# compressed: nothing is to be unpacked while the clock runs.
# Runs inside the container, over its local socket. Arguments: database, dump. Prints seconds.
set -eu
database=$1 dump=$2
began=$(date +%s%N)
createdb -U postgres -T template0 "$database"
pg_restore -U postgres --jobs 2 --exit-on-error -d "$database" "$dump"
vacuumdb -q --analyze-only --jobs 2 -U postgres -d "$database"
awk "BEGIN { printf \"%.3f\\n\", ($(date +%s%N) - $began) / 1e9 }"
