# The ways to restore: over an old directory, as original, standby or clone, to a pause or a shutdown, with
# folders elsewhere, interrupted; what refuses; wal-fetch; and the printed start commands, run as printed.
use strict;
use warnings;
use Cwd ();
use Digest::SHA ();
use File::Find ();
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use AgriBackup;

my $outside = PostgreSQL::Test::Utils::tempdir_short();
mkdir "$outside/space" or die;
my $node = new_server('modes', initdb => ['--data-checksums'], conf => "wal_keep_size = '512MB'\n");
$node->safe_psql('postgres', "CREATE TABLESPACE far LOCATION '$outside/space'");
my $far_oid = $node->safe_psql('postgres', "SELECT oid FROM pg_tablespace WHERE spcname = 'far'");
$node->safe_psql('postgres', <<'SQL');
ALTER SYSTEM SET deadlock_timeout = '1234ms';
CREATE TABLE fields AS SELECT i, md5(i::text) AS name FROM generate_series(1, 20000) i;
CREATE TABLE crops TABLESPACE far AS SELECT * FROM fields;
-- What zstd cannot make small, so that a rate limit catches a restore at work.
CREATE TABLE noise AS SELECT i, string_agg(sha512((i * 100 + j)::text::bytea), '') AS bytes
    FROM generate_series(1, 2000) i, generate_series(1, 100) j GROUP BY i;
ALTER TABLE noise ALTER bytes SET STORAGE EXTERNAL;
CREATE TABLE more_noise (LIKE noise INCLUDING STORAGE);
INSERT INTO more_noise SELECT * FROM noise;
SQL
# Its publisher is nowhere: that a worker begins is enough.
$node->safe_psql('postgres', "CREATE SUBSCRIPTION harvest CONNECTION 'host=/nowhere' PUBLICATION p WITH (connect = false)");
$node->safe_psql('postgres', 'ALTER SUBSCRIPTION harvest ENABLE');
my $apply_worker = qr/logical replication apply worker for subscription "harvest" has started/;
wait_for('the apply worker', sub { $node->log_contains($apply_worker) });
my $backup = backup_now($node);
$node->safe_psql('postgres', "INSERT INTO fields SELECT i, 'later' FROM generate_series(30001, 31000) i");
$node->safe_psql('postgres', "SELECT pg_create_restore_point('before the accident')");
my $before = fingerprint($node, 'postgres');
$node->safe_psql('postgres', 'DELETE FROM fields WHERE i < 1000');
wait_archived($node);
my $after = fingerprint($node, 'postgres');

sub spaced { my ($folder) = @_; return ('--tablespace-base', "$folder.spaces") }
sub restore_to
{
    my ($folder, @arguments) = @_;
    return cli($node, 'restore', '--target-dir', $folder, spaced($folder), @arguments);
}

