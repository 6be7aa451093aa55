# A document's blocks, for the test that types them: in their order, as they stand there but for the places,
# which are the test's. The line above each block says who runs it; a block without that fails the test.
#   <!-- test: KIND -->                the document's own test
#   <!-- test in NNN_name: KIND -->    another test: Document->new(FILE, in => 'NNN_name')
#   <!-- not run by NNN_name: WHY -->  no test
package Document;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(type_in_shell);

# Reads README.md or a file of docs/.
#   in      the test whose blocks are wanted (default: those of the document's own test)
#   places  [ text => replacement, … ], replaced in this order; a replacement may be a reference to a
#           string that is known later
sub new
{
    my ($class, $file, %option) = @_;
    my $self = bless { file => $file, text => slurp_file(dirname(__FILE__) . "/../$file"), places => $option{places} // [], blocks => [] }, $class;
    my $wanted = $option{in} ? "test in $option{in}" : 'test';
    while ($self->{text} =~ /(?:^<!-- ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```$/msg)
    {
        my ($mark, $language, $text) = ($1 // '', $2, $3);
        my ($who, $kind) = $mark =~ /^(test|test in \d\d\d_\w+|not run by \d\d\d_\w+): (.+)$/;
        ok($who, "$file: a block of $language says how it is tested") or diag($text), next;
        ok(-e dirname(__FILE__) . "/$1.pl", "$file: $1 is a test") if $who =~ /(\d\d\d_\w+)/;
        push @{ $self->{blocks} }, { kind => $kind, text => $text } if $who eq $wanted;
    }
    return $self;
}

sub text { return $_[0]{text} }

# The next block, which is of that kind, with the test's places.
sub next_block
{
    my ($self, $kind) = @_;
    my $block = shift @{ $self->{blocks} } // { kind => 'none', text => '' };
    is($block->{kind}, $kind, "$self->{file} goes on with a block of $kind")
      or BAIL_OUT("$self->{file} and its test do not fit: $block->{text}" =~ s/\n/ /gr);
    my ($text, @places) = ($block->{text}, @{ $self->{places} });
    while (my ($from, $to) = splice @places, 0, 2)
    {
        $to = $$to if ref $to;
        $text =~ s/\Q$from\E/$to/g;
    }
    return $text;
}

sub ends { my ($self) = @_; is(scalar(@{ $self->{blocks} }), 0, "$self->{file}: no block is left over"); return }

# Types a block of shell, which is to succeed; returns (stdout, stderr).
sub type_in_shell
{
    my ($title, $text) = @_;
    unlike($text, qr/sudo/, "$title: nothing needs root here");
    my ($out, $err);
    IPC::Run::run([ 'sh', '-e', '-c', $text ], '<', \undef, '>', \$out, '2>', \$err);
    is($?, 0, "$title: succeeds") or diag("$text\n$out\n$err");
    return ($out, $err);
}

1;
