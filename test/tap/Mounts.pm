# File systems of a test's own: the test goes on in a namespace for mounts that it alone is in. There, a shell that
# keeps the right to mount waits for commands; neither test nor server has it, nor rights over files. Where that
# is not possible the test is skipped. To be used before the modules of PostgreSQL's tests, which take standard
# output away.
package Mounts;

use strict;
use warnings;
use Exporter 'import';
use File::Path ();
use File::Temp ();
use POSIX ();

our @EXPORT = qw(with_mount_rights new_mount);

BEGIN
{
    if (!$ENV{AGRI_MOUNTER})
    {
        if (system('unshare -U -m --map-current-user --keep-caps mount -t tmpfs none /tmp 2>/dev/null') != 0)
        {
            print "1..0 # SKIP no user and mount namespaces on this machine (unshare -Um)\n";
            exit 0;
        }
        $ENV{AGRI_MOUNTER} = File::Temp::tempdir(TMPDIR => 1);
        system('mkfifo', map { "$ENV{AGRI_MOUNTER}/$_" } qw(ask tell)) == 0 or die;
        my $shell = 'while read -r c; do sh -c "$c" >&2; echo $?; done < $AGRI_MOUNTER/ask > $AGRI_MOUNTER/tell &'
          . ' exec setpriv --inh-caps=-all --ambient-caps=-all "$@"';
        my $done = system('unshare', '-U', '-m', '--map-current-user', '--keep-caps', 'sh', '-c', $shell, 'sh', $^X, (map { "-I$_" } @INC), $0);
        File::Path::remove_tree($ENV{AGRI_MOUNTER});
        POSIX::_exit($done == 0 ? 0 : 1);
    }
}

open my $ask, '>', "$ENV{AGRI_MOUNTER}/ask" or die;
open my $tell, '<', "$ENV{AGRI_MOUNTER}/tell" or die;
$ask->autoflush(1);

# Runs a shell command with the right to mount; whether it succeeded.
sub with_mount_rights { my ($command) = @_; print $ask "$command\n"; my $code = <$tell>; return defined $code && $code == 0 }

# A file system in memory at an existing folder, unmounted when the test ends.
my @mounts;
sub new_mount
{
    my ($folder, $size) = @_;
    with_mount_rights("mount -t tmpfs -o size=$size,mode=700 agri $folder") or die "no mount at $folder";
    push @mounts, $folder;
    return $folder;
}
END { with_mount_rights("umount -l $_") for reverse @mounts }

1;
