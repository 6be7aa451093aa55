CREATE VIEW agri_backup.recovery_window AS
SELECT s.state->>'repository' AS repository,
    r.timeline, r.first_backup, r.from_lsn, r.to_lsn, r.from_time, r.to_time,
    (s.state->>'as_of')::timestamptz AS as_of
FROM agri_backup.state('repository') AS s(state),
    pg_catalog.jsonb_to_recordset(s.state->'recovery_window') AS r(
        timeline bigint, first_backup text, from_lsn pg_lsn, to_lsn pg_lsn, from_time timestamptz,
        to_time timestamptz)
ORDER BY r.timeline, r.from_lsn;
COMMENT ON VIEW agri_backup.recovery_window IS 'the moments a restore can reach: each row is a stretch without a gap';
COMMENT ON COLUMN agri_backup.recovery_window.repository IS 'name of the repository in the configuration';
COMMENT ON COLUMN agri_backup.recovery_window.timeline IS 'timeline of the stretch';
COMMENT ON COLUMN agri_backup.recovery_window.first_backup IS 'backup with which the stretch begins';
COMMENT ON COLUMN agri_backup.recovery_window.from_lsn IS 'first address a restore can reach';
COMMENT ON COLUMN agri_backup.recovery_window.to_lsn IS 'last address a restore can reach';
COMMENT ON COLUMN agri_backup.recovery_window.from_time IS 'first time a restore can reach';
COMMENT ON COLUMN agri_backup.recovery_window.to_time IS 'last time a restore can reach';
COMMENT ON COLUMN agri_backup.recovery_window.as_of IS 'when the repository was read';
REVOKE ALL ON agri_backup.recovery_window FROM PUBLIC;
GRANT SELECT ON agri_backup.recovery_window TO pg_monitor;
