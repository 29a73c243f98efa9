# What others do while a call waits: between its phases, its transactions, its looks at the catalog, and behind the back of its
# worker. The call finds it out, says so, and harms nothing; the next call goes on from there.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Where the memory that a call shares with its worker is a file, the file can be lost.
my $node = new_node('meanwhile', conf => 'dynamic_shared_memory_type = mmap');
my ($result, $output, $messages);
my $holder = hold($node, 'SELECT 1');
$holder->query_safe('ROLLBACK');

# Whoever records waits for who holds 8.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION wait_for_8() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(8); RETURN NEW; END';
CREATE TRIGGER wait_for_8 BEFORE INSERT ON ppm.history FOR EACH ROW WHEN (NEW.action = 'detach') EXECUTE FUNCTION wait_for_8();
EOF

# A table of daily partitions for the 14th to the 16th of March, and what else is to be made.
sub make
{
	my ($policy, $sql) = @_;
	$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DELETE FROM ppm.history;
DROP TABLE IF EXISTS orders, orders_2026_03_14, orders_old, orders_older, orders_far;
CREATE TABLE orders (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('orders', 'daily', 1, 1, '$policy');
CALL ppm.provision();
$sql
EOF
	return;
}

sub call
{
	my ($sql) = @_;
	return start_sql($node, 'caller', "$patience\n$sql", on_error_stop => 0);
}

sub finish
{
	my ($session) = @_;
	($result, $output, $messages) = finish_sql($session);
	return;
}

# That the call ended in this error, and the first line of its detail in that.
sub failed
{
	my ($sqlstate, $detail, $name) = @_;
	like($messages, qr/ERROR:  $sqlstate: [^\n]*\nDETAIL:  table "[^\n]*: $detail\n/, $name);
	unlike($messages, qr/XX\d\d\d/, 'and it is not an internal error');
	is(advisory_locks($node), 0, 'and leaves no lock');
	return;
}

sub wait_until_worker_is_gone
{
	$node->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker')))
	  or die 'the worker is still there';
	return;
}

# A call, of which the worker has detached the first partition, and which waits for another session to let go of that: it has done this
# statement, for which it stood in line while the worker was at it.
sub detached_while
{
	my ($sql) = @_;
	$holder->query_safe('SELECT pg_advisory_lock(7), pg_advisory_lock(8)');
	my $call = call('CALL ppm.cleanup();');
	wait_until_worker_waits($node);
	my $user = start_sql($node, 'user', "BEGIN; $sql; SELECT pg_advisory_lock(7); COMMIT;");
	wait_until_waits($node, 'user', 'relation');
	$holder->query_safe('SELECT pg_advisory_unlock(8)');
	wait_until_waits($node, 'caller', 'relation');
	return ($call, $user);
}

sub let_go
{
	my ($user) = @_;
	$holder->query_safe('SELECT pg_advisory_unlock(7)');
	finish_sql($user);
	return;
}

sub end_call
{
	$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'));
	return;
}

# Partitions of the table | tables on their own | what is in the ledger.
sub tables
{
	return $node->safe_psql('postgres', <<'EOF');
SELECT concat_ws('|', (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'orders'::regclass),
	coalesce((SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^orders_' AND NOT relispartition), ''),
	coalesce((SELECT string_agg(detached, ' ' ORDER BY detached) FROM ppm.detached), ''))
EOF
}

sub cleans_up
{
	my ($expected, $name) = @_;
	finish(call('CALL ppm.cleanup();'));
	is("$result " . tables(), "0 $expected", $name);
	return;
}

my $days = 'orders_2026_03_14 orders_2026_03_15 orders_2026_03_16';
my $old = q(CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-01-02'); INSERT INTO orders VALUES ('2026-01-01'););
# (What is partitioned itself is dropped by the call, in a step of its own.)
my $older = q(CREATE TABLE orders_older PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2025-01-02') PARTITION BY RANGE (day););
my $far = q(CREATE TABLE orders_far PARTITION OF orders FOR VALUES FROM ('2999-01-01') TO ('2999-01-02'););

#
# A table that is to be attached again
#

my $changed = 'table "public\.orders_2026_03_14" was renamed, replaced, attached or detached concurrently \(SQLSTATE 55000\)';
my %changes = (
	'renamed' => [ 'ALTER TABLE orders_2026_03_14 RENAME TO orders_old', $changed ],
	'dropped' => [ 'DROP TABLE orders_2026_03_14', $changed ],
	'forgotten' => [ 'DELETE FROM ppm.detached', 'ppm\.detached and the catalog no longer agree on table "public\.orders_2026_03_14" \(SQLSTATE 55000\)' ]);
foreach my $change (sort keys %changes)
{
	my ($sql, $reason) = @{ $changes{$change} };
	make('detach', q(SET ppm.work_date = '2026-03-16'; CALL ppm.cleanup();));
	# The call locks the row of its table before the table.
	my ($before, $then) = $change eq 'forgotten' ? ($sql, '') : ('LOCK TABLE orders_2026_03_14', "$sql;");
	$holder->query_safe("BEGIN; $before");
	my $call = call('CALL ppm.provision();');
	wait_until_waits($node, 'caller', $change eq 'forgotten' ? 'transactionid' : 'relation');
	$holder->query_safe("$then COMMIT");
	finish($call);
	failed('PM004', $reason, "a table that is to be attached again is $change meanwhile");
	like(tables(), qr/^orders_2026_03_15 orders_2026_03_16\|/, 'and is not attached');
}

#
# A partition that the worker is to detach: it waits in line behind somebody who renames or drops it
#

%changes = (
	'renamed' => [ 'ALTER TABLE orders_old RENAME TO orders_older', "$days|orders_older|orders_older" ],
	'dropped' => [ 'DROP TABLE orders_old', "$days||" ]);
foreach my $change (sort keys %changes)
{
	my ($sql, $then) = @{ $changes{$change} };
	make('detach', $old);
	$holder->query_safe('SELECT pg_advisory_lock(7); BEGIN; LOCK TABLE ONLY orders IN SHARE UPDATE EXCLUSIVE MODE');
	my $call = call('CALL ppm.cleanup();');
	wait_until_waits($node, 'caller', 'relation');
	my $user = start_sql($node, 'user', "BEGIN; LOCK TABLE ONLY orders; $sql; SELECT pg_advisory_lock(7); COMMIT;");
	wait_until_waits($node, 'user', 'relation');
	$holder->query_safe('COMMIT');
	wait_until_worker_waits($node);
	$holder->query_safe('SELECT pg_advisory_unlock(7)');
	finish_sql($user);
	finish($call);
	failed('PM006', 'partition "orders_old" was renamed, dropped, detached or attached again concurrently \(SQLSTATE 55000\)[^\n]*',
		"a partition is $change before the worker has its lock");
	like(tables(), qr/\|$/, 'and no removal of it is on record');
	cleans_up($then, 'the next call does what there is to do by then');
}

#
# The worker
#

# It ends between two partitions.
make('drop', $older . $old);
my ($call, $user) = detached_while('LOCK TABLE orders_older IN ACCESS SHARE MODE');
is($node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'ppm worker')), 't', 'the worker is ended');
wait_until_worker_is_gone();
let_go($user);
finish($call);
is("$result " . tables(), "0 $days||", 'a worker that has ended between two partitions is replaced');

# It is ended together with its call, while it records what it is about to have done.
make('detach', $old);
$holder->query_safe('SELECT pg_advisory_lock(8)');
$call = call('CALL ppm.cleanup();');
wait_until_worker_waits($node);
end_call();
finish($call);
$holder->query_safe('SELECT pg_advisory_unlock(8)');
wait_until_worker_is_gone();
is(tables(), "$days orders_old||orders_old", 'a detach that is not recorded is not done');
cleans_up("$days|orders_old|orders_old", 'the next call does it');
is($node->safe_psql('postgres', q(SELECT action, outcome FROM ppm.history WHERE partition = 'orders_old')), 'finalize|ok', 'and records it');

# It could not record what it would do: then it is not asked to begin, and no partition is left half detached.
make('drop', $old);
$holder->query_safe('BEGIN; LOCK TABLE ppm.history IN SHARE MODE');
finish(call(q(SET ppm.lock_timeout = '100ms'; CALL ppm.cleanup();)));
failed('PM006', 'canceling statement due to lock timeout \(SQLSTATE 55P03\)[^\n]*', 'a locked ppm.history');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits WHERE inhdetachpending'), '0', 'leaves no pending detach behind');
$holder->query_safe('COMMIT');
cleans_up("$days||", 'the next call does it');

# It does not even begin: the memory that it shares with the call is lost, as systemd's RemoveIPC loses it.
make('drop', $old);
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe($patience);
my %known = map { $_ => 1 } glob $node->data_dir . '/pg_dynshmem/mmap.*';
kill 'STOP', $postmaster;
$session->{stdin} .= "CALL ppm.cleanup();\n\\echo the end\n";
$session->{run}->pump_nb;
my @lost;
foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	@lost = grep { !$known{$_} } glob $node->data_dir . '/pg_dynshmem/mmap.*';
	last if @lost;
	select undef, undef, undef, 0.1;
}
is(scalar @lost, 1, 'a call shares memory with its worker');
unlink @lost;
kill 'CONT', $postmaster;
$session->{run}->pump until $session->{stdout} =~ /the end/;
like($session->{stderr}, qr/could not clean up 1 of 1 table\nDETAIL:  .*the background worker of ppm has ended unexpectedly \(SQLSTATE 08006\)[^\n]*\nHINT:  The server's log might say why\./,
	'a worker that does not find that memory');
$session->quit;
is(tables(), "$days orders_old||", 'nothing is half done');
cleans_up("$days||", 'the next call does it');

# It is at a standstill, and heeds nobody: neither its timeout nor the session that ends it.
make('drop', $old);
$holder->query_safe('BEGIN; SELECT count(*) FROM orders');
$call = call(q(SET ppm.lock_timeout = '1min'; SET ppm.statement_timeout = '2s'; CALL ppm.cleanup();));
wait_until_worker_waits($node);
my $worker = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'ppm worker'));
kill 'STOP', $worker;
finish($call);
failed('PM006', 'the background worker of ppm ignored ppm\.statement_timeout and was terminated \(SQLSTATE 57014\)[^\n]*', 'a worker that hangs');
kill 'CONT', $worker;
wait_until_worker_is_gone();
$holder->query_safe('COMMIT');
cleans_up("$days||", 'the next call finishes what it had begun');

#
# A row that comes into a surplus partition after it was detached, while the call ends before it has looked
#

make('drop', $far);
($call, $user) = detached_while(q(INSERT INTO orders_far VALUES ('2999-01-01')));
end_call();
finish($call);
let_go($user);
wait_until_worker_is_gone();
is(tables(), "$days|orders_far|orders_far", 'a surplus partition is detached, and has a row');
is($node->safe_psql('postgres', q(SELECT action, partition FROM ppm.plan())), 'attach|orders_far', 'what would be done about it');
cleans_up("$days orders_far||", 'the next call attaches it again');
is($node->safe_psql('postgres', 'SELECT * FROM orders'), '2999-01-01', 'with the row');

#
# Somebody else's interrupted detach
#

sub interrupt_detach
{
	my ($partition) = @_;
	$holder->query_safe('BEGIN; SELECT count(*) FROM orders');
	my (undef, undef, $error) = run_sql($node, "SET lock_timeout = '100ms'; ALTER TABLE orders DETACH PARTITION $partition CONCURRENTLY");
	like($error, qr/55P03/, 'a detach is interrupted');
	$holder->query_safe('COMMIT');
	return;
}

# What ppm once set out to do with the table when it had other bounds is not done to it now.
make('drop', $old);
interrupt_detach('orders_old');
$node->safe_psql('postgres', <<'EOF');
INSERT INTO ppm.detached (relation, parent, schema_name, table_name, detached_schema, detached, lower_bound, upper_bound, lower_value, upper_value, cleanup_policy)
VALUES ('orders_old'::regclass, 'orders'::regclass, 'public', 'orders', 'public', 'orders_old', '2025-12-31', '2026-01-01', '2025-12-31', '2026-01-01', 'drop')
EOF
is($node->safe_psql('postgres', 'SELECT action, partition, statement FROM ppm.plan()'),
	'finalize|orders_old|ALTER TABLE public.orders DETACH PARTITION public.orders_old FINALIZE;', 'plan shows how it is finished');
cleans_up("$days|orders_old|orders_old", 'it is finished, and the table kept');
is($node->safe_psql('postgres', 'SELECT lower_value, upper_value, cleanup_policy FROM ppm.detached'), '2026-01-01|2026-01-02|detach', 'by its own bounds');
cleans_up("$days|orders_old|orders_old", 'also by the next call');

# A bound that is MAXVALUE is one also in the ledger.
make('detach', q(CREATE TABLE orders_far PARTITION OF orders FOR VALUES FROM ('2026-04-01') TO (MAXVALUE);));
interrupt_detach('orders_far');
cleans_up("$days|orders_far|orders_far", 'the detaching of a partition without an end is finished');
is($node->safe_psql('postgres', 'SELECT lower_value, upper_value, upper_bound FROM ppm.detached'), '2026-04-01|MAXVALUE|infinity', 'and recorded');
finish(call(q(SET ppm.work_date = '2026-04-01'; CALL ppm.provision('orders');)));
is("$result " . $node->safe_psql('postgres', q(SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'orders_far')),
	q(0 FOR VALUES FROM ('2026-04-01') TO (MAXVALUE)), 'when it is wanted back it has the same bounds');

#
# Between the phases of a call
#

# The configuration is deleted while the first phase waits.
make('detach', 'DROP TABLE orders_2026_03_16;');
$holder->query_safe('BEGIN; LOCK TABLE ONLY orders IN SHARE UPDATE EXCLUSIVE MODE');
$call = call(q(CALL ppm.run_all('orders');));
wait_until_waits($node, 'caller', 'relation');
$node->safe_psql('postgres', 'DELETE FROM ppm.config');
$holder->query_safe('COMMIT');
finish($call);
failed('PM006', 'table "public\.orders" is not configured \(SQLSTATE PM001\)', 'a table that is not configured any more when its cleanup begins');
like($messages, qr/ERROR:  PM006: could not clean up 1 of 1 table, found errors in 1 of 1 table\n/, 'fails the phases that are left');

# A cancel during the last one is no failure of the table.
make('detach', $far . q(INSERT INTO orders VALUES ('2999-01-01');));
$holder->query_safe('BEGIN; LOCK TABLE ppm.history');
$call = call('CALL ppm.run_all();');
wait_until_waits($node, 'caller', 'relation');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'));
finish($call);
$holder->query_safe('COMMIT');
like($messages, qr/ERROR:  57014: canceling statement due to user request\n(?!DETAIL)/, 'a call that is cancelled while it checks ends at once');

# Nor is one while a call only writes down that it was made.
make('detach', '');
$holder->query_safe('BEGIN; LOCK TABLE ppm.last_run');
$call = call('CALL ppm.provision();');
wait_until_waits($node, 'caller', 'relation');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'));
finish($call);
$holder->query_safe('COMMIT');
like($messages, qr/ERROR:  57014: canceling statement due to user request\n(?!DETAIL)/, 'a call that is cancelled while it is recorded ends at once');

# The table is dropped while a plan is made.
make('detach', 'DROP TABLE orders_2026_03_16;');
$holder->query_safe('BEGIN; LOCK TABLE ppm.detached');
$call = call(q(SELECT action, partition FROM ppm.plan('orders');));
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('DROP TABLE orders; COMMIT');
finish($call);
is("$result $output", '0 create|orders_2026_03_16', 'a plan of a table that is dropped meanwhile is still one of what was there');

# Somebody has a function called before removals, while one of them waits.
foreach my $default ('', 'CREATE TABLE orders_default PARTITION OF orders DEFAULT;')
{
	make('drop', <<"EOF");
DROP TABLE IF EXISTS calls;
CREATE TABLE calls (event text);
CREATE OR REPLACE FUNCTION note_call(regclass, p regclass, text, text) RETURNS void LANGUAGE sql AS 'INSERT INTO public.calls VALUES (p)';
CREATE TABLE orders_older PARTITION OF orders FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2026-03-02') TO ('2026-03-03');
$default
EOF
	$holder->query_safe('BEGIN; SELECT count(*) FROM orders');
	$call = call('CALL ppm.cleanup();');
	$default ? wait_until_waits($node, 'caller', 'relation') : wait_until_worker_waits($node, 'virtualxid');
	my $hooker = start_sql($node, 'hooker', q(INSERT INTO ppm.hooks (table_name, event, function) SELECT 'orders', event,
		'public.note_call(regclass, regclass, text, text)' FROM unnest(ARRAY['before_detach', 'before_drop']) AS event));
	# It comes after a removal that has begun.
	$default ? wait_until_waits($node, 'hooker') : finish_sql($hooker);
	$holder->query_safe('COMMIT');
	finish_sql($hooker) if $default;
	finish($call);
	failed('PM006', 'the configuration of table "public\.orders" was changed concurrently[^\n]*',
		'a removal that was planned without a hook is none when there is one' . ($default && ', with a default partition'));
	is($node->safe_psql('postgres', q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('orders_old', 'orders_older'))),
		'orders_old orders_older', 'both tables are there');
	finish(call('CALL ppm.cleanup();'));
	is("$result " . $node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM calls), count(*) FROM pg_class WHERE relname IN ('orders_old', 'orders_older'))),
		'0 3|0', 'the next call calls it for each removal that is left');
	$node->safe_psql('postgres', 'SET client_min_messages = error; DELETE FROM ppm.hooks; DROP TABLE IF EXISTS orders');
}

