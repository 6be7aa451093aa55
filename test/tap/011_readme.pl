# README.md is right: its blocks are typed in order, as they stand there but for the places, which are ours;
# and what its tables name exists, with those defaults. Every command's --help lists its options.
use strict;
use warnings;
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Document;

delete $ENV{$_} for grep { /^AGRI_BACKUP_/ } keys %ENV;
my $root = PostgreSQL::Test::Utils::tempdir_short();
mkdir "$root/$_" for qw(etc srv lib);
$ENV{PATH} = dirname(program()) . ":$ENV{PATH}";
my $moment = '';
my $document = Document->new('README.md', places => [
    '/etc/agri_backup' => "$root/etc/agri_backup",
    '/srv/agri_backup' => "$root/srv/agri_backup",
    '/var/lib/postgresql' => "$root/lib",
    'sudo -u postgres ' => '',
    'sudo install -d -o postgres -g postgres ' => 'install -d ',
    '2026-11-22 20:15:00+01' => \$moment ]);
my $readme = $document->text;

type_in_shell('a key', $document->next_block('sh'));
is((stat "$root/etc/agri_backup/main.key")[2] & 07777, 0600, 'the key is there, for its owner alone');

my $node = PostgreSQL::Test::Cluster->new('readme');
# With wal_level as a server has it by default.
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', $document->next_block('postgresql.conf'));
$node->start;
my $out = $node->safe_psql('postgres', $document->next_block('sql'), extra_params => ['--echo-queries']);
my ($backup) = $out =~ /^(\d{8}T\d{6}Z-full-[0-9a-f]{4})$/m;
ok($backup, 'agri_backup_now() returns the identifier') or diag($out);
is($node->safe_psql('postgres', 'SELECT string_agg(backup_id, \',\') FROM agri_backup.backups'), $backup, 'and the backup is listed');
ok($node->poll_query_until('postgres', "SELECT state = 'ok' FROM agri_backup.status"), 'archiving is well');
is($node->safe_psql('postgres', 'SELECT count(*) FROM agri_verify()'), '0', 'agri_verify() finds nothing');

$node->safe_psql('postgres', 'CREATE TABLE fields AS SELECT i, md5(i::text) FROM generate_series(1, 1000) i');
my $truth = fingerprint($node, 'postgres');
$moment = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres', 'DROP TABLE fields; CREATE TABLE later (a int)');
wait_archived($node);
my $grant = '';
{
    # The restore's block comes before the others; it is typed when the server is stopped, as README says.
    my $restore_block = $document->next_block('sh');
    my ($code, $refusal) = (0, '');
    IPC::Run::run([ 'sh', '-c', $restore_block ], '<', \undef, '>', \my $ignored, '2>', \$refusal);
    isnt($?, 0, 'beside the running server it is refused');
    like($refusal, qr/--as clone/, 'with the way out that README names');
    $grant = $document->next_block('sql');
    $node->safe_psql('postgres', "CREATE ROLE dba LOGIN; $grant");
    like($node->safe_psql('postgres', 'SET ROLE dba; SELECT agri_backup_now()'), qr/full/, 'a role that was granted it takes backups');

    like($node->safe_psql('postgres', $document->next_block('sql')), qr/^nightly\|.+^weekly\|/ms, 'both schedules are shown');
    is($node->safe_psql('postgres', 'SELECT count(next_run) FROM agri_backup.schedules'), '2', 'and have a next run');

    # pg_cron's function in its shape: what would be scheduled is run.
    $node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobname text, schedule text, command text);
CREATE FUNCTION cron.schedule(job_name text, schedule text, command text) RETURNS bigint LANGUAGE sql
    AS 'INSERT INTO cron.job VALUES ($1, $2, $3); SELECT 1::bigint';
SQL
    $node->safe_psql('postgres', $document->next_block('pg_cron'));
    my $count = 'SELECT count(*) FROM agri_backup.backups';
    my $before = $node->safe_psql('postgres', $count);
    $node->safe_psql('postgres', $node->safe_psql('postgres', 'SELECT command FROM cron.job'));
    is($node->safe_psql('postgres', $count), $before + 1, 'what pg_cron is given takes a backup');

    open my $conf, '>', "$root/etc/agri_backup/main.conf" or die;
    print $conf $document->next_block('main.conf');
    close $conf;
    $document->ends;
    my ($info) = type_in_shell('info by the configuration file', "agri_backup --config $root/etc/agri_backup/main.conf info");
    like($info, qr/\Q$backup\E/, 'it shows the backup');
    my ($settings) = type_in_shell('config', "agri_backup --config $root/etc/agri_backup/main.conf config");
    like($settings, qr/^parallel +4 +file /m, 'with the settings of the file');

    check_tables();
    $node->stop('fast');
    ($out, my $err) = type_in_shell('back to a moment', $restore_block);
    like($err, qr/backup \Q$backup\E .*chosen because/s, 'it says which backup and why');
    my ($start) = $out =~ /^start the server with:\n  (.+)$/m;
    is(system_log('sh', '-c', "$start </dev/null >/dev/null"), 0, 'the command that it ends with starts the server') or diag($start);
    $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery did not end';
    is(fingerprint($node, 'postgres'), $truth, 'every row of that moment is there');
    system_or_bail('pg_ctl', '-D', "$root/lib/restored", '-m', 'fast', '-w', 'stop');
}

