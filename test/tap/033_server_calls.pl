# Every system call of what the server starts fails once: a job either does its work, or tells its caller and the
# log what is wrong with what, leaves no backup that is not whole, and the next one succeeds; the archiving process
# goes on by itself, and no WAL is missing. What a signal interrupts (EINTR) is simply done again. A canary session
# runs through all of it.
# AGRI_FAULTS, AGRI_SEED: see Faults.pm.
use strict;
use warnings;
use File::Compare qw(compare);
use List::Util qw(sum0 uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;
use Faults;

push @calls, qw(sendto recvfrom accept4 poll);

# An installation of this test's own, whose program is a script: it puts in front of the program what the file
# beside it says, once. So a process is traced from its first moment on, by a descendant of its own (-D): it lets
# that happen, so that no right over other processes is needed, and stays the server's child.
my $installed = free_folder('pg');
system('cp', '-r', "$ENV{AGRI_SCRATCH}/pg", $installed) == 0 or die;
(my $bin = $ENV{AGRI_BIN}) =~ s{^\Q$ENV{AGRI_SCRATCH}\E/pg}{$installed} or die;
my ($started) = split /\n/, `find $installed -path '*/agri_backup/*/agri_backup' -type f`;
rename $started, "$started.real" or die;
write_file($started, <<'SH');
#!/bin/sh
# Which the test's own installation is found by; the loader would look there for every library first.
unset LD_LIBRARY_PATH
mv "$0.$2" "$0.$2.taken" 2>/dev/null && exec $(cat "$0.$2.taken") "$0.real" "$@"
exec "$0.real" "$@"
SH
chmod 0755, $started or die;

sub write_file { my ($name, $text) = @_; open my $file, '>', $name or die "$name: $!"; print $file $text; close $file or die; return }
# What the next process for this (job, archive) is started by.
sub start_next_by
{
    my ($purpose, $command) = @_;
    write_file("$started.new", $command);
    rename "$started.new", "$started.$purpose" or die;
    return;
}
# The program forbids to look into its memory; then strace would not know the names of files.
my $trace = free_folder('trace');
sub trace_next
{
    my ($purpose, @inject) = @_;
    unlink $trace;
    my $traced = join ',', 'prctl', map { "?$_" } @calls;
    return start_next_by($purpose, join ' ', "strace -D -f -qq -y --seccomp-bpf -o $trace -e trace=$traced -e inject=prctl:retval=0", @inject);
}
trace_next('check');
system("$started server check >/dev/null 2>&1");
if (!-e $trace || slurp_file($trace) !~ /INJECTED/)
{
    my $scope = '/proc/sys/kernel/yama/ptrace_scope';
    plan skip_all => 'strace can trace nothing here' . (-e $scope ? ", $scope: " . slurp_file($scope) : '');
}

my $node = new_server('calls', install_path => $bin =~ s{/bin$}{}r, initdb => ['--wal-segsize=1', '--data-checksums'], conf => <<'CONF');
autovacuum = off
checkpoint_timeout = 1h
agri_backup.parallel = 1
CONF
my ($data, $repository) = ($node->data_dir, repository_of($node)->{folder});
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query) }
# What every database has is copied for every fault: one database is enough.
sql('UPDATE pg_database SET datistemplate = false');
sql("DROP DATABASE $_") for qw(template0 template1);
my $far = free_folder('far');
mkdir $far or die;
sql("CREATE TABLESPACE far LOCATION '$far'");
sql('CREATE TABLE away TABLESPACE far AS SELECT i FROM generate_series(1, 1000) i');
sql('CREATE TABLE harvest AS SELECT i, md5(i::text) AS text FROM generate_series(1, 2000) i; CREATE TABLE ledger (i serial, bytes bytea)');
# Nor does a reader write then: he sets no hint bits.
sql('VACUUM FREEZE');
my $canary = hire_canary($node);

