# Standbys: a base backup taken on one, also with archive_mode = always, where WAL is archived once and by the
# primary; and a standby built from the repository, from either kind of backup, that then streams.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $primary = new_server('primary');
my $of = repository_of($primary);
sub objects { my ($name) = @_; my @found = split /\n/, `find '$of->{folder}' -type f -name '$name'`; return @found }
sub state_of { my ($on) = @_; return $on->safe_psql('postgres', 'SELECT state FROM agri_backup.status') }
sub log_has { my ($on, $pattern) = @_; return slurp_file($on->logfile) =~ $pattern }
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE fields AS SELECT i, md5(i::text) AS name FROM generate_series(1, 20000) i;
CREATE TABLE crops (n int);
SQL
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# A backup on the standby, while its primary writes; it ends with WAL that only the primary archives.
my $round = 0;
sub backup_on
{
    my ($on) = @_;
    $primary->wait_for_catchup($on);
    my ($out, $err) = ('', '');
    my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $on->connstr('postgres'), '-c', 'SELECT agri_backup_now()' ], '<', \undef, '>', \$out, '2>', \$err);
    while ($run->pumpable)
    {
        ++$round;
        $primary->safe_psql('postgres', "BEGIN; INSERT INTO crops VALUES ($round); DELETE FROM fields WHERE i = $round; COMMIT; SELECT pg_switch_wal()");
        $run->pump_nb;
    }
    $run->finish or diag($err);
    chomp $out;
    return $out;
}

# Restores and compares, once to the backup's own end and once to the end of WAL.
sub holds
{
    my ($backup, $title) = @_;
    $primary->safe_psql('postgres', "INSERT INTO crops VALUES (-1)");
    my $expected = fingerprint($primary, 'postgres');
    my $dump = dump_of($primary, 'postgres');
    wait_archived($primary);
    my ($code, $out, $err, $folder) = restore($primary, '--as', 'clone', '--backup', $backup);
    is($code, 0, "$title: restore") or diag("$out\n$err"), return;
    my $restored = start_restored($folder, "whole_$backup", like => $primary);
    is(fingerprint($restored, 'postgres'), $expected, "$title: every row of the primary");
    is(dump_of($restored, 'postgres'), $dump, "$title: pg_dump is the same");
    $restored->command_ok([ 'pg_amcheck', '--all', '--install-missing' ], "$title: pg_amcheck finds nothing");
    $restored->stop('fast');
    ($code, $out, $err, $folder) = restore($primary, '--as', 'clone', '--backup', $backup, '--target-immediate');
    is($code, 0, "$title: restore to the backup's end") or diag("$out\n$err"), return;
    command_ok([ 'pg_verifybackup', '--no-parse-wal', $folder ], "$title: pg_verifybackup accepts it");
    $restored = start_restored($folder, "end_$backup", like => $primary);
    # What each round wrote stands in one transaction: the rows of both tables agree at any moment.
    is($restored->safe_psql('postgres', 'SELECT (SELECT count(*) FROM crops WHERE n > 0) + count(*) FROM fields'), 20000,
        "$title: a consistent state");
    $restored->stop('fast');
}
my $first = backup_on($standby);
my ($info) = grep { $_->{backup_id} eq $first } @{ cli_json($primary, 'info')->{backups} };
ok($info->{from_standby}, 'archive_mode = on: the backup is from the standby');
is($standby->safe_psql('postgres', "SELECT agri_refresh()::text; SELECT count(*) FROM agri_backup.backups WHERE backup_id = '$first'") =~ /1$/ ? 1 : 0, 1, 'and its own views show it');
is($primary->safe_psql('postgres', "SELECT count(*) FROM agri_verify('$first')"), '0', 'agri_verify() on the primary finds nothing in it');
holds($first, 'archive_mode = on');

