# Patroni with docs/patroni.md's blocks: a replica made from the repository streams, a switchover takes the
# writer claim along, and a new cluster starts at a moment. Two nodes and Patroni's own raft, on loopback.
use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Document;

chomp(my $patroni = `sh -c "command -v patroni"`);
plan skip_all => 'Patroni is not installed (packages patroni, python3-pysyncobj)'
  if !$patroni || system(q{python3 -c "import pysyncobj" 2>/dev/null}) != 0;

delete $ENV{$_} for grep { /^(AGRI_BACKUP_|PATRONI_)/ } keys %ENV;
$ENV{PATH} = dirname(program()) . ":$ENV{PATH}";
chomp(my $bin = `pg_config --bindir`);
my $root = PostgreSQL::Test::Utils::tempdir_short();
my $socket_folder = PostgreSQL::Test::Utils::tempdir_short();
my $document = Document->new('docs/patroni.md', places => [
    '/etc/agri_backup/main.conf' => "$root/main.conf",
    '/etc/patroni/patroni.yml' => "$root/node1.yml" ]);
my ($replicas, $switchover, $bootstrap) = map { $document->next_block($_) } qw(yaml sh yaml);
$document->ends;
sub spew { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!"; print $file $text; close $file or die; return }

# --- what is the nodes' own: names, ports, and the store, a process that is a raft cluster by itself
my @nodes = map {
    { name => "node$_", data => "$root/data$_", port => PostgreSQL::Test::Cluster::get_free_port(),
      rest => PostgreSQL::Test::Cluster::get_free_port(), log => "$root/node$_.log", seen => 0 }
} 1, 2;
my ($one, $two) = @nodes;
my $store = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $user = getpwuid($<);
chomp(my $trust = join '', map { "    - $_ trust\n" } map { ("local $_ all", "host $_ all 127.0.0.1/32") } qw(all replication));
# A node's configuration. Sections of the document go on where ours end.
sub patroni_yml
{
    my ($node, $scope, @blocks) = @_;
    my %section = (bootstrap => <<"YAML", postgresql => <<"YAML");
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 5
    postgresql:
      use_pg_rewind: true
      parameters:
        unix_socket_directories: $socket_folder
  initdb:
    - data-checksums
    - no-sync
  pg_hba:
$trust
YAML
  listen: 127.0.0.1:$node->{port}
  connect_address: 127.0.0.1:$node->{port}
  data_dir: $node->{data}
  bin_dir: $bin
  authentication:
    superuser:
      username: $user
    replication:
      username: $user
YAML
    my $given = join('', @blocks) =~ s{/var/lib/postgresql/15/main}{$node->{data}}gr;
    $section{$1} .= $2 while $given =~ /^(\w+):\n((?:  .*\n)+)/mg;
    return <<"YAML" . join '', map { "$_:\n$section{$_}" } sort keys %section;
scope: $scope
name: $node->{name}
restapi:
  listen: 127.0.0.1:$node->{rest}
  connect_address: 127.0.0.1:$node->{rest}
raft:
  partner_addrs: ['$store']
YAML
}

# --- processes
my %running;
sub launch
{
    my ($name, $log, @command) = @_;
    $running{$name} = IPC::Run::start(\@command, '<', \undef, '>>', $log, '2>>', $log);
    return;
}
sub start_node
{
    my ($node, $scope, @blocks) = @_;
    spew("$root/$node->{name}.yml", patroni_yml($node, $scope, @blocks));
    return launch($node->{name}, $node->{log}, $patroni, "$root/$node->{name}.yml");
}
sub end { my ($name) = @_; my $process = delete $running{$name} // return; $process->signal('TERM'); $process->finish; return }
sub sql
{
    my ($node, $sql) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', $node->{port}, '-d', 'postgres' ], '<', \$sql, '>', \$out, '2>', \$err)
      or die "$sql: $err";
    chomp $out;
    return $out;
}
sub becomes { my ($node, $title, $query, $wanted) = @_; return ok(wait_for("$node->{name}: $title", sub { (eval { sql($node, $query) } // '') eq $wanted }), "$node->{name}: $title") }
# Patroni restarts a server once more after a bootstrap: it says when it is content.
sub becomes_leader
{
    my ($node) = @_;
    wait_for("$node->{name} to be the leader", sub { slurp_file($node->{log}, $node->{seen}) =~ /no action. I am \($node->{name}\), the leader with the lock/ });
    return is(sql($node, 'SELECT pg_is_in_recovery()'), 'f', "$node->{name}: is the leader");
}
sub rows { my ($node) = @_; return sql($node, "SELECT string_agg(n::text, ',' ORDER BY n) FROM fields") }
sub archive { my ($node) = @_; return becomes($node, 'archives', "DO \$\$ BEGIN PERFORM pg_create_restore_point('x'), pg_switch_wal(); END \$\$; SELECT state FROM agri_backup.status", 'ok') }
sub streams
{
    my ($replica, $leader) = @_;
    becomes($leader, "$replica->{name} streams from it", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '$replica->{name}'", '1');
    my $lsn = sql($leader, 'SELECT pg_current_wal_lsn()');
    becomes($replica, 'follows', "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= '$lsn'", 't');
    return is(rows($replica), rows($leader), 'with every row');
}
sub is_writer { my ($node) = @_; return like(scalar `agri_backup --config $root/main.conf lineage -D $node->{data}`, qr/: it is the writer$/m, "$node->{name}: it is the writer") }

system_or_bail('agri_backup', 'key', 'create', "$root/key");
spew("$root/main.conf", "[repository main]\nuri = file://$root/repository\nkey = file://$root/key\n");
# The server would find the document's file by itself; ours is named.
my @blocks = ($replicas . "    agri_backup.config_file: $root/main.conf\n");
spew("$root/store.yml", "scope: store\nname: store\nraft:\n  self_addr: $store\n  data_dir: $root/store\n");
launch('store', "$root/store.log", 'patroni_raft_controller', "$root/store.yml");

# --- A leader, and a replica from the repository
start_node($one, 'fields', @blocks);
becomes_leader($one);
sql($one, 'CREATE EXTENSION agri_backup; CREATE TABLE fields AS SELECT 1 AS n');
sql($one, 'SELECT agri_init()');
like(sql($one, 'SELECT agri_backup_now()'), qr/-full-/, 'the leader takes a backup');
sql($one, 'INSERT INTO fields VALUES (2)');
archive($one);
is_writer($one);
start_node($two, 'fields', @blocks);
streams($two, $one);
like(slurp_file($two->{log}), qr/replica has been created using agri_backup/, 'the replica was made from the repository');
is(sql($two, "SELECT count(*) FROM pg_settings WHERE name IN ('restore_command', 'primary_conninfo', 'recovery_target_timeline') AND sourcefile LIKE '%postgresql.auto.conf'"), '0', 'recovery settings are Patroni\'s alone');
is(sql($two, 'SELECT state FROM agri_backup.status'), 'standby', 'it archives nothing');

# --- A switchover
$two->{seen} = -s $two->{log};
type_in_shell('a switchover', $switchover);
becomes_leader($two);
sql($two, 'INSERT INTO fields VALUES (3)');
archive($two);
is_writer($two);
streams($one, $two);
like(sql($two, 'SELECT agri_backup_now()'), qr/-full-/, 'the new leader takes a backup');
is(sql($two, 'SELECT count(*) FROM agri_verify()'), '0', 'in which nothing is amiss');

# --- A new cluster at a moment
my $moment = sql($two, 'SELECT clock_timestamp()');
sql($two, 'INSERT INTO fields VALUES (-1)');
archive($two);
end($_->{name}) for $one, $two;
system_or_bail('rm', '-rf', $one->{data}, $two->{data});
$one->{seen} = -s $one->{log};
start_node($one, 'again', @blocks, $bootstrap =~ s/2026-11-22 20:15:00\+01/$moment/r);
becomes_leader($one);
is(rows($one), '1,2,3', 'the new cluster is at that moment');
sql($one, 'INSERT INTO fields VALUES (4)');
archive($one);
is_writer($one);
# Patroni 3 starts the server once more by itself, Patroni 4 does not.
system_or_bail('patronictl', '-c', "$root/node1.yml", 'restart', 'again', 'node1', '--force');
becomes($one, 'no target is left', "SELECT count(*) FROM pg_settings WHERE name ~ '^recovery_target' AND sourcefile LIKE '%postgresql.auto.conf'", '0');
start_node($two, 'again', @blocks);
streams($two, $one);
end($_) for 'node2', 'node1', 'store';

# Patroni's servers outlive it when it is killed.
END
{
    my $status = $?;
    end($_) for grep { $_ ne 'store' } keys %running;
    end('store');
    system('pg_ctl', '-D', $_, '-m', 'immediate', '-w', '-s', 'stop') for grep { -e "$_/postmaster.pid" } map { $_->{data} } @nodes;
    $? = $status;
}

done_testing();
