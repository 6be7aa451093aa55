# Schedules of several servers on one repository: what is for which, and that each time is run once.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Schedules;

# A primary with two standbys, one repository
my $primary = new_server('primary', conf => $conf);
$primary->backup('base');
my @standbys = map {
    my $standby = PostgreSQL::Test::Cluster->new("standby$_");
    $standby->init_from_backup($primary, 'base', has_streaming => 1);
    $standby->start;
    $standby
} 1, 2;

# What a standby backs up needs WAL that the primary archives when a segment ends.
sub wait_outcome_on
{
    my ($on, $name, $condition) = @_;
    wait_for("$name: $condition", sub {
        $primary->safe_psql('postgres', "SELECT pg_create_restore_point('x'), pg_switch_wal()");
        return $on->safe_psql('postgres', "SELECT count(*) FROM agri_backup.schedules WHERE name = '$name' AND $condition") });
}

$primary->safe_psql('postgres', "SELECT agri_schedule('replica', '0 4 * * *', run_on => 'standby')");
my ($code, $out, $err) = $standbys[0]->psql('postgres', "SELECT agri_schedule('replica', '0 5 * * *', run_on => 'standby')");
like($err, qr/schedules cannot be changed on a standby.*HINT:.*Change them on the primary/s, 'a standby says where schedules are changed');
$primary->wait_for_catchup($_) for @standbys;
my $next = set_clock_to_next($primary, 'replica');
wait_looked($primary);
is(backups_of($primary, 'replica'), 0, 'the primary leaves what is for a standby');
set_clock($_, "timestamptz '$next' + '10 s'") for @standbys;
ok(wait_outcome_on($standbys[0], 'replica', "last_outcome = 'done' AND last_run = '$next'"), 'one of two standbys runs it');
wait_looked($_) for @standbys;
ok(wait_outcome_on($standbys[1], 'replica', "last_outcome = 'done' AND last_run = '$next'"), 'and the other knows');
is(backups_of($primary, 'replica'), 1, 'two standbys run a schedule once');
my ($taken) = @{ cli_json($primary, 'info')->{backups} };
ok($taken->{from_standby}, 'the backup is from a standby');

$primary->safe_psql('postgres', "SELECT agri_unschedule('replica'); SELECT agri_schedule('either', '0 5 * * *', run_on => 'prefer_standby')");
$primary->wait_for_catchup($_) for @standbys;
$next = set_clock_to_next($primary, 'either');
wait_looked($primary);
is(backups_of($primary, 'either'), 0, 'the primary first leaves to a standby what prefers one');
set_clock($standbys[0], "timestamptz '$next' + '10 s'");
ok(wait_outcome_on($standbys[0], 'either', "last_outcome = 'done' AND last_run = '$next'"), 'which runs it');
set_clock($primary, "timestamptz '$next' + '1 hour'");
wait_looked($primary);
is(backups_of($primary, 'either'), 1, 'then the primary has nothing to do');
$next = set_clock_to_next($primary, 'either');
set_clock($primary, "timestamptz '$next' + '6 minutes'");
ok(wait_outcome($primary, 'either', "last_outcome = 'done' AND last_run = '$next'"), 'after five minutes the primary runs it');
$_->stop('fast') for @standbys;
$primary->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_replication') or die;
$next = set_clock_to_next($primary, 'either');
ok(wait_outcome($primary, 'either', "last_outcome = 'done' AND last_run = '$next'"), 'and at once when there is no standby');
is(backups_of($primary, 'either'), 3, 'once each');

# A backup of another server is under way
$standbys[0]->append_conf('postgresql.conf', 'agri_backup.debug_schedule_offset = '
      . $primary->safe_psql('postgres', "SELECT extract(epoch FROM current_setting('agri_backup.debug_schedule_offset')::interval)::int"));
# Slow, not stopped: whoever is stopped does not renew the lease, and loses it.
$standbys[0]->append_conf('postgresql.conf', q{agri_backup.rate_limit = '200kB'});
$standbys[0]->start;
$primary->wait_for_catchup($standbys[0]);
$standbys[0]->safe_psql('postgres', q{SELECT agri_backup_now(label => 'by hand', wait => false)});
my $held = $standbys[0]->safe_psql('postgres', 'SELECT process_pid FROM agri_backup.progress');
ok($held && kill(0, $held), 'a backup by hand is under way on the standby');
$next = set_clock_to_next($primary, 'either');
set_clock($primary, "timestamptz '$next' + '6 minutes'");
ok(wait_outcome($primary, 'either', "last_outcome = 'deferred' AND last_run = '$next' AND last_error ~ 'is held by process $held'"),
    'a run that meets it is deferred, and says who it is');
wait_for('the backup by hand', sub {
    $primary->safe_psql('postgres', "SELECT pg_create_restore_point('x'), pg_switch_wal()");
    return $standbys[0]->safe_psql('postgres', 'SELECT count(*) = 0 FROM agri_backup.progress') eq 't' });
# By whichever of the two looks first.
ok(wait_outcome_on($primary, 'either', "last_outcome = 'done' AND last_run = '$next' AND last_attempt = 1"), 'and run afterwards');
is(backups_of($primary, 'either'), 4, 'once');
done_testing();
