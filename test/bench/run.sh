#!/bin/bash
# run.sh PG_CONFIG: what the data path costs, each figure beside the limit of the same machine in the same
# run, with the same bytes: zstd -1 on all cores for backup and archiving, cp for restore. Where pgBackRest is
# installed (Debian: pgbackrest) it does the same job too. BENCH_SCALE: pgbench's (default 60, some 900 MB);
# BENCH_ROUNDS: the medians' (default 3). Everything ends with a sync, so a page cache wins nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/as_user.sh"
. "$here/../lib/server_conf.sh"
pg_config=$1 scale=${BENCH_SCALE:-60} rounds=${BENCH_ROUNDS:-3}
command -v zstd >/dev/null || { echo "bench: the limit is measured with the zstd command; apt-get install zstd" >&2; exit 1; }
scratch=$(make_scratch agri_bench)
data=$scratch/data
finish() {
    status=$?
    if [ -s "$data/postmaster.pid" ]; then as_user "$bin/pg_ctl" -D "$data" -m fast -s stop || true; fi
    [ "$status" = 0 ] || tail -n 20 "$scratch/server.log" >&2 || true
    rm -rf "$scratch"
}
trap finish EXIT
bin=$("$here/../lib/stage.sh" "$pg_config" "$scratch/pg")
program=$scratch/pg/usr/local/bin/agri_backup
export PGHOST=$scratch PGPORT=${PORT:-54331} PGUSER=postgres PGDATABASE=postgres
sql() { as_user "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
agri() { as_user "$program" --repository "file://$scratch/repository" --key "file://$scratch/agri.key" --cluster main "$@"; }

as_user "$bin/initdb" -D "$data" -U postgres -A trust -k --no-sync >/dev/null
as_user "$program" key create "$scratch/agri.key" >/dev/null
{
    server_conf "$scratch" "$PGPORT" main
    cat <<CONF
max_wal_size = 8GB
checkpoint_timeout = 1h
CONF
} | as_user tee -a "$data/postgresql.conf" >/dev/null
as_user "$bin/pg_ctl" -D "$data" -l "$scratch/server.log" -w -s start
sql -c "CREATE EXTENSION agri_backup" -c "SELECT agri_init()" >/dev/null
as_user "$bin/pgbench" -i -q -s "$scale" >/dev/null 2>&1
sql -c "CHECKPOINT" -c "SELECT agri_backup_now(label => 'warm')" >/dev/null
bytes=$(du -sb --exclude=pg_wal "$data" | cut -f1)

# seconds COMMAND...: the wall clock of the command and a sync after it.
seconds() {
    local from to
    sync
    from=$(date +%s%N)
    "$@" >/dev/null
    sync
    to=$(date +%s%N)
    echo $(((to - from) / 1000000))
}
# measure NAME BYTES OURS LIMIT [RIVAL]: medians of rounds that take turns.
median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
measure() {
    local name=$1 size=$2 i who line ours ms
    shift 2
    for ((i = 0; i < rounds; i++)); do
        for who in "$@"; do seconds "$who" >> "$scratch/$who.ms"; done
    done
    ours=$(median < "$scratch/$1.ms")
    line=$(printf '%-10s %6d MB' "$name" $((size / 1000000)))
    for who in "$@"; do
        ms=$(median < "$scratch/$who.ms")
        line+=$(printf '   %s %d ms (x%s)' "$who" "$ms" "$(awk "BEGIN { printf \"%.2f\", $ours / ($ms > 0 ? $ms : 1) }")")
    done
    echo "$line"
}

backup_ours() { sql -c "SELECT agri_backup_now()"; }
backup_limit() { tar -C "$data" --exclude=./pg_wal --exclude=./agri_backup -cf - . | zstd -1 -q -T0 -f -o "$scratch/limit.zst"; }
restore_ours() { rm -rf "$scratch/restored"; agri restore --as clone --target-dir "$scratch/restored" --target-immediate; }
restore_limit() { rm -rf "$scratch/copied"; cp -a "$data" "$scratch/copied"; }
verify_ours() { agri verify; }
verify_limit() { cat "$scratch"/limit.zst | sha256sum; }
rivals_backup=() rivals_restore=()
if command -v pgbackrest >/dev/null; then
    as_user mkdir -p "$scratch/rival" "$scratch/rival_log"
    as_user tee "$scratch/pgbackrest.conf" >/dev/null <<CONF
[global]
repo1-path=$scratch/rival
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=bench
repo1-retention-full=99
compress-type=zst
compress-level=1
process-max=$(nproc)
log-path=$scratch/rival_log
lock-path=$scratch/rival_log
archive-check=n
start-fast=y
[main]
pg1-path=$data
pg1-port=$PGPORT
pg1-socket-path=$scratch
pg1-user=postgres
CONF
    rival() { as_user env PATH="$bin:$PATH" pgbackrest --config="$scratch/pgbackrest.conf" --stanza=main --log-level-console=warn "$@"; }
    rival stanza-create --no-online >/dev/null
    backup_pgbackrest() { rival backup --type=full --no-archive-check; }
    restore_pgbackrest() { rm -rf "$scratch/rival_restored"; as_user mkdir -m 700 "$scratch/rival_restored"; rival restore --pg1-path="$scratch/rival_restored" --type=immediate; }
    rivals_backup=(backup_pgbackrest) rivals_restore=(restore_pgbackrest)
fi

echo "PostgreSQL $(sql -c 'SHOW server_version'), $(nproc) cores, medians of $rounds; (xR): ours takes R times as long"
measure backup "$bytes" backup_ours backup_limit "${rivals_backup[@]}"
measure restore "$bytes" restore_ours restore_limit "${rivals_restore[@]}"
measure verify "$bytes" verify_ours verify_limit

# Archiving: the segments of a pgbench run, pushed into an empty repository as a dead server's are saved.
sql -c "ALTER SYSTEM SET archive_library = ''" -c "ALTER SYSTEM SET archive_command = 'false'" -c "SELECT pg_reload_conf()" >/dev/null
as_user "$bin/pgbench" -n -T "${BENCH_SECONDS:-20}" -c 4 >/dev/null 2>&1
sql -c "SELECT pg_switch_wal()" >/dev/null
as_user mkdir "$scratch/wal"
for ready in "$data"/pg_wal/archive_status/*.ready; do
    segment=$(basename "$ready" .ready)
    as_user cp "$data/pg_wal/$segment" "$scratch/wal/"
done
wal_bytes=$(du -sb "$scratch/wal" | cut -f1)
archive_ours() {
    as_user rm -rf "$scratch/repository2"
    as_user "$program" --repository "file://$scratch/repository2" --key "file://$scratch/agri.key" --cluster main init --data-directory "$data"
    as_user "$program" --repository "file://$scratch/repository2" --key "file://$scratch/agri.key" --cluster main wal-push "$scratch/wal"
}
archive_limit() { zstd -1 -q -f -T0 "$scratch"/wal/* --output-dir-flat "$scratch/zwal"; }
mkdir -p "$scratch/zwal"
measure archive "$wal_bytes" archive_ours archive_limit
