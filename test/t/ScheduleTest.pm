# A server that calls run_all() by itself. What is due is told by ppm.last_run, and a reload has the launcher look: so no test waits for
# an hour.
package ScheduleTest;

use strict;
use warnings;

use Exporter qw(import);
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(scheduled_node make_database configure age wait_for said calls $all_is_well);

# Both procedures were called, for every table, and all went well.
our $all_is_well = q(SELECT count(*) >= 2 AND bool_and(outcome = 'ok') AND min(at) > now() - interval '30 min' FROM ppm.last_run);

sub scheduled_node
{
	my ($name, %options) = @_;
	my $conf = delete $options{conf} // '';
	my $node = new_node($name, conf => <<"CONF", %options);
ppm.work_date = ''
shared_preload_libraries = 'ppm'
max_worker_processes = 12
$conf
CONF
	return $node;
}

# One with the extension, and a table to provision.
sub make_database
{
	my ($node, $database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION ppm; ' . daily_table('a', 2));
	return;
}

# Changes settings of the server, if any; the launcher looks at all its databases then.
sub configure
{
	my ($node, @settings) = @_;
	$node->append_conf('postgresql.conf', $_) foreach @settings;
	$node->reload;
	return;
}

# As if the last calls were that long ago, however long the test itself has taken.
sub age
{
	my ($node, $database, $interval) = @_;
	$node->safe_psql($database, "UPDATE ppm.last_run SET at = now() - interval '$interval'");
	return;
}

sub wait_for
{
	my ($node, $database, $query, $what) = @_;
	ok($node->poll_query_until($database, $query), $what);
	return;
}

# How often the server's log has the pattern, from that offset on.
sub said
{
	my ($node, $pattern, $from) = @_;
	return scalar(() = slurp_file($node->logfile, $from) =~ /$pattern/g);
}

# How many calls there were that did or said anything.
sub calls
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, 'SELECT count(DISTINCT run_id) FROM ppm.history');
}

1;
