CREATE FUNCTION @extschema@.agri_backup_now(
    kind text DEFAULT 'full',
    label text DEFAULT NULL,
    wait boolean DEFAULT true)
    RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'AgriBackupNow';
COMMENT ON FUNCTION @extschema@.agri_backup_now(text, text, boolean) IS
    'takes a backup of the whole cluster and returns its identifier; waits for at most agri_backup.wait_limit, then the backup goes on';
REVOKE ALL ON FUNCTION @extschema@.agri_backup_now(text, text, boolean) FROM PUBLIC;
