CREATE FUNCTION @extschema@.agri_schedule(
    name text,
    expression text,
    kind text DEFAULT 'full',
    run_on text DEFAULT 'primary',
    time_zone text DEFAULT NULL,
    label text DEFAULT NULL)
    RETURNS timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'AgriSchedule';
COMMENT ON FUNCTION @extschema@.agri_schedule(text, text, text, text, text, text) IS
    'takes backups by a cron expression in a time zone (default: the session''s), on primary, standby or prefer_standby; a schedule of that name is replaced, and stays paused if it is; returns when it is due next, null while paused';
REVOKE ALL ON FUNCTION @extschema@.agri_schedule(text, text, text, text, text, text) FROM PUBLIC;
