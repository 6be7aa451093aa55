# A newer package under a running server, then none: the commands of "Upgrading agri_backup" and "Removing agri_backup"
# in docs/operations.md, on an installation of the test's own. test/lib/stage_next.sh made the newer package.
use strict;
use warnings;
use File::Find ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Document;

my $packages = $ENV{AGRI_PACKAGES} // die 'AGRI_PACKAGES is not set: run by test/run.sh';
chomp(my $next = slurp_file("$packages/next_version"));
my $this = $next =~ s/\.1$//r;
my $root = PostgreSQL::Test::Utils::tempdir_short();
my $staged = program() =~ s{/usr/local/bin/agri_backup$}{}r;
system_or_bail('cp', '-r', $staged, "$root/pg");
chomp(my $bin = `pg_config --bindir`);
chomp(my $library = `pg_config --pkglibdir`);
s{^\Q$staged\E}{$root/pg} for $bin, $library;

# --- packages: what dpkg does with their files, and the folders that they leave empty
sub install { my ($which) = @_; system_or_bail('cp', '-r', '--remove-destination', "$packages/$which/usr", "$root/pg/"); return }
sub uninstall
{
    for my $which ('next', 'this')
    {
        File::Find::finddepth({ no_chdir => 1, wanted => sub {
            my $installed = $File::Find::name =~ s{^\Q$packages\E/\w+}{$root/pg}r;
            -d ? rmdir $installed : unlink $installed } }, "$packages/$which");
    }
    return;
}
is(slurp_file("$packages/left"), '', '`make uninstall` leaves nothing behind');

my $node = new_server('package', install_path => $bin =~ s{/bin$}{}r);
my $pg_ctl = "$bin/pg_ctl -D " . $node->data_dir . ' -l ' . $node->logfile . ' -m fast -w -s';
my $document = Document->new('docs/operations.md', in => '029_package', places => [
    'sudo -u postgres ' => '', 'sudo pg_ctlcluster 15 main' => $pg_ctl, 'sudo sed' => 'sed',
    '/etc/postgresql/15/main/postgresql.conf' => $node->data_dir . '/postgresql.conf' ]);

sub value { return $node->safe_psql('postgres', $_[0]) }
sub status { return value("SELECT $_[0] FROM agri_backup.status") }
sub version_row { return value("SELECT concat_ws('|', ok, detail, hint) FROM agri_check() WHERE name = 'version'") }
sub archives { my ($title) = @_; ok(wait_archived($node), "$title: archiving goes on"); return }
sub log_from { my ($at) = @_; return substr(slurp_file($node->logfile), $at) }

# --- Installed under the running server
value("CREATE TABLE truth AS SELECT 1 AS n; CREATE ROLE dba LOGIN; GRANT EXECUTE ON FUNCTION agri_backup_now TO dba; SELECT agri_schedule('nightly', '0 2 * * *')");
backup_now($node);
is(version_row(), "t|SQL objects $this, server $this, installed $this", 'one version everywhere');
my $started = value('SELECT pg_postmaster_start_time()');
my $pid = status('archiving_pid');
install('next');
archives('after the installation');
is(status('archiving_pid'), $pid, 'by the same process');
rename "$library/agri_backup/$next", "$root/next" or die;
ok(backup_now($node), 'a backup is taken by the executable of before, though there were no other');
kill 'KILL', $pid;
$node->poll_query_until('postgres', "SELECT archiving_pid <> $pid AND archiving_version IS NOT NULL FROM agri_backup.status") or die 'no new archiving process';
rename "$root/next", "$library/agri_backup/$next" or die;
is(status('archiving_version'), $this, 'so is a new archiving process');
archives('with it');
is(value('SELECT pg_postmaster_start_time()'), $started, 'the server was never restarted');
is(version_row(), "f|SQL objects $this, server $this, installed $next|Restart the server: it runs the version that was installed when it started.", 'agri_check() says what to do');

