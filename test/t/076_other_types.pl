# Between reading the catalog and locking a table, its owner may give the key another type, drop the unique key, or (up to PostgreSQL 15) turn a
# table into a view. ppm says so, or goes on; it must not take one type's value for another's, which would read any memory, or crash the server.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('other_types', conf => "ppm.work_date = ''\nlog_statement = none");
my ($result, $output, $messages);

sub sql { return $node->safe_psql('postgres', $_[0]); }

my $has_rules = sql(q(SELECT current_setting('server_version_num')::int < 160000)) eq 't';

sub survives
{
	my ($what) = @_;
	unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC/, "$what: without a crash");
	return;
}

my $with_uuids = <<'EOF';
SET client_min_messages = error;
DROP TABLE IF EXISTS t, d CASCADE;
DELETE FROM ppm.config;
CREATE TABLE t (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE d PARTITION OF t DEFAULT;
INSERT INTO t VALUES (ppm.uuidv7_lower_bound(now() - interval '3 months')), (ppm.uuidv7_lower_bound(now()));
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'monthly', 1, 10);
EOF

# The default partition leaves, and its key becomes a number, while ppm waits to read it.
sql($with_uuids);
my $changer = hold($node, 'ALTER TABLE t DETACH PARTITION d; ALTER TABLE d DROP CONSTRAINT d_pkey; ALTER TABLE d ALTER id TYPE bigint USING 1');
my $mover = start_sql($node, 'mover', "$patience CALL ppm.repartition('t')");
wait_until_waits($node, 'mover');
$changer->query_safe('COMMIT');
$changer->quit;
($result, $output, $messages) = finish_sql($mover);
like($messages, qr/ERROR:  55000: the partition key of table "d" was changed concurrently\n/, 'a default partition with another type is not read');
survives('another type');

# The unique key goes after the move has begun.
sql($with_uuids);
my $holder = hold($node, 'LOCK TABLE ONLY t IN SHARE UPDATE EXCLUSIVE MODE');
($result, $output, $messages) = run_sql($node, q(SET ppm.lock_timeout = '50ms'; CALL ppm.repartition('t')));
is($result, 3, 'a move cannot begin');
$holder->query_safe('ROLLBACK');
$holder->quit;
$changer = hold($node, 'ALTER TABLE t DROP CONSTRAINT t_pkey');
$mover = start_sql($node, 'mover', "$patience CALL ppm.repartition('t')");
wait_until_waits($node, 'mover');
$changer->query_safe('COMMIT');
$changer->quit;
($result, $output, $messages) = finish_sql($mover);
like($messages, qr/begins again: the table was altered concurrently|ERROR:  \w{5}: /, 'the next call sees that the key is gone');
is(sql('SELECT count(*) FROM t'), 2, 'no row is lost');
survives('no key');
run_sql($node, q(CALL ppm.abandon('t')));
is(sql('SELECT count(*) FROM ppm.move'), 0, 'nothing is left of the move');

# A column of the key may be null while its values are noted: nothing may take a null for a value.
sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE IF EXISTS j; DELETE FROM ppm.config;
CREATE TABLE j (x int NOT NULL, k date NOT NULL, b bytea NOT NULL, UNIQUE (x, k, b)) PARTITION BY RANGE (k);
CREATE TABLE j_d PARTITION OF j DEFAULT;
INSERT INTO j SELECT g, current_date - g % 3, '\x00' FROM generate_series(1, 1000) g;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('j', 'daily', 1);
EOF
$mover = start_sql($node, 'mover', q(SET ppm.batch_rows = 1; SET ppm.batch_pause = '1min'; CALL ppm.repartition('j')));
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'copying')") or die 'it does not copy';
sql(q(ALTER TABLE j ALTER x DROP NOT NULL; UPDATE j SET x = NULL, b = '\x00000000000008' WHERE x = 1));
my $log = sql(q(SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ppm'::regnamespace AND relname LIKE 'log\_%' AND relkind = 'r'));
is(sql("SELECT count(*) FROM $log WHERE x IS NULL OR octet_length(b) <> 1"), '0', 'a key that is null is not noted');
is(sql("SELECT count(*) FROM pg_attribute WHERE attrelid = '$log'::regclass AND attnum > 0 AND attnotnull"), '0', 'nor does the table of keys promise that there is none');
is(sql('SELECT reason FROM ppm.move_broken'), 'a column of the key was altered', 'the move is to begin again');
sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover'));
finish_sql($mover);
sql(q(CALL ppm.abandon('j'); DELETE FROM ppm.config; DROP TABLE j));

sql(<<'EOF');
CREATE TABLE j (k date NOT NULL, id text NOT NULL, v int, UNIQUE (k, id)) PARTITION BY RANGE (k);
CREATE TABLE j_d PARTITION OF j DEFAULT;
INSERT INTO j SELECT current_date - g % 3, 'id' || g, g FROM generate_series(1, 50) g;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('j', 'daily', 1);
EOF
(my $older, $mover) = start_waiting_move($node, q(CALL ppm.repartition('j')));
sql('ALTER TABLE j ALTER id DROP NOT NULL; UPDATE j SET id = NULL WHERE v = 7');
survives('a null key');
$older->query_safe('COMMIT');
$older->quit;
finish_sql($mover);
is(sql('SELECT count(*), count(id) FROM j'), '50|49', 'no row is lost');
run_sql($node, q(CALL ppm.abandon('j')));
sql('DELETE FROM ppm.config; DROP TABLE j CASCADE; DROP TABLE IF EXISTS t, d CASCADE');

# Keys may be large, and there may be many.
SKIP:
{
	skip 'the memory of a process is only known on Linux', 1 unless -e '/proc/self/status';
	sql(<<'EOF');
CREATE TABLE large (k text COLLATE "C" NOT NULL) PARTITION BY RANGE (k);
CREATE TABLE large_d PARTITION OF large DEFAULT;
INSERT INTO large SELECT repeat(chr(65 + g % 26), 16000000) FROM generate_series(1, 40) g;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, key_encoding) VALUES ('large', 'daily', 2, 10, 'ulid');
EOF
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query('SELECT count(*) FROM ppm.check(\'large\')');
	$session->query('CALL ppm.provision(\'large\')');
	my ($peak) = slurp_file("/proc/$pid/status") =~ /VmHWM:\s*(\d+) kB/;
	cmp_ok($peak, '<', 300000, 'their memory is given back, row by row');
	$session->quit;
	sql('DELETE FROM ppm.config; DROP TABLE large');
}

# A plan reads keys while the column's type changes back and forth.
sql(<<'EOF');
CREATE TABLE t (id text COLLATE "C" NOT NULL PRIMARY KEY);
INSERT INTO t VALUES ('01KATC0000000000000000000A');
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned, retention, key_encoding) VALUES ('t', 'id', 'monthly', 1, 10, 'ulid');
EOF
my $reader = start_sql($node, 'reader', q(DO $$ BEGIN FOR i IN 1 .. 150 LOOP BEGIN PERFORM count(*) FROM ppm.plan_conversion('t'); EXCEPTION WHEN OTHERS THEN NULL; END; COMMIT; END LOOP; END $$));
my $alters = join('', map { qq(ALTER TABLE t ALTER id TYPE int USING 1; ALTER TABLE t ALTER id TYPE text COLLATE "C" USING '01KATC0000000000000000000A';\n) } 1 .. 150);
($result, $output, $messages) = run_sql($node, $alters);
is($result, 0, 'the type changes');
finish_sql($reader);
survives('a type that changes');

