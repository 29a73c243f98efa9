# The SQL blocks of a Markdown file: what is run, what must fail, and what output is shown.
#
#   ```sql            is run, as pasted, in the file's own session, one block after the other
#   ```text           right after it: the output that psql must show for that block
#   <!-- setup        SQL that readers do not see, up to -->
#   <!-- test: ... -->  about the next ```sql block:
#       skip, REASON      it is not run
#       needs EXTENSION   it is run only where that extension can be installed
#       fails SQLSTATE    its last statement fails with that code
#       new database      it and what follows runs in another database, which is empty
package DocTest;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(blocks_of);

# In the order of the file, each with `line`, `kind` (setup or sql), `sql`, `output` and what the markers say.
sub blocks_of
{
	my ($file) = @_;
	open(my $handle, '<', $file) or die "cannot read $file: $!";
	my (@blocks, %marks, $in, $text, $begins);
	while (my $line = <$handle>)
	{
		if (!defined $in)
		{
			if ($line =~ /^<!-- test: (skip|needs|fails|new)\b,? *(.*?) *-->$/) { $marks{$1} = $2; next; }
			die "$file:$.: what does this mark mean? $line" if $line =~ /<!-- *test/;
			$in = $line =~ /^<!-- setup$/ ? 'setup' : $line =~ /^```(\w*)$/ ? $1 || 'plain' : undef;
			($text, $begins) = ('', $.);
			next;
		}
		if ($line !~ ($in eq 'setup' ? qr/^-->$/ : qr/^```$/)) { $text .= $line; next; }
		if ($in eq 'sql' || $in eq 'setup')
		{
			push @blocks, { line => $begins, kind => $in, sql => $text, $in eq 'sql' ? %marks : () };
			%marks = () if $in eq 'sql';
		}
		elsif ($in eq 'text')
		{
			die "$file:$begins: output of no block" unless @blocks && $blocks[-1]{kind} eq 'sql';
			$blocks[-1]{output} = $text;
		}
		undef $in;
	}
	die "$file: a block has no end" if defined $in;
	die "$file: a mark belongs to no block" if %marks;
	return @blocks;
}

1;
