# What goes along with the life of a partition, its hooks and its archive, is interrupted in every way at each of its steps. After each,
# one further call brings the state that an undisturbed one would have brought.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('life_killed', conf => "ppm.work_date = ''\nrestart_after_crash = on\n");

# The caller waits for advisory lock 7 where the setting test.place says: at a DDL command, or in a function of ppm.hooks.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION wait_at(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('test.place', true) = place AND current_setting('application_name') = 'caller' THEN
		PERFORM pg_catalog.pg_advisory_xact_lock(7);
	END IF;
END $$;
CREATE FUNCTION wait_here() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.wait_at(tg_event || ' ' || tg_tag);
END $$;
CREATE EVENT TRIGGER wait_at_start ON ddl_command_start EXECUTE FUNCTION wait_here();
CREATE EVENT TRIGGER wait_at_end ON ddl_command_end EXECUTE FUNCTION wait_here();
CREATE SCHEMA archive;
CREATE TABLE copied (day date PRIMARY KEY);
CREATE TABLE calls (event text, partition text);
EOF
foreach my $event (qw(after_create before_detach after_detach before_drop))
{
	# The one before a drop copies the rows.
	my $copy = $event eq 'before_drop' ? q(EXECUTE format('INSERT INTO public.copied SELECT day FROM %s ON CONFLICT DO NOTHING', partition);) : '';
	$node->safe_psql('postgres', <<"EOF");
CREATE FUNCTION $event(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void LANGUAGE plpgsql AS \$\$
BEGIN
	$copy
	INSERT INTO public.calls VALUES ('$event', lower_value);
	PERFORM public.wait_at('$event');
END \$\$;
EOF
}

my $setup = <<'EOF';
SET client_min_messages = error;
DROP SCHEMA archive CASCADE;
CREATE SCHEMA archive;
DROP TABLE IF EXISTS orders;
TRUNCATE calls, copied;
DELETE FROM ppm.hooks;
DELETE FROM ppm.config;
CREATE TABLE orders (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, archive_schema) VALUES ('orders', 'daily', 1, 1, 'POLICY', 'archive');
CALL ppm.provision();
CREATE TABLE orders_old_1 PARTITION OF orders FOR VALUES FROM (current_date - 9) TO (current_date - 8);
CREATE TABLE orders_old_2 PARTITION OF orders FOR VALUES FROM (current_date - 7) TO (current_date - 6);
INSERT INTO orders SELECT current_date + d FROM unnest(ARRAY[-9, -7, -1, 0, 1]) AS d;
INSERT INTO ppm.hooks (table_name, event, function) SELECT 'orders', e, format('public.%s(regclass,regclass,text,text)', e)
FROM unnest(ARRAY['after_create', 'before_detach', 'after_detach', 'before_drop']) AS e;
EOF

# What an undisturbed call leaves: the rows, where the old tables are, what was copied, which hooks were called for how many of them.
my $state = <<'EOF';
SELECT (SELECT string_agg(day - current_date || '', ' ' ORDER BY day) FROM orders),
	(SELECT string_agg(relnamespace::regnamespace::text, ' ') FROM pg_class WHERE relname LIKE 'orders_old%'),
	(SELECT string_agg(day - current_date || '', ' ' ORDER BY day) FROM copied),
	(SELECT string_agg(concat(event, ' ', n), ' ' ORDER BY event) FROM (SELECT event, count(DISTINCT partition) AS n FROM calls GROUP BY event) AS c),
	(SELECT count(*) FROM ppm.pending_hooks WHERE relation IN (SELECT oid FROM pg_class)),
	(SELECT count(*) FROM ppm.detached d JOIN pg_class r ON r.oid = d.relation AND r.relnamespace::regnamespace::text = d.detached_schema AND d.archived_from = 'public'),
	(SELECT count(*) FROM ppm.check() WHERE severity = 'error'),
	(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'ppm worker')
EOF
my %clean = (
	detach => '-1 0 1|archive archive||after_detach 2 before_detach 2|0|2|0|0',
	drop => '-1 0 1||-9 -7|after_detach 2 before_detach 2 before_drop 2|0|0|0|0');

sub set_up
{
	my ($policy) = @_;
	$node->safe_psql('postgres', $setup =~ s/POLICY/$policy/r);
	return;
}

foreach my $policy (sort keys %clean)
{
	set_up($policy);
	$node->safe_psql('postgres', 'CALL ppm.cleanup()');
	is($node->safe_psql('postgres', $state), $clean{$policy}, "an undisturbed call under $policy");
}

sub pid_of_caller
{
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'caller' AND backend_type = 'client backend'");
}

my %faults = (
	'kill -9' => sub { kill_hard($node, pid_of_caller()) },
	'termination' => sub { $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . pid_of_caller() . ')') },
	'cancel' => sub { $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . pid_of_caller() . ')') },
	'immediate stop' => sub { $node->stop('immediate'); $node->start; });

