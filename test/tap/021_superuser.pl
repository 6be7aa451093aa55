# What root does with the program, out of habit or in a hurry: whatever it may do leaves a repository and a data
# directory that the server can go on with, and what it may not do is refused with the way to do it.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $program = $ENV{AGRI_AS_ROOT};    # lent by test/run.sh
plan skip_all => 'the program is to be run as root: run the tests as root' unless $program;

my $node = new_server('superuser');
my $of = repository_of($node);
sub as_root
{
    my (@arguments) = @_;
    my ($out, $err);
    IPC::Run::run([ $program, @arguments ], '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}
sub as_root_here { return as_root('--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster}, @_) }
# Of what the server's user, who runs this test, does not own.
sub strangers { my ($where) = @_; return join ' ', split /\n/, `find '$where' ! -uid $> 2>&1` }

my $backup = backup_now($node);
my ($code, $out, $err) = as_root_here('verify');
is($code, 0, 'verify') or diag("$out\n$err");
($code, $out, $err) = as_root_here('adopt', '-D', $node->data_dir);
is($code, 8, 'adopt is the owner\'s');
like($err, qr/sudo -u '#$>' agri_backup/, 'and it says how');

# The server died: its last row is in a segment that was never archived. Root saves it, and restores.
$node->safe_psql('postgres', 'CREATE TABLE seeds AS SELECT 1 AS n');
$node->stop('immediate');
($code, $out, $err) = as_root_here('wal-push', $node->data_dir . '/pg_wal');
is($code, 0, 'wal-push of a dead server\'s pg_wal') or diag("$out\n$err");
like($out, qr/unfinished segment \w{24} saved/, 'with its unfinished segment');
is(strangers($of->{folder}), '', 'all that it put into the repository belongs to the server');
my $folder = free_folder('restored');
($code, $out, $err) = as_root_here('restore', '--target-dir', $folder);
is($code, 0, 'restore') or diag("$out\n$err");
like($out, qr/^  (?:sudo -u|runuser -u) \S+ .*pg_ctl /m, 'the command that starts the server is for its user');
unlike($out, qr/cannot read the key/, 'nothing is said of a key that the server can read');
is(strangers($folder), '', 'every restored file belongs to the server');
is(strangers($of->{folder}), '', 'and so does the claim in the repository');
# Its restore_command runs what root ran; here that would be as root again, as it would not be in /usr/bin.
my $conf = slurp_file("$folder/postgresql.auto.conf");
ok($conf =~ s/\Q$program\E/program()/e, 'restore_command is set');
open my $file, '>', "$folder/postgresql.auto.conf" or die;
print $file $conf;
close $file;
my $restored = start_restored($folder, 'restored', like => $node);
is($restored->safe_psql('postgres', 'SELECT n FROM seeds'), '1', 'the restored server has the last row');
wait_archived($restored);
is($restored->safe_psql('postgres', 'SELECT state FROM agri_backup.status'), 'ok', 'it archives');
backup_now($restored);
is($restored->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', 'and takes a backup that is whole');

# A segment is lost.
$restored->safe_psql('postgres', "SELECT pg_create_restore_point('x')");
my $hole = wait_archived($restored);
$restored->safe_psql('postgres', "SELECT pg_create_restore_point('x')");
wait_archived($restored);
unlink split /\n/, `find '$of->{folder}' -name $hole`;
my $from = sprintf '0/%X', hex(substr $hole, 16) << 24;
my $to = sprintf '0/%X', (hex(substr $hole, 16) + 1) << 24;

# A gap that root declares is one that the server sees.
($code, $out, $err) = as_root_here('wal-gap', '--timeline', hex(substr $hole, 0, 8), '--from', $from, '--to', $to, '--reason', 'disk died');
is($code, 0, 'wal-gap') or diag($err);
is(strangers($of->{folder}), '', 'belongs to the server too');

# A new repository, for a data directory: the server's. Without one nobody can know whose it shall be.
my @new = ('--repository', "file://$of->{folder}.new", '--key', "file://$of->{key}", '--cluster', $of->{cluster});
($code, $out, $err) = as_root(@new, 'init', '-D', $folder);
is($code, 0, 'init for a data directory') or diag("$out\n$err");
is(strangers("$of->{folder}.new"), '', 'belongs to the owner of the data directory');
$restored->safe_psql('postgres', "ALTER SYSTEM SET agri_backup.repository = 'file://$of->{folder}.new'");
$restored->reload;
wait_archived($restored);
wait_for('archiving to the new one', sub { my @found = glob "$of->{folder}.new/clusters/*/*/wal/*/*/*"; @found > 0 });
like(backup_now($restored), qr/full/, 'and the server backs itself up there');
# Where test/run.sh, which is root then, removes it.
my $nobodys = "$PostgreSQL::Test::Utils::tmp_check/of_root";
($code, $out, $err) = as_root('--repository', "file://$nobodys", '--key', "file://$of->{key}", 'init');
is($code, 0, 'init without a data directory') or diag($err);
like($out, qr/belongs to root\. .*chown/, 'says that it is root\'s');
($code, $out, $err) = as_root('--repository', "file://$nobodys", '--key', "file://$of->{key}", 'init');
unlike($out, qr/chown/, 'once');
(undef, $out, $err) = $restored->psql('postgres', "ALTER SYSTEM SET agri_backup.repository = 'file://$nobodys'");
$restored->reload;
$restored->safe_psql('postgres', "SELECT pg_create_restore_point('x'); SELECT pg_switch_wal()");
wait_for('archiving to fail', sub { $restored->safe_psql('postgres', 'SELECT state FROM agri_backup.status') eq 'failing' });
like($restored->safe_psql('postgres', 'SELECT last_error || last_error_hint FROM agri_backup.status'),
    qr/\Q$nobodys\E.*Permission denied.*user that the server runs as own/, 'whose server is told what it needs');

# A key that only root can read.
my $key = free_folder('key');
($code, $out, $err) = as_root('key', 'create', $key);
is($code, 0, 'key create') or diag($err);
like($out, qr/belongs to root\. .*chown USER \Q$key\E/, 'says whose it is');
$restored->safe_psql('postgres', "ALTER SYSTEM SET agri_backup.key = 'file://$key'");
$restored->safe_psql('postgres', "ALTER SYSTEM SET agri_backup.repository = 'file://$of->{folder}.new'");
$restored->reload;
wait_for('archiving to fail by it', sub {
    ($restored->safe_psql('postgres', "SELECT last_error || coalesce(last_error_hint, '') FROM agri_backup.status") // '') =~
      /\Q$key\E.*Permission denied.*user that the server runs as must own it/ });
pass('a server that cannot read its key says what it needs');
($code, $out, $err) = $restored->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'and takes no backup');
like($err, qr/\Q$key\E/, 'and says why');
$restored->safe_psql('postgres', 'ALTER SYSTEM RESET agri_backup.key');
$restored->reload;
wait_archived($restored);
$restored->stop('fast');
unlink $key;

done_testing();
