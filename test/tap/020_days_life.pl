# A day's life, compressed: pgbench, DDL, VACUUM, checkpoints, backups and a promotion go on while a client
# records what is true. Afterwards the cluster is restored to random moments, each compared with what was true
# then. AGRI_DAY_SECONDS: how long it goes on (default 40), AGRI_DAY_MOMENTS: how many (default 4),
# AGRI_SEED: the same choices again.
use strict;
use warnings;
use IPC::Run ();
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();
use AgriBackup;

my $seconds = $ENV{AGRI_DAY_SECONDS} // 40;
my $moments = $ENV{AGRI_DAY_MOMENTS} // 4;
my $seed = $ENV{AGRI_SEED} // time;
srand($seed);
diag("AGRI_DAY_SECONDS=$seconds AGRI_DAY_MOMENTS=$moments AGRI_SEED=$seed");

my $day = new_server('day', conf => <<'CONF');
max_wal_size = 64MB
min_wal_size = 32MB
checkpoint_timeout = 30s
autovacuum_naptime = 2s
max_connections = 30
hot_standby = on
CONF
# Each of the client's transactions adds a row of truth, and moves money between accounts.
$day->safe_psql('postgres', <<'SQL');
CREATE TABLE truth (id int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), lsn pg_lsn DEFAULT pg_current_wal_insert_lsn());
CREATE TABLE money (account int PRIMARY KEY, amount bigint NOT NULL);
INSERT INTO money SELECT i, 1000 FROM generate_series(1, 100) i;
CREATE DATABASE life;
SQL
my ($said, $wrong);
IPC::Run::run([ 'pgbench', '-i', '-q', '-s', '2', '-d', $day->connstr('life') ], '>', \$said, '2>', \$wrong) or die $wrong;
backup_now($day);

# For each of the client's transactions a moment at which it had surely committed, and the next had not begun; by
# the server's clock and by LSN.
my @known;
my $client;
sub work
{
    my $id = @known + 1;
    my ($from, $to) = (1 + $id * 7 % 100, 1 + $id * 13 % 100);
    my ($time, $lsn) = split /\|/, $client->query_safe(
        "BEGIN; INSERT INTO truth (id) VALUES ($id); UPDATE money SET amount = amount - $id % 9 WHERE account = $from;"
          . " UPDATE money SET amount = amount + $id % 9 WHERE account = $to; COMMIT; SELECT clock_timestamp(), pg_current_wal_insert_lsn()");
    push @known, { time => $time, lsn => $lsn };
    Time::HiRes::usleep(5000);    # its pace
    return;
}
# What the money must be after the first N transactions.
sub money_after
{
    my ($count) = @_;
    my @amount = (1000) x 100;
    for my $id (1 .. $count) { $amount[ $id * 7 % 100 ] -= $id % 9; $amount[ $id * 13 % 100 ] += $id % 9 }
    return join ',', @amount;
}

my %bystander;
my %sql_of = (
    ddl => 'CREATE TABLE IF NOT EXISTS season (n int); INSERT INTO season SELECT generate_series(1, 500); CREATE INDEX ON season (n);'
      . ' ALTER TABLE season ADD COLUMN text text DEFAULT now(); CLUSTER season USING season_n_idx; TRUNCATE season; DROP TABLE season;',
    care => "VACUUM pgbench_accounts;\nCHECKPOINT;\nVACUUM FULL pgbench_branches;\nREINDEX TABLE pgbench_tellers;\nSELECT pg_switch_wal();");
sub start_bystanders
{
    my ($node) = @_;
    for my $name (sort keys %sql_of)
    {
        my $script = PostgreSQL::Test::Utils::tempdir_short() . "/$name.sql";
        open my $file, '>', $script or die;
        print $file $sql_of{$name} =~ s/;\s*/;\n/gr;
        close $file;
        my $of = $bystander{$name} = { out => '', err => '' };
        $of->{run} = IPC::Run::start([ 'pgbench', '-n', '-R', '2', '-f', $script, '-T', '100000', '-d', $node->connstr('life') ],
            '<', \undef, '>', \$of->{out}, '2>', \$of->{err});
    }
    my $of = $bystander{load} = { out => '', err => '' };
    $of->{run} = IPC::Run::start([ 'pgbench', '-n', '-R', '100', '-c', '2', '-T', '100000', '-d', $node->connstr('life') ],
        '<', \undef, '>', \$of->{out}, '2>', \$of->{err});
    return;
}
sub stop_bystanders
{
    my ($when) = @_;
    for my $name (sort keys %bystander)
    {
        my $of = $bystander{$name};
        is($of->{run}->pumpable ? 'going on' : 'ended', 'going on', "$when: $name has met no error") or diag($of->{err});
        $of->{run}->signal('TERM');
        $of->{run}->finish;
    }
    return;
}