# path → SHA-256 of every file below a data directory and its tablespaces, without what a restore writes anew.
sub digests
{
    my ($folder) = @_;
    my %digest;
    File::Find::find({ no_chdir => 1, wanted => sub {
        return unless -f && !-l;
        my $name = substr $File::Find::name, length $folder;
        return if $name =~ m{^/(backup_manifest|agri_backup/role|postgresql\.auto\.conf)$};
        $digest{$name} = Digest::SHA->new(256)->addfile($_, 'b')->hexdigest;
    } }, grep { -d } $folder, "$folder.spaces");
    return \%digest;
}
sub change_file { my ($path, $code) = @_; my @old = stat $path or die "$path: $!"; open my $file, '+<:raw', $path or die "$path: $!"; $code->($file); close $file; utime $old[8], $old[9], $path }
sub write_text { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!"; print $file $text; close $file }

# --- --delta
my $old = free_folder('delta');
my ($code, $out, $err) = restore_to($old, '--as', 'clone');
is($code, 0, 'restore as clone') or diag("$out\n$err");
my $fresh = digests($old);
my $database = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'postgres'");
my $noise = $node->safe_psql('postgres', "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'noise'");
my $other = $node->safe_psql('postgres', "SELECT pg_relation_filepath('fields')");
my $missing = $node->safe_psql('postgres', "SELECT pg_relation_filepath('pg_proc')");
my $kept = $node->safe_psql('postgres', "SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'more_noise'");
my ($away) = glob "$old.spaces/$far_oid/PG_*/$database/*";
change_file("$old/$noise", sub { seek $_[0], 123_456, 0; print { $_[0] } 'damage' });    # same size, same time
change_file("$old/$other", sub { truncate $_[0], 8192 });
change_file("$old/PG_VERSION", sub { seek $_[0], 0, 2; print { $_[0] } "longer\n" });
change_file($away, sub { seek $_[0], 8192, 0; print { $_[0] } "\0" x 8192 });
unlink "$old/$missing" or die;
mkdir "$old/base/999999" or die;
write_text("$old/base/999999/1", 'of a dropped database');
write_text("$old/pg_xact/0FFF", 'extra');
chmod 0644, "$old/$kept";
my $inode = (stat "$old/$kept")[1];
isnt(Digest::SHA->new(256)->addfile("$old/$noise", 'b')->hexdigest, $fresh->{"/$noise"}, 'the old directory is damaged');
($code, $out, $err) = restore_to($old, '--as', 'clone');
is($code, 5, 'a directory that is not empty is refused') or diag("$out\n$err");
like($err, qr/\Q$old\E.*not empty.*--delta/s, 'and --delta is named');
($code, $out, $err) = restore_to($old, '--as', 'clone', '--delta', '--backup', $backup, '--json');
is($code, 0, 'restore --delta') or diag("$out\n$err");
my $summary = JSON::PP->new->decode($out);
is_deeply(digests($old), $fresh, 'every file is as after the first restore, and no other is there');
ok(!-e "$old/base/999999", 'nor the extra folder');
cmp_ok($summary->{rewritten_bytes}, '>', 0, 'something was rewritten');
cmp_ok($summary->{rewritten_bytes}, '<', $summary->{bytes} / 5, "only what differs was: $summary->{rewritten_bytes} of $summary->{bytes} bytes");
is((stat "$old/$kept")[1], $inode, 'an equal file stayed the same file');
is((stat _)[2] & 07777, 0600, 'with its mode put right');
command_ok([ 'pg_verifybackup', '--no-parse-wal', $old ], 'pg_verifybackup accepts it');
my $clone = start_restored($old, 'delta_clone', like => $node);
is(fingerprint($clone, 'postgres'), $after, 'the server on it has every row');

# --- a clone neither archives nor disturbs the original
my $archive = sub { `cd '@{[ repository_of($node)->{folder} ]}' && find . -type f | sort` };
wait_archived($node);    # reading has set hint bits, which is WAL where pages have checksums
my $archived = $archive->();
is($clone->safe_psql('postgres', 'SELECT state FROM agri_backup.status'), 'clone', 'its status says clone');
is($clone->safe_psql('postgres', 'SHOW archive_mode'), 'off', 'archive_mode is off');
my $nothing_to_do = qr/^Nothing needs to be done\. .*agri_backup adopt/;
like($clone->safe_psql('postgres', 'SELECT hint FROM agri_backup.status'), $nothing_to_do, 'and nothing is to be done');
is($clone->safe_psql('postgres', 'SELECT name FROM agri_check() WHERE NOT ok'), 'recovery target', 'agri_check() finds what the restore left');
like($clone->safe_psql('postgres', "SELECT hint FROM agri_check() WHERE name = 'settings'"), $nothing_to_do, 'and says the same');
my (undef, undef, $notice) = $clone->psql('postgres', "SELECT agri_schedule('of_clone', '0 3 * * *')");
like($notice, qr/NOTICE: .*restored as a clone: it runs no schedules/, 'agri_schedule() says that it runs none');
$clone->safe_psql('postgres', "SELECT agri_unschedule('of_clone')");
($code, $out, $err) = $clone->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'it takes no backups');
like($err, qr/restored as a clone: it writes nothing into the repository.*HINT:  Nothing needs to be done/s, 'and says why');
is($clone->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'"), '0',
    'nobody starts its subscriptions');
