# Of a deadlock with the application ppm is the victim, whatever ppm.lock_timeout and the server's deadlock_timeout are: it
# gives up what it holds, waits again, and does its work when it can.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('deadlock', conf => "ppm.work_date = ''\ndeadlock_timeout = 1s\n");

sub setup
{
	$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP TABLE IF EXISTS metric, message;
CREATE TABLE message (id int PRIMARY KEY);
INSERT INTO message VALUES (1);
CREATE TABLE metric (message int REFERENCES message, day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('metric', 'daily', 1, 1, 'drop');
CALL ppm.provision();
CREATE TABLE metric_old PARTITION OF metric FOR VALUES FROM (current_date - 9) TO (current_date - 8);
INSERT INTO metric VALUES (1, current_date - 9), (1, current_date);
EOF
	return;
}

# In a transaction the application takes one lock, and another one when ppm waits for the first and holds the second.
sub collide
{
	my ($what, $call, $first, $second) = @_;
	setup();
	my $application = hold($node, $first);
	my $caller = start_sql($node, 'caller', "SET ppm.lock_timeout = '20s'; SET ppm.statement_timeout = '20s'; $call");
	$node->poll_query_until('postgres',
		q(SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND (application_name = 'caller' OR backend_type = 'ppm worker')))
	) or die 'nobody waits';
	my $offset = -s $node->logfile;
	my $failed = !eval { $application->query_safe("$second; COMMIT"); 1 };
	ok(!$failed, "$what: the application's statement succeeds") or diag $@;
	$application->quit;
	my ($result, $output, $messages) = finish_sql($caller);
	is($result, 0, "$what: so does ppm, afterwards");
	is($node->safe_psql('postgres', q(SELECT to_regclass('metric_old'))), '', "$what: which has done its work") if $call =~ /cleanup/;
	return;
}

foreach my $timeout ('1s', '100ms')
{
	$node->safe_psql('postgres', "ALTER SYSTEM SET deadlock_timeout = '$timeout'; SELECT pg_reload_conf()");
	# The referenced table, and then the partition itself, which the second transaction of the detach has locked.
	collide("writer of the referenced table, $timeout", 'CALL ppm.cleanup()', 'LOCK TABLE message IN ROW EXCLUSIVE MODE', 'SELECT count(*) FROM metric_old');
	collide("reader of the referenced table, $timeout", 'CALL ppm.cleanup()', 'SELECT count(*) FROM message', 'UPDATE message SET id = 1; INSERT INTO metric VALUES (1, current_date)');
	# The parent's own lock is held while that of the referenced table is waited for.
	collide("analyst, $timeout", "UPDATE ppm.config SET pre_provisioned = 2; CALL ppm.provision()", 'LOCK TABLE message IN ROW EXCLUSIVE MODE', 'ANALYZE metric');
}

# A session that has waited for long while ppm reads the table that it drops, and has locked a table that the drop needs.
setup();
$node->safe_psql('postgres', q(ALTER SYSTEM SET deadlock_timeout = '1s'; SELECT pg_reload_conf()));
$node->safe_psql('postgres', q(UPDATE ppm.config SET drop_delay = '1 day'; CALL ppm.cleanup(); UPDATE ppm.config SET drop_delay = '0'));
is($node->safe_psql('postgres', 'SELECT detached FROM ppm.detached'), 'metric_old', 'a table waits to be dropped');
my $configurer = hold($node, 'SELECT FROM ppm.config FOR UPDATE');
my $writer = hold($node, 'SELECT count(*) FROM message');
my $dropper = start_sql($node, 'caller', "SET ppm.lock_timeout = '20s'; SET ppm.statement_timeout = '20s'; CALL ppm.cleanup()");
wait_until_waits($node, 'caller');
my $inserter = $writer;
$inserter->query_until(qr/inserting/, "\\echo inserting\nINSERT INTO metric_old VALUES (1, current_date - 9);\n\\echo inserted\n");
$node->poll_query_until('postgres', q(SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'INSERT INTO metric_old%' AND wait_event_type = 'Lock' AND now() - query_start > interval '0.8 s'))) or die 'the writer does not wait';
$configurer->query_safe('ROLLBACK');
$configurer->quit;
ok(eval { $inserter->query_until(qr/inserted/, ''); $inserter->query_safe('ROLLBACK'); 1 }, 'it does not fail') or diag $@;
$inserter->quit;
finish_sql($dropper);
$node->safe_psql('postgres', 'CALL ppm.cleanup()');
is($node->safe_psql('postgres', q(SELECT to_regclass('metric_old'))), '', 'and ppm does its work, then or in the next call');

# A role that has another deadlock_timeout than the server.
$node->safe_psql('postgres', q(ALTER SYSTEM SET deadlock_timeout = '5s'; CREATE ROLE impatient SUPERUSER LOGIN; ALTER ROLE impatient SET deadlock_timeout = '100ms'; SELECT pg_reload_conf()));
setup();
my $application = $node->background_psql('postgres', extra_params => [ '-U', 'impatient' ]);
$application->query_safe('BEGIN; LOCK TABLE message IN ROW EXCLUSIVE MODE');
my $caller = start_sql($node, 'caller', "SET ppm.lock_timeout = '20s'; SET ppm.statement_timeout = '20s'; CALL ppm.cleanup()");
$node->poll_query_until('postgres',
	q(SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND backend_type = 'ppm worker')))
  or die 'nobody waits';
ok(eval { $application->query_safe('SELECT count(*) FROM metric_old; COMMIT'); 1 }, "a role's own deadlock_timeout counts, too") or diag $@;
$application->quit;
is((finish_sql($caller))[0], 0, 'and ppm does its work');

$node->stop;
done_testing();
