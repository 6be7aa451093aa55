# Who may write: promotion beside a running old primary, two promotions of one base, failback with pg_rewind,
# switchovers, a copied disk, and a clone. The repository always holds one history, which
# every restore here is compared with; who may not write is told so, and harms nothing.
use strict;
use warnings;
use Cwd ();
use File::Copy ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

sub rows { return $_[0]->safe_psql('postgres', "SELECT string_agg(n::text, ',' ORDER BY n) FROM marks") }
sub mark { my ($on, $n) = @_; $on->safe_psql('postgres', "INSERT INTO marks VALUES ($n)") }
sub status { my ($on, $column) = @_; return $on->safe_psql('postgres', "SELECT $column FROM agri_backup.status") }
sub switch_wal { return $_[0]->safe_psql('postgres', "SELECT pg_create_restore_point('x'); SELECT pg_switch_wal()") }
sub in_force { my ($of, @more) = @_; my ($claim) = grep { $_->{in_force} } @{ cli_json($of, 'lineage', @more)->{claims} }; return $claim }
sub is_writer
{
    my ($of, $on, $timeline, $title) = @_;
    my $claim = in_force($of);
    is($claim->{data_directory}, Cwd::realpath($on->data_dir), "$title: it is the writer");
    is($claim->{timeline}, $timeline, "$title: on timeline $timeline");
    like(cli_ok($of, "$title: lineage", 'lineage', '-D', $on->data_dir), qr/: it is the writer$/m, "$title: and lineage says so");
}
# It is told who writes, its sessions go on, and it may not take a backup. A claim is believed for 15 seconds:
# each file until then would be archived.
sub is_told
{
    my ($on, $holder, $title) = @_;
    my $switched = 0;
    wait_for("$title: archiving to be refused", sub {
        switch_wal($on), $switched = time if time > $switched;
        return status($on, 'state') eq 'failing' });
    my $folder = Cwd::realpath($holder->data_dir);
    like(status($on, 'last_error'), qr/writer for cluster "a" is "\Q$folder\E"/, "$title: it is told who writes");
    like(status($on, 'last_error_hint'), qr/agri_backup adopt/, "$title: and the way out");
    my ($code, $out, $err) = $on->psql('postgres', 'SELECT agri_backup_now()');
    like($err, qr/writer for cluster "a" is "\Q$folder\E"/, "$title: a backup is refused at once");
}
my $restores = 0;
sub restores_to
{
    my ($of, $expected, $title, @arguments) = @_;
    my ($code, $out, $err, $folder) = restore($of, '--as', 'clone', @arguments);
    is($code, 0, "$title: restore") or diag("$out\n$err"), return;
    my $restored = start_restored($folder, 'restored' . ++$restores, like => $of);
    is(rows($restored), $expected, "$title: the rows");
    $restored->stop('fast');
}
sub standby_of
{
    my ($of, $name) = @_;
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($of, 'base', has_streaming => 1);
    $standby->start;
    return $standby;
}
sub follow
{
    my ($on, $leader) = @_;
    $on->append_conf('postgresql.conf', 'port = ' . $on->port . "\nprimary_conninfo = '" . $leader->connstr . ' application_name=' . $on->name . "'\n");
    $on->set_standby_mode;
    $on->start;
    $leader->wait_for_catchup($on);
}

my $one = new_server('a', initdb => ['--data-checksums'], conf => "wal_keep_size = '2GB'\n");
my $of = repository_of($one);
$one->safe_psql('postgres', 'CREATE TABLE marks (n int)');
my $base = backup_now($one);
$one->backup('base');
my ($two, $three) = map { standby_of($one, $_) } qw(two three);
mark($one, 1);
wait_archived($one);
is_writer($one, $one, 1, 'the first server');
$one->wait_for_catchup($_) for $two, $three;

