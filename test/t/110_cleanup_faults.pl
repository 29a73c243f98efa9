# Every step of a removal with DETACH ... CONCURRENTLY is interrupted in every way. After each, one further call brings the state that an undisturbed one
# would have brought, and no row of a retained partition is gone.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('cleanup_faults', conf => "ppm.work_date = ''\nrestart_after_crash = on\n");

# A session that reaches the place named by the setting test.place waits there for advisory lock 7: at the start or the end
# of a DDL command, in the worker as in the session that calls.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION wait_here() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('test.place', true) = tg_event || ' ' || tg_tag THEN
		PERFORM pg_advisory_xact_lock(7);
	END IF;
END $$;
CREATE EVENT TRIGGER wait_at_start ON ddl_command_start EXECUTE FUNCTION wait_here();
CREATE EVENT TRIGGER wait_at_end ON ddl_command_end EXECUTE FUNCTION wait_here();
EOF

# The places, and who waits there. A reader of the parent keeps the worker waiting between the two transactions of the detach.
my %places = (
	'before the first transaction' => [ 'ddl_command_start ALTER TABLE', 'worker' ],
	'between the transactions' => [ 'reader', 'worker' ],
	'in the second transaction' => [ 'ddl_command_end ALTER TABLE', 'worker' ],
	'before the drop' => [ 'ddl_command_start DROP TABLE', 'worker' ],
	'in the drop' => [ 'ddl_command_end DROP TABLE', 'worker' ],
	'before a drop of its own' => [ 'ddl_command_start DROP TABLE', 'caller', 'detached' ],
	'in a drop of its own' => [ 'ddl_command_end DROP TABLE', 'caller', 'detached' ]);

my %who = (
	worker => "backend_type = 'ppm worker'",
	caller => "application_name = 'caller' AND backend_type = 'client backend'");

sub pid_of
{
	my ($whom) = @_;
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $who{$whom}");
}

sub signal_by_sql
{
	my ($function, $whom) = @_;
	return $node->safe_psql('postgres', "SELECT $function(pid) FROM pg_stat_activity WHERE $who{$whom}");
}

my %faults = (
	'kill -9 of the worker' => sub { kill_hard($node, pid_of('worker')) },
	'kill -9 of the caller' => sub { kill_hard($node, pid_of('caller')) },
	'terminated worker' => sub { signal_by_sql('pg_terminate_backend', 'worker') },
	'terminated caller' => sub { signal_by_sql('pg_terminate_backend', 'caller') },
	'cancelled worker' => sub { signal_by_sql('pg_cancel_backend', 'worker') },
	'cancelled caller' => sub { signal_by_sql('pg_cancel_backend', 'caller') },
	'lock timeout' => sub { },
	'statement timeout' => sub { },
	'immediate stop' => sub { $node->stop('immediate'); $node->start; });

# Two outdated days, three that are not; a row each, of its own day.
my $setup = <<'EOF';
SET client_min_messages = warning;
DROP TABLE IF EXISTS orders;
DELETE FROM ppm.config;
CREATE TABLE orders (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('orders', 'daily', 1, 1, 'drop');
CALL ppm.provision();
CREATE TABLE orders_old_1 PARTITION OF orders FOR VALUES FROM (current_date - 9) TO (current_date - 8);
CREATE TABLE orders_old_2 PARTITION OF orders FOR VALUES FROM (current_date - 7) TO (current_date - 6);
INSERT INTO orders SELECT current_date + d FROM unnest(ARRAY[-9, -7, -1, 0, 1]) AS d;
EOF

# What an undisturbed call leaves.
my $state = <<'EOF';
SELECT (SELECT string_agg(day - current_date || '', ' ' ORDER BY day) FROM orders),
	   (SELECT count(*) FROM pg_class WHERE relname LIKE 'orders_old%'),
	   (SELECT count(*) FROM pg_inherits WHERE inhparent = 'orders'::regclass),
	   (SELECT count(*) FROM pg_inherits WHERE inhdetachpending),
	   (SELECT count(*) FROM ppm.detached),
	   (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 3),
	   (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'ppm worker')
EOF
my $clean = '-1 0 1|0|3|0|0|0|0';

$node->safe_psql('postgres', $setup . 'CALL ppm.cleanup();');
is($node->safe_psql('postgres', $state), $clean, 'an undisturbed call');

sub interrupt
{
	my ($place_name, $fault_name) = @_;
	my ($place, $waits, $detached) = @{ $places{$place_name} };
	return if $fault_name =~ /worker/ && $waits ne 'worker';

	$node->safe_psql('postgres', $setup);
	$node->safe_psql('postgres', "SET client_min_messages = error; UPDATE ppm.config SET drop_delay = '1 microsecond'; CALL ppm.cleanup();") if $detached;
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET test.place = '$place'");
	my $holder = start_sql($node, 'holder', $place eq 'reader'
		? "BEGIN;\nSELECT count(*) FROM orders;\nSELECT pg_sleep(600)"
		: "SELECT pg_advisory_lock(7);\nSELECT pg_sleep(600)", on_error_stop => 0);
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'holder' AND query LIKE '%pg_sleep%')");

	my $timeouts = $fault_name eq 'lock timeout' ? "SET ppm.lock_timeout = '50ms'; SET ppm.statement_timeout = '100ms';"
	  : $fault_name eq 'statement timeout' ? "SET ppm.statement_timeout = '50ms'; SET ppm.lock_timeout = '5min';"
	  : $patience;
	my $caller = start_sql($node, 'caller', "$timeouts\nCALL ppm.cleanup();", on_error_stop => 0);
	if ($fault_name !~ /timeout/)
	{
		my $condition = $place eq 'reader' ? "locktype = 'virtualxid'" : "locktype = 'advisory'";
		$node->poll_query_until('postgres', <<"EOF") or die "nobody waits $place_name";
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE $who{$waits} AND NOT granted AND $condition)
EOF
	}
	# What was committed without waiting for the disk is there with the next commit that waits.
	$node->safe_psql('postgres', 'CREATE TABLE flushed (); DROP TABLE flushed') if $place eq 'reader' && $fault_name !~ /timeout/;
	$faults{$fault_name}->();
	my ($result, undef, $messages) = finish_sql($caller);
	like($messages, qr/^(?:psql:.*?)?(?:ERROR|FATAL):|server closed the connection/m,
		"$fault_name $place_name: the caller gets an error");

	# Nobody is left waiting, with the worker least of all.
	$node->safe_psql('postgres', "ALTER DATABASE postgres RESET test.place");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'");
	finish_sql($holder);
	$node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker' OR application_name IN ('caller', 'holder'))")
	  or die 'somebody is left';

	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits i JOIN ppm.detached d ON d.relation = i.inhrelid WHERE i.inhdetachpending'), 1,
		"$fault_name $place_name: a detach is pending")
	  if $place eq 'reader';
	like($node->safe_psql('postgres', 'SELECT count(*) FROM orders WHERE day >= current_date - 1'), qr/^3$/,
		"$fault_name $place_name: no retained row is gone");
	my ($again, undef, $errors) = run_sql($node, 'CALL ppm.cleanup();');
	is("$again $errors" =~ s/NOTICE:.*\n?//gr =~ s/LOCATION:.*\n?//gr =~ s/psql:\S+ *//gr, '0 ', "$fault_name $place_name: the next call succeeds");
	is($node->safe_psql('postgres', $state), $clean, "$fault_name $place_name: and leaves what an undisturbed one does");
	return;
}

foreach my $place_name (sort keys %places)
{
	interrupt($place_name, $_) foreach sort keys %faults;
}

$node->stop;
done_testing();
