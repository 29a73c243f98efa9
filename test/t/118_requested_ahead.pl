# The worker is asked to detach the next partition before the session has heard that it has removed the last one: it goes on by itself if that
# went well, and only then. Whatever interrupts it, only the partition that it works on may be left half removed.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('requested_ahead', conf => "ppm.work_date = ''\nrestart_after_crash = on\n");

# Four outdated days, 1 to 4, and today; a row each.
my $setup = <<'EOF';
SET client_min_messages = error;
DROP VIEW IF EXISTS one;
DROP TABLE IF EXISTS referring, orders, orders_1, orders_2, orders_3, orders_4;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DELETE FROM ppm.history;  -- what has failed before would come last
CREATE TABLE orders (day date PRIMARY KEY) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('orders', 'daily', 1, 1, 'drop');
CALL ppm.provision();
SELECT format('CREATE TABLE orders_%s PARTITION OF orders FOR VALUES FROM (%L) TO (%L)', n, current_date - 6 + n, current_date - 5 + n) FROM generate_series(1, 4) AS n \gexec
INSERT INTO orders SELECT current_date - 6 + n FROM unnest(ARRAY[1, 2, 3, 4, 6]) AS n;
EOF

# Which of the four are partitions still.
sub state
{
	return $node->safe_psql('postgres', <<'EOF');
SELECT coalesce(string_agg(right(relname, 1), ' ' ORDER BY relname), '') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'orders'::regclass AND relname ~ '^orders_[1-4]$' AND NOT inhdetachpending
EOF
}

sub rows_left { return $node->safe_psql('postgres', 'SELECT count(*) FROM orders') }

sub pid_of_caller
{
	return $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE application_name = 'caller' AND backend_type = 'client backend'));
}

# Has a reader of the table keep the worker waiting at the first partition.
sub begin
{
	my ($more) = @_;
	$node->safe_psql('postgres', $setup . ($more // ''));
	my $reader = hold($node, 'SELECT FROM orders');
	my $caller = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();");
	wait_until_worker_waits($node, 'virtualxid');
	return ($reader, $caller);
}

# The same, and the caller hears nothing from then on. Returns what has it hear again, and waits for its end.
sub begin_deaf
{
	my ($reader, $caller) = begin(@_);
	my $pid = pid_of_caller();
	kill 'STOP', $pid or die "process $pid cannot be stopped";
	$reader->query_safe('COMMIT');
	$reader->quit;
	return sub {
		kill 'CONT', $pid or die "process $pid cannot go on";
		return finish_sql($caller);
	};
}

sub wait_until_idle
{
	$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'ppm worker' AND wait_event = 'MessageQueueReceive'))
	  or die 'the worker is not idle';
	return;
}

# All went well.
my $go_on = begin_deaf();
ok($node->poll_query_until('postgres', q(SELECT to_regclass('orders_2') IS NULL)), 'the worker goes on by itself');
wait_until_idle();
is(state(), '3 4', 'with the partition that it was asked for, and no other');
my ($result) = $go_on->();
is("$result " . state() . rows_left(), '0 1', 'all are removed in the end, and no other row');
is($node->safe_psql('postgres', <<'EOF'), 'detach 1, drop 1, detach 2, drop 2, detach 3, drop 3, detach 4, drop 4', 'and recorded, in their order');
SELECT string_agg(action || ' ' || right(partition, 1), ', ' ORDER BY at, partition, action)
FROM ppm.history WHERE action IN ('detach', 'drop') AND outcome = 'ok' AND run_id = (SELECT max(run_id) FROM ppm.history)
EOF

# Others waited for the first one: they get their turn before the next.
$go_on = begin_deaf('CREATE TABLE referring (day date REFERENCES orders); CREATE INDEX ON referring (day);');
ok($node->poll_query_until('postgres', q(SELECT to_regclass('orders_1') IS NULL)), 'one partition is removed');
wait_until_idle();
is(state(), '2 3 4', 'and the next is not begun, because others may have waited');
($result) = $go_on->();
is("$result " . state() . rows_left(), '0 1', 'all are removed in the end');

# The first one cannot be dropped at once.
$go_on = begin_deaf('CREATE VIEW one AS SELECT * FROM orders_1;');
ok($node->poll_query_until('postgres', q(SELECT EXISTS (SELECT FROM ppm.detached WHERE version IS NOT NULL))), 'one partition is detached, and not dropped');
wait_until_idle();
is(state(), '2 3 4', 'and the next is not begun');
($result, undef, my $messages) = $go_on->();
like($messages, qr/PM006.*orders_1": cannot drop table orders_1 because other objects depend on it/s, 'its drop fails');
is(state() . rows_left() . $node->safe_psql('postgres', 'SELECT count(*) FROM one'), '11', 'the others are removed');

# Somebody keeps more while the first one is under way, and the next is asked for.
my ($reader, $caller) = begin();
$node->safe_psql('postgres', 'UPDATE ppm.config SET retention = 10');
$reader->query_safe('COMMIT');
($result, undef, $messages) = finish_sql($caller);
is(state(), '2 3 4', 'a longer retention keeps what was asked for already');
run_sql($node, 'CALL ppm.run_all()') foreach 1, 2;
is(state() . ' ' . rows_left(), '1 2 3 4 5', 'and the first one comes back');

# It is interrupted while it works on the second one.
my %faults = (
	'a cancel of the caller' => sub { $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . pid_of_caller() . ')') },
	'the end of the caller' => sub { $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . pid_of_caller() . ')') },
	'the end of the worker' => sub { $node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'ppm worker')) },
	'a kill -9 of the worker' => sub { kill_hard($node, $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'ppm worker'))) });
foreach my $fault (sort keys %faults)
{
	($reader, $caller) = begin();
	my $other = hold($node, 'SELECT FROM orders_2');
	$reader->query_safe('COMMIT');
	wait_until_worker_waits($node, 'relation');
	$faults{$fault}->();
	($result) = finish_sql($caller);
	isnt($result, 0, "$fault is an error");
	if ($fault =~ /kill/)
	{
		$_->{run}->finish foreach $reader, $other;
	}
	else
	{
		$_->quit foreach $reader, $other;
	}
	ok($node->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker'))), 'the worker has ended');
	# The first transaction of its detach need not be on disk yet.
	my $second = $fault =~ /kill/ ? qr/(2 )?/ : qr//;
	like(state() . $node->safe_psql('postgres', q(SELECT to_regclass('orders_1') IS NULL, count(*) FROM orders_2)), qr/^${second}3 4t\|1$/, 'the first partition is removed, the second pending, the others are as before');
	($result) = run_sql($node, 'CALL ppm.cleanup()');
	is("$result " . state() . rows_left(), '0 1', 'one further call removes the rest');
}

done_testing();
