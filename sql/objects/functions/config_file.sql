CREATE FUNCTION agri_backup.config_file() RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'AgriConfigFile';
COMMENT ON FUNCTION agri_backup.config_file() IS
    'configuration file in force: agri_backup.config_file, else /etc/agri_backup/CLUSTER.conf when it can be read; null for none';
REVOKE ALL ON FUNCTION agri_backup.config_file() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.config_file() TO pg_monitor;
