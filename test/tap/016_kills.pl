# kill -9 at random moments, of every process that takes part: nothing acknowledged is lost or half there, and
# the next try succeeds. AGRI_KILLS: how many (default 50), AGRI_SEED: the same choices again.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use AgriBackup;

my $kills = $ENV{AGRI_KILLS} // 50;
my $seed = $ENV{AGRI_SEED} // time;
srand($seed);
diag("AGRI_KILLS=$kills AGRI_SEED=$seed");

my $node = new_server('kills', conf => <<'CONF');
restart_after_crash = on
autovacuum = off
log_checkpoints = off
checkpoint_timeout = 1h
max_connections = 30
CONF
$node->safe_psql('postgres', 'CREATE TABLE truth (id int PRIMARY KEY, filler text);'
      . q{CREATE TABLE bulk AS SELECT i, md5(i::text) AS text FROM generate_series(1, 200000) i});
my @backups = (backup_now($node));    # acknowledged
my $written = 0;                      # truth's rows 1..$written are committed, and said to be
my $canary;

sub sql { my ($query) = @_; my ($code, $out) = $node->psql('postgres', $query); return $code == 0 ? $out : undef }
sub is_up { my $answer = sql('SELECT 1'); return defined $answer && $answer eq '1' }

sub write_truth
{
    my $next = $written + 1;
    my $done = sql("INSERT INTO truth SELECT $next, repeat(md5('$next'), 200) ON CONFLICT DO NOTHING; "
          . "UPDATE bulk SET text = text WHERE i % 37 = $next % 37; SELECT pg_switch_wal()");
    $written = $next if defined $done;
}

sub wait_until_up
{
    wait_for('the server to accept connections', \&is_up);
    wait_for('the archiving process', sub { (sql('SELECT archiving_pid IS NOT NULL FROM agri_backup.status') // '') eq 't' });
}

# A random moment is what this test is about: it waits for nothing.
sub some_moment { my ($longest_ms) = @_; Time::HiRes::usleep(int rand($longest_ms * 1000)); return }

# agri_backup_now() in a session of its own; { run, out } whose backup counts once it has answered.
sub begin_backup
{
    my $session = { out => '', err => '' };
    $session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
            "SET application_name = 'victim'", '-c', 'SELECT agri_backup_now()' ], '<', \undef, '>', \$session->{out}, '2>', \$session->{err});
    return $session;
}
sub end_backup
{
    my ($session) = @_;
    $session->{run}->finish;
    push @backups, $1 if $session->{out} =~ /^(\d{8}T\w+-full-\w+)$/m;
    return;
}

sub kill_process { my ($pid) = @_; return $pid && kill 'KILL', $pid }
sub kill_by { my ($query) = @_; return kill_process(sql($query)) }

# Each kills once and returns whether it did; the second element says that the server restarts by design of
# PostgreSQL (a process attached to its shared memory was killed).
my %victims = (
    'archiving process' => [ sub { write_truth(); some_moment(30); return kill_by('SELECT archiving_pid FROM agri_backup.status') }, 0 ],
    'job' => [ sub {
        my $session = begin_backup();
        my $pid;
        wait_for('a job process', sub {
            $session->{run}->pump_nb;
            $pid = sql("SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running' AND process_pid IS NOT NULL");
            return $pid || !$session->{run}->pumpable });
        some_moment(400);
        my $killed = kill_process($pid);
        end_backup($session);
        return $killed }, 0 ],
    'supervisor' => [ sub { return kill_by('SELECT supervisor_pid FROM agri_backup.status') }, 1 ],
    'backend' => [ sub {
        my $session = begin_backup();
        some_moment(400);
        my $killed = kill_by("SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'");
        end_backup($session);
        return $killed }, 1 ],
    'archiver' => [ sub { write_truth(); return kill_by("SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'") }, 1 ],
    'postmaster' => [ sub {
        my $session = begin_backup();
        some_moment(400);
        my @children = split /\n/, sql('SELECT pid FROM pg_stat_activity') // '';
        my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
        kill_process($pid);
        end_backup($session);
        wait_for('its children to be gone', sub { !grep { kill 0, $_ } $pid, @children });
        $node->{_pid} = undef;
        $node->start;
        return 1 }, 1 ],
    'restore' => [ sub {
        my $folder = free_folder('restored');
        my @command = ('restore', '--as', 'clone', '--target-dir', $folder, '--target-immediate');
        my ($out, $err) = ('', '');
        my $of = repository_of($node);
        my $run = IPC::Run::start([ program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster}, @command ],
            '<', \undef, '>', \$out, '2>', \$err);
        some_moment(300);
        $run->kill_kill(grace => 0) if $run->pumpable;
        eval { $run->finish };
        my $was_cut = !-e "$folder/global/pg_control";
        my ($code, $stdout, $stderr) = cli($node, @command);
        if ($was_cut) { is($code, 0, 'an interrupted restore goes on') or diag($stderr) }
        is(system('pg_verifybackup', '-q', '-n', $folder), 0, 'what was restored is what the manifest says');
        system('rm', '-rf', $folder);
        return 1 }, 0 ],
    'wal-fetch' => [ sub {
        my $segment = wait_archived($node);
        my $to = free_folder('segment');
        my $of = repository_of($node);
        my ($out, $err) = ('', '');
        my $run = IPC::Run::start([ program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster},
                'wal-fetch', $segment, $to ], '<', \undef, '>', \$out, '2>', \$err);
        some_moment(30);
        $run->kill_kill(grace => 0) if $run->pumpable;
        eval { $run->finish };
        ok(!-e $to || -s $to == 16 * 1024 * 1024, 'a killed wal-fetch leaves a whole segment or none');
        my ($code, $stdout, $stderr) = cli($node, 'wal-fetch', $segment, $to);
        is($code, 0, "the next wal-fetch of $segment succeeds") or diag($stderr);
        my $local = $node->data_dir . "/pg_wal/$segment";
        is(system('cmp', '-s', $to, $local), 0, 'the segment is what was archived') if -e $local;
        unlink $to;
        return 1 }, 0 ]);

