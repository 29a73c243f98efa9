# Each is a way in which a simpler way of moving rows loses some, doubles some, or has somebody's statement fail.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('repartition_tried', conf => "max_prepared_transactions = 10\nfsync = off\nlog_statement = none");
my ($result, $output, $messages);
my $call = "SET ppm.lock_timeout = '300ms'; CALL ppm.repartition('t')";

# A table with rows of ten days in its default partition, and what it is to be.
sub table
{
	my ($more) = @_;
	$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DROP TABLE IF EXISTS t, t_default_repartitioned, customer CASCADE;
DELETE FROM ppm.config; DELETE FROM ppm.detached;
CREATE TABLE customer (id int PRIMARY KEY);
INSERT INTO customer SELECT generate_series(0, 9);
CREATE TABLE t (id bigint, day date NOT NULL, note text, customer int REFERENCES customer ON DELETE SET NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO t SELECT i, date '2026-03-08' + i % 10, 'n' || i, i % 5 FROM generate_series(1, 2000) i;
@{[ $more // '' ]}
EOF
	return;
}

# The rows of some condition, as text.
sub rows
{
	my ($condition) = @_;
	return $node->safe_psql('postgres', "SELECT string_agg(concat_ws(' ', id, day, note), ', ' ORDER BY id, day) FROM t WHERE $condition");
}

sub phase
{
	return $node->safe_psql('postgres', "SELECT coalesce((SELECT phase FROM ppm.progress), 'none')");
}

sub let_go
{
	my ($session) = @_;
	$session->query_safe('COMMIT');
	$session->quit if $session->can('quit');
	return;
}

# A call that stays in `copying` for a while.
sub copying_move
{
	my $mover = start_sql($node, 'mover', "SET ppm.batch_rows = 50; SET ppm.batch_pause = 100; $call");
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'copying' AND rows_done > 0)") or die 'it does not copy';
	return $mover;
}

sub done
{
	my ($mover, $what) = @_;
	($result, $output, $messages) = finish_sql($mover);
	is($result, 0, $what) or diag($messages);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t_default'), 0, 'the new default partition is empty');
	return;
}

#
# Triggers that write to the rows that fire them
#

# What they write is told before what fired them.
table(<<'EOF');
CREATE OR REPLACE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF pg_trigger_depth() = 1 THEN UPDATE t SET customer = customer + 5 WHERE id IN (NEW.id, NEW.id + 10) AND day = NEW.day; END IF; RETURN NULL; END $$;
CREATE OR REPLACE FUNCTION delete_next() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t WHERE id = OLD.id + 10 AND day = OLD.day; RETURN NULL; END $$;
CREATE TRIGGER before_ours AFTER INSERT OR UPDATE OF note ON t FOR EACH ROW EXECUTE FUNCTION count_up();
CREATE TRIGGER before_ours_too AFTER DELETE ON t FOR EACH ROW WHEN (OLD.id = 101) EXECUTE FUNCTION delete_next();
ALTER TABLE t DROP CONSTRAINT t_customer_fkey;
EOF
my ($snapshot, $nested) = start_waiting_move($node, $call);
$node->safe_psql('postgres', <<'EOF');
UPDATE t SET note = 'changed' WHERE id IN (1, 11, 21);
INSERT INTO t VALUES (5001, '2026-03-09', 'new', 1), (5011, '2026-03-09', 'new', 1);
DELETE FROM t WHERE id = 101;
EOF
my $all_rows = "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM t";
my $before_swap = $node->safe_psql('postgres', $all_rows);
is($node->safe_psql('postgres', "SELECT string_agg(customer::text, ' ' ORDER BY id) FROM t WHERE id IN (1, 11, 21, 31, 101, 111, 5001, 5011)"), '6 11 11 6 6 11', 'triggers write to the same rows');
is($node->safe_psql('postgres', q(SELECT coalesce(string_agg(reason, '; '), '') FROM ppm.move_broken)), '', 'the move goes on');
let_go($snapshot);
($result, $output, $messages) = finish_sql($nested);
is($result, 0, 'the rows are moved');
is($node->safe_psql('postgres', $all_rows), $before_swap, 'as the triggers left them');
$node->safe_psql('postgres', 'DROP TABLE t CASCADE; DROP FUNCTION count_up, delete_next');

# Not for statements, of which there is no row.
table('CREATE TRIGGER by_hand AFTER INSERT ON t_default FOR EACH STATEMENT EXECUTE FUNCTION ppm.log_change()');
($result, $output, $messages) = run_sql($node, q(INSERT INTO t_default VALUES (0, '2026-03-09')));
like($messages, qr/ERROR:  39P01: ppm\.log_change\(\) is only for triggers that ppm makes/, 'a trigger for statements is refused');

#
# What is written while rows are copied
#

table();
my $mover = copying_move();
$node->safe_psql('postgres', <<'EOF');
-- From one block to another: a row is found twice, or not at all.
UPDATE t SET note = repeat('w', 500) WHERE id <= 20;
-- A unique key that changes hands.
BEGIN;
UPDATE t SET id = -21 WHERE id = 21;
UPDATE t SET id = 21 WHERE id = 31;
UPDATE t SET id = 31 WHERE id = -21;
COMMIT;
-- From one day to another.
UPDATE t SET day = '2026-03-16' WHERE id = 41;
-- By the replica role, which bypasses triggers.
SET session_replication_role = replica;
UPDATE t SET note = 'by a replica' WHERE id = 51;
DELETE FROM t WHERE id = 52;
INSERT INTO t VALUES (3000, '2026-03-09', 'by a replica');
RESET session_replication_role;
-- What is rolled back.
BEGIN;
SAVEPOINT a;
UPDATE t SET note = 'rolled back' WHERE id = 61;
ROLLBACK TO a;
UPDATE t SET note = 'committed' WHERE id = 62;
COMMIT;
-- By the partition's name.
UPDATE t_default SET note = 'by its name' WHERE id = 71;
COPY t FROM stdin;
4000	2026-03-10	copied	1
\.
EOF
done($mover, 'rows that are written while others are copied');
is(rows('id IN (21, 31)'), '21 2026-03-09 n31, 31 2026-03-09 n21', 'a key that changes hands');
is(rows('id = 41'), '41 2026-03-16 n41', 'a row that goes to another day');
is(rows('id IN (51, 52, 3000)'), '51 2026-03-09 by a replica, 3000 2026-03-09 by a replica', 'what the replica role writes');
is(rows('id IN (61, 62)'), '61 2026-03-09 n61, 62 2026-03-10 committed', 'a subtransaction that rolls back');
is(rows('id IN (71, 4000)'), '71 2026-03-09 by its name, 4000 2026-03-10 copied', 'a writer that names the partition, and COPY');
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT id) FROM t"), '2001|2001', 'nothing is there twice, nothing is missing');
is($node->safe_psql('postgres', "SELECT count(*) FROM t WHERE id <= 20 AND note = repeat('w', 500)"), 20, 'rows that moved from block to block');

# A value of another unique key changes hands, and both of its rows are copied with it.
table('ALTER TABLE t ADD UNIQUE (note, day);');
$mover = copying_move();
$node->safe_psql('postgres', "UPDATE t SET note = 'other' WHERE id = 1; UPDATE t SET note = 'n1' WHERE id = 1991");
done($mover, 'a value of a unique key that changes hands');
is(rows('id IN (1, 1991)'), '1 2026-03-09 other, 1991 2026-03-09 n1', 'the value is in the right row');

# What commits late has keys with lower numbers.
table();
my $late = hold($node, "UPDATE t SET note = 'late' WHERE id = 1");
($result, $output, $messages) = run_sql($node, $call);
like($messages, qr/55P03/, 'a writer that was there before is waited for, for ppm.lock_timeout');
is(phase(), 'preparing', 'and the next call goes on from there');
$late->query_safe('COMMIT');
$mover = copying_move();
$late->query_safe("BEGIN; UPDATE t SET note = 'later' WHERE id = 2");
$node->safe_psql('postgres', "UPDATE t SET note = 'early' WHERE id = 3");
($result, $output, $messages) = finish_sql($mover);
like($messages, qr/55P03/, 'one that is still at work when the rows are copied, too');
is(phase(), 'replaying', 'after keys that were noted later have been replayed');
$late->query_safe('COMMIT');
$late->quit if $late->can('quit');
done(start_sql($node, 'mover', $call), 'changes that commit late are not lost');
is(rows('id <= 3'), '1 2026-03-09 late, 2 2026-03-10 later, 3 2026-03-11 early', 'all of them are there');

# What commits late has exchanged the values of a unique key whose index is there already.
table('ALTER TABLE t ADD UNIQUE (note, day);');
my $swapper = $node->background_psql('postgres');
$mover = copying_move();
$swapper->query_safe(q(BEGIN; UPDATE t SET note = 'other' WHERE id = 1; UPDATE t SET note = 'n1' WHERE id = 1991; UPDATE t SET note = 'n1991' WHERE id = 1));
finish_sql($mover);
is(phase(), 'replaying', 'a writer is not done when the new partitions have their unique indexes');
let_go($swapper);
done(start_sql($node, 'mover', $call), 'two rows that have exchanged a value of a unique key');
is(rows('id IN (1, 1991)'), '1 2026-03-09 n1991, 1991 2026-03-09 n1', 'each has the value of the other');

# What commits in the middle of a replay belongs to the next one.
table(<<'EOF');
CREATE FUNCTION dawdle(note text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF note = 'slow' AND current_setting('application_name') = 'mover' THEN PERFORM pg_sleep(3); END IF; RETURN true; END $$;
ALTER TABLE t ADD CHECK (dawdle(note));
EOF
my $slow = $node->background_psql('postgres');
$mover = copying_move();
$slow->query_safe(q(BEGIN; UPDATE t SET note = 'slow' WHERE id = 1));
finish_sql($mover);
is(phase(), 'replaying', 'a writer is not done when the last replay is about to begin');
let_go($slow);
$mover = start_sql($node, 'mover', $call);
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'mover' AND wait_event = 'PgSleep')") or die 'it does not replay';
$node->safe_psql('postgres', q(UPDATE t SET note = 'meanwhile' WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (6000, '2026-03-09', 'meanwhile')));
done($mover, 'changes that commit in the middle of a replay');
is(rows('id IN (1, 2, 3, 6000)'), '1 2026-03-09 slow, 2 2026-03-10 meanwhile, 6000 2026-03-09 meanwhile', 'are not lost');
$node->safe_psql('postgres', 'DROP FUNCTION dawdle CASCADE');

#
# What is written to both, and who sees it
#

table();
(my $older, $mover) = start_waiting_move($node, $call);
# A snapshot from between the copy and these changes, and the swap.
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', <<'EOF');
UPDATE t SET note = 'changed' WHERE id <= 10;
DELETE FROM t WHERE id BETWEEN 11 AND 20;
INSERT INTO t VALUES (5000, '2026-03-11', 'new');
UPDATE t SET day = '2026-03-17' WHERE id = 30;
BEGIN;
UPDATE t SET id = -21 WHERE id = 21;
UPDATE t SET id = 21 WHERE id = 31;
UPDATE t SET id = 31 WHERE id = -21;
COMMIT;
BEGIN;
UPDATE t SET note = 'prepared' WHERE id = 40;
PREPARE TRANSACTION 'p';
COMMIT PREPARED 'p';
SET session_replication_role = replica;
UPDATE t SET note = 'by a replica' WHERE id = 51;
RESET session_replication_role;
BEGIN;
SAVEPOINT a;
DELETE FROM t WHERE id = 60;
ROLLBACK TO a;
COMMIT;
INSERT INTO t VALUES (70, '2026-03-08', 'upserted') ON CONFLICT (id, day) DO UPDATE SET note = excluded.note;
DELETE FROM customer WHERE id = 9;
DELETE FROM customer WHERE id = 4;
EOF
is($node->safe_psql('postgres', 'SELECT count(*) FROM t WHERE customer = 4'), 0, 'a row that others refer to is deleted, and the key does what it says');
like($node->safe_psql('postgres', 'SELECT rows_done FROM ppm.progress'), qr/^2000$/, 'progress tells how far it is');
is(phase(), 'waiting', 'an older snapshot is waited for');
sleep 1;
is($older->query_safe('SELECT count(*), count(DISTINCT id) FROM t'), '2000|2000', 'because it shows each row once');
let_go($older);
done($mover, 'what is written to both');
like($messages, qr/waiting for older transactions to end, in processes \d+/, 'and it says who is waited for');
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE note = 'changed') FROM t"), '1991|1991|10', 'nothing is there twice, nothing is missing');
is(rows('id IN (21, 31, 30, 40, 51, 60, 70, 5000)'),
	'21 2026-03-09 n31, 30 2026-03-17 n30, 31 2026-03-09 n21, 40 2026-03-08 prepared, 51 2026-03-09 by a replica, 60 2026-03-08 n60, 70 2026-03-08 upserted, 5000 2026-03-11 new',
	'every change is there');