# A part of the day on a server: four backups beside the work, or as many as there is time for.
my @backups;
sub live
{
    my ($node, $for) = @_;
    start_bystanders($node);
    $client = session($node);
    my $deadline = Time::HiRes::time() + $for;
    my $next = Time::HiRes::time();
    my $backup;
    my $taken = 0;
    while (Time::HiRes::time() < $deadline || $backup || $taken < 2)
    {
        work();
        if (!$backup && Time::HiRes::time() >= $next && ($taken < 2 || Time::HiRes::time() < $deadline))
        {
            $next += $for / 4;
            $backup = { out => '', err => '' };
            $backup->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT agri_backup_now()' ],
                '<', \undef, '>', \$backup->{out}, '2>', \$backup->{err});
        }
        elsif ($backup && !$backup->{run}->pumpable)
        {
            ok($backup->{run}->finish, 'a backup beside the work') or die $backup->{err};
            push @backups, $backup->{out} =~ s/\s+//gr;
            ++$taken;
            undef $backup;
        }
        elsif ($backup) { $backup->{run}->pump_nb }
    }
    $client->quit;
    stop_bystanders($node->name);
    return;
}

live($day, $seconds / 2);

# The other half is a successor's: a standby made from the repository, which is promoted under way.
my ($code, $stdout, $stderr, $folder) = restore($day, '--as', 'standby');
is($code, 0, 'a standby is made from the repository') or diag($stderr);
my $successor = start_restored($folder, 'successor', like => $day, standby => 1,
    conf => "primary_conninfo = '" . $day->connstr . "'\n");
my $reached = $day->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
$successor->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$reached'") or die 'the standby does not follow';
$day->stop('fast');
$successor->promote;
# A standby that came from the repository followed its writer: promoted, it takes over by itself.
wait_archived($successor);
my ($claim) = grep { $_->{in_force} } @{ cli_json($successor, 'lineage')->{claims} };
is("$claim->{data_directory} $claim->{reason}", "$folder promotion", 'the successor is the writer from now on');
live($successor, $seconds / 2);
$successor->safe_psql('postgres', 'CREATE TABLE the_end ()');    # a commit after the last moment
wait_archived($successor);
is($successor->safe_psql('postgres', 'SELECT object, problem FROM agri_verify()'), '', 'all of the day is sound');
is($successor->safe_psql('postgres', "SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');
$successor->stop('fast');

my $total = @known;
diag("$total transactions on record, " . @backups . ' backups');

# Random moments, in every part of the day: the target lies where a transaction of the client was surely over and
# the next had surely not begun.
for my $number (1 .. $moments)
{
    my $count = max(1, int($total * ($number - rand) / $moments));
    my $moment = $known[ $count - 1 ];
    my $by = $number % 2 ? 'time' : 'lsn';
    my $title = "moment $number: $by $moment->{$by}, transaction $count of $total";
    my ($rcode, $rout, $rerr, $restored_folder) = restore($successor, '--as', 'clone', "--target-$by", $moment->{$by});
    is($rcode, 0, "$title: restore") or diag($rerr), next;
    my $restored = start_restored($restored_folder, "moment$number", like => $successor);
    is($restored->safe_psql('postgres', 'SELECT count(*), min(id), max(id) FROM truth'), "$count|1|$count", "$title: every row of before, none of after");
    is($restored->safe_psql('postgres', 'SELECT string_agg(amount::text, $$,$$ ORDER BY account) FROM money'), money_after($count), "$title: the money of that moment");
    my $column = $by eq 'time' ? 'at' : 'lsn';
    is($restored->safe_psql('postgres', "SELECT count(*) FROM truth WHERE $column > '$moment->{$by}'"), '0', "$title: nothing of later");
    is($restored->safe_psql('life', 'SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)'
              . ' AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers)'), 't', "$title: pgbench's books agree");
    is(system("pg_amcheck --heapallindexed -d postgres -d life -h '@{[$restored->host]}' -p @{[$restored->port]} --install-missing >/dev/null"), 0,
        "$title: tables and indexes are sound");
    $restored->stop('fast');
    system('rm', '-rf', $restored_folder);
}
done_testing();
