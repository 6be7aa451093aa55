# Processes die, storage goes away: sessions never notice, nothing acknowledged is lost, and the status says
# what is the matter. A canary session runs through every fault.
use strict;
use warnings;
use File::Path 'remove_tree';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('processes');
my $of = repository_of($node);
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT 1 AS a');
my $canary = session($node);
my $canary_pid = $canary->query_safe('SELECT pg_backend_pid()');
sub sings { my ($when) = @_; is($canary->query_safe('SELECT pg_backend_pid()'), $canary_pid, "$when: the canary's session lives") }
sub status { my ($column) = @_; return $node->safe_psql('postgres', "SELECT $column FROM agri_backup.status") }

wait_archived($node);
wait_for('the archiving process', sub { status('state') eq 'ok' });
is(status('archiving_pid IS NOT NULL AND supervisor_pid IS NOT NULL'), 't', 'the status shows both processes');
cmp_ok(status('memory_bytes'), '<', 256 * 1024 * 1024, 'the archiving process keeps within its memory limit');

# The archiving process is killed: the supervisor starts another one, and archiving goes on.
my $pid = status('archiving_pid');
kill 'KILL', $pid;
wait_for('a new archiving process', sub { my $now = status('coalesce(archiving_pid, 0)'); $now != 0 && $now != $pid });
wait_archived($node);
like(status('last_exit'), qr/signal/, 'the status says how the last one ended');
sings('archiving process killed');

# It is stopped: the archiver waits within its deadline and the server does not mind.
$pid = status('archiving_pid');
kill 'STOP', $pid;
$node->safe_psql('postgres', 'INSERT INTO t VALUES (2); SELECT pg_switch_wal()');
sings('archiving process stopped');
kill 'CONT', $pid;
wait_archived($node);

# Its secrets are in no core dump, command line or environment.
ok(!-r "/proc/$pid/mem" || $> == 0, 'the archiving process is not dumpable');
unlike(slurp_file("/proc/$pid/cmdline"), qr/file:|key/, 'its command line tells nothing');

# Storage goes away and comes back.
rename $of->{folder}, "$of->{folder}.away" or die;
$node->safe_psql('postgres', 'INSERT INTO t VALUES (3); SELECT pg_switch_wal()');
wait_for('archiving to fail', sub { status('state') eq 'failing' });
is(status('failing_since IS NOT NULL AND waiting_files > 0 AND waiting_bytes > 0 AND last_error IS NOT NULL AND last_error_hint IS NOT NULL'),
    't', 'the status says since when, how much WAL waits, and why');
like(status('last_error'), qr/\Q$of->{folder}\E|mounted/, 'the error names the repository');
ok(!-e $of->{folder}, 'no new repository was made where the old one was');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'a backup without storage fails');
is($node->safe_psql('postgres', "SELECT count(*) >= 0 FROM agri_backup.backups"), 't', 'views work while storage is down');
sings('storage away');
rename "$of->{folder}.away", $of->{folder} or die;
wait_archived($node);
wait_for('archiving to be fine again', sub { status('state') eq 'ok' });
is(status('failing_since'), '', 'the status is clean again');

# The key's file is lost: who has read it goes on, who has not says what is missing, and with the file back all
# is as before.
rename $of->{key}, "$of->{key}.away" or die;
wait_archived($node);
pass('without its key file the archiving process goes on');
($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'a backup without the key fails');
like($err, qr/\Q$of->{key}\E.*HINT/s, 'and names the file, and what to do');
$pid = status('archiving_pid');
kill 'KILL', $pid;
$node->safe_psql('postgres', 'INSERT INTO t VALUES (4); SELECT pg_switch_wal()');
wait_for('archiving to miss the key', sub { status('state') eq 'failing' && status('last_error') =~ /\Q$of->{key}\E/ });
isnt(status('last_error_hint'), '', 'the status says so, with a hint');
sings('key lost');
rename "$of->{key}.away", $of->{key} or die;
wait_archived($node);
wait_for('archiving to be fine again', sub { status('state') eq 'ok' });
$node->safe_psql('postgres', 'SELECT agri_refresh()');
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');

