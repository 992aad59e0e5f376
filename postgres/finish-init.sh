#!/bin/sh
# Last of the init files: say that the cluster is complete (see start-server.sh).
set -eu
note="${PGDATA}.unfinished"
rm -f "$note"
# On the disk at once: a power cut must not bring the note back over a cluster in use.
sync "$(dirname "$note")"
