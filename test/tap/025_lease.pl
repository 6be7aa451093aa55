# A job is stopped (SIGSTOP) for longer than its lease lasts, another server takes over, and then the job goes on:
# it commits nothing, harms nothing of the other's, and says what happened. Both ways, on a primary and its standby;
# leases last two seconds here. A canary session runs through all of it.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $primary = new_server('primary', initdb => ['--wal-segsize=1'], conf => <<'CONF');
agri_backup.debug_lease_time = 2s
autovacuum = off
wal_keep_size = 1GB
CONF
my $of = repository_of($primary);
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE harvest AS SELECT i, sha512(i::text::bytea || random()::text::bytea) AS bytes FROM generate_series(1, 60000) i;
CREATE TABLE marks (n int);
SQL
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
my $canary = hire_canary($primary);

sub running { my ($on) = @_; return $on->safe_psql('postgres', "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running' AND process_pid IS NOT NULL") }
# A thread that is in the middle of a call stops after it.
sub is_asleep
{
    my ($pid) = @_;
    return !grep { slurp_file($_) !~ /^\d+ \(.*\) T /s } glob "/proc/$pid/task/*/stat";
}
sub backups { return join ' ', sort map { $_->{backup_id} } @{ cli_json($primary, 'info')->{backups} } }
sub begin_backup
{
    my ($on) = @_;
    my $session = { out => '', err => '' };
    $session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $on->connstr('postgres'), '-c', 'SELECT agri_backup_now()' ],
        '<', \undef, '>', \$session->{out}, '2>', \$session->{err});
    return $session;
}
# A standby's backup ends with WAL that its primary archives, and that it has replayed itself.
my $mark = 0;
sub end_backup
{
    my ($session) = @_;
    while ($session->{run}->pumpable)
    {
        ++$mark;
        $primary->safe_psql('postgres', "INSERT INTO marks VALUES ($mark); SELECT pg_switch_wal()");
        $primary->wait_for_catchup($standby);
        canary_sings($canary);
        $session->{run}->pump_nb;
    }
    $session->{run}->finish;
    chomp $session->{out};
    return $session->{out};
}

my @acknowledged;
for my $case ([ $primary, $standby ], [ $standby, $primary ])
{
    my ($sleeper, $other) = @$case;
    my $title = $sleeper->name . ' sleeps';
    $primary->wait_for_catchup($standby);
    # Slow storage keeps its backup busy until it is stopped.
    $sleeper->append_conf('postgresql.conf', "agri_backup.rate_limit = '256kB'");
    $sleeper->reload;
    my $session = begin_backup($sleeper);
    my $job;
    wait_for('a job', sub { canary_sings($canary); $session->{run}->pump_nb; return $job = running($sleeper) });
    wait_for('its lease', sub { canary_sings($canary); scalar(@{ cli_json($primary, 'info')->{running} }) == 1 });
    kill 'STOP', $job;
    wait_for('every thread of it to be stopped', sub { is_asleep($job) });
    my $running = cli_json($primary, 'info')->{running}[0];
    is($running->{pid}, $job, "$title: its backup is under way");
    my $waiting = begin_backup($other);
    wait_for('a job that has no backup yet', sub { canary_sings($canary); $waiting->{run}->pump_nb; return running($other) });
    is($other->safe_psql('postgres', "SELECT agri_cancel('')"), 'f', "$title: no name is the name of no backup");
    my $taken = end_backup($waiting);
    like($taken, qr/^\d{8}T\w+-full-\w+$/, "$title: the other server takes over and backs up");
    push @acknowledged, $taken;
    is(kill('CONT', $job), 1, "$title: it goes on");
    is(end_backup($session), '', "$title: its own backup is not acknowledged");
    like($session->{err}, qr/lost its lease|taken over|given up|no longer held/, "$title: and it says why");
    is(backups(), join(' ', sort @acknowledged), "$title: the repository has the other's backup and not this one");
    my ($state, $error) = split /\|/, $sleeper->safe_psql('postgres', 'SELECT state, error FROM agri_backup.jobs() ORDER BY since DESC LIMIT 1');
    is($state, 'failed', "$title: the job shows as failed");
    cli_ok($primary, "$title: what is there is whole", 'verify');
    is(scalar(@{ cli_json($primary, 'info')->{running} }), 0, "$title: nothing shows as running");
    $sleeper->append_conf('postgresql.conf', "agri_backup.rate_limit = 0");
    $sleeper->reload;
    my $next = end_backup(begin_backup($sleeper));
    like($next, qr/^\d{8}T\w+-full-\w+$/, "$title: its next backup succeeds");
    push @acknowledged, $next;
    is(`find '$of->{folder}' -path '*/intents/*' -type f | wc -l` + 0, 0, "$title: no intent is left");
}

$primary->safe_psql('postgres', 'INSERT INTO marks VALUES (-1)');
my $truth = fingerprint($primary, 'postgres');
wait_archived($primary);
for my $backup (@acknowledged[ 0, 2 ])
{
    my ($code, $out, $err, $folder) = restore($primary, '--as', 'clone', '--backup', $backup);
    is($code, 0, "restore of $backup") or diag($err);
    my $restored = start_restored($folder, "of_$backup", like => $primary);
    is(fingerprint($restored, 'postgres'), $truth, 'every row is there');
    $restored->stop('fast');
}
dismiss_canary($canary);
$_->stop('fast') for $standby, $primary;
done_testing();