is($reader->query_safe("SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE note ~ '^n'), max(id) FROM t"), '2000|2000|2000|2000',
	'a snapshot from before these changes shows exactly the rows that it showed');
let_go($reader);

# Foreign keys.
is($node->safe_psql('postgres', <<'EOF'), '11|11|0', 'each new partition has the foreign key of its parent, valid, and the old one has none');
SELECT (SELECT count(*) FROM pg_constraint c JOIN pg_inherits i ON i.inhrelid = conrelid WHERE i.inhparent = 't'::regclass AND contype = 'f' AND convalidated AND conparentid <> 0),
	(SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass),
	(SELECT count(*) FROM pg_constraint WHERE conrelid = 't_default_repartitioned'::regclass AND contype = 'f')
EOF
($result) = run_sql($node, "INSERT INTO t VALUES (1, '2026-03-12', 'x', 77)");
is($result, 3, 'and it is enforced');
is($node->safe_psql('postgres', "DELETE FROM customer WHERE id = 1; SELECT count(*) FROM t WHERE customer = 1"), 0, 'on both sides');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'customer'::regclass"), 2, 'no other trigger is left on what they refer to');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger WHERE tgrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 't'::regclass) AND tgenabled <> 'O'"), 0, 'no trigger is disabled');

#
# What goes unnoticed, or undoes the copies
#

