# Sourced: what postgresql.conf of a throw-away server with agri_backup needs. Everything of it lies in SCRATCH.
# shellcheck shell=bash
server_conf() { # SCRATCH PORT CLUSTER
    cat <<CONF
port = $2
listen_addresses = ''
unix_socket_directories = '$1'
shared_preload_libraries = 'agri_backup'
archive_mode = on
archive_library = 'agri_backup'
agri_backup.repository = 'file://$1/repository'
agri_backup.key = 'file://$1/agri.key'
agri_backup.cluster = '$3'
CONF
}
