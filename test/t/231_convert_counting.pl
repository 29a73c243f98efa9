# A plain table whose key counts becomes partitioned: its end lies above what the keys reach meanwhile.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('convert_counting');
my ($result, $output, $messages);

sub asked
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

sub fresh
{
	my ($sql) = @_;
	return asked("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DELETE FROM ppm.config; $sql");
}

sub configure
{
	my ($interval, $more) = @_;
	return "SET client_min_messages = error; INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('events', 'id', '$interval', 2);";
}

foreach my $type ('smallint', 'integer', 'bigint')
{
	fresh("CREATE TABLE events (id $type GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text); INSERT INTO events (note) SELECT n FROM generate_series(1, 2500) AS n;" . configure(1000));
	is(asked("SELECT code FROM ppm.validate()"), 'not_partitioned', "$type: it is said that the table is plain");
	like(asked("SELECT statement FROM ppm.plan_conversion('events') WHERE action = 'bind'"), qr/CHECK \(id IS NOT NULL AND id < '5000'\) NOT VALID/, "$type: the plan");
	asked("CALL ppm.convert('events')");
	is(asked("SELECT string_agg(concat_ws(' ', partition, lower_value, upper_value), ',' ORDER BY upper_value) FROM ppm.partitions WHERE table_name = 'events'"),
		'events_until_5000 MINVALUE 5000', "$type: the old table holds what is below the end");
	is(asked("SELECT string_agg(code, ',') FROM ppm.check()"), 'off_grid', "$type: and nothing is missing");
	is(asked("INSERT INTO events (note) VALUES ('next') RETURNING id"), 2501, "$type: the identity goes on");
	asked("ALTER TABLE events ALTER id RESTART WITH 4999; INSERT INTO events (note) VALUES ('last'); CALL ppm.provision(); INSERT INTO events (note) VALUES ('first');");
	is(asked("SELECT string_agg(tableoid::regclass || ' ' || id, ',' ORDER BY id) FROM events WHERE id > 2501"), 'events_until_5000 4999,events_5000 5000', "$type: and into the next partition");
	asked("CALL ppm.repartition('events')") if $type eq 'bigint';
	is(asked("SELECT string_agg(partition, ',' ORDER BY partition) FROM ppm.partitions WHERE lower_value IN ('0', '1000', '2000', '3000', '4000')"), 'events_0,events_1000,events_2000,events_3000,events_4000', 'its rows can be spread')
		if $type eq 'bigint';
	is(asked('SELECT count(*) FROM events'), 2503, "$type: no row is lost");
}

# An empty one begins with its sequence.
fresh('CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000000) PRIMARY KEY);' . configure(1000));
asked("CALL ppm.convert('events')");
is(asked("SELECT partition FROM ppm.partitions WHERE table_name = 'events' ORDER BY 1 LIMIT 1"), 'events_until_1003000', 'an empty table ends above the start of its sequence');
asked("CALL ppm.abandon('events')");
is(asked("SELECT relkind FROM pg_class WHERE oid = 'events'::regclass"), 'r', 'and back');

# The end of the type, no index, negative keys.
fresh('CREATE TABLE events (id smallint PRIMARY KEY); INSERT INTO events VALUES (32000);' . configure(1000));
like(asked("SELECT detail FROM ppm.plan_conversion('events')"), qr/The greatest key is 32000: the old table would have to hold everything/, 'the keys are near the end of the type');
fresh('CREATE TABLE events (id bigint NOT NULL);' . configure(1000));
is(asked("SELECT concat_ws(' | ', detail, hint) FROM ppm.plan_conversion('events') WHERE action = 'obstacle'"),
	'No index begins with the key "id", so ppm cannot see how fast its values grow. | CREATE INDEX CONCURRENTLY ON public.events (id);', 'without an index nobody could watch the keys');
($result, $output, $messages) = run_sql($node, "CALL ppm.convert('events')");
like($messages, qr/ERROR:  55000: table "public.events" cannot be converted as it is\n.*No index begins with the key/s, 'and it is refused');
fresh('CREATE TABLE events (id bigint PRIMARY KEY); INSERT INTO events VALUES (-2500);' . configure(1000));
asked("CALL ppm.convert('events')");
is(asked("SELECT partition FROM ppm.partitions WHERE table_name = 'events' ORDER BY 1 LIMIT 1"), 'events_until_0', 'keys below zero');

# A held worker, while the keys grow towards the end: the end is set anew, before a statement fails.
fresh(<<'EOF' . configure(1000));
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
INSERT INTO events (note) SELECT n FROM generate_series(1, 100) AS n;
CREATE FUNCTION wait_for_it() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = 'ppm_conversion_check' AND NOT convalidated AND pg_get_constraintdef(oid) LIKE '%''3000''%') AND (SELECT backend_type FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()) = 'ppm worker' THEN
		PERFORM pg_catalog.pg_advisory_xact_lock_shared(1);
	END IF;
END $$;
CREATE EVENT TRIGGER wait_for_it ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION wait_for_it();
EOF
my $holder = hold($node, 'SELECT pg_advisory_xact_lock(1)');
my $call = start_sql($node, 'converts', "SET ppm.lock_timeout = '100s'; CALL ppm.convert('events')");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)") or die 'nobody waits';
asked("INSERT INTO events (note) SELECT n FROM generate_series(1, 1950) AS n");
($result, $output, $messages) = finish_sql($call);
is($result, 0, 'the conversion ends') or diag $messages;
like(asked("SELECT partition FROM ppm.partitions WHERE table_name = 'events' ORDER BY 1 LIMIT 1"), qr/^events_until_(?!3000)\d+$/, 'with a later end');
is(asked('SELECT count(*) FROM events'), 2050, 'and no row was refused');
$holder->quit;

$node->stop;
done_testing();
