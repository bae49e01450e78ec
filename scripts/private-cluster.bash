# Sourced by demo and bench: a PostgreSQL server of their own, on a unix socket that nobody else may enter.
#
# Root lends the server an unprivileged user, because initdb and postgres refuse to run as root.
# Needs $work, a folder of the caller's; afterwards PGHOST, PGPORT and PGUSER lead to the server, and its programs are
# first on the PATH.

# Sets `work` to a new folder. The way to a socket is limited to 107 bytes, so it has to be short.
make_work_folder() { # NAME
    work=$(mktemp -d "${TMPDIR:-/tmp}/$1-XXXXXX")
    chmod 0711 "$work" # the server's user has to pass through it
    mkdir -m 0700 "$work/server"
    cluster_user=$(id -un)
    if [ "$(id -u)" -eq 0 ]; then
        cluster_user=
        local candidate
        for candidate in postgres nobody; do
            if id -u "$candidate" >/dev/null 2>&1; then cluster_user=$candidate && break; fi
        done
        [ -n "$cluster_user" ] || { echo "there is neither a user postgres nor nobody to run a server as" >&2; return 1; }
        chown "$cluster_user" "$work/server"
    fi
}

# The folder with the server programs of this major version; without one, of the newest on this machine.
find_server() { # [MAJOR]
    local bin major best=0
    for bin in /usr/lib/postgresql/*/bin; do
        major=${bin#/usr/lib/postgresql/}
        major=${major%/bin}
        [[ $major =~ ^[0-9]+$ && -x $bin/initdb && -x $bin/pg_ctl ]] || continue
        if [ "$major" = "${1:-}" ] || { [ -z "${1:-}" ] && ((major > best)); }; then
            best=$major
            server_bin=$bin
        fi
    done
    ((best > 0))
}

# Runs a server program as the cluster's user, with nothing of the caller's environment that could change what it does.
as_server() {
    local lend=()
    if [ "$(id -u)" -eq 0 ]; then
        lend=(setpriv --reuid="$cluster_user" --regid="$(id -g "$cluster_user")" --clear-groups)
    fi
    (cd "$work/server" && "${lend[@]}" env -i HOME="$work/server" PATH="$server_bin:/usr/bin:/bin" LC_ALL=C \
        ${server_libraries:+LD_LIBRARY_PATH="$server_libraries"} "$@")
}

make_cluster() { # DATA_DIRECTORY
    as_server "$server_bin/initdb" --pgdata="$1" --username=postgres --auth=trust --encoding=UTF8 --locale=C \
        >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; return 1; }
}

start_cluster() { # DATA_DIRECTORY [SETTING=VALUE]...
    local options="-c listen_addresses='' -c unix_socket_directories='$work/server' -c port=5432" setting
    for setting in "${@:2}"; do options+=" -c $setting"; done
    cluster_data=$1
    if ! as_server "$server_bin/pg_ctl" start --silent --wait --pgdata="$1" --log="$work/server/log" \
        --options="$options" >"$work/start.log" 2>&1; then
        cat "$work/start.log" "$work/server/log" >&2
        return 1
    fi
    # Settings of the caller's that would lead elsewhere.
    unset PGHOSTADDR PGSERVICE PGDATABASE PGPASSWORD PGOPTIONS
    export PGHOST=$work/server PGPORT=5432 PGUSER=${cluster_superuser:-postgres} PATH=$server_bin:$PATH
}

# Succeeds as well when nothing runs.
stop_cluster() { # [MODE]
    [ -n "${cluster_data:-}" ] && [ -e "$cluster_data/postmaster.pid" ] || return 0
    as_server "$server_bin/pg_ctl" stop --silent --wait --mode="${1:-fast}" --timeout=300 --pgdata="$cluster_data" >/dev/null
}

# Cargo where rustup puts it, for shells that did not read its environment file.
find_cargo() {
    command -v cargo >/dev/null && return 0
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || { echo "there is no cargo: install Rust, see https://rustup.rs" >&2; return 1; }
}
