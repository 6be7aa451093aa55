# Schedules: a server backs itself up when it is time, once for each time, whatever happened meanwhile.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

# Schedules go by a clock that a test can set forward: seconds ahead of the real one.
my %offset;
sub set_clock
{
    my ($node, $seconds) = @_;
    $node->append_conf('postgresql.conf', "agri_backup.debug_schedule_offset = $seconds");
    $node->reload;
    $offset{ $node->name } = $seconds;
}

# Sets the clock to the moment, an SQL expression.
sub set_clock_to
{
    my ($node, $moment) = @_;
    set_clock($node, $node->safe_psql('postgres', "SELECT ceil(extract(epoch FROM ($moment) - now()))::int"));
}

sub column
{
    my ($node, $name, $column) = @_;
    return $node->safe_psql('postgres', "SELECT $column FROM agri_backup.schedules WHERE name = '$name'");
}

sub wait_outcome
{
    my ($node, $name, $condition) = @_;
    $node->poll_query_until('postgres',
        "SELECT count(*) = 1 FROM agri_backup.schedules WHERE name = '$name' AND $condition")
      or die "schedule $name: not $condition: " . column($node, $name, 'to_jsonb(schedules)');
    return 1;
}

sub backups_of
{
    my ($node, $name) = @_;
    return $node->safe_psql('postgres',
        "SELECT agri_refresh(); SELECT count(*) FROM agri_backup.backups WHERE label = 'schedule $name'") =~ s/^\n//r;
}

my $node = new_server('schedules', conf => "timezone = 'Europe/Vienna'\nlog_min_messages = info");
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n');

# Comes by itself
my $next = $node->safe_psql('postgres', "SELECT agri_schedule('nightly', '30 2 * * *')");
is($next, column($node, 'nightly', 'next_run'), 'the call says when the schedule is due next');
like($next, qr/ 02:30:00\+0[12]$/, 'in the time zone of the session');
is(column($node, 'nightly', "concat_ws(' ', time_zone, kind, run_on, paused, last_run IS NULL)"),
    'Europe/Vienna full primary f t', 'what it is by default');
set_clock_to($node, "timestamptz '$next' + '10 s'");
ok(wait_outcome($node, 'nightly', "last_outcome = 'done'"), 'the backup is taken by itself');
is(column($node, 'nightly', "last_run = '$next'"), 't', 'the run is that of its time');
is(backups_of($node, 'nightly'), 1, 'one backup was taken');
done_testing();
