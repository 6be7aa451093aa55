# Debian's layout: configuration in /etc/postgresql, data in /var/lib/postgresql, Debian's own tools; and several
# clusters on one machine, each with its own file in /etc/agri_backup. The whole of it is private to this test: in a mount
# namespace, folders of ours stand in the place of those folders.
use strict;
use warnings;
use File::Basename qw(basename dirname);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Document;

my ($major) = `pg_config --version` =~ /(\d+)/;
my $name = "agri_test_$$";
my $root = PostgreSQL::Test::Utils::tempdir_short();
my $staged = dirname(program()) =~ s{/usr/local/bin$}{}r;
my %instead = (
    '/usr/lib/postgresql' => "$staged/usr/lib/postgresql",
    '/usr/share/postgresql' => "$staged/usr/share/postgresql",
    '/etc/postgresql' => "$root/etc",
    '/var/lib/postgresql' => "$root/lib",
    '/var/log/postgresql' => "$root/log");
mkdir "$root/$_" for qw(etc lib log run machine_etc whole_etc whole_etc/agri_backup whole_etc/postgresql);
# /etc has no folder of ours to stand in for: all of it is the machine's by links, but for two.
symlink "$root/machine_etc/" . basename($_), "$root/whole_etc/" . basename($_) for grep { !m{/(postgresql|agri_backup)$} } glob '/etc/*';
my @inside = ('unshare', '-U', '-m', '--map-current-user', '--keep-caps', 'sh', '-c',
    "mount --rbind /etc $root/machine_etc && mount --bind $root/whole_etc /etc && " . join(' && ', map { "mount --bind '$instead{$_}' '$_'" } sort keys %instead)
      . ' && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"', 'sh');

plan skip_all => "pg_createcluster is not installed (package postgresql-common)" if !-x '/usr/bin/pg_createcluster';
plan skip_all => "PostgreSQL $major is not one of Debian's packages" if !-d "$staged/usr/lib/postgresql/$major/bin";
plan skip_all => "no @{[ grep { !-d } sort keys %instead ]} on this machine" if grep { !-d } keys %instead;
plan skip_all => 'no user and mount namespaces on this machine (unshare -Um)' if system(@inside, 'true') != 0;

# Runs a command with Debian's folders being ours.
sub run_inside
{
    my ($out, $err);
    open my $log, '>>', "$root/commands.log" or die;
    IPC::Run::run([ @inside, @_ ], '<', \undef, '>', "$root/out", '2>', "$root/err");
    my $code = $? >> 8;
    ($out, $err) = (slurp_file("$root/out"), slurp_file("$root/err"));
    print $log "@_: $code\n$out$err";
    return ($code, $out, $err);
}
sub inside_ok { my ($title, @command) = @_; my ($code, $out, $err) = run_inside(@command); is($code, 0, $title) or diag("@command\n$out\n$err"); return $out }

