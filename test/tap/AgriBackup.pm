# Helpers of the end-to-end tests: a server with agri_backup, its repository and key; a restored server
# beside it; and comparing the two by content. Every wait is for an event, with a deadline.
package AgriBackup;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

our @EXPORT = qw(program new_server repository_of cli cli_ok cli_json restore start_restored
    session wait_for wait_archived fingerprint dump_of free_folder backup_now
    extension_listing measured_cli peak_of hire_canary canary_sings dismiss_canary);

my %repository;    # node name → { folder, key, cluster }

# The executable under test: the private installation's.
sub program { return $ENV{AGRI_PROGRAM} // die "AGRI_PROGRAM is not set: run by test/run.sh" }

# A short, empty, not yet existing folder name below the test's scratch folder.
my $folders = 0;
sub free_folder { my ($name) = @_; return PostgreSQL::Test::Utils::tempdir_short() . "/$name" . $folders++ }

# A running server with the extension created and the repository initialised.
#   conf       lines appended to postgresql.conf
#   initdb     extra options of initdb
#   repository folder (default: new), key (default: new), cluster (default: name)
#   install_path: of another PostgreSQL than the private one
#   start => 0, init => 0: leave that out
sub new_server
{
    my ($name, %option) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir_short();
    my $of = {
        folder => $option{repository} // "$folder/repository",
        key => $option{key} // "$folder/key",
        cluster => $option{cluster} // $name };
    system_or_die(program(), 'key', 'create', $of->{key}) unless -e $of->{key};
    my $node = PostgreSQL::Test::Cluster->new($name, $option{install_path} ? (install_path => $option{install_path}) : ());
    $repository{$name} = $of;
    $node->init(allows_streaming => 1, extra => $option{initdb} // []);
    $node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'agri_backup'
archive_mode = on
archive_library = 'agri_backup'
max_worker_processes = 16
agri_backup.repository = 'file://$of->{folder}'
agri_backup.key = 'file://$of->{key}'
agri_backup.cluster = '$of->{cluster}'
CONF
    $node->append_conf('postgresql.conf', $option{conf}) if $option{conf};
    return $node if exists $option{start} && !$option{start};
    $node->start;
    return $node if exists $option{init} && !$option{init};
    $node->safe_psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init()');
    return $node;
}

sub system_or_die { system(@_) == 0 or die "failed: @_" }

# { folder, key, cluster } of a server made by new_server.
sub repository_of { my ($node) = @_; return $repository{ $node->name } }

sub cli_arguments
{
    my ($node, @arguments) = @_;
    my $of = repository_of($node);
    return (program(), '--repository', "file://$of->{folder}", '--key', "file://$of->{key}",
        '--cluster', $of->{cluster}, @arguments);
}

# Runs the executable on a server's repository; returns (exit code, stdout, stderr).
sub cli
{
    my ($node, @arguments) = @_;
    my ($out, $err);
    my @command = cli_arguments($node, @arguments);
    IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}

sub cli_ok
{
    my ($node, $title, @arguments) = @_;
    my ($code, $out, $err) = cli($node, @arguments);
    is($code, 0, $title) or diag("stdout: $out\nstderr: $err");
    return $out;
}

sub cli_json
{
    my ($node, @arguments) = @_;
    my ($code, $out, $err) = cli($node, '--json', @arguments);
    die "exit $code: $err" if $code != 0;
    return JSON::PP->new->utf8->decode($out);
}

# A session that stays open: background_psql(), whose time limit is for each query, not for the session.
sub session
{
    my ($node, %option) = @_;
    my $session = $node->background_psql('postgres', %option);
    $session->set_query_timer_restart;
    return $session;
}

# Polls a condition until it holds; dies with the title after the deadline.
sub wait_for
{
    my ($title, $condition) = @_;
    my $deadline = Time::HiRes::time() + $PostgreSQL::Test::Utils::timeout_default;
    while (!$condition->())
    {
        die "timed out waiting for $title" if Time::HiRes::time() > $deadline;
        Time::HiRes::usleep(50_000);
    }
    return 1;
}

# Switches WAL and waits until everything written so far is archived.
sub wait_archived
{
    my ($node) = @_;
    my $file = $node->safe_psql('postgres',
        "SELECT pg_create_restore_point('wait_archived'); SELECT pg_walfile_name(pg_switch_wal())");
    ($file) = $file =~ /([0-9A-F]{24})/;
    $node->poll_query_until('postgres',
        "SELECT last_archived_wal >= '$file' FROM pg_stat_archiver")
      or die "WAL was not archived";
    return $file;
}

# The most memory that a process ever had, in KiB, as the kernel remembers it; undef when it is gone.
sub peak_of
{
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or return undef;
    my ($peak) = map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$status>;
    return $peak;
}

# As cli(), with the peak of the process as a fourth value.
sub measured_cli
{
    my ($node, @arguments) = @_;
    my ($stdout, $stderr) = map { free_folder($_) } qw(stdout stderr);
    my @command = cli_arguments($node, @arguments);
    my $pid = fork // die "fork: $!";
    if ($pid == 0)
    {
        open STDOUT, '>', $stdout or die;
        open STDERR, '>', $stderr or die;
        exec @command or die "exec: $!";
    }
    my $peak = 0;
    wait_for("@arguments", sub { my $now = peak_of($pid); $peak = $now if $now; return !$now });
    waitpid $pid, 0;
    return ($? >> 8, slurp_file($stdout), slurp_file($stderr), $peak);
}

# A client that is to notice nothing of a fault. Its session ends where the server itself restarts by design:
# hire it again then, with what it counted.
#   song   its statement, which returns 1
sub hire_canary
{
    my ($node, %option) = @_;
    my $canary = $option{again} // { node => $node, song => $option{song} // 'SELECT 1', sung => 0, errors => 0 };
    eval { $canary->{session}->quit } if $canary->{session};
    $canary->{session} = session($node);
    return $canary;
}

sub canary_sings
{
    my ($canary) = @_;
    my $answer = eval { $canary->{session}->query_safe($canary->{song}) } // '';
    ++$canary->{ $answer eq '1' ? 'sung' : 'errors' };
    return 1;
}

sub dismiss_canary
{
    my ($canary) = @_;
    canary_sings($canary);
    eval { $canary->{session}->quit };
    is($canary->{errors}, 0, "no session noticed: $canary->{sung} statements in the canary's, no error");
    return;
}

sub backup_now
{
    my ($node, $database) = @_;
    return $node->safe_psql($database // 'postgres', 'SELECT agri_backup_now()');
}

# Restores into a new folder; returns (exit code, stdout, stderr, folder).
sub restore
{
    my ($node, @arguments) = @_;
    my $folder = free_folder('restored');
    my ($code, $out, $err) = cli($node, 'restore', '--target-dir', $folder, @arguments);
    return ($code, $out, $err, $folder);
}

# A Cluster object over a restored folder, started; waits until recovery ended unless standby => 1.
sub start_restored
{
    my ($folder, $name, %option) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    my $base = $node->basedir;
    mkdir $base unless -d $base;
    symlink($folder, $node->data_dir) or die "symlink: $!";
    $node->append_conf('postgresql.conf', "port = " . $node->port . "\nunix_socket_directories = '"
          . PostgreSQL::Test::Cluster->can('host')->($node) . "'\n" . ($option{conf} // ''));
    $repository{$name} = $option{like} ? repository_of($option{like}) : {};
    $node->start;
    return $node if $option{standby};
    $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
      or die "recovery did not end";
    return $node;
}

# Row count and content hash of every user table of a database: equal text means equal content.
sub fingerprint
{
    my ($node, $database) = @_;
    my @tables = split /\n/, $node->safe_psql($database, <<'SQL');
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'agri_backup')
  AND c.relpersistence = 'p' ORDER BY 1
SQL
    return join "\n", map {
        my $table = $_;
        "$table " . $node->safe_psql($database,
            "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM $table t")
    } @tables;
}

# pg_dump of a database as text, without lines that differ by run.
sub dump_of
{
    my ($node, $database) = @_;
    my ($out, $err);
    my @command = ('pg_dump', '--no-unlogged-table-data', '-h', $node->host, '-p', $node->port, '-d', $database);
    IPC::Run::run(\@command, '>', \$out, '2>', \$err) or die "pg_dump: $err";
    $out =~ s/^\\(un)?restrict .*\n//mg;
    return $out;
}

# Every object of the extension with all that an update could forget: definition, columns, constraints, rights, comments.
sub extension_listing
{
    my ($node, $database) = @_;
    return $node->safe_psql($database // 'postgres', <<'SQL');
WITH extension AS (SELECT oid, extconfig FROM pg_extension WHERE extname = 'agri_backup'),
    member AS (SELECT classid, objid FROM pg_depend, extension
        WHERE refclassid = 'pg_extension'::regclass AND refobjid = extension.oid AND deptype = 'e'),
    rights AS (SELECT 'pg_proc'::regclass AS classid, oid AS objid, coalesce(proacl, acldefault('f', proowner)) AS acl FROM pg_proc
        UNION ALL SELECT 'pg_class'::regclass, oid, coalesce(relacl, acldefault('r', relowner)) FROM pg_class
        UNION ALL SELECT 'pg_namespace'::regclass, oid, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
        UNION ALL SELECT classoid, objoid, initprivs FROM pg_init_privs WHERE objsubid = 0)
SELECT concat_ws(E'\n  ', pg_describe_object(classid, objid, 0), obj_description(objid, classid::regclass::text),
    (SELECT pg_get_functiondef(oid) FROM pg_proc WHERE oid = objid AND classid = 'pg_proc'::regclass),
    (SELECT pg_get_viewdef(oid) FROM pg_class WHERE oid = objid AND classid = 'pg_class'::regclass AND relkind = 'v'),
    (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attacl,
            pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)), E'\n  ' ORDER BY attnum)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = objid AND classid = 'pg_class'::regclass AND attnum > 0 AND NOT attisdropped),
    (SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), E'\n  ' ORDER BY conname)
        FROM pg_constraint WHERE conrelid = objid AND classid = 'pg_class'::regclass),
    (SELECT string_agg(concat_ws(' ', grantee::regrole, privilege_type), E'\n  ' ORDER BY grantee, privilege_type)
        FROM rights CROSS JOIN aclexplode(acl)
        WHERE rights.classid = member.classid AND rights.objid = member.objid AND grantee <> grantor),
    (SELECT 'dumped' FROM extension WHERE objid = ANY (extconfig) AND classid = 'pg_class'::regclass))
FROM member ORDER BY 1
SQL
}

1;
