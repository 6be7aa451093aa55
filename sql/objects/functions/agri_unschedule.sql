CREATE FUNCTION @extschema@.agri_unschedule(name text) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'AgriUnschedule';
COMMENT ON FUNCTION @extschema@.agri_unschedule(text) IS
    'forgets a schedule; false when there is none of that name; a backup that runs goes on';
REVOKE ALL ON FUNCTION @extschema@.agri_unschedule(text) FROM PUBLIC;
