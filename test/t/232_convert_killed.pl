# A conversion is killed at each of its steps: nothing is lost, the table can be used, and the next call goes on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('convert_killed', conf => 'restart_after_crash = on');
my ($result, $output, $messages);

sub asked
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

asked(<<'EOF');
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, created_at timestamptz DEFAULT '2026-03-15 12:00+00', note text);
INSERT INTO orders (created_at, note) SELECT timestamptz '2026-03-10 00:00+00' + n * interval '1 minute', n FROM generate_series(1, 5000) AS n;
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('orders', 'created_at', 'daily', 2);

-- Waits for the advisory lock of the step that is being done, at its end.
CREATE FUNCTION wait_in_the_middle() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE check_is_valid boolean := (SELECT convalidated FROM pg_constraint WHERE conname = 'ppm_conversion_check' AND conrelid = to_regclass('public.orders'));
BEGIN
	PERFORM pg_advisory_xact_lock_shared(CASE
		WHEN to_regclass('public.orders_ppm') IS NOT NULL THEN CASE WHEN EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.orders_until_20260318') AND relispartition) THEN 6 ELSE 7 END
		WHEN EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.orders_until_20260318') AND relispartition) THEN 5
		WHEN to_regclass('public.orders_until_20260318') IS NOT NULL THEN CASE WHEN to_regclass('public.orders') IS NULL THEN 3 ELSE 4 END
		WHEN check_is_valid THEN 2 WHEN NOT check_is_valid THEN 1 ELSE 0 END);
END $$;
CREATE EVENT TRIGGER wait_in_the_middle ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'CREATE TABLE') EXECUTE FUNCTION wait_in_the_middle();
EOF
my $all = 'SELECT count(*), sum(id), min(created_at), max(created_at) FROM orders';
my $rows = asked($all);

sub is_as_it_was
{
	my ($when) = @_;
	is(asked($all), $rows, "$when: no row is lost");
	is(asked("BEGIN; INSERT INTO orders (note) VALUES ('here'); SELECT tableoid::regclass FROM orders WHERE note = 'here'; ROLLBACK"), 'orders', "$when: rows can be written");
	is(advisory_locks($node), 0, "$when: no lock is left");
	return;
}

# Ends the call in the middle, when it waits: by a signal, or with the server.
sub kill_call
{
	my ($how, $name, $call) = @_;
	if ($how eq 'terminated')
	{
		asked("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '$name'");
	}
	elsif ($how eq 'killed')
	{
		kill_hard($node, asked("SELECT pid FROM pg_stat_activity WHERE application_name = '$name'"));
	}
	else
	{
		$node->stop('immediate');
	}
	($result, $output, $messages) = finish_sql($call);
	return $result;
}

sub is_killed_in
{
	my ($step, $how, $sql, $what) = @_;
	my $holder = hold($node, "SELECT pg_advisory_xact_lock($step)");
	my $call = start_sql($node, 'dying', "$patience $sql");
	# The worker waits in its place while it validates.
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)") or die 'nobody waits';
	isnt(kill_call($how, 'dying', $call), 0, "$what, $how: the call has ended");
	if ($how eq 'terminated') { $holder->quit; }
	else { $holder->{run}->finish; }
	$node->start if $how eq 'crashed';
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker')") or die 'the worker has not ended';
	is_as_it_was("$what, $how");
	return;
}

# While the worker builds the index it waits for a transaction that has written the table.
foreach my $how ('terminated', 'killed', 'crashed')
{
	my $writer = hold($node, "INSERT INTO orders (note) VALUES ('uncommitted')");
	my $call = start_sql($node, 'dying', "$patience CALL ppm.convert('orders', true)");
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted)") or die 'the worker does not wait';
	isnt(kill_call($how, 'dying', $call), 0, "building the index, $how: the call has ended");
	if ($how eq 'terminated') { $writer->query_safe('ROLLBACK'); $writer->quit; }
	else { $writer->{run}->finish; }
	$node->start if $how eq 'crashed';
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker')") or die 'the worker has not ended';
	# Mostly half an index: whoever held the worker up may have died before it.
	isnt(asked("SELECT to_regclass('orders_pkey_ppm')"), '', 'there is what was built of the index');
	is_as_it_was("building the index, $how");
	# Else the next call begins with this, and waits for the writer.
	asked('DROP INDEX orders_pkey_ppm') unless $how eq 'crashed';
}

