# Sourced by scripts that need an S3 server: a private SeaweedFS on loopback, with its data in a folder of the caller's.

# start_s3 FOLDER: sets s3_endpoint, and exports the credentials of its one account. Buckets make themselves.
start_s3() {
    local folder=$1 weed name port tries=200
    local -a arguments=()
    weed=$("$(dirname "${BASH_SOURCE[0]}")/s3-server")
    mkdir -p "$folder/data"
    for name in master volume filer s3 admin; do
        port=$(free_port)
        arguments+=("-$name.port=$port" "-$name.port.grpc=$((port + 1))")
        [ $name != s3 ] || s3_endpoint=http://127.0.0.1:$port
    done
    export AWS_ACCESS_KEY_ID=measurements AWS_SECRET_ACCESS_KEY=$RANDOM$RANDOM$RANDOM AWS_EC2_METADATA_DISABLED=true
    "$weed" mini -dir="$folder/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -webdav=false -admin.ui=false -master.telemetry=false \
        -s3.port.iceberg=0 -s3.port.lance=0 -bucket=measured "${arguments[@]}" >"$folder/log" 2>&1 </dev/null &
    s3_process=$!
    until grep -q 'ready to use' "$folder/log"; do
        if ! kill -0 "$s3_process" 2>/dev/null || ((--tries == 0)); then
            tail -n 20 "$folder/log" >&2
            return 1
        fi
        sleep 0.2
    done
}

stop_s3() {
    [ -n "${s3_process:-}" ] || return 0
    kill -KILL "$s3_process" 2>/dev/null || true
    wait "$s3_process" 2>/dev/null || true
    s3_process=''
}

# Even ones below the range from which the system gives ports to clients; the next one is free as well.
free_port() {
    local port
    while port=$((20000 + 2 * (RANDOM % 5000))); do
        if ! (: </dev/tcp/127.0.0.1/$port) 2>/dev/null && ! (: </dev/tcp/127.0.0.1/$((port + 1))) 2>/dev/null; then
            echo $port
            return
        fi
    done
}
