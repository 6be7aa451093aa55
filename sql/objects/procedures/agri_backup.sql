CREATE PROCEDURE @extschema@.agri_backup(
    kind text DEFAULT 'full',
    label text DEFAULT NULL)
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'AgriBackupCall';
COMMENT ON PROCEDURE @extschema@.agri_backup(text, text) IS
    'takes a backup of the whole cluster, waits for its end without holding back vacuum, and raises an error when it fails';
REVOKE ALL ON PROCEDURE @extschema@.agri_backup(text, text) FROM PUBLIC;
