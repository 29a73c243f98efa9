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
like($messages, qr/partition "t_9": canceling statement due to statement timeout, in PL\/pgSQL function/, 'which names the function that took the time');
is(left(), 't_9', 'newer partitions are removed all the same');

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

# Another partition with the same name, in another schema, is another partition.
setup(9, 7);
$node->safe_psql('postgres', <<'EOF');
CREATE OR REPLACE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_query() ~ 'public\.t_9' THEN PERFORM pg_sleep(60); END IF;
END $$;
CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION slow();
CREATE SCHEMA other;
CREATE TABLE other.t_9 PARTITION OF t FOR VALUES FROM (current_date - 8) TO (current_date - 7);
EOF
run_sql($node, q(SET ppm.statement_timeout = '1s'; CALL ppm.cleanup()));
is(left(), 't_9', 'a failure keeps no partition of another schema that has the same name');
is($node->safe_psql('postgres', q(SELECT to_regclass('other.t_9'))), '', 'it is dropped');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER slow');

# While a detach is pending and cannot be finished, PostgreSQL detaches no other partition CONCURRENTLY. How many wait for it is said.
setup(9, 8, 7);
my $reader = hold($node, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM t');
my $interrupted = start_sql($node, 'interrupted', 'ALTER TABLE t DETACH PARTITION t_9 CONCURRENTLY');
wait_until_waits($node, 'interrupted');
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'interrupted'));
finish_sql($interrupted);
($result, $output, $messages) = run_sql($node, q(SET ppm.statement_timeout = '1s'; SET ppm.lock_timeout = '200ms'; CALL ppm.cleanup()));
like($messages, qr/partition "t_9": .*; partitions not detached because of it: 2$/m, 'a pending detach that cannot be finished says how many partitions wait for it');
$reader->query_safe('COMMIT');
$reader->quit;
run_sql($node, q(CALL ppm.cleanup()));
is(left(), 't_9', 'the next call does the rest, and keeps what ppm had not begun to remove');
$node->safe_psql('postgres', 'DROP TABLE t_9');

#
# What rows of other tables keep
#

# It is tried again as long as other tables lose rows. That a hook is called is no such thing.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
CREATE TABLE calls ();
CREATE FUNCTION note(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.calls DEFAULT VALUES;
	ASSERT (SELECT count(*) FROM public.calls) < 10;
END $$;
DO $$ DECLARE each text; BEGIN
	FOREACH each IN ARRAY ARRAY['kept_1', 'kept_2'] LOOP
		EXECUTE format('CREATE TABLE %s (day date PRIMARY KEY) PARTITION BY RANGE (day)', each);
		EXECUTE format('CREATE TABLE %1$s_9 PARTITION OF %1$s FOR VALUES FROM (%2$L) TO (%3$L)', each, current_date - 9, current_date - 8);
		EXECUTE format('INSERT INTO %s VALUES (%L)', each, current_date - 9);
		EXECUTE format('CREATE TABLE of_%1$s AS SELECT * FROM %1$s', each);
		EXECUTE format('CREATE INDEX ON of_%s (day)', each);
		EXECUTE format('ALTER TABLE of_%1$s ADD FOREIGN KEY (day) REFERENCES %1$s', each);
		INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES (each, 'daily', 1, 1);
		INSERT INTO ppm.hooks (table_name, event, function) VALUES (each, 'before_detach', 'public.note(regclass, regclass, text, text)');
	END LOOP;
END $$;
CALL ppm.provision();
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/could not clean up 2 of 2 tables/, 'what rows of other tables keep is a failure of both tables');
is($node->safe_psql('postgres', 'SELECT count(*) FROM calls'), 2, 'and each hook was called once');
$node->safe_psql('postgres', 'DELETE FROM ppm.config; DELETE FROM ppm.hooks; DROP TABLE of_kept_1, of_kept_2, kept_1, kept_2, calls');

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

# Rows of a table that was detached before keep what they refer to, too, and are named.
SKIP:
{
	skip 'before PostgreSQL 15 a detach spoils foreign keys to partitioned tables', 3
	  if $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 150000)) eq 't';
	setup(9, 8);
	$node->safe_psql('postgres', <<'EOF');
CREATE TABLE line (id int, day date, FOREIGN KEY (id, day) REFERENCES t) PARTITION BY RANGE (day);
CREATE TABLE line_9 PARTITION OF line FOR VALUES FROM (current_date - 9) TO (current_date - 8);
INSERT INTO line SELECT * FROM t WHERE id = 9;
ALTER TABLE line DETACH PARTITION line_9;
EOF
	($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup()));
	like($messages, qr/partition "t_9": removing partition "t_9" violates foreign key constraint [^\n]* is still referenced from table "line_9"[^\n]*; these rows keep it: SELECT r\.\* FROM public\.line_9 AS r WHERE EXISTS/,
		'rows of a detached table that keep a partition are named');
	is(left(), 't_9', 'only what they refer to is kept');
	$node->safe_psql('postgres', 'SET client_min_messages = error; DROP TABLE line, line_9; CALL ppm.cleanup()');
	is(left(), '', 'until nothing refers to it');
}

# More tables below it than the lock table holds.
setup(8, 7);
$node->safe_psql('postgres', 'CREATE TABLE t_9 PARTITION OF t FOR VALUES FROM (current_date - 9) TO (current_date - 8) PARTITION BY LIST (id)');
$node->safe_psql('postgres', join ';', map { "CREATE TABLE leaf_$_ PARTITION OF t_9 FOR VALUES IN ($_)" } 1 .. 700);
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup()));
like($messages, qr/partition "t_9": out of shared memory/, 'a partition of more tables than can be locked is a failure');
is(left(), 't_9', 'newer partitions are removed all the same');

$node->stop;
done_testing();
