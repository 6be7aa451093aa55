CREATE FUNCTION agri_backup.state(name text) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'AgriState';
COMMENT ON FUNCTION agri_backup.state(text) IS
    'cached state ("archiving", "repository" or "jobs/NAME") as the processes of agri_backup wrote it last; null when there is none';
REVOKE ALL ON FUNCTION agri_backup.state(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.state(text) TO pg_monitor;