# Runs the call until it waits at that place, and interrupts it there.
sub interrupt
{
	my ($place, $call, $fault, $name) = @_;
	my $holder = start_sql($node, 'holder', "SELECT pg_advisory_lock(7);\nSELECT pg_sleep(600)", on_error_stop => 0);
	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'holder' AND query LIKE '%pg_sleep%')");
	my $caller = start_sql($node, 'caller', "SET test.place = '$place'; $patience CALL $call;", on_error_stop => 0);
	$node->poll_query_until('postgres', <<"EOF") or die "nobody waits: $name";
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = 'caller' AND NOT granted AND locktype = 'advisory')
EOF
	$faults{$fault}->();
	my (undef, undef, $messages) = finish_sql($caller);
	like($messages, qr/^(?:psql:.*?)?(?:ERROR|FATAL):|server closed the connection/m, "$name: the caller gets an error");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'");
	finish_sql($holder);
	$node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker' OR application_name IN ('caller', 'holder'))")
	  or die 'somebody is left';
	return;
}

sub succeeds
{
	my ($call, $name) = @_;
	my ($again, undef, $errors) = run_sql($node, "CALL $call;");
	is("$again $errors" =~ s/NOTICE:.*\n?//gr =~ s/LOCATION:.*\n?//gr =~ s/psql:\S+ *//gr, '0 ', "$name: the next call succeeds");
	return;
}

# Between a detach and its archive, in the move, in each hook, between a hook and the drop, in the drop.
my %places = (
	detach => [ 'ddl_command_start ALTER TABLE', 'ddl_command_end ALTER TABLE', 'before_detach', 'after_detach' ],
	drop => [ 'after_detach', 'before_drop', 'ddl_command_start DROP TABLE', 'ddl_command_end DROP TABLE' ]);
foreach my $policy (sort keys %places)
{
	foreach my $place (@{ $places{$policy} })
	{
		foreach my $fault (sort keys %faults)
		{
			my $name = "$fault, $policy, at $place";
			set_up($policy);
			interrupt($place, 'ppm.cleanup()', $fault, $name);
			succeeds('ppm.cleanup()', $name);
			is($node->safe_psql('postgres', $state), $clean{$policy}, "$name: and leaves what an undisturbed one does");
		}
	}
}

# A creation, and what is to be called after it.
foreach my $fault (sort keys %faults)
{
	my $name = "$fault, after_create";
	set_up('detach');
	$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 2');
	interrupt('after_create', 'ppm.provision()', $fault, $name);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM calls'), 0, "$name: nothing of the call is left");
	is($node->safe_psql('postgres', 'SELECT event FROM ppm.pending_hooks'), 'after_create', "$name: except the record that the call is still to be made");
	succeeds('ppm.provision()', $name);
	is($node->safe_psql('postgres', q(SELECT event, (SELECT count(*) FROM ppm.pending_hooks) FROM calls)), 'after_create|0', "$name: and the next call makes it");
}

$node->stop;
done_testing();