# The same while another call is at work on the table: whoever waits for that one looks at the table again, and at its hooks.
make('drop', <<'EOF');
DROP TABLE IF EXISTS calls;
CREATE TABLE calls (event text);
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2026-03-02') TO ('2026-03-03');
CREATE TABLE orders_default PARTITION OF orders DEFAULT;
EOF
$holder->query_safe('SELECT pg_advisory_lock(8); BEGIN; SELECT count(*) FROM orders');
my $first = start_sql($node, 'first', "$patience CALL ppm.cleanup()");
wait_until_waits($node, 'first', 'relation');
$call = call('CALL ppm.cleanup();');
wait_until_waits($node, 'caller', 'advisory');
my $hooker = start_sql($node, 'hooker', q(INSERT INTO ppm.hooks (table_name, event, function) VALUES ('orders', 'before_detach', 'public.note_call(regclass, regclass, text, text)')));
wait_until_waits($node, 'hooker');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'first'));
finish_sql($hooker);
# The first one records its failure, and lets the other one go on.
$holder->query_safe('SELECT pg_advisory_unlock(8)');
finish_sql($first);
$holder->query_safe('COMMIT');
finish($call);
is("$result " . $node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM calls), count(*) FROM pg_class WHERE relname = 'orders_old')), '0 1|0', 'a hook that came while the call waited for another one is called');
$node->safe_psql('postgres', 'SET client_min_messages = error; DELETE FROM ppm.hooks; DROP TABLE IF EXISTS orders');

# A table is dropped while it is measured: the session still knows it when it asks for the lock.
$holder->query_safe('CREATE TABLE measured AS SELECT 1; SELECT pg_advisory_lock(7)');
$call = call(q(SELECT ppm.total_bytes('measured'::regclass) > 0, pg_advisory_lock(7), ppm.total_bytes('measured'::regclass) IS NULL;));
wait_until_waits($node, 'caller', 'advisory');
$holder->query_safe('DROP TABLE measured; SELECT pg_advisory_unlock(7)');
finish($call);
is("$result $output", '0 t||t', 'the size of a table that is dropped meanwhile is unknown');

$holder->quit;
$node->stop;
done_testing();
