# System calls that fail on purpose (strace -e inject): which ones, with what, and how many of them a run tries.
# AGRI_FAULTS: how many calls of each kind fail (default 1; "all": every single one, with every error), AGRI_SEED:
# other choices (default: in each run the same).
package Faults;

use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(@calls chosen errors_of);

our @calls = qw(openat access faccessat faccessat2 read pread64 write pwrite64 fsync fdatasync sync_file_range rename
    renameat renameat2 link linkat unlink unlinkat rmdir mkdir mkdirat fstat newfstatat readlink readlinkat getdents64
    ftruncate fallocate fchmod fchmodat utimensat flock statfs fstatfs lseek close listxattr flistxattr llistxattr);

my $faults = $ENV{AGRI_FAULTS} // 1;
my $seed = $ENV{AGRI_SEED} // 1;
diag("AGRI_FAULTS=$faults AGRI_SEED=$seed");

# Not rand: names of temporary files are drawn by that, and are not to be those of the run before.
my $state = $seed;
sub drawn { my ($below) = @_; $state = ($state * 69069 + 1) % 2**32; return int $state / 2**32 * $below }

# What of a list is tried: so many at random, or all.
sub chosen
{
    my @list = @_;
    return @list if $faults eq 'all' || $faults >= @list;
    return map { splice @list, drawn(scalar @list), 1 } 1 .. $faults;
}

sub errors_of
{
    my ($call) = @_;
    return 'EINTR' if $call =~ /^(?:send|recv|accept|poll)/;
    my @errors =
        $call =~ /^(?:p?read(?:64)?|openat|fsync)$/ ? qw(EIO EINTR)
      : $call =~ /write/ ? qw(EIO ENOSPC EINTR)
      : $call =~ /^(?:mkdir|link|unlink|rename|ftruncate|fallocate)/ ? 'ENOSPC'
      : 'EIO';
    return $faults eq 'all' ? @errors : $errors[ drawn(scalar @errors) ];
}

1;