# archive_mode = always: both archive the same files, and each is there once, written by the primary.
$standby->append_conf('postgresql.conf', 'archive_mode = always');
$standby->restart;
my $failed = $primary->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver');
$primary->safe_psql('postgres', 'INSERT INTO crops VALUES (0)');
my $file = wait_archived($primary);
my ($object) = objects($file);
my $stored = join ' ', (stat $object)[1, 7, 9];
$primary->safe_psql('postgres', 'SELECT pg_create_restore_point(\'x\'), pg_switch_wal()');
$standby->poll_query_until('postgres', "SELECT last_archived_wal >= '$file' FROM pg_stat_archiver") or die 'the standby does not archive';
pass('the standby archives what the primary did');
is(scalar(objects($file)), 1, 'the segment is in the repository once');
is(join(' ', (stat $object)[1, 7, 9]), $stored, 'and untouched');
is($standby->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver'), '0', 'the same content is success');
is($primary->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver'), $failed, 'on the primary as well');
for my $server ($primary, $standby)
{
    ok(wait_for('its state', sub { state_of($server) eq 'ok' }), $server->name . ': archiving is fine');
}

# While the primary cannot archive, the standby writes nothing in its place, and keeps the file.
my $held = $primary->safe_psql('postgres', 'SELECT archiving_pid FROM agri_backup.status') || 0;
SKIP: {
    skip 'no pid of the archiving process', 3 unless $held;
    kill 'STOP', $held;
    my $next = $primary->safe_psql('postgres', "INSERT INTO crops VALUES (0); SELECT pg_walfile_name(pg_switch_wal())");
    $primary->wait_for_catchup($standby);
    wait_for('the standby to have the segment ready', sub { -e $standby->data_dir . "/pg_wal/archive_status/$next.ready" });
    is(scalar(objects($next)), 0, 'what the primary has not archived the standby does not write');
    kill 'CONT', $held;
    wait_for('both to be done', sub { -e $standby->data_dir . "/pg_wal/archive_status/$next.done" });
    is(scalar(objects($next)), 1, 'it waits for the primary');
    is($standby->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver'), '0', 'without a failure');
}

my $second = backup_on($standby);
holds($second, 'archive_mode = always');
is($primary->safe_psql('postgres', "SELECT count(*) FROM agri_verify()"), '0', 'agri_verify() finds nothing');

# The repository's mount is gone, and the primary restarts: the standby asks the archive for what it no longer
# gets from the stream. It goes on, streams again, and can be promoted before the mount is back.
sub survives_without_archive
{
    my ($replica) = @_;
    rename $of->{folder}, "$of->{folder}.away" or die $!;
    $primary->stop('immediate');
    ok(wait_for('restore_command to be tried', sub { log_has($replica, qr/agri_backup: error: [^\n]*\Q$of->{folder}\E/) }), 'the repository away: the standby says so in its log');
    $primary->start;
    $primary->safe_psql('postgres', 'INSERT INTO crops VALUES (-8)');
    $primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'replica' AND state = 'streaming'")
      or die 'the replica does not stream again';
    $primary->wait_for_catchup('replica');
    is($replica->safe_psql('postgres', 'SELECT count(*) FROM crops WHERE n = -8'), '1', 'and streams again');
    $primary->stop('immediate');
    my $begun = time;
    $replica->safe_psql('postgres', "SELECT pg_promote(true, 60)");
    is($replica->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 'f', 'it can be promoted');
    cmp_ok(time - $begun, '<', 30, 'at once');
    rename "$of->{folder}.away", $of->{folder} or die $!;
}

# restore --as standby: catches up from the archive, then streams.
for my $case ([ 'of a standby', $second ], [ 'of a primary', backup_now($primary) ])
{
    my ($title, $backup) = @$case;
    my ($code, $out, $err, $folder) = restore($primary, '--as', 'standby', '--backup', $backup);
    is($code, 0, "from the backup $title: restore --as standby") or diag("$out\n$err"), next;
    my $replica = start_restored($folder, "replica_$backup", like => $primary, standby => 1,
        conf => "archive_mode = on\nprimary_conninfo = '" . $primary->connstr . " application_name=replica'\n");
    $primary->safe_psql('postgres', "INSERT INTO crops VALUES (-7)");
    $primary->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = 'replica' AND state = 'streaming'")
      or die 'the replica does not stream';
    $primary->wait_for_catchup('replica');
    is($replica->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', "from the backup $title: it stays a standby");
    is(fingerprint($replica, 'postgres'), fingerprint($primary, 'postgres'), 'and streams: every row of the primary');
    is(state_of($primary), 'ok', 'the primary archives as before');
    survives_without_archive($replica) if $title eq 'of a primary';
    $replica->stop('fast');
}
$standby->stop('fast');
done_testing();
