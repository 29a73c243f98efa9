# Five hundred partitions in one call, and a second call that finds nothing to do.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The lock table is shared by all connections: with few of them it is too small for 500 tables, their indexes and their
# TOAST tables at once.
my $node = new_node('many', conf => 'max_connections = 20');

$node->safe_psql('postgres', <<'EOF');
CREATE TABLE events (id bigint, day date NOT NULL, kind text, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE INDEX ON events (kind);
CREATE INDEX ON events (day, kind);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('events', 'daily', 499);

CREATE TABLE locks_held (n bigint);
CREATE FUNCTION count_locks() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.locks_held SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation >= 16384;  -- the catalog's are few, and always the same
END $$;
CREATE EVENT TRIGGER count_locks ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION count_locks();
EOF

my ($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
is($result, 0, 'one call creates 500 partitions');
is(scalar(() = $messages =~ /^.*NOTICE:.*created partition "public\.events_\d{4}_\d\d_\d\d" for /mg),
	500, 'and says so for each');

is( $node->safe_psql('postgres', <<'EOF'), '500|500|2026-03-15|2027-07-27', 'every day has its partition');
INSERT INTO events (id, day) SELECT 1, '2026-03-15'::date + n FROM generate_series(0, 499) n;
SELECT count(*), count(*) FILTER (WHERE tableoid::regclass::text = to_char(day, '"events_"YYYY_MM_DD')), min(day), max(day)
FROM events
EOF
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relispartition'),
	1500, 'every partition has its three indexes');
is(half_made($node), '', 'nothing is half-made');
is($node->safe_psql('postgres', 'SELECT count(*), max(n) < 40 FROM locks_held'),
	'500|t', 'at no time did the call hold locks on more than a few tables and their indexes');

# Whoever waited for any lock on the table or a partition would fail after ppm.lock_timeout.
my $holder = hold($node, 'LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision(); CALL ppm.provision(\'events\')');
is($result, 0, 'a second call succeeds while somebody has the table locked');
is($messages, '', 'without a word');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.plan()'), 0, 'and so does a plan, which has nothing to do');
$holder->quit;

is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits WHERE inhparent = \'events\'::regclass'),
	500, 'there are as many partitions as before');

$node->stop;
done_testing();
