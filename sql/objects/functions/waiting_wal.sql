CREATE FUNCTION agri_backup.waiting_wal(
    OUT files bigint,
    OUT bytes bigint,
    OUT disk_free_bytes bigint)
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'AgriWaitingWal';
COMMENT ON FUNCTION agri_backup.waiting_wal() IS
    'WAL files that wait to be archived, and the room on their disk, read from the data directory at the call';
REVOKE ALL ON FUNCTION agri_backup.waiting_wal() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.waiting_wal() TO pg_monitor;
