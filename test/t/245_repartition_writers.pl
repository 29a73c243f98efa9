# What the application does to the rows, and to the tables around them, while a move waits for an older transaction: no row is lost, no statement
# fails or waits, and the move goes on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('repartition_writers', conf => "log_statement = none");
my ($result, $output, $messages);
my $call = "SET ppm.lock_timeout = '300ms'; CALL ppm.repartition('t')";

sub sql { return $node->safe_psql('postgres', $_[0]); }

# A table with one wide partition, which has rows of ten days.
sub table
{
	my ($columns, $more) = @_;
	sql(<<"EOF");
SET client_min_messages = error;
DROP TABLE IF EXISTS t, t_wide, t_wide_repartitioned, referred, template CASCADE;
DELETE FROM ppm.config; DELETE FROM ppm.detached;
CREATE TABLE referred (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE referred_1 PARTITION OF referred FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO referred SELECT i, '2026-03-10' FROM generate_series(0, 9) i;
CREATE TABLE t (id int, day date, $columns) PARTITION BY RANGE (day);
CREATE TABLE t_wide PARTITION OF t FOR VALUES FROM ('2026-03-01') TO ('2026-03-25');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'daily', 1, 30, 'drop');
INSERT INTO t (id, day) SELECT i, date '2026-03-05' + i % 10 FROM generate_series(1, 1000) i;
@{[ $more // '' ]}
EOF
	return;
}

sub goes_on
{
	my ($older, $mover, $what) = @_;
	is(sql(q(SELECT coalesce(string_agg(reason, '; '), '') FROM ppm.move_broken)), '', "$what: nothing keeps the move from going on");
	$older->query_safe('COMMIT');
	$older->quit;
	($result, $output, $messages) = finish_sql($mover);
	is($result, 0, "$what: the move ends") or diag($messages);
	return;
}

#
# A key whose row goes and comes in one statement, while a trigger writes to the row
#

foreach my $case (
	[
		'a row replaced by another',
		q(CREATE TRIGGER mark AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION mark();),
		q(WITH gone AS (DELETE FROM t WHERE id = 0 RETURNING id, day) INSERT INTO t SELECT id, day, 'v1' FROM gone),
		'0 v1 (instead of v0)' ],
	[
		'a row kept under another key',
		q(CREATE TRIGGER mark AFTER UPDATE OF id ON t FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION mark();),
		q(WITH old AS (UPDATE t SET id = -1 WHERE id = 0 RETURNING day) INSERT INTO t SELECT 0, day, 'v1' FROM old),
		'-1 v0, 0 v1 (instead of v0)' ])
{
	my ($what, $trigger, $statement, $expected) = @$case;
	table('note text, PRIMARY KEY (id, day)', <<"EOF");
CREATE OR REPLACE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
    UPDATE t SET note = note || ' (instead of ' || OLD.note || ')' WHERE id = OLD.id AND day = OLD.day; RETURN NULL; END \$\$;
INSERT INTO t VALUES (0, '2026-03-10', 'v0');
$trigger
EOF
	my ($older, $mover) = start_waiting_move($node, $call);
	sql($statement);
	my $rows = "SELECT string_agg(id || ' ' || note, ', ' ORDER BY id) FROM t WHERE id <= 0";
	is(sql($rows), $expected, "$what: the application sees it");
	goes_on($older, $mover, $what);
	is(sql($rows), $expected, "$what: and still sees it in the new partition");
	is(sql('SELECT count(*) FROM t WHERE id > 0'), 1000, "$what: with all others");
}

# Columns that cannot be compared, and a unique key that is not the primary key.
table('note json, UNIQUE (id, day)', 'ALTER TABLE t ALTER id SET NOT NULL, ALTER day SET NOT NULL;');
my ($older, $mover) = start_waiting_move($node, $call);
sql(q(UPDATE t SET note = '{"a": 1}' WHERE id <= 10; UPDATE t SET note = '{"a": 2}' WHERE id = 1; DELETE FROM t WHERE id = 2; UPDATE t SET id = 2 WHERE id = 3));
goes_on($older, $mover, 'json');
is(sql(q(SELECT string_agg(id || ' ' || note, ', ' ORDER BY id) FROM t WHERE id <= 4)), '1 {"a": 2}, 2 {"a": 1}, 4 {"a": 1}', 'json: as it was written');

# Whatever becomes of the unique key, no write fails: the move begins again, or cannot go on.
foreach my $case (
	[ 'a column of the key is renamed', 'ALTER TABLE t RENAME COLUMN id TO ident', 'ALTER TABLE t RENAME COLUMN ident TO id' ],
	[ 'the key is dropped', 'ALTER TABLE t DROP CONSTRAINT t_pkey', 'ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id, day)' ],
	[ 'a column of the key gets another type', 'ALTER TABLE t ALTER COLUMN id TYPE bigint', '' ],
	[ 'a column of the key may be null', 'ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ALTER id DROP NOT NULL', 'DELETE FROM t WHERE id IS NULL; ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id, day)', 'UPDATE t SET id = NULL WHERE id = 7' ])
{
	my ($what, $alter, $back, $write) = @$case;
	table('note text, PRIMARY KEY (id, day)');
	my ($older, $mover) = start_waiting_move($node, $call);
	sql($alter);
	($result, $output, $messages) = run_sql($node, $write // q(INSERT INTO t VALUES (7777, '2026-03-10', 'new')));
	is($result, 0, "$what: a write succeeds") or diag($messages);
	sql($back);
	$older->query_safe('COMMIT');
	$older->quit;
	# The call may have ended for want of a key.
	finish_sql($mover);
	($result, $output, $messages) = run_sql($node, q(CALL ppm.repartition('t')));
	is($result, 0, "$what: then the move can end") or diag($messages);
	is(sql('SELECT count(*) FROM t'), $write ? 999 : 1001, "$what: with all rows");
}

# A partition may have its part of the key from before, deferrable, or by another operator class.
foreach my $case (
	[ 'a deferrable key', 'note text', 'ALTER TABLE t_wide ADD UNIQUE (id, day) DEFERRABLE', 'CREATE UNIQUE INDEX ON t (id, day)', q(UPDATE t SET id = id + 1 WHERE day = '2026-03-10') ],
	[ 'another operator class', 'code text, note text', 'ALTER TABLE t_wide ALTER code SET DEFAULT md5(random()::text); UPDATE t_wide SET code = id; ALTER TABLE t_wide ALTER code SET NOT NULL; CREATE UNIQUE INDEX ON t_wide (code varchar_ops, day)', 'ALTER TABLE t ALTER code SET NOT NULL; CREATE UNIQUE INDEX ON t (code, day)', q(UPDATE t SET note = 'x' WHERE day = '2026-03-10') ])
{
	my ($what, $columns, $own, $parents, $write) = @$case;
	table($columns, "ALTER TABLE t_wide ALTER id SET NOT NULL, ALTER day SET NOT NULL; $own;");
	sql('ALTER TABLE t DETACH PARTITION t_wide; ALTER TABLE t ALTER id SET NOT NULL, ALTER day SET NOT NULL');
	sql("$parents; ALTER TABLE t ATTACH PARTITION t_wide FOR VALUES FROM ('2026-03-01') TO ('2026-03-25')");
	my ($older, $mover) = start_waiting_move($node, $call);
	($result, $output, $messages) = run_sql($node, $write);
	is($result, 0, "$what: a write succeeds") or diag($messages);
	my $written = sql('SELECT md5(string_agg(t::text, \',\' ORDER BY t::text)) FROM t');
	goes_on($older, $mover, $what);
	is(sql('SELECT md5(string_agg(t::text, \',\' ORDER BY t::text)) FROM t'), $written, "$what: as it was written");
}

# Equal keys that do not look the same.
table('k numeric DEFAULT 0, note text, PRIMARY KEY (k, id, day)');
($older, $mover) = start_waiting_move($node, $call);
sql(q(UPDATE t SET k = 0.00 WHERE id <= 20; UPDATE t SET k = 0.0 WHERE id = 7; DELETE FROM t WHERE k = 0.000 AND id = 8));
goes_on($older, $mover, 'equal keys');
is(sql('SELECT count(*), count(*) FILTER (WHERE scale(k) = 2), count(*) FILTER (WHERE scale(k) = 1) FROM t'), '999|18|1', 'equal keys: as they were written');

# Two unique keys of the same columns that do not agree on what is equal: a row goes, and its trigger brings another back.
sql('CREATE TYPE amount AS (v numeric)');
table('k amount, note text', <<'EOF');
UPDATE t SET k = row(id)::amount;
ALTER TABLE t ALTER k SET NOT NULL;
CREATE UNIQUE INDEX ON t (k record_image_ops, day);
ALTER TABLE t ADD PRIMARY KEY (k, day);
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (OLD.k).v = 7 AND OLD.note IS NULL THEN INSERT INTO t VALUES (7, OLD.day, row(7.00)::amount, 'again'); END IF; RETURN NULL; END $$;
CREATE TRIGGER again AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION again();
EOF
($older, $mover) = start_waiting_move($node, $call);
sql('DELETE FROM t WHERE id = 7');
goes_on($older, $mover, 'two keys');
is(sql(q(SELECT count(*), string_agg(note || (k).v, ' ') FILTER (WHERE id = 7) FROM t)), '1000|again7.00', 'two keys: the row is there');

# SERIALIZABLE transactions that only insert.
table('note text, PRIMARY KEY (id, day)');
($older, $mover) = start_waiting_move($node, $call);
my @sessions = map { $node->background_psql('postgres') } 1, 2;
$_->query_safe('BEGIN ISOLATION LEVEL SERIALIZABLE') foreach @sessions;
foreach my $round (1, 2)
{
	$sessions[$_]->query_safe("INSERT INTO t VALUES (${round}000$_, '2026-03-10')") foreach 0, 1;
}
ok(eval { $_->query_safe('COMMIT') foreach @sessions; 1 }, 'SERIALIZABLE transactions do not fail because of the move') or diag $@;
$_->quit foreach @sessions;

# A transaction that imports an older one's snapshot is waited for, too.
my $snapshot = $older->query_safe('SELECT pg_export_snapshot()');
my $importer = $node->background_psql('postgres');
$importer->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'; SELECT 1");
is(sql(q(SELECT coalesce(string_agg(reason, '; '), '') FROM ppm.move_broken)), '', 'nothing keeps that move from going on');
sleep 3;
$older->query_safe('COMMIT');
$older->quit;
sleep 3;
is($importer->query_safe('SELECT count(*) FROM t'), 1000, 'a transaction with an imported snapshot sees every row');
is(sql('SELECT phase FROM ppm.progress'), 'waiting', 'because the move waits for it');
$importer->query_safe('COMMIT');
$importer->quit;
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'then the move ends') or diag($messages);
is(sql('SELECT count(*) FROM t'), 1004, 'with what was written meanwhile');

# Whoever keeps the swap from a new table does not make the move begin again, nor a writer wait for long.
table('note text, PRIMARY KEY (id, day)');
($older, $mover) = start_waiting_move($node, $call);
my $target = sql(q(SELECT min(relname) FROM pg_class WHERE relname LIKE 'ppm\_move%' AND relkind = 'r'));
my $vacuum = hold($node, "LOCK TABLE $target IN SHARE UPDATE EXCLUSIVE MODE");
$older->query_safe('COMMIT');
$older->quit;
wait_until_waits($node, 'mover', 'relation');
sql("INSERT INTO t VALUES (${_}001, '2026-03-05')") foreach 1 .. 9;
is(sql(q(SELECT coalesce(string_agg(reason, '; '), '') FROM ppm.move_broken)), '', 'nothing keeps a move from going on that waits for a new table');
$vacuum->query_safe('COMMIT');
$vacuum->quit;
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'which it gets') or diag($messages);
is(sql('SELECT count(*) FROM t'), 1009, 'with what was written meanwhile');

#
# The referenced table
#

my $references = 'referred int, referred_day date, PRIMARY KEY (id, day), FOREIGN KEY (referred, referred_day) REFERENCES referred';
my $refer = "UPDATE t SET referred = id % 10, referred_day = '2026-03-10' WHERE id % 3 = 0;";

# How many triggers of the new tables' foreign keys would run when a referenced row is deleted.
my $enabled = q(SELECT count(*) FROM pg_trigger g JOIN pg_constraint c ON c.oid = g.tgconstraint JOIN pg_class r ON r.oid = c.conrelid
                WHERE c.contype = 'f' AND r.relname LIKE 'ppm_move%' AND g.tgrelid <> c.conrelid AND g.tgenabled <> 'D');

table($references, $refer);
($older, $mover) = start_waiting_move($node, $call);
is(sql($enabled), 0, 'the new foreign keys are quiet');
sql(q(CREATE TABLE referred_2 PARTITION OF referred FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')));
ok($node->poll_query_until('postgres', $enabled =~ s/count\(\*\)/count(*) = 0/r), 'also on a new partition of the referenced table');
sql(q(INSERT INTO referred VALUES (500, '2027-06-01'); INSERT INTO t VALUES (5000, '2026-03-09', 500, '2027-06-01')));
($result, $output, $messages) = run_sql($node, 'BEGIN; DELETE FROM t WHERE referred = 500; DELETE FROM referred WHERE id = 500; COMMIT');
is($result, 0, 'whose rows can be deleted') or diag($messages);
goes_on($older, $mover, 'a new partition of the referenced table');
unlike($messages, qr/begins again/, 'and it did not have to begin again');
($result, $output, $messages) = run_sql($node, 'DELETE FROM referred WHERE id = 3');
like($messages, qr/23503/, 'the new partitions are known to refer to it');

# Somebody writes to that partition for a long time: no row is copied that would keep a referenced one from being deleted.
table($references, $refer);
$mover = start_sql($node, 'mover', 'SET ppm.batch_rows = 50; SET ppm.batch_pause = 500; CALL ppm.repartition(\'t\')');
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'copying' AND rows_done > 0)") or die 'it does not copy';
my $writer = $node->background_psql('postgres');
$writer->query_safe(q(CREATE TABLE referred_2 PARTITION OF referred FOR VALUES FROM ('2027-01-01') TO ('2028-01-01'); INSERT INTO referred VALUES (500, '2027-06-01')));
$writer->query_safe(q(UPDATE t SET referred = 500, referred_day = '2027-06-01' WHERE id = 990; BEGIN; INSERT INTO referred VALUES (501, '2027-06-01')));
($result, $output, $messages) = finish_sql($mover);
like($messages, qr/ERROR:  55P03/, 'a move ends that does not get the lock on a referenced table for long');
($result, $output, $messages) = run_sql($node, q(BEGIN; UPDATE t SET referred = 1, referred_day = '2026-03-10' WHERE id = 990; DELETE FROM referred WHERE id = 500; COMMIT));
is($result, 0, 'no copy keeps a referenced row from being deleted') or diag($messages);
$writer->query_safe('COMMIT');
$writer->quit;
($result, $output, $messages) = run_sql($node, $call);
is($result, 0, 'and the next call goes on') or diag($messages);
unlike($messages, qr/begins again/, 'from where it was');

table($references, $refer);
$mover = start_sql($node, 'mover', "SET ppm.batch_rows = 50; SET ppm.batch_pause = 500; $call");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'copying' AND rows_done > 0)") or die 'it does not copy';
sql('ALTER TABLE referred_1 DISABLE TRIGGER ALL; ALTER TABLE referred_1 ENABLE TRIGGER ALL');
ok($node->poll_query_until('postgres', $enabled =~ s/count\(\*\)/count(*) = 0/r), 'triggers that somebody enables are quiet again');
is(sql('SELECT count(*) FROM ppm.move'), 1, 'while rows are copied');
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'and the move ends') or diag($messages);

