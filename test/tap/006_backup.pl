# What a full backup copies, how callers wait for it, and what happens when they do not.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $outside = PostgreSQL::Test::Utils::tempdir_short();
my $node = new_server('content', start => 0,
    initdb => ['--data-checksums', '--waldir', "$outside/wal"],
    conf => "allow_in_place_tablespaces = on\n");
# hba outside the data directory, as Debian has it.
rename $node->data_dir . '/pg_hba.conf', "$outside/my hba.conf" or die;
$node->append_conf('postgresql.conf', "hba_file = '$outside/my hba.conf'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init(); CREATE EXTENSION amcheck');

mkdir "$outside/space 1" or die;
$node->safe_psql('postgres', "CREATE TABLESPACE far LOCATION '$outside/space 1'");
$node->safe_psql('postgres', "CREATE TABLESPACE near LOCATION ''");
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE home AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
CREATE TABLE away TABLESPACE far AS SELECT * FROM home;
CREATE TABLE inside TABLESPACE near AS SELECT * FROM home;
CREATE UNLOGGED TABLE unlogged AS SELECT * FROM home;
CREATE DATABASE empty_one;
SQL
# Names that are hard on tools; the server ignores files it does not know.
my $odd = $node->data_dir . "/base/odd \xc3\xa9\n name";
open my $file, '>', $odd or die; print $file "odd content"; close $file;

my $session = session($node);
$session->query_safe('CREATE TEMPORARY TABLE temporary AS SELECT * FROM home');
my $backup = backup_now($node);
my $before = fingerprint($node, 'postgres');

my $folder = free_folder('restored');
my $far = PostgreSQL::Test::Utils::tempdir_short() . '/far';
my ($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', $folder, '--tablespace-map', "$outside/space 1=$far",
    '--wal-dir', "$folder.wal");
is($code, 0, 'restore with a mapped tablespace and pg_wal elsewhere') or diag("$out\n$err");
is(slurp_file("$folder/base/odd \xc3\xa9\n name"), 'odd content', 'a name with a newline and non-ASCII letters survives');
ok(-l "$folder/pg_wal" && readlink("$folder/pg_wal") eq "$folder.wal", 'pg_wal is linked');
my ($hba) = split /\n/, `find '$folder/agri_backup_restored_config' -name '*hba.conf'`;
is(slurp_file($hba), slurp_file("$outside/my hba.conf"), 'the configuration from outside is put beside');
is(() = glob("$folder/base/*/t*_*"), 0, 'temporary relations are not in the backup');
ok(!-e "$folder/postmaster.pid" && !-e "$folder/agri_backup/claim", 'runtime files are not in the backup');
command_ok(['pg_verifybackup', '--no-parse-wal', $folder], 'pg_verifybackup accepts it');
my $restored = start_restored($folder, 'restored_content', like => $node);
is(fingerprint($restored, 'postgres'), $before, 'all tables, all tablespaces, equal');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM unlogged'), 0, 'the unlogged table is empty');
like($restored->safe_psql('postgres', "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'far'"), qr/\Q$far\E/,
    'the tablespace is where it was mapped to');
$restored->command_ok(['pg_amcheck', '-a'], 'pg_amcheck finds nothing');
$restored->stop('fast');

# CALL holds no snapshot while it waits. The job is stopped so that the wait can be looked at.
my $caller = session($node, on_error_stop => 0);
my $caller_pid = $caller->query_safe('SELECT pg_backend_pid()');
sub running_job { return $node->safe_psql('postgres', "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running' AND process_pid IS NOT NULL") }
sub begin_call { my ($sql) = @_; $caller->query_until(qr/begun/, "\\echo begun\n$sql;\n") }
# While nothing is archived it waits for the WAL that it needs: it cannot end before it is seen.
sub begin_and_pause
{
    my ($sql) = @_;
    my $archiving = $node->safe_psql('postgres', 'SELECT archiving_pid FROM agri_backup.status');
    kill 'STOP', $archiving or die "no archiving process: $archiving";
    begin_call($sql);
    my $pid;
    wait_for('the job process', sub { $pid = running_job() });
    kill 'STOP', $pid;
    kill 'CONT', $archiving;
    return $pid;
}

my $job = begin_and_pause('CALL agri_backup()');
is($node->safe_psql('postgres', "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE pid = $caller_pid"),
    't', 'CALL agri_backup() holds back no xmin');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'agri_backup' AND backend_xmin IS NOT NULL"),
    '0', 'nor does its session worker');
