# Keys and repositories that are wrong, missing, foreign or newer: a clear message, and nothing lost.
use strict;
use warnings;
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('keys');
my $info = cli_ok($node, 'info', 'info');
like($info, qr/^no backups yet/m, 'info without a backup says so');
like($info, qr/^Recovery windows\nnone: /m, 'and what begins a recovery window');
my $backup = backup_now($node);
my $of = repository_of($node);
my $folder = PostgreSQL::Test::Utils::tempdir_short();

sub refused
{
    my ($title, $code_expected, $pattern, @command) = @_;
    my ($out, $err);
    IPC::Run::run([ program(), @command ], '<', \undef, '>', \$out, '2>', \$err);
    is($? >> 8, $code_expected, "$title: exit code") or diag("$out\n$err");
    like($err, $pattern, "$title: clear message");
}

my @repository = ('--repository', "file://$of->{folder}", '--cluster', $of->{cluster});
my $another = "$folder/another.key";
system(program(), 'key', 'create', $another) == 0 or die;
refused('key create over a file', 5, qr/\Q$another\E/, 'key', 'create', $another);
is((stat $another)[2] & 07777, 0600, 'a new key is 0600');
refused('wrong key', 8, qr/key/, @repository, '--key', "file://$another", 'info');
refused('missing key file', 3, qr{\Q$folder/none.key\E}, @repository, '--key', "file://$folder/none.key", 'info');
refused('no key at all', 3, qr/key create/, @repository, 'info');
my $data_key = $node->data_dir . '/main.key';
refused('a new key inside the data directory', 3, qr/data directory/, 'key', 'create', $data_key);
refused('a new key inside the repository', 3, qr/inside the repository/, 'key', 'create', "$of->{folder}/keys/main.key");
ok(!-e $data_key, 'nothing was made there');
copy($another, $data_key) or die;
chmod 0600, $data_key;
refused('key inside the data directory', 3, qr/data directory/, '--repository', "file://$folder/new", '--key',
    "file://$data_key", 'init', '--data-directory', $node->data_dir);
unlink $data_key;
refused('a repository inside the data directory', 3, qr/lies inside the data directory.*best on another machine/s, '--repository', 'file://' . $node->data_dir . '/backups', '--key',
    "file://$of->{key}", 'init', @$_) for [], [ '--data-directory', $node->data_dir ];
ok(!-e $node->data_dir . '/backups', 'nothing was made there either');
chmod 0644, $another;
refused('key readable by everybody', 3, qr/\Q$another\E/, '--repository', "file://$folder/new", '--key', "file://$another", 'init');
chmod 0600, $another;
mkdir "$folder/empty";
refused('not initialised', 3, qr/not initialised or not mounted/, '--repository', "file://$folder/empty", '--key', "file://$another", 'info');
refused('not mounted', 3, qr{could not open repository folder "\Q$folder\E/nowhere".*mounted}s, '--repository', "file://$folder/nowhere", '--key', "file://$another", 'info');
refused('no repository', 3, qr/no repository is configured/, 'info');
refused('unknown scheme', 3, qr/file:/, '--repository', 'gopher://x', '--key', "file://$another", 'info');
refused('another cluster name', 4, qr/nobody/, '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', 'nobody', 'info');

# No descriptor left for it: to be tried again, nothing is wrong.
{
    my ($out, $err);
    IPC::Run::run([ 'prlimit', '--nofile=4', program(), @repository, '--key', "file://$of->{key}", 'info' ], '<', \undef, '>', \$out, '2>', \$err);
    is($? >> 8, 10, 'storage out of reach for now: exit code') or diag("$out\n$err");
    like($err, qr/\Q$of->{folder}\E.*Too many open files.*raise the limit/s, 'storage out of reach for now: clear message');
}

# A newer format is refused, with a hint, and left alone.
my $descriptor = "$of->{folder}/agri_backup.repository";
my $kept = slurp_file($descriptor);
(my $newer = $kept) =~ s/("format"\s*:\s*)1/${1}2/ or die "no format in $kept";
open my $out, '>', $descriptor or die; print $out $newer; close $out;
refused('newer format', 20, qr/newer/, @repository, '--key', "file://$of->{key}", 'info');
# A descriptor that claims no encryption must not make the reader accept forgeries.
(my $plain = $kept) =~ s/aes-256-gcm/none/;
open $out, '>', $descriptor or die; print $out $plain; close $out;
refused('descriptor downgraded', 3, qr/not encrypted/, @repository, '--key', "file://$of->{key}", 'info');
open $out, '>', $descriptor or die; print $out $kept; close $out;
cli_ok($node, 'the repository is whole after all of this', 'verify');

# Two clusters in one repository, each under its name; a second one under the same name is refused.
my $neighbour = new_server('neighbour', repository => $of->{folder}, key => $of->{key});
backup_now($neighbour);
cli_ok($neighbour, 'a second cluster lives in the same repository', 'verify');
my $impostor = new_server('impostor', repository => $of->{folder}, key => $of->{key}, cluster => 'keys', init => 0);
my ($code, $sql_out, $sql_err) = $impostor->psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init()');
isnt($code, 0, 'another cluster under the same name is refused');
like($sql_err, qr/system identifier/, 'and the message names the system identifiers');
$impostor->safe_psql('postgres', 'SELECT pg_switch_wal()');
wait_for('the impostor to fail archiving', sub {
    $impostor->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver') > 0 });

# Another cluster's WAL by hand.
my ($foreign) = glob($impostor->data_dir . '/pg_wal/0000*1');
($code, my $o, my $e) = cli($node, 'wal-push', $foreign);
is($code, 5, "another cluster's WAL is refused") or diag("$o\n$e");
like($e, qr/system identifier/, 'and the message says why');

# Encryption off in so many words.
my $open = PostgreSQL::Test::Utils::tempdir_short() . '/plain';
my ($pcode) = do { my ($po, $pe); IPC::Run::run([ program(), '--repository', "file://$open", '--encryption', 'off', 'init' ], '>', \$po, '2>', \$pe); $? >> 8 };
is($pcode, 0, 'a repository without encryption, asked for in so many words');
refused('a key for a repository without encryption', 3, qr/not encrypted|encryption/, '--repository', "file://$open", '--key', "file://$another", 'info');

$_->stop('fast') for $node, $neighbour;
$impostor->stop('immediate');
done_testing();
