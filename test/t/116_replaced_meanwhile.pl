# A table that gives its name to another one while ppm is at work: what was judged is not what bears the name any more.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('replaced');

# A table of which a day is outdated and another is missing.
sub table_of
{
	my ($name) = @_;
	return <<"EOF";
CREATE TABLE $name (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE ${name}_2026_03_10 PARTITION OF $name FOR VALUES FROM ('2026-03-10') TO ('2026-03-11');
CREATE TABLE ${name}_2026_03_11 PARTITION OF $name FOR VALUES FROM ('2026-03-11') TO ('2026-03-12');
INSERT INTO $name VALUES ('2026-03-10', '$name'), ('2026-03-11', '$name');
EOF
}

# What is done to the table while a call waits, in one transaction that holds its lock; and to put it back.
my %changes = (
	'dropped and created' => 'DROP TABLE a; ' . table_of('a'),
	'swapped' => 'ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b',
	'in a schema that was swapped' => <<'EOF',
CREATE SCHEMA other; ALTER TABLE b SET SCHEMA other; ALTER TABLE other.b RENAME TO a;
ALTER SCHEMA public RENAME TO former; ALTER SCHEMA other RENAME TO public
EOF
	# The row follows the swap, as if somebody had written it again; the table that was judged comes back after that.
	'configured for another one' => <<'EOF',
ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; UPDATE ppm.config SET table_name = table_name;
ALTER TABLE a RENAME TO b; ALTER TABLE c RENAME TO a
EOF
);

foreach my $change (sort keys %changes)
{
	foreach my $procedure (qw(provision cleanup run_all))
	{
		# In the last case there is nothing wrong with provision: the table is the one that the row was written for when it began.
		next if $procedure ne 'cleanup' && $change =~ /configured/;
		$node->safe_psql('postgres', table_of('a') . table_of('b') . <<'EOF');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('a', 'daily', 1, 1, 'drop');
EOF
		my $lock = hold($node, 'LOCK TABLE a IN SHARE MODE');
		my $call = start_sql($node, 'call', "$patience CALL ppm.$procedure()");
		wait_until_waits($node, 'call', 'relation');
		$lock->query_safe("SET client_min_messages = error; $changes{$change}; COMMIT");
		$lock->quit;
		my ($result, undef, $messages) = finish_sql($call);
		is($result, 3, "$procedure fails where the table is $change");
		like($messages, qr/table_replaced|renamed, replaced|was changed concurrently|does not exist|was detached or attached/, 'and says why');
		is( $node->safe_psql('postgres', <<'EOF'), "t", 'nothing is removed, and nothing is created');
SELECT count(*) = (SELECT count(*) FROM pg_inherits) AND count(*) = 4 FROM pg_class WHERE relname ~ '^[abc]_2026_' AND relispartition
EOF
		$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP SCHEMA IF EXISTS former CASCADE;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
EOF
	}
}

$node->stop;
done_testing();
