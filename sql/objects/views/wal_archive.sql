CREATE VIEW agri_backup.wal_archive AS
SELECT s.state->>'repository' AS repository,
    w.timeline, w.status, w.from_lsn, w.to_lsn, w.segments, w.stored_bytes,
    w.first_commit_time, w.last_commit_time,
    CASE WHEN w.status = 'archived'
        AND pg_catalog.row_number() OVER (ORDER BY w.status = 'archived' DESC, w.timeline DESC, w.to_lsn DESC NULLS LAST) = 1
        THEN greatest(0, pg_catalog.pg_wal_lsn_diff(
            CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                ELSE pg_catalog.pg_current_wal_lsn() END, w.to_lsn))::bigint
    END AS lag_bytes,
    (s.state->>'as_of')::timestamptz AS as_of
FROM agri_backup.state('repository') AS s(state),
    pg_catalog.jsonb_to_recordset(s.state->'wal_archive') AS w(
        timeline bigint, status text, from_lsn pg_lsn, to_lsn pg_lsn, segments bigint,
        stored_bytes bigint, first_commit_time timestamptz, last_commit_time timestamptz)
ORDER BY w.timeline, w.from_lsn;
COMMENT ON VIEW agri_backup.wal_archive IS 'ranges of WAL in the repository and the gaps between them';
COMMENT ON COLUMN agri_backup.wal_archive.repository IS 'name of the repository in the configuration';
COMMENT ON COLUMN agri_backup.wal_archive.timeline IS 'timeline of the range';
COMMENT ON COLUMN agri_backup.wal_archive.status IS 'archived, missing, declared gap (an operator gave it up), or unfinished (the last segment of a stopped server, up to its last record)';
COMMENT ON COLUMN agri_backup.wal_archive.from_lsn IS 'first address of the range';
COMMENT ON COLUMN agri_backup.wal_archive.to_lsn IS 'first address after the range';
COMMENT ON COLUMN agri_backup.wal_archive.segments IS 'WAL segments in the range';
COMMENT ON COLUMN agri_backup.wal_archive.stored_bytes IS 'bytes the range takes in the repository';
COMMENT ON COLUMN agri_backup.wal_archive.first_commit_time IS 'time of the first commit in the range';
COMMENT ON COLUMN agri_backup.wal_archive.last_commit_time IS 'time of the last commit in the range';
COMMENT ON COLUMN agri_backup.wal_archive.lag_bytes IS 'for the newest range: WAL this server has beyond it';
COMMENT ON COLUMN agri_backup.wal_archive.as_of IS 'when the repository was read';
REVOKE ALL ON agri_backup.wal_archive FROM PUBLIC;
GRANT SELECT ON agri_backup.wal_archive TO pg_monitor;
