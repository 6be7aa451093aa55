# A flipped bit, a cut, a swapped and a missing object, each in a pack, a manifest and a WAL object: verify
# names the object, and restore refuses to hand out what it holds.
use strict;
use warnings;
use File::Copy qw(copy);
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use AgriBackup;

my $node = new_server('damage');
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 100000) i');
my $first = backup_now($node);
my $second = backup_now($node);
wait_archived($node);
$node->stop('fast');
my $repository = repository_of($node)->{folder};

sub objects
{
    my ($pattern) = @_;
    my @found;
    find(sub { push @found, $File::Find::name if -f && $File::Find::name =~ $pattern }, $repository);
    return sort { -s $b <=> -s $a } @found;
}

my ($of_second) = objects(qr{/backups/\Q$second\E/manifest$});
my @packs = objects(qr{/packs/});
my $start = cli_json($node, 'info')->{backups};
my ($wal) = sort(objects(qr{/wal/\w+/\w+/[0-9A-F]{24}$}));
# The WAL object that the first backup needs: the earliest segment at or after its start.
my ($backup) = grep { $_->{backup_id} eq $first } @$start;
my ($high, $low) = split m{/}, $backup->{start_lsn};
my $segment = sprintf('%08X%08X%08X', 1, hex($high), hex($low) >> 24);
my ($needed) = objects(qr{/wal/.*/\Q$segment\E$});
ok($needed, 'the WAL object that the backup needs is there');
my ($other) = grep { $_ ne $needed } objects(qr{/wal/\w+/\w+/[0-9A-F]{24}$});

sub slurp { my ($path) = @_; open my $in, '<:raw', $path or die; local $/; return scalar <$in> }
sub spew { my ($path, $bytes) = @_; chmod 0600, $path; open my $out, '>:raw', $path or die "$path: $!"; print $out $bytes; close $out or die }

my %damage = (
    'a flipped bit' => sub { my ($path) = @_; my $bytes = slurp($path); my $at = int(length($bytes) / 2);
        substr($bytes, $at, 1) = chr(ord(substr($bytes, $at, 1)) ^ 1); spew($path, $bytes) },
    'a cut' => sub { my ($path) = @_; my $bytes = slurp($path); spew($path, substr($bytes, 0, int(length($bytes) * 0.7))) },
    'a missing object' => sub { unlink $_[0] or die },
    'a swapped object' => sub { spew($_[0], slurp($_[1])) });

for my $case (['pack', $packs[0], $packs[1]], ['manifest', (objects(qr{/backups/\Q$first\E/manifest$}))[0], $of_second],
    ['WAL object', $needed, $other])
{
    my ($what, $path, $twin) = @$case;
    my $kept = slurp($path);
    (my $key = $path) =~ s{^\Q$repository\E/}{};
    for my $kind (sort keys %damage)
    {
        $damage{$kind}->($path, $twin);
        my ($code, $out, $err) = cli($node, 'verify');
        # A manifest that is gone is a backup that does not exist; only its intent or WAL could tell.
        if ($what eq 'manifest' && $kind eq 'a missing object')
        {
            my ($rcode, undef, $rerr) = restore($node, '--backup', $first);
            is($rcode, 4, "$kind ($what): restore of it says that it does not exist");
            like($rerr, qr/\Q$first\E/, "$kind ($what): and names it");
        }
        else
        {
            is($code, 14, "$kind in a $what: verify finds it") or diag("$out\n$err");
            like($out, qr/\Q$key\E/, "$kind in a $what: verify names the object");
        }
        if ($what eq 'manifest' && $kind eq 'a flipped bit')
        {
            my ($rcode, undef, $rerr) = restore($node, '--backup', $first);
            is($rcode, 7, "$kind in a $what: restore of it says that it is corrupt") or diag($rerr);
            like($rerr, qr/--backup restores from another one/, 'and that there are others');
            like($rerr, qr/\Q$key\E/, "$kind in a $what: and names the object");
        }
        # The damaged pack may be either backup's: one of the two restores must fail, none in silence.
        my @codes = map { (restore($node, '--as', 'clone', '--target-immediate', '--backup', $_))[0] } $first, $second;
        ok($codes[0] != 0 || $codes[1] != 0, "$kind in a $what: restore refuses")
          unless $what eq 'WAL object' && $kind ne 'a missing object';
        spew($path, $kept);
    }
    my ($code, $out) = cli($node, 'verify');
    is($code, 0, "$what put back: verify finds nothing") or diag($out);
}

# Recovery asks for a damaged segment: it must stop, not end early as if the archive ended there.
my $kept = slurp($needed);
my ($code, $out, $err, $folder) = restore($node, '--as', 'clone', '--backup', $first);
is($code, 0, 'restore before the damage') or diag($err);
$damage{'a flipped bit'}->($needed);
my $restored = PostgreSQL::Test::Cluster->new('must_not_start');
mkdir $restored->basedir;
symlink($folder, $restored->data_dir);
$restored->append_conf('postgresql.conf', 'port = ' . $restored->port . "\nunix_socket_directories = '" . $restored->host . "'\n");
ok(!$restored->start(fail_ok => 1) || !$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'),
    'a server does not come up over a damaged segment');
like(slurp_file($restored->logfile), qr/\Q$segment\E/, 'its log names the segment');
spew($needed, $kept);

done_testing();
