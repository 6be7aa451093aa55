#!/bin/bash
# make_golden.sh MAJOR OUTDIR -- writes the golden WAL that the tests in this folder read, plain:
# then `zstd -19 --rm OUTDIR/0*[0-9A-F] OUTDIR/timeline*.txt`, and move it to data/MAJOR.
# Runs as an unprivileged user with PostgreSQL MAJOR (and its pg_waldump) installed; starts a
# throw-away cluster under a mktemp folder and stops it again. What the cluster lives through, in
# order: commits, aborts, subtransactions, prepared transactions, restore points, relation and
# database drops, a switch, a record across three segments, wal_level minimal, a crash that loses a
# continuation (OVERWRITE_CONTRECORD), a promotion to timeline 2, and an unfinished last segment.
set -euo pipefail
major=$1 out=$2
bin=/usr/lib/postgresql/$major/bin
work=$(mktemp -d)
data=$work/data
sockets=$work
port=54$major
stop_server() { "$bin/pg_ctl" -D "$data" -m "${1:-fast}" -w stop >/dev/null; }
start_server() { "$bin/pg_ctl" -D "$data" -w -l "$work/log" start >/dev/null; }
trap 'stop_server immediate 2>/dev/null || true; rm -rf "$work"' EXIT
sql() { "$bin/psql" -XqAt -v ON_ERROR_STOP=1 -h "$sockets" -p "$port" -d "${2:-postgres}" -c "$1"; }

"$bin/initdb" -D "$data" --wal-segsize=1 --data-checksums -A trust -U postgres --no-sync \
    --locale=C >/dev/null
cat >> "$data/postgresql.conf" <<CONF
port = $port
listen_addresses = ''
unix_socket_directories = '$sockets'
fsync = off
autovacuum = off
wal_level = replica
max_wal_senders = 0
wal_keep_size = 1GB
max_wal_size = 1GB
checkpoint_timeout = 1h
max_prepared_transactions = 5
max_connections = 27
bgwriter_lru_maxpages = 0
timezone = UTC
CONF
start_server
sql "SELECT pg_switch_wal()" >/dev/null
first=$(sql "SELECT pg_walfile_name(pg_current_wal_lsn() + 24)")

sql "CREATE TABLE t (id int PRIMARY KEY, v text)"
sql "INSERT INTO t SELECT g, repeat('x', 50) FROM generate_series(1, 300) g"
sql "SELECT pg_create_restore_point('before the change')" >/dev/null
sql "BEGIN; UPDATE t SET v = 'y' WHERE id < 20; SAVEPOINT a; DELETE FROM t WHERE id = 5; RELEASE a;
     COMMIT"
sql "BEGIN; INSERT INTO t VALUES (1000, 'lost'); ROLLBACK"
sql "BEGIN; INSERT INTO t VALUES (1001, 'two-phase'); PREPARE TRANSACTION 'one'"
sql "BEGIN; INSERT INTO t VALUES (1002, 'two-phase'); PREPARE TRANSACTION 'two'"
sql "COMMIT PREPARED 'one'"
sql "ROLLBACK PREPARED 'two'"
sql "CREATE TABLE gone AS SELECT g FROM generate_series(1, 500) g"
sql "DROP TABLE gone"
sql "BEGIN; CREATE TABLE never (a int); ROLLBACK"
sql "SET wal_compression = on; CREATE TABLE cut (a int);
     INSERT INTO cut SELECT generate_series(1, 1500); CHECKPOINT; DELETE FROM cut WHERE a > 200"
sql "VACUUM cut"
sql "CHECKPOINT"
sql "CREATE DATABASE copied TEMPLATE template0 STRATEGY file_copy"
sql "DROP DATABASE copied"
sql "SELECT pg_switch_wal()" >/dev/null
sql "SELECT pg_logical_emit_message(false, 'golden', repeat('abcdefgh', 330000))" >/dev/null
sql "SELECT pg_create_restore_point('behind the long record')" >/dev/null
sql "SELECT pg_logical_emit_message(true, 'golden', repeat('z', 3000 + g)) FROM
     generate_series(1, 400) g" >/dev/null

stop_server
sed -i 's/^wal_level = replica/wal_level = minimal/' "$data/postgresql.conf"
start_server
sql "INSERT INTO t VALUES (2000, 'minimal')"
stop_server
sed -i 's/^wal_level = minimal/wal_level = replica/' "$data/postgresql.conf"
start_server
sql "INSERT INTO t VALUES (2001, 'replica again')"

# A record whose continuation is lost with the segments that hold it (as t/026 of PostgreSQL does).
sql "SELECT pg_logical_emit_message(true, 'golden', 'before')" >/dev/null
begun=$(sql "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
sql "SELECT pg_logical_emit_message(true, 'golden', repeat('lost', 400000))" >/dev/null
stop_server immediate
for file in "$data"/pg_wal/0000000*; do
    [[ $(basename "$file") > $begun ]] && rm "$file"
done
start_server
sql "INSERT INTO t VALUES (3000, 'behind the overwritten record')"
stop_server

touch "$data/standby.signal"
start_server
"$bin/pg_ctl" -D "$data" -w promote >/dev/null
sql "INSERT INTO t VALUES (4000, 'on timeline 2')"
sql "SELECT pg_create_restore_point('on timeline 2')" >/dev/null
# A transaction so that the last record is a commit, and the last segment stays unfinished.
sql "INSERT INTO t VALUES (4001, 'last')"
last=$(sql "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
cp "$data/global/pg_control" "$work/pg_control.running"
stop_server immediate

mkdir -p "$out"
rm -f "$out"/*
for file in "$data"/pg_wal/0000000[12]*; do
    name=$(basename "$file")
    if [[ $name == *.history ]]; then
        cp "$file" "$out/"
    elif [[ ! $name < $first ]] && [[ ! $name > $last ]]; then
        cp "$file" "$out/"
    fi
done
cp "$work/pg_control.running" "$data/global/pg_control"
head -c 512 "$work/pg_control.running" > "$out/pg_control"
"$bin/pg_controldata" "$data" > "$out/pg_controldata.txt"
# Timeline 1 is read up to the segment of the switch, timeline 2 from there.
switch=$(ls "$data"/pg_wal/00000002????????????????| head -1 | xargs basename)
cat > "$out/path.txt" <<PATHS
first $first
switch $switch
last $last
PATHS
dump() {
    { "$bin/pg_waldump" -p "$data/pg_wal" "$@" 2>>"$work/waldump.err" || true; } |
        sed 's/; payload .*//'
}
dump "$first" "00000001${switch:8}" > "$out/timeline1.txt"
dump "$switch" "$last" > "$out/timeline2.txt"
