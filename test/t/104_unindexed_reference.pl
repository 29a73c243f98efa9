# Tables that refer to a managed one without an index for that: check warns of each, and a partition is not detached while
# they are large, because that would keep their writers waiting.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('unindexed_reference');
my ($result, $output, $messages);

sub warnings_of
{
	my ($table) = @_;
	return $node->safe_psql('postgres',
		"SELECT coalesce(string_agg(detail || ' ' || hint, E'\\n' ORDER BY detail), '') FROM ppm.check('$table') WHERE code = 'unindexed_reference' AND severity = 'warning' AND partition IS NULL");
}

sub warning_of
{
	my ($table, $constraint, $columns) = @_;
	return qq(Table "public.$table" refers to table "public.orders" by foreign key "$constraint" and has no index for that: when a partition is removed, )
	  . "PostgreSQL reads all of the referring table, and its writers wait. CREATE INDEX CONCURRENTLY ON public.$table ($columns);";
}

$node->safe_psql('postgres', <<'EOF');
CREATE TABLE orders (id bigint, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('orders', 'daily', 1, 1);
CALL ppm.provision();
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE "Items" (n int, "order" bigint, day date, CONSTRAINT items_fk FOREIGN KEY ("order", day) REFERENCES orders (id, day));
EOF

#
# Warned of
#

my $warning = warning_of('Items', 'items_fk', '"order", day') =~ s/ON public\.Items/ON public."Items"/r;
is(warnings_of('orders'), $warning, 'a table without an index is warned of');

foreach (
	[ 'CREATE INDEX i ON "Items" ("order", day)', 1, 'on the key' ],
	[ 'CREATE INDEX i ON "Items" (day, "order")', 1, 'on the key in another order' ],
	[ 'CREATE INDEX i ON "Items" (day, "order", n)', 1, 'that begins with the key' ],
	[ 'CREATE INDEX i ON "Items" (day)', 1, 'on what refers to the partition key' ],
	[ 'CREATE INDEX i ON "Items" (day, n)', 1, 'that begins with that' ],
	[ 'CREATE INDEX i ON "Items" USING hash (day)', 1, 'by a hash of that' ],
	[ 'CREATE INDEX i ON "Items" ("order")', 0, 'on the other column' ],
	[ 'CREATE INDEX i ON "Items" ("order", n, day)', 0, 'with another column between' ],
	[ 'CREATE INDEX i ON "Items" ("order") INCLUDE (day)', 0, 'that only includes a column' ],
	[ 'CREATE INDEX i ON "Items" (day) WHERE n > 0', 0, 'that is partial' ],
	[ 'CREATE INDEX i ON "Items" ((day + 0))', 0, 'on an expression' ],
	[ 'CREATE INDEX i ON "Items" USING brin (day)', 0, 'that finds no rows by itself' ],
	[ q(CREATE INDEX i ON "Items" (day); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass), 0, 'that is not valid' ])
{
	my ($create, $serves, $what) = @$_;
	$node->safe_psql('postgres', $create);
	is(warnings_of('orders'), $serves ? '' : $warning, "an index $what " . ($serves ? 'serves' : 'does not serve'));
	$node->safe_psql('postgres', 'DROP INDEX i');
}

$node->safe_psql('postgres', 'UPDATE ppm.config SET retention = NULL');
is(warnings_of('orders'), '', 'no warning if nothing is ever removed');
$node->safe_psql('postgres', 'UPDATE ppm.config SET retention = 1');

# Of a partitioned table, each partition.
$node->safe_psql('postgres', <<'EOF');
DROP TABLE "Items";
CREATE TABLE parts (n int, id bigint, day date, FOREIGN KEY (id, day) REFERENCES orders) PARTITION BY RANGE (n);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (n);
CREATE TABLE parts_2_all PARTITION OF parts_2 FOR VALUES FROM (10) TO (20);
EOF
my $names = $node->safe_psql('postgres', q(SELECT string_agg(conname, ' ' ORDER BY conrelid::regclass::text) FROM pg_constraint WHERE conrelid IN ('parts_1'::regclass, 'parts_2_all'::regclass) AND confrelid = 'orders'::regclass));
my ($first, $second) = split / /, $names;
is(warnings_of('orders'), warning_of('parts_1', $first, 'id, day') . "\n" . warning_of('parts_2_all', $second, 'id, day'),
	'of a partitioned table each partition is warned of');
$node->safe_psql('postgres', 'CREATE INDEX ON parts_1 (day)');
is(warnings_of('orders'), warning_of('parts_2_all', $second, 'id, day'), 'that has no index');

#
# Refused
#

# Large, and neither VACUUM nor ANALYZE has seen it.
foreach my $default ('', 'CREATE TABLE orders_default PARTITION OF orders DEFAULT')
{
	my $how = $default ? 'plain DETACH' : 'DETACH CONCURRENTLY';
	$node->safe_psql('postgres', $default) if $default;
	$node->safe_psql('postgres', q(INSERT INTO parts SELECT 10, NULL, NULL FROM generate_series(1, 250000)));
	($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup()');
	like($messages, qr/ERROR:  PM006: could not clean up 1 of 1 table\nDETAIL:  table "public\.orders", partition "orders_old": foreign keys that refer to table "public\.orders" have no index, and their tables are large: Detaching reads all \d+ pages of "public\.parts_2_all", and keeps their writers waiting\. \(SQLSTATE 55000\).*\nHINT:  CREATE INDEX CONCURRENTLY ON public\.parts_2_all \(id, day\);\n/,
		"$how: a partition is not detached while such a table is large");
	is($node->safe_psql('postgres', q(SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = 'orders_old'::regclass)), 'f', "$how: the partition is unchanged");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached'), 0, "$how: nor is anything recorded");

	my ($index) = $messages =~ /(CREATE INDEX CONCURRENTLY .*;)/;
	$node->safe_psql('postgres', $index);
	is(warnings_of('orders'), '', "$how: the statement in the hint fixes it");
	($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup()');
	like($messages, qr/NOTICE:  00000: detached partition "public\.orders_old"/, "$how: then the partition is detached");
	$node->safe_psql('postgres', <<'EOF');
DROP TABLE orders_old;
DROP INDEX parts_2_all_id_day_idx;
TRUNCATE parts;
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
EOF
}

($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup()');
is($result, 0, 'a small table needs no index');

$node->stop;
done_testing();