# A job that crashes on every try harms nobody.
for my $try (1 .. 3)
{
    my $session = session($node, on_error_stop => 0);
    # While nothing is archived it cannot end before it is seen.
    kill 'STOP', my $archiving = status('archiving_pid');
    $session->query_until(qr/started/, "\\echo started\nCALL agri_backup();\n");
    my $job;
    wait_for('the job process', sub {
        $job = $node->safe_psql('postgres', "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running' AND process_pid IS NOT NULL"); $job });
    kill 'SEGV', $job;
    kill 'CONT', $archiving;
    wait_for('the job to be over', sub {
        $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
    $session->quit;
    sings("job crash $try");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE error ~ 'signal'") > 0, 1, 'the jobs say that a signal ended them');

# A job killed with packs in the repository: the next backup removes what it left.
$node->safe_psql('postgres', 'CREATE TABLE bulk AS SELECT i, repeat(md5(random()::text), 30) AS noise FROM generate_series(1, 100000) i');
my $first = backup_now($node);
sub packs { return split /\n/, `find '$of->{folder}'/clusters -path '*/packs/*' -type f` }
sub litter { my @found = split /\n/, `find '$of->{folder}'/.tmp '$of->{folder}'/clusters -path '*/intents/*' -type f -o -path '*/.tmp/*' -type f`; return scalar @found }
my %of_first = map { $_ => 1 } packs();
# While nothing is archived it waits for the WAL that it needs, all its packs in the repository.
$pid = status('archiving_pid');
kill 'STOP', $pid;
my $session = session($node, on_error_stop => 0);
$session->query_until(qr/started/, "\\echo started\nCALL agri_backup();\n");
wait_for('a pack of the next one', sub { grep { !$of_first{$_} } packs() });
kill 'KILL', $node->safe_psql('postgres', "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'");
wait_for('the job to be over', sub {
    $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
$session->quit;
my @left = grep { !$of_first{$_} } packs();
cmp_ok(scalar @left, '>', 0, 'the killed job left packs');
kill 'CONT', $pid;
cmp_ok(litter(), '>', 0, 'and an intent');
my $backup = backup_now($node);
like($backup, qr/full/, 'after the crashes a backup succeeds');
is(litter(), 0, 'no intent and no unfinished file is left');
my %listed = map { $_ => 1 } map { $_->{backup_id} } @{ cli_json($node, 'info')->{backups} };
is(join(' ', sort keys %listed), join(' ', sort $first, $backup), 'the killed one is no backup');
cli_ok($node, 'the others are whole', 'verify');
is(scalar(grep { -e } @left), 0, 'no pack of it is left');

# A backup that is not waited for is known by its identifier all the same, and who runs it is said.
kill 'STOP', $pid;
my ($code_now, $named, $notice) = $node->psql('postgres', 'SET agri_backup.wait_limit = 0; SELECT agri_backup_now()');
like($named, qr/^\d{8}T\w+-full-\w+$/, 'with no time to wait, the identifier is returned');
like($notice, qr/NOTICE:.*backup \Q$named\E goes on/, 'and it is said that the backup goes on');
my $worker = $node->safe_psql('postgres', "SELECT worker_pid FROM agri_backup.jobs() WHERE state = 'running'");
(undef, undef, $notice) = $node->psql('postgres', 'SELECT agri_backup_now()');
like($notice, qr/another backup is running.*Process $worker runs backup \Q$named\E/s, 'another one is told which process runs it');
kill 'CONT', $pid;
wait_for('that backup to be over', sub {
    $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });

# The repository is removed, as a mounted folder is emptied, and made anew: WAL and backups go into the new one.
remove_tree($of->{folder}, { keep_root => 1 });
$node->safe_psql('postgres', 'SELECT agri_init()');
wait_archived($node);
my $of_new = backup_now($node);
is(join(' ', map { $_->{backup_id} } @{ cli_json($node, 'info')->{backups} }), $of_new, 'a repository that is made anew has the new backup alone');
cli_ok($node, 'all of it can be read', 'verify');
like(slurp_file($node->logfile), qr/holds a new repository/, 'the log tells of it');
sings('repository made anew');

# The supervisor is ended: it comes back, and archiving never stopped.
my $supervisor = status('supervisor_pid');
my $archiving = status('archiving_pid');
kill 'TERM', $supervisor;
wait_archived($node);
wait_for('a new supervisor', sub { my $now = status('coalesce(supervisor_pid, 0)'); $now != 0 && $now != $supervisor });
wait_archived($node);
sings('supervisor ended');

# Nothing blocks what a permanent database connection would block.
$node->safe_psql('postgres', 'CREATE DATABASE short_lived');
$node->safe_psql('postgres', 'DROP DATABASE short_lived');
pass('databases can be dropped');

# A fast shutdown archives its shutdown checkpoint, and leaves no process behind.
$canary->quit;
my @pids = (status('archiving_pid'), status('supervisor_pid'));
$node->stop('fast');
wait_for('all processes to be gone', sub { !grep { kill 0, $_ } @pids });
my ($rcode, $rout, $rerr, $folder) = restore($node, '--as', 'clone');
is($rcode, 0, 'restore to the end') or diag($rerr);
my $control = `LC_ALL=C pg_controldata -D '@{[$node->data_dir]}'`;
my ($checkpoint) = $control =~ /Latest checkpoint location:\s+(\S+)/;
my $info = cli_json($node, 'info');
is((grep { $_->{status} eq 'missing' } @{ $info->{wal_archive} }) + 0, 0, 'no WAL is missing');
my $restored = start_restored($folder, 'after_shutdown', like => $node);
is($restored->safe_psql('postgres', "SELECT pg_current_wal_lsn() > '$checkpoint'"), 't',
    'the restored server has replayed the shutdown checkpoint');
$restored->stop('fast');

done_testing();