# --- the tables
sub check_tables
{
    my ($sql) = $readme =~ /^## SQL$(.*?)^## /ms;
    my %named = map { $_ => 1 } $sql =~ /^\|.*?`(?:CALL )?(agri_\w+)\(/mg;
    cmp_ok(keys %named, '>=', 7, 'README names the functions');
    my %there = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "SELECT proname FROM pg_proc WHERE proname LIKE 'agri\\_%' AND pronamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'agri_backup')");
    is_deeply([ grep { !$there{$_} } sort keys %named ], [], 'all of them exist');
    is_deeply([ grep { !$named{$_} } sort keys %there ], [], 'and no other');
    my ($line) = $sql =~ /^\| (`agri_backup\.backups`.*?) \|/m;
    my @views = ($sql =~ /^\| `agri_backup\.(\w+)`/mg, ($line // '') =~ /`\.(\w+)`/g);
    my @existing = split /\n/, $node->safe_psql('postgres', "SELECT viewname FROM pg_views WHERE schemaname = 'agri_backup' ORDER BY 1");
    is_deeply([ sort @views ], \@existing, 'README names each view');

    my ($settings) = $readme =~ /^## Settings$(.*?)^## /ms;
    my %default;
    while ($settings =~ /^\| `(\w+)` \|([^|]*)\|/mg)
    {
        my ($name, $cell) = ($1, $2);
        $default{$name} = $cell =~ /`([^`]*)`/ ? $1 : '';
    }
    my %boot = map { my ($name, $value) = split /\|/, $_, 2; ($name =~ s/^agri_backup\.//r => $value) } split /\n/,
      $node->safe_psql('postgres', "SELECT name, CASE unit WHEN 'kB' THEN pg_size_pretty(boot_val::bigint * 1024) WHEN 's' THEN (boot_val::int / 60)::text || 'min' ELSE boot_val END FROM pg_settings WHERE name LIKE 'agri\\_backup.%'");
    for my $name (sort keys %boot)
    {
        ok(exists $default{$name}, "README names agri_backup.$name") or next;
        next if $name eq 'config_file';    # a place that depends on the cluster's name
        is($default{$name} =~ s/ //gr, $boot{$name} =~ s/ (bytes)?//gr, 'with its default');
    }
    is_deeply([ grep { !exists $boot{$_} } sort keys %default ], [], 'and no other');

    my ($commands) = $readme =~ /^## Command line$(.*?)^### /ms;
    my @commands = $commands =~ /^\| `([\w-]+)/mg;
    is_deeply([ sort @commands ], [ sort(subcommands('agri_backup')) ], 'README names each command');
    my ($codes) = $readme =~ /^### Exit codes\n(.*?)\n\n/ms;
    my $help = `agri_backup --help`;
    my @in_help = ($help =~ /Exit codes: (.*)/s)[0] =~ /(\d+) (?=[a-z])/g;
    is_deeply([ $codes =~ /(\d+) (?=[a-z`])/g ], \@in_help, 'exit codes are those of --help');
}

# --- --help
sub subcommands
{
    my ($command) = @_;
    my ($list) = `$command --help` =~ /^(?i:subcommands):\n(.*?)(?:\n\n|\z)/ms;
    return ($list // '') =~ /^  (\S+)/mg;
}
my %options = (
    'init' => [qw(--data-directory)], 'config' => [], 'key create' => [qw(FILE --if-missing)], 'info' => [qw(--incarnation)],
    'verify' => [qw(--backup --level --incarnation)],
    'restore' => [ qw(--target-dir --backup --incarnation --target-time --target-lsn --target-xid --target-name --target-immediate --exclusive
          --target-timeline --target-action --as --delta --leave-recovery-settings --tablespace-map --tablespace-base --wal-dir) ],
    'wal-fetch' => [qw(FILE PATH --prefetch --incarnation)], 'wal-push' => [qw(PATH --incarnation)], 'wal-gap' => [qw(--timeline --from --to --reason)],
    'lineage' => [qw(--data-directory --incarnation)], 'upgrade' => [qw(--data-directory)], 'adopt' => [qw(--data-directory --timeline)]);
my $common = `agri_backup --help`;
is($?, 0, 'agri_backup --help succeeds');
like($common, qr/^ +$_ /m, "and lists $_")
  for qw(--config --repository --key --cluster --encryption --compression-level --parallel --memory-limit --rate-limit --log-level --json);
my @all = map { my $command = $_; my @below = subcommands("agri_backup $command"); @below ? map { "$command $_" } @below : $command } subcommands('agri_backup');
is_deeply([ sort @all ], [ sort keys %options ], 'the commands are those that this test knows');
for my $command (@all)
{
    my $help = `agri_backup $command --help`;
    is($?, 0, "agri_backup $command --help succeeds");
    my @listed = $help =~ /^ +(?:-\w, *)?(--[\w-]+|[A-Z]+)(?= TEXT| UINT| [\w ]| *$)/mg;
    my %listed = map { $_ => 1 } @listed;
    is_deeply([ sort grep { !/^--help$|^OLD$|^OPTIONS$/ } keys %listed ], [ sort @{ $options{$command} // [] } ], 'and lists its options');
    like($help, qr/agri_backup --help/, 'and where the common ones are');
    unlike($help, qr/^ +--[\w-]+(?: TEXT| UINT)?(?: REQUIRED)?\s*$(?!\n {20})/m, 'each with what it does');
}

# Servers started by printed commands are not the test framework's to stop.
END
{
    my $status = $?;
    system('pg_ctl', '-D', dirname($_), '-m', 'immediate', '-w', 'stop') for glob "$root/lib/*/postmaster.pid";
    $? = $status;
}

done_testing();
