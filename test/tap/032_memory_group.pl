# A memory cgroup, as a container or a service has one: where it runs out, the kernel kills, and a backup before
# anything else. Nothing acknowledged is lost or half there, the next try succeeds, and a canary session notices
# nothing. With memory_limit and no more for all that it does, page cache included, each process gets through.
# AGRI_LONG=1: with a database several times as large.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

use constant MIB => 1 << 20;
use constant ALLOWED => 256 * MIB;    # the default of agri_backup.memory_limit

my $lent = $ENV{AGRI_MEMORY_GROUP};    # by test/lib/tap.sh; this process is in its group `tests`
plan skip_all => $ENV{AGRI_NO_MEMORY_GROUP} || 'no memory cgroup was lent: run by test/run.sh' unless $lent;
plan skip_all => 'files are in memory here, which counts against every group: set TMPDIR to a folder on a disk'
  if `stat -f -c %T '$PostgreSQL::Test::Utils::tmp_check'` =~ /^(?:tmpfs|ramfs)$/;
my $is_version_1 = -e "$lent/memory.limit_in_bytes";

sub set
{
    my ($group, $file, $value) = @_;
    open my $handle, '>', "$lent/$group/$file" or die "$group/$file: $!";
    syswrite $handle, "$value\n" or die "$group/$file, $value: $!";
    close $handle;
    return;
}
# What a process had before it is moved counts for the group that it had it in.
sub move { my ($group, $pid) = @_; set($group, 'cgroup.procs', $pid); return }
# Without swap, which would only put the end off.
sub new_group
{
    my ($group, $bytes) = @_;
    my ($memory, $swap) = $is_version_1 ? qw(memory.limit_in_bytes memory.memsw.limit_in_bytes) : qw(memory.max memory.swap.max);
    mkdir "$lent/$group" or die "$lent/$group: $!";
    set($group, $memory, $bytes);
    set($group, $swap, $is_version_1 ? $bytes : 0) if -e "$lent/$group/$swap";
    return;
}
sub kills
{
    my ($group) = @_;
    my ($kills) = slurp_file("$lent/$group/" . ($is_version_1 ? 'memory.oom_control' : 'memory.events')) =~ /^oom_kill (\d+)$/m;
    return $kills // die "no count of kills in $group";
}

my $node = new_server('memory_group', conf => <<'CONF');
autovacuum = off
checkpoint_timeout = 1h
agri_backup.archive_deadline = 10s
agri_backup.parallel = 2
CONF
my $of = repository_of($node);
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query) }
sub status { my ($column) = @_; return sql("SELECT $column FROM agri_backup.status") }
sub job { return sql("SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'") || undef }
sub configure { my (%value) = @_; $node->append_conf('postgresql.conf', "agri_backup.$_ = $value{$_}") for sort keys %value; $node->reload; return }
sub litter { return `find '$of->{folder}' '(' -path '*/intents/*' -o -path '*/.tmp/*' ')' -type f | wc -l` + 0 }
# What a process has for itself alone, in KiB; 0 when it is gone.
sub anonymous_of { my ($pid) = @_; return eval { slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m ? $1 : 0 } // 0 }
my $canary = hire_canary($node);
# A query in a session of its own, beside which the canary sings.
sub begin
{
    my ($query) = @_;
    my $session = { out => '', err => '' };
    $session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $query ], '<', \undef, '>', \$session->{out}, '2>', \$session->{err});
    return $session;
}
sub await { my ($session) = @_; wait_for('a session', sub { canary_sings($canary); $session->{run}->pump_nb; !$session->{run}->pumpable }); $session->{run}->finish; return $session }
# The program, as a command of a person who is in a group.
sub command
{
    my ($group, @arguments) = @_;
    my ($stdout, $stderr) = ('', '');
    IPC::Run::run([ program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster}, '--parallel', 8, @arguments ],
        '<', \undef, '>', \$stdout, '2>', \$stderr, init => sub { move($group, $$) });
    return ($?, $stdout, $stderr);
}

# Nothing in it can be compressed. It is in a database that can be copied.
sql('CREATE DATABASE source');
$node->safe_psql('source', q{CREATE TABLE noise AS SELECT i, (SELECT string_agg(sha512((i * 100 + j)::text::bytea), '') FROM generate_series(1, 30) j) AS bytes
      FROM generate_series(1, 30000) i});
my $first = backup_now($node);

