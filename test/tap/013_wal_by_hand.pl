# WAL that a person or archive_command pushes with "agri_backup wal-push", without the archive module: the
# same guarantees, a dead server's pg_wal saved to its last commit, and a gap that an operator declares.
use strict;
use warnings;
use Cwd ();
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

# A server whose archive_command pushes: no archive_library.
my $node = new_server('by_hand', start => 0);
my $of = repository_of($node);
my $wal_push = join ' ', program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}",
    '--cluster', $of->{cluster}, 'wal-push';
$node->append_conf('postgresql.conf', "wal_keep_size = 1GB\narchive_library = ''\narchive_command = '$wal_push \"%p\"'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init(); CREATE TABLE seeds (n int)');
sub seeds { my ($on) = @_; return $on->safe_psql('postgres', "SELECT string_agg(n::text, ',' ORDER BY n) FROM seeds") }
sub sow { $node->safe_psql('postgres', "INSERT INTO seeds VALUES ($_[0])") }
sub restored_seeds
{
    my ($name, @arguments) = @_;
    my ($code, $out, $err, $folder) = restore($node, '--as', 'clone', @arguments);
    is($code, 0, "$name: restore succeeds") or diag("$out\n$err"), return ('', $err);
    my $restored = start_restored($folder, $name, like => $node);
    my $seeds = seeds($restored);
    $restored->stop('fast');
    return ($seeds, $err);
}
sub wal { return $node->data_dir . "/pg_wal/$_[0]" }
sub slurp { my ($path) = @_; open my $in, '<:raw', $path or die "$path: $!"; local $/; return scalar <$in> }
sub spew { my ($path, $bytes) = @_; open my $file, '>:raw', $path or die "$path: $!"; print $file $bytes; close $file or die }

sow(1);
my $backup = backup_now($node);
like($backup, qr/full/, 'a backup is made where archive_command archives');
sow(2);
my $first = wait_archived($node);
my ($seeds) = restored_seeds('command');
is($seeds, '1,2', 'and is restored to the end of what archive_command archived');

# Pushed again by hand: the same content is success, other content a conflict that names both.
cli_ok($node, 'the same segment again is success', 'wal-push', wal($first)) if -e wal($first);
$node->safe_psql('postgres', "SELECT pg_create_restore_point('again')");
my $second = wait_archived($node);
my $folder = PostgreSQL::Test::Utils::tempdir_short();
copy(wal($second), "$folder/$second") or die;
cli_ok($node, 'the same content from elsewhere is success', 'wal-push', "$folder/$second");
my $bytes = slurp("$folder/$second");
substr($bytes, 9000, 1) = chr(ord(substr($bytes, 9000, 1)) ^ 1);
spew("$folder/$second", $bytes);
my ($code, $out, $err) = cli($node, 'wal-push', "$folder/$second");
is($code, 5, 'other content under an archived name is a conflict');
like($err, qr/"$second" is already archived with other content/, 'it names the segment');
like($err, qr/In the archive: SHA-256.*To be archived: SHA-256.*Nothing was overwritten/s, 'and both contents');
my $fetched = "$folder/fetched";
cli_ok($node, 'wal-fetch', 'wal-fetch', $second, $fetched);
is(slurp($fetched), slurp(wal($second)), 'what was archived is untouched') if -e wal($second);

# Another cluster's WAL is refused, as a file and as a folder; and what is no WAL at all.
my $foreign = PostgreSQL::Test::Cluster->new('foreign');
$foreign->init;
$foreign->start;
$foreign->safe_psql('postgres', 'CREATE TABLE t AS SELECT 1 AS a');
$foreign->stop('immediate');
my ($its) = sort map { s{.*/}{}r } glob($foreign->data_dir . '/pg_wal/0000000100000000000000*');
for my $path ($foreign->data_dir . "/pg_wal/$its", $foreign->data_dir . '/pg_wal')
{
    ($code, $out, $err) = cli($node, 'wal-push', $path);
    isnt($code, 0, "another cluster's WAL is refused ($path)");
    like($err, qr/system/, 'and the message says whose it is');
}
# A history file does not say whose it is: the folder does, and nothing of it is stored.
spew($foreign->data_dir . '/pg_wal/00000002.history', "1\t0/2000000\tno recovery target specified\n");
for my $path ($foreign->data_dir . '/pg_wal/00000002.history', $foreign->data_dir . '/pg_wal')
{
    ($code, $out, $err) = cli($node, 'wal-push', $path);
    is($code, 5, "its history is refused ($path)");
    like($err, qr/Nothing was archived/, 'and the message says so');
}
is(`find '$of->{folder}' -name '00000002.history'`, '', 'which is true');
($code, $out, $err) = cli($node, 'wal-push', $node->data_dir);
is($code, 2, 'a data directory is no pg_wal');
like($err, qr/holds no WAL file.*Push "\Q@{[ $node->data_dir ]}\E\/pg_wal"/s, 'but has one');

# A copy of the server that is promoted while the original lives is no follower of it, by archive_command neither.
$node->backup('copy');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'copy');
system_or_bail('rm', '-f', $copy->data_dir . '/agri_backup/claim');
$copy->append_conf('postgresql.conf', 'port = ' . $copy->port . "\nrestore_command = 'false'\n");
$copy->set_recovery_mode;
$copy->start;
$copy->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the copy does not recover';
$copy->safe_psql('postgres', "INSERT INTO seeds VALUES (-1); SELECT pg_switch_wal()");
ok($copy->poll_query_until('postgres', 'SELECT failed_count > 0 FROM pg_stat_archiver'), 'a promoted copy archives nothing');
like(slurp_file($copy->logfile), qr/writer for cluster "\Q$of->{cluster}\E" is "\Q@{[ Cwd::realpath($node->data_dir) ]}\E"/, 'and is told who writes');
is(`find '$of->{folder}' -name '00000002*'`, '', 'nothing of its timeline is in the archive');
system_or_bail('mkdir', '-p', $copy->data_dir . '/agri_backup');
spew($copy->data_dir . '/agri_backup/role', '{"role":"clone"}');
ok(wait_for('the clone to be told', sub {
    $copy->safe_psql('postgres', "SELECT pg_create_restore_point('x'), pg_switch_wal()");
    return slurp_file($copy->logfile) =~ /restored as a clone/ }), 'a clone neither');
