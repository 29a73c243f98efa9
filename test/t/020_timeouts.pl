# ppm.statement_timeout, which stops what takes too long, and the session's statement_timeout, which is for the session's
# own statements.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('timeouts');
my ($result, $output, $messages);

# To create a partition of a table called slow... takes as long as the rest of the table's name says, in milliseconds.
$node->safe_psql('postgres', <<'EOF' . daily_table('a', 2) . daily_table('slow_60000', 2) . daily_table('z', 2));
CREATE FUNCTION take_time() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(substring(object_identity FROM 'slow_(\d+)_')::int / 1000.0)
	FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ 'slow_\d+_';
END $$;
CREATE EVENT TRIGGER take_time ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION take_time();
EOF

#
# ppm's own
#

($result, $output, $messages) = run_sql($node, "SET ppm.statement_timeout = '500ms'; CALL ppm.provision()");
like($messages, qr/ERROR:  PM004: could not provision 1 of 3 tables$/m, 'a table that takes too long is a failure');
like(
	$messages,
	qr/^DETAIL:  table "public\.slow_60000", partition "slow_60000_2026_03_15": canceling statement due to statement timeout, in PL\/pgSQL function take_time\(\) line 3 at PERFORM \(SQLSTATE 57014\)$/m,
	'which names the table, the partition and the reason');
is(partitions_of($node, 'a'), '15 16 17', 'the table before it is provisioned');
is(partitions_of($node, 'z'), '15 16 17', 'the table after it too');
is(partitions_of($node, 'slow_60000'), '', 'the slow one is not');
is(half_made($node), '', 'nothing is half-made');
is(advisory_locks($node), 0, 'no lock is left');

$node->safe_psql('postgres', 'DROP TABLE z; ' . daily_table('y', 2));
($result, $output, $messages) = run_sql($node,
	"SET ppm.statement_timeout = '500ms'; BEGIN; CALL ppm.provision(); COMMIT", on_error_stop => 0);
like($messages, qr/^DETAIL:  table "public\.slow_60000".*\(SQLSTATE 57014\).*\n(?:table "public\.slow_60000".*\n)*table "public\.z".*\(table_missing\)/m,
	'in a transaction block the call continues, too, to report all failures');
like($messages, qr/NOTICE:.*y_2026_03_17/, 'and all that would have succeeded');
is(partitions_of($node, 'y'), '', 'but keeps nothing');

$node->safe_psql('postgres', q(DROP TABLE slow_60000; DELETE FROM ppm.config WHERE table_name IN ('slow_60000', 'z')));

# A table's own expressions cannot give themselves more time: what the index of the default partition sets, when ppm looks
# for rows there, does not help the constraint, which is evaluated when the partition is attached.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION stretch() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('ppm.statement_timeout', '1h', false), set_config('statement_timeout', '0', false);
	RETURN 1;
END $$;
CREATE FUNCTION oversleep() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('public.stretched_2026_03_15') IS NOT NULL THEN
		PERFORM pg_sleep(1);
	END IF;
	RETURN 1;
END $$;
CREATE TABLE stretched (day date NOT NULL, n int CHECK (n > oversleep())) PARTITION BY RANGE (day);
CREATE TABLE stretched_default PARTITION OF stretched DEFAULT;
CREATE INDEX ON stretched_default (day) WHERE n > stretch();
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('stretched', 'daily', 1);
EOF
($result, $output, $messages) = run_sql($node, <<'EOF', on_error_stop => 0);
SET ppm.statement_timeout = '500ms';
CALL ppm.provision('stretched');
SHOW ppm.statement_timeout;
EOF
like($messages, qr/^DETAIL:  table "public\.stretched", partition "stretched_2026_03_15": .*\(SQLSTATE 57014\)/m, 'expressions of a table cannot give themselves more time');
is($output, '500ms', 'nor the session');
$node->safe_psql('postgres', q(DROP TABLE stretched; DELETE FROM ppm.config WHERE table_name = 'stretched'));

# The largest value that the settings take is one, too, for everything that waits.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE longest (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE longest_old PARTITION OF longest FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('longest', 'daily', 1, 1);
EOF
($result, $output, $messages) = run_sql($node, "SET ppm.statement_timeout = 2147483647; SET ppm.lock_timeout = 2147483647; CALL ppm.run_all('longest')");
is($result, 0, 'the largest timeouts work');
like($messages, qr/NOTICE:.*created partition "public\.longest_2026_03_16".*NOTICE:.*detached partition "public\.longest_old"/s, 'with the worker, too');
$node->safe_psql('postgres', q(DROP TABLE longest; DELETE FROM ppm.config WHERE table_name = 'longest'));

