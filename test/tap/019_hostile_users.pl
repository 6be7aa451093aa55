# Who shares the machine or the database: another user at the archiving process's socket, symbolic links laid in
# the repository and in a restore's target, and look-alikes of functions and operators that a superuser's calls
# would run with his rights. All of it in vain, and the data is whole. A canary session runs through all of it.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('hostile', init => 0);
my $of = repository_of($node);
my $data = $node->data_dir;
my $canary = hire_canary($node);
# Every statement of the test is a moment at which the canary sings.
sub sql
{
    my ($query) = @_;
    canary_sings($canary);
    return $node->safe_psql('postgres', $query);
}

# Look-alikes with better matching types than those of pg_catalog, in a schema that is searched first. Each would
# note whom it caught. They are there before the extension is.
sql(<<'SQL');
CREATE ROLE mallory LOGIN;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE TABLE caught (what text, who name DEFAULT current_user);
GRANT INSERT ON caught TO public;
CREATE SCHEMA trap AUTHORIZATION mallory;
GRANT USAGE ON SCHEMA trap TO public;
ALTER DATABASE postgres SET search_path = trap, public, pg_catalog;
SQL
my @traps;
for my $schema (qw(trap public))
{
    # Functions that our SQL calls, by their arguments' types.
    my %functions = (
        'format(text, text)' => 'text', 'format(text, text, text)' => 'text', 'format(text, integer, timestamptz)' => 'text',
        'format(text, text, timestamptz)' => 'text', 'concat_ws(text, text, text)' => 'text', 'concat_ws(text, text)' => 'text',
        'current_setting(text)' => 'text', 'current_database()' => 'name', 'jsonb_to_recordset(jsonb)' => 'SETOF record',
        'make_interval(double precision)' => 'interval', 'now()' => 'timestamptz', 'clock_timestamp()' => 'timestamptz',
        'pg_control_checkpoint()' => 'bigint', 'pg_is_in_recovery()' => 'boolean', 'pg_backup_start(text, boolean)' => 'pg_lsn',
        'pg_extension_config_dump(regclass, text)' => 'void', 'count(jsonb)' => 'bigint', 'to_char(interval, text)' => 'text');
    for my $function (sort keys %functions)
    {
        push @traps, "CREATE FUNCTION $schema.$function RETURNS $functions{$function} LANGUAGE plpgsql AS "
          . "\$\$ BEGIN INSERT INTO public.caught VALUES ('$schema.$function'); RETURN NULL; END \$\$";
        $traps[-1] =~ s/RETURN NULL/RETURN/ if $functions{$function} =~ /void|SETOF/;
    }
    # Operators, between all the types that come together in it.
    my $number = 0;
    for my $case ([ '/', 'bigint', 'numeric', 'numeric' ], [ '/', 'bigint', 'bigint', 'bigint' ], [ '->>', 'jsonb', 'text', 'text' ],
        [ '->', 'jsonb', 'text', 'jsonb' ], [ '#>>', 'jsonb', 'text[]', 'text' ], [ '||', 'text', 'text', 'text' ], [ '=', 'text', 'text', 'boolean' ],
        [ '=', 'text', 'name', 'boolean' ], [ '=', 'name', 'text', 'boolean' ], [ '<>', 'text', 'text', 'boolean' ], [ '<>', 'text', 'unknown', 'boolean' ],
        [ '~', 'text', 'text', 'boolean' ], [ '>', 'timestamptz', 'timestamptz', 'boolean' ], [ '*', 'interval', 'bigint', 'interval' ],
        [ '*', 'bigint', 'interval', 'interval' ], [ '-', 'pg_lsn', 'pg_lsn', 'numeric' ], [ '=', 'bigint', 'integer', 'boolean' ],
        [ '=', 'oid', 'integer', 'boolean' ], [ '>', 'bigint', 'numeric', 'boolean' ], [ '*', 'bigint', 'double precision', 'double precision' ])
    {
        my ($operator, $left, $right, $result) = @$case;
        next if $right eq 'unknown';
        my $name = "$schema.operator_" . ++$number;
        push @traps, "CREATE FUNCTION $name($left, $right) RETURNS $result LANGUAGE plpgsql AS "
          . "\$\$ BEGIN INSERT INTO public.caught VALUES ('$name: $left $operator $right'); RETURN NULL; END \$\$",
          "CREATE OPERATOR $schema.$operator (LEFTARG = $left, RIGHTARG = $right, FUNCTION = $name)";
    }
}
sql(join ";\n", 'SET search_path = pg_catalog', 'SET ROLE mallory', @traps);
is($node->safe_psql('postgres', "SELECT 'x'::text || 'y'::text; SELECT what FROM public.caught"), "\ntrap.operator_6: text || text",
    'the traps work: whoever uses an operator without care is caught');
