CREATE VIEW agri_backup.status AS
SELECT v.state,
    CASE v.state
        WHEN 'not preloaded' THEN 'Add agri_backup to shared_preload_libraries in postgresql.conf and restart the server.'
        WHEN 'archiving off' THEN 'Set archive_mode = on in postgresql.conf and restart the server.'
        WHEN 'other archiver' THEN 'Set archive_library = ''agri_backup'' in postgresql.conf and reload the server.'
        WHEN 'standby' THEN 'Archiving begins when this standby is promoted.'
        WHEN 'failing' THEN coalesce(p.last_error_hint, a.state#>>'{last_error,hint}')
        WHEN 'ok' THEN CASE WHEN agri_backup.state('repository')->'backups' = '[]'
            THEN 'There is no backup yet, and the WAL alone restores nothing: SELECT agri_backup_now().' END
        ELSE p.hint
    END AS hint,
    p.problem,
    a.state->>'repository' AS repository,
    (a.state->>'archived_count')::bigint AS archived_count,
    (a.state->>'failed_count')::bigint AS failed_count,
    a.state->>'last_archived_wal' AS last_archived_wal,
    (a.state->>'last_archived_time')::timestamptz AS last_archived_time,
    coalesce(p.failed_file, a.state->>'last_failed_wal') AS last_failed_wal,
    (a.state->>'last_failed_time')::timestamptz AS last_failed_time,
    CASE WHEN v.state IN ('failing', 'down')
        THEN least(p.failing_since, (a.state->>'failing_since')::timestamptz) END AS failing_since,
    coalesce(p.last_error, a.state#>>'{last_error,message}') AS last_error,
    CASE WHEN p.last_error IS NOT NULL THEN p.last_error_detail
        ELSE a.state#>>'{last_error,detail}' END AS last_error_detail,
    CASE WHEN p.last_error IS NOT NULL THEN p.last_error_hint
        ELSE a.state#>>'{last_error,hint}' END AS last_error_hint,
    w.files AS waiting_files,
    w.bytes AS waiting_bytes,
    (a.state->>'wal_bytes_per_second')::numeric::bigint AS wal_bytes_per_second,
    w.disk_free_bytes,
    CASE WHEN (a.state->>'wal_bytes_per_second')::numeric > 0
        THEN pg_catalog.make_interval(secs => least(1e10, w.disk_free_bytes
            / (a.state->>'wal_bytes_per_second')::numeric)::double precision) END AS time_until_disk_full,
    (a.state->>'key_slots')::bigint AS key_slots,
    p.supervisor_pid, p.supervisor_since,
    p.archiving_pid, p.archiving_since, p.archiving_version, p.archiving_restarts,
    p.last_exit, p.last_exit_time,
    (a.state->>'memory_bytes')::bigint AS memory_bytes,
    (a.state->>'as_of')::timestamptz AS as_of
FROM agri_backup.processes() AS p
    CROSS JOIN agri_backup.waiting_wal() AS w
    CROSS JOIN agri_backup.state('archiving') AS a(state)
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN NOT p.preloaded THEN 'not preloaded'
            WHEN p.state IN ('not configured', 'clone') THEN p.state
            WHEN pg_catalog.current_setting('archive_mode') = 'off' THEN 'archiving off'
            WHEN pg_catalog.current_setting('archive_library') <> 'agri_backup' THEN 'other archiver'
            WHEN pg_catalog.pg_is_in_recovery()
                AND pg_catalog.current_setting('archive_mode') = 'on' THEN 'standby'
            WHEN p.archiving_pid IS NULL THEN 'down'
            WHEN p.failing_since IS NOT NULL THEN 'failing'
            WHEN (a.state->>'pid')::bigint = p.archiving_pid THEN a.state->>'state'
            ELSE 'starting'
        END AS state) AS v;
COMMENT ON VIEW agri_backup.status IS 'one row: whether WAL is archived, and if not, since when, why, how long that can go on and what to do';
COMMENT ON COLUMN agri_backup.status.state IS 'ok, starting, failing, down, not configured, clone, standby, archiving off, other archiver or not preloaded';
COMMENT ON COLUMN agri_backup.status.hint IS 'what to do next; null when nothing is to be done';
COMMENT ON COLUMN agri_backup.status.problem IS 'why the archiving process does not run';
COMMENT ON COLUMN agri_backup.status.repository IS 'name of the repository in the configuration';
COMMENT ON COLUMN agri_backup.status.archived_count IS 'WAL files the archiving process made durable since it started';
COMMENT ON COLUMN agri_backup.status.failed_count IS 'attempts of it that failed';
COMMENT ON COLUMN agri_backup.status.last_archived_wal IS 'WAL file it archived last';
COMMENT ON COLUMN agri_backup.status.last_archived_time IS 'when that was';
COMMENT ON COLUMN agri_backup.status.last_failed_wal IS 'WAL file that failed last';
COMMENT ON COLUMN agri_backup.status.last_failed_time IS 'when that was';
COMMENT ON COLUMN agri_backup.status.failing_since IS 'since when nothing is archived; null while archiving works';
COMMENT ON COLUMN agri_backup.status.last_error IS 'last error of archiving';
COMMENT ON COLUMN agri_backup.status.last_error_detail IS 'its detail';
COMMENT ON COLUMN agri_backup.status.last_error_hint IS 'what to do about it';
COMMENT ON COLUMN agri_backup.status.waiting_files IS 'files in pg_wal that wait to be archived, counted at the query';
COMMENT ON COLUMN agri_backup.status.waiting_bytes IS 'WAL in them';
COMMENT ON COLUMN agri_backup.status.wal_bytes_per_second IS 'rate at which WAL was written lately';
COMMENT ON COLUMN agri_backup.status.disk_free_bytes IS 'room on the disk of pg_wal, read at the query';
COMMENT ON COLUMN agri_backup.status.time_until_disk_full IS 'how long that room lasts at this rate if nothing is archived';
COMMENT ON COLUMN agri_backup.status.key_slots IS 'keys that open the repository';
COMMENT ON COLUMN agri_backup.status.supervisor_pid IS 'background worker that starts the archiving process';
COMMENT ON COLUMN agri_backup.status.supervisor_since IS 'when it started';
COMMENT ON COLUMN agri_backup.status.archiving_pid IS 'the archiving process; null while it is down';
COMMENT ON COLUMN agri_backup.status.archiving_since IS 'when it started';
COMMENT ON COLUMN agri_backup.status.archiving_version IS 'its version of agri_backup';
COMMENT ON COLUMN agri_backup.status.archiving_restarts IS 'how often it was started again';
COMMENT ON COLUMN agri_backup.status.last_exit IS 'how it ended last';
COMMENT ON COLUMN agri_backup.status.last_exit_time IS 'when that was';
COMMENT ON COLUMN agri_backup.status.memory_bytes IS 'memory the archiving process uses';
COMMENT ON COLUMN agri_backup.status.as_of IS 'when the archiving process last wrote its state';
REVOKE ALL ON agri_backup.status FROM PUBLIC;
GRANT SELECT ON agri_backup.status TO pg_monitor;
