# A year of a table of hours and of one that counts, whose intervals change: after every call rows of now find a partition.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('counting_year', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nsynchronous_commit = off\njit = off\n");

# Without a default partition a row that finds none is an error. Each step: what changes, a call, the rows of now and until the next step.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE hours (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE numbers (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, timezone) VALUES
	('hours', 'hourly', 24, 5, 'drop', 'America/New_York'), ('numbers', '10000', 3, 2, 'drop', 'UTC');
CREATE TABLE steps (at timestamptz, greatest bigint, hours int, numbers int, errors text);
CREATE PROCEDURE step(now timestamptz, count bigint) LANGUAGE plpgsql AS $$
DECLARE
	errors text;
BEGIN
	PERFORM set_config('ppm.work_date', to_char(now AT TIME ZONE 'America/New_York', 'YYYY-MM-DD HH24:MI'), false);
	CALL ppm.run_all();
	errors := (SELECT string_agg(table_name || ' ' || code, ', ') FROM ppm.check() WHERE severity = 'error');
	INSERT INTO hours SELECT generate_series(now, now + interval '23 hours', interval '1 hour');
	INSERT INTO numbers SELECT generate_series(count, count + 9000, 1000);
	INSERT INTO steps SELECT now, max(id), (SELECT count(*) FROM pg_inherits WHERE inhparent = 'hours'::regclass),
		(SELECT count(*) FROM pg_inherits WHERE inhparent = 'numbers'::regclass), errors FROM numbers;
END $$;
CREATE PROCEDURE live(first timestamptz, last timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	now timestamptz := first;
	count bigint := (SELECT coalesce(max(id), -1000) + 1000 FROM numbers);
BEGIN
	WHILE now < last LOOP
		CALL step(now, count);
		COMMIT;
		now := now + interval '23 hours';
		count := count + 10000;
	END LOOP;
END $$;
EOF

my $from = '2024-01-01 00:00';
foreach my $part (
	[ '2024-03-20', q(interval = 'daily', pre_provisioned = 1), q(interval = '1000000', pre_provisioned = 1) ],
	[ '2024-07-01', q(interval = '6 hours', pre_provisioned = 4), q(interval = '10000', pre_provisioned = 3) ],
	[ '2024-10-30', q(interval = 'hourly', pre_provisioned = 24), q(interval = '1000000', origin = '500000', pre_provisioned = 1) ],
	[ '2025-01-01', undef, undef ])
{
	my ($until, $hours, $numbers) = @$part;
	my ($result, undef, $messages) = run_sql($node, "SET client_min_messages = error; CALL live('$from', '$until')");
	is($result, 0, "until $until every row finds a partition");
	$from = $until;
	next unless $hours;
	$node->safe_psql('postgres', "SET client_min_messages = error; UPDATE ppm.config SET $hours WHERE table_name = 'hours'; UPDATE ppm.config SET $numbers WHERE table_name = 'numbers'");
}

cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM steps'), '>', 375, 'the test covers a year');
is($node->safe_psql('postgres', 'SELECT at, errors FROM steps WHERE errors IS NOT NULL ORDER BY at LIMIT 5'), '', 'no partition was ever missing, and none was left that should be removed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM steps WHERE hours > 60 OR numbers > 130'), '0', 'partitions do not pile up');

$node->stop;
done_testing();
