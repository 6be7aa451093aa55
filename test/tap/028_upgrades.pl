# The cluster's name goes over to another system: the commands of "Upgrading PostgreSQL" in docs/operations.md, with
# a real pg_upgrade, then a new initdb under the name. Every incarnation is restored and compared with what was true
# then. With AGRI_OLD_BIN, the folder of another major version's programs, the old cluster is of that version.
use strict;
use warnings;
use Cwd ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Document;

delete $ENV{$_} for grep { /^AGRI_BACKUP_/ } keys %ENV;
$ENV{PGUSER} = 'postgres';    # whose clusters these are, whoever runs this
my $root = PostgreSQL::Test::Utils::tempdir_short();
chomp(my $new_bin = `pg_config --bindir`);
my $old_bin = $ENV{AGRI_OLD_BIN} // $new_bin;
my ($old_major, $new_major) = map { `$_/postgres --version` =~ /(\d+)\./ } $old_bin, $new_bin;
diag("from PostgreSQL $old_major to $new_major");
$ENV{PATH} = dirname_of(program()) . ":$ENV{PATH}";
$ENV{AGRI_BACKUP_CONFIG} = "$root/main.conf";
chdir $root or die;    # pg_upgrade puts its socket and its files there
sub dirname_of { return $_[0] =~ s{/[^/]*$}{}r }

sub write_file { my ($path, $text) = @_; open my $file, '>>', $path or die "$path: $!"; print $file $text; close $file or die }
system_or_bail(program(), 'key', 'create', "$root/key");
write_file("$root/main.conf", "[repository main]\nuri = file://$root/repository\nkey = file://$root/key\n");

# A data directory with the settings that every cluster here has.
sub make_cluster
{
    my ($name, $of_old) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name, $of_old ? (install_path => dirname_of($old_bin)) : ());
    mkdir $node->basedir;
    system_or_bail($of_old ? "$old_bin/initdb" : "$new_bin/initdb", '-D', $node->data_dir, '-A', 'trust', '--no-sync', '-k', '-U', 'postgres');
    write_file($node->data_dir . '/postgresql.conf', <<"CONF");
port = @{[ $node->port ]}
listen_addresses = ''
unix_socket_directories = '@{[ $node->host ]}'
fsync = off
shared_preload_libraries = 'agri_backup'
archive_mode = on
archive_library = 'agri_backup'
agri_backup.config_file = '$root/main.conf'
CONF
    return $node;
}
sub status { my ($on, $column) = @_; return $on->safe_psql('postgres', "SELECT $column FROM agri_backup.status") }
sub truth { return $_[0]->safe_psql('postgres', 'SELECT string_agg(what, $$,$$ ORDER BY what) FROM truth') }
sub say_truth { my ($on, $what) = @_; $on->safe_psql('postgres', "INSERT INTO truth VALUES ('$what')") }
sub agri
{
    my (@arguments) = @_;
    my ($out, $err);
    IPC::Run::run([ program(), @arguments ], '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}
sub agri_ok { my ($title, @arguments) = @_; my ($code, $out, $err) = agri(@arguments); is($code, 0, $title) or diag("$out\n$err"); return $out }
sub info { return JSON::PP->new->utf8->decode(agri_ok('info', '--json', 'info', @_)) }

# Restores, starts by the printed command, and compares.
my $restores = 0;
sub restores_to
{
    my ($title, $expected, $major, @arguments) = @_;
    my $folder = "$root/restored" . ++$restores;
    my $out = agri_ok("$title: restore", 'restore', '--as', 'clone', '--target-dir', $folder, @arguments) or return;
    return starts_with($title, $folder, $out, $expected, $major);
}
sub starts_with
{
    my ($title, $folder, $out, $expected, $major) = @_;
    my ($start) = $out =~ /^start the server with:\n  (.+)$/m;
    my ($pg_ctl) = $start =~ m{^'?([^' ]*pg_ctl)};
    like(`$pg_ctl --version`, qr/ $major\./, "$title: the printed command is of PostgreSQL $major");
    my $node = PostgreSQL::Test::Cluster->new("restored$restores");
    write_file("$folder/postgresql.conf", "port = @{[ $node->port ]}\nunix_socket_directories = '@{[ $node->host ]}'\nfsync = off\n");
    is(system_log('sh', '-c', "$start </dev/null >/dev/null"), 0, "$title: it starts") or return diag(slurp_file("$folder/agri_backup_start.log"));
    $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery did not end';
    is(truth($node), $expected, "$title: what was true then");
    is($node->safe_psql('postgres', "SELECT current_setting('server_version_num')::int / 10000"), $major, "$title: on PostgreSQL $major");
    system_or_bail($pg_ctl, '-D', $folder, '-m', 'fast', '-w', '-s', 'stop');
}

