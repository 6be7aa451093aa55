#!/bin/bash
# run.sh PG_CONFIG [SUITE…]: pg_regress, pgTAP, the end-to-end tests and quickstart, against a private copy of
# that PostgreSQL with this build installed. SUITE: regress, pgtap, tap, quickstart, or names of files in
# test/tap; default all.
# Ends with "N passed, M failed". Leaves no process and no file behind (KEEP=1 keeps the scratch folder).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/as_user.sh"
pg_config=$1
shift
suites=("${@:-regress}")
[ $# -eq 0 ] && suites=(regress pgtap tap quickstart)
scratch=$(make_scratch agri_test)
passed=0 failed=0
finish() {
    # Whatever a test left running is under our scratch folder and nowhere else.
    for pidfile in $(find "$scratch" -name postmaster.pid 2>/dev/null); do
        as_user "$bin/pg_ctl" -D "$(dirname "$pidfile")" -m immediate -s stop 2>/dev/null
    done
    [ "${KEEP:-0}" = 1 ] && echo "kept: $scratch" || rm -rf "$scratch"
}
trap finish EXIT

# Another major version beside it, which 028_upgrades.pl upgrades from.
if [ -n "${AGRI_OLD_PG_CONFIG:-}" ]; then
    AGRI_OLD_BIN=$("$here/lib/stage.sh" "$AGRI_OLD_PG_CONFIG" "$scratch/pg") || exit 1
    export AGRI_OLD_BIN
fi
bin=$("$here/lib/stage.sh" "$pg_config" "$scratch/pg") || exit 1
pgxs=$(dirname "$("$pg_config" --pgxs)")/../..
cp -r "$here" "$scratch/test"
cp -r "$here/../README.md" "$here/../docs" "$scratch/test/"
rm -rf "$scratch/test/expected"
cp -r "$here/../expected" "$scratch/test/expected"
chown -R "$AGRI_USER" "$scratch/test"
cd "$scratch" || exit 1
export LC_ALL=C.UTF-8 AGRI_PROGRAM=$scratch/pg/usr/local/bin/agri_backup AGRI_SCRATCH=$scratch AGRI_BIN=$bin
# The tests themselves cannot become another user; as root, we can lend them nobody.
if [ "$(id -u)" = 0 ] && setpriv=$(command -v setpriv) &&
    install -o nobody -g "$(id -gn "$AGRI_USER")" -m 4750 "$setpriv" "$scratch/as_nobody"; then
    export AGRI_AS_NOBODY=$scratch/as_nobody
fi
unset PGHOST PGPORT PGUSER PGDATABASE PGDATA

count() { # STATUS NAME
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $2" >&2; fi
}

run_regress() {
    local tests
    tests='settings guidance job schedules'
    sed "s#@SCRATCH@#$scratch#g" "$here/regress.conf" > "$scratch/regress.conf"
    as_user "$AGRI_PROGRAM" key create "$scratch/regress.key" >/dev/null
    # shellcheck disable=SC2086
    as_user "$pgxs/src/test/regress/pg_regress" --temp-instance="$scratch/instance" \
        --temp-config="$scratch/regress.conf" --inputdir="$scratch/test" --outputdir="$scratch" \
        --bindir="$bin" --no-locale --encoding=UTF8 --dbname=contrib_regression $tests
    local status=$?
    [ $status = 0 ] || cat "$scratch/regression.diffs" >&2
    count $status pg_regress
}

run_pgtap() {
    local data=$scratch/pgtap
    as_user "$bin/initdb" -D "$data" -U postgres -A trust --no-sync >/dev/null || { count 1 pgtap; return; }
    as_user "$AGRI_PROGRAM" key create "$scratch/pgtap.key" >/dev/null
    sed "s#@SCRATCH@#$scratch#g; s#regress#pgtap#g; s#contrib_pgtapion#postgres#g" "$here/regress.conf" |
        as_user tee -a "$data/postgresql.conf" >/dev/null
    as_user tee -a "$data/postgresql.conf" >/dev/null <<< "agri_backup.database = 'postgres'
listen_addresses = ''
unix_socket_directories = '$scratch'"
    as_user "$bin/pg_ctl" -D "$data" -l "$scratch/pgtap.log" -w -s start || { cat "$scratch/pgtap.log" >&2; count 1 pgtap; return; }
    as_user env PATH="$bin:$PATH" pg_prove -h "$scratch" -U postgres -d postgres "$scratch"/test/pgtap/*.sql
    count $? pgtap
    as_user "$bin/pg_ctl" -D "$data" -m fast -w -s stop
}

# One more at a time than there are processors (JOBS), because they wait more than they work; the last ones, which are
# the longest, first. One that counts what the whole machine does says "Runs alone".
run_tap() { # FILES
    local file together=() alone=()
    [ $# = 0 ] && return
    mkdir -p "$scratch/tap" "$scratch/ports"
    chown "$AGRI_USER" "$scratch/ports"
    for file in "$@"; do
        if grep -q '^# .*Runs alone' "$file"; then alone+=("$file"); else together=("$file" "${together[@]}"); fi
    done
    for_each_file "${JOBS:-$(($(nproc) + 1))}" "${together[@]}"
    for_each_file 1 "${alone[@]}"
    for file in "$@"; do count "$([ -e "$scratch/tap/$(basename "$file" .pl)/passed" ]; echo $?)" "$(basename "$file")"; done
}
for_each_file() { # JOBS FILES
    local jobs=$1
    shift
    [ $# = 0 ] || printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" "$here/lib/tap.sh" "$pg_config"
}

# With a small data set, and left running: what it then says to type is typed.
run_quickstart() {
    local said problem=0
    if said=$(KEEP=1 READINGS=20000 TMPDIR=$scratch "$here/quickstart.sh" "$pg_config" 2>&1); then
        [ "$(grep -c ' rows .* equal$' <<< "$said")" = 4 ] || problem="not every table is equal"
        as_user sh -c "$(sed -n 's/^  \(.*psql .*\)/\1 -X -A -t -c "SELECT count(*) FROM sensor_readings"/p' <<< "$said")" </dev/null |
            grep -qx 20000 || problem="the server that is left does not answer"
        sh -c "$(sed -n 's/^Stop it with:  //p' <<< "$said")" >/dev/null || problem="the stop command fails"
        [ -z "$(find "$scratch" -maxdepth 1 -name 'agri_quickstart*')" ] || problem="something is left"
    else
        problem="it fails"
    fi
    [ "$problem" = 0 ] || printf '%s\nquickstart: %s\n' "$said" "$problem" >&2
    [ "$problem" = 0 ]
    count $? quickstart
}

files=()
for suite in "${suites[@]}"; do
    case $suite in
        regress) run_regress ;;
        pgtap) run_pgtap ;;
        quickstart) run_quickstart ;;
        tap) files+=("$scratch"/test/tap/*.pl) ;;
        *) files+=("$scratch/test/tap/$suite") ;;
    esac
done
run_tap "${files[@]}"
# Of a long output one often sees the end alone.
for file in "${files[@]}"; do
    own=$scratch/tap/$(basename "$file" .pl)
    [ -e "$own/passed" ] || head -n 60 "$own/said" >&2
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
