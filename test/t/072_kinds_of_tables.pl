# Partitions that are partitioned themselves, children by inheritance, temporary and unlogged tables: ppm does with each what plain SQL would
# do, or says why not, and leaves nothing half done.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use DaysTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

$node = new_node('kinds_of_tables');

#
# Partitions that have partitions, and children
#

# A partition that is itself partitioned: with its leaves it is detached, or dropped; and it can be managed itself.
$node->safe_psql('postgres', <<'EOF' . configure('tree') . configure('tree_2026_03_16'));
CREATE TABLE tree (day date NOT NULL, id int) PARTITION BY RANGE (day);
CREATE TABLE tree_2026_03_14 PARTITION OF tree FOR VALUES FROM ('2026-03-14') TO ('2026-03-15') PARTITION BY RANGE (id);
CREATE TABLE leaf_14 PARTITION OF tree_2026_03_14 DEFAULT;
CREATE TABLE tree_2026_03_15 PARTITION OF tree FOR VALUES FROM ('2026-03-15') TO ('2026-03-16') PARTITION BY LIST (id);
CREATE TABLE leaf_15 PARTITION OF tree_2026_03_15 FOR VALUES IN (1) PARTITION BY RANGE (day);
CREATE TABLE twig_15 PARTITION OF leaf_15 FOR VALUES FROM ('2026-03-15') TO ('2026-03-16');
CREATE TABLE tree_2026_03_16 PARTITION OF tree FOR VALUES FROM ('2026-03-16') TO ('2026-03-17') PARTITION BY RANGE (day);
CREATE TABLE tree_2026_03_30 PARTITION OF tree FOR VALUES FROM ('2026-03-30') TO ('2026-03-31') PARTITION BY LIST (id);
CREATE TABLE leaf_30 PARTITION OF tree_2026_03_30 DEFAULT;
INSERT INTO tree VALUES ('2026-03-14', 1), ('2026-03-15', 1), ('2026-03-30', 1);
EOF
call_on(15, 'CALL ppm.run_all()');
like($messages, qr/PM005.*\n.*"tree_2026_03_30".*it has rows, or is locked, or is not a plain table. \(surplus_partition\)$/m, 'a row in a leaf keeps a surplus partition');
is(days_of('tree') . '|' . days_of('tree_2026_03_16'), '14 15 16 30|14 15 16', 'a partition that is partitioned is one, and may be managed');
call_on(16, "DELETE FROM tree WHERE day = '2026-03-30'; CALL ppm.cleanup('tree')");
is("$result " . days_of('tree') . ' ' . days_of('tree_2026_03_14'), '0 15 16 14', 'detached, it keeps its leaf; without rows a surplus one goes, too');
call_on(17, q(UPDATE ppm.config SET cleanup_policy = 'drop'; CALL ppm.run_all('tree')));
is("$result " . days_of('tree'), '0 16 17 18', 'dropped, ...');
is($node->safe_psql('postgres', q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^(leaf|twig)_')), 'leaf_14 leaf_30', '... it goes with its leaves');
call_on(15, q(UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.provision('tree')));
is($node->safe_psql('postgres', q(SELECT count(*) FROM tree WHERE day = '2026-03-14')), '1', 'and one that was kept is attached again with its rows');
clear('DROP TABLE tree');

# Inheritance: a parent of that kind is not managed; a child of such a parent bears a name; a detached table that became a child, or a parent, of another is
# nobody's but that one's.
$node->safe_psql('postgres', 'CREATE TABLE base (day date NOT NULL, note text); CREATE TABLE heir_2026_03_15 () INHERITS (base);' . daily_table('heir', 1) . configure('base')
	  . 'UPDATE ppm.config SET retention = 1');
my $not_partitioned = qr/table "public\.base": Relation "public\.base" is not a partitioned table\. \(not_partitioned\)$/m;
refused(15, 'CALL ppm.provision()', 'PM004', [ $not_partitioned, qr/^HINT:  CALL ppm\.convert\('public\.base'\); makes it one/m ]);
is(days_of('heir') . '|' . days_of('base'), '14 _2 16|15', 'a partition is made beside the child, which stays one');
refused(15, 'CALL ppm.cleanup()', 'PM006', [$not_partitioned]);
refused(15, 'CALL ppm.run_all()', 'PM004', [$not_partitioned]);
$node->safe_psql('postgres', q(DROP TABLE heir_2026_03_15; ALTER TABLE heir_2026_03_15_2 RENAME TO heir_2026_03_15; DELETE FROM ppm.config WHERE table_name = 'base'));
lives('heir', 'the name of an inheritance child');
$node->safe_psql('postgres', 'ALTER TABLE heir_2026_03_14 INHERIT base');
call_on(15, q(UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.provision()));
is("$result " . days_of('heir'), '0 _2 15 16 17 18', 'another partition is created for the same day');
is(days_of('base'), '14', 'what became another\'s child is not attached again');
like(plainly(q(ALTER TABLE heir ATTACH PARTITION heir_2026_03_14 FOR VALUES FROM ('2026-03-14') TO ('2026-03-15'))), qr/inheritance child/, 'and PostgreSQL would not attach it either');
call_on(17, q(UPDATE ppm.config SET cleanup_policy = 'drop'; UPDATE ppm.detached SET cleanup_policy = 'drop'; CALL ppm.cleanup()));
is("$result " . days_of('base'), '0 14', 'nor is it dropped');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE detached = 'heir_2026_03_14')), '0', 'and ppm forgets it');
$node->safe_psql('postgres', 'DROP TABLE base CASCADE');
clear('DROP TABLE heir');

