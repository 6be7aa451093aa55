#!/bin/bash
# run_in_chroot.sh MAJOR FOLDER: copies the sources into the chroot, builds and runs the server suites there.
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
mount -t proc proc "$folder/proc"
echo "== PostgreSQL $major"
chroot "$folder" env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 bash -c "
    cd /agri_backup && make -s -j$(nproc) all PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config &&
    test/run.sh /usr/lib/postgresql/$major/bin/pg_config ${SUITE:-}"
