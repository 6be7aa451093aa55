CREATE TABLE agri_backup.schedule (
    name text PRIMARY KEY,
    expression text NOT NULL,
    time_zone text NOT NULL,
    kind text NOT NULL,
    run_on text NOT NULL CHECK (run_on IN ('primary', 'standby', 'prefer_standby')),
    label text,
    paused boolean NOT NULL DEFAULT false,
    since timestamptz NOT NULL,
    requested_by text NOT NULL);
COMMENT ON TABLE agri_backup.schedule IS 'definitions of schedules, changed by agri_schedule() and its like alone; what was run stands in the repository';
COMMENT ON COLUMN agri_backup.schedule.name IS 'name of the schedule';
COMMENT ON COLUMN agri_backup.schedule.expression IS 'cron expression';
COMMENT ON COLUMN agri_backup.schedule.time_zone IS 'time zone of the expression';
COMMENT ON COLUMN agri_backup.schedule.kind IS 'kind of the backups';
COMMENT ON COLUMN agri_backup.schedule.run_on IS 'primary, standby or prefer_standby';
COMMENT ON COLUMN agri_backup.schedule.label IS 'label of the backups; null means one that names the schedule';
COMMENT ON COLUMN agri_backup.schedule.paused IS 'whether it is paused';
COMMENT ON COLUMN agri_backup.schedule.since IS 'times before this are not caught up';
COMMENT ON COLUMN agri_backup.schedule.requested_by IS 'user who scheduled it last';
REVOKE ALL ON agri_backup.schedule FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('agri_backup.schedule', '');
