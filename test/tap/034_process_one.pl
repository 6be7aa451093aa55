# The postmaster is process 1, as in a container: it adopts every process whose parent ended. One that ends by a signal, or
# with an exit code above 1, it takes for a crash of one of its own, and restarts every session. Session workers are
# terminated just when they have started their job's process: no session notices.
use strict;
use warnings;

BEGIN
{
    my $unshare = 'unshare -U --map-current-user --keep-caps --pid --fork --mount-proc';
    if (system("$unshare true 2>/dev/null") != 0)
    {
        print "1..0 # SKIP no user and process namespaces on this machine (unshare -Up)\n";
        exit 0;
    }
}
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('one');
$node->stop;
my $server = IPC::Run::start([ qw(unshare -U --map-current-user --keep-caps --pid --fork --kill-child --mount-proc),
        qw(setpriv --inh-caps=-all --ambient-caps=-all), "$ENV{AGRI_BIN}/postgres", '-D', $node->data_dir ],
    '<', \undef, '>>', $node->logfile, '2>&1');
sub answer { my ($query) = @_; my ($code, $out) = $node->psql('postgres', $query); return $code == 0 ? $out : '' }
wait_for('the server to accept connections', sub { answer('SELECT 1') eq '1' });
like(slurp_file($node->data_dir . '/postmaster.pid'), qr/^1\n/, 'the postmaster is process 1');
wait_for('the archiving process', sub { answer('SELECT archiving_pid IS NOT NULL FROM agri_backup.status') eq 't' });

my $canary = session($node);
my $canary_pid = $canary->query_safe('SELECT pg_backend_pid()');
for my $try (1 .. 8)
{
    my ($out, $err) = ('', '');
    my $killer = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', <<'SQL' ], '<', \undef, '>', \$out, '2>', \$err);
DO $do$
DECLARE worker int;
BEGIN
    FOR i IN 1 .. 10000000 LOOP
        SELECT worker_pid INTO worker FROM agri_backup.jobs() WHERE state = 'running' AND process_pid IS NOT NULL;
        EXIT WHEN worker IS NOT NULL;
    END LOOP;
    PERFORM pg_terminate_backend(worker);
END $do$;
SQL
    my ($code) = $node->psql('postgres', 'SELECT agri_backup_now()');
    $killer->finish;
    isnt($code, 0, "try $try: the backup fails");
    is($err, '', "try $try: its worker was terminated");
}
is($canary->query_safe('SELECT pg_backend_pid()'), $canary_pid, 'a session lives through all of it');
$canary->quit;
unlike(slurp_file($node->logfile), qr/terminating any other active server processes/, 'the server took nothing for a crash');
like(answer('SELECT agri_backup_now()'), qr/-full-/, 'and backs up');

my $pid = $server->{KIDS}[0]{PID};
my ($postmaster) = split ' ', slurp_file("/proc/$pid/task/$pid/children");
kill 'INT', $postmaster;
$server->finish;
done_testing();