sql('DELETE FROM public.caught');

sql('CREATE EXTENSION agri_backup SCHEMA public');
sql('SELECT public.agri_init()');
sql('CREATE TABLE public.field AS SELECT n FROM generate_series(1, 1000) n');
my $backup = sql('SELECT public.agri_backup_now()');
sql($_) for 'CALL public.agri_backup()', 'SELECT public.agri_refresh()', 'SELECT * FROM public.agri_check()', 'SELECT * FROM public.agri_verify()',
  "SELECT public.agri_cancel('none')", "SELECT public.agri_schedule('nightly', '0 2 * * *', time_zone => 'UTC')", "SELECT public.agri_pause('nightly')",
  "SELECT public.agri_resume('nightly')", 'TABLE agri_backup.schedules', "SELECT public.agri_unschedule('nightly')",
  'TABLE agri_backup.status', 'TABLE agri_backup.backups', 'TABLE agri_backup.wal_archive', 'TABLE agri_backup.recovery_window',
  'TABLE agri_backup.progress', 'SELECT * FROM agri_backup.processes()', 'SELECT * FROM agri_backup.jobs()',
  'SELECT * FROM agri_backup.waiting_wal()', 'SELECT agri_backup.config_file()', q{SELECT agri_backup.next_run('@daily', 'UTC')},
  "SELECT agri_backup.state('archiving')";
is(sql('SELECT what, who FROM public.caught'), '', 'no function, view or process of ours was caught');
# Every function that runs SQL of its own, present and future ones, is pinned.
is(sql(q{SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid OPERATOR(pg_catalog.=) 'pg_proc'::regclass AND d.deptype = 'e'
 JOIN pg_language l ON l.oid = p.prolang JOIN pg_extension e ON e.oid = d.refobjid AND e.extname OPERATOR(pg_catalog.=) 'agri_backup'
 WHERE l.lanname OPERATOR(pg_catalog.<>) 'c' AND NOT coalesce(p.proconfig OPERATOR(pg_catalog.@>) ARRAY['search_path=pg_catalog, pg_temp'], false)}), '',
    'every function with SQL in it has its search_path pinned');
my ($denied, $said, $why) = $node->psql('postgres', 'SELECT public.agri_backup_now()', extra_params => [ '-U', 'mallory' ]);
like($why, qr/permission denied/, 'others may not take backups');
sql('ALTER DATABASE postgres RESET search_path');
sql('DROP SCHEMA trap CASCADE; DROP OWNED BY mallory');