# The file that a call is about: its first argument is a name, an open file, or the folder of the name that follows.
sub file_of
{
    my ($call, $arguments) = @_;
    my ($folder, $name) = $arguments =~ /^(?:(?:AT_FDCWD|\d+)(?:<(.*?)>)?)?(?:, )?(?:"(.*?)")?/;
    $name = undef if defined $folder && $call !~ /at2?$/;
    return $name if defined $name && $name =~ m{^/};
    $name = undef if defined $name && $name eq '.';
    return join '/', grep { defined && $_ ne '' } $folder // (defined $name ? $data : undef), $name;
}
# Only files and connections that the way of the data leads through are of a kind.
sub kind_of
{
    my ($file) = @_;
    return 'a runtime file' if $file =~ m{^\Q$data\E/agri_backup\b};
    return 'WAL' if $file =~ m{^\Q$data\E/pg_wal\b};
    return 'a tablespace' if $file =~ m{^(?:\Q$data\E/pg_tblspc/\d+$|\Q$far\E)};
    return 'the cluster' if $file =~ m{^\Q$data\E\b};
    return 'the repository' if $file =~ m{^\Q$repository\E\b};
    return 'a connection' if $file =~ /^socket:/;
    return;
}
# What the trace holds: the numbers of the calls of each kind (every thread counts for itself), and the files of those
# that failed.
sub read_trace
{
    my (%count, %loaded, %numbers, %spared, %files, @failed, $begun);
    for (-e $trace ? split /\n/, slurp_file($trace) : ())
    {
        my ($thread, $call, $arguments) = /^(\d+)\s+(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)/ or next;
        # The first thing that the program does by itself: what was before is the loader's, and the numbers are its, too.
        %loaded = map { %$_ } values %count if $call eq 'prctl' && !$begun++;
        next if $call eq 'prctl';
        if (!/^\d+\s+<\.\.\./)
        {
            ++$count{$thread}{$call};
            my $file = $files{$thread} = file_of($call, $arguments);
            my $kind = kind_of($file);
            push @{ $numbers{"$call of $kind"} }, $count{$thread}{$call} if $begun && $kind && $count{$thread}{$call} > ($loaded{$call} // 0);
            # What wakes another thread cannot fail, and that would wait for ever.
            $spared{$call}{ $count{$thread}{$call} } = 1 if $file =~ /eventfd/;
        }
        push @failed, $files{$thread} if /\(INJECTED\)$/;
    }
    for my $kind (keys %numbers)
    {
        my ($call) = $kind =~ /^(\w+)/;
        @{ $numbers{$kind} } = grep { !$spared{$call}{$_} } uniq @{ $numbers{$kind} };
    }
    return { numbers => \%numbers, failed => \@failed };
}

my %said_of = (EIO => 'Input/output error', ENOSPC => 'No space left on device', EINTR => 'Interrupted system call');
# Whether a message says what is wrong, and with which of the files: an object's is written under another name first.
sub names
{
    my ($message, $errno, @files) = @_;
    return $message =~ /$said_of{$errno}/ && grep {
        my ($file, $kind) = ($_, kind_of($_) // '');
        $file = $kind eq 'the repository' ? $repository : $kind eq 'a runtime file' ? 'agri_backup' : $kind eq 'a connection' ? '' : $file;
        $message =~ /\Q$file\E/ || $file =~ s{^\Q$data\E/}{} && $message =~ /\Q$file\E/
    } @files;
}

my $reference;
sub backups { return map { $_->{backup_id} } @{ cli_json($node, 'info')->{backups} } }
# Whether a backup has every file with its content: nobody writes into the cluster meanwhile.
sub is_whole
{
    my ($backup) = @_;
    my $spaces = free_folder('spaces');
    my ($code, $out, $err, $folder) = restore($node, '--as', 'clone', '--backup', $backup, '--tablespace-base', $spaces);
    return !diag("restore of $backup: $err") if $code;
    my $differences = $reference ? `diff -rq -x agri_backup -x backup_manifest -x backup_label -x pg_control -x postgresql.auto.conf '$reference' '$folder' 2>&1` : '';
    $reference //= $folder;
    system('rm', '-rf', $folder, $spaces) if $folder ne $reference;
    diag($differences) if $differences;
    return $differences eq '';
}
sub litter { return grep { /\S/ } split /\n/, `find '$repository' '(' -path '*/intents/*' -o -path '*/.tmp/*' ')' -type f; find '$data/agri_backup' -name '*.tmp'` }
# Two of each backup: one thread's, and that of the lists of files.
sub packs_too_many { my @packs = split /\n/, `find '$repository' -path '*/packs/*' -type f`; return @packs - 2 * backups() }

# Nothing may wait for ever: where it was at last, is all that can be said then.
sub give_up
{
    my ($what) = @_;
    diag(`tail -n 30 $trace; ps -eLo pid,tid,ppid,stat,wchan:20,args | grep [.]real`);
    BAIL_OUT("$what: it hangs; failed: @{ read_trace()->{failed} }");
}

my (%runs, %told);
my $missed = 0;
# What a process calls when nothing fails.
my $calls;
# Every chosen fault of these calls in turn; `try` says what is wrong with what comes of it.
sub fail_each
{
    my ($name, $kinds, $try) = @_;
    my @problems;
    for my $kind (grep { $_ =~ $kinds } sort keys %{ $calls->{numbers} })
    {
        my ($call) = $kind =~ /^(\w+)/;
        for my $number (chosen(@{ $calls->{numbers}{$kind} // [] }))
        {
            for my $errno (errors_of($call))
            {
                my $what = "$name, $kind, number $number, $errno";
                ++$runs{$name};
                push @problems, map { "$what: $_" } $try->($what, $call, $errno, '-e', "inject=$call:error=$errno:when=$number");
            }
        }
    }
    is(join("\n", @problems), '', "$name: $runs{$name} faults, $told{$name} told");
    return;
}
# What is wrong after a fault, whoever met it.
sub problems_of
{
    my ($name, $errno, $has_failed, $failed, $log) = @_;
    ++$missed if !@$failed;
    ++$told{$name} if $has_failed;
    return (
        $log =~ /(.*was ended by signal.*)/ ? "a process is ended: $1" : (),
        $has_failed && !@$failed ? "it fails untouched: $log" : (),
        $has_failed && $errno eq 'EINTR' ? "a call that was interrupted is not done again: $log" : (),
        $has_failed && !names(join("\n", $log =~ /((?:job|archiving): .*)/g), $errno, @$failed) ? "the log does not say what is wrong with @$failed: $log" : ());
}

my %jobs = (
    backup => { sql => 'SELECT agri_backup_now()', kinds => qr/./, is_right => sub { my ($said) = @_; return grep { $said eq $_ } backups() } },
    refresh => { sql => 'SELECT agri_refresh()', kinds => qr/runtime|connection/, is_right => sub { return 1 } },
    verify => { sql => 'SELECT object, problem FROM agri_verify()', kinds => qr/runtime|connection/, is_right => sub { my ($said) = @_; return $said eq '' } });
# A job that nothing happens to; returns what is wrong with it.
sub untouched
{
    my ($name) = @_;
    trace_next('job');
    my ($code, $out, $err) = $node->psql('postgres', $jobs{$name}{sql});
    return $code ? "it fails: $err" : $jobs{$name}{is_right}->($out) ? () : "its work is not done: $out";
}
sub try_job
{
    my ($name, $what, $call, $errno, @inject) = @_;
    my $job = $jobs{$name};
    my %before = map { $_ => 1 } backups();
    my $log_before = -s $node->logfile;
    trace_next('job', @inject);
    my ($code, $out, $err) = $node->psql('postgres', $job->{sql}, timeout => $PostgreSQL::Test::Utils::timeout_default, timed_out => \my $hangs);
    give_up($what) if $hangs;
    canary_sings($canary);
    my $failed = read_trace()->{failed};
    my @problems = problems_of($name, $errno, $code != 0, $failed, slurp_file($node->logfile, $log_before));
    push @problems, map { "backup $_ is not whole" } grep { !$before{$_} && !is_whole($_) } backups();
    if ($code == 0)
    {
        push @problems, "it says nothing, and its work is not done: $out" if !$job->{is_right}->($out);
        # What cannot be read of the cluster is in no backup.
        push @problems, "it says nothing of @$failed" if $errno eq 'EIO' && $call ne 'close' && grep { (kind_of($_) // '') =~ /cluster|tablespace/ } @$failed;
        return @problems;
    }
    push @problems, "the caller is not told what is wrong with @$failed: $err" if !names($err, $errno, @$failed);
    # One that has to remove what was left calls more than others.
    my $is_as_ever = !litter();
    my @next = untouched($name);
    $calls = read_trace() if !@next && $is_as_ever;
    return @problems, (map { "and the next: $_" } @next), (map { "$_ is left" } litter()), packs_too_many() ? 'packs are left' : ();
}
for my $name (sort keys %jobs)
{
    is(join('', untouched($name)), '', "$name: untouched it succeeds") or BAIL_OUT('no way to go on');
    $calls = read_trace();
    ok(is_whole((backups())[-1]), 'a restore to compare with') if !$reference;
    fail_each($name, $jobs{$name}{kinds}, sub { return try_job($name, @_) });
}

# The archiving process begins anew for every fault: without a repository there is none.
sub set_repository { my ($action) = @_; sql("ALTER SYSTEM $action"); sql('SELECT pg_reload_conf()'); return }
sub restart_archiving
{
    my ($prepare) = @_;
    set_repository("SET agri_backup.repository = ''");
    wait_for('the archiving process to end', sub { sql('SELECT archiving_pid IS NULL FROM agri_backup.status') eq 't' });
    $prepare->();
    set_repository('RESET agri_backup.repository');
    return;
}
sub write_wal { my ($rows) = @_; return sql("INSERT INTO ledger (bytes) SELECT sha512(random()::text::bytea) FROM generate_series(1, $rows); SELECT pg_walfile_name(pg_switch_wal())") }
sub wait_segment
{
    my ($segment) = @_;
    return wait_for("$segment to be archived", sub { canary_sings($canary); sql("SELECT a.last_archived_wal >= '$segment' AND s.state = 'ok' FROM pg_stat_archiver a, agri_backup.status s") eq 't' });
}
sub is_archived
{
    my ($segment) = @_;
    my $place = free_folder('segment');
    my ($code, $out, $err) = cli($node, 'wal-fetch', $segment, $place);
    return !diag($err) if $code;
    return compare("$data/pg_wal/$segment", $place) == 0 && !grep { $_->{status} eq 'missing' } @{ cli_json($node, 'info')->{wal_archive} };
}
sub try_archiving
{
    my ($what, $call, $errno, @inject) = @_;
    my $log_before;
    restart_archiving(sub { $log_before = -s $node->logfile; trace_next('archive', @inject) });
    my $segment = write_wal(1000);
    eval { wait_segment($segment) } or give_up("$what: $@");
    my $log = slurp_file($node->logfile, $log_before);
    my $has_failed = $log =~ /archiving process \d+ ended with/ || sql('SELECT failed_count FROM agri_backup.status') > 0;
    my $now = read_trace();
    $calls = $now if !$has_failed;
    return problems_of('archiving', $errno, $has_failed, $now->{failed}, $log), is_archived($segment) ? () : "$segment is not in the archive as it is here";
}
restart_archiving(sub { trace_next('archive') });
my $segment = write_wal(1000);
ok(wait_segment($segment) && is_archived($segment), 'archiving: untouched it succeeds') or BAIL_OUT('no way to go on');
$calls = read_trace();
fail_each('archiving', qr/./, \&try_archiving);
my ($faults, $reported) = map { sum0(values %$_) } \%runs, \%told;
diag("$faults faults, $reported told, $missed met no call");
cmp_ok($missed, '<', $faults / 4, 'most of the faults met a call');
cmp_ok($reported, '>', $faults / 5, 'many were told');

# Short writes: a file may grow no more.
start_next_by('job', 'prlimit --fsize=65536:');
my ($code, $out, $err) = $node->psql('postgres', 'SELECT agri_backup_now()');
like($err, qr/ERROR: .*could not write "\Q$repository\E.*File too large/, 'short writes: a backup fails, and says with what');
backup_now($node);
is(join(' ', litter()), '', 'short writes: nothing is left after the next one');
restart_archiving(sub { start_next_by('archive', 'prlimit --fsize=65536:') });
$segment = write_wal(5000);
wait_for('archiving to fail', sub { canary_sings($canary); sql('SELECT state FROM agri_backup.status') eq 'failing' });
like(sql('SELECT last_error FROM agri_backup.status'), qr/could not write "\Q$repository\E.*File too large/, 'short writes: archiving fails, and says with what');
system('prlimit', '--fsize=unlimited:', '--pid', sql('SELECT archiving_pid FROM agri_backup.status')) == 0 or die;
ok(wait_segment($segment) && is_archived($segment), 'and goes on by itself when it can');

# All of it, whole.
my ($first) = backups();
my $last = backup_now($node);
write_wal(100);
my $truth = fingerprint($node, 'postgres');
wait_archived($node);
is(join(' ', litter()), '', 'no intent and no unfinished file is left');
is(sql('SELECT object, problem FROM agri_verify()'), '', 'nothing is missing or damaged');
sql('SELECT agri_refresh()');
is(sql("SELECT count(*) FROM agri_backup.wal_archive WHERE status = 'missing'"), '0', 'WAL has no gap');
for my $from ($first, $last)
{
    my ($how, $said, $problem, $folder) = restore($node, '--as', 'clone', '--backup', $from, '--tablespace-base', free_folder('spaces'));
    is($how, 0, "a restore from $from") or diag($problem);
    my $restored = start_restored($folder, "from_$from" =~ tr/-/_/r, like => $node);
    is(fingerprint($restored, 'postgres'), $truth, 'to the end of WAL: all data is there');
    $restored->stop('fast');
}
dismiss_canary($canary);
$node->stop('fast');
done_testing();
