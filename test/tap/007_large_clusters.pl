# Many files and large files: 20,000 tables, and a table of several segments of 1 GB. Neither takes a backup or
# a restore beyond the memory they may use. AGRI_LONG=1 makes the table 2.2 GB (three segments), not 1.1.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

use constant KIB_ALLOWED => 256 * 1024;    # the default of agri_backup.memory_limit
use constant SEGMENT_PAGES => 131072;

# Takes a backup; returns its identifier and the peak of its job process, read until that ends.
sub measured_backup
{
    my ($node) = @_;
    my $id = $node->safe_psql('postgres', 'SELECT agri_backup_now(wait => false)');
    my $pid = $node->safe_psql('postgres', "SELECT process_pid FROM agri_backup.jobs() WHERE state = 'running'");
    my $peak = 0;
    wait_for('the backup', sub { my $now = peak_of($pid); $peak = $now if $now; return !$now });
    wait_for('its end', sub { $node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.jobs() WHERE state = 'running'") == 0 });
    is($node->safe_psql('postgres', "SELECT count(*) FROM agri_backup.backups WHERE backup_id = '$id' AND problem IS NULL"),
        '1', 'the backup is complete');
    return ($id, $peak);
}

# As restore() of AgriBackup, with the peak in place of the output.
sub measured_restore
{
    my ($node, @arguments) = @_;
    my $folder = free_folder('restored');
    my ($code, $out, $err, $peak) = measured_cli($node, 'restore', '--target-dir', $folder, @arguments);
    is($code, 0, 'restore succeeds') or diag($err);
    return ($folder, $peak);
}

sub is_within_bound
{
    my ($what, $peak) = @_;
    note("$what: $peak KiB at its peak");
    cmp_ok($peak, '>', 4096, "$what: its memory was seen");
    cmp_ok($peak, '<', KIB_ALLOWED, "$what: stays within agri_backup.memory_limit");
}

sub verify_and_start
{
    my ($node, $folder, $title) = @_;
    command_ok(['pg_verifybackup', '--no-parse-wal', $folder], "$title: pg_verifybackup accepts it");
    return start_restored($folder, $node->name . '_restored', like => $node);
}

# 20,000 tables of a page each.
{
    my $node = new_server('many', initdb => ['--data-checksums'],
        conf => "max_locks_per_transaction = 2000\nautovacuum = off\nmax_wal_size = 8GB\nshared_buffers = 512MB\n");
    $node->safe_psql('postgres', 'CREATE DATABASE many');
    $node->safe_psql('many', <<'SQL');
DO $$
BEGIN
    FOR i IN 1 .. 20000 LOOP
        EXECUTE format('CREATE TABLE t%s (n int, m int)', i);
        EXECUTE format('INSERT INTO t%s VALUES (%s, %s)', i, i, i % 7);
        IF i % 2000 = 0 THEN COMMIT; END IF;
    END LOOP;
END
$$;
-- Content of all of them in one number: a query a table would take minutes.
CREATE FUNCTION content() RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    name text;
    one numeric;
    total numeric := 0;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('SELECT coalesce(sum(hashtextextended(%L || t::text, 0)::numeric), 0) FROM %I t', name, name) INTO one;
        total := total + one;
    END LOOP;
    RETURN total;
END
$$;
SQL
    my ($backup, $peak) = measured_backup($node);
    is_within_bound('backup of 20,000 tables', $peak);
    cmp_ok($node->safe_psql('postgres', 'SELECT max(files) FROM agri_backup.backups'), '>', 20_000, 'the backup has a file for each');
    # And some work for recovery.
    $node->safe_psql('many', 'UPDATE t17 SET m = -1; DROP TABLE t18; CREATE TABLE t20001 AS SELECT 1 AS n');
    my $content = $node->safe_psql('many', 'SELECT content()');
    my $count = $node->safe_psql('many', 'SELECT count(*) FROM pg_class');
    $node->stop('fast');
    my $folder;
    ($folder, $peak) = measured_restore($node, '--as', 'clone');
    is_within_bound('restore of 20,000 tables', $peak);
    my $restored = verify_and_start($node, $folder, '20,000 tables');
    is($restored->safe_psql('many', 'SELECT count(*) FROM pg_class'), $count, 'every relation is there');
    is($restored->safe_psql('many', 'SELECT content()'), $content, 'every table has its row');
    $restored->stop('fast');
    $node->clean_node;
    $restored->clean_node;
}

# A table of more than one segment, one row a page. With wal_level = minimal its rows need no WAL.
{
    my $pages = $ENV{AGRI_LONG} ? 2 * SEGMENT_PAGES + 20_000 : SEGMENT_PAGES + 8000;
    my $node = new_server('segments', start => 0, initdb => ['--data-checksums'],
        conf => "wal_level = minimal\nmax_wal_senders = 0\narchive_mode = off\nautovacuum = off\n");
    $node->start;
    $node->safe_psql('postgres', <<"SQL");
BEGIN;
CREATE TABLE large (i int, t text);
ALTER TABLE large ALTER t SET STORAGE plain;
INSERT INTO large SELECT i, repeat(md5(i::text), 240) FROM generate_series(1, $pages) i;
COMMIT;
SQL
    $node->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 4\narchive_mode = on");
    $node->restart;
    $node->safe_psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init()');
    my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('large')");
    is(-s $file, 1 << 30, 'the first segment is full');
    my $segments = 1 + grep { /^\Q$file\E\.\d+$/ } glob("$file.*");
    is($segments, $ENV{AGRI_LONG} ? 3 : 2, "the table has $segments segments");
    my ($backup, $peak) = measured_backup($node);
    is_within_bound("backup of $segments segments", $peak);
    is($node->safe_psql('postgres', "SELECT page_failures FROM agri_backup.backups WHERE backup_id = '$backup'"), '0',
        'page checksums hold in every segment');
    # Recovery changes a page of the first segment and of the last.
    my $last = $pages - 1;
    $node->safe_psql('postgres', "UPDATE large SET t = upper(t) WHERE ctid IN ('(1,1)', '($last,1)')");
    my $before = fingerprint($node, 'postgres');
    $node->stop('fast');
    my $folder;
    ($folder, $peak) = measured_restore($node, '--as', 'clone');
    is_within_bound("restore of $segments segments", $peak);
    my $restored = verify_and_start($node, $folder, "$segments segments");
    is(fingerprint($restored, 'postgres'), $before, 'every row of every segment is equal');
    $restored->stop('fast');
}

done_testing();