# Another user at the socket: not even with the door wide open does anybody listen to him.
SKIP:
{
    my $as_other = $ENV{AGRI_AS_NOBODY};    # lent by test/run.sh
    skip 'another user is needed: run the tests as root', 5 unless $as_other;
    # From its folder, because the socket's whole path may be longer than an address may be.
    my $knock = 'use IO::Socket::UNIX; chdir $ARGV[0] or print("refused: $!"), exit;'
      . ' my $s = IO::Socket::UNIX->new(Peer => "pgsql_tmp.archive.sock") or print("refused: $!"), exit;'
      . ' $SIG{PIPE} = "IGNORE"; syswrite $s, "x" x 64; my $n = sysread $s, my $got, 100; print $n ? "answered" : "hung up"';
    my $knock_as = sub { my $answer = ''; IPC::Run::run([ @_, $^X, '-e', $knock, "$data/agri_backup" ], '<', \undef, '>', \$answer, '2>', \my $problem); return $answer . ($problem // '') };
    my @other = ($as_other, '--reuid', 'nobody', '--keep-groups');
    is($knock_as->(@other), 'refused: Permission denied', 'another user cannot reach the socket');
    my @opened = ($data, "$data/agri_backup", "$data/agri_backup/pgsql_tmp.archive.sock");
    my @modes = map { (stat)[2] & 07777 } @opened;
    is(sprintf('%o %o', @modes[ 1, 2 ]), '700 600', 'its folder and itself are for the server alone');
    chmod 0777, $_ for @opened;
    is($knock_as->(@other), 'hung up', 'nor is he heard where the folders are open');
    chmod $modes[$_], $opened[$_] for 0 .. $#opened;
    like(slurp_file($node->logfile), qr/refused a client of .*archive\.sock: it runs as another user/, 'the log tells of him');
    my ($code, $out, $err) = (0);
    IPC::Run::run([ @other, program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}", '--cluster', $of->{cluster}, 'info' ],
        '<', \undef, '>', \$out, '2>', \$err);
    isnt($?, 0, 'nor can he read the repository or its key');
}
wait_archived($node);

# A link in the repository, in the place of a pack and of a folder: refused, by name.
my @packs = split /\n/, `find '$of->{folder}/clusters' -path '*/packs/*' -type f`;
for my $pack (@packs)
{
    rename $pack, "$pack.away" or die;
    symlink "$pack.away", $pack or die;
}
my ($code, $out, $err) = cli($node, 'verify');
is($code, 14, 'a link for a pack: verify finds it') or diag($err);
like("$out$err", qr/symbolic link/, 'and calls it what it is');
($code, $out, $err, my $folder) = restore($node, '--as', 'clone', '--backup', $backup);
isnt($code, 0, 'a restore does not follow it');
for my $pack (@packs)
{
    unlink $pack;
    rename "$pack.away", $pack or die;
}
my ($cluster) = glob "$of->{folder}/clusters/*/*/wal";
my $elsewhere = free_folder('elsewhere');
rename $cluster, $elsewhere or die;
symlink $elsewhere, $cluster or die;
my $files = `find '$elsewhere' -type f | wc -l`;
sql('INSERT INTO public.field VALUES (0); SELECT pg_switch_wal()');
wait_for('archiving to fail', sub { sql('SELECT state FROM agri_backup.status') eq 'failing' });
like(sql('SELECT last_error FROM agri_backup.status'), qr/\Q$cluster\E.*symbolic link/, 'a link for the folder of WAL: archiving refuses it by name');
is(`find '$elsewhere' -type f | wc -l`, $files, 'and wrote nothing where it leads');
unlink $cluster;
rename $elsewhere, $cluster or die;
wait_archived($node);
is(sql('SELECT object, problem FROM public.agri_verify()'), '', 'with the links gone all is whole');

# Links below a restore's target, of files and of folders: what they lead to is not touched.
my $truth = fingerprint($node, 'postgres');
($code, $out, $err, $folder) = restore($node, '--as', 'clone');
is($code, 0, 'restore') or diag($err);
my $victim = free_folder('victim');
mkdir $victim or die;
mkdir "$victim/folder" or die;
append_to_file("$victim/$_", "precious\n") for 'file', 'folder/file';
my ($relation) = glob "$folder/base/1/1259";
unlink $relation;
symlink "$victim/file", $relation or die;
system('rm', '-rf', "$folder/pg_xact");
symlink "$victim/folder", "$folder/pg_xact" or die;
symlink "$victim/folder", "$folder/base/99999" or die;
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--delta', '--target-dir', $folder);
is(join('', map { slurp_file("$victim/$_") } 'file', 'folder/file'), "precious\nprecious\n", 'a restore over links touches nothing that they lead to');
is(join(' ', map { s{.*/}{}r } glob "$victim/* $victim/folder/*"), 'file folder file', 'and puts nothing there');
if ($code != 0)
{
    like($err, qr/link/, 'it refused them');
    unlink $relation, "$folder/pg_xact", "$folder/base/99999";
    ($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--delta', '--target-dir', $folder);
}
is($code, 0, 'it succeeds') or diag($err);
ok(!-l $relation && !-l "$folder/pg_xact", 'what was a link is a file and a folder again');
my $restored = start_restored($folder, 'after_links', like => $node);
is(fingerprint($restored, 'postgres'), $truth, 'the data is whole');
$restored->stop('fast');
my $target = free_folder('link');
symlink $victim, $target or die;
($code, $out, $err) = cli($node, 'restore', '--as', 'clone', '--target-dir', "$target");
isnt($code, 0, 'a target that is a link to a folder with files is refused');
is(join(' ', map { s{.*/}{}r } glob "$victim/* $victim/folder/*"), 'file folder file', 'and nothing is put there');
dismiss_canary($canary);
$node->stop('fast');
done_testing();
