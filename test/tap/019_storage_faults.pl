# Storage that is full, read-only, gone or slow, and a machine that is out of descriptors or processes: what
# cannot be done fails with its reason, leaves nothing half there, and goes on by itself once it can. The data
# directory's path is longer than the path of a socket may be. A canary session runs through all of it.
# Runs alone: how many processes a user may have depends on what else this user runs.
use strict;
use warnings;
use POSIX ();

use Mounts;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $place = PostgreSQL::Test::Utils::tempdir_short();
my ($disk, $mount) = ("$place/disk", "$place/mount");
mkdir $_ for $disk, $mount;
new_mount($disk, '256m');
with_mount_rights("mount --bind $disk $mount") or die 'no mount';
END { with_mount_rights("umount -l $mount") if $place }

my $node = new_server('storage_faults_' . 'x' x 90, repository => "$mount/repository", cluster => 'faults', conf => <<'CONF');
autovacuum = off
checkpoint_timeout = 1h
agri_backup.archive_deadline = 10s
agri_backup.parallel = 4
CONF
cmp_ok(length($node->data_dir), '>', 107, 'the path of the data directory is longer than that of a socket may be');
my $canary = hire_canary($node, song => 'INSERT INTO songs DEFAULT VALUES RETURNING 1');
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query) }
sub status { my ($column) = @_; return sql("SELECT $column FROM agri_backup.status") }
sub set { my ($name, $value) = @_; sql("ALTER SYSTEM SET $name = '$value'"); sql('SELECT pg_reload_conf()'); return }
# Noise that no compression makes smaller.
sub noise { my ($mb) = @_; return sql("INSERT INTO noise SELECT (SELECT string_agg(sha512((i * 16384 + n)::text::bytea || random()::text::bytea), '') FROM generate_series(1, 16384) n) FROM generate_series(1, $mb) i") }
sub wait_state { my ($state) = @_; return wait_for("archiving to be $state", sub { canary_sings($canary); status('state') eq $state }) }
sub backup_ids { return join ' ', sort map { $_->{backup_id} } @{ cli_json($node, 'info')->{backups} } }
sub files_of { my ($what) = @_; my @found = split /\n/, `find '$mount/repository' $what -type f`; return @found }
sub litter { return files_of("'(' -path '*/intents/*' -o -path '*/.tmp/*' -o -path '*/packs/*' ')'") }
# No more than what was there before; archiving, which tries again and again, has a file for a moment.
sub wait_clean
{
    my ($title, @before) = @_;
    my %known = map { $_ => 1 } @before;
    my @new;
    my $clean = eval { wait_for($title, sub { canary_sings($canary); !(@new = grep { !$known{$_} } litter()) }) };
    return ok($clean, $title) || diag("@new");
}
# Ends with how a session said no.
sub refused_backup
{
    my ($title, $pattern) = @_;
    my ($before, @left) = (backup_ids(), litter());
    my ($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
    isnt($code, 0, "$title: a backup fails");
    like($err, $pattern, "$title: and says why");
    return ($before, @left);
}
sub ballast
{
    my ($leave) = @_;
    my ($free) = `df --output=avail -B1 $disk` =~ /(\d+)\s*$/;
    open my $file, '>', "$disk/ballast" or die;
    my $chunk = "\0" x 4096;
    for (my $left = $free - $leave; $left > 0; $left -= 4096) { last unless syswrite $file, $chunk }
    close $file;
    return;
}

sql('CREATE TABLE songs (id serial PRIMARY KEY); CREATE TABLE noise (bytes bytea); ALTER TABLE noise ALTER bytes SET STORAGE EXTERNAL');
backup_now($node);
wait_archived($node);
canary_sings($canary);

# Full: archiving says so, and goes on by itself when there is room again.
ballast(0);
noise(3);
sql('SELECT pg_switch_wal()');
wait_state('failing');
like(status('last_error'), qr/\Q$mount\E.*No space left/, 'full: the error names the file and the reason');
like(status('last_error_hint'), qr/Free space in the repository/, 'full: and the way out');
my ($before, @left) = refused_backup('full', qr/[Nn]o space/);
is(backup_ids(), $before, 'full: no backup is there that was not');
{
    my ($code, $out, $err) = cli($node, 'wal-push', $node->data_dir . '/pg_wal');
    is($code, 9, 'full: wal-push says that there is no space') or diag("$out\n$err");
}
unlink "$disk/ballast" or die;
wait_state('ok');
wait_archived($node);

# Room for WAL, not for the next backup: it is cut off in the midst of its packs.
noise(20);
wait_archived($node);
ballast(6 << 20);
($before, @left) = refused_backup('too little room', qr/[Nn]o space left/);
is(backup_ids(), $before, 'too little room: no half of a backup is visible');
wait_clean('too little room: and it left no file', @left);
cli_ok($node, 'too little room: what was there is whole', 'verify');
canary_sings($canary);
unlink "$disk/ballast" or die;
my $backup = backup_now($node);
like($backup, qr/full/, 'with room again the next backup succeeds');

# Read-only, as after an error of the disk.
wait_for('the read-only mount', sub { with_mount_rights("mount -o remount,bind,ro $mount") });
sql('SELECT pg_switch_wal()') if noise(1) || 1;
wait_state('failing');
like(status('last_error'), qr/\Q$mount\E.*Read-only file system/, 'read-only: the error names the file and the reason');
refused_backup('read-only', qr/[Rr]ead-only/);
cli_ok($node, 'read-only: what is there can be verified', 'verify');
with_mount_rights("mount -o remount,bind,rw $mount") or die;
wait_state('ok');
wait_archived($node);

# Vanished: what is under the mount point is taken for no repository, nor made into one.
with_mount_rights("umount -l $mount") or die;
noise(1);
sql('SELECT pg_switch_wal()');
wait_state('failing');
like(status("last_error || coalesce(last_error_hint, '')"), qr/\Q$mount\E|mounted/, 'vanished: the error names the folder');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'vanished: a backup fails');
is(scalar(() = glob "$mount/*"), 0, 'vanished: nothing was written under the mount point');
with_mount_rights("mount --bind $disk $mount") or die;
wait_state('ok');
wait_archived($node);

