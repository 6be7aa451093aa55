#!/bin/bash
# run_in_chroot.sh MAJOR FOLDER: copies the sources into FOLDER, makes it the root of a mount namespace of its
# own, builds and runs the server suites there (SUITE: some of them). Upgrades to 17 are from this machine's PostgreSQL 15.
set -euo pipefail
major=$1 folder=$2
[ -n "${AGRI_OWN_MOUNTS:-}" ] || AGRI_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
here=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$folder/agri_backup"
mkdir -p "$folder/agri_backup"
git -C "$here" ls-files -z --cached --others --exclude-standard |
    (cd "$here" && xargs -0 cp --parents -t "$folder/agri_backup")
[ -c "$folder/dev/null" ] || mknod -m 666 "$folder/dev/null" c 1 3
[ -c "$folder/dev/urandom" ] || mknod -m 444 "$folder/dev/urandom" c 1 9
# Not to 18: what 15.20 dumps has a column option (pg_attver) that the 18.6 of sid refuses, whatever is installed.
if [ "$major" = 17 ]; then
    "$here/test/matrix/add_old_major.sh" 15 "$folder"
    export AGRI_OLD_PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
fi
echo "== PostgreSQL $major"
# With chroot alone there would be no user namespaces, which the tests of Debian's layout need.
mount --bind "$folder" "$folder"
cd "$folder"
# Memory cgroups are there.
mount --rbind /sys sys
mkdir -p .outside
pivot_root . .outside
cd /
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
mount -t proc proc /proc
mkdir -p /dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
ln -sf pts/ptmx /dev/ptmx
umount --lazy /.outside
cd /agri_backup
pg_config=/usr/lib/postgresql/$major/bin/pg_config
make -s -j"$(nproc)" all PG_CONFIG="$pg_config"
# shellcheck disable=SC2086
exec test/run.sh "$pg_config" ${SUITE:-}
