# Sourced: PostgreSQL refuses to run as root, so as_user runs a command as somebody else then. Also finds a
# short scratch folder (socket paths are limited to 107 bytes) that this user owns.
# shellcheck shell=bash
if [ "$(id -u)" = 0 ]; then
    AGRI_USER=${AGRI_TEST_USER:-postgres}
    as_user() { runuser -u "$AGRI_USER" -- "$@"; }
else
    AGRI_USER=$(id -un)
    as_user() { "$@"; }
fi
make_scratch() {
    local folder
    folder=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
    chmod 755 "$folder"
    chown "$AGRI_USER" "$folder"
    echo "$folder"
}