# Slow as tape: one segment takes longer than the server waits for a process that says nothing. It is not silent.
my $failed = sql('SELECT failed_count FROM pg_stat_archiver');
set('agri_backup.rate_limit', '1MB');
noise(16);
wait_archived($node);
canary_sings($canary);
is(status('state'), 'ok', 'slow: archiving is fine');
is(sql('SELECT failed_count FROM pg_stat_archiver'), $failed, 'slow: and no file had to be tried again');

# Descriptors run out under a backup, which the slow storage keeps busy: it goes on once there are some again, or
# fails with the reason and removes what it wrote.
set('agri_backup.rate_limit', '4MB');
@left = litter();
my $slow = session($node, on_error_stop => 0);
$slow->query_until(qr/started/, "\\echo started\nCALL agri_backup();\n");
wait_for('the job to copy', sub { canary_sings($canary); litter() > @left + 1 });
my $job = sql("SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'");
is(system('prlimit', '--pid', $job, '--nofile=8:'), 0, 'a job may open no file any more');
wait_for('the lack to be told', sub { canary_sings($canary); slurp_file($node->logfile) =~ /\[$job\] warning agri_backup job: waiting to try again: .*Too many open files|\[$job\].* failed: / });
pass('descriptors: a job that waits for some says so at once');
system('prlimit', '--pid', $job, '--nofile=1024:');
wait_for('the job to be over', sub { canary_sings($canary); sql("SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
$slow->quit;
my ($ended, $error) = split /\|/, sql('SELECT state, error FROM agri_backup.jobs() ORDER BY since DESC LIMIT 1');
if ($ended eq 'failed')
{
    like($error, qr/Too many open files/, 'descriptors: the job says why it failed');
    wait_clean('descriptors: and it left no file', @left);
}
else { is($ended, 'done', 'descriptors: the job went on when there were some again') }
cli_ok($node, 'descriptors: what is in the repository is whole', 'verify');
set('agri_backup.rate_limit', '0');

# And for the archiving process.
my $pid = status('archiving_pid');
is(system('prlimit', '--pid', $pid, '--nofile=8:'), 0, 'the archiving process may open no file any more');
noise(1);
sql('SELECT pg_switch_wal()');
wait_for('the lack to be told', sub { canary_sings($canary); slurp_file($node->logfile) =~ /\[$pid\] \w+ agri_backup archiving: .*Too many open files/ });
wait_for('archiving to fail', sub { canary_sings($canary); status("coalesce(last_error, '')") =~ /Too many open files|does not answer/ });
# It must wait, not spin: of the at least ten seconds that the archiver waits a spinning process uses most.
sub cpu_seconds { my ($of) = @_; my @field = split / /, slurp_file("/proc/$of/stat"); return ($field[13] + $field[14]) / POSIX::sysconf(POSIX::_SC_CLK_TCK()) }
my ($used, $tries) = (cpu_seconds($pid), sql('SELECT failed_count FROM pg_stat_archiver'));
wait_for('the next try', sub { canary_sings($canary); sql('SELECT failed_count FROM pg_stat_archiver') > $tries });
cmp_ok(cpu_seconds($pid) - $used, '<', 4, 'descriptors: the archiving process waits without spinning');
system('prlimit', '--pid', $pid, '--nofile=1024:');
wait_archived($node);
wait_state('ok');

# The process limit is reached: a process that died cannot be started again until there is room.
my $supervisor = status('supervisor_pid');
my ($most) = `prlimit --pid $supervisor --nproc --noheadings --raw --output SOFT` =~ /(\w+)/;
is(system('prlimit', '--pid', $supervisor, '--nproc=1:'), 0, 'the supervisor may start no process any more');
kill 'KILL', status('archiving_pid');
wait_for('the lack to be told', sub { canary_sings($canary); sql("SELECT coalesce(problem, '') || coalesce(last_error, '') FROM agri_backup.processes()") =~ /Resource temporarily unavailable/ });
pass('processes: the status says why nothing is archived');
sql('SELECT pg_switch_wal()') if noise(1) || 1;
system('prlimit', '--pid', $supervisor, "--nproc=$most:");
wait_state('ok');
wait_archived($node);

# The same for threads, at every number of them: it fails with its reason, or works.
sub cli_limited
{
    my ($limit, @arguments) = @_;
    my $of = repository_of($node);
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'prlimit', "--nproc=$limit", program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}",
            '--cluster', $of->{cluster}, '--parallel', 4, @arguments ], '<', \undef, '>', \$out, '2>', \$err);
    return ($?, $err);
}
# Fewest processes allowed with which one more can be started.
my ($no, $yes) = (0, 4096);
while ($yes - $no > 1)
{
    my $try = int(($yes + $no) / 2);
    system('prlimit', "--nproc=$try", $^X, '-e', 'my $p = fork; exit 1 unless defined $p; exit 0 unless $p; waitpid $p, 0; exit 0') == 0 ? ($yes = $try) : ($no = $try);
}
my ($succeeded, $lacked) = (0, 0);
for my $more (0 .. 6)
{
    my $folder = free_folder('limited');
    my ($how, $said) = cli_limited($yes - 1 + $more, 'restore', '--as', 'clone', '--target-dir', $folder);
    is($how & 127, 0, "processes: a restore with $more threads more ends by itself") or diag($said);
    if ($how == 0) { ++$succeeded }
    else { ++$lacked; like($said, qr/Resource temporarily unavailable|thread/, 'and says why') }
    system('rm', '-rf', $folder);
}
cmp_ok($succeeded, '>', 0, 'processes: with enough of them a restore succeeds');

# All of it, whole.
canary_sings($canary);
wait_archived($node);
$backup = backup_now($node);
is(litter() > 0 && !grep({ m{/intents/|/\.tmp/} } files_of('')), 1, 'no intent and no unfinished file is left');
is(sql('SELECT object, problem FROM agri_verify()'), '', 'nothing is missing or damaged');
is(sql("SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');
my ($first) = split / /, backup_ids();
my $truth = fingerprint($node, 'postgres');
wait_archived($node);
my ($rcode, $rout, $rerr, $folder) = restore($node, '--as', 'clone', '--backup', $first);
is($rcode, 0, 'restore from the first backup through all of it') or diag($rerr);
my $restored = start_restored($folder, 'after_faults', like => $node);
is(fingerprint($restored, 'postgres'), $truth, 'the data is whole');
$restored->stop('fast');
dismiss_canary($canary);
$node->stop('fast');
done_testing();
