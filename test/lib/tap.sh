#!/bin/bash
# tap.sh PG_CONFIG FILE: runs one file of test/tap for test/run.sh, whose scratch folder is AGRI_SCRATCH, and
# prints what it said in one piece. Puts a file `passed` into the test's own folder when it did.
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/lib/as_user.sh"
. "$here/lib/memory_group.sh"
pg_config=$1 file=$2
name=$(basename "$file" .pl)
own=$AGRI_SCRATCH/tap/$name
pgxs=$(dirname "$("$pg_config" --pgxs)")/../..
mkdir -p "$own/tmp_check"
chown -R "$AGRI_USER" "$own"

# One test is about the program as root runs it: that one is lent it, where the tests run as root, for as long
# as it takes.
lend_root() {
    [ "$(id -u)" = 0 ] && [ "$name" = 021_superuser ] || return 0
    install -o root -g "$(id -gn "$AGRI_USER")" -m 4750 "$AGRI_PROGRAM" "$own/as_root"
    export AGRI_AS_ROOT=$own/as_root
}

# One is about a limit of memory that the kernel watches over.
lend_memory() {
    [[ $name == *_memory_group ]] || return 0
    trap 'return_memory_group || { echo "$name: $AGRI_MEMORY_GROUP cannot be removed" >&2; rm -f "$own/passed"; }' EXIT
    lend_memory_group
}

# What the release after this one installs, for the test that upgrades to it.
stage_packages() {
    [[ $name == *_package ]] || return 0
    export AGRI_PACKAGES=$own/packages
    "$here/lib/stage_next.sh" "$pg_config" "$AGRI_PACKAGES" && chown -R "$AGRI_USER" "$AGRI_PACKAGES"
}

run() {
    lend_root && lend_memory && stage_packages || return 1
    (enter_memory_group && as_user env PATH="$AGRI_BIN:$PATH" TESTDIR="$own" TESTDATADIR="$own/tmp_check" \
        TESTLOGDIR="$own/tmp_check/log" PG_TEST_PORT_DIR="$AGRI_SCRATCH/ports" \
        PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
        prove --timer -I "$pgxs/src/test/perl" -I "$AGRI_SCRATCH/test/tap" "$file") && return 0
    tail -n 40 "$own"/tmp_check/log/* >&2
    return 1
}

run > "$own/said" 2>&1 && touch "$own/passed"
rm -f "$own/as_root"
flock "$AGRI_SCRATCH/tap" cat "$own/said"
# Data directories of a finished test are of no use any more.
[ "${KEEP:-0}" = 1 ] || rm -rf "$own"/tmp_check/t_*
