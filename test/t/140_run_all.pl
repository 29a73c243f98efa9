# CALL ppm.run_all() and ppm.history where something comes between: interruptions, crashes, locks on ppm's own tables, other calls,
# other roles. And that who only reads waits for nobody.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('run_all', conf => "timezone = 'UTC'\n");
my ($result, $output, $messages);

# A session called `caller` waits for advisory lock N before it creates or drops its Nth table, if somebody holds it.
$node->safe_psql('postgres', <<'EOF');
CREATE SEQUENCE commands;
GRANT ALL ON commands TO PUBLIC;
CREATE FUNCTION wait_here() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
	IF current_setting('application_name') = 'caller' AND tg_tag IN ('CREATE TABLE', 'DROP TABLE') THEN
		PERFORM pg_advisory_xact_lock_shared(nextval('public.commands'));
	END IF;
END $$;
CREATE EVENT TRIGGER wait_here ON ddl_command_start EXECUTE FUNCTION wait_here();
EOF

# Of three days from the 14th on, and one outdated.
sub days
{
	my ($name) = @_;
	return <<"EOF";
CREATE TABLE $name (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE ${name}_old PARTITION OF $name FOR VALUES FROM ('2026-02-01') TO ('2026-02-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', 1, 1, 'drop');
EOF
}

# What is recorded of a table: `create a_2026_03_14 ok`, ...
sub history
{
	my ($name) = @_;
	return $node->safe_psql('postgres', <<"EOF");
SELECT concat_ws(' ', action, partition, outcome, sqlstate) FROM ppm.history WHERE table_name = '$name' ORDER BY run_id, at, message
EOF
}

sub last_outcome
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SELECT string_agg(procedure || ' ' || outcome, ', ' ORDER BY procedure) FROM ppm.last_run WHERE table_name = '$name'");
}

# A call of run_all that waits in its second DDL command until $holder ends its transaction.
sub start_and_stop_at_second
{
	my ($table) = @_;
	$node->safe_psql('postgres', days($table));
	$node->safe_psql('postgres', "SELECT setval('commands', 1, false)");
	my $holder = hold($node, 'SELECT pg_advisory_xact_lock(2)');
	my $call = start_sql($node, 'caller', "$patience\nCALL ppm.run_all('$table')");
	wait_until_waits($node, 'caller', 'advisory');
	return ($holder, $call);
}

sub release
{
	my ($holder) = @_;
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	return;
}

#
# Interruptions
#

my @done = ('create %s_2026_03_14 ok', 'create %s_2026_03_15 ok', 'create %s_2026_03_16 ok', 'detach %s_old ok', 'drop %s_old ok');
sub all_done
{
	my ($table, @which) = @_;
	return join "\n", map { s/%s/$table/r } @done[@which];
}

my ($holder, $call) = start_and_stop_at_second('cancelled');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
($result, $output, $messages) = finish_sql($call);
like($messages, qr/ERROR:  57014: canceling statement due to user request$/m, 'a cancel ends the call');
is(history('cancelled'), all_done('cancelled', 0) . "\ncreate cancelled_2026_03_15 failed 57014", 'and is recorded as the failure of what it ended');
is(partitions_of($node, 'cancelled'), '14 ', 'and what was done before is recorded as done');
release($holder);

($holder, $call) = start_and_stop_at_second('terminated');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
finish_sql($call);
is(history('terminated'), all_done('terminated', 0), 'after a terminate what was done is recorded, and nothing else');
release($holder);

($holder, $call) = start_and_stop_at_second('crashed');
$node->stop('immediate');
finish_sql($call);
eval { $holder->quit };
$node->start;
is(history('crashed'), all_done('crashed', 0), 'after a crash, too');
is(partitions_of($node, 'crashed'), '14 ', 'and it really was done');

