# What others do between the plan and its execution: nothing is removed that the configuration does not ask to remove by then.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('cleanup_races', conf => "ppm.work_date = ''\n");
my ($result, $output, $messages);

sub rows_of
{
	my ($table) = @_;
	return 'gone' if $node->safe_psql('postgres', "SELECT to_regclass('$table') IS NULL") eq 't';
	return $node->safe_psql('postgres', "SELECT count(*) FROM $table");
}

# Two outdated partitions with a row each; a reader keeps the worker waiting on the first until it is told to end.
sub start_cleanup
{
	my ($name) = @_;
	$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = warning;
DELETE FROM ppm.config;
CREATE TABLE $name (day date) PARTITION BY RANGE (day);
CREATE TABLE ${name}_1 PARTITION OF $name FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE TABLE ${name}_2 PARTITION OF $name FOR VALUES FROM ('2000-01-02') TO ('2000-01-03');
INSERT INTO $name VALUES ('2000-01-01'), ('2000-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', 1, 1, 'drop');
EOF
	my $reader = hold($node, "SELECT count(*) FROM $name");
	my $call = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();", on_error_stop => 0);
	$node->poll_query_until('postgres', <<'EOF') or die 'the worker does not wait';
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE backend_type = 'ppm worker' AND NOT granted AND locktype = 'virtualxid')
EOF
	return ($reader, $call);
}

sub end_cleanup
{
	my ($reader, $call) = @_;
	$reader->query_safe('COMMIT');
	$reader->quit;
	($result, $output, $messages) = finish_sql($call);
	return;
}

# The second partition gets other bounds, and a row of today, while the first is being detached.
my ($reader, $call) = start_cleanup('bounds');
my $user = start_sql($node, 'user', <<'EOF', on_error_stop => 0);
BEGIN;
ALTER TABLE bounds DETACH PARTITION bounds_2;
INSERT INTO bounds_2 VALUES (current_date);
ALTER TABLE bounds ATTACH PARTITION bounds_2 FOR VALUES FROM ('2000-01-02') TO ('2999-01-01');
COMMIT;
EOF
wait_until_waits($node, 'user', 'relation');
end_cleanup($reader, $call);
finish_sql($user);
is(rows_of('bounds_2'), '2', 'bounds changed meanwhile: the row of today is not lost');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached'), '0', 'and nothing is left in between');

# The configuration: deleted, another retention, another policy.
my %changes = (
	deleted => "DELETE FROM ppm.config",
	'without a retention' => 'UPDATE ppm.config SET retention = NULL',
	'with a longer retention' => 'UPDATE ppm.config SET retention = 10000',
	'with policy detach' => "UPDATE ppm.config SET cleanup_policy = 'detach'");
my $n = 0;
foreach my $change (sort keys %changes)
{
	my $table = 'changed' . ++$n;
	($reader, $call) = start_cleanup($table);
	$node->safe_psql('postgres', $changes{$change});
	end_cleanup($reader, $call);
	like($messages, qr/PM006.*/, "configuration $change meanwhile: the call says so");
	is(rows_of("${table}_1") . ' ' . rows_of("${table}_2"), '1 1', "configuration $change meanwhile: nothing is dropped");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = '$table'::regclass"),
		'1', "configuration $change meanwhile: nor is the next detached");
}

# After a failed drop, a policy of detach keeps the table.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
CREATE TABLE viewed (day date) PARTITION BY RANGE (day);
CREATE TABLE viewed_1 PARTITION OF viewed FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE VIEW on_it AS SELECT * FROM viewed_1;
INSERT INTO viewed VALUES ('2000-01-01');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('viewed', 'daily', 1, 1, 'drop');
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
like($messages, qr/2BP01/, 'a view keeps the table');
$node->safe_psql('postgres', "DROP VIEW on_it; UPDATE ppm.config SET cleanup_policy = 'detach'");
run_sql($node, 'CALL ppm.cleanup();');
is(rows_of('viewed_1'), '1', 'and so does the policy when the view is gone');

