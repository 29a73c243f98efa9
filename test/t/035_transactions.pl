# provision in a transaction block, where it is atomic, and outside, where each partition is a transaction of its own; the
# same from functions, procedures and DO blocks.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('transactions');
my ($result, $output, $messages);

sub exists_table
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SELECT to_regclass('$name') IS NOT NULL");
}

# The days of March for which the table has a partition by its own name.
sub made
{
	my ($table) = @_;
	return $node->safe_psql('postgres', <<"EOF");
SELECT coalesce(string_agg(right(relname, 2), ' ' ORDER BY relname), '')
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = '$table'::regclass AND relname ~ '^${table}_2026_03_..\$'
EOF
}

# Tables a and b, with nothing done yet.
sub start_over
{
	$node->safe_psql('postgres',
		'SET client_min_messages = warning; DROP TABLE IF EXISTS a, b, c; DELETE FROM ppm.config;'
		  . daily_table('a', 2)
		  . daily_table('b', 2));
	return;
}

#
# A migration
#

($result, $output, $messages) = run_sql($node,
	'BEGIN; ' . daily_table('a', 2) . 'CALL ppm.provision(); SELECT count(*) FROM pg_inherits; ROLLBACK;');
is("$result $output", '0 3', 'a table is created, configured and provisioned in one transaction');
is(exists_table('a'), 'f', 'rolled back, it is gone');
is(exists_table('a_2026_03_15'), 'f', 'its partitions too');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.config'), 0, 'its configuration too');

($result, $output, $messages) = run_sql($node, 'BEGIN; ' . daily_table('a', 2) . "CALL ppm.provision('a'); COMMIT;");
is($result, 0, 'the same, committed');
is(partitions_of($node, 'a'), '15 16 17', 'is all there');

# Several statements that are sent as one string are a transaction block too.
start_over();
my $one_string = 'CALL ppm.provision(); SELECT 1/0';
$node->psql('postgres', '', extra_params => [ '-c', $one_string ], stderr => \$messages);
like($messages, qr/created partition .*division by zero/s, 'an error after the call in the same string');
is(partitions_of($node, 'a'), '', 'takes back what it did');
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision(); SELECT 1/0');
is(partitions_of($node, 'a'), '15 16 17', 'an error in the next string does not');

#
# Savepoints
#

start_over();
($result, $output, $messages) = run_sql($node, <<'EOF', on_error_stop => 0);
BEGIN;
CALL ppm.provision('a');
SAVEPOINT before;
CALL ppm.provision('b');
ROLLBACK TO before;
COMMIT;
EOF
is(partitions_of($node, 'a'), '15 16 17', 'what was done before a savepoint stays');
is(partitions_of($node, 'b'), '', 'what was done after it is rolled back');
is(advisory_locks($node), 0, 'no lock is left');

#
# A failure
#

# Whose default partition has a row of that day of March, which keeps that day's partition out.
sub keep_out
{
	my ($table, $day) = @_;
	$node->safe_psql('postgres', "CREATE TABLE ${table}_rest PARTITION OF $table DEFAULT; INSERT INTO $table VALUES ('2026-03-$day')");
	return;
}

# One is met when the partition is made, one is known before.
start_over();
keep_out('b', 16);
$node->safe_psql('postgres', daily_table('c', 2) . <<'EOF');
CREATE TABLE c_going PARTITION OF c FOR VALUES FROM ('2026-03-15') TO ('2026-03-16');
SET allow_system_table_mods = on;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'c_going'::regclass;
EOF
($result, $output, $messages) = run_sql($node, 'BEGIN; CREATE TABLE companion (); CALL ppm.provision(); COMMIT', on_error_stop => 0);
like($messages, qr/ERROR:  PM004: could not provision 2 of 3 tables$/m, 'a failure in a transaction block');
like(
	$messages,
	qr/^DETAIL:  table "public\.b", partition "b_2026_03_16": .* \(SQLSTATE 23514\)\ntable "public\.c", partition "c_going": .* \(pending_detach\)\nHINT/m,
	'lists every failure');
like($messages, qr/Nothing was done/, 'says that nothing was done');
is(made($_), '', "for table $_ nothing was") foreach (qw(a b c));
is(exists_table('companion'), 'f', 'nor before the call');

