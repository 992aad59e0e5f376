#!/bin/sh
# A fresh database the way a page of shell commands gives it: image, container, wait, psql.
#
# By environment: NAME (container, volume and image), PORT, CONTEXT (folder of the Dockerfile),
# BACKUP (data-only dump), VOLUME (the volume NAME as `docker run --mount` wants it), and where the
# Dockerfile's own base image is not to be used, VELPHARMA_BASE_IMAGE.
# The image's init files make role, schema and extensions.
set -eu

# The old container goes while the (cached) image is checked.
docker build --quiet --tag "$NAME" \
    ${VELPHARMA_BASE_IMAGE:+--build-arg "BASE_IMAGE=$VELPHARMA_BASE_IMAGE"} "$CONTEXT" >/dev/null &
docker rm --force "$NAME" >/dev/null 2>&1 || true
docker volume rm --force "$NAME" >/dev/null
wait $!

docker run --detach --name "$NAME" --publish "127.0.0.1:$PORT:5432" --shm-size 256m \
    --env POSTGRES_PASSWORD=velpharma \
    --mount "$VOLUME,target=/var/lib/postgresql/data" \
    --volume "$BACKUP:/backup.sql:ro" "$NAME" >/dev/null

# One `docker exec` for all of it: each costs a tenth of a second. One transaction for the rows,
# one commit; statistics on both cores.
docker exec "$NAME" sh -euc '
    until pg_isready -q -h 127.0.0.1; do sleep 0.02; done
    psql -qX -v ON_ERROR_STOP=1 --single-transaction -U velpharma -d velpdevdb \
         -o /dev/null -f /backup.sql
    vacuumdb -q --analyze-only --jobs 2 -U postgres -d velpdevdb
'