# --- The cluster of before
my $old = make_cluster('old', 1);
$old->start;
$old->safe_psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init(); CREATE TABLE truth (what text)');
like(status($old, 'hint'), qr/no backup yet.*agri_backup_now/, 'status says that there is no backup') if $old->poll_query_until('postgres', "SELECT state = 'ok' FROM agri_backup.status");
say_truth($old, 'before');
my $old_backup = backup_now($old);
is(status($old, 'hint'), '', 'and nothing more when there is one');
$old->safe_psql('postgres', "SELECT agri_schedule('nightly', '0 2 * * *')");
say_truth($old, 'last moment');

# --- Its settings are there before pg_upgrade, with all of ours
my $new = make_cluster('new', 0);
my %pg_ctl = map { my ($node, $bin) = @$_; ($node->name => "$bin/pg_ctl -D @{[ $node->data_dir ]} -l @{[ $node->logfile ]} -m fast -w -s") } [ $old, $old_bin ], [ $new, $new_bin ];
my $document = Document->new('docs/operations.md', in => '028_upgrades', places => [
    'sudo -u postgres ' => '',
    '/usr/lib/postgresql/15/bin' => $old_bin, '/usr/lib/postgresql/17/bin' => $new_bin,
    'sudo pg_ctlcluster 15 main' => $pg_ctl{old}, 'sudo pg_ctlcluster 17 main' => $pg_ctl{new},
    'bin/pg_upgrade -b' => 'bin/pg_upgrade -U postgres -b',
    '/var/lib/postgresql/15/main' => $old->data_dir, '/var/lib/postgresql/17/main' => $new->data_dir,
    '/var/lib/postgresql/15/before' => "$root/before" ]);
# Servers are started and stopped by the document's commands.
sub runs { my ($node, $so) = @_; $node->_update_pid($so); return }

my $objects = extension_listing($old);
type_in_shell('pg_upgrade', $document->next_block('sh'));
runs($old, 0);
unlike(slurp_file($_), qr/agri_backup supervisor|archiving process/, 'the module did nothing under it') for grep { -s } glob $new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_server.log';
is(() = glob($new->data_dir . '/agri_backup/*'), 0, 'and nothing of it was started in the new cluster');
is(info()->{incarnation}, 1, 'and the repository is as it was');

# --- The new server before `upgrade`
$new->start;
$new->safe_psql('postgres', 'SELECT pg_switch_wal() FROM pg_create_restore_point($$x$$)');
$new->poll_query_until('postgres', "SELECT state = 'failing' FROM agri_backup.status") or die 'archiving is not refused';
like(status($new, 'last_error'), qr/cluster "main" in the repository is another one/, 'archiving says that the name is another system\'s');
like(status($new, 'hint'), qr/run "agri_backup upgrade"/, 'and what to do');
for my $call ('agri_backup_now()', 'agri_init()', 'agri_refresh()')
{
    my ($code, $out, $err) = $new->psql('postgres', "SELECT $call");
    like($err, qr/run "agri_backup upgrade"/, "$call says so too");
}
like($new->safe_psql('postgres', "SELECT hint FROM agri_check() WHERE name = 'archiving' AND NOT ok"), qr/run "agri_backup upgrade"/, 'and agri_check()');
is(extension_listing($new), $objects, 'the objects of the extension came along') if $old_major == $new_major;
is($new->safe_psql('postgres', 'SELECT string_agg(name, $$,$$) FROM agri_backup.schedules'), 'nightly', 'and so did the schedules');
{
    my ($code, $out, $err) = agri('adopt', '-D', $new->data_dir);
    is($code, 5, 'adopt does not settle it');
    like($err, qr/agri_backup upgrade/, 'and says what does');
}
$new->stop('fast');

