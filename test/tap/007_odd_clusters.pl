# Clusters that are set up in unusual ways: nothing in them, other sizes of WAL segments, no checksums, the
# extension elsewhere; and those set up wrongly, which are told what to set before anything is copied.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $repository = free_folder('repository');
my $key = free_folder('key');

sub databases
{
    my ($node) = @_;
    return split /\n/, $node->safe_psql('postgres', 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1');
}

sub dump_of_all
{
    my ($node) = @_;
    return join "\n", map { "database $_\n" . dump_of($node, $_) } databases($node);
}

# Stops the server, puts its data directory away, restores it elsewhere and starts that.
sub lose_and_restore
{
    my ($node, $title, @arguments) = @_;
    $node->stop('fast');
    rename $node->data_dir, $node->data_dir . '.lost' or die "rename: $!";
    my ($code, $out, $err, $folder) = restore($node, @arguments);
    is($code, 0, "$title: restore succeeds") or diag("$out\n$err"), return;
    command_ok(['pg_verifybackup', '--no-parse-wal', $folder], "$title: pg_verifybackup accepts it");
    return start_restored($folder, $node->name . '_restored', like => $node);
}

# A cluster fresh from initdb, with the extension and nothing else; it never wrote a row of its own.
{
    my $node = new_server('fresh', repository => $repository, key => $key);
    $node->safe_psql('postgres', 'CREATE DATABASE empty_one TEMPLATE template0');
    my $backup = backup_now($node);
    my $dump = dump_of_all($node);
    like($dump, qr/^database empty_one$/m, 'an empty database is there to be backed up');
    my $restored = lose_and_restore($node, 'fresh');
    is(dump_of_all($restored), $dump, 'fresh: every database is as it was, the empty one too');
    $restored->safe_psql('empty_one', 'CREATE TABLE first_one AS SELECT 1 AS a');
    is($restored->safe_psql('empty_one', 'SELECT a FROM first_one'), '1', 'fresh: the empty database takes a table');
    is($restored->safe_psql('postgres', "SELECT count(*) FROM agri_verify('$backup')"), '0', 'fresh: nothing is missing');
    $restored->stop('fast');
}

# Other sizes of WAL segments, in a repository that holds clusters with others; one without checksums.
my $without_checksums = `initdb --version` =~ / 1[5-7]\b/ ? [] : ['--no-data-checksums'];
for my $case (
    { size => 1, rows => 30_000, initdb => ['--data-checksums'], failures => '0' },
    { size => 64, rows => 1000, initdb => $without_checksums, failures => '' })
{
    my $size = $case->{size};
    my $title = "wal_segment_size $size MB";
    my $node = new_server("wal$size", repository => $repository, key => $key,
        initdb => ["--wal-segsize=$size", @{ $case->{initdb} }]);
    my ($checksums, $bytes) = split /\|/, $node->safe_psql('postgres',
        "SELECT current_setting('data_checksums'), setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'");
    is($bytes, $size << 20, "$title: that is what the server has");
    is($checksums, $case->{failures} eq '' ? 'off' : 'on', "$title: data_checksums is $checksums");
    $node->safe_psql('postgres', 'CREATE TABLE rows (n int, t text)');
    my $backup = backup_now($node);
    is($node->safe_psql('postgres', "SELECT page_failures FROM agri_backup.backups WHERE backup_id = '$backup'"),
        $case->{failures}, "$title: page failures are counted, or unknown without checksums");
    is(($node->log_contains(qr/data checksums are off/) ? 1 : 0), ($case->{failures} eq '' ? 1 : 0),
        "$title: the log says so when pages could not be checked");

    # Rows before the moment lie in more than one segment; those behind it must not come back.
    $node->safe_psql('postgres', "INSERT INTO rows SELECT i, md5(i::text) FROM generate_series(1, $case->{rows}) i");
    wait_archived($node);
    $node->safe_psql('postgres', 'UPDATE rows SET t = upper(t) WHERE n % 3 = 0');
    my $before = fingerprint($node, 'postgres');
    my $dump = dump_of($node, 'postgres');
    my $moment = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
    $node->safe_psql('postgres', 'DROP TABLE rows');
    wait_archived($node);
    my ($segments) = map { $_->{segments} } grep { $_->{status} eq 'archived' } @{ cli_json($node, 'info')->{wal_archive} };
    cmp_ok($segments, '>=', $size == 1 ? 5 : 2, "$title: several segments are archived");
    is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', "$title: agri_verify() finds nothing");

    my $restored = lose_and_restore($node, $title, '--target-time', $moment);
    is(fingerprint($restored, 'postgres'), $before, "$title: every row is as it was at that moment");
    is(dump_of($restored, 'postgres'), $dump, "$title: pg_dump is equal");
    is($restored->safe_psql('postgres', 'SHOW data_checksums'), $checksums, "$title: data_checksums is as it was");
    # The restored server archives segments of that size, on its new timeline.
    wait_archived($restored);
    backup_now($restored);
    is($restored->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', "$title: the restored server goes on");
    $restored->stop('fast');
}

# What is set up wrongly: each is refused at once, by a message that names the setting and the next step.
my $wrong = new_server('wrong', repository => $repository, key => $key);
sub refused
{
    my ($title, $database, $message, $hint) = @_;
    for my $call ('SELECT agri_backup_now()', 'CALL agri_backup()')
    {
        my ($code, $out, $err) = $wrong->psql($database, $call);
        isnt($code, 0, "$title: $call fails");
        like($err, qr/ERROR: .*$message/, "$title: the message says what is wrong");
        like($err, qr/HINT: .*$hint/, "$title: the hint says what to do");
    }
}

sub set_and_restart
{
    $wrong->append_conf('postgresql.conf', $_[0]);
    $wrong->restart;
}

sub check
{
    my ($title, $database, $name, $hint) = @_;
    like($wrong->safe_psql($database, "SELECT hint FROM agri_check() WHERE name = '$name' AND NOT ok"),
        $hint, "$title: agri_check() finds it");
}

my $backups = sub { scalar @{ cli_json($wrong, 'info')->{backups} } };

set_and_restart("shared_preload_libraries = 'pg_stat_statements'");
refused('not preloaded', 'postgres', 'agri_backup is not preloaded',
    "shared_preload_libraries = 'pg_stat_statements, agri_backup'.*restart");
check('not preloaded', 'postgres', 'preload', qr/restart the server/);
is($wrong->safe_psql('postgres', 'SELECT count(*) FROM agri_backup.backups'), '0', 'not preloaded: views can be read');

set_and_restart("shared_preload_libraries = 'agri_backup'\narchive_mode = off");
refused('archive_mode off', 'postgres', 'archive_mode is off', "archive_mode = on and archive_library = 'agri_backup'.*restart");
check('archive_mode off', 'postgres', 'archive_mode', qr/archive_mode = on/);

set_and_restart("wal_level = minimal\nmax_wal_senders = 0");
refused('wal_level minimal', 'postgres', 'wal_level is minimal', 'wal_level = replica.*restart');
check('wal_level minimal', 'postgres', 'wal_level', qr/wal_level = replica/);

set_and_restart("wal_level = replica\narchive_mode = on\narchive_library = ''");
refused('archive_library unset', 'postgres', 'archive_library is not set', "archive_library = 'agri_backup'.*reload");
check('archive_library unset', 'postgres', 'archive_library', qr/archive_library = 'agri_backup'/);
is($backups->(), 0, 'nothing was backed up in the meantime');

# In another database than the settings say; and the way out that the hint names.
$wrong->append_conf('postgresql.conf', "archive_library = 'agri_backup'");
$wrong->reload;
$wrong->safe_psql('postgres', 'CREATE DATABASE "Elsewhere é"');
$wrong->safe_psql('Elsewhere é', 'CREATE EXTENSION agri_backup; CREATE TABLE here AS SELECT 1 AS a');
refused('wrong database', 'Elsewhere é', 'acts in database "postgres", not in "Elsewhere é"',
    q{Connect to database "postgres".*or set agri_backup.database = 'Elsewhere é'.*reload});
check('wrong database', 'Elsewhere é', 'database', qr/agri_backup.database = 'Elsewhere é'/);
$wrong->append_conf('postgresql.conf', "agri_backup.database = 'Elsewhere é'");
$wrong->reload;
wait_for('the reload', sub { $wrong->safe_psql('postgres', 'SHOW agri_backup.database') eq 'Elsewhere é' });
my $backup = backup_now($wrong, 'Elsewhere é');
is($backups->(), 1, 'set right, it takes a backup');
refused('the old database', 'postgres', 'acts in database "Elsewhere é", not in "postgres"', 'Connect to database "Elsewhere é"');
my $dump = dump_of_all($wrong);
my $restored = lose_and_restore($wrong, 'elsewhere');
is(dump_of_all($restored), $dump, 'elsewhere: every database is as it was');
is($restored->safe_psql('Elsewhere é', "SELECT count(*) FROM agri_verify('$backup')"), '0', 'elsewhere: it acts there after a restore');
$restored->stop('fast');

done_testing();
