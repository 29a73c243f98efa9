# The server dies in the middle of a call of provision(); 110_cleanup_faults has cleanup.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('crash');
my ($result, $output, $messages);

# Table b's partition of the 16th waits for advisory lock 16 between its creation and its attachment.
$node->safe_psql('postgres', <<'EOF' . daily_table('a', 2) . daily_table('b', 2) . daily_table('c', 2));
CREATE FUNCTION wait_in_the_middle() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(16) FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ 'b_2026_03_16$';
END $$;
CREATE EVENT TRIGGER wait_in_the_middle ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
	EXECUTE FUNCTION wait_in_the_middle();
EOF

# Dies when the call waits for what $hold has taken. What one commits makes durable what others committed before,
# asynchronously or not.
sub crash
{
	my ($hold, $type) = @_;
	my $holder = hold($node, $hold);
	my $call = start_sql($node, 'dying', "$patience CALL ppm.provision()");
	wait_until_waits($node, 'dying', $type);
	$node->safe_psql('postgres', 'SET synchronous_commit = on; CREATE TABLE marker (); DROP TABLE marker');
	$node->stop('immediate');
	($result, $output, $messages) = finish_sql($call);
	is($result, 2, 'the call ends with the server');
	$holder->{run}->finish;
	$node->start;
	return;
}

crash('SELECT pg_advisory_xact_lock(16)', 'advisory');
is(partitions_of($node, 'a'), '15 16 17', 'what was committed is there');
is(partitions_of($node, 'b'), '15', 'of the table at work too');
is(partitions_of($node, 'c'), '', 'what came after is not');
is(half_made($node), '', 'nothing is half-made');
is(advisory_locks($node), 0, 'no lock is left');

crash('LOCK TABLE ONLY b IN SHARE MODE', 'relation');
is(partitions_of($node, 'b'), '15', 'a table that was waited for is as it was');

($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
is($result, 0, 'the next call succeeds');
is(scalar(() = $messages =~ /NOTICE/g), 5, 'and does what is left');
is(partitions_of($node, $_), '15 16 17', "table $_ is complete") foreach (qw(a b c));
$node->safe_psql('postgres', "INSERT INTO $_ SELECT date '2026-03-15' + n FROM generate_series(0, 2) n") foreach (qw(a b c));
is($node->safe_psql('postgres', 'SELECT count(*) FROM b'), 3, 'and takes rows');

$node->stop;
done_testing();
