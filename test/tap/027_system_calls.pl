# Every system call on the way of the data fails once: each command of the program either does what it was told, or
# says what is wrong with an exit code that is not 0, leaves nothing that could be taken for whole, and succeeds at
# the next try. What a signal interrupts (EINTR) is simply done again.
# AGRI_FAULTS, AGRI_SEED: see Faults.pm. AGRI_COMMANDS: only these, "wal-fetch wal-push".
use strict;
use warnings;
use IPC::Run ();
use List::Util qw(max sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Faults;

my $node = new_server('calls', conf => "autovacuum = off\n");
my $of = repository_of($node);
$node->safe_psql('postgres', 'CREATE TABLE harvest AS SELECT i, md5(i::text) AS text FROM generate_series(1, 2000) i');
backup_now($node);
my $segment = wait_archived($node);
my $truth = fingerprint($node, 'postgres');
wait_archived($node);
my ($object) = split /\n/, `find '$of->{folder}' -name $segment -type f`;
my $source = free_folder('source');
mkdir $source or die;
system('cp', $node->data_dir . "/pg_wal/$segment", "$source/$segment") == 0 or die;
$node->stop('fast');
my ($code, $out, $err, $reference) = restore($node, '--as', 'clone');
is($code, 0, 'a restore to compare with') or BAIL_OUT($err);

sub same
{
    my ($one, $other) = @_;
    my $differences = `diff -rq --no-dereference -x agri_backup -x backup_manifest '$one' '$other' 2>&1`;
    diag($differences) if $differences;
    return $differences eq '';
}
sub of_repository { my ($folder, @command) = @_; return (program(), '--repository', "file://$folder", '--key', "file://$of->{key}", '--cluster', $of->{cluster}, '--parallel', 1, @command) }

# command, what it is run with, whether its work is there and right, and what must not be there when it failed.
my $place;
# pg_control goes last: where it is, only what a restore leaves for itself until its end may be there beside the rest.
sub is_whole { return system('pg_verifybackup', '-q', '-n', '-i', 'agri_backup.restore', '-i', 'global/pg_control.agri_backup_old', $place) == 0 }
my %tasks = (
    'restore' => { prepare => sub { $place = free_folder('restored') },
        command => sub { of_repository($of->{folder}, 'restore', '--as', 'clone', '--target-dir', $place) },
        is_done => sub { same($reference, $place) && system('pg_verifybackup', '-q', '-n', $place) == 0 },
        is_clean => sub { !-e "$place/global/pg_control" || is_whole() } },
    'wal-fetch' => { prepare => sub { $place = free_folder('segment') },
        command => sub { of_repository($of->{folder}, 'wal-fetch', $segment, $place) },
        is_done => sub { same("$source/$segment", $place) },
        is_clean => sub { !-e $place } },
    'wal-push' => { prepare => sub { unlink $object or die $! if -e $object },
        command => sub { of_repository($of->{folder}, 'wal-push', "$source/$segment") },
        is_done => sub { -e $object },
        is_clean => sub { 1 } },
    'verify' => { prepare => sub { },
        command => sub { of_repository($of->{folder}, 'verify') },
        is_done => sub { 1 },
        is_clean => sub { 1 } },
    'init' => { prepare => sub { $place = free_folder('new') },
        command => sub { of_repository($place, 'init', '--data-directory', $node->data_dir) },
        is_done => sub { -e "$place/agri_backup.repository" },
        is_clean => sub { 1 } });

# The program with one of its calls failing; returns exit code, standard error, and whether the call was reached.
sub run_with
{
    my ($task, @inject) = @_;
    my $log = free_folder('strace');
    my ($said_out, $said) = ('', '');
    IPC::Run::run([ 'strace', '-f', '-qq', '-o', $log, @inject, $task->{command}->() ], '<', \undef, '>', \$said_out, '2>', \$said);
    my ($how, $trace) = ($?, -e $log ? slurp_file($log) : '');
    unlink $log;
    return ($how, $said, $trace);
}
# How often the busiest thread makes each call once the program's own work begins, and how often before that.
sub count_calls
{
    my ($task) = @_;
    $task->{prepare}->();
    my ($how, $said, $trace) = run_with($task, '-e', 'trace=' . join ',', map { "?$_" } @calls);
    is($how, 0, 'untouched it succeeds') or BAIL_OUT($said);
    my (%count, %before, $loaded);
    for (split /\n/, $trace)
    {
        my ($thread, $call) = /^(\d+)\s+(\w+)\(/ or next;
        ++$count{$call}{$thread};
        # The first file that is no library: what was read before is the loader's.
        $loaded ||= $call eq 'openat' && !/\.so[.\w]*"/;
        %before = map { my $c = $_; $c => { %{ $count{$c} } } } keys %count unless $loaded;
    }
    return map {
        my $call = $_;
        my ($busiest) = sort { $count{$call}{$b} <=> $count{$call}{$a} } keys %{ $count{$call} };
        # Each thread counts for itself, and only the first one loads libraries.
        [ $call, max(0, values %{ $before{$call} // {} }), $count{$call}{$busiest} ]
    } sort keys %count;
}

my (%runs, %failures);
my @names = split ' ', $ENV{AGRI_COMMANDS} // join ' ', sort keys %tasks;
for my $name (@names)
{
    my $task = $tasks{$name};
    my @problems;
    for my $counted (count_calls($task))
    {
        my ($call, $first, $last) = @$counted;
        for my $number (chosen($first + 1 .. $last))
        {
            for my $errno (errors_of($call))
            {
                $task->{prepare}->();
                my ($how, $said, $trace) = run_with($task, '-e', "trace=$call", '-e', "inject=$call:error=$errno:when=$number");
                my $what = "$name, $call number $number fails with $errno";
                ++$runs{$name};
                if ($trace !~ /INJECTED/)
                {
                    push @problems, "$what: untouched, but $how: $said" if $how;
                    next;
                }
                # What it reports at the end cannot be written: then the work before that is done, too.
                if ($how == 0 || $said =~ /"standard output"/) { push @problems, "$what: its work is not done, and it does not say so: $said" unless $task->{is_done}->(); next }
                ++$failures{$name};
                push @problems, "$what: ended by signal " . ($how & 127) if $how & 127;
                push @problems, "$what: no message" if $said !~ /\S/;
                push @problems, "$what: a call that was interrupted is not done again: $said" if $errno eq 'EINTR';
                push @problems, "$what: it calls the segment missing: $said" if $name eq 'wal-fetch' && $how >> 8 == 1;
                push @problems, "$what: it left what could be taken for whole" unless $task->{is_clean}->();
                my ($said_again_out, $said_again);
                IPC::Run::run([ $task->{command}->() ], '<', \undef, '>', \$said_again_out, '2>', \$said_again);
                push @problems, "$what: the next try fails: $said_again" if $?;
                push @problems, "$what: the next try does not do its work" unless $task->{is_done}->();
            }
            system('rm', '-rf', $place) if $place && $name ne 'verify';
        }
    }
    is(join("\n", @problems), '', "$name: $runs{$name} faults");
}
my ($run, $told) = map { sum0(values %$_) } \%runs, \%failures;
diag("$run faults, $told told");
cmp_ok($told, '>', $run / 4, 'many of them') unless $ENV{AGRI_COMMANDS};
cli_ok($node, 'the repository is whole after all of it', 'verify');
my $restored = start_restored($reference, 'restored', like => $node);
is(fingerprint($restored, 'postgres'), $truth, 'and so is the data');
$restored->stop('fast');
done_testing();
