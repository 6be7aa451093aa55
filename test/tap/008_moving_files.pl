# Databases, tables and tablespaces that are dropped, cut, grown and made while a backup copies them. The job
# process is stopped in the midst of a file.
use strict;
use warnings;
use File::Path qw(remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $places = PostgreSQL::Test::Utils::tempdir_short();
mkdir "$places/$_" or die for qw(passing lasting);
# Slow enough that copying a file of 50 MB takes seconds.
my $node = new_server('moving', initdb => ['--data-checksums'],
    conf => "agri_backup.rate_limit = '8MB'\nagri_backup.parallel = 2\nautovacuum = off\n");
$node->safe_psql('postgres', $_) for 'CREATE EXTENSION amcheck', 'CREATE DATABASE doomed',
    "CREATE TABLESPACE passing LOCATION '$places/passing'", "CREATE TABLESPACE lasting LOCATION '$places/lasting'";

# A file of more than 32 MB is copied in parts, and open from the first to the last; noise does not compress.
$node->safe_psql('doomed', <<'SQL');
CREATE TABLE large AS SELECT i, (SELECT string_agg(decode(md5(i || '.' || j), 'hex'), '') FROM generate_series(1, 100) j) AS noise
FROM generate_series(1, 25000) i;
CREATE TABLE cut AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
CREATE TABLE emptied AS SELECT * FROM cut;
CREATE TABLE gone AS SELECT * FROM cut;
CREATE TABLE grown AS SELECT * FROM cut;
SQL
# Its OID is the larger one: its files come after those of the other.
$node->safe_psql('postgres', 'CREATE DATABASE lasting TEMPLATE doomed');
$node->safe_psql('postgres', 'CREATE DATABASE small');
$node->safe_psql('lasting', 'CREATE TABLE passing_one TABLESPACE passing AS SELECT * FROM cut');
$node->safe_psql('lasting', 'CREATE TABLE lasting_one TABLESPACE lasting AS SELECT * FROM cut');
$node->safe_psql('postgres', 'CHECKPOINT');

sub path_of
{
    my ($database, $table) = @_;
    return $node->data_dir . '/' . $node->safe_psql($database, "SELECT pg_relation_filepath('$table')");
}
# Bytes of the files in base/, or in one database's folder, that come before that one: files are copied in the
# order of their paths.
sub bytes_before
{
    my ($path, $folder) = @_;
    my $sum = 0;
    $sum += -s $_ for grep { $_ lt $path } glob($node->data_dir . "/base/$folder/*");
    return $sum;
}
sub bytes_done { return $node->safe_psql('postgres', 'SELECT coalesce(max(bytes_done), 0) FROM agri_backup.progress') }

# Stops the job process of the backup that runs in the midst of that file, which begins after so many bytes.
sub stop_within
{
    my ($path, $before) = @_;
    my $pid = $node->safe_psql('postgres', "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'");
    wait_for("the job to copy $path", sub {
        die 'the job ended before' unless -d "/proc/$pid";
        return bytes_done() > $before + (4 << 20) });
    kill 'STOP', $pid or die "kill: $!";
    # What is shown may be half a second old.
    cmp_ok(bytes_done(), '<', $before + (-s $path) - (12 << 20), 'the job is stopped in the midst of a file');
    return $pid;
}

my $doomed_oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'doomed'");
my $doomed_file = path_of('doomed', 'large');
my $backup = $node->safe_psql('postgres', 'SELECT agri_backup_now(wait => false)');
my $before = bytes_before($doomed_file, '*');
wait_for('the job process', sub {
    $node->safe_psql('postgres', "SELECT count(process_pid) FROM agri_backup.jobs() WHERE state = 'running'") > 0 });
# Where the next database begins, should all of this one be copied.
my $end = bytes_before($node->data_dir . "/base/$doomed_oid/~", '*');
my $job = stop_within($doomed_file, $before);
$node->safe_psql('postgres', 'DROP DATABASE doomed');
ok(!-e $doomed_file, 'its database was dropped under it');
$node->safe_psql('lasting', $_) for 'DROP TABLE gone, passing_one', 'TRUNCATE emptied',
    'CREATE TABLE new_one AS SELECT * FROM cut', 'CHECKPOINT';
$node->safe_psql('postgres', 'DROP TABLESPACE passing');
remove_tree("$places/passing");
$node->safe_psql('postgres', 'CREATE DATABASE late TEMPLATE small');
$node->safe_psql('late', 'CREATE TABLE late_one AS SELECT i FROM generate_series(1, 1000) i');
my $lasting_file = path_of('lasting', 'large');
kill 'CONT', $job;

my ($lasting_oid) = $lasting_file =~ m{base/(\d+)/};
$job = stop_within($lasting_file, $end + bytes_before($lasting_file, $lasting_oid));
my $size = -s $lasting_file;
$node->safe_psql('lasting', $_) for 'DELETE FROM large WHERE i > 8000', 'VACUUM large',
    'DELETE FROM cut WHERE i > 100', 'VACUUM cut', 'INSERT INTO grown SELECT i, md5(i::text) FROM generate_series(1, 200000) i',
    'UPDATE lasting_one SET md5 = upper(md5)', 'CHECKPOINT';
cmp_ok(-s $lasting_file, '<', $size / 2, 'VACUUM cut the file that the job reads');
cmp_ok(-s path_of('lasting', 'grown'), '>', 4 << 20, 'another one grew');
kill 'CONT', $job;
wait_for('the backup', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
is($node->safe_psql('postgres', "SELECT problem IS NULL, page_failures FROM agri_backup.backups WHERE backup_id = '$backup'"),
    't|0', 'the backup succeeded, and takes no moving page for a damaged one');
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', 'agri_verify() finds nothing');

# Restores to the end of WAL, compares the databases, and returns the restored server.
sub restored_is_equal
{
    my ($title, $databases, @arguments) = @_;
    wait_archived($node);
    my $names = $node->safe_psql('postgres', 'SELECT datname FROM pg_database ORDER BY 1');
    my %content = map { $_ => fingerprint($node, $_) . dump_of($node, $_) } @$databases;
    my ($code, $out, $err, $folder) = restore($node, '--as', 'clone', '--tablespace-map', "$places/lasting=" . free_folder('far'), @arguments);
    is($code, 0, "$title: restore succeeds") or diag("$out\n$err"), return;
    command_ok(['pg_verifybackup', '--no-parse-wal', $folder], "$title: pg_verifybackup accepts it");
    my $restored = start_restored($folder, "after_$title", like => $node);
    is($restored->safe_psql('postgres', 'SELECT datname FROM pg_database ORDER BY 1'), $names, "$title: the databases are the same");
    is(fingerprint($restored, $_) . dump_of($restored, $_), $content{$_}, "$title: database $_ is equal") for @$databases;
    $restored->command_ok(['pg_amcheck', '-a'], "$title: pg_amcheck finds nothing");
    return $restored;
}

my @databases = qw(lasting late postgres);
my $restored = restored_is_equal('drop', \@databases, '--tablespace-map', "$places/passing=" . free_folder('passing'));
ok(!-e $restored->data_dir . "/base/$doomed_oid", 'recovery removes what was copied of the dropped database');
is($restored->safe_psql('postgres', "SELECT string_agg(spcname, ',') FROM pg_tablespace WHERE spcname !~ '^pg_'"), 'lasting',
    'and the dropped tablespace');
$restored->stop('fast');

# Without stops: databases and tables come and go as fast as they can while backups are taken.
$node->append_conf('postgresql.conf', 'agri_backup.rate_limit = 0');
$node->reload;
$node->safe_psql('lasting', 'DROP TABLE large');
sub script
{
    my ($name, $text) = @_;
    open my $file, '>', "$places/$name" or die "open: $!";
    print $file $text;
    close $file;
    return "$places/$name";
}
my $seconds = $PostgreSQL::Test::Utils::timeout_default;
my @churns = map {
    my ($database, $script) = @$_;
    my $out = '';
    { out => \$out, run => IPC::Run::start(
        ['pgbench', '-n', '-T', $seconds, '-h', $node->host, '-p', $node->port, '-f', $script, $database], '>&', \$out) }
} (
    [ 'postgres', script('databases.sql', <<'SQL') ],
CREATE DATABASE churn_copied TEMPLATE small STRATEGY file_copy;
DROP DATABASE IF EXISTS churn_logged;
CREATE DATABASE churn_logged TEMPLATE small STRATEGY wal_log;
DROP DATABASE churn_copied;
SQL
    [ 'lasting', script('tables.sql', <<'SQL') ]);
CREATE TABLE churn AS SELECT * FROM cut;
INSERT INTO churn SELECT i, md5(i::text) FROM generate_series(1, 3000) i;
DELETE FROM churn WHERE i > 100;
VACUUM churn;
TRUNCATE emptied;
INSERT INTO emptied SELECT * FROM churn;
DROP TABLE churn;
INSERT INTO grown SELECT i, 'churn' FROM generate_series(1, 100) i;
SQL
my $churned = sub { $node->safe_psql('lasting', "SELECT count(*) FROM grown WHERE md5 = 'churn'") };
wait_for('the churn', sub { $churned->() > 0 });
my $rows = $churned->();
backup_now($node) for 1 .. 2;
cmp_ok($churned->(), '>', $rows, 'tables came and went during the backups');
for my $churn (@churns)
{
    ok($churn->{run}->pumpable, 'the churn went on to the end') or diag(${ $churn->{out} });
    # SIGTERM, as SIGINT is ignored where the tests run in the background.
    $churn->{run}->signal('TERM');
    eval { $churn->{run}->finish };
    unlike(${ $churn->{out} }, qr/ERROR|aborted/, 'and never failed');
}
wait_for('its sessions to end', sub {
    $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()") == 0 });
$restored = restored_is_equal('churn', \@databases);
$restored->stop('fast');
$node->stop('fast');
done_testing();
