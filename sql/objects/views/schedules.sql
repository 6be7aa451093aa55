CREATE VIEW agri_backup.schedules AS
SELECT s.name, s.expression, s.time_zone, s.kind, s.run_on, s.label, s.paused,
    CASE WHEN NOT s.paused AND p.state IS DISTINCT FROM 'clone'
        THEN agri_backup.next_run(s.expression, s.time_zone) END AS next_run,
    r.scheduled_time AS last_run,
    CASE WHEN j.state IN ('starting', 'running') THEN 'running' ELSE r.state END AS last_outcome,
    r.error AS last_error,
    CASE WHEN j.state = 'failed' AND j.since > coalesce(r.started, '-infinity')
        THEN pg_catalog.concat_ws(' ', j.error, j.error_detail, j.error_hint) END AS problem,
    r.backup_id AS last_backup,
    r.started AS last_started,
    r.ended AS last_ended,
    r.host AS last_host,
    r.attempt AS last_attempt,
    r.last_success_time,
    r.last_backup_id AS last_success_backup,
    s.since, s.requested_by,
    (c.state->>'as_of')::timestamptz AS as_of
FROM agri_backup.schedule AS s
    CROSS JOIN agri_backup.processes() AS p
    CROSS JOIN agri_backup.state('repository') AS c(state)
    LEFT JOIN LATERAL pg_catalog.jsonb_to_recordset(c.state->'schedules') AS r(
        schedule text, scheduled_time timestamptz, state text, attempt bigint, host text,
        started timestamptz, ended timestamptz, backup_id text, error text,
        last_success_time timestamptz, last_backup_id text) ON r.schedule = s.name
    LEFT JOIN LATERAL (
        SELECT * FROM agri_backup.jobs() AS j WHERE j.schedule = s.name
        ORDER BY j.since DESC LIMIT 1) AS j ON true
ORDER BY s.name;
COMMENT ON VIEW agri_backup.schedules IS 'schedules with their next and last run; what was run is as the repository was read at as_of, see agri_refresh()';
COMMENT ON COLUMN agri_backup.schedules.name IS 'name of the schedule';
COMMENT ON COLUMN agri_backup.schedules.expression IS 'cron expression';
COMMENT ON COLUMN agri_backup.schedules.time_zone IS 'time zone of the expression';
COMMENT ON COLUMN agri_backup.schedules.kind IS 'kind of the backups';
COMMENT ON COLUMN agri_backup.schedules.run_on IS 'primary, standby or prefer_standby';
COMMENT ON COLUMN agri_backup.schedules.label IS 'label of the backups; null means one that names the schedule';
COMMENT ON COLUMN agri_backup.schedules.paused IS 'whether it is paused';
COMMENT ON COLUMN agri_backup.schedules.next_run IS 'when it is due next; null while it is paused, and on a clone';
COMMENT ON COLUMN agri_backup.schedules.last_run IS 'time of the schedule that was run last, on whichever server';
COMMENT ON COLUMN agri_backup.schedules.last_outcome IS 'running, done, failed, cancelled, deferred (another backup was running) or interrupted (its server ended; done again)';
COMMENT ON COLUMN agri_backup.schedules.last_error IS 'why it failed';
COMMENT ON COLUMN agri_backup.schedules.problem IS 'why a run that is due cannot begin on this server; it is tried again every minute';
COMMENT ON COLUMN agri_backup.schedules.last_backup IS 'backup that it took';
COMMENT ON COLUMN agri_backup.schedules.last_started IS 'when that run began';
COMMENT ON COLUMN agri_backup.schedules.last_ended IS 'when it ended';
COMMENT ON COLUMN agri_backup.schedules.last_host IS 'host that ran it';
COMMENT ON COLUMN agri_backup.schedules.last_attempt IS 'more than 1 when earlier attempts were interrupted';
COMMENT ON COLUMN agri_backup.schedules.last_success_time IS 'end of the last run that was done';
COMMENT ON COLUMN agri_backup.schedules.last_success_backup IS 'backup of that run';
COMMENT ON COLUMN agri_backup.schedules.since IS 'times before this are not caught up';
COMMENT ON COLUMN agri_backup.schedules.requested_by IS 'user who scheduled it last';
COMMENT ON COLUMN agri_backup.schedules.as_of IS 'when the repository was read';
REVOKE ALL ON agri_backup.schedules FROM PUBLIC;
GRANT SELECT ON agri_backup.schedules TO pg_monitor;
