CREATE FUNCTION agri_backup.next_run(
    expression text,
    time_zone text,
    after timestamptz DEFAULT NULL)
    RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'AgriNextRun';
COMMENT ON FUNCTION agri_backup.next_run(text, text, timestamptz) IS
    'first time after a moment (default: now) at which a schedule with that cron expression is due in that time zone; null when there is none';
REVOKE ALL ON FUNCTION agri_backup.next_run(text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agri_backup.next_run(text, text, timestamptz) TO pg_monitor;
