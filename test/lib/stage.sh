#!/bin/bash
# stage.sh PG_CONFIG FOLDER: a private copy of that PostgreSQL below FOLDER with this build of agri_backup
# installed into it. PostgreSQL finds its files relative to its binaries, so nothing outside FOLDER is
# touched. Prints the folder of the copy's binaries.
set -euo pipefail
pg_config=$1 folder=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
for kind in bindir pkglibdir sharedir; do
    from=$("$pg_config" --$kind)
    mkdir -p "$folder$from"
    cp -a "$from/." "$folder$from/"
done
make -s -C "$here" install PG_CONFIG="$pg_config" DESTDIR="$folder" >/dev/null
echo "$folder$("$pg_config" --bindir)"
