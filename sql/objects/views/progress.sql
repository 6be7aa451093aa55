CREATE VIEW agri_backup.progress AS
SELECT j.job, j.kind, j.backup_id, j.label,
    coalesce(p.state->>'phase', j.state) AS phase,
    (p.state->>'bytes_done')::bigint AS bytes_done,
    (p.state->>'bytes_total')::bigint AS bytes_total,
    pg_catalog.round(100.0 * (p.state->>'bytes_done')::numeric
        / nullif((p.state->>'bytes_total')::numeric, 0), 1) AS percent,
    (p.state->>'files_done')::bigint AS files_done,
    (p.state->>'files_total')::bigint AS files_total,
    (p.state->>'stored_bytes')::bigint AS stored_bytes,
    (p.state->>'bytes_per_second')::numeric::bigint AS bytes_per_second,
    pg_catalog.make_interval(secs => (p.state->>'seconds_remaining')::double precision) AS time_remaining,
    j.since AS started,
    j.requested_by, j.requester_pid, j.worker_pid, j.process_pid,
    (p.state->>'as_of')::timestamptz AS as_of
FROM agri_backup.jobs() AS j
    LEFT JOIN LATERAL agri_backup.state('jobs/' || j.job) AS p(state) ON true
WHERE j.state IN ('starting', 'running');
COMMENT ON VIEW agri_backup.progress IS 'jobs of this server that run now';
COMMENT ON COLUMN agri_backup.progress.job IS 'name of the job';
COMMENT ON COLUMN agri_backup.progress.kind IS 'backup, verify, init or refresh';
COMMENT ON COLUMN agri_backup.progress.backup_id IS 'backup it takes or verifies';
COMMENT ON COLUMN agri_backup.progress.label IS 'label that its requester gave';
COMMENT ON COLUMN agri_backup.progress.phase IS 'what it does at the moment';
COMMENT ON COLUMN agri_backup.progress.bytes_done IS 'bytes read so far';
COMMENT ON COLUMN agri_backup.progress.bytes_total IS 'bytes to read; null while unknown';
COMMENT ON COLUMN agri_backup.progress.percent IS 'bytes_done in percent of bytes_total';
COMMENT ON COLUMN agri_backup.progress.files_done IS 'files read so far';
COMMENT ON COLUMN agri_backup.progress.files_total IS 'files to read; null while unknown';
COMMENT ON COLUMN agri_backup.progress.stored_bytes IS 'bytes added to the repository so far';
COMMENT ON COLUMN agri_backup.progress.bytes_per_second IS 'bytes read a second';
COMMENT ON COLUMN agri_backup.progress.time_remaining IS 'estimate of the time it still needs';
COMMENT ON COLUMN agri_backup.progress.started IS 'when it was asked for';
COMMENT ON COLUMN agri_backup.progress.requested_by IS 'user who asked for it';
COMMENT ON COLUMN agri_backup.progress.requester_pid IS 'session that asked for it';
COMMENT ON COLUMN agri_backup.progress.worker_pid IS 'background worker that speaks SQL for it';
COMMENT ON COLUMN agri_backup.progress.process_pid IS 'process that does it';
COMMENT ON COLUMN agri_backup.progress.as_of IS 'when the process last said how far it is';
REVOKE ALL ON agri_backup.progress FROM PUBLIC;
GRANT SELECT ON agri_backup.progress TO pg_monitor;
