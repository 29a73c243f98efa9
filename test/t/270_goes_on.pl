# One partition that cannot go, or come, does not keep the others: only a lock that is held, a cancel and a lost worker end a
# table's turn. The next call does not begin with the one that failed last.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('goes_on', conf => "ppm.work_date = ''\nmax_connections = 10\nmax_locks_per_transaction = 10\n");

# Days before today, of table t, that are outdated; a row each.
sub setup
{
	my (@days) = @_;
	my $days = join ', ', @days;
	$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DELETE FROM ppm.config;
DELETE FROM ppm.history;
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'daily', 1, 1, 'drop');
CALL ppm.provision();
DO \$\$ DECLARE day int; BEGIN
	FOREACH day IN ARRAY ARRAY[$days] LOOP
		EXECUTE format('CREATE TABLE t_%s PARTITION OF t FOR VALUES FROM (%L) TO (%L)', day, current_date - day, current_date - day + 1);
	END LOOP;
END \$\$;
INSERT INTO t SELECT day, current_date - day FROM unnest(ARRAY[$days]) AS day;
EOF
	return;
}

sub left
{
	return $node->safe_psql('postgres', q(SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relname ~ '^t_\d$'));
}

# The order in which the last call did things.
sub order_of_removal
{
	return $node->safe_psql('postgres',
		q(SELECT string_agg(partition, ' ' ORDER BY at) FROM ppm.history WHERE action = 'detach' AND run_id = (SELECT max(run_id) FROM ppm.history)));
}

#
# A failure of its own
#

# The check of a foreign key that takes longer than ppm.statement_timeout, for the oldest partition alone.
setup(9, 8, 7);
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_query() ~ 't_9' THEN PERFORM pg_sleep(60); END IF;
END $$;
CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION slow();
EOF
my ($result, $output, $messages) = run_sql($node, q(SET ppm.statement_timeout = '1s'; CALL ppm.cleanup()));
is($result, 3, 'a partition that takes too long is a failure');
like($messages, qr/partition "t_9": canceling statement due to statement timeout, in PL\/pgSQL function/, 'which says where the time went');
is(left(), 't_9', 'the younger ones go all the same');

$node->safe_psql('postgres', 'DROP EVENT TRIGGER slow');
setup(9, 8, 7);
$node->safe_psql('postgres', 'CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION slow()');
run_sql($node, q(SET ppm.statement_timeout = '1s'; CALL ppm.cleanup()));
$node->safe_psql('postgres', <<'EOF');
DROP EVENT TRIGGER slow;
CREATE TABLE t_8 PARTITION OF t FOR VALUES FROM (current_date - 8) TO (current_date - 7);
CREATE TABLE t_7 PARTITION OF t FOR VALUES FROM (current_date - 7) TO (current_date - 6);
EOF
run_sql($node, q(CALL ppm.cleanup()));
is(left(), '', 'the next call removes it');
is(order_of_removal(), 't_8 t_7 t_9', 'and does not begin with it');

#
# What ends the turn, and how
#

# A lock that is held: the next attempt of the same call begins with the others.
setup(9, 8, 7);
my $holder = hold($node, 'LOCK TABLE t_9 IN ACCESS SHARE MODE');
($result, $output, $messages) = run_sql($node, q(SET ppm.lock_timeout = '200ms'; CALL ppm.cleanup()));
like($messages, qr/partition "t_9": canceling statement due to lock timeout.*; locks are held by process \d+/, 'a lock that is held is a failure');
$holder->query_safe('COMMIT');
$holder->quit;
run_sql($node, q(CALL ppm.cleanup()));
is(left(), '', 'the next call does all');

# A worker that is cancelled.
setup(9, 8, 7);
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION wait_here() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); END $$;
CREATE EVENT TRIGGER wait_here ON ddl_command_start EXECUTE FUNCTION wait_here();
EOF
my $caller = start_sql($node, 'caller', "$patience CALL ppm.cleanup()");
$node->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'ppm worker' AND wait_event = 'PgSleep')) or die;
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'ppm worker'));
($result, $output, $messages) = finish_sql($caller);
like($messages, qr/partition "t_9": canceling statement due to user request.*; steps not tried after it: 5/, 'who cancels the worker ends the turn');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER wait_here');
run_sql($node, q(CALL ppm.cleanup()));
is(left(), '', 'the next call does all');
is(order_of_removal(), 't_8 t_7 t_9', 'and does not begin with the one that failed last');

# More tables below it than the lock table holds.
setup(8, 7);
$node->safe_psql('postgres', 'CREATE TABLE t_9 PARTITION OF t FOR VALUES FROM (current_date - 9) TO (current_date - 8) PARTITION BY LIST (id)');
$node->safe_psql('postgres', join ';', map { "CREATE TABLE leaf_$_ PARTITION OF t_9 FOR VALUES IN ($_)" } 1 .. 700);
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup()));
like($messages, qr/partition "t_9": out of shared memory/, 'a partition of more tables than can be locked is a failure');
is(left(), 't_9', 'the younger ones go all the same');

$node->stop;
done_testing();
