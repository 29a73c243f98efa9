# Where the greatest key of a table that counts is found: along which index, past what is dead or null, below what kind of partition, without
# waiting for anybody; and what is made of it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('greatest_key', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nmax_prepared_transactions = 5\n");
my ($result, $output, $messages);

# SQL that makes a table of slots of 100 with one partition, for 0 to 100.
sub counting
{
	my ($name, $more, $retention) = @_;
	return sprintf <<'EOF', $name, $name, $name, $name, $more // 1, $retention // 'NULL';
CREATE TABLE %s (id bigint, note text) PARTITION BY RANGE (id);
CREATE TABLE %s_0 PARTITION OF %s FOR VALUES FROM (0) TO (100);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('%s', '100', %s, %s, 'drop');
EOF
}

# Where the last partition ends that is planned: 200 above the start of the greatest key's slot.
sub planned_until
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SET lock_timeout = '1ms'; SELECT max(upper_value::numeric) FROM ppm.plan('$name') WHERE action = 'create'");
}

sub removals
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SET lock_timeout = '1ms'; SELECT coalesce(string_agg(action || ' ' || partition, ', ' ORDER BY step), '') FROM ppm.plan('$name') WHERE action IN ('detach', 'drop')");
}

# What a run has found.
sub recorded
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SELECT max(greatest_key) FROM ppm.growth WHERE table_name = '$name'");
}

sub slots_ahead
{
	my ($name) = @_;
	return $node->safe_psql('postgres', "SET lock_timeout = '1ms'; SELECT slots_ahead FROM ppm.status WHERE table_name = '$name'");
}

sub clear
{
	my @names = @_;
	$node->safe_psql('postgres', 'DELETE FROM ppm.config; SET client_min_messages = warning; DROP TABLE ' . join(', ', @names) . ' CASCADE');
	return;
}

# What a counter of the statistics grows by while a session runs that SQL: by something, it is said to be, or it would not have been counted yet.
sub counted_by
{
	my ($counter, $sql) = @_;
	my $before = $node->safe_psql('postgres', $counter);
	$node->safe_psql('postgres', $sql);
	$node->poll_query_until('postgres', "SELECT ($counter) > $before") or die 'nothing was counted';
	return $node->safe_psql('postgres', $counter) - $before;
}

#
# Dead rows at the end of the index
#

# 30,000 rows on 1,400 pages, all but the first of them dead, and an old snapshot for which they are not.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE queue (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE queue_0 PARTITION OF queue FOR VALUES FROM (0) TO (100000) WITH (fillfactor = 10);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('queue', '100000', 1);
INSERT INTO queue SELECT generate_series(1, 30000), repeat('x', 20);
EOF
my $old = hold($node, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM queue');
$node->safe_psql('postgres', 'DELETE FROM queue WHERE id > 10');
my $all_pages = $node->safe_psql('postgres', q(SELECT pg_relation_size('queue_0') / current_setting('block_size')::int));
cmp_ok($all_pages, '>', 1000, 'the rows lie on many pages');
my $pages = q(SELECT coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0) FROM pg_statio_all_tables WHERE relname = 'queue_0');
cmp_ok(counted_by($pages, 'SELECT * FROM ppm.status'), '<=', 100, 'status looks at a hundred of them at most');
is(slots_ahead('queue'), '0', 'and assumes the least possible key');
cmp_ok(counted_by($pages, 'CALL ppm.provision()'), '>=', $all_pages, 'provision goes on to the end');
is(recorded('queue'), '10', 'and finds the greatest');
is(slots_ahead('queue'), '1', 'and there is one partition above it');
$old->query_safe('COMMIT');
$old->quit;
clear('queue');

#
# Which index
#

# The greatest key is 120, in the default partition; above it are nulls and what was deleted.
my %indexes = (
	'(id)' => 1, '(id DESC)' => 1, '(id NULLS FIRST)' => 1, '(id DESC NULLS LAST)' => 1, '(id, note)' => 1, '(id DESC, note)' => 1,
	'USING hash (id)' => 0, '(note, id)' => 0, '((id + 0))' => 0, q{(id) WHERE note = 'low'} => 0, '' => 0);
