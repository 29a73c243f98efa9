# Two years of a table with all that goes along with the life of a partition: a template with sub-partitions, hooks for each event, an
# archive that is emptied later. In every other week the call is killed. After one further call each week is as it should be, and in the
# end every hook has seen every partition, and every row.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('life_years', conf => "ppm.work_date = ''\ntimezone = 'UTC'\n");
my ($weeks, $retention, $ahead) = (104, 3, 2);

# A Monday, and so many weeks after it.
sub monday { return "(date '2024-02-05' + 7 * ($_[0]))" }

sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(<<"EOF");
CREATE SCHEMA attic;
CREATE TABLE visits (day date NOT NULL, tenant int NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE shape (day date NOT NULL, tenant int NOT NULL, note text) PARTITION BY HASH (tenant);
CREATE TABLE shape_a PARTITION OF shape FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shape_b PARTITION OF shape FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON shape (tenant, day);
CREATE TABLE calls (event text, lower_value text, rows bigint, PRIMARY KEY (event, lower_value, rows));
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, archive_schema, drop_delay, template)
VALUES ('visits', 'weekly', $ahead, $retention, 'drop', 'attic', '1 year', 'public.shape');
EOF
foreach my $event (qw(after_create before_detach after_detach before_drop))
{
	# Called at least once: the same call again says the same.
	sql(<<"EOF");
CREATE FUNCTION $event(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE found bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s', partition) INTO found;
	INSERT INTO public.calls VALUES ('$event', lower_value, CASE '$event' WHEN 'after_create' THEN 0 ELSE found END) ON CONFLICT DO NOTHING;
END \$\$;
INSERT INTO ppm.hooks (table_name, event, function) VALUES ('visits', '$event', 'public.$event(regclass,regclass,text,text)');
EOF
}

srand(163);
my ($killed, @wrong) = (0);
foreach my $number (0 .. $weeks - 1)
{
	my $today = sql('SELECT ' . monday($number));
	# Those whose year is over: what was detached seven weeks ago.
	sql('UPDATE ppm.detached SET drop_after = now() WHERE upper_bound <= ' . monday($number - $retention - 7));
	my $call = start_sql($node, 'caller', "SET ppm.work_date = '$today'; CALL ppm.run_all()", on_error_stop => 0);
	if ($number % 2)
	{
		usleep(int rand 400_000);
		$killed += sql(q(SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'caller' OR backend_type = 'ppm worker'));
	}
	finish_sql($call);
	# A worker that is killed ends by itself; the next call waits for it.
	my ($result, $output, $messages) = run_sql($node, "SET ppm.work_date = '$today'; CALL ppm.run_all()");
	push @wrong, "$today: $messages" if $result;
	sql("INSERT INTO visits SELECT date '$today' + 7 * w, t FROM generate_series(-$retention, $ahead) AS w, generate_series(1, 5) AS t");
	my $state = sql(<<"EOF");
SET ppm.work_date = '$today';
SELECT (SELECT string_agg(((p.lower_bound::date - date '$today') / 7)::text, ' ' ORDER BY p.lower_bound) FROM ppm.partitions p),
	(SELECT count(*) FROM ppm.check()),
	(SELECT count(*) FROM pg_inherits i JOIN pg_inherits s ON s.inhparent = i.inhrelid WHERE i.inhparent = 'visits'::regclass),
	(SELECT count(*) FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indrelid JOIN pg_inherits s ON s.inhrelid = i.inhparent WHERE s.inhparent = 'visits'::regclass),
	(SELECT count(*) FROM ppm.detached d JOIN pg_class r ON r.oid = d.relation WHERE r.relnamespace <> 'attic'::regnamespace),
	(SELECT count(*) FROM ppm.pending_hooks)
EOF
	my $slots = $retention + 1 + $ahead;
	my $expected = join(' ', -$retention .. $ahead) . '|0|' . 2 * $slots . '|' . 2 * $slots . '|0|0';
	push @wrong, "$today: $state" if $state ne $expected;
}
is(join("\n", @wrong), '', 'each week is as it should be');
cmp_ok($killed, '>', $weeks / 4, 'although many calls were killed');

# Of the partitions that came and went; the last seven wait to be dropped.
my $gone = monday($weeks - 1 - $retention);
is(sql(qq(SELECT count(DISTINCT lower_value) FROM calls WHERE event = 'after_create')), $weeks + $retention + $ahead, 'after_create was called for each partition');
is(sql("SELECT count(DISTINCT lower_value) FROM calls WHERE event = '$_' AND lower_value::date < $gone"), $weeks - 1, "a hook was called for each: $_") foreach ('before_detach', 'after_detach');
is(sql("SELECT count(DISTINCT lower_value) FROM calls WHERE event = 'before_drop'"), $weeks - 1 - 7, 'before_drop was called before each drop');
# A row of each week and tenant was inserted in each week of the window.
is(sql("SELECT count(*) FROM calls WHERE event = 'before_drop' AND lower_value::date BETWEEN " . monday(7) . " AND $gone AND rows <> 5 * ($retention + 1 + $ahead)"), '0', 'and found all its rows');
is(sql(q(SELECT count(*) FROM pg_class WHERE relnamespace = 'attic'::regnamespace AND relkind = 'p')), '7', 'the archive holds those of seven weeks');

$node->stop;
done_testing();