# A new archiving process may not have what the WAL that waits for it needs.
wait_archived($node);
my $ended = status('archiving_pid');
kill 'KILL', $ended;
my $pid;
wait_for('a new archiving process', sub { $pid = sql("SELECT archiving_pid FROM agri_backup.status WHERE state = 'ok' AND archiving_pid <> $ended") });
new_group('small', 16 * MIB);
move('small', $pid);
$node->safe_psql('source', 'UPDATE noise SET i = -i WHERE i % 2 = 0; SELECT pg_switch_wal()');
wait_for('another archiving process', sub { canary_sings($canary); status("coalesce(archiving_pid <> $pid, false)") eq 't' });
is(kills('small'), 1, 'the kernel kills the archiving process');
is(status('last_exit'), "archiving process $pid was ended by signal 9: Killed", 'the status says how it ended');
my ($said) = slurp_file($node->logfile) =~ /LOG:  (agri_backup: archiving process $pid was .*\n.*\n.*\n)/;
like($said // '', qr/was ended by signal 9: Killed\n.*DETAIL:  Sessions are not affected.*\n.*HINT:  .*memory runs out.*dmesg/, 'and the server log, why that may be');
wait_archived($node);
ok(wait_for('its state', sub { status('state') eq 'ok' }), 'the next one archives everything');

# In the midst of a backup something else in its container wants what is not left: the smaller job gives way.
new_group('shared', 512 * MIB);
configure(compression_level => 19, parallel => 8);
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
move('shared', $postmaster);    # its children are born where it is
my $backup = begin('SELECT agri_backup_now()');
wait_for('the job to have all it needs, and to copy', sub {
    canary_sings($canary);
    my $job = job();
    return $job && anonymous_of($job) > 120 * 1024 && sql('SELECT max(bytes_done) > 0 FROM agri_backup.progress') eq 't' });
move('tests', $postmaster);
is(kills('shared'), 0, 'the job has room');
cmp_ok(litter(), '>', 0, 'something of the backup is in the repository');
# The kernel may kill that as well, when it is asked again before it has freed what the job had.
IPC::Run::run([ $^X, '-e', 'my $much = "x" x 400 x 1048576' ], '<', \undef, '>', \my $ignored, '2>&1', init => sub { move('shared', $$) });
await($backup);
cmp_ok(kills('shared'), '>', 0, 'the kernel kills');
is($backup->{out}, '', 'the backup is not acknowledged');
like($backup->{err}, qr/ERROR:  job process was ended by signal 9: Killed\nHINT:  Sessions and archiving are not affected\. .*memory runs out.*dmesg.*memory_limit/,
    'and its caller learns why');
sql('SELECT agri_refresh()');
is(sql('SELECT string_agg(backup_id, \' \') FROM agri_backup.backups'), $first, 'nor is it to be seen');
configure(compression_level => 1, parallel => 2);
my $next = backup_now($node);
is(sql("SELECT count(*) FROM agri_backup.backups WHERE backup_id = '$next' AND problem IS NULL"), '1', 'the next backup succeeds');
is(litter(), 0, 'and leaves nothing of the one before');

# A restore, from before all that, which may not have what it needs.
wait_archived($node);
my $folder = free_folder('restored');
my @restore = ('restore', '--as', 'clone', '--target-dir', $folder);
new_group('small_command', 8 * MIB);
my ($how, $out, $err) = command('small_command', @restore, '--backup', $first);
is($how, 9, 'a restore is killed') or diag("$out\n$err");
is(kills('small_command'), 1, 'by the kernel');
ok(-e "$folder/agri_backup.restore" && -e "$folder/PG_VERSION", 'in its midst');
ok(!-e "$folder/global/pg_control", 'what it restored cannot be started');
($how, $out, $err) = command('tests', @restore);
is($how, 0, 'with room the next one succeeds') or diag($err);
like($err, qr/because an unfinished restore of it is there/, 'and goes on where it was');
my $restored = start_restored($folder, 'restored', like => $node);
is(fingerprint($restored, 'source'), fingerprint($node, 'source'), 'the data is whole, through all WAL');
$restored->stop('fast');
system('rm', '-rf', $folder);

# More than agri_backup.memory_limit to read and to write.
configure(parallel => 8);
my @copies = map { "copy_$_" } 1 .. ($ENV{AGRI_LONG} ? 20 : 5);
for (@copies) { sql("CREATE DATABASE $_ TEMPLATE source STRATEGY file_copy"); canary_sings($canary) }
new_group('backup', ALLOWED);
move('backup', $postmaster);
$backup = await(begin('SELECT agri_backup_now()'));
move('tests', $postmaster);
like($backup->{out}, qr/^\d{8}T\w+-full-\w+\n$/, 'a backup in 256 MiB, page cache included') or diag($backup->{err});
my ($id) = $backup->{out} =~ /(\S+)/;
cmp_ok(sql("SELECT least(bytes, stored_bytes) FROM agri_backup.backups WHERE backup_id = '$id'"), '>', ALLOWED, 'of more than that');
$folder = free_folder('restored');
new_group('restore', ALLOWED);
($how, $out, $err) = command('restore', 'restore', '--as', 'clone', '--target-dir', $folder, '--backup', $id);
is($how, 0, 'a restore in 256 MiB') or diag($err);
is(kills($_), 0, "nothing was killed in the $_") for qw(backup restore);
wait_archived($node);
$restored = start_restored($folder, 'large', like => $node);
my $truth = fingerprint($node, 'source');
is(fingerprint($restored, $_), $truth, "the data of $_ is whole") for 'source', @copies;
$restored->stop('fast');

is(sql("SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');
is(sql('SELECT object, problem FROM agri_verify()'), '', 'nothing is missing or damaged');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'the kernel never chose a process of the server');
dismiss_canary($canary);
$node->stop('fast');
done_testing();
