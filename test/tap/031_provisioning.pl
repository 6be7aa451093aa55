# Setting up as provisioning does it: each step twice, and the second time nothing changes. Who is no superuser acts by
# what was granted, and is told what is missing; the extension in a second database says where to go.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $key = "$folder/main.key";
sub key_create
{
    my (@arguments) = @_;
    IPC::Run::run([ program(), 'key', 'create', @arguments ], '<', \undef, '>', \my $out, '2>', \my $err);
    return ($? >> 8, $out, $err);
}
sub write_file { my ($path, $text, $mode) = @_; open my $file, '>', $path or die "$path: $!"; print $file $text; close $file; chmod $mode, $path; return }

# --- The key
is((key_create('--if-missing', $key))[0], 0, 'key create --if-missing where there is none');
is((stat $key)[2] & 07777, 0600, 'it is made, for its owner alone');
my $content = slurp_file($key);
my ($code, $out, $err) = key_create('--if-missing', $key);
is($code, 0, 'and again');
like($out, qr/already there/, 'it says so');
($code, $out, $err) = key_create($key);
is($code, 5, 'without --if-missing an existing file is a conflict');
is((key_create('--if-missing', "file://$key"))[0], 0, 'its place can be given as it is in the configuration');
SKIP: {
    skip 'who may write everywhere', 2 if $> == 0;
    mkdir "$folder/closed" or die;
    system_or_bail('cp', '-p', $key, "$folder/closed/main.key");
    chmod 0500, "$folder/closed";
    ($code, $out, $err) = key_create('--if-missing', "$folder/closed/main.key");
    is($code, 0, 'nothing needs to be written where a key is') or diag($err);
    ($code, $out, $err) = key_create('--if-missing', "$folder/closed/other.key");
    isnt($code, 0, 'one that is missing does');
    chmod 0700, "$folder/closed";
}
($code, $out, $err) = key_create("$folder/nowhere/main.key");
is($code, 4, 'a folder that is not there');
like($err, qr/folder "\Q$folder\E\/nowhere" does not exist.*mkdir -p/s, 'is named');
like((key_create('--json', '--if-missing', $key))[1], qr/"created": false/, 'and as JSON');
is(slurp_file($key), $content, 'the key is the same after all of it');
write_file("$folder/other", "no key\n", 0600);
($code, $out, $err) = key_create('--if-missing', "$folder/other");
is($code, 3, 'a file that is no key is not taken for one');
like($err, qr/is not a key file/, 'and the message says so');
write_file("$folder/open", $content, 0644);
($code, $out, $err) = key_create('--if-missing', "$folder/open");
is($code, 3, 'nor is a key that everybody can read');

# --- The playbook: typed twice
my $node = new_server('provisioned', start => 0, key => $key, repository => "$folder/repository");
$node->start;
my $sql = <<'SQL';
CREATE EXTENSION IF NOT EXISTS agri_backup;
ALTER SYSTEM SET agri_backup.wait_limit = '4min';
SELECT pg_reload_conf();
SELECT agri_init();
SELECT agri_schedule('nightly', '0 2 * * *', time_zone => 'UTC') > now();
DO $$ BEGIN CREATE ROLE dba LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT pg_monitor TO dba;
GRANT EXECUTE ON FUNCTION agri_init, agri_check, agri_refresh, agri_backup_now, agri_cancel, agri_verify,
    agri_schedule, agri_unschedule, agri_pause, agri_resume TO dba;
GRANT EXECUTE ON PROCEDURE agri_backup TO dba;
SQL
sub playbook
{
    is((key_create('--if-missing', $key))[0], 0, 'playbook: the key');
    my $said = $node->safe_psql('postgres', $sql);
    cli_ok($node, 'playbook: init by the command line', 'init', '--data-directory', $node->data_dir);
    return $said;
}
# Everything that a step could have changed: settings, rights, the repository's objects.
sub all_of_it
{
    my $catalog = $node->safe_psql('postgres', <<'SQL');
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' ORDER BY 1;
SELECT proname, proacl FROM pg_proc WHERE proname LIKE 'agri\_%' ORDER BY 1;
SELECT * FROM agri_backup.schedule;
SELECT member::regrole, roleid::regrole FROM pg_auth_members ORDER BY 1, 2;
SQL
    # The views' cache and leases come and go with each call.
    my @objects = grep { !m{/leases/|/\.tmp} } split /\n/, `find '$folder/repository' -type f -exec sha256sum {} + | sort -k 2`;
    return join "\n", $catalog, slurp_file($key), slurp_file($node->data_dir . '/postgresql.auto.conf'), @objects;
}
playbook();
$node->poll_query_until('postgres', "SELECT state = 'ok' FROM agri_backup.status") or die 'archiving does not begin';
my $first = all_of_it();
like($first, qr/claims.*incarnations|incarnations/s, 'the playbook made a repository');
my $said = playbook();
like($said, qr/already/, 'the second time, agri_init() says that it is there');
is(all_of_it(), $first, 'and nothing has changed');
like($node->safe_psql('postgres', 'SELECT agri_backup_now()'), qr/full/, 'a backup is made');
playbook();
is($node->safe_psql('postgres', "SELECT string_agg(name, ',') FROM agri_check() WHERE NOT ok"), '', 'after a third time agri_check() finds nothing');

