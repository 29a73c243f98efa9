# What somebody does to tables and to ppm's own while a call is at work, or before it: the server does not crash, and no row is lost. Each of
# these went wrong once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('catalog_changes', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nmax_worker_processes = 12\n", extra => [ '--encoding=UTF8', '--no-locale' ]);
my ($result, $output, $messages);

#
# The server does not crash
#

# The key column is renamed while provision waits to look into the default partition.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE renamed (id uuid NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE renamed_rest PARTITION OF renamed DEFAULT;
INSERT INTO renamed SELECT gen_random_uuid() FROM generate_series(1, 100);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('renamed', 'daily', 1);
EOF
my $holder = hold($node, 'ALTER TABLE renamed RENAME COLUMN id TO other');
my $call = start_sql($node, 'caller', "$patience\nCALL ppm.provision('renamed')");
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($call);
like($messages, qr/table "public\.renamed" was renamed, replaced or given to another owner concurrently \(SQLSTATE 55000\)/, 'a key column that is renamed meanwhile is noticed');

# The default partition becomes a table of its own, and its column another type.
$holder->query_safe('BEGIN; ALTER TABLE renamed DETACH PARTITION renamed_rest; ALTER TABLE renamed_rest ALTER other TYPE int USING 77');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 3');
$call = start_sql($node, 'caller', "$patience\nCALL ppm.provision('renamed')");
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('COMMIT');
($result) = finish_sql($call);
is($result, 0, 'a default partition that was detached blocks nothing');
$holder->query_safe('BEGIN; CREATE TABLE renamed_other PARTITION OF renamed DEFAULT; COMMIT; BEGIN; DROP TABLE renamed_other');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 5');
$call = start_sql($node, 'caller', "$patience\nCALL ppm.provision('renamed')");
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('COMMIT');
($result) = finish_sql($call);
is($result, 0, 'nor does one that was dropped');
forget($node, 'renamed', 'renamed_rest');

# What cannot be managed has no partitions to show.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE nowhere (d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE by_text (t text) PARTITION BY RANGE (t);
SET check_function_bodies = off;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, timezone) VALUES ('nowhere', 'daily', 2, 'Nope/Nope'), ('by_text', 'daily', 1, 'UTC'), ('gone', 'daily', 1, 'UTC');
EOF
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.partitions'), '0', 'tables that cannot be managed have no row in ppm.partitions');
is($node->safe_psql('postgres', 'SELECT count(*), bool_or(healthy) FROM ppm.status'), '3|f', 'and are not healthy');
forget($node, 'nowhere', 'by_text');

#
# No row is lost
#

# An entry of ppm.detached that somebody else's interrupted detach seems to agree with.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE reused (id int, d date NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('reused', 'daily', 2, 2, 'drop');
CALL ppm.provision();
CREATE TABLE reused_x PARTITION OF reused FOR VALUES FROM ('2000-11-01') TO ('2000-11-02');
CREATE VIEW on_it AS SELECT * FROM reused_x;
EOF
run_sql($node, 'CALL ppm.cleanup()');
$node->safe_psql('postgres', <<'EOF');
DROP VIEW on_it;
DO $$
DECLARE
	c name;
	today name;
BEGIN
	FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'reused_x'::regclass AND contype = 'c' LOOP
		EXECUTE format('ALTER TABLE reused_x DROP CONSTRAINT %I', c);
	END LOOP;
	SELECT partition INTO today FROM ppm.partitions WHERE state = 'current';
	EXECUTE format('DROP TABLE %I', today);
	EXECUTE format('ALTER TABLE reused ATTACH PARTITION reused_x FOR VALUES FROM (%L) TO (%L)', current_date, current_date + 1);
END $$;
INSERT INTO reused SELECT n, current_date FROM generate_series(1, 500) AS n;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'reused_x'::regclass;  -- as a DETACH CONCURRENTLY that gave up
EOF
run_sql($node, 'CALL ppm.cleanup()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM reused_x'), '500', 'what somebody else was detaching is finished, and kept');
is($node->safe_psql('postgres', q(SELECT cleanup_policy FROM ppm.detached WHERE detached = 'reused_x')), 'detach', 'and ppm knows that it is to be kept');
run_sql($node, 'CALL ppm.run_all()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM reused'), '500', 'and attaches it again');
forget($node, 'reused');