SKIP:
{
	skip 'a table cannot become a view any more', 10 unless $has_rules;

	# The new table of a move becomes a view.
	sql('DROP TABLE t CASCADE');
	sql($with_uuids);
	$holder = hold($node, 'LOCK TABLE d IN ROW EXCLUSIVE MODE');
	($result, $output, $messages) = run_sql($node, q(SET ppm.lock_timeout = '50ms'; CALL ppm.repartition('t')));
	is($result, 3, 'a move waits for writers');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	my ($target, $key) = split /\|/, sql(q(SELECT c.relname, k.conname FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' WHERE c.relname LIKE 'ppm_move%' ORDER BY 1 LIMIT 1));
	sql(qq(ALTER TABLE $target DROP CONSTRAINT "$key"));
	sql(qq(ALTER TABLE $target ALTER id DROP NOT NULL));
	sql(qq(VACUUM $target));
	sql(qq(CREATE RULE "_RETURN" AS ON SELECT TO $target DO INSTEAD SELECT NULL::uuid AS id));
	($result, $output, $messages) = run_sql($node, q(CALL ppm.repartition('t')));
	like($messages, qr/ERROR:  42809: "$target" is not a table any longer/, 'a view is not written to');
	survives('a view');
	($result, $output, $messages) = run_sql($node, q(CALL ppm.abandon('t')));
	is($result, 0, 'the move can be abandoned') or diag($messages);
	is(sql(q(SELECT count(*) FROM t)), 2, 'with all rows where they were');

	# An outdated partition is detached and becomes a view while another table's hook runs.
	sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE t CASCADE; DELETE FROM ppm.config;
CREATE TABLE a (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE b (id uuid NOT NULL) PARTITION BY RANGE (id);
SELECT format('CREATE TABLE b_old PARTITION OF b FOR VALUES FROM (%L) TO (%L)', ppm.uuidv7_lower_bound('2020-01-01'), ppm.uuidv7_lower_bound('2020-02-01')) \gexec
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('a', 'daily', 1, 1), ('b', 'monthly', 1, 1);
CREATE FUNCTION hook(p regclass, c regclass, l text, u text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
  IF (SELECT relispartition FROM pg_class WHERE oid = 'b_old'::regclass) THEN
    ALTER TABLE b DETACH PARTITION b_old;
    CREATE RULE "_RETURN" AS ON SELECT TO b_old DO INSTEAD SELECT '00000000-0000-0000-0000-000000000000'::uuid AS id;
  END IF; END $$;
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('public', 'a', 'after_create', 'public.hook(regclass,regclass,text,text)');
EOF
	run_sql($node, 'CALL ppm.run_all()');
	survives('a view that was a partition');
	is(sql(q(SELECT relkind FROM pg_class WHERE relname = 'b_old')), 'v', 'which stays');
}

# The greatest key is read in a partition whose key is no number any longer.
sql(<<'EOF');
SET client_min_messages = error;
DROP TABLE IF EXISTS t, a, b CASCADE; DELETE FROM ppm.config; DELETE FROM ppm.hooks;
CREATE TABLE n (id int NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE n_0 PARTITION OF n FOR VALUES FROM (0) TO (1000000);
CREATE TABLE n_1 PARTITION OF n FOR VALUES FROM (1000000) TO (2000000);
INSERT INTO n SELECT generate_series(1, 1999999);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('n', '1000000', 1, 10);
EOF
$reader = start_sql($node, 'reader', 'SELECT count(*) FROM ppm.plan(); SELECT count(*) FROM ppm.plan()');
sql(q(ALTER TABLE n DETACH PARTITION n_0));
sql(q(ALTER TABLE n_0 ALTER id TYPE text));
finish_sql($reader);
survives('a greatest key');
is(sql(q(SELECT count(*) FROM ppm.plan() WHERE action = 'drop')), 0, 'nothing is removed for it');

$node->stop;
done_testing();