my $port = PostgreSQL::Test::Cluster::get_free_port();
sub sql
{
    my ($sql, $at) = @_;
    my ($out, $err);
    IPC::Run::run([ 'psql', '-X', '-At', '-v', 'ON_ERROR_STOP=1', '-h', "$root/run", '-p', $at // $port, '-d', 'postgres' ], '<', \$sql, '>', \$out, '2>', \$err)
      or die "$sql: $err";
    chomp $out;
    return $out;
}
sub rows { return sql("SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM fields t") }
sub wait_for_end_of_recovery { return wait_for('the end of recovery', sub { (eval { sql('SELECT pg_is_in_recovery()') } // '') eq 'f' }) }
sub start_command { my ($out) = @_; my ($command) = $out =~ /^start the server with:\n  (.+)$/m; return $command }
sub stop_server { my ($data) = @_; system_or_bail('pg_ctl', '-D', $data, '-m', 'fast', '-w', 'stop') }

inside_ok('pg_createcluster', 'pg_createcluster', $major, $name, '--port', $port, '--socketdir', "$root/run", '--', '--auth=trust', '--no-sync');
my $etc = "$root/etc/$major/$name";
my $data = "$root/lib/$major/$name";
ok(-f "$etc/postgresql.conf" && !-e "$data/postgresql.conf", 'the configuration is in /etc alone');
system_or_bail(program(), 'key', 'create', "$root/key");
open my $conf, '>>', "$etc/postgresql.conf" or die;
# Where pg_createcluster switches ssl on: in the namespace, Debian's key belongs to a user that it does not know.
print $conf <<"CONF";
shared_preload_libraries = 'agri_backup'
archive_mode = on
archive_library = 'agri_backup'
agri_backup.repository = 'file://$root/repository'
agri_backup.key = 'file://$root/key'
work_mem = '5MB'
ssl = off
listen_addresses = ''
CONF
close $conf;
inside_ok('pg_ctlcluster start', 'pg_ctlcluster', $major, $name, 'start');
sql('CREATE EXTENSION agri_backup');
sql('SELECT agri_init()');
sql('CREATE TABLE fields AS SELECT i, md5(i::text) FROM generate_series(1, 10000) i');
my $backup = sql('SELECT agri_backup_now()');
sql("INSERT INTO fields VALUES (-1, 'after the backup')");
sql("SELECT pg_create_restore_point('x')");
my $truth = rows();
my $backed_up = slurp_file("$etc/postgresql.conf");
my $program = program();
my @restore = ($program, '--repository', "file://$root/repository", '--key', "file://$root/key", 'restore', '--target-dir');

# --- in its own place, with its configuration still in /etc
inside_ok('pg_ctlcluster stop', 'pg_ctlcluster', $major, $name, 'stop');
system('rm', '-rf', $data);
open $conf, '>>', "$etc/postgresql.conf" or die;
print $conf "work_mem = '7MB'\n";
close $conf;
my $present = slurp_file("$etc/postgresql.conf");
my $out = inside_ok('restore to the place it had', @restore, "/var/lib/postgresql/$major/$name");
is(slurp_file("$etc/postgresql.conf"), $present, 'what is in /etc stays as it is');
my $beside = "$data/agri_backup_restored_config";
like($out, qr{configuration from outside the data directory is in /var/lib/postgresql/$major/$name/agri_backup_restored_config}, 'it is said where the backed-up configuration is');
is(slurp_file("$beside/etc/postgresql/$major/$name/postgresql.conf"), $backed_up, 'beside, as it was backed up');
ok(-f "$beside/etc/postgresql/$major/$name/$_", "$_ too") for qw(pg_hba.conf pg_ident.conf);
my $command = start_command($out);
inside_ok("the printed command starts it: $command", 'sh', '-c', "$command </dev/null >/dev/null");
wait_for_end_of_recovery();
is(rows(), $truth, 'every row is there');
is(sql('SHOW work_mem'), '7MB', "with the configuration of this machine");
is(sql('SHOW data_directory'), "/var/lib/postgresql/$major/$name", 'in its place');
stop_server($data);
my ($debian) = $out =~ /on Debian this starts it too: (?:sudo )?(.*)$/m;
is($debian, "pg_ctlcluster $major $name start", "Debian's command is named");
inside_ok('and starts it', split / /, $debian // 'false');
is(rows(), $truth, 'every row is there');
sql('CREATE TABLE later AS SELECT 1');
wait_for('archiving', sub { sql('SELECT pg_switch_wal()') && sql("SELECT state FROM agri_backup.status") eq 'ok' });

# --- a clone in another place: the original's folders, pid file and archive stay the original's
inside_ok('pg_ctlcluster stop', 'pg_ctlcluster', $major, $name, 'stop');
$out = inside_ok('restore as clone to another place', @restore, "/var/lib/postgresql/$major/copy", '--as', 'clone', '--backup', $backup);
unlike($out, qr/pg_ctlcluster/, "Debian's command would start the original: it is not named");
$command = start_command($out);
inside_ok("the printed command starts it: $command", 'sh', '-c', "$command </dev/null >/dev/null");
wait_for_end_of_recovery();
is(sql('SHOW data_directory'), "/var/lib/postgresql/$major/copy", 'it is the clone');
is(sql('SHOW archive_mode'), 'off', 'which does not archive');
is(rows(), $truth, 'every row is there');
stop_server("$root/lib/$major/copy");

# --- a machine that never had the cluster: the configuration of the backup
system('rm', '-rf', $etc, "$root/lib/$major/copy");
$out = inside_ok('restore without configuration in /etc', @restore, "/var/lib/postgresql/$major/copy", '--as', 'clone', '--target-name', 'x');
ok(!-e $etc, 'nothing is put into /etc');
$command = start_command($out);
like($command, qr{config_file=.*agri_backup_restored_config}, 'the printed command uses what was backed up');
inside_ok("and starts it: $command", 'sh', '-c', "$command </dev/null >/dev/null");
wait_for_end_of_recovery();
is(sql('SHOW work_mem'), '5MB', 'with the configuration of the backup');
is(rows(), $truth, 'every row is there');
stop_server("$root/lib/$major/copy");

# --- several clusters: a name and a file each, one repository
my $document = Document->new('docs/operations.md', in => '009_restore_debian', places => [
    '/srv/agri_backup/main' => "$root/repository", '/etc/agri_backup/main.key' => "$root/key", 'sudo -u postgres ' => '' ]);
my ($file, $settings, $info) = map { $document->next_block($_) } qw(shop.conf postgresql.conf sh);
$document->ends;
sub write_to { my ($path, $text) = @_; open my $to, '>>', $path or die "$path: $!"; print $to $text; close $to or die; return }
my %port = map { $_ => PostgreSQL::Test::Cluster::get_free_port() } qw(shop farm);
my %backups;
for my $cluster (sort keys %port)
{
    my $at = $port{$cluster};
    inside_ok("$cluster: pg_createcluster", 'pg_createcluster', $major, "${cluster}_$$", '--port', $at, '--socketdir', "$root/run", '--', '--auth=trust', '--no-sync');
    write_to("$root/whole_etc/agri_backup/$cluster.conf", $file =~ s/shop/$cluster/gr);
    write_to("$root/etc/$major/${cluster}_$$/postgresql.conf", "shared_preload_libraries = 'agri_backup'\narchive_mode = on\narchive_library = 'agri_backup'\nlisten_addresses = ''\nssl = off\n" . $settings =~ s/shop/$cluster/gr);
    inside_ok("$cluster: pg_ctlcluster start", 'pg_ctlcluster', $major, "${cluster}_$$", 'start');
    sql("CREATE EXTENSION agri_backup; CREATE TABLE fields AS SELECT '$cluster' AS name", $at);
    sql('SELECT agri_init()', $at);
    $backups{$cluster} = sql('SELECT agri_backup_now()', $at);
    sql("INSERT INTO fields VALUES ('after')", $at);
    wait_for('archiving', sub { sql('SELECT state FROM agri_backup.status', $at) eq 'ok' });
    is(sql("SELECT hint FROM agri_check() WHERE NOT ok", $at), '', "$cluster: agri_check() finds nothing, by its file in /etc/agri_backup");
}
for my $cluster (sort keys %port)
{
    $out = inside_ok("$cluster: info", 'sh', '-c', "PATH=" . dirname($program) . ":\$PATH; " . $info =~ s/shop/$cluster/gr);
    my %listed = map { $_ => 1 } $out =~ /(\d{8}T\d{6}Z-full-\w{4})/g;
    is(join(' ', sort keys %listed), $backups{$cluster}, "$cluster: its own backup alone");
}
inside_ok('one of them is stopped', 'pg_ctlcluster', $major, "shop_$$", 'stop');
system('rm', '-rf', "$root/lib/$major/shop_$$");
inside_ok('and restored beside the running other', $program, '--cluster', 'shop', 'restore', '--target-dir', "/var/lib/postgresql/$major/shop_$$");
inside_ok('pg_ctlcluster start', 'pg_ctlcluster', $major, "shop_$$", 'start');
wait_for('the end of recovery', sub { (eval { sql('SELECT pg_is_in_recovery()', $port{shop}) } // '') eq 'f' });
is(sql("SELECT string_agg(name, ',' ORDER BY name) FROM fields", $port{shop}), 'after,shop', 'every row of its own');
wait_for("$_: archiving", sub { sql('SELECT pg_create_restore_point($$x$$), pg_switch_wal()', $port{$_}); sql('SELECT state FROM agri_backup.status', $port{$_}) eq 'ok' }) for sort keys %port;
is(sql('SELECT count(*) FROM agri_verify()', $port{$_}), '0', "$_: agri_verify() finds nothing") for sort keys %port;
inside_ok("pg_ctlcluster stop", 'pg_ctlcluster', $major, "${_}_$$", 'stop') for sort keys %port;

# Servers started by printed commands are not the test framework's to stop.
END
{
    my $status = $?;
    system('pg_ctl', '-D', dirname($_), '-m', 'immediate', '-w', 'stop') for glob "$root/lib/{*,*/*}/postmaster.pid";
    $? = $status;
}

done_testing();
