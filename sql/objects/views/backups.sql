CREATE VIEW agri_backup.backups AS
SELECT s.state->>'repository' AS repository,
    b.backup_id, b.kind, b.label, b.timeline, b.start_lsn, b.stop_lsn, b.start_time, b.stop_time,
    pg_catalog.make_interval(secs => b.duration_ms / 1000.0) AS duration,
    b.files, b.bytes, b.stored_bytes, b.from_standby, b.page_failures, b.server_version,
    b.requested_by, b.problem,
    (s.state->>'as_of')::timestamptz AS as_of
FROM agri_backup.state('repository') AS s(state),
    pg_catalog.jsonb_to_recordset(s.state->'backups') AS b(
        backup_id text, kind text, label text, timeline bigint, start_lsn pg_lsn, stop_lsn pg_lsn,
        start_time timestamptz, stop_time timestamptz, duration_ms bigint, files bigint, bytes bigint,
        stored_bytes bigint, from_standby boolean, page_failures bigint, server_version text,
        requested_by text, problem text)
ORDER BY b.timeline, b.start_lsn;
COMMENT ON VIEW agri_backup.backups IS 'backups in the repository, as it was read at as_of; see agri_refresh()';
COMMENT ON COLUMN agri_backup.backups.repository IS 'name of the repository in the configuration';
COMMENT ON COLUMN agri_backup.backups.backup_id IS 'identifier of the backup';
COMMENT ON COLUMN agri_backup.backups.kind IS 'full';
COMMENT ON COLUMN agri_backup.backups.label IS 'label that its requester gave';
COMMENT ON COLUMN agri_backup.backups.timeline IS 'timeline on which it started';
COMMENT ON COLUMN agri_backup.backups.start_lsn IS 'where its recovery begins';
COMMENT ON COLUMN agri_backup.backups.stop_lsn IS 'where a restore of it is consistent';
COMMENT ON COLUMN agri_backup.backups.start_time IS 'when it began';
COMMENT ON COLUMN agri_backup.backups.stop_time IS 'when it ended';
COMMENT ON COLUMN agri_backup.backups.duration IS 'how long it took';
COMMENT ON COLUMN agri_backup.backups.files IS 'files in it';
COMMENT ON COLUMN agri_backup.backups.bytes IS 'bytes of these files';
COMMENT ON COLUMN agri_backup.backups.stored_bytes IS 'bytes it added to the repository';
COMMENT ON COLUMN agri_backup.backups.from_standby IS 'whether a standby took it';
COMMENT ON COLUMN agri_backup.backups.page_failures IS 'pages whose checksum was wrong when they were read; null: the cluster has no data checksums';
COMMENT ON COLUMN agri_backup.backups.server_version IS 'version of PostgreSQL it was taken from';
COMMENT ON COLUMN agri_backup.backups.requested_by IS 'who asked for it';
COMMENT ON COLUMN agri_backup.backups.problem IS 'why it cannot be restored; null when nothing is known against it';
COMMENT ON COLUMN agri_backup.backups.as_of IS 'when the repository was read';
REVOKE ALL ON agri_backup.backups FROM PUBLIC;
GRANT SELECT ON agri_backup.backups TO pg_monitor;
