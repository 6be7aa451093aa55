# docs/operations.md is right: its blocks are typed in order, each event on real servers, and had the effect that
# the document promises. "Machines" are places of this test; a block's places are those of the machine it is typed on.
use strict;
use warnings;
use Cwd ();
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Document;

delete $ENV{$_} for grep { /^AGRI_BACKUP_/ } keys %ENV;
my $root = PostgreSQL::Test::Utils::tempdir_short();
mkdir "$root/srv";
chomp(my $bin = `pg_config --bindir`);
$ENV{PATH} = dirname(program()) . ":$ENV{PATH}";

# --- machines: a server's place in pgdata, and /etc beside it
my (@machines, $etc, $configuration, $data, $pg_ctl, $port, $primary_host);
my $clone_port = PostgreSQL::Test::Cluster::get_free_port();
my ($moment, $later, $gap) = ('', '', '');
sub machine
{
    my ($name) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    mkdir $_ for $node->basedir, $node->basedir . '/etc';
    push @machines, $node;
    return $node;
}
# From now on blocks are typed there.
sub on
{
    my ($node) = @_;
    ($etc, $port) = ($node->basedir . '/etc', $node->port);
    $data = $node->basedir . '/pgdata';
    my $options = "-p $port -k " . PostgreSQL::Test::Cluster->can('host')->($node);
    $pg_ctl = "pg_ctl -D $data -l " . $node->basedir . "/server.log -m fast -w -s -o '$options'";
    $ENV{AGRI_BACKUP_CONFIG} = $configuration = "$etc/main.conf";
    return $node;
}
my $document = Document->new('docs/operations.md', places => [
    # Repository and key are the same on all machines.
    'file:///etc/agri_backup/main' => "file://$root/srv/main",
    'key create /etc/agri_backup' => "key create $root/srv",
    'key create --if-missing /etc/agri_backup' => "key create --if-missing $root/srv",
    '/srv/agri_backup' => "$root/srv",
    '/etc/agri_backup/main.conf' => \$configuration,
    '/etc/postgresql/15/main' => \$data,
    '/var/lib/postgresql/15/main' => \$data,
    '/var/lib/postgresql/15/look' => "$root/look",
    '/usr/lib/postgresql/15/bin' => $bin,
    'sudo pg_ctlcluster 15 main' => \$pg_ctl,
    'host=primary.example user=replicator' => \$primary_host,
    'host=primary.example user=postgres' => \$primary_host,
    'port = 5433' => "port = $clone_port",
    '-p 5433' => "-p $clone_port",
    '-p 5432' => \$port,
    '2026-11-22 20:15:00+01' => \$moment,
    '2026-11-22 20:35:00+01' => \$later,
    '--timeline 4 --from 0/5000000 --to 0/6000000' => \$gap,
    'sudo -u postgres ' => '' ]);
