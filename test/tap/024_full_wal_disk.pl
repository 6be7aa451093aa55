# The repository is gone, and the WAL that waits for it fills the disk of pg_wal: the status tells of it long
# before. Once it is full PostgreSQL stops, as it does. With the repository back, what waits can be archived by hand
# at once; with room on the disk the server goes on, and nothing is lost. A canary session runs until PostgreSQL stops.
use strict;
use warnings;
use Mounts;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $disk = free_folder('disk');
mkdir $disk or die;
new_mount($disk, '208m');
my $node = new_server('full_wal_disk', initdb => [ '--waldir', "$disk/wal" ], conf => <<'CONF');
autovacuum = off
min_wal_size = 32MB
max_wal_size = 48MB
wal_recycle = off
checkpoint_timeout = 1h
CONF
my $of = repository_of($node);
$node->safe_psql('postgres', 'CREATE TABLE crops (n int PRIMARY KEY, bytes bytea); ALTER TABLE crops ALTER bytes SET STORAGE EXTERNAL');
my $backup = backup_now($node);
wait_archived($node);
my $canary = hire_canary($node);

sub status { my ($columns) = @_; return split /\|/, $node->safe_psql('postgres', "SELECT concat_ws('|', $columns) FROM agri_backup.status"), -1 }
# A row that needs about four megabytes of WAL; whether it is committed.
my $committed = 0;
sub sow
{
    my $n = $committed + 1;
    my ($code) = $node->psql('postgres', "INSERT INTO crops SELECT $n, string_agg(sha512((g + $n * 65536)::text::bytea), '') FROM generate_series(1, 65536) g; SELECT pg_switch_wal()");
    $committed = $n if $code == 0;
    return $code == 0;
}
sub free_mb { my ($free) = `df --output=avail -BM $disk` =~ /(\d+)M\s*$/; return $free }

ok(sow(), 'while the repository is there');
rename $of->{folder}, "$of->{folder}.away" or die;
my $whole = free_mb();

# Long before the disk is full the status says so.
ok(sow(), 'and while it is away') for 1 .. 3;
my ($state, $waiting, $seconds, $problem);
wait_for('the warning', sub {
    canary_sings($canary);
    ($state, $waiting, $seconds) = status("state, waiting_files, coalesce(extract(epoch FROM time_until_disk_full)::bigint, -1)");
    return $state eq 'failing' && $waiting >= 3 && $seconds >= 0 });
cmp_ok(free_mb(), '>', $whole / 3, 'the status warns while a third of the disk is free');
cmp_ok($seconds, '<', 7 * 86400, "it says when the disk will be full: in $seconds s");
my ($error) = status('last_error');
like($error, qr/\Q$of->{folder}\E/, 'and what is the matter');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM agri_check() WHERE NOT ok'), '>', 0, 'agri_check() tells it as well');

# Then it is full, and PostgreSQL stops.
dismiss_canary($canary);
my $tries = 0;
while (++$tries < 60) { last unless sow() }
cmp_ok($tries, '<', 60, 'the disk becomes full');
my ($pid) = split /\n/, eval { slurp_file($node->data_dir . '/postmaster.pid') } // '';
wait_for('the server to stop', sub { !$pid || !kill 0, $pid });
like(slurp_file($node->logfile), qr/PANIC:.*No space left on device/, 'PostgreSQL itself stops, and says why');
$node->{_pid} = undef;

# The repository is back: all that waits is archived without the server, as the operator may do at once.
rename "$of->{folder}.away", $of->{folder} or die;
my ($code, $out, $err) = cli($node, 'wal-push', $node->data_dir . '/pg_wal');
is($code, 0, 'wal-push archives what the dead server left') or diag($err);
with_mount_rights("mount -o remount,size=512m $disk") or die 'no remount';
$node->start;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
# What was on its way when the server stopped is there or not.
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM crops');
ok($rows == $committed || $rows == $committed + 1, 'with room again the server has every committed row') or diag("$rows, not $committed");
$committed = $rows;
ok(sow(), 'and goes on');
wait_archived($node);
wait_for('archiving to be fine', sub { (status('state'))[0] eq 'ok' });
wait_for('nothing to wait', sub { (status('waiting_files'))[0] == 0 });
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');
my $truth = fingerprint($node, 'postgres');
wait_archived($node);
($code, $out, $err, my $folder) = restore($node, '--as', 'clone', '--backup', $backup);
is($code, 0, 'restore through all of it') or diag($err);
my $restored = start_restored($folder, 'after_full_disk', like => $node);
is(fingerprint($restored, 'postgres'), $truth, 'the data is whole');
$restored->stop('fast');
$node->stop('fast');
done_testing();
