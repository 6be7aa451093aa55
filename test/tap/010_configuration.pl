# Where settings come from, which one counts, what is printed of them, and that bad ones are refused by
# name: on the command line, in the environment, in a configuration file and in the server.
use strict;
use warnings;
use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

delete $ENV{$_} for grep { /^AGRI_BACKUP_/ } keys %ENV;
my $folder = PostgreSQL::Test::Utils::tempdir_short();

# Runs the executable as it is typed, without the options that cli() adds.
sub run_program
{
    my ($out, $err);
    IPC::Run::run([ program(), @_ ], '<', \undef, '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}

sub run_refused
{
    my ($title, $code_expected, $pattern, @arguments) = @_;
    my ($code, $out, $err) = run_program(@arguments);
    is($code, $code_expected, "$title: exit code") or diag("$out\n$err");
    like($err, $pattern, "$title: says what to do");
}

# name → [value, source], as `config --json` prints it.
sub settings_in_force
{
    my ($code, $out, $err) = run_program('--json', 'config', @_);
    diag($err) if $code != 0;
    return map { $_->{setting} => [ $_->{value}, $_->{source} ] } @{ JSON::PP->new->decode($out)->{settings} };
}

sub broken_file { my ($text) = @_; write_file("$folder/broken.conf", $text); return "$folder/broken.conf" }
sub write_file { my ($path, $text) = @_; open my $file, '>', $path or die "$path: $!"; print $file $text; close $file }

# --- keys
my $key = "$folder/one.key";
my ($code, $out, $err) = run_program('key', 'create', $key);
is($code, 0, 'key create succeeds') or diag($err);
is((stat $key)[2] & 07777, 0600, 'a key is readable by its owner alone');
my $content = slurp_file($key);
run_refused('key create over a file', 5, qr/\Q$key\E/, 'key', 'create', $key);
is(slurp_file($key), $content, 'the key is untouched');
run_program('key', 'create', "$folder/two.key");
isnt(slurp_file("$folder/two.key"), $content, 'another key is another one');

# --- init: idempotent, and encryption is on unless switched off in so many words
my @here = ('--repository', "file://$folder/repository", '--key', "file://$key");
run_refused('init without a repository', 3, qr/--repository file:\/\/\/FOLDER/, 'init');
run_refused('init without a key', 3, qr/agri_backup key create/, '--repository', "file://$folder/none", 'init');
ok(!-e "$folder/none", 'nothing was made without a key');
($code, $out, $err) = run_program(@here, 'init');
like($out, qr/created/, 'init makes the repository') or diag($err);
# What nobody can read was not said.
my $full = join ' ', map { "'$_'" } program(), @here, 'config';
like(`$full 2>&1 >/dev/full; echo "exit code \$?"`, qr/standard output.*No space left.*done its work.*\nexit code [1-9]/s, 'a full disk under the output is an error');
is(`sh -c "exec $full" 2>&1 >&-; echo "exit code \$?"`, "exit code 0\n", 'a closed output is none');
like(`$full 2>&1 | head -n 1`, qr/^setting.*\n\z/, 'nor is a reader who has enough');
my $before = `cd '$folder/repository' && find . -type f -exec sha256sum {} + | sort`;
($code, $out, $err) = run_program(@here, 'init');
is($code, 0, 'init again succeeds') or diag($err);
like($out, qr/already there/, 'and says that it is there');
is(`cd '$folder/repository' && find . -type f -exec sha256sum {} + | sort`, $before, 'and changes nothing');
run_refused('init with another key', 5, qr/already initialised.*Use its own key/s, '--repository', "file://$folder/repository", '--key', "file://$folder/two.key", 'init');
($code, $out, $err) = run_program('--repository', "file://$folder/open", '--encryption', 'off', 'init');
is($code, 0, 'encryption = off needs no key') or diag($err);

# --- what is mistyped is named, and an empty value is none of an option
run_refused('no such command', 2, qr/error: there is no command "backpu".*--help" lists/s, @here, 'backpu');
run_refused('what is done in SQL', 2, qr/there is no command "backup".*SELECT agri_backup_now\(\)/s, 'backup', '--label', 'x');
run_refused('no command', 2, qr/error: no command is given/, @here);
run_refused('key what', 2, qr/there is no command "make"/, 'key', 'make');
run_refused('one argument too many', 2, qr/error: unexpected argument "more".*agri_backup info --help/s, @here, 'info', 'more');
run_refused('a missing option', 2, qr/^agri_backup: error: --target-dir is required/m, @here, 'restore');
for my $case ([ 'restore', '-D', "$folder/never", '--target-time' ], [ 'restore', '-D', "$folder/never", '--target-lsn' ], [ 'restore', '-D', "$folder/never", '--target-xid' ],
    [ 'restore', '-D', "$folder/never", '--target-name' ], [ 'restore', '-D', "$folder/never", '--backup' ], [ 'verify', '--backup' ], [ 'wal-push' ], [ 'info', '--cluster' ])
{
    run_refused("$case->[-1] given empty", 2, qr/invalid value for \S+: ""/, @here, @$case, '');
}
ok(!-e "$folder/never", 'nothing was restored');
($code, $out, $err) = run_program(@here, '--json', 'init');
like($out, qr/"created": false/, 'init speaks JSON too');
run_refused('a setting that is unknown', 3, qr/unknown setting "repository.main.urii".*uri, key and encryption/s, '--config', broken_file("[repository main]\nurii = x\n"), 'config');
run_refused('another', 3, qr/unknown setting "paralel".*memory_limit, parallel, rate_limit/s, '--config', broken_file("paralel = 3\n"), 'config');
run_refused('a section without its end', 3, qr/syntax error in "\S+", line 2/, '--config', broken_file("cluster = x\n[repository main\nuri = file:///x\n"), 'config');
run_refused('a repository without its scheme', 3, qr{invalid value for "repository": "/srv/x"}, '--repository', '/srv/x', '--key', "file://$key", 'info');

# --- precedence: options over environment over file over defaults
my $file = "$folder/agri.conf";
write_file($file, <<"CONF");
# a comment
cluster = of_file
compression_level = 3
parallel = 2

[repository main]
uri = file://$folder/repository
key = file://$key
CONF
{
    my %all = settings_in_force('--config', $file);
    is_deeply($all{config_file}, [ $file, 'option --config' ], 'config names the file and who named it');
    is_deeply($all{cluster}, [ 'of_file', "file $file" ], 'a value of the file');
    is_deeply($all{repository}, [ "file://$folder/repository", "file $file" ], 'the repository of a section');
    is_deeply($all{key}, [ "file://$key", "file $file" ], 'the key of a section');
    is_deeply($all{memory_limit}, [ '256MB', 'default' ], 'a default');
    is_deeply($all{encryption}, [ 'on', 'default' ], 'encryption is on by default');

    local $ENV{AGRI_BACKUP_COMPRESSION_LEVEL} = 5;
    local $ENV{AGRI_BACKUP_PARALLEL} = 3;
    local $ENV{AGRI_BACKUP_REPOSITORY} = "file://$folder/of_environment";
    %all = settings_in_force('--config', $file, '--parallel', 4);
    is_deeply($all{compression_level}, [ 5, 'environment AGRI_BACKUP_COMPRESSION_LEVEL' ], 'the environment outranks the file');
    is_deeply($all{parallel}, [ 4, 'option --parallel' ], 'an option outranks the environment');
    is_deeply($all{repository}, [ "file://$folder/of_environment", 'environment AGRI_BACKUP_REPOSITORY' ], 'also for a section');
    is_deeply($all{cluster}, [ 'of_file', "file $file" ], 'what nobody outranks stays');
    ($code, $out, $err) = run_program('--config', $file, 'config');
    like($out, qr/^parallel +3 +environment AGRI_BACKUP_PARALLEL$/m, 'the same as text');
    unlike($out, qr/\Q$folder\E\/repository/, 'what is outranked is not printed as in force');
}
{
    local $ENV{AGRI_BACKUP_CONFIG} = $file;
    my %all = settings_in_force();
    is_deeply($all{config_file}, [ $file, 'environment AGRI_BACKUP_CONFIG' ], 'the environment names the file');
    write_file("$folder/other.conf", "cluster = other\n[repository b]\nuri = file://$folder/repository\nkey = file://$key\n");
    %all = settings_in_force('--config', "$folder/other.conf");
    is_deeply($all{cluster}, [ 'other', "file $folder/other.conf" ], '--config outranks it');
    is_deeply($all{repository}, [ "file://$folder/repository", "file $folder/other.conf" ], 'a repository may have any name');
}
{
    local $ENV{AGRI_BACKUP_REPOSITORY} = "file://$folder/repository";
    local $ENV{AGRI_BACKUP_KEY} = "file://$key";
    ($code, $out, $err) = run_program('init');
    is($code, 0, 'the environment alone suffices') or diag($err);
}
{
    my $secret = slurp_file($key) =~ s/\s+\z//r;
    for my $format ([], ['--json'])
    {
        ($code, $out, $err) = run_program('--config', $file, @$format, 'config');
        ok($out =~ /one\.key/ && length $secret > 20 && index($out . $err, $secret) < 0, "config @$format names the key's place and never the key");
    }
}

# --- /etc/agri_backup/CLUSTER.conf, in a mount namespace of our own: the machine's /etc stays as it is
my @private_etc = ('unshare', '-U', '-m', '--map-current-user', '--keep-caps', 'sh', '-c',
    "mount --bind '$folder/etc' /etc && exec setpriv --inh-caps=-all --ambient-caps=-all \"\$@\"", 'sh');
SKIP: {
    mkdir "$folder/etc"; mkdir "$folder/etc/agri_backup";
    system("cp /etc/passwd /etc/group /etc/nsswitch.conf '$folder/etc/' 2>/dev/null");
    skip 'no user and mount namespaces on this machine (unshare -Um)', 7 if system(@private_etc, 'true') != 0;
    write_file("$folder/etc/agri_backup/main.conf", slurp_file($file));
    write_file("$folder/etc/agri_backup/second.conf", slurp_file($file) =~ s/of_file/second/r);
    my $in_private_etc = sub {
        my ($out, $err);
        IPC::Run::run([ @private_etc, program(), '--json', 'config', @_ ], '>', \$out, '2>', \$err);
        return ($? >> 8, $err, map { $_->{setting} => [ $_->{value}, $_->{source} ] } @{ JSON::PP->new->decode($out)->{settings} // [] });
    };
    my ($code, $err, %all) = $in_private_etc->();
    is_deeply($all{config_file}, [ '/etc/agri_backup/main.conf', 'default' ], 'the default file is read') or diag($err);
    is_deeply($all{repository}, [ "file://$folder/repository", 'file /etc/agri_backup/main.conf' ], 'and gives the repository');
    ($code, $err, %all) = $in_private_etc->('--cluster', 'second');
    is_deeply($all{config_file}, [ '/etc/agri_backup/second.conf', 'default' ], '--cluster chooses the default file');
    ($code, $err, %all) = $in_private_etc->('--config', $file);
    is_deeply($all{config_file}, [ $file, 'option --config' ], '--config replaces it');
    ($code, $err, %all) = $in_private_etc->('--cluster', 'third', @here);
    is($all{config_file}[0], '', 'a cluster without a file has none');
    chmod 0, "$folder/etc/agri_backup/main.conf";
    ($code, $err) = $in_private_etc->();
    like($err, qr{/etc/agri_backup/main.conf.*Permission denied}s, 'a file that must not be read is named');
    ($code, $err) = $in_private_etc->(@here);
    is($code, 0, 'and left aside when all is given') or diag($err);
}

# --- bad values are refused, by name and source
run_refused('bad option', 3, qr/compression_level.*"twenty".*--compression-level/s, @here, '--compression-level', 'twenty', 'info');
run_refused('level too high', 3, qr/compression_level.*-7 to 19/s, @here, '--compression-level', '20', 'info');
run_refused('too many threads', 3, qr/parallel.*1 to 64/s, @here, '--parallel', '65', 'info');
run_refused('too little memory', 3, qr/memory_limit.*64MB/s, @here, '--memory-limit', '1MB', 'info');
run_refused('bad rate', 3, qr/rate_limit.*50MB/s, @here, '--rate-limit', 'fast', 'info');
run_refused('bad log level', 3, qr/log_level/, @here, '--log-level', 'loud', 'info');
run_refused('bad switch', 3, qr/encryption.*"on" or "off"/s, @here, '--encryption', 'perhaps', 'info');
run_refused('bad cluster name', 3, qr/"cluster": "\.\.\/up".*option --cluster.*a-z/s, @here, '--cluster', '../up', 'info');
run_refused('unknown scheme', 3, qr{"repository".*option --repository.*file:///}s, '--repository', 'gopher://x:pass\@y', '--key', "file://$key", 'info');
run_refused('relative repository', 3, qr{"repository".*file:///}s, '--repository', 'file://relative', '--key', "file://$key", 'info');
run_refused('relative key', 3, qr{"key".*file:///}s, '--repository', "file://$folder/repository", '--key', 'one.key', 'info');
run_refused('no such file', 4, qr/\Q$folder\E\/nothing\.conf/, '--config', "$folder/nothing.conf", 'config');
for my $case (
    [ 'unknown setting', "kluster = x\n", qr/bad\.conf:1.*kluster/s ],
    [ 'bad value', "cluster = a\nparallel = many\n", qr/parallel.*many.*bad\.conf/s ],
    [ 'empty value', "parallel =\n", qr/parallel/ ],
    [ 'unknown section', "[storage]\nuri = x\n", qr/\[storage\].*\[repository NAME\]/s ],
    [ 'no setting', "what is this\n", qr/bad\.conf", line 1/ ],
    [ 'two repositories', "[repository a]\nuri = file:///a\n[repository b]\nuri = file:///b\n", qr/more than one repository/ ],
    [ 'no key', "[repository main]\nuri = file:///a\n", qr/has no key/ ])
{
    my ($title, $text, $pattern) = @$case;
    write_file("$folder/bad.conf", $text);
    run_refused("file with $title", 3, $pattern, '--config', "$folder/bad.conf", 'config');
}
{
    local $ENV{AGRI_BACKUP_RATE_LIMIT} = '-1';
    run_refused('bad variable', 3, qr/rate_limit.*AGRI_BACKUP_RATE_LIMIT/s, @here, 'info');
}

# --- a server configured through a file only; its restore_command carries nothing but --config
my $served = new_server('served', start => 0);
my $of = repository_of($served);
my $served_file = "$folder/served.conf";
write_file($served_file, "cluster = $of->{cluster}\n[repository main]\nuri = file://$of->{folder}\nkey = file://$of->{key}\n");
my $conf = $served->data_dir . '/postgresql.conf';
write_file($conf, slurp_file($conf) =~ s/^agri_backup\..*\n//mgr);
$served->append_conf('postgresql.conf', "agri_backup.config_file = '$served_file'");
$served->start;
$served->safe_psql('postgres', 'CREATE EXTENSION agri_backup; SELECT agri_init()');
my $repository_before = `cd '$of->{folder}' && find . -type f | sort`;
$served->safe_psql('postgres', 'SELECT agri_init()');
is(`cd '$of->{folder}' && find . -type f | sort`, $repository_before, 'agri_init() again changes nothing');
($code, $out, $err) = run_program('--config', $served_file, 'init', '-D', $served->data_dir);
is($code, 0, 'nor does agri_backup init after it') or diag($err);
$served->safe_psql('postgres', 'CREATE TABLE crops AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i');
my $backup = backup_now($served);
$served->safe_psql('postgres', "INSERT INTO crops VALUES (-1, 'after the backup')");
wait_archived($served);
my $truth = fingerprint($served, 'postgres');
my $restored_folder = "$folder/restored";
chdir $folder or die;
($code, $out, $err) = run_program('--config', 'served.conf', 'restore', '--as', 'clone', '--target-dir', $restored_folder);
is($code, 0, 'restore with a relative --config') or diag($err);
chdir '/';
my ($restore_command) = slurp_file("$restored_folder/postgresql.auto.conf") =~ /^restore_command = (.*)$/m;
like($restore_command, qr/--config ''\Q$served_file\E'' wal-fetch/, 'restore_command carries the absolute path of the file, and that alone');
unlike($restore_command, qr/--repository|--key|--cluster/, 'and nothing that the file says');
my $restored = start_restored($restored_folder, 'of_file', like => $served);
is(fingerprint($restored, 'postgres'), $truth, 'recovery found the WAL by it');
$restored->stop('fast');
my $named_folder = "$folder/named";
($code, $out, $err) = run_program('--config', $served_file, '--cluster', $of->{cluster}, 'restore', '--as', 'clone', '--target-dir', $named_folder);
like(slurp_file("$named_folder/postgresql.auto.conf"), qr/--config ''\Q$served_file\E'' --cluster ''\Q$of->{cluster}\E'' wal-fetch/, 'what outranked the file is carried too');

# --- what a reload changes, seen by its effect
sub reload
{
    my ($text) = @_;
    $served->append_conf('postgresql.conf', $text);
    $served->reload;
    my ($name, $value) = $text =~ /(\S+) = (\S+)/;
    $value =~ s/'//g;
    wait_for("reload of $name", sub { $served->safe_psql('postgres', "SHOW $name") eq $value });
}
sub stored_bytes { return $served->safe_psql('postgres', "SELECT stored_bytes FROM agri_backup.backups WHERE backup_id = '$_[0]'") }

reload('agri_backup.compression_level = 19');
my $small = backup_now($served);
reload('agri_backup.compression_level = -7');
my $large = backup_now($served);
cmp_ok(stored_bytes($small), '<', stored_bytes($large), 'compression_level 19 stores less than -7');

# The archiving process takes them over without a restart of its own, and says what it works with.
my $archiving = $served->safe_psql('postgres', 'SELECT archiving_pid FROM agri_backup.status');
sub works_with
{
    my ($pattern, @reloads) = @_;
    my $from = -s $served->logfile;
    reload($_) for @reloads;
    my $line = '';
    wait_for("the archiving process after @reloads", sub { ($line) = slurp_file($served->logfile, $from) =~ /.*archiving cluster.*?: (.*)/s; ($line // '') =~ $pattern });
    return pass("@reloads: $pattern");
}
works_with(qr/^7 at once, compression level 2$/m, "agri_backup.memory_limit = '1GB'", 'agri_backup.compression_level = 2', 'agri_backup.parallel = 7');
works_with(qr/^1 at once/m, "agri_backup.memory_limit = '64MB'");    # three buffers of a segment fit
works_with(qr/^3 at once/m, "agri_backup.memory_limit = '1GB'", 'agri_backup.parallel = 3');
is($served->safe_psql('postgres', 'SELECT archiving_pid FROM agri_backup.status'), $archiving, 'the archiving process went on');
wait_archived($served);

# A limiter lets its burst (1 MB) through at once, and no more than the rate after it: whatever the machine's
# speed, a backup under it cannot be quicker.
reload("agri_backup.rate_limit = '1MB'");
my $limited = backup_now($served);
my ($stored, $duration) = split /\|/, $served->safe_psql('postgres', "SELECT stored_bytes, 1000 * extract(epoch FROM duration) FROM agri_backup.backups WHERE backup_id = '$limited'");
cmp_ok($stored, '>', 2_000_000, 'a backup of more than the burst');
cmp_ok($duration, '>=', ($stored - 1_048_576) / 1_048_576 * 1000, 'rate_limit holds it to its rate');
reload("agri_backup.rate_limit = 0");

# --- the server refuses bad values, naming the setting
for my $bad (
    [ 'agri_backup.repository', 'gopher://x' ], [ 'agri_backup.key', 'relative.key' ], [ 'agri_backup.config_file', 'relative.conf' ],
    [ 'agri_backup.cluster', '../up' ], [ 'agri_backup.compression_level', '20' ], [ 'agri_backup.parallel', '65' ],
    [ 'agri_backup.memory_limit', '1MB' ], [ 'agri_backup.rate_limit', '-1' ], [ 'agri_backup.log_level', 'loud' ])
{
    my ($name, $value) = @$bad;
    my ($code, $out, $err) = $served->psql('postgres', "ALTER SYSTEM SET $name = '$value'");
    isnt($code, 0, "$name = $value is refused");
    like($err, qr/"?\Q$name\E"?/, 'and named');
}

# A file that goes bad under the server: archiving says so, and goes on when it is repaired.
my $good = slurp_file($served_file);
write_file($served_file, "kluster = x\n$good");
$served->reload;
wait_for('the complaint', sub { ($served->safe_psql('postgres', "SELECT coalesce(last_error, problem) || coalesce(last_error_hint, hint, '') FROM agri_backup.status") // '') =~ /kluster/ || do { $served->safe_psql('postgres', 'SELECT pg_switch_wal() FROM pg_create_restore_point($$x$$)'); 0 } });
pass('agri_backup.status names the bad setting');
write_file($served_file, $good);
$served->reload;
wait_archived($served);
$served->poll_query_until('postgres', "SELECT state = 'ok' FROM agri_backup.status") or die 'status stays bad';
pass('and is well when the file is repaired');
$served->stop('fast');

done_testing();
