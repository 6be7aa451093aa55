# Helpers of the tests of schedules: a clock that can be set, and waiting for what a schedule does.
package Schedules;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use AgriBackup;

our @EXPORT = qw($conf set_clock set_clock_to_next column wait_outcome backups_of looks wait_looked);

our $conf = "timezone = 'Europe/Vienna'\nlog_min_messages = debug1\n";

# Schedules go by a clock that a test can set, in seconds ahead of the real one.
sub set_clock
{
    my ($node, $moment) = @_;
    my $seconds = $node->safe_psql('postgres', "SELECT ceil(extract(epoch FROM ($moment) - now()))::int");
    $node->append_conf('postgresql.conf', "agri_backup.debug_schedule_offset = $seconds");
    $node->reload;
}

# Ten seconds after the next time of a schedule.
sub set_clock_to_next
{
    my ($node, $name) = @_;
    my $next = column($node, $name, 'next_run');
    set_clock($node, "timestamptz '$next' + '10 s'");
    return $next;
}

sub column
{
    my ($node, $name, $column) = @_;
    return $node->safe_psql('postgres', "SELECT $column FROM agri_backup.schedules WHERE name = '$name'");
}

sub wait_outcome
{
    my ($node, $name, $condition) = @_;
    return $node->poll_query_until('postgres',
        "SELECT count(*) = 1 FROM agri_backup.schedules WHERE name = '$name' AND $condition");
}

# Backups that a schedule took, as the repository has them.
sub backups_of
{
    my ($node, $name) = @_;
    my $document = cli_json($node, 'info');
    return scalar grep { ($_->{label} // '') eq "schedule $name" } @{ $document->{backups} };
}

sub looks { return scalar(() = slurp_file($_[0]->logfile) =~ /"agri_backup scheduler" \(PID \d+\) exited/g) }

# Waits until the server has looked at its schedules from now on, and whatever it started has ended. A look
# that is under way may have begun before: the second has not.
sub wait_looked
{
    my ($node) = @_;
    for (1 .. 2)
    {
        my $before = looks($node);
        $node->reload;
        wait_for('a look at schedules', sub { looks($node) > $before });
    }
    $node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM agri_backup.progress') or die 'a job does not end';
}

1;