#
# Temporary and unlogged tables
#

# What plain SQL would do only the table's session could, and ppm works in a worker and in a restricted context: it is refused.
my $temporary = $node->background_psql('postgres', on_error_stop => 0);
$temporary->query_safe(<<'EOF');
SET client_min_messages = error;
CREATE TEMP TABLE passing (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TEMP TABLE passing_2026_03_01 PARTITION OF passing FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention)
	SELECT nspname, 'passing', 'daily', 1, 1 FROM pg_namespace WHERE oid = pg_my_temp_schema();
EOF
$node->safe_psql('postgres', configure('lasting') . 'CREATE TABLE lasting (day date NOT NULL) PARTITION BY RANGE (day)');
refused(15, 'CALL ppm.provision()', 'PM004', [qr/table "pg_temp_\d+\.passing": Table .* is temporary\. \(temporary_table\)$/m]);
foreach my $policy ('detach', 'drop')
{
	$node->safe_psql('postgres', "UPDATE ppm.config SET cleanup_policy = '$policy'");
	refused(15, 'CALL ppm.cleanup()', 'PM006', [qr/\(temporary_table\)$/m]);
}
refused(15, 'CALL ppm.run_all()', 'PM004', [qr/could not provision 1 of 2 tables, could not clean up 1 of 2 tables, found errors in 1 of 2 tables/]);
is($temporary->query_safe('SELECT count(*) FROM pg_inherits WHERE inhparent = \'passing\'::regclass'), '1', 'a temporary table is left as it is');
foreach my $call ('provision', 'cleanup', 'run_all')
{
	$temporary->query("SET ppm.work_date = '2026-03-15'; CALL ppm.$call()");
	like($temporary->{stderr}, qr/\(temporary_table\)$/m, "by its own session, too: $call");
	$temporary->{stderr} = '';
}
is(days_of('lasting'), '14 15 16', 'another table is not affected');
is(detached() . half_made($node), '', 'nothing is half done');
$temporary->quit;
$node->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname = 'passing'))) or die 'the temporary table stays';
refused(15, 'CALL ppm.run_all()', 'PM004', [qr/Table "pg_temp_\d+\.passing" does not exist\. \(table_missing\)$/m]);
clear('DROP TABLE lasting');

# Up to 17 a partitioned table may be unlogged, which means nothing: partitions are logged, PARTITION OF's too.
SKIP:
{
	skip 'no unlogged partitioned tables', 1 if $node->safe_psql('postgres', 'SHOW server_version_num') >= 180000;
	$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE unlogged (day date NOT NULL) PARTITION BY RANGE (day);'
		  . q(CREATE TABLE plain PARTITION OF unlogged FOR VALUES FROM ('2030-01-01') TO ('2030-01-02');) . configure('unlogged'));
	call_on(15, 'CALL ppm.provision()');
	is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT relpersistence, '') FROM pg_class WHERE relname ~ '^(plain|unlogged_2026.*)$')), 'p', 'an unlogged parent\'s partitions are logged');
	$node->safe_psql('postgres', 'DROP TABLE plain; ALTER TABLE unlogged_2026_03_14 SET UNLOGGED');
	lives_on('unlogged', 'an unlogged parent');
	clear('DROP TABLE unlogged');
}

$node->stop;
done_testing();
