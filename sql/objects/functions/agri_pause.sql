CREATE FUNCTION @extschema@.agri_pause(name text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'AgriPause';
COMMENT ON FUNCTION @extschema@.agri_pause(text) IS
    'pauses a schedule; a backup that runs goes on';
REVOKE ALL ON FUNCTION @extschema@.agri_pause(text) FROM PUBLIC;