#
# A unique index that only the new tables have, by the template
#

table('code text, note text, PRIMARY KEY (id, day)', <<'EOF');
CREATE TABLE template (id int, day date, code text, note text);
CREATE UNIQUE INDEX ON template (code);
UPDATE ppm.config SET template = 'public.template';
UPDATE t SET code = id;
EOF
($older, $mover) = start_waiting_move($node, $call);
# One waits for the other, and looks for deadlocks after a second. By then the other has come to the value that one has written.
my $other = hold($node, q(UPDATE t SET note = 'other' WHERE id = 6));
my $one = start_sql($node, 'one', q(BEGIN; INSERT INTO t VALUES (3001, '2026-03-10', 'same'); UPDATE t SET note = 'one' WHERE id = 6; COMMIT));
wait_until_waits($node, 'one');
sleep 0.75;
ok(eval { $other->query_safe(q(SET LOCAL statement_timeout = '15s'; INSERT INTO t SELECT 4000 + i, '2026-03-10', 'same' FROM generate_series(1, 100) i; INSERT INTO t VALUES (3002, '2026-03-10', 'same'))); 1 },
	'a writer does not wait, row by row, for another that has written the same value') or diag $@;
# (The mover may have seen it a moment after the commit.)
like($other->query_safe('SELECT string_agg(reason, E\'\n\') FROM ppm.move_broken'), qr/\Aa row could not be written to its new table: [^\n]*\z/, 'the move is to begin again, which is noted once');
$other->query_safe('COMMIT');
$other->quit;
($result, $output, $messages) = finish_sql($one);
is($result, 0, 'nor is the other one the victim of a deadlock') or diag($messages);
$older->query_safe('COMMIT');
$older->quit;
($result, $output, $messages) = finish_sql($mover);
like($messages, qr/begins again/, 'it says so');
like($messages, qr/23505|duplicate key/, 'and that rows do not fit the template');
is(sql(q(SELECT string_agg(id || ' ' || code || coalesce(' ' || note, ''), ', ' ORDER BY id) FROM t WHERE id = 6 OR id BETWEEN 3001 AND 3002)), '6 6 one, 3001 same, 3002 same', 'all has been written');
is(sql('SELECT count(*) FROM t WHERE id > 4000'), 100, 'to the last row');
sql(q(CALL ppm.abandon('t')));

