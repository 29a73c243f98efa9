# A table that somebody else has locked: how long provision waits, how often it tries, what it says, and what it leaves of
# the session's settings.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Every wait for a lock is logged, so that the tries can be counted.
my $node = new_node('locks', conf => <<'EOF');
log_lock_waits = on
deadlock_timeout = 10ms
EOF
my $wait = qr/still waiting for ShareUpdateExclusiveLock on relation/;
my ($result, $output, $messages);

sub log_size { return -s $node->logfile }

# Each wait is logged again and again, as long as ppm looks for deadlocks.
sub waits_since
{
	my ($offset) = @_;
	my ($waits, $last) = (0, 'inf');
	foreach my $milliseconds (slurp_file($node->logfile, $offset) =~ /$wait .* after ([\d.]+) ms/g)
	{
		$waits++ if $milliseconds < $last;
		$last = $milliseconds;
	}
	return $waits;
}

#
# The lock is never to be had
#

$node->safe_psql('postgres', daily_table('a', 2) . daily_table('b', 2) . daily_table('c', 2));
my $holder = hold($node, 'LOCK TABLE ONLY b IN SHARE MODE');

my $offset = log_size();
($result, $output, $messages) = run_sql($node, <<'EOF', on_error_stop => 0);
SET ppm.lock_timeout = '100ms';
SELECT clock_timestamp() AS start \gset
CALL ppm.provision();
SELECT clock_timestamp() - :'start'::timestamptz >= '600 ms';
EOF
like($messages, qr/ERROR:  PM004: could not provision 1 of 3 tables$/m, 'a table that stays locked is a failure');
like(
	$messages,
	qr/^DETAIL:  table "public\.b", partition "b_2026_03_15": canceling statement due to lock timeout \(SQLSTATE 55P03\)(?:; locks are held by process [^;]+)?; steps not tried after it: 2$/m,
	'which names the table, the partition and the reason');
is($output, 't', 'it was tried three times, with pauses between');
cmp_ok(waits_since($offset), '<=', 3, 'and no more often');
is(partitions_of($node, 'a'), '15 16 17', 'the table before it is provisioned');
is(partitions_of($node, 'c'), '15 16 17', 'the table after it too');
is(partitions_of($node, 'b'), '', 'the locked one is not');
is(half_made($node), '', 'nothing is half-made');
is(advisory_locks($node), 0, 'no lock is left');

