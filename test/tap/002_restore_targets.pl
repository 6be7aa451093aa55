# Every kind of recovery target, on a timeline and past a promotion; and what cannot be reached is said,
# with the nearest moments, before anything is written.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('targets');
my $before_all = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres', 'CREATE TABLE steps (n int)');
my $first = backup_now($node);

# Truth: after step N the table holds 1..N.
my %at;
for my $step (1 .. 4)
{
    my $xid = $node->safe_psql('postgres', "BEGIN; INSERT INTO steps VALUES ($step); SELECT pg_current_xact_id(); COMMIT");
    $at{$step} = {
        xid => $xid,
        lsn => $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()'),
        time => $node->safe_psql('postgres', 'SELECT clock_timestamp()') };
    $node->safe_psql('postgres', "SELECT pg_create_restore_point('step $step')");
    wait_archived($node) if $step == 2;
}
my $second = backup_now($node);
$node->safe_psql('postgres', 'INSERT INTO steps VALUES (5)');
$node->safe_psql('postgres', "SELECT pg_switch_wal()");
wait_archived($node);

sub steps_after
{
    my ($title, $expected, @arguments) = @_;
    my ($code, $out, $err, $folder) = restore($node, @arguments);
    is($code, 0, "$title: restore succeeds") or diag("$out\n$err"), return;
    my $restored = start_restored($folder, 'r' . ($title =~ s/\W+/_/gr), like => $node);
    is($restored->safe_psql('postgres', "SELECT string_agg(n::text, ',' ORDER BY n) FROM steps"),
        $expected, "$title: the rows are those of that moment");
    $restored->stop('fast');
    return $err;
}

my $err = steps_after('time', '1,2', '--as', 'clone', '--target-time', $at{2}{time});
like($err, qr/\Q$first\E/, 'time: the first backup was chosen');
steps_after('lsn', '1,2,3', '--as', 'clone', '--target-lsn', $at{3}{lsn});
steps_after('xid inclusive', '1,2,3', '--as', 'clone', '--target-xid', $at{3}{xid});
steps_after('xid exclusive', '1,2', '--as', 'clone', '--target-xid', $at{3}{xid}, '--exclusive');
steps_after('xid with its epoch', '1,2,3', '--as', 'clone', '--target-xid', 7 * 2**32 + $at{3}{xid});
steps_after('name', '1,2,3,4', '--as', 'clone', '--target-name', 'step 4');
$err = steps_after('immediate', '1,2,3,4', '--as', 'clone', '--target-immediate');
like($err, qr/\Q$second\E/, 'immediate: the newest backup was chosen');
steps_after('end of WAL', '1,2,3,4,5', '--as', 'clone');
steps_after('named backup', '1,2,3,4,5', '--as', 'clone', '--backup', $first);

sub refused
{
    my ($title, $code_expected, $pattern, @arguments) = @_;
    my ($code, $out, $err, $folder) = restore($node, @arguments);
    is($code, $code_expected, "$title: exit code") or diag("$out\n$err");
    like($err, $pattern, "$title: says what can be reached instead");
    ok(!-e $folder, "$title: nothing was written");
}

refused('before the first backup', 11, qr/$first|earliest|first/, '--target-time', $before_all);
refused('past the end of WAL', 11, qr/last commit/, '--target-time', '2199-01-01 00:00:00+00');
refused('LSN past the end', 11, qr{[0-9A-F]+/[0-9A-F]+}, '--target-lsn', 'FF/0');
refused('unknown name', 11, qr/no such point/, '--target-name', 'no such point');
refused('unknown xid', 11, qr/2000000000/, '--target-xid', '2000000000');
refused('unknown timeline', 11, qr/timeline/, '--target-timeline', '77');
refused('time without offset', 2, qr/UTC offset/, '--target-time', '2026-11-22 20:15:00');
refused("garbage $_->[0]", 2, qr/--target-$_->[0]/, "--target-$_->[0]", $_->[1])
  for [ lsn => 'zzz' ], [ time => 'yesterday evening+01' ], [ xid => '12x' ], [ timeline => 'newest' ], [ action => 'dance' ];
refused('two targets', 2, qr/more than one/, '--target-immediate', '--target-lsn', '0/1');
refused('unknown backup', 4, qr/20200101T000000Z-full-0000/, '--backup', '20200101T000000Z-full-0000');

# A promotion makes timeline 2; both branches stay reachable.
$node->stop('fast');
my ($code, $out, $errors, $folder) = restore($node, '--target-lsn', $at{3}{lsn});
is($code, 0, 'restore as original') or diag($errors);
my $successor = start_restored($folder, 'successor', like => $node);
$successor->safe_psql('postgres', 'INSERT INTO steps VALUES (30)');
wait_archived($successor);
my $third = backup_now($successor);
$successor->safe_psql('postgres', 'INSERT INTO steps VALUES (31)');
wait_archived($successor);
$successor->stop('fast');
steps_after('latest timeline', '1,2,3,30,31', '--as', 'clone');
steps_after('timeline 1 by number', '1,2,3,4,5', '--as', 'clone', '--target-timeline', '1', '--backup', $second);
steps_after('timeline 2 from a backup of timeline 1', '1,2,3,30,31', '--as', 'clone', '--backup', $first,
    '--target-timeline', '2');

done_testing();
