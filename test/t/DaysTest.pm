# What the tests of a table's days share: calls on a day of March 2026, and what must hold after each. The test sets $node.
package DaysTest;

use strict;
use warnings;

use Exporter qw(import);
use PpmTest;
use Test::More;

our @EXPORT = qw($node $result $output $messages configure call_on refused plainly days_of detached lives lives_on clear);

our ($node, $result, $output, $messages);

# SQL that configures a table for yesterday, today and tomorrow.
sub configure
{
	my ($name, $schema, $interval) = @_;
	return sprintf "INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('%s', '%s', '%s', 1, 1);",
	  $schema // 'public', $name, $interval // 'daily';
}

# A call on that day of March. Whatever comes of it, it is no internal error, and no call leaves a lock.
sub call_on
{
	my ($day, $call, %options) = @_;
	($result, $output, $messages) = run_sql($node, "SET ppm.work_date = '2026-03-$day';\n$call", %options);
	unlike($messages, qr/XX\d\d\d/, "no internal error: $call" . ($options{user} ? " by $options{user}" : ''));
	is(advisory_locks($node), 0, 'and no lock is left');
	return;
}

# That a call fails for each reason, every one a line of the detail.
sub refused
{
	my ($day, $call, $sqlstate, $reasons, %options) = @_;
	call_on($day, $call, %options);
	like($messages, qr/^[^\n]*ERROR:  $sqlstate: .*\nDETAIL:  /m, "fails with $sqlstate");
	like($messages, $_, "because of $_") foreach @$reasons;
	return;
}

# What plain SQL says instead.
sub plainly
{
	my ($sql, %options) = @_;
	my (undef, undef, $said) = run_sql($node, $sql, %options);
	return $said =~ /ERROR:  (\w{5}): (.*)$/m ? "$2 (SQLSTATE $1)" : die "plain SQL did not fail: $sql";
}

# The days of March for which the table has partitions.
sub days_of
{
	my ($table) = @_;
	return $node->safe_psql('postgres',
		"SELECT coalesce(string_agg(right(relname, 2), ' ' ORDER BY relname), '') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '$table'::regclass");
}

# The tables that ppm knows to have detached.
sub detached
{
	return $node->safe_psql('postgres', q(SELECT coalesce(string_agg(detached, ' ' ORDER BY detached), '') FROM ppm.detached));
}

# From the 15th on: all calls, under both policies, do what they are for.
sub lives
{
	my ($name, $what, %options) = @_;
	call_on(15, 'CALL ppm.provision()', %options);
	is("$result " . days_of($name), '0 14 15 16', "$what: partitions are made");
	is(half_made($node), '', 'completely');
	call_on(15, q(SELECT code, partition FROM ppm.check() WHERE severity = 'error'), %options);
	is($output, '', 'and nothing is wrong');
	lives_on($name, $what, %options);
	return;
}

# The same, of what has partitions for the 14th to 16th.
sub lives_on
{
	my ($name, $what, %options) = @_;
	my $short = $name =~ s/.*\.//r;
	$node->safe_psql('postgres', q(UPDATE ppm.config SET cleanup_policy = 'detach'));
	call_on(16, 'CALL ppm.cleanup()', %options);
	is("$result " . days_of($name), '0 15 16', "$what: an outdated partition is detached");
	is(detached(), "${short}_2026_03_14", 'and known');
	$node->safe_psql('postgres', q(UPDATE ppm.config SET cleanup_policy = 'drop'));
	call_on(17, $options{without_create} ? 'CALL ppm.cleanup()' : 'CALL ppm.run_all()', %options);
	is("$result " . days_of($name), $options{without_create} ? '0 16' : '0 16 17 18', 'another is dropped');
	is(half_made($node) . ' ' . detached(), "${short}_2026_03_14 ${short}_2026_03_14", 'the first is still there, the other is not');
	return;
}

sub clear
{
	my ($sql) = @_;
	$node->safe_psql('postgres', "DELETE FROM ppm.config; SET client_min_messages = warning; $sql; DROP TABLE IF EXISTS "
		  . ($node->safe_psql('postgres', q(SELECT string_agg(format('%I.%I', detached_schema, detached), ', ') FROM ppm.detached)) || 'nothing')
		  . '; DELETE FROM ppm.detached');
	is(half_made($node), '', 'nothing was left behind');
	return;
}

1;
