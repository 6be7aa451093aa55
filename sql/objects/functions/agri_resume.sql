CREATE FUNCTION @extschema@.agri_resume(name text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'AgriResume';
COMMENT ON FUNCTION @extschema@.agri_resume(text) IS
    'resumes a paused schedule; what came due meanwhile is not caught up';
REVOKE ALL ON FUNCTION @extschema@.agri_resume(text) FROM PUBLIC;
