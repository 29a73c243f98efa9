# Each interval changed to each other, amidst a slot of both, in a year that has a leap day, 53 weeks and both changes of the clock.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use YearTest;
use Test::More;

my $node = year_node('changes');
my @intervals = qw(daily weekly monthly quarterly yearly);
my @types = qw(date timestamp timestamptz uuid);
my @zones = qw(Europe/Berlin America/New_York);
my ($tables, %operator, @pairs) = ('');

# From and to days at the ends of the year: theirs is most of the work. All are Wednesdays or Thursdays, and none the first of a month.
my @days = split /\n/, $node->safe_psql('postgres', <<'EOF');
SELECT day::date FROM (SELECT date '2020-02-19' + 7 * i FROM generate_series(0, 3) AS i
                       UNION SELECT date '2020-03-19' + 14 * i FROM generate_series(0, 11) AS i
                       UNION SELECT date '2020-11-25' + 7 * i FROM generate_series(0, 3) AS i) AS x (day) ORDER BY day
EOF
foreach my $from (@intervals)
{
	push @pairs, map { [ $from, $_ ] } grep { $_ ne $from and $_ ne 'daily' } @intervals;
}
push @pairs, map { [ $_, 'daily' ] } grep { $_ ne 'daily' } @intervals;
foreach my $i (0 .. $#pairs)
{
	my ($from, $to) = @{$pairs[$i]};
	$tables .= managed("${from}_to_$to", $types[$i % 4], $from, 2, 2, ('drop', 'detach')[$i / 2 % 2], $zones[$i / 4 % 2]);
	$operator{$days[$i]} = "UPDATE ppm.config SET interval = '$to' WHERE table_name = '${from}_to_$to';\n";
}
is(scalar(@pairs), 20, 'each pair is there');
$node->safe_psql('postgres', $tables);
simulate($node, '2020-02-14', '2021-02-14', \%operator);
is(judgement($node), '', 'each day is as it should be');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT sqlstate, ' ') FROM judge.evenings"), '00000', 'run_all() never fails');
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT severity || ' ' || code, ', ') FROM judge.said"), 'warning off_grid', 'what is left of the other interval is not of one slot each');
is( $node->safe_psql('postgres', 'SELECT parent, min(day) FROM judge.said GROUP BY parent ORDER BY min(day)'),
	join("\n", map { join('_to_', @{$pairs[$_]}) . "|$days[$_]" } 0 .. $#pairs), 'from that day on');

$node->stop;
done_testing();