# Nor is it dropped after it was somebody else's: attached by hand, filled, and detached by hand.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
CREATE TABLE again (day date) PARTITION BY RANGE (day);
CREATE TABLE again_1 PARTITION OF again FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE TABLE again_2 PARTITION OF again FOR VALUES FROM ('2000-01-03') TO ('2000-01-04');
CREATE VIEW on_it AS SELECT * FROM again_1;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('again', 'daily', 1, 1, 'drop');
EOF
run_sql($node, 'CALL ppm.cleanup();');
$node->safe_psql('postgres', <<'EOF');
DROP VIEW on_it;
DO $$
DECLARE
	left_by_detach name;
BEGIN
	FOR left_by_detach IN SELECT conname FROM pg_constraint WHERE conrelid = 'again_1'::regclass LOOP
		EXECUTE format('ALTER TABLE again_1 DROP CONSTRAINT %I', left_by_detach);
	END LOOP;
END $$;
ALTER TABLE again ATTACH PARTITION again_1 FOR VALUES FROM ('2000-01-01') TO ('2999-01-01');
INSERT INTO again VALUES ('2000-01-01'), (current_date);
ALTER TABLE again DETACH PARTITION again_1;
CREATE TABLE again_3 PARTITION OF again FOR VALUES FROM ('2000-01-05') TO ('2000-01-06');
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
is(rows_of('again_1'), '2', 'what a user attached, filled and detached meanwhile is not dropped');
like($messages, qr/PM006.*partition "again_1": table "public\.again_1" was changed after ppm detached it, so it is not dropped \(SQLSTATE 55006\)/s,
	'and the call says so');
is($node->safe_psql('postgres', "SELECT to_regclass('again_2') IS NULL AND to_regclass('again_3') IS NULL"), 't', 'and cleans up the rest');

# What superusers may do to the table without the wish to keep it, does not make it another.
$node->safe_psql('postgres', <<'EOF');
DROP TABLE again_1;
CREATE TABLE again_1 PARTITION OF again FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE VIEW on_it AS SELECT * FROM again_1;
EOF
run_sql($node, 'CALL ppm.cleanup();');
$node->safe_psql('postgres', $_)
  foreach ('DROP VIEW on_it', 'VACUUM ANALYZE again_1', 'VACUUM FREEZE pg_class', 'VACUUM FULL pg_class', 'VACUUM (FREEZE, ANALYZE) again_1');
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
is("$result " . $node->safe_psql('postgres', "SELECT to_regclass('again_1') IS NULL"), '0 t', 'VACUUM does not keep a table from being dropped');

# A detach that came to nothing does not make a drop of what the user detaches afterwards.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
CREATE TABLE manual (day date) PARTITION BY RANGE (day);
CREATE TABLE manual_1 PARTITION OF manual FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
INSERT INTO manual VALUES ('2000-01-01');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('manual', 'daily', 1, 1, 'drop');
EOF
my $holder = hold($node, 'LOCK TABLE manual_1 IN SHARE MODE');
$call = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();", on_error_stop => 0);
$node->poll_query_until('postgres', <<'EOF') or die 'the worker does not wait';
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE backend_type = 'ppm worker' AND NOT granted)
EOF
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE table_name = 'manual')), '0', 'what is not pending yet is not recorded');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caller'");
finish_sql($call);
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'ppm worker'") or die 'a worker is left';
$holder->query_safe('COMMIT');
$node->safe_psql('postgres', "ALTER TABLE manual DETACH PARTITION manual_1; INSERT INTO manual_1 VALUES (current_date)");
run_sql($node, 'CALL ppm.cleanup();');
is(rows_of('manual_1'), '2', 'and drops nothing that somebody else detached');

