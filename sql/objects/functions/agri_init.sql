CREATE FUNCTION @extschema@.agri_init() RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'AgriInit';
COMMENT ON FUNCTION @extschema@.agri_init() IS
    'creates the configured repository and registers this cluster in it, unless that is done already; says which';
REVOKE ALL ON FUNCTION @extschema@.agri_init() FROM PUBLIC;
