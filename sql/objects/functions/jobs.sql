CREATE FUNCTION agri_backup.jobs(
    OUT job text,
    OUT kind text,
    OUT state text,
    OUT backup_id text,
    OUT label text,
    OUT requested_by text,
    OUT requester_pid integer,
    OUT worker_pid integer,
    OUT process_pid integer,
    OUT since timestamptz,
    OUT ended timestamptz,
    OUT error text,
    OUT error_detail text,
    OUT error_hint text,
    OUT schedule text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 8
    AS 'MODULE_PATHNAME', 'AgriJobs';
COMMENT ON FUNCTION agri_backup.jobs() IS
    'jobs of this server since its start that shared memory still knows: the running ones and the last that ended';
REVOKE ALL ON FUNCTION agri_backup.jobs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.jobs() TO pg_monitor;
