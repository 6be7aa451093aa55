-- pg_monitor reads, and nobody acts who was not granted it.
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION agri_backup;
CREATE ROLE regress_agri_anybody;
CREATE ROLE regress_agri_monitor IN ROLE pg_monitor;
CREATE ROLE regress_agri_operator IN ROLE pg_monitor;
SELECT plan(41);

SELECT table_privs_are('agri_backup', view_name, 'pg_monitor', ARRAY['SELECT'],
    format('pg_monitor may read %s', view_name))
FROM unnest(ARRAY['backups', 'progress', 'recovery_window', 'schedules', 'status', 'wal_archive']) AS view_name;
SELECT table_privs_are('agri_backup', view_name, 'regress_agri_anybody', '{}'::text[],
    format('anybody else may not read %s', view_name))
FROM unnest(ARRAY['backups', 'progress', 'recovery_window', 'schedules', 'status', 'wal_archive']) AS view_name;
SELECT table_privs_are('agri_backup', 'schedule', role_name, '{}'::text[], format('%s has no right to the table of schedules', role_name))
FROM unnest(ARRAY['pg_monitor', 'regress_agri_anybody']) AS role_name;
SELECT schema_privs_are('agri_backup', 'pg_monitor', ARRAY['USAGE']);
SELECT schema_privs_are('agri_backup', 'regress_agri_anybody', '{}'::text[]);

SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE d.deptype = 'e' AND e.extname = 'agri_backup' AND has_function_privilege('regress_agri_anybody', p.oid, 'EXECUTE')$$,
    'nothing may be executed by everybody');
SELECT function_privs_are(function_name, arguments, 'pg_monitor', '{}'::text[],
    format('pg_monitor may not execute %s', function_name))
FROM (VALUES ('agri_backup_now', ARRAY['text', 'text', 'boolean']), ('agri_backup', ARRAY['text', 'text']),
    ('agri_verify', ARRAY['text', 'text']), ('agri_cancel', ARRAY['text']), ('agri_check', '{}'),
    ('agri_init', '{}'), ('agri_refresh', '{}'), ('agri_schedule', ARRAY['text', 'text', 'text', 'text', 'text', 'text']),
    ('agri_unschedule', ARRAY['text']), ('agri_pause', ARRAY['text']), ('agri_resume', ARRAY['text'])) AS f(function_name, arguments);

SET LOCAL ROLE regress_agri_monitor;
SELECT lives_ok(format('SELECT * FROM agri_backup.%I', view_name), format('a monitoring role reads %s', view_name))
FROM unnest(ARRAY['backups', 'progress', 'recovery_window', 'schedules', 'status', 'wal_archive']) AS view_name;
SELECT throws_ok('SELECT agri_backup_now()', '42501', 'permission denied for function agri_backup_now',
    'a monitoring role takes no backup');
RESET ROLE;
SET LOCAL ROLE regress_agri_anybody;
SELECT throws_ok('SELECT * FROM agri_backup.status', '42501', 'permission denied for schema agri_backup',
    'anybody else reads nothing');
RESET ROLE;

GRANT EXECUTE ON FUNCTION agri_cancel(text) TO regress_agri_operator;
SET LOCAL ROLE regress_agri_operator;
SELECT lives_ok($$SELECT agri_cancel('nobody')$$, 'a granted function works without other rights');
RESET ROLE;
GRANT EXECUTE ON FUNCTION agri_schedule(text, text, text, text, text, text) TO regress_agri_operator;
SET LOCAL ROLE regress_agri_operator;
SELECT lives_ok($$SELECT agri_schedule('nightly', '@daily')$$, 'nor does agri_schedule() need a right to its table');
SELECT is(current_user, 'regress_agri_operator', 'which it does not pass on');
RESET ROLE;
SELECT ok(NOT has_function_privilege('regress_agri_monitor', 'agri_cancel(text)', 'EXECUTE'),
    'and the grant reaches nobody else');
SELECT is(count(*), 0::bigint, 'the extension creates no role') FROM pg_roles WHERE rolname LIKE 'agri%';
SELECT * FROM finish();
ROLLBACK;
