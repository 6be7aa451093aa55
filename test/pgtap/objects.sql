-- What CREATE EXTENSION agri_backup makes, and that each object says what it is for.
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION agri_backup;
SELECT plan(48);

SELECT has_schema('agri_backup');
SELECT is(extnamespace::regnamespace, 'public', 'the functions live in the current schema')
FROM pg_extension WHERE extname = 'agri_backup';
SELECT views_are('agri_backup', ARRAY['backups', 'progress', 'recovery_window', 'schedules', 'status', 'wal_archive']);
SELECT tables_are('agri_backup', ARRAY['schedule'], 'no table holds what a restore needs');
SELECT is(extconfig, ARRAY['agri_backup.schedule'::regclass::oid], 'pg_dump takes the definitions of schedules along')
FROM pg_extension WHERE extname = 'agri_backup';
SELECT functions_are('agri_backup', ARRAY['config_file', 'jobs', 'next_run', 'processes', 'state', 'waiting_wal']);

SELECT has_function('agri_backup_now', ARRAY['text', 'text', 'boolean']);
SELECT function_returns('agri_backup_now', ARRAY['text', 'text', 'boolean'], 'text');
SELECT is_procedure('agri_backup', ARRAY['text', 'text']);
SELECT function_returns('agri_verify', ARRAY['text', 'text'], 'setof record');
SELECT function_returns('agri_check', '{}'::name[], 'setof record');
SELECT function_returns('agri_init', '{}'::name[], 'text');
SELECT function_returns('agri_refresh', '{}'::name[], 'void');
SELECT function_returns('agri_cancel', ARRAY['text'], 'boolean');
SELECT function_returns('agri_schedule', ARRAY['text', 'text', 'text', 'text', 'text', 'text'], 'timestamp with time zone');
SELECT function_returns('agri_unschedule', ARRAY['text'], 'boolean');
SELECT function_returns('agri_pause', ARRAY['text'], 'void');
SELECT function_returns('agri_resume', ARRAY['text'], 'void');
SELECT volatility_is('agri_backup_now', ARRAY['text', 'text', 'boolean'], 'volatile');

SELECT has_column('agri_backup', 'status', column_name, format('status has %s', column_name))
FROM unnest(ARRAY['state', 'hint', 'failing_since', 'last_error', 'waiting_bytes', 'time_until_disk_full',
    'archiving_pid', 'archiving_restarts', 'as_of']) AS column_name;
SELECT col_type_is('agri_backup', view_name, column_name, 'pg_catalog', type_name,
    format('%s.%s is %s', view_name, column_name, type_name))
FROM (VALUES ('backups', 'start_lsn', 'pg_lsn'), ('backups', 'start_time', 'timestamp with time zone'),
    ('backups', 'duration', 'interval'), ('backups', 'bytes', 'bigint'), ('wal_archive', 'from_lsn', 'pg_lsn'),
    ('recovery_window', 'to_time', 'timestamp with time zone'), ('progress', 'time_remaining', 'interval'),
    ('progress', 'bytes_done', 'bigint'), ('status', 'time_until_disk_full', 'interval'),
    ('status', 'failing_since', 'timestamp with time zone'), ('schedules', 'next_run', 'timestamp with time zone'),
    ('schedules', 'last_run', 'timestamp with time zone'), ('schedules', 'last_outcome', 'text')) AS v(view_name, column_name, type_name);

CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, i.type, i.identity
FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'agri_backup';

SELECT is_empty(
    $$SELECT identity FROM member WHERE type NOT IN ('type', 'rule')
        AND obj_description(objid, classid::regclass::name) IS NULL$$,
    'every object has a comment');
SELECT is_empty(
    $$SELECT c.oid::regclass, a.attname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE col_description(c.oid, a.attnum) IS NULL$$,
    'every column of a view has a comment');
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
        JOIN pg_language l ON l.oid = p.prolang
        WHERE l.lanname <> 'c' AND NOT coalesce(p.proconfig::text LIKE '%search_path=pg_catalog, pg_temp%', false)$$,
    'every function that is not C pins its search_path');
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
        WHERE p.prosecdef$$,
    'no function runs with its owner''s rights');
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
        WHERE p.pronamespace <> 'agri_backup'::regnamespace AND p.proname !~ '^agri_'$$,
    'every function outside schema agri_backup begins with agri_');

SELECT lives_ok('DROP EXTENSION agri_backup', 'the extension can be dropped');
SELECT hasnt_schema('agri_backup', 'and leaves nothing');
SELECT * FROM finish();
ROLLBACK;