($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
is($result, 0, 'the next call goes on');
is(history($_), (split /\n/, history($_))[0] . "\n" . ($_ eq 'cancelled' ? "create cancelled_2026_03_15 failed 57014\n" : '') . all_done($_, 1 .. 4),
	"$_: from where the last one ended") foreach ('cancelled', 'terminated', 'crashed');
is(last_outcome('crashed'), 'cleanup ok, provision ok', 'and says how it was');
$node->safe_psql('postgres', 'DELETE FROM ppm.config; DROP TABLE cancelled, terminated, crashed');

#
# ppm's own tables are locked
#

$node->safe_psql('postgres', days('a') . days('b'));
$holder = hold($node, 'LOCK TABLE ppm.history');
($result, $output, $messages) = run_sql($node, "CALL ppm.run_all('a')");
like($messages, qr/ERROR:  PM004.*partition "a_2026_03_14": canceling statement due to lock timeout \(SQLSTATE 55P03\)/s, 'nothing is done that cannot be recorded');
like($messages, qr/table "ppm\.history": canceling statement due to lock timeout \(SQLSTATE 55P03\)/, 'and the call says so');
is(partitions_of($node, 'a') . half_made($node), '', 'no partition is made, not even half');
$holder->query_safe('ROLLBACK');

($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
is("$result " . $node->safe_psql('postgres', "SELECT to_regclass('a_old') IS NULL"), '0 t', 'and the next call does it, and finishes the removal');
$node->safe_psql('postgres', 'DROP TABLE a_2026_03_15');
$holder->query_safe("BEGIN; UPDATE ppm.last_run SET at = at WHERE table_name = 'b'");
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
like($messages, qr/ERROR:  55P03: could not record the call$/m, 'that the call cannot be recorded is an error');
is(partitions_of($node, 'a'), '14 15 16', 'after everything else was done');
$holder->query_safe('ROLLBACK');

#
# Other calls
#

$node->safe_psql('postgres', 'TRUNCATE ppm.history; DELETE FROM ppm.config; DROP TABLE a, b');
$node->safe_psql('postgres', join '', map { days("t$_") } 1 .. 8);
my @calls = map { start_sql($node, "call$_", "$patience\nCALL ppm.run_all()") } 1 .. 4;
is(join(' ', map { (finish_sql($_))[0] } @calls), '0 0 0 0', 'four calls at the same time succeed');
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT (action, partition)) FROM ppm.history"), '40|40', 'and do and record everything once');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.check()'), '0', 'all is well then');
is($node->safe_psql('postgres', 'SELECT procedure, count(*), count(DISTINCT run_id) <= 4 FROM ppm.last_run GROUP BY 1 ORDER BY 1'), "cleanup|8|t\nprovision|8|t", 'one last call of each is recorded for each table');
is(advisory_locks($node), '0', 'no lock is left');

#
# Other roles
#

$node->safe_psql('postgres', <<'EOF');
TRUNCATE ppm.history;
DROP TABLE t1_2026_03_15, t2_2026_03_15;
CREATE ROLE owner;
CREATE ROLE caller LOGIN IN ROLE owner;
ALTER TABLE t1 OWNER TO owner;
GRANT CREATE ON SCHEMA public TO owner;
GRANT EXECUTE ON PROCEDURE ppm.run_all(regclass) TO owner;
GRANT SELECT ON ppm.config TO owner;
EOF
($result, $output, $messages) = run_sql($node, "CALL ppm.run_all('t1'); SET ROLE owner; DROP TABLE t1_2026_03_15; CALL ppm.run_all('t1')", user => 'caller', on_error_stop => 0);
is($node->safe_psql('postgres', "SELECT string_agg(executed_by || ' ' || partition || ' ' || outcome, ', ' ORDER BY run_id) FROM ppm.history"),
	'caller t1_2026_03_15 ok, owner t1_2026_03_15 ok', 'a role with the owner\'s privileges may call, and is recorded by the name of the current role');
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()', user => 'caller');
like($messages, qr/PM004.*table "public\.t2": must be owner of table t2 \(SQLSTATE 42501\)/s, 'a role with privileges for some tables gets an error for the others');
is($node->safe_psql('postgres', "SELECT DISTINCT executed_by, outcome, sqlstate FROM ppm.history WHERE table_name = 't2' AND action = 'provision'"),
	'caller|failed|42501', 'which is recorded');
foreach my $sql ('TABLE ppm.history', 'TABLE ppm.status', 'TABLE ppm.partitions', 'SELECT ppm.check()', 'SELECT ppm.total_bytes(1259)')
{
	($result, $output, $messages) = run_sql($node, $sql, user => 'caller');
	like($messages, qr/42501: permission denied/, "$sql needs a grant");
}
$node->safe_psql('postgres', 'CALL ppm.run_all()');

#
# Who reads waits for nobody
#

$node->safe_psql('postgres', <<'EOF');
CREATE INDEX ON t1_2026_03_15 (day);
CREATE TABLE t2_far PARTITION OF t2 FOR VALUES FROM ('2026-06-01') TO ('2026-06-02');
CREATE TABLE t3_rest PARTITION OF t3 DEFAULT;
DROP TABLE t3_2026_03_15;
EOF
$holder->query_safe('BEGIN; LOCK TABLE t2, t3, t4, ppm.history IN ACCESS EXCLUSIVE MODE; REINDEX INDEX t1_2026_03_15_day_idx');
my $read = "SET statement_timeout = '2s'; SET ppm.lock_timeout = '1min';";
($result, $output, $messages) = run_sql($node, "$read SELECT count(*) FROM ppm.status; SELECT count(*), count(total_bytes) FROM ppm.partitions; SELECT count(*) FROM ppm.plan()");
is("$result $output", "0 8\n25|14\n1", 'locked tables, indexes, and partitions keep no reader of the views waiting: their size is unknown');
$holder->query_safe('ROLLBACK; BEGIN; LOCK TABLE t2_far, t3_rest, t4');
($result, $output, $messages) = run_sql($node, "$read SELECT table_name, partition, code FROM ppm.check() WHERE table_name <> 't1'");
is("$result $output", "0 t2|t2_far|surplus_partition\nt2||gap\nt3|t3_2026_03_15|missing_partition", 'nor one of check()');
$holder->query_safe('ROLLBACK');

# A partition that goes while somebody looks at all of them.
$node->safe_psql('postgres', q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('moving', 'daily', 1);) =~ s/^/CREATE TABLE moving (day date) PARTITION BY RANGE (day);/r);
my $moving = start_sql($node, 'moving', join '', map {
	"CREATE TABLE moving_far PARTITION OF moving FOR VALUES FROM ('2027-06-01') TO ('2027-06-02') PARTITION BY RANGE (day);\n"
	. "CREATE TABLE moving_deep PARTITION OF moving_far FOR VALUES FROM ('2027-06-01') TO ('2027-06-02'); DROP TABLE moving_far;\n" } 1 .. 200);
my $failed = 0;
foreach (1 .. 10)
{
	($result) = run_sql($node, join '', map { "SELECT count(*) FROM ppm.check(); SELECT count(total_bytes) FROM ppm.partitions; TABLE ppm.status;\n" } 1 .. 10);
	$failed += $result;
}
is($failed, 0, 'a table that is dropped while a view is read causes no error');
is((finish_sql($moving))[0], 0, 'nor do the views block anybody');

#
# Very many failures
#

$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) SELECT 'missing_' || n, 'daily', 1 FROM generate_series(1, 300) AS n;
TRUNCATE ppm.history;
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
like($messages, qr/PM004: could not provision 300 of 300 tables\nDETAIL:  (?:table "public\.missing_\d+": .* \(table_missing\)\n){199}There is more, which ppm\.history has unless this was a transaction block\.\nHINT:  /,
	'the error lists as many as one can read');
is($node->safe_psql('postgres', q(SELECT count(DISTINCT table_name) FROM ppm.history WHERE outcome = 'failed')), 300, 'and the history all of them');

$node->stop;
done_testing();
