#!/bin/sh
# Start PostgreSQL through the base image's entrypoint, and begin again when a first start was cut.
#
# The entrypoint takes a data directory with a PG_VERSION file for a finished one. A container
# killed during its first seconds would therefore serve a half-made cluster for ever after. The note
# beside PGDATA stands while the init files run (99-finish-init.sh removes it); found at a start, it
# says that the cluster was never finished, never listened on TCP and holds nobody's data.
set -eu

note="${PGDATA}.unfinished"

# The entrypoint only hands the password on, not where it comes from (see initdb.sh).
if [ "${POSTGRES_PASSWORD_FILE:-}" = /proc/sys/kernel/random/uuid ]; then
  export VELPHARMA_UNKNOWN_PASSWORD=yes
fi

case "${1:-}" in
  postgres | -*)
    if [ -e "$note" ]; then
      echo "start-server: the first start of this volume was interrupted, beginning again"
      [ ! -d "$PGDATA" ] || find "$PGDATA" -mindepth 1 -delete
    elif [ ! -s "$PGDATA/PG_VERSION" ]; then
      # Not writable (a bind mount under `--user`): then a cut first start is not mended.
      touch "$note" 2>/dev/null || true
    fi
    ;;
esac

exec docker-entrypoint.sh "$@"