# --- A promotion while the old primary goes on
$two->promote;
mark($two, 2);
wait_archived($two);
is_writer($one, $two, 2, 'a promoted standby');
mark($one, -1);
is_told($one, $two, 'the old primary');
is(rows($one), '-1,1', 'it serves its sessions');
wait_archived($two);
is(status($two, 'state'), 'ok', 'the new one archives as before');
restores_to($one, '1,2', 'after the promotion');
like(cli_ok($one, 'lineage of the old primary', 'lineage', '-D', $one->data_dir), qr/its claim is of epoch 1/, 'lineage tells it what it is');

# --- A second promotion of the same base: a timeline of the same number
my ($history) = split /\n/, `find '$of->{folder}' -name 00000002.history`;
my $stored = join ' ', (stat $history)[1, 7, 9];
$three->promote;
mark($three, -2);
is_told($three, $two, 'a second timeline 2');
like($three->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())'), qr/^00000002/, 'on a timeline of the same number');
{
    my ($code, $out, $err) = cli($one, 'adopt', '-D', $three->data_dir);
    is($code, 12, 'it is not adopted while the writer runs');
    like($err, qr/a server is running in "\Q@{[ Cwd::realpath($two->data_dir) ]}\E".*Stop it if/s, 'and the message names that');
    ($code, $out, $err) = cli($one, 'adopt', '-D', $two->data_dir, '--timeline', 77);
    is($code, 2, 'nor is anybody on a timeline that nobody knows');
    like(cli_ok($one, 'the writer', 'adopt', '-D', $two->data_dir), qr/is the writer already \(epoch 2\)/, 'need not be adopted');
}
$two->stop('fast');
like(cli_ok($one, 'even when it is adopted', 'adopt', '-D', $three->data_dir), qr/It replaces \Q@{[ Cwd::realpath($two->data_dir) ]}\E on \S+ \(epoch 2, timeline 2\)/, 'adopt says whom it replaces');
$two->start;
$three->reload;
wait_for('a conflict', sub { switch_wal($three); return status($three, 'last_error') =~ /is already archived with other content/ });
is(join(' ', (stat $history)[1, 7, 9]), $stored, 'it overwrites nothing');
is_told($two, $three, 'the one before');
$three->stop('fast');
cli_ok($one, 'adopt settles it', 'adopt', '-D', $two->data_dir);
$two->reload;
wait_for('the right server to archive', sub { return status($two, 'state') eq 'ok' });
mark($two, 3);
wait_archived($two);
is_writer($one, $two, 2, 'after adopt');
restores_to($one, '1,2,3', 'after the second promotion');

# --- Failback: the old primary is rewound, and follows
$one->stop('fast');
File::Copy::copy($one->data_dir . '/postgresql.conf', $one->basedir . '/saved.conf') or die;
my $said = '';
ok(IPC::Run::run([ 'pg_rewind', '--target-pgdata', $one->data_dir, '--source-server', $two->connstr('postgres'), '--no-sync' ], '>&', \$said),
    'pg_rewind from the running server') or BAIL_OUT($said =~ s{\n}{ | }gr);
File::Copy::copy($one->basedir . '/saved.conf', $one->data_dir . '/postgresql.conf') or die;
follow($one, $two);
is(rows($one), '1,2,3', 'the old primary follows');
{
    my ($code, $out, $err) = cli($one, 'adopt', '-D', $one->data_dir);
    is($code, 12, 'a standby is not adopted');
    like($err, qr/standby.*Promote it/s, 'and the message says what to do');
}
wait_archived($two);
is(status($two, 'state'), 'ok', 'and the new one archives');

# --- Switchovers: back, and forth again without another copy
sub switch_over
{
    my ($from, $to, $timeline, $n) = @_;
    mark($from, $n);
    $from->wait_for_catchup($to);
    $from->stop('fast');
    $to->promote;
    mark($to, $n + 1);
    wait_archived($to);
    is_writer($one, $to, $timeline, 'switchover to ' . $to->name);
    follow($from, $to);
    is(rows($from), rows($to), 'the other follows');
}
switch_over($two, $one, 3, 4);
switch_over($one, $two, 4, 6);
switch_over($two, $one, 5, 8);
restores_to($one, '1,2,3,4,5,6,7,8,9', 'after switchovers');
$two->stop('fast');