$copy->stop('immediate');
spew("$folder/README", 'no WAL');
($code, $out, $err) = cli($node, 'wal-push', "$folder/README");
is($code, 2, 'what is no WAL file is refused');
like($err, qr/README/, 'by name');

# Pushing what the archiver pushes at the same moment harms neither.
sow(3);
my $busy = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
my @pushers;
for (1 .. 3)
{
    my $errors = '';
    my @command = (split(/ /, $wal_push), wal($busy));
    push @pushers, [IPC::Run::start(\@command, '<', \undef, '>', \my $ignored, '2>', \$errors), \$errors];
}
$_->[0]->finish for @pushers;
is(scalar(grep { ${ $_->[1] } ne '' } @pushers), 0, 'three pushes beside the archiver: all succeed') or diag(map { ${ $_->[1] } } @pushers);
wait_archived($node);
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_archiver WHERE failed_count > 0 AND last_failed_time > now() - interval '1 minute' AND last_failed_wal >= '$busy'"), '0',
    'and the archiver never failed over it');

sow(4);
# A running server's pg_wal: its unfinished segment is its own affair.
$out = cli_ok($node, 'the folder of a running server', 'wal-push', $node->data_dir . '/pg_wal');
like($out, qr/unfinished segment \w{24} left to the server/, 'its unfinished segment is left to it');

# The server dies and does not come back. Its last commits are in a segment that was never archived.
my $last = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
$node->stop('immediate');
($seeds) = restored_seeds('before_saving');
is($seeds, '1,2,3', 'before its pg_wal is saved the last commit is missing');
$out = cli_ok($node, 'the dead server\'s pg_wal is saved', 'wal-push', $node->data_dir . '/pg_wal');
like($out, qr{unfinished segment $last saved up to [0-9A-F]+/[0-9A-F]+}, 'its unfinished segment up to its last record');
($seeds, $err) = restored_seeds('saved');
is($seeds, '1,2,3,4', 'a restore to the end has the last commit') or diag($err);
$out = cli_ok($node, 'saving it again is success', 'wal-push', $node->data_dir . '/pg_wal');
like($out, qr/^0 WAL files archived/, 'and changes nothing');
cli_ok($node, 'verify is content', 'verify');
my ($unfinished) = grep { $_->{status} eq 'unfinished' } @{ cli_json($node, 'info')->{wal_archive} };
ok($unfinished, 'info shows the unfinished segment');

# Another copy of that segment which goes on differently is refused; the saved one stays.
my $twin = "$folder/pg_wal";
mkdir $twin or die;
$bytes = slurp(wal($last));
my ($high, $low) = split m{/}, $unfinished->{to_lsn};
my $end = hex($low) % (16 << 20);
substr($bytes, $end - 4, 4) = "\0\0\0\0";    # its last record is damaged: it ends earlier
spew("$twin/$last", $bytes);
$out = cli_ok($node, 'a copy that ends earlier is there already', 'wal-push', $twin);
substr($bytes, 40, 1) = chr(ord(substr($bytes, 40, 1)) ^ 1);
spew("$twin/$last", $bytes);
($code, $out, $err) = cli($node, 'wal-push', $twin);
($seeds) = restored_seeds('still');
is($seeds, '1,2,3,4', 'the saved one stays');

