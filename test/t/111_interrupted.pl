# The server dies between the two transactions of a detach, and people do something before the next call: they keep more, put rows in, or
# give the table away.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('interrupted', conf => "ppm.work_date = ''\n");
$node->safe_psql('postgres', 'CREATE ROLE stranger');

# An outdated day, three that are not; a row each, of its own day.
my $setup = <<'EOF';
SET client_min_messages = error;
DROP TABLE IF EXISTS orders, orders_old;
DROP SCHEMA IF EXISTS before, after CASCADE;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
CREATE TABLE orders (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('orders', 'daily', 1, 1, 'drop');
CALL ppm.provision();
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (current_date - 2) TO (current_date - 1);
INSERT INTO orders SELECT current_date + d FROM unnest(ARRAY[-2, -1, 0, 1]) AS d;
EOF

# The same day, partitioned itself.
my $with_sub_partition = <<'EOF';
DROP TABLE orders_old;
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (current_date - 2) TO (current_date - 1) PARTITION BY RANGE (day);
CREATE TABLE orders_old_part PARTITION OF orders_old FOR VALUES FROM (current_date - 2) TO (current_date - 1);
INSERT INTO orders VALUES (current_date - 2);
EOF

# A reader of the parent keeps the worker waiting between the transactions. Then somebody kills the postmaster.
sub interrupt
{
	my ($more) = @_;
	$node->safe_psql('postgres', $setup . ($more // ''));
	my $reader = hold($node, 'SELECT count(*) FROM orders');
	my $caller = start_sql($node, 'caller', "$patience\nCALL ppm.run_all();", on_error_stop => 0);
	wait_until_worker_waits($node, 'virtualxid');
	# The first transaction need not be on disk yet. A later commit that is takes it along.
	$node->safe_psql('postgres', 'CREATE TABLE later (); DROP TABLE later;');
	my @children = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	$node->kill9;
	finish_sql($caller);
	$reader->{run}->finish;
	# No other postmaster starts before the last of its children has noticed.
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if !grep { kill 0, $_ } @children;
		select undef, undef, undef, 0.1;
	}
	$node->start;
	is($node->safe_psql('postgres', <<'EOF'), 't|drop|t|t', 'after a crash the detach is pending, and recorded');
SELECT i.inhdetachpending, d.cleanup_policy, d.version IS NULL, to_jsonb(d) ->> 'drop_after' IS NULL FROM pg_inherits i JOIN ppm.detached d ON d.relation = i.inhrelid
EOF
	return;
}

# The days of the table, counted from today; and what became of the outdated one.
sub state
{
	return $node->safe_psql('postgres', <<'EOF');
SELECT (SELECT string_agg(day - current_date || '', ' ' ORDER BY day) FROM orders),
	coalesce((SELECT CASE WHEN relispartition THEN 'attached' ELSE 'detached' END FROM pg_class WHERE relname = 'orders_old'), 'dropped')
EOF
}

interrupt();
my ($result, undef, $messages) = run_sql($node, 'CALL ppm.run_all()');
is("$result " . state(), '0 -1 0 1|dropped', 'the next call finishes the removal');
is($node->safe_psql('postgres', q(SELECT string_agg(action || ' ' || outcome, ', ' ORDER BY at) FROM ppm.history WHERE partition = 'orders_old')),
	'finalize ok, drop ok', 'and ppm.history has what it did');

interrupt();
$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = 2));
is($node->safe_psql('postgres', q(SELECT string_agg(action, ', ' ORDER BY step) FROM ppm.plan('orders') WHERE partition = 'orders_old')),
	'finalize, attach', 'if the retention is raised before the next call, the plan keeps the partition');
($result, undef, $messages) = run_sql($node, 'CALL ppm.run_all()');
like($messages, qr/PM004: .*pending_detach/s, 'provision reports that its days were missing');
is(state(), '-2 -1 0 1|attached', 'and cleanup attaches it again, with its row');
is($node->safe_psql('postgres', q(SELECT string_agg(action, ', ' ORDER BY at) FROM ppm.history WHERE partition = 'orders_old' AND outcome = 'ok' AND run_id = (SELECT max(run_id) FROM ppm.history))),
	'finalize, attach', 'in the same call');
