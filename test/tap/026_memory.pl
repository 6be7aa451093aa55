# Too little memory, and very many files. A process that gets no memory says so and dies, the sessions and the
# archiving go on, and the next try succeeds; with 30,000 files (AGRI_LONG=1: 1,000,000) no process needs more than it
# may use. A canary session runs through all of it.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

use constant KIB_ALLOWED => 256 * 1024;    # the default of agri_backup.memory_limit

my $node = new_server('memory', conf => "autovacuum = off\ncheckpoint_timeout = 1h\nagri_backup.archive_deadline = 10s\n");
my $of = repository_of($node);
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query) }
sql('CREATE TABLE noise AS SELECT i, sha512(i::text::bytea || random()::text::bytea) AS bytes FROM generate_series(1, 60000) i');
my $canary = hire_canary($node);
# A limit of what it has now and a little more: of data, because the heaps of its threads have their addresses already.
sub give_no_more_memory
{
    my ($pid) = @_;
    my ($kib) = slurp_file("/proc/$pid/status") =~ /^VmData:\s+(\d+)/m;
    return system('prlimit', '--pid', $pid, '--data=' . ($kib + 512) * 1024 . ':') == 0;
}
sub litter { return `find '$of->{folder}' '(' -path '*/intents/*' -o -path '*/.tmp/*' ')' -type f | wc -l` + 0 }

# A new archiving process gets no memory for its first segment: another one, without that limit, archives it.
wait_archived($node);
my $killed = sql('SELECT archiving_pid FROM agri_backup.status');
kill 'KILL', $killed;
my $pid;
wait_for('a new archiving process', sub {
    $pid = sql("SELECT archiving_pid FROM agri_backup.status WHERE state = 'ok' AND archiving_pid <> $killed") });
ok(give_no_more_memory($pid), 'the archiving process gets no more memory');
sql('UPDATE noise SET i = -i WHERE i % 7 = 0; SELECT pg_switch_wal()');
wait_for('another archiving process', sub { canary_sings($canary); sql("SELECT coalesce(archiving_pid <> $pid, false) FROM agri_backup.status") eq 't' });
like(slurp_file($node->logfile), qr/\[$pid\] critical agri_backup archiving: out of memory/, 'it says that it has none, and ends');
wait_archived($node);
ok(wait_for('its state', sub { sql('SELECT state FROM agri_backup.status') eq 'ok' }), 'and archiving goes on');

# A backup that slow storage keeps busy gets none.
$node->append_conf('postgresql.conf', "agri_backup.rate_limit = '2MB'");
$node->reload;
my ($out, $err) = ('', '');
my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT agri_backup_now()' ], '<', \undef, '>', \$out, '2>', \$err);
wait_for('the backup to copy', sub { canary_sings($canary); $run->pump_nb; sql('SELECT coalesce(max(bytes_done), 0) FROM agri_backup.progress') > 0 });
my $job = sql("SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'");
ok(give_no_more_memory($job), 'a job gets no more memory');
$node->append_conf('postgresql.conf', 'agri_backup.rate_limit = 0');
$node->reload;
wait_for('the job to end', sub { canary_sings($canary); $run->pump_nb; sql("SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
$run->finish;
my ($state, $error) = split /\|/, sql('SELECT state, error FROM agri_backup.jobs() ORDER BY since DESC LIMIT 1');
if ($state eq 'failed')
{
    unlike("$out", qr/full/, 'its backup is not acknowledged');
    like("$error\n" . slurp_file($node->logfile), qr/memory|bad_alloc/, 'and it says why');
}
else { is($state, 'done', 'it could do without') }
my $backup = backup_now($node);
is(litter(), 0, 'the next backup succeeds, and nothing is left of the one before');

# The program by hand, with more and more: it does what it is told, or says that it cannot.
my $segment = wait_archived($node);
for my $command ([ 'verify' ], [ 'restore', '--as', 'clone', '--target-dir' ], [ 'wal-fetch', $segment ], [ 'info' ])
{
    my ($succeeded, $lacked) = (0, 0);
    for (my $limit = 12; $limit <= 512 && !$succeeded; $limit = int($limit * 1.4))
    {
        my $folder = free_folder('limited');
        my @more = $command->[0] =~ /restore|wal-fetch/ ? ($folder) : ();
        my ($said_out, $said) = ('', '');
        IPC::Run::run([ 'prlimit', '--as=' . ($limit << 20), program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}",
                '--cluster', $of->{cluster}, '--parallel', 2, @$command, @more ], '<', \undef, '>', \$said_out, '2>', \$said);
        my $how = $?;
        is($how & 127, 0, "$command->[0] with $limit MB ends by itself") or diag($said);
        if ($how == 0) { ++$succeeded }
        else { ++$lacked; like($said, qr/memory|bad_alloc|thread|Resource temporarily unavailable|shared object|error while loading/i, 'and says why') }
        isnt($how >> 8, 1, 'and not that there is no such segment') if $command->[0] eq 'wal-fetch' && $how;
        ok(!-e "$folder/global/pg_control", 'what it restored cannot be started') if $command->[0] eq 'restore' && $how;
        system('rm', '-rf', $folder);
    }
    cmp_ok($lacked, '>', 0, "$command->[0]: too little was tried");
    is($succeeded, 1, "$command->[0]: with enough memory it succeeds");
}
canary_sings($canary);

# Very many files.
my $files = $ENV{AGRI_LONG} ? 1_000_000 : 30_000;
my $many = $node->data_dir . '/many';
mkdir $many or die;
for my $n (1 .. $files)
{
    my $folder = sprintf '%s/%03d', $many, $n % 500;
    mkdir $folder if $n <= 500;
    open my $file, '>', "$folder/$n" or die;
    print $file "file $n";
    close $file;
}
my $id = sql('SELECT agri_backup_now(wait => false)');
my $process = sql("SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'");
my $peak = 0;
wait_for('the backup', sub { my $now = peak_of($process); $peak = $now if $now; return !$now });
wait_for('its end', sub { canary_sings($canary); sql("SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
is(sql("SELECT count(*) FROM agri_backup.backups WHERE backup_id = '$id' AND problem IS NULL AND files > $files"), '1', "a backup of $files files");
my %peak = (backup => $peak);
my $folder = free_folder('restored');
for my $command ([ 'restore', '--as', 'clone', '--target-dir', $folder, '--backup', $id ], [ 'verify' ], [ 'info' ])
{
    (my $code, undef, my $said, $peak{ $command->[0] }) = measured_cli($node, @$command);
    is($code, 0, "$command->[0] of them") or diag($said);
}
note("peak of $_: $peak{$_} KiB") for sort keys %peak;
cmp_ok($peak{$_}, '<', KIB_ALLOWED, "$_: stays within agri_backup.memory_limit") for sort keys %peak;
cmp_ok($peak{$_}, '>', 4096, "$_: its memory was seen") for qw(backup restore verify);
is(system('diff', '-rq', $many, "$folder/many"), 0, 'every file is as it was');
wait_archived($node);
my $restored = start_restored($folder, 'restored', like => $node);
is(fingerprint($restored, 'postgres'), fingerprint($node, 'postgres'), 'the data is whole');
$restored->stop('fast');
dismiss_canary($canary);
$node->stop('fast');
done_testing();
