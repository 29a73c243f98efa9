# Tables that others made, or take away: adopted from pg_partman, renamed, swapped, dropped, and not managed for a while.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use YearTest;
use Test::More;

my $node = year_node('adopted');
my ($tables, %operator) = ('');

# As pg_partman left it on the first day: six partitions before and six after it, more than ppm is to have, called by a pattern of to_char(), and an empty
# default partition. Its bounds of UUIDs are a timestamp and zeros.
sub partman
{
	my ($name, $type, $step, $pattern) = @_;
	my $unit = $step =~ s/^\d+ //r;
	my $bound = $type eq 'uuid' ? q(rpad(lpad(to_hex((extract(epoch FROM %s AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0'), 32, '0')::uuid) : "%s::$type";
	my ($lower, $upper) = map { sprintf $bound, $_ } ('at', "(at + interval '$step')");
	return <<"EOF";
CREATE TABLE ${name}_default PARTITION OF $name DEFAULT;
SELECT format('CREATE TABLE %I PARTITION OF $name FOR VALUES FROM (%L) TO (%L)', '${name}_p' || to_char(at, '$pattern'), $lower, $upper)
FROM generate_series(date_trunc('$unit', timestamp '2023-07-01') - 6 * interval '$step', timestamp '2023-07-01' + 6 * interval '$step', interval '$step') AS at \\gexec
EOF
}

my %adopted = (
	orders => ['timestamptz', 'daily', '1 day', 'YYYY_MM_DD'],            # pg_partman 4
	weeks => ['timestamp', 'weekly', '1 week', 'IYYY"w"IW'],
	events => ['uuid', 'daily', '1 day', 'YYYYMMDD'],                     # pg_partman 5
	visits => ['date', 'weekly', '1 week', 'YYYYMMDD'],
	months => ['uuid', 'monthly', '1 month', 'YYYYMMDD'],
);
foreach my $name (sort keys %adopted)
{
	my ($type, $interval, $step, $pattern) = @{$adopted{$name}};
	$tables .= managed($name, $type, $interval, 4, 3) . partman($name, $type, $step, $pattern);
}
# Of these the partitions are renamed as check() hints.
$operator{'2023-07-02'} .= operate('visits', 'misnamed') . operate('months', 'misnamed');

# Rows of a slot to come are in the default partition. It is to be made from 2024-02-03 on; two days later they are moved into it.
my %default_rows = (
	orders => ['timestamptz', "at >= '2024-02-07' AND at < '2024-02-08'"],
	events => ['uuid', "ppm.uuidv7_timestamp(at) >= '2024-02-07' AND ppm.uuidv7_timestamp(at) < '2024-02-08'"],
);
foreach my $name (sort keys %default_rows)
{
	my ($type, $condition) = @{$default_rows{$name}};
	$operator{'2024-01-10'} .= "CALL judge.insert('$name', '$type', '2024-02-07'); CALL judge.insert('$name', '$type', '2024-02-07 18:30');\n";
	$operator{'2024-02-05'} .= <<"EOF";
BEGIN;
CREATE TEMP TABLE moved_rows ON COMMIT DROP AS SELECT * FROM ${name}_default WHERE $condition;
DELETE FROM ${name}_default WHERE $condition;
CALL ppm.provision('$name');
INSERT INTO $name SELECT * FROM moved_rows;
COMMIT;
UPDATE judge.rows SET relation = found.relation FROM (SELECT id, tableoid AS relation FROM $name) AS found WHERE parent = '$name' AND rows.id = found.id;
EOF
}

# Renamed; a week later the configuration follows, and a day after that the partitions' names.
$tables .= managed('moved', 'timestamptz', 'weekly', 2, 6);
my $partitions = q(SELECT inhrelid, relname, pg_get_expr(relpartbound, oid) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'moved_away'::regclass);
$operator{'2024-01-17'} .= "ALTER TABLE moved RENAME TO moved_away; CREATE TABLE judge.then AS $partitions;\n";
$operator{'2024-01-24'} .= <<"EOF";
INSERT INTO judge.wrong SELECT NULL, 'moved', 'its partitions changed' FROM (($partitions) EXCEPT TABLE judge.then UNION ALL (TABLE judge.then EXCEPT $partitions)) AS x;
UPDATE ppm.config SET table_name = 'moved_away' WHERE table_name = 'moved';
UPDATE judge.known SET parent = 'moved_away' WHERE parent = 'moved';
UPDATE judge.rows SET parent = 'moved_away' WHERE parent = 'moved';
EOF
$operator{'2024-01-25'} .= operate('moved_away', 'misnamed');

# Swapped for a new one, which is managed because somebody says that it is meant. The old one's partitions have the names of its own; two
# weeks later they are renamed, and a week after that its own get their names.
$tables .= managed('swapped', 'date', 'weekly', 2, 2);
$operator{'2023-11-15'} .= <<'EOF';
ALTER TABLE swapped RENAME TO swapped_old;
CREATE TABLE swapped (at date NOT NULL, id bigint NOT NULL) PARTITION BY RANGE (at);
UPDATE judge.known SET parent = 'swapped_old' WHERE parent = 'swapped';
UPDATE judge.rows SET parent = 'swapped_old' WHERE parent = 'swapped';
UPDATE ppm.config SET table_name = table_name WHERE table_name = 'swapped';
EOF
$operator{'2023-11-29'} .= <<'EOF';
SELECT format('ALTER TABLE %I RENAME TO %I', relname, 'old_' || relname) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'swapped_old'::regclass \gexec
EOF

$operator{'2023-12-06'} .= operate('swapped', 'misnamed');

# Dropped; a week later it is not configured any more.
$tables .= managed('dropped', 'uuid', 'monthly', 2, 2);
$operator{'2024-03-06'} .= "DROP TABLE dropped;\n";
$operator{'2024-03-13'} .= "DELETE FROM ppm.config WHERE table_name = 'dropped';\n";

# Not managed for two months. Of the two, one keeps everything, with the gap.
$tables .= managed('gap', 'date', 'weekly', 2, 'NULL') . managed('no_gap', 'date', 'weekly', 2, 4);
$operator{'2024-03-20'} .= "CREATE TABLE judge.away AS SELECT * FROM ppm.config WHERE table_name ~ 'gap'; DELETE FROM ppm.config WHERE table_name ~ 'gap';\n";
$operator{'2024-05-22'} .= "INSERT INTO ppm.config TABLE judge.away;\n";

$node->safe_psql('postgres', $tables);
simulate($node, '2023-07-01', '2024-07-01', \%operator);
is(judgement($node), '', 'each day is as it should be');
is(said($node, "parent ~ '^(orders|visits|events|weeks|months)'"), <<'EOF' =~ s/\n\z//r, 'what is adopted is misnamed until it goes or is renamed, and a slot waits for its rows');
events misnamed 2023-07-01 2023-07-08 8
events default_has_rows 2024-02-03 2024-02-04 2
events missing_partition 2024-02-03 2024-02-04 2
months misnamed 2023-07-01 2023-07-01 1
orders misnamed 2023-07-01 2023-07-08 8
orders default_has_rows 2024-02-03 2024-02-04 2
orders missing_partition 2024-02-03 2024-02-04 2
visits misnamed 2023-07-01 2023-07-01 1
weeks misnamed 2023-07-01 2023-08-20 51
EOF
is(said($node, "parent ~ '^(moved|swapped|dropped)'"), <<'EOF' =~ s/\n\z//r, 'what is renamed, swapped or dropped');
dropped table_missing 2024-03-06 2024-03-12 7
moved table_missing 2024-01-17 2024-01-23 7
moved_away misnamed 2024-01-24 2024-01-24 1
swapped name_taken 2023-11-15 2023-11-28 14
swapped misnamed 2023-11-29 2023-12-05 7
EOF
is(said($node, "parent ~ 'gap'"), <<'EOF' =~ s/\n\z//r, 'what was not managed');
gap gap 2024-05-22 2024-07-01 41
EOF
is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT sqlstate, ' ' ORDER BY sqlstate) FROM judge.evenings"), '00000 PM004', 'run_all() fails on the same days');

$node->stop;
done_testing();