($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
like($messages, qr/ERROR:  PM004: could not provision 2 of 3 tables$/m, 'the same failure outside');
is(join(', ', map { made($_) } qw(a b c)), '15 16 17, 15 17, 16 17', 'does all that can be done');

#
# Functions
#

start_over();
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION provision_all() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL ppm.provision(); END $$;
CREATE FUNCTION provision_sql() RETURNS void LANGUAGE sql AS $$ CALL ppm.provision() $$;
CREATE PROCEDURE provision_each() LANGUAGE plpgsql AS $$ BEGIN CALL ppm.provision('a'); CALL ppm.provision('b'); END $$;
EOF
($result, $output, $messages) = run_sql($node, 'SELECT provision_all(), 1/0');
is(partitions_of($node, 'a'), '', 'called from a function, provision is part of its statement');
($result, $output, $messages) = run_sql($node, 'SELECT provision_all()');
is($result, 0, 'and succeeds with that statement');
is(partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'), '15 16 17 15 16 17', 'which does all');
is(advisory_locks($node), 0, 'no lock is left');

start_over();
($result, $output, $messages) = run_sql($node, 'SELECT provision_sql()');
is("$result " . partitions_of($node, 'b'), '0 15 16 17', 'a function in SQL can call it too');

#
# Nested calls that may commit
#

start_over();
($result, $output, $messages) = run_sql($node,
	q(DO $$ BEGIN CALL ppm.provision('a'); RAISE 'after it'; END $$), on_error_stop => 0);
like($messages, qr/after it/, 'a DO block that fails after the call');
is(partitions_of($node, 'a'), '15 16 17', 'does not take back what the call has committed');
is(advisory_locks($node), 0, 'no lock is left');

start_over();
($result, $output, $messages) = run_sql($node, 'CALL provision_each()');
is("$result " . partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'), '0 15 16 17 15 16 17', 'a procedure calls it twice');

start_over();
my $holder = hold($node, 'LOCK TABLE ONLY b IN SHARE MODE');
my $call = start_sql($node, 'nested', "$patience DO 'BEGIN CALL ppm.provision(); END'");
wait_until_waits($node, 'nested', 'relation');
is(partitions_of($node, 'a'), '15 16 17', 'a nested call commits as it goes');
$holder->query_safe('COMMIT');
$holder->quit;
($result, $output, $messages) = finish_sql($call);
is("$result " . partitions_of($node, 'b'), '0 15 16 17', 'to the end');

start_over();
keep_out('b', 15);
($result, $output, $messages) = run_sql($node, 'CALL provision_each()');
like($messages, qr/ERROR:  PM004/, 'a procedure that meets a failure ends in it');
is(made('a') . ', ' . made('b'), '15 16 17, 16 17', 'after all that can be done was done');

#
# Exception handlers
#

# A block with a handler is a subtransaction: nothing can be committed in it, so the call is atomic there.
foreach my $transaction ('', 'BEGIN;')
{
	my $where = $transaction ? 'in a transaction block' : 'outside';

	start_over();
	($result, $output, $messages) = run_sql($node, <<"EOF");
$transaction
DO \$\$
BEGIN
	CALL ppm.provision();
EXCEPTION WHEN division_by_zero THEN
	NULL;
END \$\$;
@{[$transaction ? 'COMMIT;' : '']}
EOF
	is("$result " . partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'),
		'0 15 16 17 15 16 17', "$where, a block with an exception handler can call it");

	start_over();
	keep_out('b', 15);
	($result, $output, $messages) = run_sql($node, <<"EOF");
$transaction
DO \$\$
DECLARE
	what text;
BEGIN
	CREATE TABLE companion ();
	CALL ppm.provision();
EXCEPTION WHEN SQLSTATE 'PM004' THEN
	GET STACKED DIAGNOSTICS what = PG_EXCEPTION_DETAIL;
	RAISE NOTICE 'caught: %', what;
END \$\$;
@{[$transaction ? 'COMMIT;' : '']}
EOF
	is($result, 0, "$where, a handler catches the failure");
	like($messages, qr/NOTICE:.*caught: table "public\.b", partition "b_2026_03_15": .* \(SQLSTATE 23514\)$/m, 'and reads what failed');
	is(made('a') . made('b'), '', 'the handler rolls back the call');
	is(exists_table('companion'), 'f', 'and the block');
	is(advisory_locks($node), 0, 'no lock is left');
}

#
# Isolation levels
#

foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	start_over();
	($result, $output, $messages) = run_sql($node, "SET default_transaction_isolation = '$level'; CALL ppm.provision()");
	is("$result " . partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'),
		'0 15 16 17 15 16 17', "$level: a call commits as it goes");

	start_over();
	($result, $output, $messages) = run_sql($node, "BEGIN ISOLATION LEVEL $level; CALL ppm.provision(); SELECT count(*) FROM pg_inherits; COMMIT");
	is("$result $output", '0 6', "$level: a call in a transaction block");
	is(partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'), '15 16 17 15 16 17', 'does the same');

	# A transaction's snapshot does not show it what others did since, but the catalog is what it is.
	start_over();
	my $old = hold($node, "SET TRANSACTION ISOLATION LEVEL $level; SELECT count(*) FROM pg_class");
	$node->safe_psql('postgres', "CALL ppm.provision('a')");
	my ($more, $failed) = $old->query('CALL ppm.provision()');
	is($old->{stderr}, '', "$level: a transaction with an older snapshot does not repeat what another has done");
	$old->query('COMMIT');
	is(partitions_of($node, 'a') . ' ' . partitions_of($node, 'b'), '15 16 17 15 16 17', 'but does the rest');
	$old->quit;
}

$node->stop;
done_testing();