# --- What is doubtful
{
    $old->start;
    my ($code, $out, $err) = agri('upgrade', '-D', $new->data_dir);
    is($code, 12, 'while the old server runs, upgrade is refused');
    like($err, qr/server is running in ".*old.*could not any longer/s, 'and says why');
    is(info()->{incarnation}, 1, 'and registers nothing');
    $old->stop('fast');
    ($code, $out, $err) = agri('upgrade', '-D', "$root/nowhere");
    is($code, 4, 'no such data directory');
    ($code, $out, $err) = agri('--cluster', 'unknown', 'upgrade', '-D', $new->data_dir);
    is($code, 4, 'no such cluster');
    like($err, qr/agri_backup init/, 'and how to make one');
    like(agri_ok('the one in force', 'upgrade', '-D', $old->data_dir), qr/incarnation 1,.* nothing to do/, 'has nothing to do');
    # A server that pg_upgrade has started.
    IPC::Run::run([ "$new_bin/pg_ctl", '-D', $new->data_dir, '-w', '-s', '-l', $new->logfile, '-o', '-b', 'start' ]) or die;
    ($code, $out, $err) = agri('upgrade', '-D', $new->data_dir);
    is($code, 12, 'while pg_upgrade is at work');
    like($err, qr/pg_upgrade is at work/, 'and says so');
    system_or_bail("$new_bin/pg_ctl", '-D', $new->data_dir, '-w', '-s', '-m', 'fast', 'stop');
    mkdir $new->data_dir . '/agri_backup';
    write_file($new->data_dir . '/agri_backup/role', '{"role":"clone"}');
    ($code, $out, $err) = agri('upgrade', '-D', $new->data_dir);
    is($code, 5, 'a clone does not take the name');
    unlink $new->data_dir . '/agri_backup/role';
}

# --- The upgrade
my ($out) = type_in_shell('upgrade', $document->next_block('sh'));
like($out, qr/^cluster main: incarnation 2, PostgreSQL $new_major, .*^Incarnation 1 \(PostgreSQL $old_major\) stays restorable/ms, 'it says what it did');
runs($new, 1);
is($new->safe_psql('postgres', "SELECT hint ~ 'Take one' FROM agri_check() WHERE name = 'backup' AND NOT ok"), 't', 'agri_check() wants a backup of the new one');
my $new_backup = ($new->safe_psql('postgres', $document->next_block('sql')) =~ /(\d{8}T\d{6}Z-full-\w+)/)[0];
wait_archived($new);
is(status($new, 'state'), 'ok', 'archiving goes on');
is($new->safe_psql('postgres', $document->next_block('sql')), '', 'agri_check() is content');
like(agri_ok('upgrade again', 'upgrade', '-D', $new->data_dir), qr/nothing to do/, 'has nothing to do');
is($new->safe_psql('postgres', 'SELECT string_agg(backup_id, $$,$$) FROM agri_backup.backups'), $new_backup, 'the views show the new incarnation');
say_truth($new, 'upgraded');
wait_archived($new);
{
    my ($code, $out, $err) = $old->start(fail_ok => 1);
    $old->safe_psql('postgres', "INSERT INTO truth VALUES ('too late'); SELECT pg_switch_wal()");
    $old->poll_query_until('postgres', "SELECT state = 'failing' FROM agri_backup.status") or die 'the old server archives';
    like(status($old, 'last_error'), qr/is another one/, 'the old server, started again, archives no longer');
    $old->safe_psql('postgres', "DELETE FROM truth WHERE what = 'too late'");
    $old->stop('fast');
}

# --- Both are restorable
my $shown = info('--incarnation', 1);
is_deeply([ map { $_->{backup_id} } @{ $shown->{backups} } ], [$old_backup], 'info shows the backups of before');
is_deeply([ map { "$_->{incarnation} $_->{major_version}" } @{ $shown->{incarnations} } ], [ "1 $old_major", "2 $new_major" ], 'and the incarnations');
my $block = $document->next_block('sh');
($out) = type_in_shell('back to before', $block);
like($out, qr/^ *1 .*shown here/m, 'info says which it shows');
like($out, qr/^note: this is the cluster as it was before an upgrade: incarnation 1/m, 'restore says what it restored');
$restores = 'before';
starts_with('the cluster of before', "$root/before", $out, 'before,last moment', $old_major);
$restores = 0;
restores_to('the backup of before, by its identifier', 'before', $old_major, '--backup', $old_backup, '--target-immediate');
restores_to('the upgraded cluster', 'before,last moment,upgraded', $new_major);
agri_ok('the backup of before is sound', 'verify', '--backup', $old_backup);
is((agri('restore', '--incarnation', 7, '--target-dir', "$root/never"))[0], 4, 'there is no incarnation 7');
# By hand, outside a data directory, the number decides.
my ($segment) = map { m{([0-9A-F]{24})$} ? $1 : () } sort glob "$root/repository/clusters/main/$old_major-*/wal/*/*/*";
agri_ok('wal-fetch with a number', 'wal-fetch', '--incarnation', 1, $segment, "$root/fetched");
is(-s "$root/fetched", 16 << 20, 'fetches a segment of before');

# --- Back for good
type_in_shell('the upgrade is taken back', $document->next_block('sh'));
$document->ends;
runs($new, 0);
runs($old, 1);
$old->reload;
say_truth($old, 'taken back');
wait_archived($old);
is(status($old, 'state'), 'ok', 'the old server archives again');
$shown = info();
is($shown->{incarnation}, 3, 'as the next incarnation');
is($shown->{backups}[0]{backup_id}, $old_backup, 'in its old folder, with its backups');
restores_to('taken back', 'before,last moment,taken back', $old_major);
$old->stop('fast');

# --- A new initdb under the name, in the place of the other
my $fresh = make_cluster('fresh', 0);
$fresh->start;
$fresh->safe_psql('postgres', "CREATE EXTENSION agri_backup; CREATE TABLE truth AS SELECT 'fresh'::text AS what");
like(agri_ok('upgrade to a new initdb', 'upgrade', '-D', $fresh->data_dir), qr/incarnation 4,/, 'is the next incarnation');
$fresh->reload;
backup_now($fresh);
wait_archived($fresh);
restores_to('a new initdb', 'fresh', $new_major);
restores_to('and the one before it', 'before,last moment,upgraded', $new_major, '--incarnation', 2);

# --- Another cluster of another version and name in the same repository
$new->append_conf('postgresql.conf', "agri_backup.cluster = 'other'\n");
$old->append_conf('postgresql.conf', "agri_backup.cluster = 'third'\n");
for my $node ($new, $old)
{
    $node->start;
    $node->safe_psql('postgres', 'SELECT agri_init()');
    backup_now($node);
    say_truth($node, $node->name);
}
wait_archived($_) for $new, $old, $fresh;
is(status($_, 'state'), 'ok', $_->name . ' archives beside the others') for $new, $old, $fresh;
restores_to('other', 'before,last moment,new,upgraded', $new_major, '--cluster', 'other');
restores_to('third', 'before,last moment,old,taken back', $old_major, '--cluster', 'third');
agri_ok("$_ is sound", '--cluster', $_, 'verify') for qw(main other third);

# Servers started by printed commands are not the test framework's to stop.
END
{
    my $status = $?;
    system($new_bin . '/pg_ctl', '-D', dirname_of($_), '-m', 'immediate', '-w', '-s', 'stop') for glob "$root/*/postmaster.pid";
    $? = $status;
}

done_testing();
