# Tables whose rows are not in a heap of their own: distributed by Citus, foreign, of another access method. An empty look proves
# nothing there, so none of them is ever taken for empty.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rows_elsewhere', conf => "ppm.work_date = ''\ntimezone = 'UTC'\n");
my ($result, $output, $messages);

# A configured table of daily partitions with an outdated one, which is partitioned itself, and a surplus one, all without a row.
# The days that are to be there are missing.
sub make
{
	my ($name) = @_;
	$node->safe_psql('postgres', <<"EOF");
CREATE TABLE $name (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE ${name}_old PARTITION OF $name FOR VALUES FROM ('2020-01-01') TO ('2020-01-02') PARTITION BY RANGE (day);
CREATE TABLE ${name}_leaf PARTITION OF ${name}_old DEFAULT;
CREATE TABLE ${name}_far PARTITION OF $name FOR VALUES FROM ('2999-01-01') TO ('2999-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', 1, 1, 'drop');
EOF
	return;
}

# The tables whose names begin so.
sub tables
{
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^$name' AND relkind IN ('r', 'p', 'f')");
}

sub is_untouched
{
	my ($name, $distributed) = @_;
	my $before = tables('orders');
	my $why = $distributed eq 'orders' ? ', which this server has not loaded: its rows are not where ppm looks for them'
	  : ', a partition, is distributed by Citus, and its parent is not';
	$why = $distributed eq 'orders' ? " is distributed by Citus$why" : $why;
	is($node->safe_psql('postgres', 'SELECT table_name, severity, code, detail FROM ppm.check()'),
		"orders|error|unsupported_table|Table \"public.$distributed\"$why.",
		"$name: check says so, and nothing else");
	is($node->safe_psql('postgres', 'SELECT code FROM ppm.validate()'), 'unsupported_table', 'so does validate');
	is($node->safe_psql('postgres', 'SELECT errors, healthy FROM ppm.status'), '1|f', 'status counts it');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.plan()'), '0', 'nothing is planned');
	($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
	like($messages, qr/ERROR:  PM004: could not provision 1 of 1 table, could not clean up 1 of 1 table, found errors in 1 of 1 table\n.*\(unsupported_table\)\n/, 'run_all fails');
	is(tables('orders'), $before, 'and touches nothing');
	return;
}

#
# Distributed by Citus, whose catalog names them. 290_citus has Citus itself.
#

make('orders');
$node->safe_psql('postgres', <<'EOF');
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (partmethod "char", logicalrelid regclass);
REVOKE ALL ON pg_catalog.pg_dist_partition FROM public;
EOF
for my $relation (qw(orders orders_far orders_old orders_leaf))
{
	$node->safe_psql('postgres', "INSERT INTO pg_dist_partition VALUES ('h', '$relation')");
	is_untouched($relation, $relation);
	$node->safe_psql('postgres', 'DELETE FROM pg_dist_partition');
}

# Also one that is being detached.
$node->safe_psql('postgres', q(UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'orders_far'::regclass; INSERT INTO pg_dist_partition VALUES ('h', 'orders_far')));
is_untouched('pending detach', 'orders_far');
$node->safe_psql('postgres', q(UPDATE pg_inherits SET inhdetachpending = false WHERE inhrelid = 'orders_far'::regclass));

# Who writes the row is told at once; who may not read that catalog is told, too.
($result, $output, $messages) = run_sql($node, q(UPDATE ppm.config SET pre_provisioned = 1));
like($messages, qr/WARNING:.*\nDETAIL:  Table "public\.orders_far", a partition, is distributed by Citus, and its parent is not/, 'writing the row warns');
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice LOGIN;
GRANT USAGE ON SCHEMA ppm TO alice;
GRANT EXECUTE ON FUNCTION ppm.check(regclass) TO alice;
GRANT SELECT ON ppm.config TO alice;
EOF
($result, $output) = run_sql($node, 'SELECT code FROM ppm.check()', user => 'alice');
is($output, 'unsupported_table', 'nobody needs a privilege on that catalog');

# What is not distributed is managed as ever.
$node->safe_psql('postgres', q(INSERT INTO pg_dist_partition VALUES ('n', 'pg_class'); DELETE FROM pg_dist_partition WHERE logicalrelid = 'orders_far'::regclass));
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all(); SELECT code FROM ppm.check()');
is("$result $output", '0 ', 'a table that is not distributed is managed');
unlike(tables('orders'), qr/_far|_old/, 'and cleaned up');

# A table that was detached, and distributed then, is not empty either.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE orders_far PARTITION OF orders FOR VALUES FROM ('2999-01-01') TO ('2999-01-02');
UPDATE ppm.config SET cleanup_policy = 'detach';
CALL ppm.cleanup();
UPDATE ppm.config SET cleanup_policy = 'drop';
UPDATE ppm.detached SET cleanup_policy = 'drop';
INSERT INTO pg_dist_partition VALUES ('h', 'orders_far');
EOF
run_sql($node, 'CALL ppm.cleanup()');
like(tables('orders'), qr/_far/, 'a detached table that is distributed is not dropped as empty');

# A table of that name that is not Citus' says nothing.
$node->safe_psql('postgres', <<'EOF');
SET allow_system_table_mods = on;
SET client_min_messages = error;
DROP TABLE pg_catalog.pg_dist_partition;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid text);
INSERT INTO pg_dist_partition VALUES ('orders');
EOF
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.validate())), '0', 'only the real catalog counts');
$node->safe_psql('postgres', <<'EOF');
SET allow_system_table_mods = on;
SET client_min_messages = error;
DROP TABLE pg_catalog.pg_dist_partition;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DROP TABLE IF EXISTS orders, orders_far;
EOF

