# README and doc: every SQL block runs as pasted and shows what it says it shows, every link leads somewhere, and nothing that a user
# meets (column, setting, routine, view, anomaly) is without a word there.
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::RealBin;
use DocTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my @files = map { s{^\Q$top\E/}{}r } "$top/README.md", glob "$top/doc/*.md";
my %text = map { $_ => slurp_file("$top/$_") } @files, qw(SECURITY.md CHANGELOG.md DEVELOPERS.md test/README.md);

my ($share) = run_command([ 'pg_config', '--sharedir' ]);
my $has = sub { return -e "$share/extension/$_[0].control" };
my $node = new_node(
	'documentation',
	conf => $has->('pg_cron') ? "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'doc_operations'\n" : '');

#
# The blocks
#

# Runs them in one session of psql, which says on both of its channels where each begins; adds to each what was said.
sub run_blocks
{
	my ($database, @blocks) = @_;
	$node->safe_psql('postgres', qq(CREATE DATABASE "$database"));
	my $script = join '', map { "\\echo ~~~\n\\warn ~~~\n$_->{sql}\n" } @blocks;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-X', '-q', '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never', '-P', 'pager=off',
			'-d', $node->connstr($database), '-f', '-' ],
		'<', \$script, '>', \$out, '2>', \$err);
	my (undef, @shown) = split /^~~~\n/m, $out, -1;
	my (undef, @said) = split /^~~~\n/m, $err, -1;
	is(scalar @shown, scalar @blocks, "$database: psql came to the end") or diag($err);
	foreach my $i (0 .. $#blocks)
	{
		$blocks[$i]{shown} = $shown[$i] // '';
		$blocks[$i]{said} = $said[$i] // '';
		$blocks[$i]{errors} = [ $blocks[$i]{said} =~ /^psql:\S+ (?:ERROR|FATAL): +(\w{5}):/mg ];
	}
	return;
}

# Without the blanks that psql puts at the end of a line.
sub trimmed
{
	my ($output) = @_;
	return $output =~ s/[ ]+$//mgr =~ s/\n*\z//r;
}

