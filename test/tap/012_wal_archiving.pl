# What the archive module archives, and what it does when it cannot: the same again, other content, storage
# that is away; a clean shutdown; a promotion with its history, .partial and .backup files, and the way of
# recovery through it. What the views say is what the command line says.
use strict;
use warnings;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('primary');
my $of = repository_of($node);
$node->safe_psql('postgres', 'CREATE TABLE plots (n int)');
sub plots { return $_[0]->safe_psql('postgres', "SELECT string_agg(n::text, ',' ORDER BY n) FROM plots") }
sub plant { my ($on, $n) = @_; $on->safe_psql('postgres', "INSERT INTO plots VALUES ($n)") }
sub status { my ($column, $on) = @_; return ($on // $node)->safe_psql('postgres', "SELECT $column FROM agri_backup.status") }
sub objects { my ($name) = @_; my @found = split /\n/, `find '$of->{folder}' -name '$name'`; return scalar @found }
sub slurp { my ($path) = @_; open my $in, '<:raw', $path or die "$path: $!"; local $/; return scalar <$in> }
# In place: the server may recycle the file, which must stay the same one.
sub flip { my ($path, $at) = @_; open my $file, '+<:raw', $path or die "$path: $!"; seek $file, $at, 0; read $file, my $byte, 1;
    seek $file, $at, 0; print $file chr(ord($byte) ^ 1); close $file or die }
my $canary = session($node);
sub sings { my ($when) = @_; is($canary->query_safe("INSERT INTO plots VALUES (NULL) RETURNING 'sung'"), 'sung', "$when: sessions go on") }

my $backup = backup_now($node);
# Until something is committed behind the backup, its end is the last moment known.
$node->safe_psql('postgres', 'SELECT agri_refresh()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_backup.recovery_window WHERE from_time <= to_time AND from_lsn <= to_lsn'), '1',
    'a recovery window does not end before it begins');
plant($node, 1);
$node->safe_psql('postgres', "SELECT pg_create_restore_point('sown')");
plant($node, 2);

# Asked again for what is archived, as after a crash of the archiver: success, and nothing is written.
my $file = wait_archived($node);
my $path = $node->data_dir . "/pg_wal/$file";
my $done = $node->data_dir . "/pg_wal/archive_status/$file";
my $object = sub { my ($found) = split /\n/, `find '$of->{folder}' -name $file`; return join ' ', (stat $found)[1, 7, 9] };
my $stored = $object->();
my $failed = $node->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver');
rename "$done.done", "$done.ready" or die;
wait_archived($node);    # the archiver looks again when another segment is ready
wait_for('the segment to be archived again', sub { -e "$done.done" });
is($object->(), $stored, 'the same content again: the object is as it was');
is($node->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver'), $failed, 'and nothing failed');

# Other content under an archived name: stuck, in the open, until the operator acts; what follows is looked
# after, nothing is overwritten.
flip($path, 9000);
rename "$done.done", "$done.ready" or die;
plant($node, 3);
my $later = $node->safe_psql('postgres', "SELECT pg_create_restore_point('later'); SELECT pg_walfile_name(pg_switch_wal())");
($later) = $later =~ /([0-9A-F]{24})/;
wait_for('archiving to fail', sub { status('state') eq 'failing' });
is(status('last_failed_wal'), $file, 'the status names the file');
like(status('last_error'), qr/"$file" is already archived with other content/, 'and what is the matter');
like(status('last_error_detail'), qr/In the archive: SHA-256 \w+.*To be archived: SHA-256 \w+.*Nothing was overwritten/, 'and both contents');
like(status('last_error_hint'), qr/agri_backup lineage/, 'and the way out');
wait_for('the next segment to be archived ahead', sub { objects($later) == 1 });
wait_for('core to count the failure', sub { $node->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver') > $failed });
is(-e "$done.ready" ? 1 : 0, 1, 'the server keeps the file');
is($object->(), $stored, 'the archived one is untouched');
sings('archiving stuck');
flip($path, 9000);
wait_for('the operator\'s repair to be noticed', sub { status('state') eq 'ok' });
wait_archived($node);
ok(-e "$done.done", 'the right content is accepted');

# Storage goes away: by moving it, and by taking away the permission to enter it.
for my $case (
    ['moved away', sub { rename $of->{folder}, "$of->{folder}.away" or die }, sub { rename "$of->{folder}.away", $of->{folder} or die }],
    ['closed', sub { chmod 0, $of->{folder} or die }, sub { chmod 0700, $of->{folder} or die }])
{
    my ($how, $break, $repair) = @$case;
    $break->();
    $node->safe_psql('postgres', 'INSERT INTO plots SELECT NULL FROM generate_series(1, 1000); SELECT pg_switch_wal()');
    wait_for('archiving to fail', sub { status('state') eq 'failing' });
    sings($how);
    $node->safe_psql('postgres', 'INSERT INTO plots VALUES (NULL); SELECT pg_switch_wal()');
    wait_for('both segments to be counted', sub { status('waiting_files >= 2 AND waiting_bytes >= 2 * 16777216') eq 't' });
    is(status("failing_since BETWEEN now() - interval '1 hour' AND now()"), 't', "$how: the status says since when");
    wait_for('a forecast of how long the disk will do', sub { status("time_until_disk_full > interval '0'") eq 't' });
    like(status('last_error'), qr/\Q$of->{folder}\E/, "$how: and names the folder");
    isnt(status('last_error_hint'), '', "$how: and what to do");
    my ($code, $out, $err) = cli($node, 'info');
    isnt($code, 0, "$how: the command line fails");
    like($err, qr/\Q$of->{folder}\E/, "$how: with the folder's name");
    $repair->();
    wait_for('archiving to be fine again by itself', sub { status('state') eq 'ok' });
    wait_archived($node);
    is(status('failing_since IS NULL AND waiting_files = 0'), 't', "$how: the status is clean again");
}

# The views and the command line say the same.
$node->safe_psql('postgres', 'DELETE FROM plots WHERE n IS NULL; SELECT agri_refresh()');
my %columns = (
    backups => 'backup_id text, kind text, label text, timeline bigint, start_lsn pg_lsn, stop_lsn pg_lsn, start_time timestamptz,'
      . ' stop_time timestamptz, files bigint, bytes bigint, stored_bytes bigint, from_standby boolean, page_failures bigint,'
      . ' server_version text, requested_by text, problem text',
    wal_archive => 'timeline bigint, status text, from_lsn pg_lsn, to_lsn pg_lsn, segments bigint, stored_bytes bigint,'
      . ' first_commit_time timestamptz, last_commit_time timestamptz',
    recovery_window => 'timeline bigint, first_backup text, from_lsn pg_lsn, to_lsn pg_lsn, from_time timestamptz, to_time timestamptz');
sub same_everywhere
{
    my ($on, $when) = @_;
    my $info = cli_json($on, 'info');
    my $text = cli_ok($on, "$when: info", 'info');
    for my $view (sort keys %columns)
    {
        my $rows = JSON::PP->new->canonical->encode($info->{$view});
        $rows =~ s/'/''/g;
        my $names = $columns{$view} =~ s/ \w+(,|$)/$1/gr;
        my ($said, $differ) = split /\|/, $on->safe_psql('postgres', <<"SQL");
WITH shown AS (SELECT $names FROM agri_backup.$view),
    told AS (SELECT * FROM jsonb_to_recordset('$rows') AS t($columns{$view}))
SELECT (SELECT count(*) FROM shown),
    (SELECT count(*) FROM ((TABLE shown EXCEPT ALL TABLE told) UNION ALL (TABLE told EXCEPT ALL TABLE shown)) d)
SQL
        is($differ, 0, "$when: agri_backup.$view and info --json are equal");
        cmp_ok($said, '>', 0, "$when: and not empty");
        for my $row (@{ $info->{$view} })
        {
            my $key = $row->{backup_id} // $row->{from_lsn};
            like($text, qr/\Q$key\E.*\Q@{[$row->{stop_lsn} \/\/ $row->{to_lsn}]}\E/, "$when: info prints $view $key");
        }
    }
}
same_everywhere($node, 'one timeline');
cmp_ok($node->safe_psql('postgres', "SELECT lag_bytes FROM agri_backup.wal_archive WHERE lag_bytes IS NOT NULL"), '<', 16 << 20, 'the lag is that of the open segment');

# A clean shutdown: the repository holds the shutdown checkpoint, in a segment that is not filled.
plant($node, 4);
$canary->quit;
$node->stop('fast');
my ($checkpoint) = `LC_ALL=C pg_controldata -D '@{[$node->data_dir]}'` =~ /Latest checkpoint location:\s+(\S+)/;
my ($high, $low) = split m{/}, $checkpoint;
my $segment = sprintf('%08X%08X%08X', 1, hex($high), hex($low) >> 24);
my $fetched = PostgreSQL::Test::Utils::tempdir_short() . "/$segment";
is(objects($segment . '*'), 1, 'of that segment only the tail is in the repository');
cli_ok($node, 'it can be fetched', 'wal-fetch', $segment, $fetched);
my $dump = `pg_waldump --start=$checkpoint --limit=1 '$fetched' 2>&1`;
like($dump, qr/CHECKPOINT_SHUTDOWN/, 'and holds the shutdown checkpoint');
my ($code, $out, $err, $folder) = restore($node, '--as', 'clone');
is($code, 0, 'restore to the end') or diag("$out\n$err");
my $restored = start_restored($folder, 'clean', like => $node);
is(plots($restored), '1,2,3,4', 'nothing is missing');
is($restored->safe_psql('postgres', "SELECT '$checkpoint'::pg_lsn < (regexp_match(pg_read_file('pg_wal/00000002.history'), '\\t(\\S+)\\t'))[1]::pg_lsn"),
    't', 'recovery went on past the shutdown checkpoint');
$restored->stop('fast');

# Storage that is away keeps no server from stopping.
$node->start;
rename $of->{folder}, "$of->{folder}.away" or die;
plant($node, 5);
$node->stop('fast');
rename "$of->{folder}.away", $of->{folder} or die;
$node->start;
wait_archived($node);
is(objects("$segment*"), 2, 'the segment that was not filled is archived whole when it is');
$node->safe_psql('postgres', 'SELECT agri_refresh()');
is($node->safe_psql('postgres', "SELECT string_agg(w::text, ' ') FROM agri_backup.wal_archive w WHERE status <> 'archived'"), '',
    'and nothing is unfinished or missing');

# pg_basebackup's .backup history file is archived.
$node->backup('base');
wait_archived($node);
cmp_ok(objects('*.backup'), '>=', 1, 'the .backup history file is archived');

# A promotion: history and .partial files, and recovery through it.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
plant($node, 6);
$node->wait_for_catchup($standby);
my $branch = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
$node->stop('immediate');
$standby->promote;
plant($standby, 7);
$standby->safe_psql('postgres', "SELECT pg_create_restore_point('after promotion')");
plant($standby, 8);
wait_archived($standby);
is(objects('00000002.history'), 1, 'the new timeline\'s history file is archived');
wait_for('the .partial segment', sub { objects("$branch.partial") == 1 });
pass('the old timeline\'s last segment is archived as .partial');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', 'agri_verify() finds nothing');
for my $case (['latest', '1,2,3,4,5,6,7,8'], ['named', '1,2,3,4,5,6,7', '--target-name', 'after promotion'],
    ['early', '1', '--target-name', 'sown'], ['old', '1,2,3,4,5,6', '--target-timeline', '1'])
{
    my ($name, $expected, @arguments) = @$case;
    ($code, $out, $err, $folder) = restore($node, '--as', 'clone', '--backup', $backup, @arguments);
    is($code, 0, "$name: restore") or diag("$out\n$err"), next;
    $restored = start_restored($folder, "r_$name", like => $node);
    is(plots($restored), $expected, "$name: the rows of that moment");
    $restored->stop('fast');
}
$standby->safe_psql('postgres', 'SELECT agri_refresh()');
$standby->stop('fast');

done_testing();