ok(!$clone->log_contains($apply_worker), 'so none is applied');
$clone->safe_psql('postgres', 'CREATE TABLE of_clone AS SELECT 1; SELECT pg_switch_wal(); CHECKPOINT');
# Even when somebody switches archiving on.
$clone->safe_psql('postgres', 'ALTER SYSTEM SET archive_mode = on');
$clone->restart;
$clone->safe_psql('postgres', 'CREATE TABLE of_clone_too AS SELECT 1; SELECT pg_switch_wal()');
wait_for('the refusal', sub { $clone->log_contains(qr/archive_mode enabled, yet archiving is not configured|restored as a clone/) });
is($clone->safe_psql('postgres', 'SELECT state FROM agri_backup.status'), 'clone', 'its status still says clone');
like($clone->safe_psql('postgres', "SELECT hint FROM agri_check() WHERE name = 'archive_mode' AND NOT ok"), qr/archive_mode = off/, 'agri_check() wants it off again');
is($clone->safe_psql('postgres', 'SELECT archived_count FROM pg_stat_archiver'), '0', 'it archived nothing');
($code, $out, $err) = $clone->psql('postgres', 'SELECT agri_backup_now()');
isnt($code, 0, 'nor does it take backups');
like($err, qr/clone/, 'and says why');
is($archive->(), $archived, "the original's repository is untouched");
$node->safe_psql('postgres', 'CREATE TABLE of_original AS SELECT 1 AS a');
wait_archived($node);
pass("the original's archiving goes on");
$after = fingerprint($node, 'postgres');

# --- what refuses
for my $delta ([], ['--delta'])
{
    ($code, $out, $err) = restore_to($node->data_dir, '--as', 'clone', @$delta);
    is($code, 12, "a running original's directory is refused (@$delta)");
    like($err, qr/server is running in "\Q@{[ $node->data_dir ]}\E"/, 'and named');
    ($code, $out, $err) = restore_to($old, '--as', 'clone', @$delta);
    is($code, 12, "so is a running clone's (@$delta)");
}
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--delta', '--target-dir', free_folder('b'), '--tablespace-base', "$old.spaces");
is($code, 12, "a running clone's tablespace is refused, even with --delta") or diag("$out\n$err");
like($err, qr/The server runs in "\Q$old\E"/, 'and whose it is is said');
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', $node->data_dir . '/x', spaced(free_folder('x')));
is($code, 5, 'so is a folder below a data directory') or diag("$out\n$err");
like($err, qr/is within the data directory "\Q@{[ $node->data_dir ]}\E"/, 'and which one');
is(fingerprint($clone, 'postgres') =~ /of_clone_too/ ? 1 : 0, 1, 'the clone goes on');
($code, $out, $err) = restore($node, spaced(free_folder('s')));
is($code, 12, '--as original beside the running original is refused');
like($err, qr/--as clone or --as standby/, 'and the way out is named');
my $foreign = free_folder('foreign');
mkdir $foreign; write_text("$foreign/precious", 'keep me');
($code, $out, $err) = restore_to($foreign, '--as', 'clone', '--delta');
is($code, 5, '--delta over what is no data directory is refused');
is(slurp_file("$foreign/precious"), 'keep me', 'and nothing is removed');
($code, $out, $err) = restore_to(free_folder('new'), '--as', 'clone', '--delta', '--wal-dir', $foreign);
is($code, 5, '--delta with a WAL folder that is no part of the target is refused');
like($err, qr/WAL folder "\Q$foreign\E" is not empty/, 'and named');
is(slurp_file("$foreign/precious"), 'keep me', 'with nothing removed there');
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', free_folder('same_space'));
is($code, 12, 'a tablespace folder of the running original is refused') or diag($err);
like($err, qr/--tablespace-map|--tablespace-base/, 'and how to map it is said');
$clone->stop('fast');
# The directory of a clone that lived its own life becomes the backup's again.
($code, $out, $err) = restore_to($old, '--as', 'clone', '--delta', '--target-name', 'before the accident');
is($code, 0, 'restore --delta over a directory that was used') or diag("$out\n$err");
$clone->append_conf('postgresql.conf', 'port = ' . $clone->port . "\nunix_socket_directories = '" . $node->host . "'\n");
$clone->start;
$clone->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(fingerprint($clone, 'postgres'), $before, 'what it wrote is gone, and the target is reached');
$clone->stop('fast');