($result) = run_sql($node, 'CALL ppm.run_all()');
is($result . $node->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached'), '00', 'the call after that finds nothing to do');

# Whatever else changes ppm's record of the table, a row that came after the detach began is a new one.
foreach my $more ('', q(UPDATE ppm.config SET drop_delay = '1 microsecond'), 'ALTER SCHEMA before RENAME TO after')
{
	interrupt($more =~ /SCHEMA/ ? 'CREATE SCHEMA before; ALTER TABLE orders_old SET SCHEMA before;' : '');
	my $old = $more =~ /SCHEMA/ ? 'before.orders_old' : 'orders_old';
	$node->safe_psql('postgres', "INSERT INTO $old VALUES (current_date - 2); $more");
	my $said = '';
	foreach (1, 2)
	{
		(undef, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
		$said .= $messages;
	}
	like($said, qr/orders_old" got rows after ppm detached it, so it is not dropped/, "a row that somebody puts in before the next call is noticed: $more");
	is(state() . $node->safe_psql('postgres', 'SELECT count(*) FROM ' . ($old =~ s/before/after/r)), '-1 0 1|detached2', 'and nothing is lost');
}

# (PostgreSQL does not let anybody give away the partition itself while its detach is pending.)
interrupt($with_sub_partition);
$node->safe_psql('postgres', 'ALTER TABLE orders_old_part OWNER TO stranger');
($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/orders_old_part" belongs to stranger/, 'a table below it that somebody gives away before the next call is not dropped');
is(state(), '-1 0 1|detached', 'it is detached and kept');

# It cannot come back as it is. That must not keep others from being detached.
interrupt();
$node->safe_psql('postgres', 'ALTER TABLE orders ADD note text; UPDATE ppm.config SET retention = 2');
($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
my $pending = 'SELECT count(*) FROM pg_inherits WHERE inhdetachpending';
if ($messages =~ /Attribute "note" of type orders does not exist/)
{
	# PostgreSQL 18.6 and 19 cannot even finish the detach.
	like($messages, qr/PM006.*Copy its rows with CREATE TABLE/s, 'what PostgreSQL cannot finish is a failure, and has a mend');
	is(state() . $node->safe_psql('postgres', $pending), '-1 0 1|attached1', 'and the partition is left as it is');
	$node->safe_psql('postgres', 'CREATE TABLE copied AS TABLE orders_old; DROP TABLE orders_old; DROP TABLE copied');
	($result) = run_sql($node, 'CALL ppm.run_all()');
	is($result . $node->safe_psql('postgres', "$pending UNION ALL SELECT count(*) FROM ppm.detached"), "00\n0", 'after which the next call has nothing to finish');
}
else
{
	like($messages, qr/PM006.*child table is missing column "note"/s, 'a partition that cannot be attached again is a failure');
	is(state() . $node->safe_psql('postgres', $pending), '-1 0 1|detached0', 'but its detach is finished, and it is kept');
}

# What was to be dropped is not to be any more: it comes back also if somebody says so, or stands in the way, while a call finishes the detach.
my $keeps_everything = 'UPDATE ppm.config SET retention = NULL';
sub comes_back
{
	my ($what) = @_;
	run_sql($node, 'CALL ppm.run_all()') foreach 1, 2;
	is(state(), '-2 -1 0 1|attached', "it comes back: $what");
	my ($result) = run_sql($node, 'CALL ppm.run_all()');
	is($result . $node->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached'), '00', 'and nothing is left to do');
	return;
}

$node->safe_psql('postgres', $setup);
my $reads = hold($node, 'SELECT count(*) FROM orders');
my $caller = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();");
wait_until_worker_waits($node, 'virtualxid');
$node->safe_psql('postgres', $keeps_everything);
$reads->query_safe('COMMIT');
finish_sql($caller);
comes_back('retention is set to null while the worker waits between the transactions');

interrupt();
$reads = hold($node, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$caller = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();");
wait_until_waits($node, 'caller', 'virtualxid');
$node->safe_psql('postgres', $keeps_everything);
$reads->query_safe('COMMIT');
finish_sql($caller);
comes_back('retention is set to null while cleanup waits for older snapshots');

interrupt();
$node->safe_psql('postgres', $keeps_everything);
my $grants = hold($node, 'GRANT SELECT ON orders_old TO stranger');
$caller = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();");
wait_until_waits($node, 'caller');
$grants->query_safe('COMMIT');
finish_sql($caller);
comes_back('somebody grants a privilege at that moment');

# The detach can be finished, but a reader keeps the table from being attached: with a default partition that takes ACCESS EXCLUSIVE there. Nothing
# that belongs to a detached table is done to it meanwhile.
interrupt();
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE orders_default PARTITION OF orders DEFAULT;
CREATE TABLE called (partition text);
CREATE FUNCTION note(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS 'INSERT INTO public.called VALUES ($2::text)';
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('public', 'orders', 'after_detach', 'public.note(regclass,regclass,text,text)');
CREATE SCHEMA before;
UPDATE ppm.config SET retention = 2, archive_schema = 'before';
EOF
$reads = hold($node, 'SELECT count(*) FROM orders');
($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/PM006.*orders_old": the interrupted detach was finished, but the table could not be attached again: canceling statement due to lock timeout/s, 'a table that cannot be attached at once is a failure');
run_sql($node, 'CALL ppm.cleanup()');
is(state() . $node->safe_psql('postgres', q(SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'orders_old')) . $node->safe_psql('postgres', 'SELECT count(*) FROM called'), '-1 0 1|detachedpublic0', 'it is neither archived nor announced');
$reads->query_safe('COMMIT');
($result) = run_sql($node, 'CALL ppm.run_all()');
is("$result " . state() . $node->safe_psql('postgres', 'SELECT count(*) FROM called'), '0 -2 -1 0 1|attached0', 'and provision attaches it');
$node->safe_psql('postgres', 'DELETE FROM ppm.hooks; DROP TABLE called; DROP FUNCTION note');

# Somebody else's detach stays what it is, also if the first call that would finish it cannot.
$node->safe_psql('postgres', "$setup $keeps_everything");
$reads = hold($node, 'SELECT count(*) FROM orders');
run_sql($node, "SET statement_timeout = '100ms'; ALTER TABLE orders DETACH PARTITION orders_old CONCURRENTLY");
run_sql($node, "SET ppm.statement_timeout = '100ms'; CALL ppm.cleanup()");
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits WHERE inhdetachpending'), '1', "somebody else's detach is interrupted, and a call cannot finish it");
$reads->query_safe('COMMIT');
($result) = run_sql($node, 'CALL ppm.cleanup()');
is("$result " . state(), '0 -1 0 1|detached', 'the next call finishes it, and keeps the table out');

# A transaction that is older than the detach, and writes to the table only after it.
$node->safe_psql('postgres', $setup . q(UPDATE ppm.config SET drop_delay = '1 day'; CREATE TABLE IF NOT EXISTS other (n int);));
my $old = hold($node, 'INSERT INTO other VALUES (1)');
my $reader = hold($node, 'SELECT count(*) FROM orders');
run_sql($node, "SET ppm.lock_timeout = '50ms'; SET ppm.statement_timeout = '100ms'; CALL ppm.cleanup()");
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits WHERE inhdetachpending'), 1, 'a detach is interrupted, and the server goes on');
$reader->query_safe('COMMIT');
my $young = hold($node, 'INSERT INTO other VALUES (2)');
$node->safe_psql('postgres', 'INSERT INTO other VALUES (3)');
($result) = run_sql($node, 'CALL ppm.cleanup()');
is("$result " . state(), '0 -1 0 1|detached', 'the next call finishes it, whoever writes to other tables meanwhile');
$young->query_safe('COMMIT');
$old->query_safe('INSERT INTO orders_old VALUES (current_date - 2); COMMIT');
($result, undef, $messages) = run_sql($node, q(UPDATE ppm.config SET drop_delay = '1 microsecond'; CALL ppm.cleanup()));
like($messages, qr/orders_old" got rows after ppm detached it/, 'a row that an older transaction puts in after that is noticed');
is(state(), '-1 0 1|detached', 'and the table is kept');
$_->quit foreach $old, $reader, $young;

# The objects of 1.0.0 have no column for the beginning of a detach.
foreach my $update ('', 'ALTER EXTENSION ppm UPDATE', q(ALTER EXTENSION ppm UPDATE; UPDATE ppm.config SET drop_delay = '1 microsecond'))
{
	$node->safe_psql('postgres', q(SET client_min_messages = error; DROP TABLE orders, orders_old; DROP EXTENSION ppm; CREATE EXTENSION ppm VERSION '1.0.0'));
	interrupt();
	$node->safe_psql('postgres', "INSERT INTO orders_old VALUES (current_date - 2); $update");
	run_sql($node, 'CALL ppm.cleanup()') foreach 1, 2;
	is(state() . $node->safe_psql('postgres', 'SELECT count(*) FROM orders_old'), '-1 0 1|detached2', 'a row is noticed also if 1.0.0 began the detach' . ($update ? ', and was updated then' : ''));
}

$node->stop;
done_testing();
