# A call that is cancelled or whose session is terminated ends at once, keeps what it has committed and leaves nothing else.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('cancel');
my ($result, $output, $messages);

# Table a's partition of the 16th waits for advisory lock 16 between its creation and its attachment.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION wait_in_the_middle() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(16) FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ 'a_2026_03_16$';
END $$;
CREATE EVENT TRIGGER wait_in_the_middle ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
	EXECUTE FUNCTION wait_in_the_middle();
EOF

my $cancelled = qr/ERROR:  57014: canceling statement due to user request$/m;
my $terminated = qr/FATAL:  57P01: terminating connection due to administrator command$/m;

sub stop_session
{
	my ($function, $name) = @_;
	is( $node->safe_psql('postgres', "SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$name'"),
		't', "$function");
	return;
}

# Where a call of provision for tables a and b can wait: what to hold, for which lock it then waits, and which partitions
# it has made by then.
my @waits = (
	[ 'for a table', 'LOCK TABLE ONLY b IN SHARE MODE', 'relation', '15 16 17', '' ],
	[ 'for another call', q(CALL ppm.provision('b')), 'advisory', '15 16 17', '' ],
	[ 'amidst a partition', 'SELECT pg_advisory_xact_lock(16)', 'advisory', '15', '' ],);

my $holder = hold($node, 'SELECT 1');
$holder->query_safe('ROLLBACK');

foreach my $wait (@waits)
{
	my ($where, $hold, $type, @made) = @$wait;

	$node->safe_psql('postgres', daily_table('a', 2) . daily_table('b', 2));
	$holder->query_safe("BEGIN; $hold");

	# Cancel: the session goes on.
	my $call = start_sql($node, 'cancelled', <<"EOF", on_error_stop => 0);
$patience
CALL ppm.provision();
SELECT 'goes on', count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
EOF
	wait_until_waits($node, 'cancelled', $type);
	stop_session('pg_cancel_backend', 'cancelled');
	($result, $output, $messages) = finish_sql($call);
	like($messages, $cancelled, "waiting $where, the call is cancelled");
	unlike($messages, qr/PM004/, 'and does not go on to other failures');
	is($output, 'goes on|0', 'the session goes on without a lock');
	is(partitions_of($node, 'a'), $made[0], 'what was committed stays');
	is(partitions_of($node, 'b'), $made[1], 'what was not committed is gone');
	is(half_made($node), '', 'nothing is half-made');

	# In a transaction block everything goes.
	$node->safe_psql('postgres', q(DROP TABLE a; CREATE TABLE a (day date, note text) PARTITION BY RANGE (day);
		UPDATE ppm.config SET table_name = table_name WHERE table_name = 'a'));
	$call = start_sql($node, 'block', "$patience BEGIN; CALL ppm.provision(); COMMIT", on_error_stop => 0);
	wait_until_waits($node, 'block', $type);
	stop_session('pg_cancel_backend', 'block');
	($result, $output, $messages) = finish_sql($call);
	like($messages, $cancelled, "waiting $where, the call is cancelled in a transaction block");
	is(partitions_of($node, 'a'), '', 'which is rolled back');

	# Terminate.
	$call = start_sql($node, 'terminated', "$patience CALL ppm.provision()");
	wait_until_waits($node, 'terminated', $type);
	stop_session('pg_terminate_backend', 'terminated');
	($result, $output, $messages) = finish_sql($call);
	like($messages, $terminated, "waiting $where, the session is terminated");
	is($result, 2, 'the connection is lost');
	$node->poll_query_until('postgres',
		q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'terminated')));
	is(partitions_of($node, 'a'), $made[0], 'what was committed stays');
	is(partitions_of($node, 'b'), $made[1], 'what was not committed is gone');
	is(half_made($node), '', 'nothing is half-made');

	$holder->query_safe('ROLLBACK');
	is(advisory_locks($node), 0, 'no lock is left');
	($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
	is($result, 0, 'the next call succeeds');
	is(partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'), '15 16 17 15 16 17', 'and completes the tables');
	$node->safe_psql('postgres', 'DROP TABLE a, b; DELETE FROM ppm.config');
}

#
# In a pause
#

# Between two tries a call holds nothing, and can be cancelled too. With waits of 1 ms, nearly all of its time is pauses; the
# loop sees to it that the cancellation has been for one.
$node->safe_psql('postgres', daily_table('a', 2));
$holder->query_safe('BEGIN; LOCK TABLE ONLY a IN SHARE MODE');
my $held;
for my $try (1 .. 20)
{
	my $watch = start_sql($node, 'watch', <<'EOF');
DO $$
DECLARE
	held bigint;
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot();
		SELECT (SELECT count(*) FROM pg_locks WHERE pid = a.pid AND mode <> 'ExclusiveLock') + count(backend_xmin) + count(backend_xid)
		INTO held FROM pg_stat_activity a
		WHERE application_name = 'pausing' AND wait_event_type = 'Extension' GROUP BY a.pid;
		EXIT WHEN FOUND;
		PERFORM pg_sleep(0.002);
	END LOOP;
	PERFORM pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pausing';
	RAISE NOTICE 'held %', held;
END $$;
EOF
	my $call = start_sql($node, 'pausing', "SET ppm.lock_timeout = '1ms'; CALL ppm.provision()");
	(undef, undef, $messages) = finish_sql($call);
	if ($messages =~ $cancelled)
	{
		(undef, undef, $held) = finish_sql($watch);
		last;
	}
	$watch->{run}->kill_kill;
}
like($messages, $cancelled, 'a pause is cancelled');
like($held, qr/held 0$/m, 'which held neither lock nor snapshot');
is(advisory_locks($node), 0, 'no lock is left');

$holder->quit;
$node->stop;
done_testing();
