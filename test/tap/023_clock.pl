# The clock of the machine jumps an hour ahead and an hour back under a server at work (libfaketime): archiving,
# leases, the order of backups and recovery targets are not touched by it, and nothing waits for an hour.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use AgriBackup;

my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
plan skip_all => 'libfaketime is not installed' unless $library;

# Server and program live by this clock, psql and the test by the machine's. As when somebody sets the clock, the time
# since boot and what file systems wrote down stay as they are.
my $dial = free_folder('dial');
# With a cache the first look of each process would see the time before the jump.
my %fake = (LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => $dial, FAKETIME_NO_CACHE => 1,
    FAKETIME_DONT_FAKE_MONOTONIC => 1, NO_FAKE_STAT => 1);
sub set_clock { my ($offset) = @_; open my $file, '>', "$dial.new" or die; print $file "$offset\n"; close $file; rename "$dial.new", $dial or die; return }
sub with_fake_clock { my ($code) = @_; local @ENV{ keys %fake } = values %fake; return $code->() }

set_clock('+0');
my $node = new_server('clock', start => 0, conf => "autovacuum = off\nagri_backup.debug_lease_time = 3s\n");
with_fake_clock(sub { $node->start });
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query) }
sql('CREATE EXTENSION agri_backup; SELECT agri_init()');
sql('CREATE TABLE seasons (n int); CREATE TABLE noise AS SELECT i, sha512(i::text::bytea || random()::text::bytea) AS bytes FROM generate_series(1, 60000) i');
my $canary = hire_canary($node);

# The server sees the new time soon.
sub jump
{
    my ($offset, $seconds) = @_;
    set_clock($offset);
    wait_for("the clock at $offset", sub { canary_sings($canary); abs(sql('SELECT extract(epoch FROM clock_timestamp())') - time - $seconds) < 60 });
    return;
}
# What takes a moment by the time since boot, whatever the clock does meanwhile.
sub is_quick
{
    my ($title, $code) = @_;
    my $start = Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC());
    $code->();
    cmp_ok(Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) - $start, '<', 600, "$title: nothing waits for an hour");
    return;
}
my ($season, @backups, @ends) = (0);
sub live
{
    my ($title) = @_;
    sql('INSERT INTO seasons VALUES (' . ++$season . ')');
    push @ends, sql('SELECT pg_current_wal_insert_lsn()');
    is_quick("$title, archiving", sub { wait_archived($node) });
    is_quick("$title, backup", sub { push @backups, backup_now($node) });
    is(sql('SELECT state FROM agri_backup.status'), 'ok', "$title: archiving is fine");
    canary_sings($canary);
    return;
}
# A backup that the clock jumps under: it keeps its lease and goes on.
sub live_through
{
    my ($title, @jump) = @_;
    $node->append_conf('postgresql.conf', "agri_backup.rate_limit = '2MB'");
    $node->reload;
    my ($out, $err) = ('', '');
    my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT agri_backup_now()' ], '<', \undef, '>', \$out, '2>', \$err);
    wait_for('the backup to copy', sub { canary_sings($canary); $run->pump_nb; sql('SELECT coalesce(max(bytes_done), 0) FROM agri_backup.progress') > 0 });
    jump(@jump);
    $node->append_conf('postgresql.conf', 'agri_backup.rate_limit = 0');
    $node->reload;
    is_quick("$title, in a backup", sub { $run->finish });
    like($out, qr/^\d{8}T\w+-full-\w+\n$/, "$title: the backup under way succeeds") or diag($err);
    push @backups, $out =~ /(\S+)/;
    live($title);
    return;
}

live('before');
my $before = sql("SELECT clock_timestamp() AT TIME ZONE 'UTC'");
live_through('an hour ahead', '+3600', 3600);
live_through('an hour back', '-3600', -3600);
# By LSN they stand in the order in which they were taken; their names, which hold times, do not.
isnt(join(' ', sort @backups), join(' ', @backups), 'the names of the backups are not in order');
my @listed = map { $_->{backup_id} } sort { $a->{lsn} <=> $b->{lsn} } map { { %$_, lsn => do { my ($h, $l) = split m{/}, $_->{start_lsn}; hex($h) * 2**32 + hex $l } } } @{ cli_json($node, 'info')->{backups} };
is(join(' ', @listed), join(' ', @backups), 'their LSNs are');
is($node->safe_psql('postgres', 'SELECT object, problem FROM agri_verify()'), '', 'agri_verify() finds nothing');
is(sql("SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');

# Restored, each to a moment: the newest backup before it is chosen, and the rows are those of then.
wait_archived($node);
sub restored_seasons
{
    my ($title, $expected_backup, @target) = @_;
    my ($code, $out, $err, $folder) = with_fake_clock(sub { restore($node, '--as', 'clone', @target) });
    is($code, 0, "$title: restore") or diag("$out\n$err"), return '';
    like("$out$err", qr/\Q$expected_backup\E/, "$title: it chooses the right backup");
    my $restored = start_restored($folder, 'to_' . ($title =~ s/\W/_/gr), like => $node);
    my $rows = $restored->safe_psql('postgres', 'SELECT count(*) FROM seasons');
    $restored->stop('fast');
    return $rows;
}
is(restored_seasons('the end', $backups[-1]), $season, 'the end of WAL: every row');
is(restored_seasons('ahead', $backups[1], '--target-lsn', $ends[1]), 2, 'an LSN while the clock was ahead');
is(restored_seasons('before', $backups[0], '--target-time', "$before+00"), 1, 'a time before the jumps');

dismiss_canary($canary);
$node->stop('fast');
done_testing();
