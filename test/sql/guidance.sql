-- Whoever asks for something that cannot be is told what to do instead.
\set SHOW_CONTEXT never
SELECT agri_backup_now('incremental');
SELECT agri_backup_now('snapshot');
SELECT agri_backup_now('partial');
SELECT agri_backup_now(label => E'two\nlines');
SELECT agri_backup_now(label => repeat('x', 201));
SELECT * FROM agri_verify(level => 'deep');
SELECT agri_backup.state('../../etc/passwd');
SELECT agri_backup.state('jobs/../role');
SELECT agri_backup.state('jobs/nobody') IS NULL AS no_such_job;
SELECT agri_cancel('nobody');

-- The procedure needs to commit.
BEGIN;
CALL agri_backup();
ROLLBACK;
CREATE FUNCTION in_function() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL agri_backup(); END';
SELECT in_function();
DROP FUNCTION in_function();

-- In another database the views work, and what acts says where to go.
CREATE DATABASE regress_agri_elsewhere;
\c regress_agri_elsewhere
CREATE EXTENSION agri_backup;
SELECT state IS NOT NULL AS has_state FROM agri_backup.status;
SELECT agri_backup_now();
CALL agri_backup();
SELECT * FROM agri_verify();
SELECT agri_init();
SELECT agri_refresh();
SELECT agri_cancel('nobody');
SELECT name, detail, hint FROM agri_check() WHERE name = 'database' AND NOT ok;
\c contrib_regression
DROP DATABASE regress_agri_elsewhere;

-- Without a repository nothing runs, and everything says what to set.
CREATE FUNCTION await_state(wanted text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    -- And its process gone.
    FOR i IN 1..600 LOOP
        SELECT state INTO found FROM agri_backup.status WHERE archiving_pid IS NULL;
        EXIT WHEN found = wanted;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN found;
END
$$;
ALTER SYSTEM SET agri_backup.repository = '';
SELECT pg_reload_conf();
SELECT await_state('not configured');
SELECT problem, hint FROM agri_backup.status;
SELECT agri_backup_now();
SELECT name, detail FROM agri_check() WHERE name IN ('settings', 'archiving process', 'repository') AND NOT ok;
ALTER SYSTEM RESET agri_backup.repository;
ALTER SYSTEM SET agri_backup.key = '';
SELECT pg_reload_conf();
SELECT await_state('not configured');
SELECT agri_backup_now();
ALTER SYSTEM RESET agri_backup.key;
SELECT pg_reload_conf();
DROP FUNCTION await_state(text);
