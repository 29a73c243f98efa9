# What the tests share: a server with ppm and a date that stands still, small tables to provision, and calls that run
# in the background.
package PpmTest;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  new_node daily_table partitions_of half_made advisory_locks
  start_sql finish_sql run_sql kill_hard wait_until_waits wait_until_worker_waits hold start_waiting_move forget $patience leaves_check
);

# For a session that waits until the test lets it go on.
our $patience = "SET ppm.lock_timeout = '5min'; SET ppm.statement_timeout = '5min';";

# A running server with the extension in database postgres, on 2026-03-15. Options: `conf`, lines for postgresql.conf;
# the rest is for init().
sub new_node
{
	my ($name, %options) = @_;
	my $conf = delete $options{conf} // '';
	# As every session's own: one that is set elsewhere is warned of.
	$ENV{PGOPTIONS} = $conf =~ /ppm\.work_date/ ? '' : '-c ppm.work_date=2026-03-15';
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%options);
	$node->append_conf('postgresql.conf', <<"EOF");
autovacuum = off
$conf
EOF
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION ppm');
	return $node;
}

# SQL that makes a table of daily partitions, configured for today and `$more` days.
sub daily_table
{
	my ($name, $more) = @_;
	return <<"EOF";
CREATE TABLE $name (day date NOT NULL, note text) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('$name', 'daily', $more);
EOF
}

# The days for which the table has a partition: "15 16 17".
sub partitions_of
{
	my ($node, $table, $database) = @_;
	return $node->safe_psql($database // 'postgres', <<"EOF");
SELECT coalesce(string_agg(substr(relname, length('${table}_2026_03_') + 1), ' ' ORDER BY relname), '')
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '$table'::regclass
EOF
}

# The tables that bear a partition's name but are not one.
sub half_made
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		q(SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class
		  WHERE relname ~ '_2026_' AND relkind = 'r' AND NOT relispartition));
}

# How many locks there are by which calls of ppm keep off each other.
sub advisory_locks
{
	my ($node) = @_;
	return $node->safe_psql('postgres',
		q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 3));
}

# Runs SQL in a session of its own, called $name, and does not wait for it.
sub start_sql
{
	my ($node, $name, $sql, %options) = @_;
	my %session = (name => $name, in => "$sql\n;\n", out => '', err => '');
	my $user = $options{user} ? " user=$options{user}" : '';
	$session{run} = IPC::Run::start(
		[
			'psql', '-XAtq', '-v',
			'ON_ERROR_STOP=' . ($options{on_error_stop} // 1),
			'-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never',
			'-d', $node->connstr('postgres') . " application_name=$name$user",
			'-f', '-'
		],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$session{run}->pump_nb while length $session{in};
	return \%session;
}

# Waits for its end; returns psql's exit code, its output and its messages.
sub finish_sql
{
	my ($session) = @_;
	$session->{run}->finish;
	my $result = $session->{run}->result(0);
	chomp $session->{out};
	note "$session->{name}: exit code $result\n$session->{out}\n" . substr($session->{err}, 0, 4000);
	return ($result, $session->{out}, $session->{err});
}

# Both at once. Messages have their SQLSTATEs.
sub run_sql
{
	my ($node, $sql, %options) = @_;
	return finish_sql(start_sql($node, $options{name} // 'test', $sql, %options));
}

# Kills a process of the server, and waits until the server has started again. Before that nothing else may end: it would let go of
# its locks, and let others go on, in the moments until the postmaster has seen the death.
sub kill_hard
{
	my ($node, $pid) = @_;
	my $offset = -s $node->logfile;
	kill 'KILL', $pid or die "process $pid cannot be killed";
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	wait_until_ready($node);
	return;
}

# Waits until the server accepts connections. (A psql that cannot connect ends before it has read its query, and IPC::Run may die of that.)
sub wait_until_ready
{
	my ($node) = @_;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if run_log([ 'pg_isready', '--quiet', '--host', $node->host, '--port', $node->port ]);
		select undef, undef, undef, 0.1;
	}
	die 'the server does not accept connections';
}

# Waits until the session called $name waits for a lock: of `$type` (a locktype of pg_locks), or any.
sub wait_until_waits
{
	my ($node, $name, $type) = @_;
	my $condition = $type ? "AND locktype = '$type'" : '';
	$node->poll_query_until('postgres', <<"EOF") or die "$name does not wait for a lock";
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE application_name = '$name' AND NOT granted $condition)
EOF
	return;
}

# Waits until the worker waits for a lock: of `$type`, or any.
sub wait_until_worker_waits
{
	my ($node, $type) = @_;
	my $condition = $type ? "AND locktype = '$type'" : '';
	$node->poll_query_until('postgres', <<"EOF") or die 'no worker waits';
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE backend_type = 'ppm worker' AND NOT granted $condition)
EOF
	return;
}

# Starts a move of rows, and has it wait for an older transaction. Returns both sessions.
sub start_waiting_move
{
	my ($node, $call) = @_;
	my $older = hold($node, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	my $mover = start_sql($node, 'mover', $call);
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'waiting')") or die 'the move does not wait';
	return ($older, $mover);
}

# Drops the tables, and whatever is configured or detached.
sub forget
{
	my ($node, @tables) = @_;
	$node->safe_psql('postgres', 'SET client_min_messages = error; DELETE FROM ppm.config; DELETE FROM ppm.detached; DROP TABLE IF EXISTS '
		  . join(', ', @tables) . ' CASCADE');
	return;
}

# Whether DETACH CONCURRENTLY leaves a CHECK constraint on the table in place of its bounds, for which it looks at the constraints that
# are there: up to PostgreSQL 18.
sub leaves_check
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 190000)) eq 't';
}

# A session in a transaction that holds what $sql has taken, until it is sent COMMIT or ROLLBACK.
sub hold
{
	my ($node, $sql) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe("SET client_min_messages = error; BEGIN; $sql");
	return $session;
}

1;