# --- standby
my @to_moment = ('--as', 'standby', '--target-name', 'before the accident');
($code, $out, $err) = restore_to(free_folder('promoting'), @to_moment, '--target-action', 'promote');
is($code, 2, 'a standby that would promote itself is refused') or diag("$out\n$err");
like($err, qr/--as clone or --as original/, 'and what is meant instead is named');
my $pausing = free_folder('pausing');
($code, $out, $err) = restore_to($pausing, @to_moment);
is($code, 0, 'restore as standby to a target') or diag("$out\n$err");
like(slurp_file("$pausing/postgresql.auto.conf"), qr/^recovery_target_action = 'pause'$/m, 'it pauses there');
my $standby_folder = free_folder('standby');
($code, $out, $err) = restore_to($standby_folder, '--as', 'standby');
is($code, 0, 'restore as standby') or diag("$out\n$err");
ok(-e "$standby_folder/standby.signal" && !-e "$standby_folder/recovery.signal", 'standby.signal is there');
my $standby = start_restored($standby_folder, 'standby', like => $node, standby => 1,
    conf => "primary_conninfo = '" . $node->connstr . "'\n");
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'it is in recovery');
$node->safe_psql('postgres', 'CREATE TABLE streamed AS SELECT i FROM generate_series(1, 100) i');
$standby->poll_query_until('postgres', "SELECT status = 'streaming' FROM pg_stat_wal_receiver") or die 'no streaming';
$node->wait_for_catchup($standby);
is(fingerprint($standby, 'postgres'), fingerprint($node, 'postgres'), 'it streams from the primary and caught up');
is($standby->safe_psql('postgres', 'SELECT state FROM agri_backup.status'), 'standby', 'its status says standby');
$standby->stop('fast');
wait_archived($node);
$after = fingerprint($node, 'postgres');

# --- target actions
sub at_target
{
    my ($action) = @_;
    my $folder = free_folder($action);
    my ($code, $out, $err) = restore_to($folder, '--as', 'clone', '--target-name', 'before the accident', '--target-action', $action);
    is($code, 0, "restore with target action $action") or diag("$out\n$err");
    return $folder;
}
my $paused = start_restored(at_target('pause'), 'paused', like => $node, standby => 1);
$paused->poll_query_until('postgres', "SELECT pg_get_wal_replay_pause_state() = 'paused'") or die 'no pause';
is(fingerprint($paused, 'postgres'), $before, 'pause: the rows are those of the target, to be looked at');
$paused->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$paused->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
is(fingerprint($paused, 'postgres'), $before, 'and of the target still, after it went on');
$paused->stop('fast');
my $shut_folder = at_target('shutdown');
my $shut = PostgreSQL::Test::Cluster->new('shut');
system_log('pg_ctl', '-D', $shut_folder, '-l', "$outside/shut.log", '-w', '-o',
    "-c port=@{[ $shut->port ]} -c unix_socket_directories=@{[ $shut->host ]}", 'start');
wait_for('the shutdown', sub { !-e "$shut_folder/postmaster.pid" });
like(slurp_file("$outside/shut.log"), qr/shutdown at recovery target/, 'shutdown: the server ends at the target');
my ($state) = `pg_controldata '$shut_folder'` =~ /^Database cluster state: +(.*)$/m;
is($state, 'shut down in recovery', 'in recovery');

# --- recovery settings left alone
my $alone = free_folder('alone');
($code, $out, $err) = restore_to($alone, '--as', 'standby', '--leave-recovery-settings');
is($code, 0, 'restore with recovery settings left alone') or diag("$out\n$err");
ok(!-e "$alone/recovery.signal" && !-e "$alone/standby.signal", 'no signal file');
is(slurp_file("$alone/postgresql.auto.conf"), slurp_file($node->data_dir . '/postgresql.auto.conf'), 'postgresql.auto.conf is the one of the backup');
write_text("$alone/recovery.signal", '');
my $of = repository_of($node);
my $own = start_restored($alone, 'alone', like => $node, conf => "archive_mode = off\nrestore_command = '\"@{[ program() ]}\" "
      . "--repository \"file://$of->{folder}\" --key \"file://$of->{key}\" --cluster $of->{cluster} wal-fetch %f %p'\n");
is(fingerprint($own, 'postgres'), $after, "recovery by the user's own settings");
$own->stop('fast');

