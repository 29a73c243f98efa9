# A year of days in which retention, pre_provisioned and the time zone change.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use YearTest;
use Test::More;

my $node = year_node('year');
my ($tables, %operator) = ('');

sub on
{
	my ($day, $table, $change, $more) = @_;
	$operator{$day} .= "UPDATE ppm.config SET $change WHERE table_name = '$table';\n" . ($more // '');
	return;
}

# Nothing changes but the date.
$tables .= managed('days', 'date', 'daily', 3, 2, 'drop');
$tables .= managed('weeks', 'uuid', 'weekly', 2, 3, 'detach', 'Europe/Berlin');
$tables .= managed('months', 'timestamptz', 'monthly', 1, 1, 'detach', 'America/New_York');
$tables .= managed('quarters', 'timestamp', 'quarterly', 1, 2, 'drop');
$tables .= managed('years', 'uuid', 'yearly', 1, 1, 'drop', 'Asia/Tokyo');

# retention up, down, to null and back.
$tables .= managed('kept', 'timestamp', 'daily', 2, 5);
$tables .= managed('kept_weeks', 'uuid', 'weekly', 2, 3, 'drop', 'Europe/Berlin');
foreach my $table ('kept', 'kept_weeks')
{
	on('2023-08-16', $table, 'retention = 12');
	on('2023-10-18', $table, 'retention = 2');
	on('2023-12-20', $table, 'retention = NULL');
	on('2024-02-28', $table, 'retention = 4');
}

# pre_provisioned up and down, with a row in one that is not needed any more.
$tables .= managed('ahead', 'timestamptz', 'weekly', 1, 2, 'drop', 'America/New_York');
$tables .= managed('ahead_months', 'date', 'monthly', 1, 2);
foreach my $table ('ahead', 'ahead_months')
{
	on('2023-08-16', $table, 'pre_provisioned = 30');
	on('2024-01-17', $table, 'pre_provisioned = 1');
}
$operator{'2024-01-16'} .= "CALL judge.insert('ahead', 'timestamptz', '2024-05-20 12:00');\nCALL judge.insert('ahead_months', 'date', '2024-05-20');\n";

# From one time zone to the next: UTC, east of it, west of it, and one that skips a midnight (2024-03-10). Of the first table the
# partitions are renamed as check() hints.
foreach my $table (['zone_renamed', 'timestamptz', 'daily'], ['zone', 'uuid', 'weekly'], ['zone_months', 'uuid', 'monthly'])
{
	my ($name, $type, $interval) = @$table;
	$tables .= managed($name, $type, $interval, 3, 3, 'drop');
	my $rename = $name eq 'zone_renamed' ? operate($name, 'wrong_bounds') : '';
	on('2023-09-13', $name, "timezone = 'Europe/Berlin'", $rename);
	on('2023-11-15', $name, "timezone = 'America/Sao_Paulo'", $rename);
	on('2024-02-21', $name, "timezone = 'America/Havana'", $rename);
}

$node->safe_psql('postgres', $tables);
simulate($node, '2023-07-01', '2024-07-01', \%operator);
is(judgement($node), '', 'each day is as it should be');
is(said($node, "parent IN ('days', 'weeks', 'months', 'quarters', 'years')"), '', 'if nothing changes, nothing is ever wrong');
is(said($node, "parent LIKE 'kept%'"), '', 'nor where retention does');
is(said($node, "parent LIKE 'ahead%'"), <<'EOF' =~ s/\n\z//r, 'partitions that are no longer needed are removed, unless they have rows');
ahead gap 2024-01-17 2024-05-05 110
ahead surplus_partition 2024-01-17 2024-05-12 117
ahead_months gap 2024-01-17 2024-02-29 44
ahead_months surplus_partition 2024-01-17 2024-03-31 75
EOF
is(said($node, "parent LIKE 'zone%'"), <<'EOF' =~ s/\n\z//r, 'the partitions of another time zone are reported until they go or have their names');
zone off_grid 2023-09-13 2024-04-07 148
zone wrong_bounds 2023-09-13 2024-04-07 148
zone_months off_grid 2023-09-13 2024-07-01 293
zone_months wrong_bounds 2023-09-13 2024-07-01 293
zone_renamed off_grid 2023-09-13 2024-02-26 19
EOF
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT sqlstate, ' ' ORDER BY sqlstate) FROM judge.evenings"), '00000 PM005', 'run_all() fails on the same days');

# What was detached comes back when retention grows: with the real date, or one so near to it that today's window reaches that far, too.
my ($first, $grown, $today) = split / /, $node->safe_psql('postgres',
	"SELECT concat_ws(' ', (now() AT TIME ZONE 'America/New_York')::date - 25, (now() AT TIME ZONE 'America/New_York')::date - 5, (now() AT TIME ZONE 'America/New_York')::date)");
$node->safe_psql('postgres', 'DELETE FROM ppm.config; ' . managed('back', 'timestamptz', 'daily', 2, 3, 'detach', 'America/New_York')
	. managed('back_weeks', 'uuid', 'weekly', 2, 1, 'detach'));
%operator = ();
on($grown, $_, 'retention = 40') foreach ('back', 'back_weeks');
simulate($node, $first, $today, \%operator);
is(judgement($node), '', 'each day is as it should be');
is(said($node, "parent LIKE 'back%'"), '', 'and nothing is wrong');
is( $node->safe_psql('postgres', "SELECT count(*) > 80, count(back.id) = count(*) FROM judge.rows LEFT JOIN back USING (id) WHERE parent = 'back' AND rows.at > now() - interval '30 days'"),
	't|t', 'all rows are back');

$node->stop;
done_testing();