foreach my $change (
	[ 'ALTER TABLE t ALTER note TYPE varchar USING upper(note)', 'ALTER TYPE ... USING', "SELECT count(*) FROM t WHERE note ~ '^N'", 2000 ],
	[ 'ALTER TABLE t ALTER note TYPE text USING upper(note)', 'ALTER TYPE ... USING of the same type', "SELECT count(*) FROM t WHERE note ~ '^N'", 2000 ],
	[ 'ALTER TABLE t_default DISABLE TRIGGER ALL; UPDATE t SET note = \'silent\' WHERE id = 5; ALTER TABLE t_default ENABLE ALWAYS TRIGGER ppm_move', 'DISABLE TRIGGER', "SELECT count(*) FROM t WHERE note = 'silent'", 1 ],
	[ 'TRUNCATE t; INSERT INTO t VALUES (1, \'2026-03-09\', \'only\')', 'TRUNCATE', 'SELECT count(*) FROM t', 1, 'a partition was truncated' ],
	[ 'TRUNCATE t_default', 'TRUNCATE of the partition', 'SELECT count(*) FROM t', 0, 'a partition was truncated' ],
	[ 'VACUUM FULL t_default', 'VACUUM FULL', 'SELECT count(*) FROM t', 2000 ],
	[ 'ALTER TABLE t ADD COLUMN more int DEFAULT 7', 'a new column', 'SELECT count(*) FROM t WHERE more = 7', 2000 ],
	[ 'CREATE INDEX ON t (note)', 'a new index', 'SELECT count(*) FROM t', 2000 ])
{
	my ($sql, $what, $query, $expected, $reason) = @$change;
	$reason //= '';
	foreach my $when ('copying', 'waiting')
	{
		table();
		($older, $mover) = $when eq 'copying' ? (undef, copying_move()) : start_waiting_move($node, $call);
		$node->safe_psql('postgres', $sql =~ /;/ ? "BEGIN; $sql; COMMIT" : $sql);
		let_go($older) if $older;
		($result, $output, $messages) = finish_sql($mover);
		is($result, 0, "$what while it is $when: the move is done") or diag($messages);
		like($messages, qr/begins again: $reason/, 'but the move began again');
		is($node->safe_psql('postgres', $query), $expected, 'and every row is there');
		is($node->safe_psql('postgres', 'SELECT count(*) FROM t_default'), 0, 'where it belongs');
	}
}