sub check_block
{
	my ($file, $block) = @_;
	my $name = "$file:$block->{line}";
	is_deeply($block->{errors}, [ $block->{fails} // () ], "$name: " . ($block->{fails} ? "fails with $block->{fails}" : 'runs'))
	  or diag($block->{sql}, $block->{said});
	is(trimmed($block->{shown}), trimmed($block->{output}), "$name: shows what it says") if defined $block->{output};
	return;
}

foreach my $file (@files)
{
	my @sections = ([]);
	my @blocks = blocks_of("$top/$file");
	foreach my $block (@blocks)
	{
		next if defined $block->{skip} || (defined $block->{needs} && !$has->($block->{needs}));
		push @sections, [] if defined $block->{new};
		push @{ $sections[-1] }, $block;
	}
	my $name = 'doc_' . $file =~ s{^(doc/)?(.*)\.md$}{\L$2}r =~ s/\W/_/gr;
	foreach my $number (0 .. $#sections)
	{
		my @run = @{ $sections[$number] } or next;
		run_blocks($name . ($number ? "_$number" : ''), @run);
		check_block($file, $_) foreach @run;
	}
}
cmp_ok(scalar(grep { $_->{kind} eq 'sql' && !defined $_->{skip} } map { blocks_of("$top/$_") } @files), '>', 30, 'there were blocks to run');

#
# The rest of what is said
#

cmp_ok(scalar(split /\n/, $text{'README.md'}), '<=', 200, 'README has at most 200 lines');

# As GitHub makes them.
sub anchors_in
{
	my ($markdown) = @_;
	return map { my $anchor = lc; $anchor =~ s/[`*.]|\[|\]|[^\w\s-]//g; $anchor =~ s/ /-/g; $anchor => 1 } $markdown =~ /^#+ +(.*?) *$/mg;
}

my @broken;
foreach my $file (sort keys %text)
{
	my ($folder) = $file =~ m{^(.*/)?};
	$folder //= '';
	foreach my $link ($text{$file} =~ /\]\(([^)\s]+)\)/g)
	{
		next if $link =~ /^https?:/;
		my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
		my $target = $path eq '' ? $file : $folder . $path;
		1 while $target =~ s{[^/]+/\.\./}{};
		my %anchors = defined $anchor && $text{$target} ? anchors_in($text{$target}) : ();
		push @broken, "$file: $link" unless -e "$top/$target" && (!defined $anchor || $anchors{$anchor});
	}
}
is_deeply(\@broken, [], 'every link leads somewhere');

# The index of the tests has all of pg_regress and TAP, and none that is not there.
my @tests = map { s{^\Q$top\E/test/}{}r =~ s/\.\w+$//r } glob "$top/test/sql/*.sql $top/test/t/*.pl $top/test/unit/*_test.cpp";
my %indexed = map { $_ => 1 } $text{'test/README.md'} =~ m{`((?:sql|t|unit)/\w+)`}g;
is_deeply([ grep { !m{^unit/} && !$indexed{$_} } @tests ], [], 'test/README.md has each test');
my %exists = map { $_ => 1 } @tests;
is_deeply([ grep { !$exists{$_} } sort keys %indexed ], [], '... and none that is not there');

# Each code has its heading, and its severity is the right one.
my %severity = slurp_file("$top/src/core/check/anomaly.cpp") =~ /Kind\{AnomalyCode::\w+, "(\w+)",\s+Severity::(\w+)\}/g;
# (Some are warnings in mild cases, which the text explains.)
my %documented = map { lc } $text{'doc/anomalies.md'} =~ /^#### (\w+)\n(\w+)(?: or warning)?\./mg;
$documented{$_} = $severity{$_} foreach $text{'doc/anomalies.md'} =~ /^#### (\w+)\nError or warning\./mg;
is_deeply(\%documented, \%severity, 'doc/anomalies.md has each code with its severity');

sub undocumented
{
	my ($sql, $where) = @_;
	return [ grep { $text{$where} !~ /`(?:CALL |SELECT )?\Q$_\E[`(.]/ } split /\n/, $node->safe_psql('postgres', $sql) ];
}

is_deeply(undocumented("SELECT attname FROM pg_attribute WHERE attrelid = 'ppm.config'::regclass AND attnum > 0 AND NOT attisdropped", 'doc/reference.md'),
	[], 'doc/reference.md has each column of ppm.config');
is_deeply(undocumented("LOAD 'ppm'; SELECT name FROM pg_settings WHERE name LIKE 'ppm.%'", 'doc/reference.md'), [], '... each setting');
my @encodings = split /\n/, $node->safe_psql('postgres', 'SELECT unnest(enum_range(NULL::ppm.key_encoding))');
my ($column) = $text{'doc/reference.md'} =~ /^(\| `key_encoding` .*)/m;
is_deeply([ grep { $column !~ /`$_`/ } @encodings ], [], '... each key encoding');
my ($keys) = $text{'doc/reference.md'} =~ /^## Keys\n(.*?)^## /ms;
is_deeply([ grep { $keys !~ /^\|.*`$_`/m } @encodings ], [], '... also in the table of keys');
is_deeply(decode_json(slurp_file("$top/deploy/helm/ppm/values.schema.json"))->{properties}{tables}{items}{properties}{keyEncoding}{enum},
	\@encodings, 'the Helm chart has the same key encodings');
my ($names) = slurp_file("$top/src/core/key/encoding.hpp") =~ /key_encoding_names\{([^}]*)\}/;
is_deeply([ $names =~ /"(\w+)"/g ], \@encodings, '... and so has the library');
# What is made for other objects of ppm's alone is of no use by itself.
is_deeply(undocumented(<<'EOF', 'doc/reference.md'), [], '... each routine, table and view');
SELECT 'ppm.' || proname FROM pg_proc
WHERE pronamespace = 'ppm'::regnamespace AND prorettype <> 'trigger'::regtype AND proname NOT IN ('table_states', 'partition_states', 'total_bytes', 'free_bytes', 'scheduled_at')
UNION SELECT 'ppm.' || relname FROM pg_class
WHERE relnamespace = 'ppm'::regnamespace AND relkind IN ('r', 'v') AND relname NOT LIKE 'move%' ORDER BY 1
EOF

done_testing();