($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'a second backup is refused');
like($err, qr/$caller_pid|already|runs/, 'and the message says who runs the first');
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_backup.progress'), '1', 'progress shows the running one');
kill 'CONT', $job;
wait_for('the backup', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_backup.backups'), '2', 'CALL made the second backup');

# Ctrl-C under CALL cancels the backup and cleans up.
$job = begin_and_pause('CALL agri_backup()');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($caller_pid)");
kill 'CONT', $job;
wait_for('the cancelled backup to end', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
is($node->safe_psql('postgres', 'SELECT agri_refresh() IS NULL OR true; SELECT count(*) FROM agri_backup.backups') =~ /2$/, 1, 'no backup came of it');
is(scalar @{ cli_json($node, 'info')->{running} }, 0, 'nothing is left running in the repository');

# A waiter with wait_limit gets the identifier and a NOTICE; the backup goes on.
begin_call("SET agri_backup.wait_limit = '1s'");
$job = begin_and_pause('SELECT agri_backup_now()');
wait_for('the waiter to give up', sub {
    $node->safe_psql('postgres', "SELECT state FROM pg_stat_activity WHERE pid = $caller_pid") eq 'idle' });
kill 'CONT', $job;
wait_for('the backup', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_backup.backups'), '3', 'the backup went on to its end');

# statement_timeout ends the wait, not the backup; wait => false returns at once; agri_cancel ends it.
($code, $out, $err) = $node->psql('postgres', "SET statement_timeout = '200ms'; SELECT agri_backup_now()");
wait_for('the backup', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_backup.backups'), '4', 'a statement_timeout does not end the backup');
kill 'STOP', my $archiving = $node->safe_psql('postgres', 'SELECT archiving_pid FROM agri_backup.status');
my $id = $node->safe_psql('postgres', 'SELECT agri_backup_now(wait => false)');
like($id, qr/full/, 'wait => false returns the identifier');
is($node->safe_psql('postgres', "SELECT agri_cancel('$id')"), 't', 'agri_cancel() finds it');
kill 'CONT', $archiving;
wait_for('the backup', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });

# How far it is and how long it will take, of a backup that may store so much a second.
$node->safe_psql('postgres', "ALTER SYSTEM SET agri_backup.rate_limit = '500kB'");
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
$id = $node->safe_psql('postgres', 'SELECT agri_backup_now(wait => false)');
my ($done, $total, $percent, $rate, $seconds, $elapsed, $phase);
wait_for('the backup to copy for a second', sub {
    ($done, $total, $percent, $rate, $seconds, $elapsed, $phase) = split /\|/, $node->safe_psql('postgres',
        "SELECT bytes_done, bytes_total, percent, bytes_per_second, extract(epoch FROM time_remaining), extract(epoch FROM as_of - started), phase FROM agri_backup.progress WHERE backup_id = '$id'");
    die 'it ended before' unless defined $phase;
    return $done > 0 && $elapsed > 1 });
cmp_ok($done, '<', $total, "progress: $done of $total bytes");
is($percent, sprintf('%.1f', 100 * $done / $total), "progress: $percent percent");
cmp_ok($rate, '>=', int($done / $elapsed), "progress: $rate bytes a second in $elapsed s");
cmp_ok($rate, '<', 4 * $done / $elapsed, 'progress: which is what was read since it began');
is(int $seconds, int(($total - $done) / $rate), "progress: $seconds s remain at this rate");
isnt($phase, '', "progress: the phase is $phase");
$node->safe_psql('postgres', "SELECT agri_cancel('$id')");
wait_for('the end of it', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
$node->safe_psql('postgres', 'ALTER SYSTEM RESET agri_backup.rate_limit');
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');

# A damaged page is named, recorded and shown; the backup is taken all the same.
my $path = $node->safe_psql('postgres', "SELECT pg_relation_filepath('home')");
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop('fast');
open my $relation, '+<:raw', $node->data_dir . "/$path" or die;
seek $relation, 3 * 8192 + 4000, 0;
print $relation 'damage';
close $relation;
$node->start;
($code, $backup, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
like($err, qr/WARNING:.*\Q$backup\E holds 1 page with wrong checksums/, 'agri_backup_now() warns of the damaged page');
is($node->safe_psql('postgres', "SELECT page_failures FROM agri_backup.backups WHERE backup_id = '$backup'"), '1', 'the damaged page is counted');
ok($node->log_contains(qr/block 3.*home|home.*block 3/), 'the log names relation and block');
($code, $out, $err) = $node->psql('postgres', 'CALL agri_backup()');
is($code, 0, 'CALL agri_backup() succeeds');
like($err, qr/WARNING:.*holds 1 page with wrong checksums/, 'and warns of the damaged page');

$node->stop('fast');
done_testing();