#
# Who is about to alter a partition by its name is waited for before the swap looks at the partition, and with no lock
#

table();
($older, $mover) = start_waiting_move($node, "$patience SET ppm.swap_limit = '1min'; CALL ppm.repartition('t')");
# (DELETE, because INSERT and UPDATE of a partition lock its parent, too.)
my $silent = hold($node, q(ALTER TABLE t_default DISABLE TRIGGER ppm_move; DELETE FROM t_default WHERE id = 5; ALTER TABLE t_default ENABLE ALWAYS TRIGGER ppm_move));
let_go($older);
wait_until_waits($node, 'mover', 'relation');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND granted"), 0, 'the swap waits for a partition with no lock on the table');
let_go($silent);
done($mover, 'DISABLE TRIGGER that commits right before the swap');
like($messages, qr/begins again: partition "t_default" or its triggers were rewritten or altered concurrently/, 'is noticed');
is($node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE id = 5) FROM t'), '1999|0', 'and a row that was deleted meanwhile does not come back');

#
# Tables whose rows are not as many do not take each other's place
#

table();
($older, $mover) = start_waiting_move($node, $call);
my $copy = $node->safe_psql('postgres', q(SELECT min(relname) FROM pg_class WHERE relname LIKE 'ppm\_move%' AND relkind = 'r'));
$node->safe_psql('postgres', "DELETE FROM $copy WHERE id = (SELECT min(id) FROM $copy)");
let_go($older);
($result, $output, $messages) = finish_sql($mover);
like($messages, qr/ERROR:  XX001: the new partitions of table "public\.t" have 1999 rows, and the old ones 2000\nDETAIL:  Nothing was changed/, 'a new partition that lacks a row ends the move');
is($node->safe_psql('postgres', "CALL ppm.abandon('t'); SELECT count(*), count(*) FILTER (WHERE tableoid = 't_default'::regclass) FROM t"), '2000|2000', 'and no row is lost');

