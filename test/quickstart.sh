#!/bin/bash
# quickstart.sh PG_CONFIG: the main job before the user's eyes, on a private throw-away cluster: data, a
# backup, an accident, the loss of the data directory, and the way back to the moment before. KEEP=1 leaves
# the restored server running. Touches nothing outside its scratch folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/as_user.sh"
. "$here/lib/server_conf.sh"
pg_config=$1
scratch=$(make_scratch agri_quickstart)
port=${PORT:-54329}
data=$scratch/data restored=$scratch/restored

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '  $ %s\n' "$*"; }
running() { [ -s "$1/postmaster.pid" ] && as_user "$bin/pg_ctl" -D "$1" status >/dev/null 2>&1; }
finish() {
    status=$?
    if [ "$status" = 0 ] && [ "${KEEP:-0}" = 1 ]; then return; fi
    for cluster in "$data" "$restored"; do
        if running "$cluster"; then as_user "$bin/pg_ctl" -D "$cluster" -m fast -s stop; fi
    done
    if [ "$status" != 0 ]; then
        echo "quickstart failed; the server's log:" >&2
        tail -n 30 "$scratch"/*.log >&2 || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

bin=$("$here/lib/stage.sh" "$pg_config" "$scratch/pg")
program=$scratch/pg/usr/local/bin/agri_backup
[ -x "$program" ] || { echo "quickstart: $program was not installed" >&2; exit 1; }
export PGHOST=$scratch PGPORT=$port PGUSER=postgres PGDATABASE=agritech
sql() { as_user "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
fingerprint() {
    for table in users fields crops sensor_readings; do
        sql -c "SELECT '$table', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM $table t"
    done
}

say "1. A private cluster with agri_backup, a folder as repository, a new key"
as_user "$bin/initdb" -D "$data" -U postgres -A trust -k --no-sync >/dev/null
show "agri_backup key create $scratch/agri.key"
as_user "$program" key create "$scratch/agri.key" >/dev/null
{
    server_conf "$scratch" "$port" agritech
    cat <<CONF
agri_backup.database = 'agritech'
max_wal_size = 2GB
CONF
} | as_user tee -a "$data/postgresql.conf" >/dev/null
grep -E '^(shared_preload|archive_|agri_backup)' "$data/postgresql.conf" | sed 's/^/  /'
as_user "$bin/pg_ctl" -D "$data" -l "$scratch/server.log" -w -s start
as_user "$bin/createdb" agritech
show "CREATE EXTENSION agri_backup; SELECT agri_init();"
sql -c "CREATE EXTENSION agri_backup" -c "SELECT agri_init()" | sed 's/^/  /'

say "2. The agritech data set"
sql -v readings="${READINGS:-2400000}" -f "$here/quickstart.sql"
sql -c "SELECT '  ' || pg_size_pretty(pg_database_size('agritech'))"

say "3. A full backup"
show "SELECT agri_backup_now();"
sql -c "SELECT agri_backup_now()" | sed 's/^/  /'
as_user "$bin/psql" -X -c "SELECT backup_id, kind, pg_size_pretty(bytes) AS size, pg_size_pretty(stored_bytes) AS stored, stop_lsn FROM agri_backup.backups" | sed 's/^/  /'

say "4. Life goes on, and then the accident"
sql -c "INSERT INTO users (name, email) SELECT 'late ' || i, 'late' || i || '@example.org' FROM generate_series(1, 1000) i" \
    -c "UPDATE fields SET hectares = hectares * 1.01 WHERE id % 10 = 0"
fingerprint > "$scratch/before"
moment=$(sql -c "SELECT clock_timestamp()")
echo "  the moment before: $moment"
show "DROP TABLE sensor_readings;"
# One more commit follows in any real system; it also proves that what came later is not restored.
sql -c "DROP TABLE sensor_readings" -c "INSERT INTO users (name, email) VALUES ('too late', 'x@example.org')"

say "5. The data directory is gone"
as_user "$bin/pg_ctl" -D "$data" -m fast -w -s stop
show "rm -rf $data"
rm -rf "$data"

say "6. Restore to the moment before"
restore=("$program" --repository "file://$scratch/repository" --key "file://$scratch/agri.key"
         --cluster agritech restore --target-dir "$restored" --target-time "$moment")
show "agri_backup --repository … --key … --cluster agritech restore --target-dir $restored --target-time '$moment'"
as_user "${restore[@]}" | sed 's/^/  /'
as_user "$bin/pg_ctl" -D "$restored" -l "$scratch/restored.log" -w -s -t 120 start
deadline=$((SECONDS + 120))
until [ "$(sql -c "SELECT pg_is_in_recovery()")" = f ]; do
    running "$restored" && [ $SECONDS -lt $deadline ] || { echo "recovery did not end" >&2; exit 1; }
    sleep 0.2
done

say "7. Before the accident and after the restore"
fingerprint > "$scratch/after"
paste -d '|' "$scratch/before" "$scratch/after" | awk -F'|' '
    { printf "  %-16s %9d rows  %-28s %s\n", $1, $2, $3, ($2 == $5 && $3 == $6) ? "equal" : "DIFFERENT" }'
cmp "$scratch/before" "$scratch/after"

say "Done: every row is back."
if [ "${KEEP:-0}" = 1 ]; then
    cat <<NEXT
The restored server is running:
  $bin/psql -h $scratch -p $port -U postgres agritech
  SELECT * FROM agri_backup.status;
  $program --repository file://$scratch/repository --key file://$scratch/agri.key --cluster agritech info
Stop it with:  $([ "$(id -u)" = 0 ] && echo "runuser -u $AGRI_USER -- ")$bin/pg_ctl -D $restored -m fast stop && rm -rf $scratch
NEXT
else
    cat <<NEXT
Next:
  KEEP=1 make quickstart      the same, and the restored server stays for you to play with
  sudo make install           install for the PostgreSQL of pg_config, then follow README.md, "Your own server"
NEXT
fi