foreach my $how ('terminated', 'killed', 'crashed')
{
	is_killed_in(1, $how, "CALL ppm.convert('orders', true)", 'binding');
	is(asked("SELECT count(*) FROM pg_constraint WHERE conname = 'ppm_conversion_check'"), 0, 'writers are not restricted');
	is(asked("SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_pkey_ppm'::regclass"), 't', 'the index is built');
}
foreach my $how ('terminated', 'killed', 'crashed')
{
	is_killed_in(2, $how, "CALL ppm.convert('orders', true)", 'validating');
	is(asked("SELECT convalidated FROM pg_constraint WHERE conname = 'ppm_conversion_check'"), 'f', 'it is still to be validated');
}
($result, $output, $messages) = run_sql($node, 'DROP EXTENSION ppm');
like($messages, qr/ERROR:  2BP01: cannot drop extension ppm because other objects depend on it\n.*constraint ppm_conversion_check on table orders/, 'ppm cannot be dropped in between');

my $step = 3;
foreach my $what ('having renamed', 'having created', 'having attached')
{
	is_killed_in($step, $_, "CALL ppm.convert('orders', true)", $what) foreach ('terminated', 'killed', 'crashed');
	is(asked("SELECT relkind, (SELECT convalidated FROM pg_constraint WHERE conname = 'ppm_conversion_check') FROM pg_class WHERE oid = 'orders'::regclass"), 'r|t', 'the table is as it was');
	$step++;
}

# It cannot get the lock.
my $reader = hold($node, 'SELECT count(*) FROM orders');
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.convert('orders', true)");
like($messages, qr/ERROR:  55P03: canceling statement due to lock timeout; locks are held by process \d+/, 'where somebody holds the table it gives up');
is_as_it_was('given up') if $reader->query_safe('COMMIT') || 1;
$reader->quit;

# Two calls.
my $holder = hold($node, 'SELECT pg_advisory_xact_lock(3)');
my $call = start_sql($node, 'first', "$patience CALL ppm.convert('orders', true)");
wait_until_waits($node, 'first', 'advisory');
($result, $output, $messages) = run_sql($node, "CALL ppm.convert('orders', true)");
like($messages, qr/ERROR:  55P03: another call of ppm is at work on table "public\.orders"$/m, 'a second call is refused');
$holder->query_safe('COMMIT');
$holder->quit;
($result, $output, $messages) = finish_sql($call);
is($result, 0, 'and the first one gets there');
is(asked($all), $rows, 'no row is lost');
is(asked("SELECT string_agg(code || ' ' || partition, ', ') FROM ppm.check()"), 'off_grid orders_until_20260318', 'all is well');
is(asked("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'orders_pkey'"), 'PRIMARY KEY (id, created_at)', 'the key is longer');

# The way back.
foreach my $how ('terminated', 'killed', 'crashed')
{
	foreach my $at (6, 7)
	{
		my $taker = hold($node, "SELECT pg_advisory_xact_lock($at)");
		my $abandon = start_sql($node, 'dying', "$patience CALL ppm.abandon('orders')");
		wait_until_waits($node, 'dying', 'advisory');
		isnt(kill_call($how, 'dying', $abandon), 0, "undoing, $how: the call has ended");
		if ($how eq 'terminated') { $taker->quit; }
		else { $taker->{run}->finish; }
		$node->start if $how eq 'crashed';
		is(asked("SELECT relkind FROM pg_class WHERE oid = 'orders'::regclass"), 'p', 'the table is still partitioned');
		is(asked($all), $rows, 'no row is lost');
	}
}
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('orders')");
is($result, 0, 'then the conversion is undone');
like($messages, qr/WARNING:  01000: unique keys still include the partition key\nHINT:  To restore them as they were before the conversion: (ALTER TABLE public\.orders DROP CONSTRAINT orders_pkey; ALTER TABLE public\.orders ADD CONSTRAINT orders_pkey PRIMARY KEY \(id\);)$/m, 'except the primary key');
my ($restoring) = $messages =~ /before the conversion: (.*)$/m;
is(asked($all), $rows, 'no row is lost');

# Before the swap, too.
is_killed_in(2, 'terminated', "CALL ppm.convert('orders')", 'validating again');
asked("CALL ppm.abandon('orders')");
is(asked("SELECT count(*) FROM pg_constraint WHERE conname = 'ppm_conversion_check'"), 0, 'an interrupted conversion is undone');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('orders')");
like($messages, qr/ERROR:  55000: there is nothing to abandon for table/, 'once');
run_sql($node, $restoring);
is(asked("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'p'"), 'PRIMARY KEY (id)', 'the key is restored as the hint says');
asked('DROP EVENT TRIGGER wait_in_the_middle');
is($node->psql('postgres', 'DROP EXTENSION ppm'), 0, 'and ppm can be dropped');

$node->stop;
done_testing();