#
# The session's
#

my $oversleep = 'SELECT pg_sleep(60);';
my $cancelled = qr/ERROR:  57014: canceling statement due to statement timeout$/m;

$node->safe_psql('postgres', daily_table('slow_100', 4));
($result, $output, $messages) = run_sql($node, <<"EOF", on_error_stop => 0);
SET statement_timeout = '300ms';
CALL ppm.provision();
$oversleep
EOF
is(partitions_of($node, 'slow_100'), '15 16 17 18 19', 'a call may take longer than the session\'s statement_timeout');
unlike($messages, qr/PM004/, 'without a failure');
like($messages, $cancelled, 'which stops the next statement');
is(scalar(() = $messages =~ /ERROR/g), 1, 'and only that');

$node->safe_psql('postgres', daily_table('slow_101', 4));
($result, $output, $messages) = run_sql($node, <<"EOF", on_error_stop => 0);
SET statement_timeout = '300ms';
BEGIN;
CALL ppm.provision();
COMMIT;
$oversleep
EOF
is(partitions_of($node, 'slow_101'), '15 16 17 18 19', 'in a transaction block too');
like($messages, $cancelled, 'the next statement is stopped');
is(scalar(() = $messages =~ /ERROR/g), 1, 'and only that');


# The time goes by while provision waits for the table's lock, and while it pauses.
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 3 WHERE table_name = \'y\'');
my $holder = hold($node, 'LOCK TABLE ONLY y IN SHARE MODE');
($result, $output, $messages) = run_sql($node, <<"EOF", on_error_stop => 0);
SET ppm.lock_timeout = '100ms';
SET statement_timeout = '150ms';
CALL ppm.provision();
$oversleep
EOF
like($messages, qr/ERROR:  PM004.*\nDETAIL:  table "public\.y", partition "y_2026_03_18": .*\(SQLSTATE 55P03\)/,
	'waits and pauses do not count for the session\'s statement_timeout');
like($messages, $cancelled, 'the next statement is stopped');
$holder->query_safe('ROLLBACK');

# ... or while it waits for another call.
$holder->query_safe("BEGIN; CALL ppm.provision('y')");
($result, $output, $messages) = run_sql($node, <<"EOF", on_error_stop => 0);
SET ppm.lock_timeout = '400ms';
SET statement_timeout = '100ms';
CALL ppm.provision();
$oversleep
EOF
like($messages, qr/ERROR:  PM004.*\nDETAIL:  table "public\.y": another call of ppm is at work on the table \(SQLSTATE 55P03\)/,
	'nor does a wait for another call');
like($messages, $cancelled, 'the next statement is stopped');
$holder->query_safe('ROLLBACK');
$holder->quit;

# In a statement that goes on after the call, the session's timeout goes on too.
$node->safe_psql('postgres', daily_table('slow_102', 1));
foreach my $transaction ('', 'BEGIN;')
{
	my $where = $transaction ? 'in a transaction block' : 'outside';

	($result, $output, $messages) = run_sql($node, <<"EOF");
SET statement_timeout = '300ms';
$transaction
DO 'BEGIN CALL ppm.provision(\$\$slow_102\$\$); PERFORM pg_sleep(60); END';
EOF
	like($messages, qr/NOTICE:.*slow_102_2026_03_16.*$cancelled/s, "$where, statement_timeout stops what comes after the call");

	# ppm.statement_timeout does not.
	$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 2 WHERE table_name = \'slow_102\'');
	($result, $output, $messages) = run_sql($node, <<"EOF");
SET ppm.statement_timeout = '500ms';
$transaction
DO 'BEGIN CALL ppm.provision(\$\$slow_102\$\$); PERFORM pg_sleep(0.7); END';
EOF
	is($result, 0, "$where, ppm.statement_timeout does not");
	like($messages, qr/NOTICE:.*slow_102_2026_03_17/, 'stop what comes after the call');
	$node->safe_psql('postgres', q(DROP TABLE slow_102; DELETE FROM ppm.config WHERE table_name = 'slow_102';) . daily_table('slow_102', 1));
}

$node->stop;
done_testing();
