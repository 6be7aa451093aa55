#!/bin/bash
# stage_next.sh PG_CONFIG FOLDER: releases the version after this one, in a copy of the tree: number, changed SQL objects
# and the script that updates them (test/upgrade). FOLDER then has `this` and `next`, trees of the files that each version
# installs, and `left`, a list of what `make uninstall` left behind.
set -euo pipefail
pg_config=$1 folder=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
this=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$here/agri_backup.control")
next=$this.1
copy=$folder/source
install_to() { make -s -C "$1" install PG_CONFIG="$pg_config" DESTDIR="$2" >/dev/null; }

# Twice, as provisioning that is repeated does.
install_to "$here" "$folder/this"
install_to "$here" "$folder/this"
install_to "$here" "$folder/gone"
make -s -C "$here" uninstall PG_CONFIG="$pg_config" DESTDIR="$folder/gone" >/dev/null
find "$folder/gone" -name '*agri_backup*' > "$folder/left"

# Objects come along with their times, so that only what knows the version is compiled.
mkdir -p "$copy/build"
cp -a "$here"/{Makefile,META.json,agri_backup.control,agri_backup.so,src,sql} "$copy/"
for built in "$here"/build/*; do
    case ${built##*/} in
        pch) ln -s "$built" "$copy/build/pch" ;;
        unit | unit-obj | fuzz*) ;;
        *) cp -a "$built" "$copy/build/" ;;
    esac
done
sed -i "s/^default_version.*/default_version = '$next'/" "$copy/agri_backup.control"
objects=$copy/sql/objects
cp "$here/test/upgrade/example.sql" "$objects/functions/"
echo functions/example.sql >> "$objects/order"
sed -i 's/requested_by text NOT NULL);/requested_by text NOT NULL,\n    note text);/' "$objects/tables/schedule.sql"
echo "COMMENT ON COLUMN agri_backup.schedule.note IS 'what it is for';" >> "$objects/tables/schedule.sql"
sed -i "s/^COMMENT ON VIEW agri_backup.backups IS '/&now: /" "$objects/views/backups.sql"
sed -i "s/there is no backup'/there is none yet'/" "$objects/functions/agri_check.sql"
# A changed function is the new one, put over the old: whom it was granted to keeps it.
{
    cat "$here/test/upgrade/update.sql"
    sed 's/^CREATE FUNCTION/CREATE OR REPLACE FUNCTION/' "$objects/functions/agri_check.sql"
    grep '^COMMENT ON VIEW' "$objects/views/backups.sql"
    cat "$objects/functions/example.sql"
} > "$copy/sql/agri_backup--$this--$next.sql"
install_to "$copy" "$folder/next"
echo "$next" > "$folder/next_version"
rm -rf "$copy" "$folder/gone"
