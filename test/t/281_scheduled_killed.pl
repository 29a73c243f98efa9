# The launcher and what it has started, killed in whatever way; a restart, a promoted standby, a server without a free worker; and an
# interval that passes.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use ScheduleTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A worker at work waits for its lock as long as the test wants.
my $node = scheduled_node('node', allows_streaming => 1, conf => <<'CONF');
restart_after_crash = on
ppm.lock_timeout = '5min'
ppm.statement_timeout = '5min'
CONF
$node->safe_psql('postgres', daily_table('a', 2));
my $log = -s $node->logfile;

sub pid_of
{
	my ($server, $type) = @_;
	return $server->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");
}

# Has the scheduled run begin, and wait for a lock. Returns the session that has the lock.
sub begin_run
{
	age($node, 'postgres', '2 hours');
	$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = pre_provisioned + 1');
	my $holder = hold($node, 'LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE');
	configure($node, q(ppm.schedule_databases = 'postgres'));
	wait_for($node, 'postgres',
		q(SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE backend_type = 'ppm scheduled run' AND NOT granted)), 'a run waits');
	return $holder;
}

sub end_holder
{
	my ($holder) = @_;
	$holder->query_safe('COMMIT');
	$holder->quit;
	return;
}

#
# What is ended by pg_terminate_backend()
#

my $holder = begin_run();
$node->safe_psql('postgres', q(SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'ppm scheduled run'));
$node->wait_for_log(qr/ERROR:  scheduled run in database "postgres" failed: terminating background worker/, $log);
wait_for($node, 'postgres', q(SELECT bool_or(outcome = 'failed') FROM ppm.last_run), 'a run that was ended has failed');
end_holder($holder);
configure($node);
wait_for($node, 'postgres', $all_is_well, 'and is called again');

$holder = begin_run();
my $launcher = pid_of($node, 'ppm launcher');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
wait_for($node, 'postgres', q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm scheduled run' AND xact_start < now() - interval '5 s')),
	'a run ends with the launcher');
end_holder($holder);
wait_for($node, 'postgres', $all_is_well, 'a new launcher calls it again');
isnt(pid_of($node, 'ppm launcher'), $launcher, 'it is a new one');

# That is no way to end it.
$launcher = pid_of($node, 'ppm launcher');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($launcher)");
configure($node);
is(pid_of($node, 'ppm launcher'), $launcher, 'pg_cancel_backend() does nothing to it');

#
# What is killed, so that the server recovers
#

foreach my $type ('ppm scheduled run', 'ppm launcher')
{
	$holder = begin_run();
	my $victim = pid_of($node, $type);
	my $postmaster = slurp_file($node->data_dir . '/postmaster.pid');
	kill_hard($node, $victim);
	eval { $holder->quit; 1 } or note 'the session has ended';
	wait_for($node, 'postgres', $all_is_well, "after a crash of the $type the run is made up for");
	is(slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/ && $1, $postmaster =~ /^(\d+)/ && $1, 'without a restart of the server');
}

#
# A restart
#

my $last = q(SELECT max(at) FROM ppm.last_run);
my $before = $node->safe_psql('postgres', $last);
$holder = begin_run();
$node->stop('fast');
eval { $holder->quit; 1 } or note 'the session has ended';
pass('the server stops at once with a run at work');
$node->start;
wait_for($node, 'postgres', $all_is_well, 'after a restart a missed run is made up for');
$before = $node->safe_psql('postgres', $last);
$node->restart;
wait_for($node, 'postgres', q(SELECT bool_and(scheduled_at > now() + interval '30 min') FROM ppm.status), 'a run that was not missed is not');
is($node->safe_psql('postgres', $last), $before, 'it waits for its time');

#
# No worker is free
#

age($node, 'postgres', '2 hours');
# The launcher itself, and that of logical replication.
$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$log = -s $node->logfile;
$node->restart;
$node->wait_for_log(qr/ERROR:  no background worker is free for the scheduled runs of ppm\n.*HINT:  Increase max_worker_processes/, $log);
configure($node);
wait_for($node, 'postgres', q(SELECT bool_and(scheduled_at > now()) FROM ppm.status), 'without a worker it is tried again');
is(said($node, qr/no background worker is free/, $log), 1, 'which is said once');
$node->append_conf('postgresql.conf', 'max_worker_processes = 12');
$node->restart;
wait_for($node, 'postgres', $all_is_well, 'with one it goes on');

#
# A standby, and an interval that passes
#

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', q(ppm.schedule_interval = '1min'));
$standby->start;
$node->safe_psql('postgres', q(UPDATE ppm.config SET pre_provisioned = pre_provisioned + 1; UPDATE ppm.last_run SET at = at - interval '2 hours'));
$node->wait_for_catchup($standby);
is(pid_of($standby, 'ppm launcher'), '', 'there is no launcher on a standby');
is($standby->safe_psql('postgres', 'SELECT scheduled_at IS NULL FROM ppm.status'), 't', 'and ppm.status says that nothing is scheduled');
$node->stop;
$standby->promote;
wait_for($standby, 'postgres', $all_is_well, 'when it is promoted, it begins');
$before = $standby->safe_psql('postgres', $last);
wait_for($standby, 'postgres', "SELECT max(at) >= '$before'::timestamptz + interval '59 s' FROM ppm.last_run", 'and goes on after each interval');

$standby->stop;
done_testing();