#
# Foreign tables, and access methods
#

$node->safe_psql('postgres', <<"EOF");
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FUNCTION hiding_heap(internal) RETURNS table_am_handler LANGUAGE c AS '$FindBin::RealBin/../module/ppm_test.so', 'ppm_test_hiding_heap';
CREATE ACCESS METHOD hiding TYPE TABLE HANDLER hiding_heap;
CREATE ACCESS METHOD other_name TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE kinds (day date NOT NULL) PARTITION BY RANGE (day);
CREATE FOREIGN TABLE kinds_foreign PARTITION OF kinds FOR VALUES FROM ('2999-01-01') TO ('2999-01-02') SERVER nowhere;
CREATE TABLE kinds_tree PARTITION OF kinds FOR VALUES FROM ('2999-01-02') TO ('2999-01-03') PARTITION BY RANGE (day);
CREATE TABLE kinds_tree_first PARTITION OF kinds_tree FOR VALUES FROM ('2999-01-01') TO ('2999-01-02');
CREATE FOREIGN TABLE kinds_tree_foreign PARTITION OF kinds_tree DEFAULT SERVER nowhere;
CREATE TABLE kinds_hiding (day date NOT NULL) USING hiding;
INSERT INTO kinds_hiding VALUES ('2999-01-03');
ALTER TABLE kinds ATTACH PARTITION kinds_hiding FOR VALUES FROM ('2999-01-03') TO ('2999-01-04');
CREATE TABLE kinds_other_full PARTITION OF kinds FOR VALUES FROM ('2999-01-04') TO ('2999-01-05') USING other_name;
INSERT INTO kinds VALUES ('2999-01-04');
CREATE TABLE kinds_other_empty PARTITION OF kinds FOR VALUES FROM ('2999-01-05') TO ('2999-01-06') USING other_name;
CREATE TABLE kinds_heap PARTITION OF kinds FOR VALUES FROM ('2999-01-06') TO ('2999-01-07');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('kinds', 'daily', 1, 1, 'drop');
EOF
is($node->safe_psql('postgres', 'SELECT count(*) FROM kinds_hiding'), '0', 'the rows of that access method are not found');
is($node->safe_psql('postgres', q(SELECT string_agg(partition, ' ' ORDER BY step) FROM ppm.plan() WHERE action = 'drop')),
	'kinds_other_empty kinds_heap', 'what is planned for removal is heap, under whatever name, and empty');
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
is(tables('kinds_[fhot]'), 'kinds_foreign kinds_hiding kinds_other_full kinds_tree kinds_tree_first kinds_tree_foreign', 'and that is what is removed');
like($messages, qr/"kinds_$_", [^\n]* Cleanup leaves it: it has rows, or is locked, or is not a plain table\./, "$_ stays, and check() says why") for qw(foreign tree hiding other_full);

done_testing;
