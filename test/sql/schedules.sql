-- When schedules are due: expression, time zone, a moment, and the next time as the clock on the wall has it.
CREATE EXTENSION agri_backup;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.times(expression text, time_zone text, after timestamptz, count int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text[];
BEGIN
    FOR i IN 1 .. count LOOP
        after := agri_backup.next_run(expression, time_zone, after);
        result := result || to_char(after, 'YYYY-MM-DD HH24:MI');
    END LOOP;
    RETURN array_to_string(result, ', ');
END
$$;

-- Rows that come out are wrong.
SELECT * FROM (VALUES
    -- fields
    ('* * * * *', 'UTC', '2026-01-01 00:00:00', '2026-01-01 00:01'),
    ('* * * * *', 'UTC', '2026-01-01 00:00:59.9', '2026-01-01 00:01'),
    ('0 0 * * *', 'UTC', '2025-12-31 23:59:59', '2026-01-01 00:00'),
    ('0 0 * * *', 'UTC', '2026-01-01 00:00:00', '2026-01-02 00:00'),
    ('59 23 31 12 *', 'UTC', '2026-01-01', '2026-12-31 23:59'),
    ('*/15 * * * *', 'UTC', '2026-01-01 00:14', '2026-01-01 00:15'),
    ('*/15 * * * *', 'UTC', '2026-01-01 00:45', '2026-01-01 01:00'),
    ('7-37/15 * * * *', 'UTC', '2026-01-01 00:08', '2026-01-01 00:22'),
    ('7-37/15 * * * *', 'UTC', '2026-01-01 00:37', '2026-01-01 01:07'),
    ('5,50,20 4 * * *', 'UTC', '2026-01-01 04:05', '2026-01-01 04:20'),
    ('1-3,50-59/9 * * * *', 'UTC', '2026-01-01 04:03', '2026-01-01 04:50'),
    ('1-3,50-59/9 * * * *', 'UTC', '2026-01-01 04:50', '2026-01-01 04:59'),
    ('0 */7 * * *', 'UTC', '2026-01-01 20:00', '2026-01-01 21:00'),
    ('0 */7 * * *', 'UTC', '2026-01-01 21:00', '2026-01-02 00:00'),
    ('  30   2  *  *  *  ', 'UTC', '2026-01-01', '2026-01-01 02:30'),
    (E'30\t2\t*\t*\t*', 'UTC', '2026-01-01', '2026-01-01 02:30'),
    -- months and days, by number and name
    ('0 0 1 jan *', 'UTC', '2026-01-01', '2027-01-01 00:00'),
    ('0 0 1 JUL,feb *', 'UTC', '2026-02-02', '2026-07-01 00:00'),
    ('0 0 1 oct-dec *', 'UTC', '2026-10-02', '2026-11-01 00:00'),
    ('0 0 1 */5 *', 'UTC', '2026-01-02', '2026-06-01 00:00'),
    ('0 0 31 * *', 'UTC', '2026-01-31', '2026-03-31 00:00'),
    ('0 0 29 2 *', 'UTC', '2026-01-01', '2028-02-29 00:00'),
    ('0 0 29 2 *', 'UTC', '2096-03-01', '2104-02-29 00:00'),
    ('0 0 30 2 *', 'UTC', '2026-01-01', NULL),
    ('0 0 31 4,6,9,11 *', 'UTC', '2026-01-01', NULL),
    -- 2026-01-01 is a Thursday
    ('0 0 * * thu', 'UTC', '2025-12-31', '2026-01-01 00:00'),
    ('0 0 * * 4', 'UTC', '2026-01-01', '2026-01-08 00:00'),
    ('0 0 * * 0', 'UTC', '2026-01-01', '2026-01-04 00:00'),
    ('0 0 * * 7', 'UTC', '2026-01-01', '2026-01-04 00:00'),
    ('0 0 * * Sun', 'UTC', '2026-01-01', '2026-01-04 00:00'),
    ('0 0 * * mon-fri', 'UTC', '2026-01-02', '2026-01-05 00:00'),
    ('0 0 * * 5-7', 'UTC', '2026-01-03', '2026-01-04 00:00'),
    ('0 0 * * fri-sun', 'UTC', '2026-01-03', '2026-01-04 00:00'),
    ('0 0 * * sun-tue', 'UTC', '2026-01-01', '2026-01-04 00:00'),
    ('0 0 * * */3', 'UTC', '2026-01-01', '2026-01-03 00:00'),
    ('0 0 * * 1-5/2', 'UTC', '2026-01-02', '2026-01-05 00:00'),
    -- the days of both fields, as cron has it: either is enough unless one begins with *
    ('0 0 13 * fri', 'UTC', '2026-01-03', '2026-01-09 00:00'),
    ('0 0 13 * fri', 'UTC', '2026-01-09', '2026-01-13 00:00'),
    ('0 0 */2 * fri', 'UTC', '2026-01-03', '2026-01-09 00:00'),
    ('0 0 */2 * fri', 'UTC', '2026-01-09', '2026-01-23 00:00'),
    ('0 0 13 5 fri', 'UTC', '2026-01-01', '2026-05-01 00:00'),
    -- shorthands
    ('@yearly', 'UTC', '2026-01-01', '2027-01-01 00:00'),
    ('@annually', 'UTC', '2025-12-31', '2026-01-01 00:00'),
    ('@monthly', 'UTC', '2026-01-01', '2026-02-01 00:00'),
    ('@weekly', 'UTC', '2026-01-01', '2026-01-04 00:00'),
    ('@daily', 'UTC', '2026-01-01', '2026-01-02 00:00'),
    ('@midnight', 'UTC', '2026-01-01', '2026-01-02 00:00'),
    ('@hourly', 'UTC', '2026-01-01', '2026-01-01 01:00'),
    (' @Daily ', 'UTC', '2026-01-01', '2026-01-02 00:00'),
    -- time zones; times here are UTC
    ('30 2 * * *', 'Europe/Vienna', '2026-01-01', '2026-01-01 01:30'),
    ('30 2 * * *', 'Europe/Vienna', '2026-07-01 00:30', '2026-07-02 00:30'),
    ('0 0 1 1 *', 'Asia/Kathmandu', '2025-06-01', '2025-12-31 18:15'),
    ('0 0 * * mon', 'Pacific/Auckland', '2026-01-01', '2026-01-04 11:00'),
    ('0 12 * * *', 'America/St_Johns', '2026-01-01', '2026-01-01 15:30'),
    ('0 12 * * *', 'EST5EDT', '2026-07-01', '2026-07-01 16:00'),
    ('0 12 * * *', '<+07>-7', '2026-07-01', '2026-07-01 05:00'),
    -- the moment may be long ago or far ahead
    ('30 2 * * *', 'Europe/Vienna', '1950-01-01', '1950-01-01 01:30'),
    ('30 2 * * *', 'Europe/Vienna', '2100-07-01', '2100-07-01 00:30')
) AS v(expression, time_zone, after, expected)
WHERE to_char(agri_backup.next_run(expression, time_zone, after::timestamptz), 'YYYY-MM-DD HH24:MI') IS DISTINCT FROM expected;

-- Clocks jump from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC, and from 03:00 back to 02:00 on 2026-10-25 at 01:00 UTC.
SELECT *, pg_temp.times(expression, 'Europe/Vienna', after::timestamptz, count) AS came FROM (VALUES
    -- the hour that is left out: once, at the jump
    ('30 2 * * *', '2026-03-28 00:00', 3, '2026-03-28 01:30, 2026-03-29 01:00, 2026-03-30 00:30'),
    ('0 2 * * *', '2026-03-28 02:00', 2, '2026-03-29 01:00, 2026-03-30 00:00'),
    ('59 1 * * *', '2026-03-28 02:00', 2, '2026-03-29 00:59, 2026-03-29 23:59'),
    ('0 3 * * *', '2026-03-28 03:00', 2, '2026-03-29 01:00, 2026-03-30 01:00'),
    ('*/20 2 * * *', '2026-03-28 02:00', 2, '2026-03-29 01:00, 2026-03-30 00:00'),
    ('0 2,3 * * *', '2026-03-28 03:00', 2, '2026-03-29 01:00, 2026-03-30 00:00'),
    ('30 2,3 * * *', '2026-03-28 03:00', 3, '2026-03-29 01:00, 2026-03-29 01:30, 2026-03-30 00:30'),
    ('30 2 29 3 *', '2026-03-28 00:00', 2, '2026-03-29 01:00, 2027-03-29 00:30'),
    ('30 2 * * sun', '2026-03-28 00:00', 2, '2026-03-29 01:00, 2026-04-05 00:30'),
    -- every hour goes by elapsed time
    ('30 * * * *', '2026-03-29 00:00', 3, '2026-03-29 00:30, 2026-03-29 01:30, 2026-03-29 02:30'),
    ('*/30 * * * *', '2026-03-29 00:29', 3, '2026-03-29 00:30, 2026-03-29 01:00, 2026-03-29 01:30'),
    ('0 */2 * * *', '2026-03-28 23:00', 2, '2026-03-29 02:00, 2026-03-29 04:00'),
    -- the hour that comes twice: in the first
    ('30 2 * * *', '2026-10-24 00:00', 3, '2026-10-24 00:30, 2026-10-25 00:30, 2026-10-26 01:30'),
    ('0 2 * * *', '2026-10-24 12:00', 2, '2026-10-25 00:00, 2026-10-26 01:00'),
    ('0 3 * * *', '2026-10-24 12:00', 2, '2026-10-25 02:00, 2026-10-26 02:00'),
    ('*/30 2,3 * * *', '2026-10-24 12:00', 4, '2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 02:00, 2026-10-25 02:30'),
    ('30 2 * * *', '2026-10-25 00:30', 1, '2026-10-26 01:30'),
    ('30 2 * * *', '2026-10-25 01:10', 1, '2026-10-26 01:30'),
    -- every hour goes by elapsed time
    ('30 * * * *', '2026-10-25 00:00', 4, '2026-10-25 00:30, 2026-10-25 01:30, 2026-10-25 02:30, 2026-10-25 03:30'),
    ('0 * * * *', '2026-10-24 23:30', 3, '2026-10-25 00:00, 2026-10-25 01:00, 2026-10-25 02:00')
) AS v(expression, after, count, expected)
WHERE pg_temp.times(expression, 'Europe/Vienna', after::timestamptz, count) IS DISTINCT FROM expected;

-- Other jumps: at midnight, by half an hour, over a whole day, to a new offset for good.
SELECT *, pg_temp.times(expression, time_zone, after::timestamptz, count) AS came FROM (VALUES
    ('0 0 * * *', 'America/Sao_Paulo', '2018-11-03 12:00', 2, '2018-11-04 03:00, 2018-11-05 02:00'),
    ('15 0 * * *', 'America/Sao_Paulo', '2018-11-03 12:00', 2, '2018-11-04 03:00, 2018-11-05 02:15'),
    ('30 23 * * *', 'America/Sao_Paulo', '2018-02-17 12:00', 2, '2018-02-18 01:30, 2018-02-19 02:30'),
    ('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03 00:00', 2, '2026-10-03 15:30, 2026-10-04 15:15'),
    ('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04 00:00', 2, '2026-04-04 14:45, 2026-04-05 15:15'),
    ('0 2 * * *', 'Pacific/Apia', '2011-12-29 00:00', 3, '2011-12-29 12:00, 2011-12-30 10:00, 2011-12-30 12:00'),
    ('30 1 * * *', 'Europe/Istanbul', '2016-09-06 12:00', 2, '2016-09-06 22:30, 2016-09-07 22:30')
) AS v(expression, time_zone, after, count, expected)
WHERE pg_temp.times(expression, time_zone, after::timestamptz, count) IS DISTINCT FROM expected;

-- Every minute of months with jumps, by the clock on the wall as PostgreSQL tells it.
SELECT expression, zone, count(*) AS differ FROM (VALUES
    ('*/20 * * * *', '..:(00|20|40)'), ('17 */3 * * *', '(00|03|06|09|12|15|18|21):17'),
    ('5-7 * * * *', '..:0[567]'), ('0 */12 * * *', '(00|12):00')) AS e(expression, pattern),
    unnest(ARRAY['Europe/Vienna', 'Asia/Kathmandu', 'Pacific/Chatham', 'Australia/Lord_Howe', 'America/New_York']) AS zone,
    unnest(ARRAY[timestamptz '2026-03-01', '2026-09-20', '2026-10-20']) AS start,
    LATERAL (
        WITH RECURSIVE run(t) AS (
            SELECT agri_backup.next_run(expression, zone, start) UNION ALL
            SELECT agri_backup.next_run(expression, zone, t) FROM run WHERE t < start + interval '40 days')
        (SELECT t FROM run WHERE t < start + interval '40 days'
        EXCEPT ALL SELECT t FROM generate_series(start + interval '1 minute', start + interval '40 days' - interval '1 minute', '1 minute') AS t
        WHERE to_char(t AT TIME ZONE zone, 'HH24:MI') ~ ('^(' || pattern || ')$'))
        UNION ALL
        (SELECT t FROM generate_series(start + interval '1 minute', start + interval '40 days' - interval '1 minute', '1 minute') AS t
        WHERE to_char(t AT TIME ZONE zone, 'HH24:MI') ~ ('^(' || pattern || ')$')
        EXCEPT ALL SELECT t FROM run)) AS d
GROUP BY 1, 2;

-- What is no expression says why.
\set VERBOSITY default
SELECT agri_backup.next_run('', 'UTC', now());
SELECT agri_backup.next_run('0 0 * *', 'UTC', now());
SELECT agri_backup.next_run('0 0 * * * *', 'UTC', now());
SELECT agri_backup.next_run('60 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('0 24 * * *', 'UTC', now());
SELECT agri_backup.next_run('0 0 0 * *', 'UTC', now());
SELECT agri_backup.next_run('0 0 32 * *', 'UTC', now());
SELECT agri_backup.next_run('0 0 * 13 *', 'UTC', now());
SELECT agri_backup.next_run('0 0 * * 8', 'UTC', now());
SELECT agri_backup.next_run('0 0 * * monday', 'UTC', now());
SELECT agri_backup.next_run('0 0 * foo *', 'UTC', now());
SELECT agri_backup.next_run('jan 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('22-2 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('1,,2 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('1- 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('5/15 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('*/0 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('*/ 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('*/60 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('-1 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('99999999999999999999 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('** 0 * * *', 'UTC', now());
SELECT agri_backup.next_run('@reboot', 'UTC', now());
SELECT agri_backup.next_run('@daily 1', 'UTC', now());
SELECT agri_backup.next_run(repeat('1,', 200) || '1 * * * *', 'UTC', now());
SELECT agri_backup.next_run('0 0 * * *', 'Europe/Atlantis', now());
SELECT agri_backup.next_run('0 0 * * *', '', now());
SELECT agri_backup.next_run('0 0 * * *', 'UTC', 'infinity'), agri_backup.next_run('0 0 * * *', 'UTC', '-infinity');
SELECT agri_backup.next_run('0 0 * * *', 'UTC', '4713-01-01 BC'), agri_backup.next_run('0 0 * * *', 'UTC', '294276-12-31');
SELECT agri_backup.next_run(NULL, 'UTC', now()), agri_backup.next_run('* * * * *', NULL, now());

-- Definitions
SET timezone = 'Asia/Kathmandu';
SELECT agri_schedule('nightly', '30 2 * * *') = agri_backup.next_run('30 2 * * *', 'Asia/Kathmandu') AS says_next;
SELECT agri_schedule('weekly', '@weekly', run_on => 'prefer_standby', time_zone => 'UTC', label => 'of the week') IS NOT NULL AS has_next;
SELECT name, expression, time_zone, kind, run_on, label, paused, next_run = agri_backup.next_run(expression, time_zone) AS has_next,
    last_run, last_outcome, requested_by = session_user AS mine FROM agri_backup.schedules;
-- The same again changes nothing; another time begins anew.
CREATE TEMPORARY TABLE before AS SELECT * FROM agri_backup.schedule;
SELECT agri_schedule('weekly', '@weekly', run_on => 'prefer_standby', time_zone => 'UTC', label => 'of the week') IS NOT NULL AS has_next;
SELECT count(*) AS differ FROM agri_backup.schedule JOIN before USING (name) WHERE schedule <> before;
SELECT agri_schedule('weekly', '0 3 * * 0', run_on => 'standby', time_zone => 'UTC') IS NOT NULL AS has_next;
SELECT s.expression, s.run_on, s.label, s.since > b.since AS begins_anew FROM agri_backup.schedule s JOIN before b USING (name) WHERE name = 'weekly';
SELECT agri_pause('weekly');
SELECT name, paused, next_run IS NULL AS no_next FROM agri_backup.schedules;
SELECT agri_schedule('weekly', '0 3 * * 0', run_on => 'standby', time_zone => 'UTC') IS NULL AS stays_paused;
SELECT agri_resume('weekly');
SELECT name, paused, next_run IS NULL AS no_next FROM agri_backup.schedules;
SELECT agri_unschedule('weekly'), agri_unschedule('weekly');
SELECT agri_pause('weekly');
SELECT agri_resume('weekly');
SELECT agri_schedule('Nightly', '@daily');
SELECT agri_schedule('', '@daily');
SELECT agri_schedule('../x', '@daily');
SELECT agri_schedule(repeat('x', 64), '@daily');
SELECT agri_schedule(NULL, '@daily');
SELECT agri_schedule('x', 'never');
SELECT agri_schedule('x', '0 0 30 2 *');
SELECT agri_schedule('x', '@daily', kind => 'incremental');
SELECT agri_schedule('x', '@daily', run_on => 'anywhere');
SELECT agri_schedule('x', '@daily', time_zone => 'Europe/Atlantis');
SELECT agri_schedule('x', '@daily', time_zone => '+02');
SELECT agri_schedule('x', '@daily', time_zone => 'UTC-2');
SELECT agri_schedule('x', '@daily', label => E'two\nlines');
BEGIN;
SELECT agri_schedule('x', '@daily') IS NOT NULL AS has_next;
ROLLBACK;
SELECT name FROM agri_backup.schedules;

-- Whoever may execute needs no other right, and gets none.
CREATE ROLE regress_agri_operator;
GRANT EXECUTE ON FUNCTION agri_schedule, agri_unschedule TO regress_agri_operator;
SET ROLE regress_agri_operator;
SELECT agri_schedule('by-operator', '@daily') IS NOT NULL AS has_next;
SELECT agri_unschedule('by-operator');
SELECT agri_pause('nightly');
DELETE FROM agri_backup.schedule;
SELECT current_user;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION agri_schedule, agri_unschedule FROM regress_agri_operator;
DROP ROLE regress_agri_operator;
DROP EXTENSION agri_backup;