($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; CALL ppm.provision('c')");
is("$result $messages", '0 ', 'a call for another table does not touch it');

# Tried again in a transaction block, the call would hold its locks meanwhile.
$offset = log_size();
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; BEGIN; CALL ppm.provision('b')");
like($messages, qr/ERROR:  PM004: could not provision 1 of 1 table$/m, 'in a transaction block it fails likewise');
is(waits_since($offset), 1, 'after one try');

#
# The lock is had later
#

my $call = start_sql($node, 'patient', "$patience CALL ppm.provision('b')");
wait_until_waits($node, 'patient', 'relation');
$holder->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($call);
is($result, 0, 'a lock that is released while provision waits is taken');
is(partitions_of($node, 'b'), '15 16 17', 'and the table is provisioned');

$node->safe_psql('postgres', daily_table('d', 2));
$holder->query_safe('BEGIN; LOCK TABLE ONLY d IN SHARE MODE');
$offset = log_size();
$call = start_sql($node, 'stubborn', "SET ppm.lock_timeout = '500ms'; CALL ppm.provision('d')");
$node->wait_for_log(qr/$wait.*$wait/s, $offset);
$holder->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($call);
is($result, 0, 'a lock that is released after a try has failed is taken by the next');
is(partitions_of($node, 'd'), '15 16 17', 'and the table is provisioned');

#
# The locks that provision itself takes
#

$node->safe_psql('postgres', daily_table('f', 1) . <<'EOF');
CREATE TABLE modes (tag text, mode text);
CREATE FUNCTION note_modes() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.modes SELECT tg_tag, mode FROM pg_locks
	WHERE pid = pg_backend_pid() AND relation = 'public.f'::regclass;
END $$;
CREATE EVENT TRIGGER note_modes ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
	EXECUTE FUNCTION note_modes();
CALL ppm.provision('f');
DROP EVENT TRIGGER note_modes;
EOF
is( $node->safe_psql('postgres', <<'EOF'),
SELECT tag, string_agg(DISTINCT mode, ' ' ORDER BY mode) FROM modes GROUP BY tag ORDER BY tag DESC
EOF
	"CREATE TABLE|AccessShareLock ShareUpdateExclusiveLock\nALTER TABLE|AccessShareLock ShareUpdateExclusiveLock",
	'the table is locked before a partition is created, and attaching takes no stronger lock');

#
# A deadlock
#

# The call waits in the middle of a partition (lock 1) while another session gets in line for the table; then it waits for
# what that one holds (lock 2), which is the deadlock. The other's deadlock_timeout is such that the call detects it.
$node->safe_psql('postgres', daily_table('g', 1) . <<'EOF');
CREATE FUNCTION wait_twice() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(1);
	PERFORM pg_advisory_xact_lock(2);
END $$;
CREATE EVENT TRIGGER wait_twice ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION wait_twice();
EOF
$holder->query_safe('BEGIN; SELECT FROM pg_advisory_xact_lock(1)');
$call = start_sql($node, 'victim', "$patience CALL ppm.provision('g')");
wait_until_waits($node, 'victim', 'advisory');
my $other = start_sql($node, 'other', <<'EOF');
SET deadlock_timeout = '5min';
BEGIN;
SELECT FROM pg_advisory_xact_lock(2);
LOCK TABLE g IN SHARE MODE;
COMMIT;
EOF
wait_until_waits($node, 'other', 'relation');
$offset = log_size();
$holder->query_safe('COMMIT');
(undef, undef, $messages) = finish_sql($other);
is($messages, '', 'in a deadlock the other session is not disturbed');
($result, $output, $messages) = finish_sql($call);
like(slurp_file($node->logfile, $offset), qr/detected deadlock while waiting for ExclusiveLock on advisory lock/,
	'the call detects it');
is($result, 0, 'and the call tries again');
is(partitions_of($node, 'g'), '15 16', 'with success');
is(half_made($node), '', 'nothing is half-made');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER wait_twice');

#
# What was locked is no longer what was configured
#

foreach my $change (
	'ALTER TABLE e RENAME TO renamed',
	'CREATE SCHEMA elsewhere; ALTER TABLE e SET SCHEMA elsewhere',
	'CREATE ROLE heir; ALTER TABLE e OWNER TO heir',
	'DROP TABLE e')
{
	$node->safe_psql('postgres', daily_table('e', 1));
	$holder->query_safe("BEGIN; $change");
	$call = start_sql($node, 'surprised', "$patience CALL ppm.provision('e')");
	wait_until_waits($node, 'surprised', 'relation');
	$holder->query_safe('COMMIT');
	($result, $output, $messages) = finish_sql($call);
	like($messages, qr/^DETAIL:  table "public\.e".* concurrently \(SQLSTATE 55000\)/m, "$change is noticed");
	unlike($messages, qr/NOTICE/, 'before anything is created');
	$node->safe_psql('postgres',
		'DROP TABLE IF EXISTS e, renamed, elsewhere.e; DELETE FROM ppm.config WHERE table_name = \'e\'');
}

#
# The session's settings
#

my $set = <<'EOF';
LOAD 'ppm';
SET lock_timeout = '7s';
SET statement_timeout = '1h';
SET search_path = ppm, "$user";
SET row_security = on;
SET default_tablespace = 'pg_default';
SET default_table_access_method = 'heap';
SET check_function_bodies = off;
SET ppm.lock_timeout = '50ms';
SET ppm.statement_timeout = '5s';
EOF
my $show = q(SELECT name, setting, source FROM pg_catalog.pg_settings WHERE source = 'session' ORDER BY name);

sub settings_are_kept
{
	my ($what, $sql, $expected_messages) = @_;
	($result, $output, $messages) = run_sql($node, <<"EOF", on_error_stop => 0);
$set
\\echo before
$show;
$sql
\\echo after
$show;
EOF
	my (undef, $before, $after) = split /before\n|after\n/, $output . "\n";
	like($before, qr/^lock_timeout\|7000\|session$/m, "$what: settings are set");
	is($after, $before, "$what: and restored afterwards");
	like($messages, $expected_messages, "$what: which is what was tried");
	return;
}

$holder->query_safe('BEGIN; LOCK TABLE ONLY b IN SHARE MODE');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = pre_provisioned + 1');
settings_are_kept('success', "CALL ppm.provision('public.a');", qr/NOTICE.*a_2026_03_18/);
settings_are_kept('failure', "CALL ppm.provision('public.b');", qr/ERROR:  PM004/);
settings_are_kept('success in a transaction block', "BEGIN; CALL ppm.provision('public.c'); COMMIT;", qr/NOTICE.*c_2026_03_18/);
settings_are_kept('rollback', "BEGIN; CALL ppm.provision('public.d'); ROLLBACK;", qr/NOTICE.*d_2026_03_18/);
settings_are_kept('failure in a transaction block', "BEGIN; CALL ppm.provision('public.b'); COMMIT;", qr/ERROR:  PM004/);
settings_are_kept('a wrong call', "CALL ppm.provision('pg_class');", qr/ERROR:  PM001/);

($result, $output, $messages) = run_sql($node, <<'EOF');
SET lock_timeout = '7s';
BEGIN;
SET LOCAL lock_timeout = '8s';
CALL ppm.provision('d');
SHOW lock_timeout;
COMMIT;
SHOW lock_timeout;
EOF
is($output, "8s\n7s", 'a setting that is local to a transaction stays local to it');

$holder->quit;
$node->stop;
done_testing();