# --- tablespaces and pg_wal elsewhere
my $mapped = free_folder('mapped');
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', $mapped, '--tablespace-map', "$far_oid=$mapped.far", '--wal-dir', "$mapped.wal");
is($code, 0, 'restore with a tablespace mapped by OID, and --wal-dir') or diag("$out\n$err");
is(readlink "$mapped/pg_tblspc/$far_oid", "$mapped.far", 'the tablespace is linked');
is(readlink "$mapped/pg_wal", "$mapped.wal", 'so is pg_wal');
my $elsewhere = start_restored($mapped, 'mapped', like => $node);
is(fingerprint($elsewhere, 'postgres'), $after, 'every row');
is($elsewhere->safe_psql('postgres', "SELECT pg_tablespace_location($far_oid)"), "$mapped.far", 'and the server knows the place');
$elsewhere->stop('fast');
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', free_folder('x'), '--tablespace-map', '99999=/nowhere', '--tablespace-base', '/tmp');
is($code, 2, 'an unknown tablespace is refused');
like($err, qr/99999.*\Q$far_oid\E \("\Q$outside\E\/space"\)/s, 'and the known ones are named');
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', $mapped . '2', '--tablespace-map', "$far_oid=$mapped.far");
is($code, 5, 'a tablespace folder that is not empty is refused') or diag($err);

