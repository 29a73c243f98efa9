# What a second attack found: crashes, lost rows, a history that cannot be read. Each of these went wrong once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('more_attacks', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nmax_worker_processes = 12\n", extra => [ '--encoding=UTF8', '--no-locale' ]);
my ($result, $output, $messages);

sub forget
{
	my (@tables) = @_;
	$node->safe_psql('postgres', "SET client_min_messages = error; DELETE FROM ppm.config; DELETE FROM ppm.detached; DROP TABLE IF EXISTS " . join(', ', @tables) . ' CASCADE');
	return;
}

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
like($messages, qr/table "public\.renamed" was renamed, replaced or given to another owner meanwhile \(SQLSTATE 55000\)/, 'a key column that is renamed meanwhile is noticed');

# The default partition becomes a table of its own, and its column another type.
$holder->query_safe('BEGIN; ALTER TABLE renamed DETACH PARTITION renamed_rest; ALTER TABLE renamed_rest ALTER other TYPE int USING 77');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 3');
$call = start_sql($node, 'caller', "$patience\nCALL ppm.provision('renamed')");
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('COMMIT');
($result) = finish_sql($call);
is($result, 0, 'a default partition that is none any more is in nobody\'s way');
$holder->query_safe('BEGIN; CREATE TABLE renamed_other PARTITION OF renamed DEFAULT; COMMIT; BEGIN; DROP TABLE renamed_other');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 5');
$call = start_sql($node, 'caller', "$patience\nCALL ppm.provision('renamed')");
wait_until_waits($node, 'caller', 'relation');
$holder->query_safe('COMMIT');
($result) = finish_sql($call);
is($result, 0, 'nor is one that is gone');
forget('renamed', 'renamed_rest');

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
forget('nowhere', 'by_text');

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
forget('reused');

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
like($messages, qr/23514: new row for relation "deep_flat" violates check constraint/, 'what is to be dropped takes no row of another time');
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
like($messages, qr/table "public\.deep_old" was changed after ppm had detached it, and is not dropped/, 'and the call says so');
is($node->safe_psql('postgres', q(SELECT to_regclass('deep_flat') IS NULL)), 't', 'what nobody has changed is dropped');
forget('deep', 'deep_old', 'precious');

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
forget('torn');

#
# The history can be read, and the reports believed
#

$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE ancient (d timestamptz NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, timezone) VALUES ('ancient', 'yearly', 1, 1, 'America/New_York');
CREATE TABLE ancient_old PARTITION OF ancient FOR VALUES FROM ('4714-11-24 00:00:00+00 BC') TO ('2000-01-01');
EOF
($result, $output, $messages) = run_sql($node, 'SELECT lower_bound FROM ppm.partitions; SELECT count(*) > 0 FROM ppm.plan(); CALL ppm.run_all(); SELECT count(*) > 0 FROM ppm.history; SELECT lower_bound FROM ppm.detached');
is("$result $output", "0 -infinity\nt\nt\n-infinity", 'a bound whose civil time is before the first is shown as -infinity');
forget('ancient', 'ancient_old');

