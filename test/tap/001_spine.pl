# From CREATE EXTENSION to a restored database: archive, back up, lose everything, restore to a moment.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('spine', initdb => ['--data-checksums']);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE crops (id int PRIMARY KEY, kind text);
INSERT INTO crops SELECT i, 'crop ' || i FROM generate_series(1, 50000) i;
CREATE UNLOGGED TABLE scratch AS SELECT 1 AS a;
CREATE EXTENSION amcheck;
SQL

my $backup = backup_now($node);
like($backup, qr/^\d{8}T\d{6}Z-full-[0-9a-f]{4}$/, 'agri_backup_now() returns the identifier');

$node->safe_psql('postgres', "UPDATE crops SET kind = upper(kind) WHERE id % 7 = 0");
my $before = fingerprint($node, 'postgres');
my $dump = dump_of($node, 'postgres');
my $moment = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres', 'DROP TABLE crops');
$node->safe_psql('postgres', 'CREATE TABLE later AS SELECT 1 AS a');
wait_archived($node);

is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', 'agri_verify() finds nothing');
is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.backups WHERE backup_id = '$backup'"),
    '1', 'the backup is listed');

$node->stop('fast');

my ($code, $out, $err, $folder) = restore($node, '--as', 'clone', '--target-time', $moment);
is($code, 0, 'restore to a moment succeeds') or diag("$out\n$err");
like($err, qr/chosen because/, 'restore says which backup and why');
like($out, qr/start the server with:/, 'restore ends with the command that starts the server');
command_ok(['pg_verifybackup', '--no-parse-wal', $folder], 'pg_verifybackup accepts the restored files');

my $restored = start_restored($folder, 'restored', like => $node);
is(fingerprint($restored, 'postgres'), $before, 'every row is as it was at that moment');
is(dump_of($restored, 'postgres'), $dump, 'pg_dump is equal');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM scratch'), '0', 'the unlogged table is empty');
$restored->command_ok(['pg_amcheck', '-a'], 'pg_amcheck finds nothing');
$restored->stop('fast');

($code, $out, $err, $folder) = restore($node);
is($code, 0, 'restore to the end of WAL succeeds') or diag("$out\n$err");
$restored = start_restored($folder, 'restored_end', like => $node);
is($restored->safe_psql('postgres', 'SELECT a FROM later'), '1', 'the last commit before the shutdown is there');
$restored->stop('fast');

done_testing();
