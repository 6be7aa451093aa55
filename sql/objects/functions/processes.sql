CREATE FUNCTION agri_backup.processes(
    OUT preloaded boolean,
    OUT supervisor_pid integer,
    OUT supervisor_since timestamptz,
    OUT state text,
    OUT problem text,
    OUT hint text,
    OUT archiving_pid integer,
    OUT archiving_since timestamptz,
    OUT archiving_version text,
    OUT archiving_restarts bigint,
    OUT last_exit text,
    OUT last_exit_time timestamptz,
    OUT failing_since timestamptz,
    OUT failed_file text,
    OUT last_error text,
    OUT last_error_detail text,
    OUT last_error_hint text)
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'AgriProcesses';
COMMENT ON FUNCTION agri_backup.processes() IS
    'what the supervisor and the archiver report in shared memory; agri_backup.status shows it with the rest';
REVOKE ALL ON FUNCTION agri_backup.processes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.processes() TO pg_monitor;
