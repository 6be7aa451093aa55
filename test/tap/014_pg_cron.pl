# Debian's pg_cron as the one who calls: in its background workers a backup is asked for, waited for without
# a snapshot, and reported in cron.job_run_details.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

# One server's pg_cron uses background workers; another's connects as a client, its default.
my $node = new_server('cron', conf => <<'CONF');
shared_preload_libraries = 'agri_backup, pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
CONF
my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION pg_cron');
is($code, 0, 'pg_cron is installed') or BAIL_OUT("pg_cron (package postgresql-NN-cron) is needed: $err");
sub with_harvest { $_[0]->safe_psql('postgres', <<'SQL') }
CREATE TABLE harvest AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 30000) i;
SQL
with_harvest($node);

my $client = new_server('cron_client', conf => <<'CONF');
shared_preload_libraries = 'agri_backup, pg_cron'
cron.database_name = 'postgres'
cron.host = ''
CONF
$client->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
with_harvest($client);
sub harvest_of { return $_[0]->safe_psql('postgres', 'SELECT count(*), sum(hashtextextended(h::text, 0)) FROM harvest h') }
my $harvest = harvest_of($node);

# pg_cron 1.4 knows no schedule below a minute: all jobs are scheduled now and run at the next full one.
sub schedule { my ($on, $name, $command) = @_;
    $on->safe_psql('postgres', "SELECT cron.schedule('$name', '* * * * *', \$cron\$$command\$cron\$)") }
sub unschedule { my ($on, $name) = @_; $on->safe_psql('postgres', "SELECT cron.unschedule('$name')") }
sub run_of
{
    my ($on, $job) = @_;
    my $row;
    wait_for("a run of $job", sub {
        $row = $on->safe_psql('postgres', <<"SQL");
SELECT d.status || '|' || coalesce(d.return_message, '') FROM cron.job_run_details d JOIN cron.job j USING (jobid)
WHERE j.jobname = '$job' AND d.status IN ('succeeded', 'failed') ORDER BY d.runid LIMIT 1
SQL
        $row ne '' });
    unschedule($on, $job);
    return split /\|/, $row, 2;
}
sub none_running { my ($on) = @_; wait_for('no job to run', sub {
    $on->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 }) }
schedule($node, 'nightly', 'CALL agri_backup(label => \'nightly\')');
schedule($client, 'asked', 'SELECT agri_backup_now(label => \'asked\', wait => false)');
schedule($client, 'wrong', 'BEGIN; CALL agri_backup(); COMMIT');

# CALL: the run ends when the backup did. What pg_cron waits with must hold back no vacuum: the job is
# paused, so that the wait can be looked at.
my $process;
wait_for('the job that pg_cron started', sub {
    $process = $node->safe_psql('postgres',
        "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running' AND process_pid IS NOT NULL"); $process });
kill 'STOP', $process;
is($node->safe_psql('postgres', <<'SQL'), '1 0', 'neither pg_cron\'s worker nor ours holds back xmin while it waits');
SELECT count(*) FILTER (WHERE query ~ 'CALL agri_backup' AND pid <> pg_backend_pid()) || ' ' ||
    count(*) FILTER (WHERE backend_type ~ 'pg_cron|agri_backup' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL))
FROM pg_stat_activity
SQL
is($node->safe_psql('postgres', "SELECT status FROM cron.job_run_details"), 'running', 'its run is under way until the backup ended');
kill 'CONT', $process;
my ($status, $message) = run_of($node, 'nightly');
is("$status $message", 'succeeded CALL', 'the run of CALL agri_backup() succeeded');

# Asked for and not waited for: the run returns at once, and the backup appears. A failing one says why.
($status, $message) = run_of($client, 'asked');
is($status, 'succeeded', 'SELECT agri_backup_now(wait => false) succeeded') or diag($message);
($status, $message) = run_of($client, 'wrong');
is($status, 'failed', 'CALL in a transaction block failed');
like($message, qr/transaction block/, 'and its run says why');

# What pg_cron had made is there, whole, and the only one.
for my $case ([$node, 'nightly'], [$client, 'asked'])
{
    my ($on, $label) = @$case;
    none_running($on);
    my ($id, @others) = split /\n/, $on->safe_psql('postgres', "SELECT backup_id FROM agri_backup.backups WHERE label = '$label'");
    like($id, qr/full/, "$label: the backup appeared") or next;
    is($on->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', "$label: agri_verify() finds nothing");
    $on->stop('fast');
    my ($rcode, $rout, $rerr, $folder) = restore($on, '--as', 'clone', '--backup', $id);
    is($rcode, 0, "$label: the backup can be restored") or diag("$rout\n$rerr");
    my $restored = start_restored($folder, "restored_$label", like => $on, conf => "shared_preload_libraries = ''\n");
    is(harvest_of($restored), $harvest, "$label: and holds every row");
    $restored->stop('fast');
}

done_testing();
