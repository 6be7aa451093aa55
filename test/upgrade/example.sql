CREATE FUNCTION agri_backup.example() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS 'SELECT 1';
COMMENT ON FUNCTION agri_backup.example() IS 'what a later version brings';
REVOKE ALL ON FUNCTION agri_backup.example() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.example() TO pg_monitor;
