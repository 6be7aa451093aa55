CREATE FUNCTION @extschema@.agri_cancel(backup_id text) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'AgriCancel';
COMMENT ON FUNCTION @extschema@.agri_cancel(text) IS
    'cancels a running backup or job of this server, which cleans up; false when none of that name runs';
REVOKE ALL ON FUNCTION @extschema@.agri_cancel(text) FROM PUBLIC;
