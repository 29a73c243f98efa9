# A partition of a partition, whose detach is pending, is still below it: DROP TABLE would drop it, and its rows. Nobody who looks for rows may
# overlook it, whether there is a snapshot or not.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('pending_below');
my ($result, $output, $messages);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# Somebody's DETACH CONCURRENTLY of $partition is interrupted.
sub interrupt
{
	my ($table, $partition) = @_;
	my $reader = hold($node, "SELECT count(*) FROM $table");
	($result, $output, $messages) = run_sql($node, "SET statement_timeout = '500ms'; ALTER TABLE $table DETACH PARTITION $partition CONCURRENTLY");
	$reader->query_safe('COMMIT');
	$reader->quit;
	is(sql("SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = '$partition'::regclass"), 't', "the detach of $partition is pending");
	return;
}

my $below = <<'EOF';
CREATE TABLE far PARTITION OF t FOR VALUES FROM ('2027-01-01') TO ('2027-01-02') PARTITION BY LIST (id);
CREATE TABLE far_1 PARTITION OF far FOR VALUES IN (1);
INSERT INTO t VALUES (1, '2027-01-01', 'precious');
EOF

# The undoing of a conversion drops what is empty.
sql(<<"EOF");
CREATE TABLE t (id int, day date NOT NULL, note text);
INSERT INTO t SELECT i, date '2026-03-10' + i % 5 FROM generate_series(1, 100) i;
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'day', 'daily', 1, 5, 'drop');
CALL ppm.convert('t');
$below
EOF
interrupt('far', 'far_1');
($result, $output, $messages) = run_sql($node, q(CALL ppm.abandon('t')));
like($messages, qr/ERROR:  55000: the conversion of table "public\.t" cannot be undone\nDETAIL:  Partition "far" has rows, which would be lost\./, 'a conversion is not undone');
is(sql('SELECT note FROM far_1'), 'precious', 'the row is still there');

# A surplus partition goes if it is empty.
is(sql(q(SELECT count(*) FROM ppm.plan() WHERE partition = 'far' AND action IN ('detach', 'drop'))), 0, 'plan does not list it');
run_sql($node, q(CALL ppm.cleanup('t')));
is(sql('SELECT note FROM far_1'), 'precious', 'cleanup does not remove it');
is(sql(q(SELECT code FROM ppm.check() WHERE partition = 'far')), 'surplus_partition', 'check knows it');

# As plainly as in a transaction that has a snapshot.
is(sql(q(BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; SELECT count(*) FROM ppm.plan() WHERE partition = 'far' AND action IN ('detach', 'drop'); COMMIT)), "1\n0", 'also with a snapshot');

done_testing();
