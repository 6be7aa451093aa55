# Schedules: a server backs itself up when it is time, once for each time, whatever happened meanwhile.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Schedules;

# This one is left to real time.
my $minutely = new_server('minutely', conf => $conf);
$minutely->safe_psql('postgres', "SELECT agri_schedule('minutely', '* * * * *')");

my $node = new_server('schedules', conf => $conf);
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n');

# By itself
my $next = $node->safe_psql('postgres', "SELECT agri_schedule('nightly', '30 2 * * *')");
is($next, column($node, 'nightly', 'next_run'), 'the call says when the schedule is due next');
like($next, qr/ 02:30:00\+0[12]$/, 'in the time zone of the session');
is(column($node, 'nightly', "concat_ws(' ', time_zone, kind, run_on, paused, last_run IS NULL)"),
    'Europe/Vienna full primary f t', 'what it is by default');
wait_looked($node);
is(backups_of($node, 'nightly'), 0, 'nothing is run before its time');
set_clock_to_next($node, 'nightly');
ok(wait_outcome($node, 'nightly', "last_outcome = 'done'"), 'the backup is taken by itself');
is(column($node, 'nightly', "last_run = '$next'"), 't', 'the run is that of its time');
is(column($node, 'nightly', "last_backup = (SELECT backup_id FROM agri_backup.backups) AND last_success_backup = last_backup
    AND last_attempt = 1 AND last_error IS NULL AND problem IS NULL AND last_ended >= last_started"), 't', 'and its backup is named');
wait_looked($node);
is(backups_of($node, 'nightly'), 1, 'it is run once');

# Missed
$node->stop('fast');
$node->append_conf('postgresql.conf', "agri_backup.debug_schedule_offset = " . 10 * 86400);
$node->start;
ok(wait_outcome($node, 'nightly', "last_outcome = 'done' AND last_run > '$next'"), 'what was missed is caught up after the start');
wait_looked($node);
is(backups_of($node, 'nightly'), 2, 'by one run for all the nights');
is(column($node, 'nightly', "last_run BETWEEN now() + '9 days' AND now() + '10 days'"), 't', 'which is that of the last');

# Pause
$node->safe_psql('postgres', "SELECT agri_pause('nightly')");
set_clock($node, "now() + '12 days'");
wait_looked($node);
is(backups_of($node, 'nightly'), 2, 'a paused schedule is not run');
is(column($node, 'nightly', 'paused AND next_run IS NULL'), 't', 'and has no next time');
$node->safe_psql('postgres', "SELECT agri_resume('nightly')");
wait_looked($node);
is(backups_of($node, 'nightly'), 2, 'a pause is not caught up');
set_clock($node, "now() + '13 days'");
ok(wait_outcome($node, 'nightly', "last_run > now() + '12 days' AND last_outcome = 'done'"), 'but the next time is run');
is(backups_of($node, 'nightly'), 3, 'once');

# Cut off by a crash of the server: done again. The job is held so that it is certainly at work.
sub hold_job
{
    my ($on, $name) = @_;
    $on->poll_query_until('postgres',
        "SELECT count(*) = 1 FROM agri_backup.progress WHERE label = 'schedule $name' AND backup_id IS NOT NULL AND process_pid IS NOT NULL")
      or die 'no job';
    my $pid = $on->safe_psql('postgres', 'SELECT process_pid FROM agri_backup.progress');
    kill 'STOP', $pid or die "kill: $!";
    return $pid;
}
# Without this a small backup could be over before it is held.
sub set_rate_limit
{
    my ($on, $limit) = @_;
    $on->append_conf('postgresql.conf', "agri_backup.rate_limit = $limit");
    $on->reload;
}
set_rate_limit($node, '300kB');
set_clock($node, "now() + '14 days'");
my $held = hold_job($node, 'nightly');
is(column($node, 'nightly', 'last_outcome'), 'running', 'a run is shown while it is under way');
set_clock($node, "now() + '17 days'");
my $before = looks($node);
$node->reload;
wait_for('a look', sub { looks($node) > $before });
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE schedule = 'nightly' AND state IN ('starting', 'running')"),
    1, 'while it is under way the next one does not begin');
$node->stop('immediate');
kill 'CONT', $held;
wait_for('the job to end', sub { !kill 0, $held });
is(backups_of($node, 'nightly'), 3, 'the crash left no backup');
$node->append_conf('postgresql.conf', "agri_backup.rate_limit = 0");
$node->start;
ok(wait_outcome($node, 'nightly', "last_run > now() + '16 days' AND last_outcome = 'done'"), 'after it the run is done');
wait_looked($node);
is(backups_of($node, 'nightly'), 4, 'once');

# A job that is killed
set_rate_limit($node, '300kB');
my $killed_time = set_clock_to_next($node, 'nightly');
$held = hold_job($node, 'nightly');
kill 'KILL', $held;
set_rate_limit($node, 0);
$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM agri_backup.progress') or die;
wait_looked($node);
is(column($node, 'nightly', "concat_ws(' ', last_run = '$killed_time', last_outcome, last_attempt)"), 't done 2',
    'a run whose process was killed is done again');
is(backups_of($node, 'nightly'), 5, 'once');

# Cancelled by a person: that is an outcome.
set_rate_limit($node, '300kB');
set_clock_to_next($node, 'nightly');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM agri_backup.progress WHERE backup_id IS NOT NULL") or die;
$node->safe_psql('postgres', 'SELECT agri_cancel(backup_id) FROM agri_backup.progress');
ok(wait_outcome($node, 'nightly', "last_outcome = 'cancelled' AND last_error IS NOT NULL AND last_success_backup IS NOT NULL"),
    'a cancelled run shows as cancelled, beside the last success');
set_rate_limit($node, 0);
wait_looked($node);
is(backups_of($node, 'nightly'), 5, 'and is not run again');

# Storage away when it is time
my $folder = repository_of($node)->{folder};
rename $folder, "$folder.away" or die;
set_clock_to_next($node, 'nightly');
ok(wait_outcome($node, 'nightly', "problem LIKE '%could not open repository folder%Check that the file system is mounted%'"), 'without its repository a run that is due says why it cannot begin');
rename "$folder.away", $folder or die;
wait_looked($node);
is(column($node, 'nightly', "concat_ws(' ', last_outcome, problem)"), 'done', 'and is run when it is back');
is(backups_of($node, 'nightly'), 6, 'once');

# A clock that was far ahead for a while
set_clock($node, "now() + '300 days'");
ok(wait_outcome($node, 'nightly', "last_outcome = 'done' AND last_run > now() + '299 days'"), 'a run by a clock that is far ahead');
set_clock($node, "now() + '22 days'");
ok(wait_outcome($node, 'nightly', "last_outcome = 'done' AND last_run < now() + '22 days'"),
    'does not end all runs until that day when the clock is right again');
is(backups_of($node, 'nightly'), 8, 'both were run');

# Unscheduled
$node->safe_psql('postgres', "SELECT agri_unschedule('nightly')");
set_clock($node, "now() + '30 days'");
wait_looked($node);
is(backups_of($node, 'nightly'), 8, 'what was unscheduled is not run');
$node->safe_psql('postgres', "SELECT agri_schedule('nightly', '30 2 * * *')");
wait_looked($node);
is(backups_of($node, 'nightly'), 8, 'nor is it when it is scheduled again, before its time');

# A table that somebody put where the extension's is not
$node->safe_psql('postgres', q{CREATE DATABASE impostor});
$node->safe_psql('impostor', q{
    CREATE SCHEMA agri_backup;
    CREATE TABLE seen (by name);
    CREATE FUNCTION agri_backup.trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN 'x'; END $$;
    CREATE FUNCTION agri_backup.state(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(agri_backup.trap()) $$;
    CREATE VIEW agri_backup.schedule AS SELECT agri_backup.trap() AS name, '@daily' AS expression, 'UTC' AS time_zone, 'full' AS kind,
        'primary' AS run_on, '' AS label, 'x' AS requested_by, now() AS since, false AS paused});
$node->append_conf('postgresql.conf', "agri_backup.database = 'impostor'");
wait_looked($node);
is($node->safe_psql('impostor', 'SELECT count(*) FROM seen'), 0, 'a view that stands in for the table is not read');
$node->append_conf('postgresql.conf', "agri_backup.database = 'postgres'");
$node->reload;

# Back in time
my $moment = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (-1)');
set_clock_to_next($node, 'nightly');
ok(wait_outcome($node, 'nightly', "last_outcome = 'done' AND last_run > now() + '29 days'"), 'another night');
is(backups_of($node, 'nightly'), 9, 'was run');
my $ran = column($node, 'nightly', 'last_run');
wait_archived($node);
$node->stop('fast');
my ($code, $out, $err, $restored_folder) = restore($node, '--as', 'original', '--target-time', $moment);
is($code, 0, 'the server is restored to the moment before') or diag("$out\n$err");
my ($clone_code, $clone_out, $clone_err, $clone_folder) = restore($node, '--as', 'clone');
is($clone_code, 0, 'and as a clone') or diag("$clone_out\n$clone_err");
# The clock of the old server, past that run
my $ahead = 'agri_backup.debug_schedule_offset = ' . $minutely->safe_psql('postgres',
    "SELECT ceil(extract(epoch FROM timestamptz '$ran' - now()))::int + 60") . "\n";
my $original = start_restored($restored_folder, 'original', like => $node, conf => $ahead);
is($original->safe_psql('postgres', "SELECT since < '$ran' AND NOT paused FROM agri_backup.schedule"), 't',
    'for its database that run is still to come');
wait_looked($original);
is(backups_of($original, 'nightly'), 9, 'the restored server does not run what was run before');
is(column($original, 'nightly', "last_run = '$ran' AND last_outcome = 'done'"), 't', 'it knows of that run');
like($original->safe_psql('postgres', "SELECT string_agg(state || coalesce(backup_id, ''), ',') FROM agri_backup.jobs() WHERE schedule = 'nightly'"),
    qr/^(done)?$/, 'no backup was even begun');
set_clock_to_next($original, 'nightly');
ok(wait_outcome($original, 'nightly', "last_outcome = 'done' AND last_run > '$ran'"), 'the next night is run');
is(backups_of($original, 'nightly'), 10, 'once');

my $clone = start_restored($clone_folder, 'clone', like => $node,
    conf => "agri_backup.debug_schedule_offset = " . 50 * 86400 . "\n");
$clone->poll_query_until('postgres', "SELECT state = 'clone' FROM agri_backup.processes()") or die;
is(column($clone, 'nightly', "concat_ws(' ', name, next_run)"), 'nightly', 'a clone has the schedule, and no next time');
unlike(slurp_file($clone->logfile), qr/starting background worker process "agri_backup scheduler"/, 'it does not even look');
is(backups_of($original, 'nightly'), 10, 'and runs nothing');
$clone->stop('fast');

# Real time
ok(wait_outcome($minutely, 'minutely', "last_outcome = 'done'"), 'a minute comes by itself as well');
is($minutely->safe_psql('postgres', "SELECT last_started >= last_run AND last_started < last_run + '55 s' AND next_run > now() FROM agri_backup.schedules"),
    't', 'when it is time');
done_testing();