foreach my $index (sort keys %indexes)
{
	my $create = $index ? "CREATE INDEX searched ON keys_rest $index;" : '';
	$node->safe_psql('postgres', counting('keys') . <<"EOF");
CREATE TABLE keys_rest PARTITION OF keys DEFAULT;
$create
INSERT INTO keys VALUES (10, 'low'), (-20, 'low'), (110, 'some'), (120, 'some'), (NULL, 'some'), (NULL, 'low'), (980, 'some');
SET enable_indexscan = off; SET enable_bitmapscan = off;
DELETE FROM keys WHERE id = 980;
EOF
	my $how = $index || 'no index';
	is(planned_until('keys'), '300', "$how: the greatest key is found");
	if ($index)
	{
		my $scans = q(SELECT coalesce(idx_scan, 0) FROM pg_stat_all_indexes WHERE indexrelname = 'searched');
		if ($indexes{$index})
		{
			cmp_ok(counted_by($scans, 'SELECT * FROM ppm.plan()'), '>', 0, 'by the index');
		}
		else
		{
			is($node->safe_psql('postgres', $scans), '0', 'without the index');
		}
	}
	clear('keys');
}

# One that is not valid may lack rows.
$node->safe_psql('postgres', counting('keys') . <<'EOF');
INSERT INTO keys SELECT 50 FROM generate_series(1, 2);
CREATE TABLE keys_100 PARTITION OF keys FOR VALUES FROM (100) TO (200);
EOF
$node->psql('postgres', 'CREATE UNIQUE INDEX CONCURRENTLY broken ON keys_0 (id)', stderr => \$messages);
like($messages, qr/could not create unique index/, 'an index that is not valid');
is($node->safe_psql('postgres', q(SELECT indisvalid FROM pg_index WHERE indexrelid = 'broken'::regclass)), 'f', 'stays');
$node->safe_psql('postgres', 'INSERT INTO keys VALUES (60)');
$node->safe_psql('postgres', 'CALL ppm.provision()');
is(recorded('keys'), '60', 'it is not searched');
is($node->safe_psql('postgres', q(SELECT coalesce(idx_scan, 0) FROM pg_stat_all_indexes WHERE indexrelname = 'broken')), '0', 'not at all');

# One that somebody is working on is not waited for.
$node->safe_psql('postgres', 'DROP INDEX broken; CREATE INDEX busy ON keys_0 (id)');
my $holder = hold($node, 'ALTER INDEX busy SET (fillfactor = 80)');
($result, $output, $messages) = run_sql($node, q(SET lock_timeout = '1ms'; SELECT count(*) FROM ppm.plan('keys'); SELECT slots_ahead FROM ppm.status));
is("$result $output", "0 0\n1", 'an index that is locked keeps nobody waiting');
$holder->query_safe('ROLLBACK');
$holder->quit;
clear('keys');

#
# Kinds of partitions
#

$node->safe_psql('postgres', counting('tree') . <<'EOF');
CREATE TABLE tree_100 PARTITION OF tree FOR VALUES FROM (100) TO (200) PARTITION BY LIST (note);
CREATE TABLE leaf_a PARTITION OF tree_100 FOR VALUES IN ('a');
CREATE TABLE leaf_b PARTITION OF tree_100 DEFAULT PARTITION BY RANGE (id);
CREATE TABLE leaf_c PARTITION OF leaf_b DEFAULT;
INSERT INTO tree VALUES (10, 'a'), (110, 'a'), (150, 'c');
EOF
$node->safe_psql('postgres', 'CALL ppm.provision()');
is(recorded('tree'), '150', 'in a partition that is partitioned the greatest of all leaves counts');
is(slots_ahead('tree'), '1', 'and its slot is the current one');

# Nobody asks a foreign server.
$node->safe_psql('postgres', <<'EOF');
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
DROP TABLE tree_200;
CREATE FOREIGN TABLE tree_200 PARTITION OF tree FOR VALUES FROM (200) TO (300) SERVER nowhere;
EOF
is(planned_until('tree'), '400', 'a foreign partition counts by its lower bound');
is(slots_ahead('tree'), '0', 'for status, too');
$node->safe_psql('postgres', 'DROP FOREIGN TABLE tree_200; DROP SERVER nowhere; DROP FOREIGN DATA WRAPPER nothing');
clear('tree');