#
# The last replay is given up where it keeps writers waiting
#

table(<<'EOF');
CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN true; END $$;
ALTER TABLE t ADD CONSTRAINT slow CHECK (slow()) NOT VALID;
DELETE FROM t WHERE id > 10;
EOF
# 200 rows that were written before, and take four seconds, are committed when the mover is about to lock their table.
my $earlier = hold($node, q(INSERT INTO t SELECT i, '2026-03-10', 'earlier' FROM generate_series(11, 210) i));
$mover = start_sql($node, 'mover', "SET ppm.lock_timeout = '1s'; CALL ppm.repartition('t')");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.move)") or die;
# (It waits for that lock twice: first to capture what is written.)
$earlier->query_safe('COMMIT');
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.move WHERE phase <> 'preparing')") or die;
$earlier->query_safe(q(BEGIN; INSERT INTO t SELECT i, '2026-03-11', 'earlier' FROM generate_series(211, 410) i));
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.move WHERE phase = 'replaying')") or die;
wait_until_waits($node, 'mover', 'relation');
$earlier->query_safe('COMMIT');
($result, $output, $messages) = run_sql($node, "SET lock_timeout = '2s'; INSERT INTO t VALUES (411, '2026-03-11', 'later')", name => 'writer');
is($result, 0, 'a writer does not wait until all earlier changes are copied') or diag($messages);
$earlier->quit;
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'the move is done') or diag($messages);
is($node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE tableoid = 't_default'::regclass) FROM t"), '411|0', 'with every row');
$node->safe_psql('postgres', 'DROP FUNCTION slow CASCADE');

#
# Nothing is scanned under the locks
#

table("CREATE TABLE t_2026_03_20 PARTITION OF t FOR VALUES FROM ('2026-03-20') TO ('2026-03-21'); INSERT INTO t SELECT i, 'infinity' FROM generate_series(1, 100) i;");
($result, $output, $messages) = run_sql($node, "SET client_min_messages = debug1; $call");
is($result, 0, 'the move is done');
my ($after) = $messages =~ /.*?(executes: ALTER TABLE public.t DETACH.*)/s;
is(scalar(() = $after =~ /is implied by existing constraints/g), 11, 'PostgreSQL takes it from the constraints what each new partition holds');
unlike($after, qr/verifying table|validating foreign key|building index/, 'and looks at no row');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t_default'), 100, 'rows that belong to no partition are in the new default partition');

$node->stop;
done_testing();