#
# A source that is detached meanwhile comes back
#

table('note text, PRIMARY KEY (id, day)', "UPDATE ppm.config SET retention = 5, drop_delay = '1 day';");
sql('DROP TABLE t_wide; CREATE TABLE t_wide PARTITION OF t FOR VALUES FROM (\'2026-03-01\') TO (\'2026-03-05\'); INSERT INTO t SELECT i, date \'2026-03-01\' + i % 4 FROM generate_series(1, 100) i; UPDATE ppm.config SET retention = 30');
($older, $mover) = start_waiting_move($node, $call);
sql(q(UPDATE ppm.config SET retention = 5));
my $cleaner = start_sql($node, 'cleaner', q(SET ppm.lock_timeout = '1min'; SET ppm.statement_timeout = '1min'; CALL ppm.cleanup('t')));
$node->poll_query_until('postgres', q(SELECT EXISTS (SELECT FROM ppm.detached))) or die 'cleanup does not begin';
$older->query_safe('COMMIT');
$older->quit;
($result, $output, $messages) = finish_sql($cleaner);
is($result, 0, 'a source of a move is detached') or diag($messages);
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'the move ends') or diag($messages);
sql(q(UPDATE ppm.config SET retention = 30));
($result, $output, $messages) = run_sql($node, q(CALL ppm.provision('t')));
is(sql('SELECT count(*) FROM t'), 100, 'and it comes back with all its rows') or diag($messages);
is(sql(q(SELECT count(*) FROM ppm.check() WHERE severity = 'error' AND code <> 'off_grid')), 0, 'to nobody\'s surprise');

done_testing();
