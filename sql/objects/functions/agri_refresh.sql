CREATE FUNCTION @extschema@.agri_refresh() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'AgriRefresh';
COMMENT ON FUNCTION @extschema@.agri_refresh() IS
    'reads the repository now, so that the views of schema agri_backup show it as it is';
REVOKE ALL ON FUNCTION @extschema@.agri_refresh() FROM PUBLIC;
