#!/bin/bash
# add_old_major.sh MAJOR FOLDER: puts this machine's PostgreSQL MAJOR into the chroot in FOLDER, whose Debian has no
# package of it, with its headers and those of its libraries that the chroot lacks: the old cluster of pg_upgrade.
set -euo pipefail
major=$1 folder=$2
for part in /usr/lib/postgresql /usr/share/postgresql /usr/include/postgresql; do
    mkdir -p "$folder$part"
    cp -a "$part/$major" "$folder$part/"
done
ldd "/usr/lib/postgresql/$major"/bin/* "/usr/lib/postgresql/$major"/lib/*.so 2>/dev/null |
    sed -n 's/.* => \(\/[^ ]*\).*/\1/p' | sort -u |
    while read -r library; do
        chroot "$folder" /sbin/ldconfig -p | grep -qF "${library##*/} " || cp -L "$library" "$folder/usr/lib/"
    done
chroot "$folder" /sbin/ldconfig