# --- Roles
sub as
{
    my ($role, $statement) = @_;
    my ($code, $out, $err) = $node->psql('postgres', "SET SESSION AUTHORIZATION $role; $statement", on_error_stop => 1);
    return ($code, $out, $err);
}
$node->safe_psql('postgres', 'CREATE ROLE agri_backup; CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE passer_by');
for my $case (
    [ 'a full check', "SELECT string_agg(name || ': ' || detail, ',') FROM agri_check() WHERE NOT ok", qr/^$/ ],
    [ 'agri_init()', 'SELECT agri_init()', qr/already/ ],
    [ 'a backup', 'SELECT agri_backup_now()', qr/-full-/ ],
    [ 'a backup that is waited for without a snapshot', 'CALL agri_backup()', qr/^/ ],
    [ 'verification', 'SELECT count(*) FROM agri_verify()', qr/^0$/ ],
    [ 'a refresh', 'SELECT agri_refresh()', qr/^$/ ],
    [ 'a schedule', q{SELECT agri_schedule('by_dba', '@weekly') > now()}, qr/^t$/ ],
    [ 'a pause', q{SELECT agri_pause('by_dba')}, qr/^$/ ],
    [ 'its end', q{SELECT agri_resume('by_dba')}, qr/^$/ ],
    [ 'the end of a schedule', q{SELECT agri_unschedule('by_dba')}, qr/^t$/ ],
    [ 'cancelling', q{SELECT agri_cancel('20260101T000000Z-full-0000')}, qr/^f$/ ],
    [ 'the views', 'SELECT count(*) > 2 FROM agri_backup.backups, agri_backup.status, agri_backup.schedules', qr/^t$/ ])
{
    my ($title, $statement, $expected) = @$case;
    ($code, $out, $err) = as('dba', $statement);
    ok($code == 0 && $out =~ $expected, "a DBA who is no superuser: $title") or diag("$out\n$err");
}
for my $case (
    [ 'watcher', 'SELECT agri_backup_now()', qr/permission denied for function agri_backup_now/ ],
    [ 'watcher', 'CALL agri_backup()', qr/permission denied for procedure agri_backup/ ],
    [ 'watcher', q{SELECT agri_schedule('x', '@daily')}, qr/permission denied for function agri_schedule/ ],
    [ 'dba', 'DELETE FROM agri_backup.schedule', qr/permission denied for table schedule/ ],
    [ 'passer_by', 'SELECT * FROM agri_backup.status', qr/permission denied for schema agri_backup/ ],
    [ 'passer_by', 'SELECT * FROM agri_check()', qr/permission denied for function agri_check/ ])
{
    my ($role, $statement, $expected) = @$case;
    ($code, $out, $err) = as($role, $statement);
    isnt($code, 0, "$role: $statement is refused");
    like($err, $expected, 'with what is missing');
}
is((as('watcher', 'SELECT state FROM agri_backup.status'))[1], 'ok', 'whoever monitors reads');

# --- A second database
$node->safe_psql('postgres', 'CREATE DATABASE farm');
$node->safe_psql('farm', 'CREATE EXTENSION agri_backup; CREATE EXTENSION IF NOT EXISTS agri_backup');
is($node->safe_psql('farm', 'SELECT state FROM agri_backup.status'), 'ok', 'its views work there');
($code, $out, $err) = $node->psql('farm', 'SELECT agri_backup_now()');
like($err, qr/acts in database "postgres", not in "farm"/, 'what acts says where the extension acts');
my ($setting) = $err =~ /set (agri_backup\.database = 'farm') in postgresql\.conf and reload/;
ok($setting, 'and what to set if that is not meant') or diag($err);
$node->append_conf('postgresql.conf', $setting);
$node->reload;
ok($node->poll_query_until('farm', q{SELECT current_setting('agri_backup.database') = 'farm'}), 'that is done');
like($node->safe_psql('farm', 'SELECT agri_backup_now()'), qr/full/, 'and now it acts there');
($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
like($err, qr/acts in database "farm", not in "postgres"/, 'and no more where it did');

# A schema of that name is somebody's: the extension does not move in.
$node->safe_psql('postgres', 'CREATE DATABASE squatted');
$node->safe_psql('squatted', 'CREATE SCHEMA agri_backup');
($code, $out, $err) = $node->psql('squatted', 'CREATE EXTENSION agri_backup');
like($err, qr/schema "agri_backup" already exists/, 'a schema that is there already is not taken over');
$node->stop('fast');
done_testing();