# In the default partition, with others near it and far from it.
$node->safe_psql('postgres', counting('rest') . 'CREATE TABLE rest_rest PARTITION OF rest DEFAULT; INSERT INTO rest VALUES (10), (110)');
is(planned_until('rest'), '300', 'a key in the default partition counts');
$node->safe_psql('postgres', 'INSERT INTO rest VALUES (1000000)');
is(planned_until('rest'), '300', 'but not a key that jumped');
is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT code, ' ' ORDER BY code) FROM ppm.check('rest'))), 'default_has_rows key_jump missing_partition', 'which is said');
clear('rest');

#
# Locks
#

# Four partitions with rows, an empty one that nobody needs.
sub full
{
	my ($name) = @_;
	$node->safe_psql('postgres', counting($name, 1, 1) . join '', map { <<"EOF" } 1 .. 3);
CREATE TABLE ${name}_${_}00 PARTITION OF $name FOR VALUES FROM (${_}00) TO (${_}99 + 1);
EOF
	$node->safe_psql('postgres', "INSERT INTO $name SELECT generate_series(50, 350, 100);"
		  . "CREATE TABLE ${name}_400 PARTITION OF $name FOR VALUES FROM (400) TO (500);"
		  . "CREATE TABLE ${name}_9000 PARTITION OF $name FOR VALUES FROM (9000) TO (9100)");
	return;
}

full('held');
is(removals('held'), 'detach held_0, drop held_0, detach held_100, drop held_100, detach held_9000, drop held_9000', 'what is outdated and what is surplus goes');
$holder = hold($node, 'LOCK TABLE held_300 IN ACCESS EXCLUSIVE MODE');
is(removals('held'), 'detach held_0, drop held_0', 'while the last keys are not known nothing goes as surplus, and nothing that they might keep');
is(slots_ahead('held'), '2', 'the last key that is known counts');
($result, $output, $messages) = run_sql($node, q(SET lock_timeout = '1ms'; SELECT count(*) FROM ppm.partitions; SELECT count(*) FROM ppm.check('held') WHERE code = 'key_jump'));
is("$result $output", "0 6\n0", 'nobody waits, and no key is reported as a jump');
$holder->query_safe('ROLLBACK');
$holder->quit;

# A slip in a partition of its own, while the keys that would tell cannot be seen.
$node->safe_psql('postgres', 'INSERT INTO held VALUES (9050)');
is(removals('held'), '', 'after a jump of the key nothing is removed');
$holder = hold($node, 'LOCK TABLE held_0, held_100, held_200, held_300 IN ACCESS EXCLUSIVE MODE');
is(removals('held'), '', 'nor while it is unknown whether the key jumped');
($result, $output, $messages) = run_sql($node, q(SET ppm.lock_timeout = '100ms'; CALL ppm.cleanup('held')));
like($messages, qr/ERROR:  PM006: .*\n.*\(key_jump\)/, 'cleanup says why');
$holder->query_safe('ROLLBACK');
$holder->quit;
is($node->safe_psql('postgres', 'SELECT count(*) FROM held'), '5', 'all rows are there');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'held'::regclass)), '6', 'and all partitions');
clear('held');

#
# What is not committed
#

$node->safe_psql('postgres', counting('pending') . 'CREATE TABLE pending_100 PARTITION OF pending FOR VALUES FROM (100) TO (200); CREATE INDEX ON pending (id); INSERT INTO pending VALUES (10)');
$holder = hold($node, 'INSERT INTO pending VALUES (150)');
is(slots_ahead('pending'), '1', 'a row that is not committed does not count');
$holder->query_safe(q(PREPARE TRANSACTION 'pending'));
$holder->quit;
is(slots_ahead('pending'), '1', 'nor does one that is prepared');
is(planned_until('pending'), '', 'nor for the plan');
$node->safe_psql('postgres', q(COMMIT PREPARED 'pending'));
is(slots_ahead('pending'), '0', 'until it is committed');
is(planned_until('pending'), '300', 'for the plan, too');
clear('pending');

#
# Growth
#