# --- After a restart: a new library, SQL objects of before
type_in_shell('restart', $document->next_block('sh'));
$node->_update_pid(1);
$node->poll_query_until('postgres', "SELECT archiving_version = '$next' FROM agri_backup.status") or die 'the old one is still there';
archives('the new version');
is(version_row(), "f|SQL objects $this, server $next, installed $next|Run ALTER EXTENSION agri_backup UPDATE.", 'agri_check() says what is behind');
ok(backup_now($node), 'a backup by the old SQL function');
is(value('SELECT count(*) FROM agri_verify()'), 0, 'so by agri_verify()');
is(value("SELECT string_agg(name, ',') FROM agri_backup.schedules"), 'nightly', 'and by the views');
# As versions with fewer arguments, fewer columns or more arguments would have declared them.
sub shape_is_told
{
    my ($declaration, $symbol, $call, $told) = @_;
    value("CREATE FUNCTION shape$declaration LANGUAGE c AS '\$libdir/agri_backup', '$symbol'");
    my ($code, $out, $err) = $node->psql('postgres', "SELECT * FROM shape$call");
    like($err, $told, "$symbol as shape$declaration");
    value('DROP FUNCTION shape');
}
my $behind = qr/SQL objects of an older version of agri_backup than the server's library, \Q$next\E\nHINT:  Run ALTER EXTENSION agri_backup UPDATE\.$/;
shape_is_told('(kind text) RETURNS text', 'AgriBackupNow', "('full')", $behind);
shape_is_told('(OUT job text, OUT kind text) RETURNS SETOF record', 'AgriJobs', '()', $behind);
shape_is_told('(OUT preloaded boolean, OUT pid integer) RETURNS record', 'AgriProcesses', '()', $behind);
shape_is_told('(a text, b text, c boolean, d text) RETURNS text', 'AgriBackupNow', "('full', '', true, '')", qr/a newer version .*\nHINT:  Restart the server/);

# --- The update
value($document->next_block('sql'));
is(value("SELECT extversion FROM pg_extension WHERE extname = 'agri_backup'"), $next, 'the update is done');
is(value($document->next_block('sql')), '', 'agri_check() is content');
is(value("SELECT has_function_privilege('dba', 'agri_backup_now(text,text,boolean)', 'EXECUTE')"), 't', 'who was granted a function keeps it');
is(value("SELECT string_agg(name, ',') FROM agri_backup.schedules"), 'nightly', 'schedules are kept');
value('REVOKE EXECUTE ON FUNCTION agri_backup_now FROM dba');
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION agri_backup');
is(extension_listing($node), extension_listing($node, 'fresh'), 'the objects are those of a new installation');
like(extension_listing($node), qr/agri_backup\.example\(\).*note text/s, 'the new ones among them');
value('DROP DATABASE fresh');
ok(backup_now($node), 'and a backup is taken');
archives('the updated one');

# --- Removed in a wrong order: the files first
uninstall();
archives('without files');
like(($node->psql('postgres', 'SELECT agri_backup_now()'))[2], qr/could not (?:access file ".libdir\/agri_backup"|load library "agri_backup")/, 'calls say that the file is gone');
my $at = -s $node->logfile;
$node->stop('fast');
ok(!$node->start(fail_ok => 1), 'the server does not start');
like(log_from($at), qr/FATAL:  could not load library "agri_backup": .*No such file/, 'and says why');
install('next');
$node->start;
archives('with the files back');

# --- Only the preload taken out, then the files
my $conf = slurp_file($node->data_dir . '/postgresql.conf');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$at = -s $node->logfile;
$node->restart;
value('INSERT INTO truth VALUES (2); SELECT pg_switch_wal()');
wait_for('the words of the archiver', sub { return log_from($at) =~ /could not archive file.*HINT:  Add agri_backup to shared_preload_libraries/s });
is(status('state'), 'not preloaded', 'without the preload nothing is archived, and the view says why');
uninstall();
$at = -s $node->logfile;
$node->restart;
wait_for('the words of the archiver', sub { return log_from($at) =~ /could not load library "agri_backup"/ });
is(value('SELECT count(*) FROM truth'), 2, 'and without the files the server serves its sessions');
install('next');
PostgreSQL::Test::Utils::append_to_file($node->data_dir . '/postgresql.conf', "shared_preload_libraries = 'agri_backup'\n");
$node->restart;
archives('what waited is archived');

# --- In the right order
is(value("SELECT agri_backup_now(wait => false) IS NOT NULL"), 't', 'while a backup runs');
value($document->next_block('sql'));
archives('without the extension');
my $backups = sub { return scalar grep { !$_->{problem} } @{ cli_json($node, 'info')->{backups} } };
wait_for('the backup to end', sub { return $backups->() == 5 });
pass('the backup goes on to its end');
value('INSERT INTO truth VALUES (3)');
wait_archived($node);
type_in_shell('settings and restart', $document->next_block('sh'));
$node->_update_pid(1);
is(value($document->next_block('sql')), '', 'no setting names it');
$document->ends;
uninstall();
$node->restart;
is(value('SELECT count(*) FROM truth'), 3, 'the server starts and has its data');
is(value("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"), 0, 'no WAL waits for an archiver');
value('DROP TABLE truth');
$node->stop('fast');

# --- And still all of it can be restored
my ($code, $out, $err, $folder) = restore($node);
is($code, 0, 'restore') or diag("$out\n$err");
my $restored = start_restored($folder, 'restored', like => $node);
is($restored->safe_psql('postgres', 'SELECT count(*) FROM truth'), 3, 'every row of the last archived moment');
$restored->stop('fast');

done_testing();
