CREATE FUNCTION @extschema@.agri_verify(
    backup text DEFAULT NULL,
    level text DEFAULT 'contents',
    OUT backup_id text,
    OUT object text,
    OUT severity text,
    OUT problem text,
    OUT hint text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'AgriVerify';
COMMENT ON FUNCTION @extschema@.agri_verify(text, text) IS
    'checks that everything a restore of the backup (null: of each backup) needs is present and, at level "contents", authentic; a row is a finding, none means sound';
REVOKE ALL ON FUNCTION @extschema@.agri_verify(text, text) FROM PUBLIC;
