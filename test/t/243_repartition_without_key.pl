# Rows of a table without a unique key leave the default partition, those of one slot in one transaction; and moves whose table is gone.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('repartition_without_key', conf => "log_statement = none\nrestart_after_crash = on");
my ($result, $output, $messages);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Ten days, each row twice; and two rows that no partition takes.
sub table
{
	my ($more) = @_;
	sql(<<"EOF");
SET client_min_messages = error;
DROP TABLE IF EXISTS t CASCADE; DELETE FROM ppm.config; DELETE FROM ppm.detached; DELETE FROM ppm.history;
CREATE TABLE t (at timestamp, note text, twice text GENERATED ALWAYS AS (note || note) STORED) PARTITION BY RANGE (at);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO t (at, note) SELECT timestamp '2026-03-06 05:00' + i / 2 % 10 * interval '1 day', 'n' || i / 2 FROM generate_series(0, 999) i;
INSERT INTO t (at, note) VALUES (NULL, 'null'), ('infinity', 'infinity');
@{[ $more // '' ]}
EOF
	return;
}
my $all = "SELECT md5(string_agg(concat(at, note, twice), ',' ORDER BY at, note)), count(*) FROM t";

table(<<'EOF');
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fires'; END $$;
CREATE TRIGGER fires AFTER INSERT OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fires();
EOF
my $before = sql($all);
my $old = hold($node, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')");
is($result, 0, 'the rows are moved') or diag($messages);
like($messages, qr/moved 1000 rows of table "public.t" to 10 partitions/, 'and how many they were is said');
is(sql($all), $before, 'every row is there, as often as before');
is($old->query_safe($all), $before, 'an older snapshot sees each as often, too');
$old->query_safe('COMMIT');
$old->quit;
is(sql('SELECT count(*) FROM ONLY t_default'), 2, 'what no partition takes stays in the default partition');
is(sql("SELECT count(*), min(n), max(n) FROM (SELECT count(*) AS n FROM t WHERE tableoid <> 't_default'::regclass GROUP BY tableoid) AS x"), '10|100|100', 'all else is where it belongs');
is(sql("SELECT count(*) FROM ppm.history WHERE action = 'create'"), 10, 'the history has each partition');
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')");
like($messages, qr/no row of table "public.t" has to be moved/, 'once more there is nothing to do');

# The rows are not deleted: what would follow that does not.
table(<<'EOF');
CREATE TABLE witness (what text);
CREATE RULE r AS ON DELETE TO t_default DO ALSO INSERT INTO witness VALUES ('rule');
CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO witness VALUES ('trigger'); RETURN old; END $$;
CREATE TRIGGER seen BEFORE DELETE ON t_default FOR EACH ROW EXECUTE FUNCTION seen();
ALTER TABLE t_default ENABLE ALWAYS TRIGGER seen;
EOF
$before = sql($all);
sql("CALL ppm.repartition('t')");
is(sql($all), $before, 'with a rule and a trigger that is always enabled, every row is there');
is(sql('SELECT count(*) FROM witness'), 0, 'neither of them ran');

# The owner's constraints run as he, and his code does not get past the triggers of tables that are not his.
sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE t; DELETE FROM ppm.config;
CREATE ROLE owner;
CREATE TABLE guarded (note text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
GRANT INSERT ON guarded TO owner;
CREATE SCHEMA owner AUTHORIZATION owner;
SET ROLE owner;
CREATE FUNCTION owner.sneaks() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO public.guarded VALUES (current_user);
	RETURN true;
EXCEPTION WHEN raise_exception THEN
	RAISE WARNING '% as %', sqlerrm, current_user;
	RETURN true;
END $$;
CREATE TABLE owner.t (at timestamp) PARTITION BY RANGE (at);
CREATE TABLE owner.t_default PARTITION OF owner.t DEFAULT;
INSERT INTO owner.t VALUES ('2026-03-06');
ALTER TABLE owner.t ADD CHECK (owner.sneaks()) NOT VALID;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('owner', 't', 'daily', 3);
EOF
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('owner.t')");
is($result, 0, 'a table whose constraint writes to another one is moved') or diag($messages);
like($messages, qr/refused as owner/, 'and the triggers of that other table fire');
is(sql('SELECT count(*) FROM guarded'), 0, 'so the triggers check every row');
sql('SET client_min_messages = error; DELETE FROM ppm.config; DROP TABLE owner.t, witness');

# A writer in the middle: its row is moved, too, or the call waits for it in vain.
table();
my $writer = hold($node, "INSERT INTO t (at, note) VALUES ('2026-03-07 05:00', 'late')");
my $mover = start_sql($node, 'mover', "SET ppm.lock_timeout = '100s'; SET ppm.statement_timeout = '100s'; CALL ppm.repartition('t')");
wait_until_waits($node, 'mover', 'relation');
$writer->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'a writer that was there before is waited for') or diag($messages);
is(sql("SELECT tableoid::regclass FROM t WHERE note = 'late'"), 't_2026_03_07', 'and the row of that writer is moved');
table();
$writer->query_safe("BEGIN; INSERT INTO t (at, note) VALUES ('2026-03-07 05:00', 'late')");
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.repartition('t')");
like($messages, qr/ERROR:  55P03: .*; locks are held by process \d+/, 'one that goes on is not waited for any longer than ppm.lock_timeout, and is named');
is(sql("SELECT outcome, sqlstate FROM ppm.history WHERE action = 'repartition'"), 'failed|55P03', 'the failure is in the history');
$writer->query_safe('COMMIT');
$writer->quit;
is(sql('SELECT count(*) FROM t'), 1003, 'and no row is lost');

# Whoever comes while rows are on their way finds them where they then are: he waits for the table, before he looks for its partitions.
foreach ([ 'SELECT count(*) FROM t', '100' ], [ 'WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone', '100' ],
	[ "WITH changed AS (UPDATE t SET note = 'changed' RETURNING 1) SELECT count(*) FROM changed", '100' ], [ 'SELECT note FROM t LIMIT 1 FOR UPDATE', 'note' ],
	[ "INSERT INTO t VALUES ('2026-03-06 06:00', 'new') RETURNING note", 'new' ])
{
	my ($statement, $expected) = @$_;
	sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE t CASCADE; DELETE FROM ppm.config;
CREATE TABLE t (at timestamp, note text) PARTITION BY RANGE (at);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO t SELECT '2026-03-06 05:00', 'note' FROM generate_series(1, 100);
EOF
	my $reader = hold($node, 'SELECT FROM t_default LIMIT 1');
	my $slot = start_sql($node, 'mover', "$patience CALL ppm.repartition('t')");
	wait_until_waits($node, 'mover', 'relation');
	my $other = start_sql($node, 'other', $statement);
	wait_until_waits($node, 'other', 'relation');
	$reader->query_safe('COMMIT');
	$reader->quit;
	($result, $output, $messages) = finish_sql($other);
	is($output, $expected, "in the middle of a move: $statement") or diag($messages);
	($result, $output, $messages) = finish_sql($slot);
	is($result, 0, 'and the move ends') or diag($messages);
	is(sql('SELECT count(*) FROM ONLY t_default'), 0, 'with the rows in their partition');
}

# A reader who stays: the rows are moved, and taken back, again and again. In between the writers have the table for twice as long.
sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE t CASCADE; DELETE FROM ppm.config;
CREATE FUNCTION dawdle() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN true; END $$;
CREATE TABLE t (at timestamp, note text) PARTITION BY RANGE (at);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO t SELECT '2026-03-06 05:00', 'note' FROM generate_series(1, 10);
ALTER TABLE t ADD CHECK (dawdle()) NOT VALID;
EOF
my $stays = hold($node, 'SELECT FROM t LIMIT 1');
my $begun = time;
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.repartition('t')");
like($messages, qr/ERROR:  55P03/, 'a reader who stays keeps the rows from being moved');
cmp_ok(time - $begun, '>=', 6, 'and writers have their time between the attempts');
$stays->query_safe('COMMIT');
$stays->quit;
is(sql('SELECT count(*) FROM ONLY t_default'), 10, 'all rows are where they were');

# While it waits for the table, the default partition becomes a table on its own, or one that others refer to.
foreach ([ 'ALTER TABLE t DETACH PARTITION t_default', qr/ERROR:  55000: "public\.t_default" is no longer the default partition of table "public\.t"/ ],
	[ 'CREATE TABLE refers (note text, at timestamp, FOREIGN KEY (note, at) REFERENCES t_default (note, at))', qr/ERROR:  0A000: cannot repartition table "public\.t": foreign key "refers_note_at_fkey"/ ],
	[ "DELETE FROM ppm.config", qr/ERROR:  55000: / ])
{
	my ($change, $expected) = @$_;
	table('TRUNCATE t; ALTER TABLE t_default ADD UNIQUE (note, at); INSERT INTO t (at, note) VALUES (\'2026-03-06\', \'one\')');
	my $first = hold($node, 'LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE');
	my $waits = start_sql($node, 'mover', "$patience CALL ppm.repartition('t')");
	wait_until_waits($node, 'mover', 'relation');
	$first->query_safe("$change; COMMIT");
	$first->quit;
	($result, $output, $messages) = finish_sql($waits);
	like($messages, $expected, "while a move waits: $change");
	is(sql('SELECT count(*) FROM t_default'), 1, 'the row stays');
	sql('DROP TABLE IF EXISTS refers, t_default');
}

# Whoever waits for the move, and has a table locked that it comes to need, is not waited for: that would be a deadlock, and his statement
# might be the one to fail.
sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE t CASCADE; DELETE FROM ppm.config;
CREATE TABLE target (id int PRIMARY KEY);
CREATE TABLE t (at timestamp, note text, target int REFERENCES target) PARTITION BY RANGE (at);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO t SELECT '2026-03-06 05:00', 'note' FROM generate_series(1, 10);
ALTER TABLE t ADD CHECK (dawdle()) NOT VALID;
EOF
my $deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
my $deadlocks_before = sql($deadlocks);
my $application = hold($node, 'INSERT INTO target VALUES (1)');
my $moves = start_sql($node, 'mover', "CALL ppm.repartition('t')");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 't'::regclass AND mode = 'ExclusiveLock' AND granted)") or die;
$application->query_safe("INSERT INTO t VALUES ('2026-03-06', 'new', 1); COMMIT");
$application->quit;
($result, $output, $messages) = finish_sql($moves);
is($result, 0, 'an application that waits for the move goes first, then the move continues') or diag($messages);
is(sql('SELECT count(*), count(target) FROM t_2026_03_06'), '11|1', 'all rows are there');
is(sql($deadlocks), $deadlocks_before, 'there was no deadlock');
sql('ALTER TABLE t DROP COLUMN target');

# Killed in the middle of a slot.
table();
my $holder = hold($node, 'LOCK TABLE t_default IN ACCESS SHARE MODE');
$mover = start_sql($node, 'mover', "SET ppm.lock_timeout = '100s'; SET ppm.statement_timeout = '100s'; CALL ppm.repartition('t')");
wait_until_waits($node, 'mover', 'relation');
kill_hard($node, sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'mover'"));
finish_sql($mover);
$holder->{run}->finish;
is(sql('SELECT count(*) FROM ONLY t_default'), 1002, 'killed before ATTACH: all rows are where they were');
sql("CALL ppm.repartition('t')");
is(sql('SELECT count(*) FROM ONLY t_default'), 2, 'and the next call moves them');

# Subscribers would get the deletes, and not the inserts.
foreach my $published ('t', 't_default')
{
	table("ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t_default REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE $published");
	($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')");
	like($messages, qr/ERROR:  0A000: cannot repartition table "public\.t": publication "p" publishes what is deleted.*\n.*Add a primary key.*Or drop the table from the publication/, "$published is published");
	is(sql('SELECT count(*) FROM ONLY t_default'), 1002, 'no row leaves');
	sql("ALTER PUBLICATION p SET (publish = 'insert')");
	sql("CALL ppm.repartition('t')");
	is(sql('SELECT count(*) FROM ONLY t_default'), 2, 'unless deletes are not published');
	sql('DROP PUBLICATION p');
}

# What cannot be moved so.
table("INSERT INTO t (at, note) SELECT '2026-03-06 05:00', repeat('x', 1000) FROM generate_series(1, 200000)");
($result, $output, $messages) = run_sql($node, "SET ppm.statement_timeout = '100ms'; CALL ppm.repartition('t')");
like($messages, qr/ERROR:  57014: the rows of partition "t_2026_03_06" of table "public.t" could not be moved within ppm.statement_timeout\n.*no unique key.*\n.*Add a primary key.*Or raise ppm.statement_timeout/, 'too many rows for ppm.statement_timeout');
is(sql('SELECT count(*) FROM ONLY t_default'), 201002, 'and nothing is half done');
sql("DELETE FROM t WHERE at < '2026-03-07'; UPDATE t SET at = '2020-01-01' WHERE at < '2026-03-14'; INSERT INTO t (at, note) SELECT '2020-01-01', repeat('x', 1000) FROM generate_series(1, 100000)");
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '5ms'; CALL ppm.repartition('t')");
like($messages, qr/ERROR:  57014: partition "t_2026_03_14" of table "public\.t" could not be attached within ppm\.lock_timeout\n.*reads all of the default partition.*\n.*Add a primary key.*Or raise ppm\.lock_timeout/, 'readers do not wait any longer than ppm.lock_timeout while PostgreSQL reads the default partition');
sql("DROP TABLE t; CREATE TABLE t (at timestamp, note text) PARTITION BY RANGE (at); CREATE TABLE t_wide PARTITION OF t FOR VALUES FROM ('2026-03-01') TO ('2026-04-01'); INSERT INTO t VALUES ('2026-03-05', 'x'); UPDATE ppm.config SET table_name = table_name");
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')");
like($messages, qr/ERROR:  55000: cannot repartition table "public.t": it has no unique key to match its rows by/, 'a wide partition');

# A table that is dropped in the middle of a move: the next call of run_all() takes away what it has made.
sql("DROP TABLE t; CREATE TABLE t (id bigint, at timestamp, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE t_default PARTITION OF t DEFAULT; INSERT INTO t SELECT i, '2026-03-06' FROM generate_series(1, 100) i; UPDATE ppm.config SET table_name = table_name");
$holder = hold($node, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1");
$mover = start_sql($node, 'mover', "CALL ppm.repartition('t')");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'waiting')") or die;
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover'");
finish_sql($mover);
$holder->query_safe('COMMIT');
$holder->quit;
sql('SET client_min_messages = error; DROP TABLE t; DELETE FROM ppm.config');
isnt(sql("SELECT count(*) FROM pg_class WHERE relname ~ '^ppm_move|^log_'"), 0, 'a table is dropped in the middle of a move');
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
is($result, 0, 'run_all() goes on');
like($messages, qr/abandoned the move of rows of table "public.t", which was dropped/, 'and says what it did');
is(sql("SELECT count(*) FROM pg_class WHERE relname ~ '^ppm_move|^log_'"), 0, 'nothing is left of the move');
is(sql('SELECT count(*) FROM ppm.move'), 0, 'nor in ppm.move');

$node->stop;
done_testing();