# --- interrupted
my $halfway = free_folder('halfway');
my ($slow_out, $slow_err) = ('', '');
sub slow_restore
{
    my ($folder) = @_;
    return IPC::Run::start([ program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster},
            '--rate-limit', '2MB', 'restore', '--as', 'clone', '--target-dir', $folder, spaced($folder) ],
        '<', \undef, '>', \$slow_out, '2>', \$slow_err);
}
{
    my $folder = free_folder('cancelled');
    my $cancelled = slow_restore($folder);
    wait_for('files of the restore', sub { -s "$folder/PG_VERSION" });
    kill 'TERM', $cancelled->{KIDS}[0]{PID};
    $cancelled->finish;
    is($? >> 8, 13, 'a restore that is told to end says that it was cancelled') or diag($slow_err);
    like($slow_err, qr/the same command, given again, goes on/, 'and how to go on');
    ok(!-e "$folder/global/pg_control", 'and leaves no pg_control');
}
# On a terminal it shows how far it is.
SKIP: {
    skip 'script (package bsdutils) is not installed', 1 if system('sh', '-c', 'command -v script >/dev/null') != 0;
    my $watched = free_folder('watched');
    my $shown = '';
    my @command = (program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster}, 'restore', '--as', 'clone',
        '--target-dir', $watched, spaced($watched));
    IPC::Run::run([ 'script', '-qec', join(' ', map { "'$_'" } @command), '/dev/null' ], '<', \undef, '>', \$shown);
    like($shown, qr{\r\e\[K\S.*\[#{24}\] 100 %  [\d.]+ \w+ of [\d.]+ \w+  [\d.]+ \w+/s}, 'on a terminal a bar shows the progress') or diag($shown);
}
my $slow = slow_restore($halfway);
my $slow_pid = $slow->{KIDS}[0]{PID};
wait_for('files of the slow restore', sub { -s "$halfway/PG_VERSION" && -s "$halfway/base/1/PG_VERSION" });
ok(kill(0, $slow_pid), 'the restore is at work');
($code, $out, $err) = restore_to($halfway, '--as', 'clone');
is($code, 6, 'a second restore into it is refused') or diag("$out\n$err");
kill 'KILL', $slow_pid;
$slow->finish;
ok(!-e "$halfway/global/pg_control", 'kill -9 leaves no pg_control');
# With configuration of its own: that of the directory may not be there yet.
write_text("$outside/postgresql.conf", 'port = ' . $shut->port . "\nunix_socket_directories = '" . $shut->host . "'\nlisten_addresses = ''\n");
isnt(system_log('pg_ctl', '-D', $halfway, '-l', "$outside/halfway.log", '-w', '-o', "-c config_file=$outside/postgresql.conf", 'start'), 0, 'the half-restored directory cannot be started');
like(slurp_file("$outside/halfway.log"), qr/could not find the database system.*global\/pg_control/s, 'for want of pg_control');
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', $halfway, '--tablespace-map', "$far_oid=$mapped.far");
is($code, 5, 'to go on in the tablespace of another is refused') or diag("$out\n$err");
like($err, qr/none of the folders that the unfinished restore wrote to.*Repeat the --tablespace-map/s, 'and why');
($code, $out, $err) = restore_to($halfway, '--as', 'clone');
is($code, 0, 'a second call goes on and finishes') or diag("$out\n$err");
like($err, qr/unfinished restore/, 'and says so');
my $whole = digests($halfway);
delete $_->{'/agri_backup/claim'} for $whole, $fresh;
is_deeply($whole, $fresh, 'every file is as a restore in one go leaves it');
command_ok([ 'pg_verifybackup', '--no-parse-wal', $halfway ], 'pg_verifybackup accepts it');

# --- wal-fetch: exit codes and prefetch, in the folder of a restored cluster as restore_command runs it
my $home = Cwd::getcwd();
chdir $halfway or die;
my $start = $node->safe_psql('postgres', "SELECT pg_walfile_name(start_lsn) FROM agri_backup.backups WHERE backup_id = '$backup'");
sub next_segment { my ($name) = @_; return substr($name, 0, 16) . sprintf '%08X', hex(substr $name, 16) + 1 }
sub fetched_equal { my ($name) = @_; return is(Digest::SHA->new(256)->addfile('pg_wal/RECOVERYXLOG', 'b')->hexdigest,
    Digest::SHA->new(256)->addfile($node->data_dir . "/pg_wal/$name", 'b')->hexdigest, "$name is what the server wrote") }
($code) = cli($node, 'wal-fetch', $start, 'pg_wal/RECOVERYXLOG');
is($code, 0, 'wal-fetch of an archived segment');
fetched_equal($start);
my $second = next_segment($start);
my $spooled = sub { my ($file) = glob "agri_backup/spool*/{,*/}$_[0]"; return $file };
wait_for('the prefetched segment', sub { $spooled->($second) });
my $spooled_inode = (stat $spooled->($second))[1];
($code) = cli($node, 'wal-fetch', $second, 'pg_wal/RECOVERYXLOG');
is($code, 0, 'wal-fetch of the next');
is((stat 'pg_wal/RECOVERYXLOG')[1], $spooled_inode, 'it is the file that was fetched ahead');
fetched_equal($second);
unlink 'pg_wal/RECOVERYXLOG';
for my $absent ('0000000100000FFF00000000', '00000009.history', '00000001000000000000000F.partial')
{
    ($code, $out, $err) = cli($node, 'wal-fetch', $absent, 'pg_wal/RECOVERYXLOG');
    is($code, 1, "$absent is not there: 1");
    ok(!-e 'pg_wal/RECOVERYXLOG', 'and nothing is written');
}
sub stops { my ($title, @arguments) = @_; my ($code, $out, $err) = cli($node, @arguments); is($code, 200, "$title: recovery must stop") or diag("$out\n$err"); ok(!-e 'pg_wal/RECOVERYXLOG', 'and nothing is written') }
stops('no name of a WAL file', 'wal-fetch', 'garbage', 'pg_wal/RECOVERYXLOG');
stops('a missing argument', 'wal-fetch', $start);
stops('an unknown option', 'wal-fetch', '--fast', $start, 'pg_wal/RECOVERYXLOG');
stops('an unknown option before', '--fast', 'wal-fetch', $start, 'pg_wal/RECOVERYXLOG');
sub fetch_from
{
    my ($name, %other) = @_;
    my %place = (repository => "file://$of->{folder}", key => "file://$of->{key}", cluster => $of->{cluster}, %other);
    IPC::Run::run([ program(), (map { ("--$_", $place{$_}) } sort keys %place), 'wal-fetch', $name, 'pg_wal/RECOVERYXLOG' ], '<', \undef, '>', \my $said, '2>', \my $errors);
    return ($? >> 8, $errors);
}
my %away = ('a missing key' => [ key => "file://$outside/no.key" ], 'a repository that is away' => [ repository => "file://$outside/no_repository" ]);
for my $title (sort keys %away)
{
    ($code, $err) = fetch_from($start, @{ $away{$title} });
    is($code, 200, "$title: recovery must stop");
    like($err, qr/no\.key|no_repository/, 'and is told why');
}
stops('a folder that is not there', 'wal-fetch', $start, 'pg_wal/nowhere/RECOVERYXLOG');
my ($object) = grep { /\/\Q$start\E$/ } split /\n/, `find '$of->{folder}' -type f`;
my $intact = slurp_file($object);
change_file($object, sub { seek $_[0], length($intact) / 2, 0; read $_[0], my $byte, 1; seek $_[0], -1, 1; print { $_[0] } chr(ord($byte) ^ 1) });
stops('a damaged segment', 'wal-fetch', '--prefetch', '0', $start, 'pg_wal/RECOVERYXLOG');
# A standby streams meanwhile, and asks again: what keeps it from the archive is "not there" to it, damage is not.
open my $signal, '>', 'standby.signal' or die; close $signal;
for my $title (sort keys %away)
{
    ($code, $err) = fetch_from($start, @{ $away{$title} });
    is($code, 1, "$title: a standby goes on");
    like($err, qr/^agri_backup: error: .*(?:no\.key|no_repository).*\nagri_backup: hint: /m, 'and is told why');
}
stops('a damaged segment, for a standby too', 'wal-fetch', '--prefetch', '0', $start, 'pg_wal/RECOVERYXLOG');
unlink 'standby.signal' or die;
# A promotion's last question, when no signal file is left: the server has a history of its own, or timeline 1 none.
rename 'recovery.signal', 'recovery.away' or die;
for my $case ([ '00000001.history', 1 ], [ '00000005.history', 200 ], [ $start, 200 ])
{
    ($code) = fetch_from($case->[0], %{ { @{ $away{'a repository that is away'} } } });
    is($code, $case->[1], "without a signal file: $case->[0]");
}
rename 'recovery.away', 'recovery.signal' or die;
open my $whole_object, '>:raw', $object or die; print $whole_object $intact; close $whole_object;
($code) = cli($node, 'wal-fetch', '--prefetch', '0', $start, 'pg_wal/RECOVERYXLOG');
is($code, 0, 'and it is served once it is whole again');
chdir $home;

# --- the printed command starts the server; the original is replaced in its own place
$node->stop('fast');
($code, $out, $err) = cli($node, 'restore', '--target-dir', $node->data_dir, '--delta');
is($code, 0, "restore --delta over the original's own directory") or diag("$out\n$err");
my ($start_command) = $out =~ /^start the server with:\n  (.+)$/m;
is(system_log('sh', '-c', "$start_command </dev/null >/dev/null"), 0, 'the printed command starts it') or diag($start_command);
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery did not end';
is(fingerprint($node, 'postgres'), $after, 'every row is there, the last ones before the shutdown included');
is($node->safe_psql('postgres', 'SHOW deadlock_timeout'), '1234ms', 'ALTER SYSTEM of before is kept');
$node->safe_psql('postgres', 'CREATE TABLE second_life AS SELECT 1 AS a');
wait_archived($node);
is($node->safe_psql('postgres', 'SELECT state FROM agri_backup.status'), 'ok', 'and it archives again');
$after = fingerprint($node, 'postgres');
system_or_bail('pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-w', 'stop');

# --- timelines: the new one by default, the old one when asked for
for my $case ([ 'latest', 2, 1 ], [ 'current', 1, 0 ], [ 1, 1, 0 ], [ 2, 2, 1 ])
{
    my ($timeline, $number, $second_life) = @$case;
    my $folder = free_folder("timeline_$timeline");
    ($code, $out, $err) = restore_to($folder, '--as', 'clone', '--backup', $backup, '--target-timeline', $timeline);
    is($code, 0, "restore to timeline $timeline") or diag("$out\n$err");
    like($err, qr/on timeline $number$/m, "it is $number");
    my $on_timeline = start_restored($folder, "timeline_$timeline", like => $node);
    is($on_timeline->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'second_life'"), $second_life, 'and its rows are there');
    is($on_timeline->safe_psql('postgres', "SELECT count(*) FROM of_original"), 1, 'with those of before');
    $on_timeline->stop('fast');
}

done_testing();