# A surplus partition that is locked keeps nobody from provisioning.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
CREATE TABLE locked (day date) PARTITION BY RANGE (day);
CREATE TABLE locked_far PARTITION OF locked FOR VALUES FROM ('2999-01-01') TO ('2999-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('locked', 'daily', 1, 1);
EOF
$holder->query_safe('BEGIN; LOCK TABLE locked_far');
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision(); CALL ppm.cleanup();');
is($result, 0, 'a locked surplus partition blocks nothing');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = 'locked'::regclass"), '4', 'and stays for now');
$holder->query_safe('COMMIT');
run_sql($node, 'CALL ppm.cleanup();');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = 'locked'::regclass"), '3', 'until ppm can read it');

# A row that is being written to a leaf of a surplus partition, directly, while that is dropped.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
CREATE TABLE deep (day date) PARTITION BY RANGE (day);
CREATE TABLE deep_far PARTITION OF deep FOR VALUES FROM ('2999-01-01') TO ('2999-01-02') PARTITION BY RANGE (day);
CREATE TABLE deep_leaf PARTITION OF deep_far DEFAULT;
CREATE VIEW on_it AS SELECT * FROM deep_far;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('deep', 'daily', 1, 1, 'drop');
EOF
run_sql($node, 'CALL ppm.cleanup();');
$node->safe_psql('postgres', 'DROP VIEW on_it');
$holder->query_safe("BEGIN; INSERT INTO deep_leaf VALUES ('2999-01-01')");
$call = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();", on_error_stop => 0);
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('COMMIT');
finish_sql($call);
is(rows_of('deep_leaf'), '1', 'a row that was being written to a leaf is not lost');
$holder->quit;

# Whoever changes what a removal depends on finds the table gone when the change is there, or keeps it for good.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE FUNCTION wait_for_8() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE object_name = 'judged_1') THEN
		PERFORM pg_catalog.pg_advisory_xact_lock_shared(8);
	END IF;
END $$;
CREATE EVENT TRIGGER wait_for_8 ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION wait_for_8();
CREATE FUNCTION hook(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS '';
EOF
my %meanwhile = (
	'a longer retention' => 'UPDATE ppm.config SET retention = 10000',
	'no retention' => 'UPDATE ppm.config SET retention = NULL',
	'no configuration' => 'DELETE FROM ppm.config',
	'a hook before the drop' => "INSERT INTO ppm.hooks (table_name, event, function) VALUES ('judged', 'before_drop', 'public.hook(regclass, regclass, text, text)')");
foreach my $change (sort keys %meanwhile)
{
	foreach my $way ('at once', 'later')
	{
		$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DELETE FROM ppm.hooks;
DELETE FROM ppm.config;
DROP TABLE IF EXISTS judged;
CREATE TABLE judged (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE judged_1 PARTITION OF judged FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('judged', 'daily', 1, 1, 'drop');
EOF
		$node->safe_psql('postgres', "INSERT INTO ppm.hooks (table_name, event, function) VALUES ('judged', 'after_detach', 'public.hook(regclass, regclass, text, text)')") if $way eq 'later';
		my $holder = hold($node, 'SELECT pg_advisory_lock(8)');
		my $dropper = start_sql($node, 'dropper', "$patience\nCALL ppm.cleanup();", on_error_stop => 0);
		$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 8)") or die 'nothing is dropped';
		my $changer = start_sql($node, 'changer', "$meanwhile{$change};\nSELECT to_regclass('judged_1') IS NULL;");
		$node->poll_query_until('postgres', <<'EOF') or die 'the change neither waits nor ends';
SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') = 1 OR count(*) = 0 FROM pg_stat_activity WHERE application_name = 'changer'
EOF
		$holder->query_safe('SELECT pg_advisory_unlock(8)');
		$holder->quit;
		finish_sql($dropper);
		my ($code, $was_gone) = finish_sql($changer);
		is("$code $was_gone", '0 t', "$change: it comes after the drop that has begun ($way)");
	}
}

$node->stop;
done_testing();
