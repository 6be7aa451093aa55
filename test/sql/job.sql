-- The way from an empty folder to a verified backup, as SQL sees it.
\set SHOW_CONTEXT never
-- Only agri_init() makes a repository: a missing one may be a folder that is not mounted.
\set VERBOSITY sqlstate
SELECT agri_backup_now();
\set VERBOSITY default
SELECT agri_init() LIKE '%was created%' AS created;
SELECT agri_init() LIKE '%was already there%' AS already_there;
SELECT count(*) AS backups FROM agri_backup.backups;

SELECT agri_backup_now(label => 'first') AS first \gset
CALL agri_backup(label => 'zweite Sicherung: süß');
DO $$ BEGIN CALL agri_backup('full', 'from a DO block'); END $$;

SELECT backup_id = :'first' AS is_first, kind, label, timeline, start_lsn < stop_lsn AS lsn_ordered,
    start_time <= stop_time AS time_ordered, duration >= interval '0' AS has_duration, files > 900 AS has_files,
    bytes > 1e6 AS has_bytes, stored_bytes BETWEEN 1 AND bytes AS is_compressed, from_standby,
    -- unknown where nothing is checked
    page_failures IS NOT DISTINCT FROM CASE current_setting('data_checksums') WHEN 'on' THEN 0 END AS no_failures,
    server_version = current_setting('server_version') AS same_version,
    requested_by = session_user AS mine, problem, as_of > now() - interval '1 minute' AS fresh
FROM agri_backup.backups;
SELECT timeline, status, from_lsn < to_lsn AS ordered, segments > 0 AS has_segments, lag_bytes >= 0 AS lag
FROM agri_backup.wal_archive;
SELECT timeline, first_backup = :'first' AS from_first, from_lsn < to_lsn AS ordered, from_time IS NOT NULL AS has_time
FROM agri_backup.recovery_window;
SELECT count(*) AS running FROM agri_backup.progress;
SELECT kind, state, label, error FROM agri_backup.jobs() WHERE kind = 'backup' AND state = 'done' ORDER BY since;

SELECT * FROM agri_verify();
SELECT * FROM agri_verify(:'first', 'objects');
SELECT * FROM agri_verify('20010101T000000Z-full-0000');
SELECT agri_refresh();

-- The first segment was refused while there was no repository; the archiver tries again by itself.
DO $$ BEGIN
    FOR i IN 1..600 LOOP
        EXIT WHEN (SELECT failing_since IS NULL FROM agri_backup.status);
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
SELECT name, ok FROM agri_check();
SELECT state, hint, problem, repository, archived_count > 0 AS archives, failing_since, last_error,
    disk_free_bytes > 0 AS has_room, supervisor_pid IS NOT NULL AS supervisor,
    archiving_pid IS NOT NULL AS archiving, archiving_version, memory_bytes > 0 AS memory
FROM agri_backup.status;

-- The backup shows when it was asked for and by whom, not the state of a transaction.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT agri_backup_now(label => 'read only') IS NOT NULL AS taken;
ROLLBACK;
SELECT count(*) FROM agri_backup.backups WHERE label = 'read only';

-- A wait that ends is no end of the backup.
SET agri_backup.wait_limit = 0;
\set VERBOSITY sqlstate
SELECT agri_backup_now(label => 'goes on') IS NOT NULL AS asked;
\set VERBOSITY default
RESET agri_backup.wait_limit;
DO $$
BEGIN
    FOR i IN 1..600 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM agri_backup.progress);
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;
SELECT count(*) FROM agri_backup.backups WHERE label = 'goes on';

-- What failed says why.
CREATE ROLE regress_agri_reader IN ROLE pg_monitor;
SET ROLE regress_agri_reader;
SELECT count(*) > 0 AS may_read FROM agri_backup.backups;
SELECT state FROM agri_backup.status;
SELECT agri_backup_now();
CALL agri_backup();
RESET ROLE;
DROP ROLE regress_agri_reader;
DROP EXTENSION agri_backup;