$canary = hire_canary($node);
my %count;
my @names = sort keys %victims;
while ((my $done = eval { my $sum = 0; $sum += $_ for values %count; $sum }) < $kills)
{
    my $name = $names[ $done < @names ? $done : rand @names ];
    my ($strike, $restarts) = @{ $victims{$name} };
    write_truth();
    next unless $strike->();
    ++$count{$name};
    if ($restarts)
    {
        wait_until_up();
        hire_canary($node, again => $canary);
    }
    else { canary_sings($canary) }
    wait_until_up();
    write_truth();
}
diag(join ', ', map { "$_: $count{$_}" } sort keys %count);
dismiss_canary($canary);

# What was acknowledged is there and sound, and the next backup succeeds.
wait_archived($node);
push @backups, backup_now($node);
my %listed = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT backup_id FROM agri_backup.backups WHERE problem IS NULL');
is(join(' ', grep { !$listed{$_} } @backups), '', scalar(@backups) . ' acknowledged backups are all there');
is($node->safe_psql('postgres', 'SELECT object, problem FROM agri_verify()'), '', 'no object that a restore needs is missing or damaged');
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'"), '0', 'no job is left running');
my $truth = $node->safe_psql('postgres', 'SELECT count(*), max(id), sum(hashtext(filler)) FROM truth');
like($truth, qr/^$written\|$written\|/, 'the server itself has every committed row');

wait_archived($node);
my ($code, $out, $err, $folder) = restore($node, '--as', 'clone', '--backup', $backups[0]);
is($code, 0, 'restore from the first backup through all of it') or diag($err);
my $restored = start_restored($folder, 'after_kills', like => $node);
is($restored->safe_psql('postgres', 'SELECT count(*), max(id), sum(hashtext(filler)) FROM truth'), $truth, 'every committed row is restored');
$restored->stop('fast');
$node->stop('fast');
done_testing();
