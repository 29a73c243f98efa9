# What must lock a table against everybody, again and again, leaves the others room between.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('room_for_others');

#
# With a default partition
#

# Detaching a partition takes time, with the table locked.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE busy (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE busy_default PARTITION OF busy DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('busy', 'daily', 1, 1);
CALL ppm.provision('busy');
CREATE TABLE busy_1 PARTITION OF busy FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE busy_2 PARTITION OF busy FOR VALUES FROM ('2026-03-02') TO ('2026-03-03');
CREATE TABLE busy_3 PARTITION OF busy FOR VALUES FROM ('2026-03-03') TO ('2026-03-04');
CREATE TABLE busy_4 PARTITION OF busy FOR VALUES FROM ('2026-03-04') TO ('2026-03-05');
CREATE FUNCTION take_time() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); END';
CREATE EVENT TRIGGER take_time ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION take_time();
CALL ppm.cleanup('busy');
DROP EVENT TRIGGER take_time;
EOF
is($node->safe_psql('postgres', <<'EOF'), '4|3', 'after a partition was detached, others have the table for twice as long as that took');
SELECT count(*), count(*) FILTER (WHERE begun - previous >= 1.9 * previous_duration)
FROM (SELECT at - duration AS begun, lag(at) OVER w AS previous, lag(duration) OVER w AS previous_duration
	  FROM ppm.history WHERE table_name = 'busy' AND action = 'detach' AND outcome = 'ok' WINDOW w AS (ORDER BY at)) AS h
EOF

#
# After a wait in vain
#

$node->safe_psql('postgres', daily_table('locked', 1));
my $holder = hold($node, 'LOCK TABLE ONLY locked IN SHARE MODE');
my $started = time();
my ($result, undef, $messages) = run_sql($node, "SET ppm.lock_timeout = '500ms'; CALL ppm.provision('locked')");
my $took = time() - $started;
$holder->quit;
like($messages, qr/PM004.*lock timeout/s, 'a table that stays locked is a failure');
my $wait = $node->safe_psql('postgres', q(SELECT extract(epoch FROM duration) FROM ppm.history WHERE table_name = 'locked'));
# Three waits, and between them two pauses.
cmp_ok($took, '>=', 6.5 * $wait, 'between two tries, others have the table for twice as long as a try waited') or diag "$took s, one wait $wait s";

$node->stop;
done_testing();