# --- A copied disk, started beside the original
$one->stop('fast');
my $copy_folder = free_folder('copy');
system_or_bail('cp', '-a', $one->data_dir, $copy_folder);
$one->start;
my $copy = start_restored($copy_folder, 'copy', like => $one);
mark($copy, -3);
is_told($copy, $one, 'the copy');
like(status($copy, 'last_error_detail'), qr/copy of that one/, 'and why');
my $failed = $one->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver');
mark($one, 10);
wait_archived($one);
is(status($one, 'state'), 'ok', 'the original archives');
is($one->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver'), $failed, 'and nothing failed');
like(cli_ok($one, 'lineage of the copy', 'lineage', '-D', $copy_folder), qr/it is a copy or a standby of the writer/, 'lineage knows a copy');
$copy->stop('fast');
restores_to($one, '1,2,3,4,5,6,7,8,9,10', 'beside a copy');

# --- A clone: never archives, until it is adopted
my ($code, $out, $err, $folder) = restore($one, '--as', 'clone');
is($code, 0, 'restore --as clone') or diag("$out\n$err");
my $clone = start_restored($folder, 'clone', like => $one, conf => "archive_mode = on\n");
$clone->safe_psql('postgres', "ALTER SYSTEM SET archive_mode = 'on'");
$clone->restart;
mark($clone, -4);
wait_for('the clone to be told', sub { switch_wal($clone); return $clone->safe_psql('postgres', 'SELECT failed_count > 0 FROM pg_stat_archiver') eq 't' });
like(slurp_file($clone->logfile), qr/restored as a clone/, 'a clone is told what it is');
($code, $out, $err) = $clone->psql('postgres', 'SELECT agri_backup_now()');
like($err, qr/clone/, 'and takes no backup');
mark($one, 11);
wait_archived($one);
is_writer($one, $one, 5, 'beside a clone');
restores_to($one, '1,2,3,4,5,6,7,8,9,10,11', 'beside a clone');
{
    # Whoever does not own the data directory would leave a claim there that its server cannot read.
    my ($code, $out, $err) = cli($one, 'adopt', '-D', '/');
    is($code, 8, 'somebody else\'s directory is not adopted');
    like($err, qr/owner of data directory/, 'and it says who may');
}
$one->stop('fast');
my $adopted = cli_json($one, 'adopt', '-D', $folder);
is($adopted->{writer}{data_directory}, Cwd::realpath($folder), 'the clone is adopted');
is($adopted->{replaced}{data_directory}, Cwd::realpath($one->data_dir), 'in place of the original');
$one->start;
$clone->restart;
wait_archived($clone);
is_writer($one, $clone, 6, 'an adopted clone');
is_told($one, $clone, 'the original');
restores_to($one, rows($clone), 'after adopting the clone');
my @claims = @{ cli_json($one, 'lineage')->{claims} };
is_deeply([ map { $_->{epoch} } @claims ], [ 1 .. @claims ], 'lineage shows every claim there was');
is(join(' ', map { $_->{reason} } @claims), 'first promotion adopt adopt promotion promotion promotion adopt', 'and why each was taken');
my $text = cli_ok($one, 'lineage', 'lineage');
like($text, qr/^\s*\Q$_->{epoch}\E\b.*\Q$_->{data_directory}\E.*\b$_->{timeline}\b/m, "it prints epoch $_->{epoch}") for @claims;
is($clone->safe_psql('postgres', 'SELECT v FROM agri_verify() v'), '', 'agri_verify() finds nothing');
$_->stop('fast') for $clone, $one;
done_testing();