# The saved part is damaged in the repository. A server that asked for it last, or ahead, would not start.
my @pieces = split /\n/, `find '$of->{folder}' -type f -path '*/tail/*/$last/*'`;
ok(scalar @pieces, 'the saved part is in the repository');
my %sound = map { $_ => slurp($_) } @pieces;
for my $piece (@pieces)
{
    my $damaged = $sound{$piece};
    substr($damaged, length($damaged) / 2, 1) ^= "\1";
    chmod 0600, $piece;
    spew($piece, $damaged);
}
($code, $out, $err) = restore($node, '--as', 'clone');
isnt($code, 0, 'a restore that would end with it is refused') or diag($out);
like($err, qr/the unfinished WAL segment $last, with which recovery would end, cannot be read/, 'and it is named');
my ($before) = $err =~ m{--target-lsn ([0-9A-F]+/[0-9A-F]+)\.};
($seeds) = restored_seeds('before_damage', '--target-lsn', $before);
is($seeds, '1,2,3', 'to the LSN that the hint names it succeeds');
spew($_, $sound{$_}) for @pieces;

# The server comes back after all: the full segment takes the place of the saved part.
$node->start;
is(seeds($node), '1,2,3,4', 'the server recovered');
sow(5);
wait_archived($node);
($seeds) = restored_seeds('came_back');
is($seeds, '1,2,3,4,5', 'the archived segment goes before the saved part');
$node->safe_psql('postgres', 'SELECT agri_refresh()');
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'unfinished'"), '0',
    'and nothing is unfinished any more');

# WAL that is lost. It is seen, never declared by itself; when an operator does so it is recorded and shown,
# and no restore goes across it.
sow(6);
my $from = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()') =~ s{/(.*)}{sprintf '/%X', hex($1) & 0xff000000}er;
my $lost = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
wait_archived($node);
for my $more (7 .. 8) { sow($more); wait_archived($node) }
my $after_gap = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
sow(9);
wait_archived($node);
my ($object) = split /\n/, `find '$of->{folder}' -name $lost`;
unlink $object or die;
my $to = $node->safe_psql('postgres', "SELECT '$from'::pg_lsn + 16777216");
sub gap_rows { $node->safe_psql('postgres', 'SELECT agri_refresh()');
    return $node->safe_psql('postgres', "SELECT status || ' ' || from_lsn || ' ' || to_lsn FROM agri_backup.wal_archive WHERE status IN ('missing', 'declared gap')") }
is(gap_rows(), "missing $from $to", 'lost WAL is shown as missing, and not declared by itself');
($code, $out, $err) = cli($node, 'wal-gap', '--timeline', 1, '--from', $to, '--to', $from, '--reason', 'wrong way');
is($code, 2, 'a gap that ends before it begins is refused');
for my $case (
    [ 'what is archived', $from, '7/0', qr/WAL segment \w{24} is archived, and not lost/, 'all' ],
    [ 'what is not written yet', '7/0', '7/1000000', qr/is not missing/, 'early' ],
    [ 'what has no reason', $from, $to, qr/without a reason/, ' ' ])
{
    my ($title, $first_lsn, $end_lsn, $message, $reason) = @$case;
    ($code, $out, $err) = cli($node, 'wal-gap', '--timeline', 1, '--from', $first_lsn, '--to', $end_lsn, '--reason', $reason);
    is($code, 2, "$title is not declared lost");
    like($err, $message, 'and the message says why');
}
($code, $out, $err) = cli($node, 'wal-gap', '--timeline', 9, '--from', $from, '--to', $to, '--reason', 'no such timeline');
is($code, 2, 'nor what is of a timeline that nobody knows');
cli_ok($node, 'the gap is declared', 'wal-gap', '--timeline', 1, '--from', $from, '--to', $to, '--reason', 'disk died');
cli_ok($node, 'declaring it again is success', 'wal-gap', '--timeline', 1, '--from', $from, '--to', $to, '--reason', 'disk died');
($code, $out, $err) = cli($node, 'wal-gap', '--timeline', 1, '--from', $from, '--to', '7/0', '--reason', 'more');
is($code, 5, 'another end for it is a conflict');
is(gap_rows(), "declared gap $from $to", 'the view shows it as declared');
like(cli_ok($node, 'info', 'info'), qr/declared gap/, 'so does info');
($code, $out, $err) = cli($node, 'verify');
like($out, qr/$lost is missing from the archive \(declared lost by .*disk died\)/, 'verify tells who declared it and why');
($code, $out, $err, my $target) = restore($node, '--as', 'clone', '--target-lsn', $after_gap);
is($code, 11, 'a restore across the gap is refused');
like($err, qr/$lost.*disk died/s, 'and says which WAL is lost and by whose word');
ok(!-e $target, 'nothing was written');
($seeds, $err) = restored_seeds('up_to_gap');
is($seeds, '1,2,3,4,5', 'without a target recovery ends before the gap');
like($err, qr/cannot be reached|ends before/, 'and says so beforehand');
my $new = backup_now($node);
sow(10);
wait_archived($node);
($seeds) = restored_seeds('behind_gap');
is($seeds, '1,2,3,4,5,6,7,8,9,10', 'a new backup makes what is behind the gap restorable');

$node->stop('fast');
done_testing();
