#!/usr/bin/env bash
# Prepare an empty data directory and start PostgreSQL, by the contract of the official image
# (https://hub.docker.com/_/postgres):
#
#   POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB, POSTGRES_INITDB_ARGS, each also as <name>_FILE
#   POSTGRES_HOST_AUTH_METHOD, POSTGRES_INITDB_WALDIR, PGDATA
#   /docker-entrypoint-initdb.d: *.sh, *.sql, *.sql.gz, *.sql.xz, *.sql.zst, in the order of their names
#
# All of that acts on an empty data directory only. Arguments that begin with "-" go to postgres.
set -Eeo pipefail

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Set a variable from <name>_FILE, a secret mounted as a file, or to a default.
from_file() {
    local name=$1 file_name=$1_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
        die "failed to read $name: both $name and $file_name are set. Set one of them."
    fi
    if [ -n "${!file_name:-}" ]; then
        [ -r "${!file_name}" ] || die "failed to read $file_name: ${!file_name} cannot be read. Mount it."
        export "$name=$(<"${!file_name}")"
    elif [ -z "${!name:-}" ]; then
        export "$name=${2:-}"
    fi
    unset "$file_name"
}

# Whether the arguments ask for a print-out (--help, --version …), for which no cluster is needed.
only_prints() {
    local argument
    for argument; do
        case $argument in
            -'?' | --help | --describe-config | -V | --version) return 0 ;;
        esac
    done
    return 1
}

make_directories() {
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 00700 "$PGDATA" || :
    chmod 03775 /var/run/postgresql || :
    if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then
        mkdir -p "$POSTGRES_INITDB_WALDIR"
        chmod 700 "$POSTGRES_INITDB_WALDIR"
    fi
    if [ "$(id -u)" = 0 ]; then
        find "$PGDATA" ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"} /var/run/postgresql \
            ! -user postgres -exec chown postgres '{}' +
    fi
}

check_environment() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        die "failed to prepare the database: no password for its superuser is given." \
            "Set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust to let everyone in."
    fi
    if [ "${POSTGRES_HOST_AUTH_METHOD:-}" = trust ]; then
        say "warning: POSTGRES_HOST_AUTH_METHOD=trust lets everyone in without a password." >&2
    fi
}

make_cluster() {
    local arguments=() method
    # The variable holds words, as on a command line.
    eval "arguments=(${POSTGRES_INITDB_ARGS:-})"
    [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || arguments+=(--waldir "$POSTGRES_INITDB_WALDIR")
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${arguments[@]}"

    # Whoever comes through the published port comes from another host.
    method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "${@:2}")}
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

# The server that runs the init files listens on the socket only: nobody sees a half-made database.
start_private_server() {
    set -- "${@:2}" -c listen_addresses='' -p "${PGPORT:-5432}"
    PGUSER="${PGUSER:-$POSTGRES_USER}" pg_ctl -D "$PGDATA" -o "$(printf '%q ' "$@")" -w start
}

stop_private_server() { PGUSER="${PGUSER:-$POSTGRES_USER}" pg_ctl -D "$PGDATA" -m fast -w stop; }

run_sql() {
    PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password \
        --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "$@"
}

make_database() {
    if [ "$POSTGRES_DB" != postgres ]; then
        createdb --no-password --username "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"
    fi
}

run_init_files() {
    local file
    for file; do
        case $file in
            *.sh)
                if [ -x "$file" ]; then
                    say "running $file"
                    "$file"
                else
                    say "sourcing $file"
                    # shellcheck source=/dev/null
                    . "$file"
                fi
                ;;
            *.sql)     say "running $file"; run_sql -f "$file" ;;
            *.sql.gz)  say "running $file"; gunzip -c "$file" | run_sql ;;
            *.sql.xz)  say "running $file"; xzcat "$file" | run_sql ;;
            *.sql.zst) say "running $file"; zstd -dc "$file" | run_sql ;;
            *)         say "ignoring $file" ;;
        esac
    done
}

main() {
    [ "${1:0:1}" != - ] || set -- postgres "$@"
    if [ "${1:-}" != postgres ] || only_prints "${@:2}"; then
        exec "$@"
    fi

    make_directories
    if [ "$(id -u)" = 0 ]; then
        exec gosu postgres "${BASH_SOURCE[0]}" "$@"
    fi

    if [ -s "$PGDATA/PG_VERSION" ]; then
        say "the data directory holds a database; the init files are not run"
        exec "$@"
    fi

    # A stop that comes now ends the preparation; bash alone would wait it out and then start the server.
    trap 'exit 130' INT TERM
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    check_environment
    make_cluster "$@"
    export PGPASSWORD=$POSTGRES_PASSWORD
    start_private_server "$@"
    make_database
    local files=(/docker-entrypoint-initdb.d/*)
    [ ! -e "${files[0]}" ] || run_init_files "${files[@]}"
    stop_private_server
    unset PGPASSWORD
    say "PostgreSQL init process complete; ready for start up."
    exec "$@"
}

main "$@"