# A table that is attached below one that is to be dropped; and a row that comes into one.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE deep (id int, region text, d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE deep_rest PARTITION OF deep DEFAULT;
CREATE TABLE deep_old PARTITION OF deep FOR VALUES FROM ('2000-11-01') TO ('2000-11-02') PARTITION BY LIST (region);
CREATE TABLE deep_old_eu PARTITION OF deep_old FOR VALUES IN ('eu');
CREATE TABLE deep_flat PARTITION OF deep FOR VALUES FROM ('2000-11-03') TO ('2000-11-04');
CREATE VIEW on_it AS SELECT * FROM deep_old UNION ALL SELECT * FROM deep_flat;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('deep', 'daily', 1, 5, 'drop');
EOF
run_sql($node, 'CALL ppm.run_all()');
($result, $output, $messages) = run_sql($node, 'INSERT INTO deep_flat VALUES (1, NULL, current_date)');
like($messages, qr/23514: new row for relation "deep_flat" violates check constraint/, 'a partition that is to be dropped accepts no rows outside its bounds');
$node->safe_psql('postgres', <<'EOF');
DROP VIEW on_it;
CREATE TABLE precious (id int, region text, d date NOT NULL, CHECK (d IS NOT NULL AND d >= '2000-11-01' AND d < '2000-11-02'));
INSERT INTO precious SELECT n, 'us', '2000-11-01' FROM generate_series(1, 100) AS n;
DO $$
DECLARE
	c name;
BEGIN
	SELECT conname INTO c FROM pg_constraint WHERE conrelid = 'deep_old'::regclass AND contype = 'c';
	EXECUTE format('ALTER TABLE precious RENAME CONSTRAINT precious_d_check TO %I', c);
END $$;
ALTER TABLE deep_old ATTACH PARTITION precious FOR VALUES IN ('us');
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM precious'), '100', 'a table that was attached below one that is to be dropped is not dropped with it');
like($messages, qr/table "public\.deep_old" was changed after ppm detached it, so it is not dropped/, 'and the call says so');
is($node->safe_psql('postgres', q(SELECT to_regclass('deep_flat') IS NULL)), 't', 'a table that nobody changed is dropped');
forget($node, 'deep', 'deep_old', 'precious');

# Whatever ends the call, and whenever: the detach and that ppm knows of it are one.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE torn (d date NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('torn', 'yearly', 1, 1, 'drop');
CALL ppm.provision();
EOF
my $unknown = 0;
my $signals = $node->background_psql('postgres', on_error_stop => 0);
foreach my $round (1 .. 24)
{
	$node->safe_psql('postgres', "CREATE TABLE torn_$round PARTITION OF torn FOR VALUES FROM ('2000-01-01') TO ('2000-01-02')");
	my $victim = start_sql($node, 'victim', 'CALL ppm.cleanup()');
	my $how = $round % 2 ? 'pg_cancel_backend' : 'pg_terminate_backend';
	# At a moment of its own each time: a removal takes some ten milliseconds.
	$signals->query(<<"EOF");
DO \$\$
BEGIN
	FOR n IN 1 .. 200 LOOP
		PERFORM pg_stat_clear_snapshot();
		EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'victim' AND query ~ 'CALL' AND state = 'active');
		PERFORM pg_sleep(0.001);
	END LOOP;
	PERFORM pg_sleep($round * 0.0006);
	PERFORM $how(pid) FROM pg_stat_activity WHERE application_name = 'victim';
END \$\$
EOF
	finish_sql($victim);
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'ppm worker'") or die 'a worker is left';
	$unknown += $node->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached JOIN pg_class ON pg_class.oid = relation WHERE NOT relispartition AND version IS NULL');
	($result) = run_sql($node, 'CALL ppm.run_all()');
	$unknown += $result;
	$unknown += $node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'torn_$round'");
}
$signals->quit;
is($unknown, 0, 'an interrupted removal is finished by the next call, always');
forget($node, 'torn');

$node->stop;
done_testing();
