# PITR twice in a row: three timelines that branch off one another. Each restore gets the rows of its branch.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

sub rows { return $_[0]->safe_psql('postgres', "SELECT string_agg(n::text, ',' ORDER BY n) FROM marks") }
sub mark { my ($on, @n) = @_; $on->safe_psql('postgres', "INSERT INTO marks VALUES ($_)") for @n }
sub point { my ($on, $name) = @_; $on->safe_psql('postgres', "SELECT pg_create_restore_point('$name')") }
sub writer { my ($of) = @_; my ($claim) = grep { $_->{in_force} } @{ cli_json($of, 'lineage')->{claims} }; return "$claim->{data_directory} $claim->{timeline}" }

my $first = new_server('branching');
$first->safe_psql('postgres', 'CREATE TABLE marks (n int)');
my $backup = backup_now($first);
mark($first, 1);
point($first, 'one');
mark($first, 2);
point($first, 'two');
mark($first, 3);
wait_archived($first);
$first->stop('fast');

# The original, restored to a moment in a folder of its own, goes on there as the writer.
my $life = 1;
sub goes_on
{
    my ($of, @arguments) = @_;
    my ($code, $out, $err, $folder) = restore($of, @arguments);
    is($code, 0, "restore @arguments") or diag("$out\n$err");
    my $node = start_restored($folder, 'life' . ++$life, like => $of);
    return ($node, $folder);
}
my ($second, $second_folder) = goes_on($first, '--target-name', 'one');
is(rows($second), '1', 'the first PITR');
mark($second, 21);
point($second, 'three');
mark($second, 22);
wait_archived($second);
is(writer($first), "$second_folder 2", 'the restored original is the writer, on timeline 2');
my $on_second = backup_now($second);
mark($second, 23);
wait_archived($second);
$second->stop('fast');

my ($third, $third_folder) = goes_on($second, '--target-name', 'two', '--target-timeline', '1');
is(rows($third), '1,2', 'the second PITR, to a point of the timeline that was left');
mark($third, 31);
point($third, 'four');
mark($third, 32);
wait_archived($third);
is(writer($first), "$third_folder 3", 'the writer is the last one, on timeline 3');
is($third->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', 'agri_verify() finds nothing');

# Who was left behind may not write when it is started again.
$second->start;
mark($second, -1);
wait_for('the one before to be refused', sub {
    $second->safe_psql('postgres', "SELECT pg_create_restore_point('x'), pg_switch_wal()");
    return $second->safe_psql('postgres', 'SELECT state FROM agri_backup.status') eq 'failing' });
like($second->safe_psql('postgres', 'SELECT last_error FROM agri_backup.status'), qr/writer for cluster "branching" is "\Q$third_folder\E"/, 'the one before is told who writes');
$second->stop('fast');
mark($third, 33);
wait_archived($third);
is($third->safe_psql('postgres', 'SELECT state FROM agri_backup.status'), 'ok', 'which it does');
$third->stop('fast');

for my $case (
    [ 'the end', '1,2,31,32,33', 3 ],
    [ 'timeline 1', '1,2,3', 1, '--target-timeline', '1' ],
    [ 'timeline 2', '1,21,22,23', 2, '--target-timeline', '2' ],
    [ 'timeline 3', '1,2,31,32,33', 3, '--target-timeline', '3' ],
    [ 'a point of all', '1', 3, '--target-name', 'one' ],
    [ 'a point of timeline 2', '1,21', 2, '--backup', $backup, '--target-name', 'three', '--target-timeline', '2' ],
    [ 'a point of timeline 3', '1,2,31', 3, '--target-name', 'four' ],
    [ 'a backup of timeline 2', '1,21,22,23', 2, '--backup', $on_second, '--target-timeline', 'current' ])
{
    my ($name, $expected, $timeline, @arguments) = @$case;
    my ($code, $out, $err, $folder) = restore($first, '--as', 'clone', @arguments);
    is($code, 0, "$name: restore") or diag("$out\n$err"), next;
    like($err, qr/on timeline $timeline\b/, "$name: it is said to be on timeline $timeline");
    my $restored = start_restored($folder, 'case' . ++$life, like => $first);
    is(rows($restored), $expected, "$name: the rows of that branch");
    $restored->stop('fast');
}
my ($code, $out, $err) = restore($first, '--as', 'clone', '--backup', $on_second, '--target-timeline', '3');
isnt($code, 0, 'a backup of timeline 2 leads not to timeline 3');
like($err, qr/timeline/, 'and the message says so') or diag($err);
($code, $out, $err) = restore($first, '--as', 'clone', '--target-name', 'three', '--target-timeline', '3');
isnt($code, 0, 'nor does a point of timeline 2 lie on 3');
like($err, qr/"three"/, 'and the message names it') or diag($err);

# The repository is given back to the server on timeline 2: that is what is followed, and the mistake can still be had.
cli_ok($first, 'the second is adopted', 'adopt', '-D', $second_folder);
sub restores_to
{
    my ($name, $expected, @arguments) = @_;
    my ($code, $out, $err, $folder) = restore($first, '--as', 'clone', @arguments);
    is($code, 0, "$name: restore") or diag("$out\n$err"), return $err;
    my $restored = start_restored($folder, 'case' . ++$life, like => $first);
    is(rows($restored), $expected, "$name: the rows of that branch");
    $restored->stop('fast');
    return $err;
}
like(restores_to('the writer came back', '1,21,22,23'), qr/timeline 3 was left: .*--target-timeline 3 takes the other/, 'what was left is said');
unlike(restores_to('what was left', '1,2,31,32,33', '--target-timeline', '3'), qr/was left/, 'by its number it is simply taken');

# A lost history file is no reason to take an older branch for the latest.
my $repository = repository_of($first)->{folder};
my ($history) = split /\n/, `find '$repository' -name 00000003.history`;
rename $history, "$history.away" or die;
($code, $out, $err) = restore($first, '--as', 'clone');
isnt($code, 0, 'without a history file the latest timeline is unknown');
like($err, qr/00000003\.history is not in the archive.*--target-timeline 2/s, 'the message names it, and the way out') or diag($err);
restores_to('an older timeline, knowingly', '1,21,22,23', '--target-timeline', '2');
rename "$history.away", $history or die;

# A damaged object hides nothing but itself.
my ($segment) = reverse sort split /\n/, `find '$repository' -regex '.*/00000002[0-9A-F]*'  -type f`;
my $sound = slurp_file($segment);
sub content { my ($is) = @_; unlink $segment; open(my $file, '>:raw', $segment) or die; print $file $is; close $file or die }
content('foreign' x 100);
my $object = substr $segment, length("$repository/");
my $info = cli_ok($first, 'info beside a damaged object', 'info');
like($info, qr/problem: \Q$object\E: /, 'info names it');
like($info, qr/^\s*\Q$_\E\b/m, "info lists backup $_") for $backup, $on_second;
like(cli_json($first, 'info')->{wal_problems}[0]{object}, qr/^\Q$object\E$/, 'as JSON as well');
restores_to('what does not need it', '1,2,31,32,33', '--target-timeline', '3');
($code, $out, $err) = restore($first, '--as', 'clone');
isnt($code, 0, 'the end of timeline 2 needs it');
like($err, qr/\Q$object\E/, 'and the message names it') or diag($err);
($code, $out) = cli($first, 'verify', '--level', 'objects');
is($code, 14, 'verify finds it');
like($out, qr/\Q$object\E/, 'and names it') or diag($out);
content($sound);
done_testing();
