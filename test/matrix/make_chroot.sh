#!/bin/bash
# make_chroot.sh MAJOR FOLDER: a Debian with PostgreSQL MAJOR (17: trixie, 18: sid), its headers and
# what the build and the tests need, in FOLDER. Needs root. /proc is mounted in a mount namespace of its
# own only, so FOLDER can simply be removed. Does nothing when FOLDER is already complete.
set -euo pipefail
major=$1 folder=$2
case $major in
    17) suite=trixie ;;
    18) suite=sid ;;
    *) echo "make_chroot.sh: PostgreSQL $major is packaged in no Debian suite known here" >&2; exit 2 ;;
esac
[ -e "$folder/.complete" ] && exit 0
[ "$(id -u)" = 0 ] || { echo "make_chroot.sh: needs root (sudo make test-matrix)" >&2; exit 1; }
[ -n "${AGRI_OWN_MOUNTS:-}" ] || AGRI_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
here=$(cd "$(dirname "$0")" && pwd)
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n '/debian\/*$/p' | head -n 1)
rm -rf --one-file-system "$folder"
mkdir -p "$folder"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$folder" "$mirror"
# A frozen mirror's sid may be past its valid-until date; packages stay signed.
echo 'Acquire::Check-Valid-Until "false";' > "$folder/etc/apt/apt.conf.d/99snapshot"
printf '#!/bin/sh\nexit 101\n' > "$folder/usr/sbin/policy-rc.d"
chmod +x "$folder/usr/sbin/policy-rc.d"
mkdir -p "$folder/dev/shm" "$folder/etc/postgresql-common"
chmod 1777 "$folder/dev/shm"
echo 'create_main_cluster = false' > "$folder/etc/postgresql-common/createcluster.conf"
packages=$("$here/../../.ci/packages" "$major")
mount -t proc proc "$folder/proc"
chroot "$folder" apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive chroot "$folder" apt-get install -y -qq --no-install-recommends $packages
rm -rf "$folder"/var/cache/apt/archives/*.deb
touch "$folder/.complete"