sub type { my ($title) = @_; return type_in_shell($title, $document->next_block('sh')) }
sub block_on { my ($node) = @_; return $node->safe_psql('postgres', $document->next_block('sql')) }
sub configure { my ($name) = @_; spew("$etc/main.conf", $document->next_block('main.conf')); return }
sub spew { my ($path, $text) = @_; open my $file, '>>', $path or die "$path: $!"; print $file $text; close $file or die; return }
sub status { my ($node, $column) = @_; return $node->safe_psql('postgres', "SELECT $column FROM agri_backup.status") }
sub await_state { my ($node, $state) = @_; return wait_for("state $state", sub { switch_wal($node); return status($node, 'state') eq $state }) }
sub switch_wal { my ($node) = @_; return $node->safe_psql('postgres', "SELECT pg_create_restore_point('x'), pg_switch_wal()") }
sub await_end_of_recovery { my ($node) = @_; return $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') || die 'recovery did not end' }
sub rows { my ($node) = @_; return $node->safe_psql('postgres', "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM fields") }
sub sow { my ($node, $n) = @_; return $node->safe_psql('postgres', "INSERT INTO fields VALUES ($n); SELECT clock_timestamp()") }
sub is_writer { my ($out, $title) = @_; like($out, qr/: it is the writer$/m, $title) }
sub is_standby_of
{
    my ($standby, $primary, $n) = @_;
    sow($primary, $n);
    $primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'") or die 'no standby streams';
    my $lsn = $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
    $standby->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'") or die 'the standby does not follow';
    is(rows($standby), rows($primary), $standby->name . ' streams every row of ' . $primary->name);
}
sub host_of { my ($node) = @_; return 'host=' . PostgreSQL::Test::Cluster->can('host')->($node) . ' port=' . $node->port }

# --- Set up, roles, every day
my $one = machine('one');
$one->init(allows_streaming => 1);
on($one);
configure();
spew("$data/postgresql.conf", $document->next_block('postgresql.conf') . "agri_backup.config_file = '$etc/main.conf'\n");
type('set up');
like(block_on($one), qr/^\d{8}T\d{6}Z-full-[0-9a-f]{4}$/m, 'set up: a backup is made');
is(block_on($one), '', 'agri_check() finds nothing');
block_on($one);
sub as_dba { my ($sql) = @_; return $one->safe_psql('postgres', "SET SESSION AUTHORIZATION dba; $sql") }
$one->safe_psql('postgres', 'CREATE TABLE fields (n int)');
sow($one, 1);
wait_archived($one);
like(as_dba($document->next_block('sql')), qr/^ok\|.*^1\|.*-full-/ms, 'a day\'s look, by the role');
my ($info) = type('info and verify');
like($info, qr/-full-/, 'info shows the backup');
like(as_dba($document->next_block('sql')), qr/^20/, 'a schedule, by the role');
is(status($one, "(SELECT name FROM agri_backup.schedules WHERE next_run > now())"), 'nightly', 'it has a next run');

# --- The repository is gone
rename "$root/srv/main", "$root/srv/away" or die;
await_state($one, 'failing');
like(as_dba($document->next_block('sql')), qr/^failing\|.*mounted/, 'it is seen, and why');
mkdir "$root/srv/main";
sow($one, 2);
my ($code, $out, $err) = $one->psql('postgres', 'SELECT agri_backup_now()');
like($err, qr/not initialised or not mounted/, 'an empty folder is refused');
is(scalar(() = glob "$root/srv/main/*"), 0, 'and left empty');
rmdir "$root/srv/main" or die;
rename "$root/srv/away", "$root/srv/main" or die;
is(as_dba($document->next_block('sql')), 't', 'a reload, by the role');
await_state($one, 'ok');

# --- Back to a moment
$moment = sow($one, 3);
$later = sow($one, 4);
$one->safe_psql('postgres', 'DROP TABLE fields');
wait_archived($one);
($out) = type('a clone beside');
my ($start) = $out =~ /^start the server with:\n  (.+)$/m;
is(system_log('sh', '-c', "$start -w </dev/null >/dev/null"), 0, 'the printed command starts it') or diag($start);
wait_for('the end of recovery', sub { `psql -XAt -p $clone_port -h @{[ PostgreSQL::Test::Cluster->can('host')->($one) ]} -c 'SELECT pg_is_in_recovery()' postgres 2>&1` eq "f\n" });
{
    local $ENV{PGHOST} = PostgreSQL::Test::Cluster->can('host')->($one);
    $port = '-p ' . $one->port;
    type('the table is taken from it');
    is(rows($one), '1,2,3', 'it is back, as it was');
    type('the clone is removed');
}
ok(!-e "$root/look", 'without a trace');
await_state($one, 'ok');
type('the server itself');
await_end_of_recovery($one);
is(rows($one), '1,2,3', 'it is at that moment');
sow($one, 21);
wait_archived($one);
($out) = type('lineage');
is_writer($out, 'the restored server is the writer');
like(block_on($one), qr/^f\n.*-full-.*\nrecovery target\|.*recovery_target_time, recovery_target_timeline\|/, 'it takes a backup, and what restore left is named');
type('it was the wrong moment');
await_end_of_recovery($one);
is(rows($one), '1,2,3,4', 'a later moment of the timeline that was left');
wait_archived($one);

# --- A crash; a lost machine
sow($one, 5);
system_or_bail('pg_ctl', '-D', $data, '-m', 'immediate', '-w', '-s', 'stop');
($out) = type('the WAL of a crashed server');
like($out, qr/unfinished segment \w{24} saved/, 'its unfinished segment is saved');
system_or_bail('rm', '-rf', $data, "$data.before");
type('a machine is lost');
await_end_of_recovery($one);
is(rows($one), '1,2,3,4,5', 'to the last commit');
like(block_on($one), qr/-full-/, 'it takes a backup');
is($one->safe_psql('postgres', 'SELECT name FROM agri_check() WHERE NOT ok'), '', 'and no target is left');
wait_archived($one);

# --- A standby
my $two = machine('two');
system_or_bail('cp', "$etc/main.conf", $two->basedir . '/etc/main.conf');
on($two);
$primary_host = host_of($one);
type('a standby from the repository');
is_standby_of($two, $one, 6);
like(block_on($one), qr/\|streaming\|/, 'the primary shows it');
is(status($two, 'state'), 'standby', 'which archives nothing');

# --- Who may write: the primary's data directory is moved
on($one);
system_or_bail('sh', '-c', "$pg_ctl stop && cp -a $data $data.new && rm -r $data && mv $data.new $data && $pg_ctl start >/dev/null");
await_state($one, 'failing');
like(status($one, 'last_error_detail'), qr/copy of that one, or was moved/, 'a moved data directory is refused');
sow($one, 7);
type('adopt');
$one->safe_psql('postgres', 'SELECT pg_reload_conf()');
await_state($one, 'ok');

# --- Switchover
$one->poll_query_until('postgres', "SELECT state = 'streaming' FROM pg_stat_replication") or die 'no standby streams';
like(block_on($one), qr/\|streaming\|\d+$/, 'switchover: the standby streams');
type('switchover: the primary');
on($two);
type('switchover: the standby');
await_end_of_recovery($two);
await_state($two, 'ok');
($out) = type_in_shell('lineage', "agri_backup lineage -D $data");
is_writer($out, 'the promotion took over by itself');
on($one);
$primary_host = host_of($two);
type('the old primary follows');
is_standby_of($one, $two, 8);

# --- Failover and failback
type('failover');
await_end_of_recovery($one);
await_state($one, 'ok');
is_writer((type_in_shell('lineage', "agri_backup lineage -D $data"))[0], 'the new primary is the writer');
sow($one, 9);
sow($two, -1);
await_state($two, 'failing');
like(status($two, 'last_error'), qr/writer for cluster "main" is "\Q@{[ Cwd::realpath($data) ]}\E"/, 'the old one is told who writes');
on($two);
$primary_host = host_of($one);
type('failback');
is_standby_of($two, $one, 10);
is(rows($two), '1,2,3,4,5,6,7,8,9,10', 'without what the old primary alone had committed');
system_or_bail('sh', '-c', "$pg_ctl stop");

# --- A copied disk becomes a cluster of its own
my $copy = machine('copy');
on($one);
system_or_bail('sh', '-c', "$pg_ctl stop && cp -a $data " . $copy->basedir . "/pgdata && $pg_ctl start >/dev/null");
on($copy);
configure();
system_or_bail('cp', $one->basedir . '/etc/main.conf', "$etc/before.conf");
spew("$data/postgresql.conf", "agri_backup.config_file = '$etc/before.conf'\n");
system_or_bail('sh', '-c', "$pg_ctl start >/dev/null");
await_state($copy, 'failing');
like(status($copy, 'last_error_detail'), qr/copy of that one/, 'a copy is told what it is');
rename "$etc/main.conf", "$etc/before.conf" or die;
like(block_on($copy), qr/-full-/, 'under a name of its own it takes backups');
await_state($copy, 'ok');
is(status($one, 'state'), 'ok', 'the original did not notice');
system_or_bail('sh', '-c', "$pg_ctl stop");

# --- WAL is lost
on($one);
sow($one, 11);
my $lost = wait_archived($one);
switch_wal($one);
wait_archived($one);
my ($object) = split /\n/, `find $root/srv/main -name $lost`;
unlink $object or die "$object: $!";
$out = block_on($one);
my ($timeline, $from, $to) = $out =~ m{^(\d+)\|([0-9A-F/]+)\|([0-9A-F/]+)$}m;
is($one->safe_psql('postgres', "SELECT pg_walfile_name('$from'::pg_lsn + 1)"), $lost, 'what is missing is shown');
$gap = "--timeline $timeline --from $from --to $to";
type('a gap is declared');
is($one->safe_psql('postgres', "SELECT agri_refresh(); SELECT count(*) FILTER (WHERE status = 'missing') || ' ' || count(*) FILTER (WHERE status = 'declared gap' AND from_lsn = '$from') FROM agri_backup.wal_archive") =~ s/\s*//r, '0 1', 'and known');

# --- Another key, another place
type('another key');
unlink "$etc/main.conf";
configure();
$out = block_on($one);
like($out, qr/-full-/, 'a new repository with the new key');
await_state($one, 'ok');
($out) = type('the old repository');
like($out, qr/-full-.*-full-/s, 'is still readable');
type('a copy of the repository');
sow($one, 12);
wait_archived($one);
unlink "$etc/main.conf";
configure();
block_on($one);
my $after = wait_archived($one);
type('and what was written meanwhile');
await_state($one, 'ok');
isnt(`find $root/srv/moved -name $after`, '', 'it is archived in the new place');
rename "$root/srv/main-2", "$root/srv/gone" or die;
my $expected = rows($one);
like(backup_now($one), qr/full/, 'backups are made there, without the old one');
wait_archived($one);
system_or_bail('sh', '-c', "$pg_ctl stop && rm -r $data && agri_backup restore -D $data 2>/dev/null >&2 && $pg_ctl start >/dev/null");
await_end_of_recovery($one);
is(rows($one), $expected, 'and restored from');
$document->ends;

# Servers that blocks started are not the test framework's to stop.
END
{
    my $status = $?;
    system('pg_ctl', '-D', dirname($_), '-m', 'immediate', '-w', '-s', 'stop') for grep { -e } "$root/look/postmaster.pid", map { $_->basedir . '/pgdata/postmaster.pid' } @machines;
    $? = $status;
}

done_testing();