$node->safe_psql('postgres', counting('grown', 2) . 'INSERT INTO grown VALUES (10)');
$node->safe_psql('postgres', 'CALL ppm.provision()') foreach 1 .. 2;
is($node->safe_psql('postgres', 'SELECT runway IS NULL, slots_ahead FROM ppm.status'), 't|2', 'of a key that does not grow the runway is not known');
$node->safe_psql('postgres', q(UPDATE ppm.growth SET at = at - interval '100 seconds'; INSERT INTO grown VALUES (110); CALL ppm.provision()));
# 100 keys in 100 seconds, and 290 left.
is($node->safe_psql('postgres', q(SELECT extract(epoch FROM runway) BETWEEN 280 AND 310, covered_until_value FROM ppm.status)), 't|400', 'of one that grows it is what is left at that rate');
$node->safe_psql('postgres', 'CREATE TABLE grown_slip PARTITION OF grown FOR VALUES FROM (1000000) TO (1000100); INSERT INTO grown VALUES (1000000)');
$node->psql('postgres', 'CALL ppm.provision()');
is(recorded('grown'), '110', 'a jump of the key does not count as growth');
$node->safe_psql('postgres', 'DROP TABLE grown_slip');
$node->safe_psql('postgres', join ';', ('CALL ppm.provision()') x 30);
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.growth WHERE table_name = 'grown')), '24', 'only the last runs are remembered');
clear('grown');
$node->safe_psql('postgres', counting('other') . 'CALL ppm.run_all()');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.growth WHERE table_name = 'grown')), '0', 'and only of what is configured');
clear('other');

#
# A key that counts down
#

# The greatest key is the oldest one: no partition is ever made below the first.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE down (id integer) PARTITION BY RANGE (id);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('down', '100', 1);
CALL ppm.provision();
INSERT INTO down SELECT generate_series(50, 0, -1);
CALL ppm.provision();
EOF
is($node->safe_psql('postgres', q(SELECT string_agg(partition, ' ' ORDER BY lower_value::int) FROM ppm.partitions)), 'down_0 down_100', 'of a key that counts down the window stays where it began');
($result, $output, $messages) = run_sql($node, 'INSERT INTO down VALUES (-1)');
like($messages, qr/ERROR:  23514: no partition of relation "down" found for row/, 'and the rows below it are refused');
clear('down');

# A key that is not found in time stops its own table, and no other.
$node->safe_psql('postgres', counting('slow') . q(INSERT INTO slow SELECT i % 100 FROM generate_series(1, 2000000) AS i;
CREATE TABLE beside (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('beside', 'daily', 1)));
# The least time in which the other table's partitions are made, whatever the machine; all the rows take many times as long to read.
foreach my $timeout (1, 2, 4, 8, 16, 32, 64, 128)
{
	($result, $output, $messages) = run_sql($node, "SET ppm.statement_timeout = '${timeout}ms'; CALL ppm.run_all()");
	last if $node->safe_psql('postgres', q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'beside'::regclass)) eq '2';
}
like($messages, qr/could not provision 1 of 2 tables.*could not clean up 1 of 2 tables/, 'a key that is not found in time is a failure of its table');
like($messages, qr/table "public\.slow": The greatest key .* was not found within ppm\.statement_timeout: .* \(key_unknown\)/, 'and says what failed');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'beside'::regclass)), '2', 'the other table has its partitions');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'slow'::regclass)), '1', 'nothing of the table was created');
is($node->safe_psql('postgres', q(SET ppm.statement_timeout = '1ms'; SELECT code FROM ppm.check('slow'))), 'key_unknown', 'check says so, too');
$node->safe_psql('postgres', 'CREATE INDEX ON slow (id)');
is($node->safe_psql('postgres', q(SET ppm.statement_timeout = '1ms'; SELECT count(*) FROM ppm.check('slow') WHERE code = 'key_unknown')), '0', 'an index finds it');
clear('slow', 'beside');

# Keys that grow faster than a bigint can say.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE fast (k bigint PRIMARY KEY) PARTITION BY RANGE (k);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('fast', '1000000000000000000', 1);
CALL ppm.provision('fast'); INSERT INTO fast VALUES (1);
CALL ppm.provision('fast'); INSERT INTO fast VALUES (900000000000000000);
CALL ppm.provision('fast');
EOF
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.status'), '1', 'keys that grow too fast to be counted are no error');
clear('fast');

$node->stop;
done_testing();