$node->safe_psql('postgres', <<'EOF');
ALTER DATABASE postgres SET client_encoding = 'LATIN1';
EOF
($result, $output, $messages) = run_sql($node, <<"EOF");
SET client_encoding = 'UTF8';
SET client_min_messages = error;
CREATE TABLE en (id int, d date NOT NULL, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('en', 'yearly', 1, 1, 'drop');
CALL ppm.provision();
CREATE TABLE "en_\xc3\xa9_old" PARTITION OF en FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
CREATE TABLE "r\xc3\xa9f\xc3\xa9rence" (id int, d date, FOREIGN KEY (id, d) REFERENCES en);
INSERT INTO en VALUES (1, '2000-02-02');
INSERT INTO "r\xc3\xa9f\xc3\xa9rence" VALUES (1, '2000-02-02');
EOF
is($result, 0, 'a name that is not ASCII');
run_sql($node, 'CALL ppm.cleanup()', on_error_stop => 0);
like($node->safe_psql('postgres', q(SELECT convert_to(message, 'UTF8') IS NOT NULL, message LIKE '%' || chr(233) || '%' FROM ppm.history WHERE outcome = 'failed' AND table_name = 'en')),
	qr/^t\|t$/m, 'the worker speaks the server\'s encoding, whatever the database\'s default for clients');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET client_encoding');
forget('en', "\"r\xc3\xa9f\xc3\xa9rence\"");

# A table's expressions call ppm; raise megabytes; and pretend to be other lines.
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE mallory;
GRANT CREATE ON SCHEMA public TO mallory;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA ppm TO mallory;
GRANT SELECT ON ppm.config TO mallory;
CREATE FUNCTION trap() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION trap() OWNER TO mallory;
CREATE TABLE hostile (id int, d date NOT NULL) PARTITION BY RANGE (d);
CREATE INDEX ON hostile (id) WHERE trap() = 1;
ALTER TABLE hostile OWNER TO mallory;
CREATE TABLE innocent (d date NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('hostile', 'daily', 30), ('innocent', 'daily', 1);
EOF
sub set_trap { $node->safe_psql('postgres', "CREATE OR REPLACE FUNCTION trap() RETURNS int IMMUTABLE LANGUAGE plpgsql AS \$\$ BEGIN $_[0] RETURN 1; END \$\$"); return }
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION nested() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('ppm.statement_timeout', '24h', true);
	CALL ppm.provision('public.hostile');
	RETURN 1;
END $$;
EOF
set_trap('RETURN public.nested();');
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
like($messages, qr/cannot call ppm\.provision\(\) within security-restricted operation \(SQLSTATE 42501\)/, 'a table\'s expressions cannot call ppm amidst a call');
is(partitions_count('innocent'), '2', 'and the other table is done');

set_trap(q(RAISE EXCEPTION 'boom%', E'\nHINT:  ALTER ROLE mallory SUPERUSER;\x1b[2J' USING DETAIL = repeat('x', 20000000), HINT = E'all fine\nALTER ROLE mallory SUPERUSER;';));
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
like($messages, qr/ERROR:  PM004: could not provision 1 of 2 tables$/m, 'megabytes of a message do not drown the report');
cmp_ok(length $messages, '<', 200_000, 'which stays short');
unlike($messages, qr/^\s*(?:HINT:  )?ALTER ROLE/m, 'nor does a line of one pass for ppm\'s own');
unlike($messages, qr/\x1b/, 'or move the cursor');
cmp_ok($node->safe_psql('postgres', 'SELECT max(length(message)) FROM ppm.history'), '<', 5000, 'and the history stays readable');
forget('hostile', 'innocent');

# Who has no rights over a table cannot make it look as if it were looked after.
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE busy LOGIN;
GRANT EXECUTE ON PROCEDURE ppm.run_all(regclass) TO busy;
GRANT SELECT ON ppm.config TO busy;
CREATE TABLE others (d date NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('others', 'daily', 1);
EOF
run_sql($node, 'CALL ppm.run_all()', user => 'busy');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.last_run WHERE table_name = 'others')), '0', 'a call without rights is none');
# A role that is dropped is still named.
$node->safe_psql('postgres', 'DROP OWNED BY busy; DROP ROLE busy; CALL ppm.run_all()');
is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT executed_by, ' ') FROM ppm.history WHERE table_name = 'others' AND outcome = 'failed')), 'busy', 'the history remembers a role that is gone');
forget('others');

# Looking after a lock on ppm's own tables keeps no reader of the parent waiting.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE read (d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE read_rest PARTITION OF read DEFAULT;
CREATE TABLE read_old PARTITION OF read FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('read', 'daily', 1, 1);
CALL ppm.provision();
EOF
$holder->query_safe('BEGIN; LOCK TABLE ppm.history');
$call = start_sql($node, 'caller', "SET ppm.lock_timeout = '1min'; CALL ppm.cleanup()");
wait_until_waits($node, 'caller', 'relation');
($result) = run_sql($node, "SET statement_timeout = '1s'; SELECT count(*) FROM read");
is($result, 0, 'a locked ppm.history keeps no reader of a table waiting');
$holder->query_safe('COMMIT');
finish_sql($call);
forget('read', 'read_old');

sub partitions_count
{
	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = '$_[0]'::regclass");
}

$node->stop;
done_testing();
