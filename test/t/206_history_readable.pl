# ppm.history and what a call reports can be read, and believed: whatever bounds, encodings, messages and rights there are. Each of these went
# wrong once.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('history_readable', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nmax_worker_processes = 12\n", extra => [ '--encoding=UTF8', '--no-locale' ]);
my $holder = $node->background_psql('postgres');
my ($result, $output, $messages);

$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE ancient (d timestamptz NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, timezone) VALUES ('ancient', 'yearly', 1, 1, 'America/New_York');
CREATE TABLE ancient_old PARTITION OF ancient FOR VALUES FROM ('4714-11-24 00:00:00+00 BC') TO ('2000-01-01');
EOF
($result, $output, $messages) = run_sql($node, 'SELECT lower_bound FROM ppm.partitions; SELECT count(*) > 0 FROM ppm.plan(); CALL ppm.run_all(); SELECT count(*) > 0 FROM ppm.history; SELECT lower_bound FROM ppm.detached');
is("$result $output", "0 -infinity\nt\nt\n-infinity", 'a bound whose civil time is before the first is shown as -infinity');
forget($node, 'ancient', 'ancient_old');

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
forget($node, 'en', "\"r\xc3\xa9f\xc3\xa9rence\"");

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
like($messages, qr/cannot call ppm\.provision\(\) within security-restricted operation, in PL\/pgSQL function (?:public\.)?nested\(\) line 4 at CALL \(SQLSTATE 42501\)/, 'expressions of a table cannot call ppm during a call');
is(partitions_count('innocent'), '2', 'and the other table is done');

set_trap(q(RAISE EXCEPTION 'boom%', E'\nHINT:  ALTER ROLE mallory SUPERUSER;\x1b[2J' USING DETAIL = repeat('x', 20000000), HINT = E'all fine\nALTER ROLE mallory SUPERUSER;';));
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
like($messages, qr/ERROR:  PM004: could not provision 1 of 2 tables$/m, 'a message of megabytes is truncated');
cmp_ok(length $messages, '<', 200_000, 'which stays short');
unlike($messages, qr/^\s*(?:HINT:  )?ALTER ROLE/m, 'a line of a message is not mistaken for ppm\'s own');
unlike($messages, qr/\x1b/, 'nor can a message move the cursor');
cmp_ok($node->safe_psql('postgres', 'SELECT max(length(message)) FROM ppm.history'), '<', 5000, 'and the history stays readable');
forget($node, 'hostile', 'innocent');

# Who has no rights over a table cannot make it look as if it were looked after.
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE busy LOGIN;
GRANT EXECUTE ON PROCEDURE ppm.run_all(regclass) TO busy;
GRANT SELECT ON ppm.config TO busy;
CREATE TABLE others (d date NOT NULL) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('others', 'daily', 1);
EOF
run_sql($node, 'CALL ppm.run_all()', user => 'busy');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.last_run WHERE table_name = 'others')), '0', 'a call without privileges is refused');
# A role that is dropped is still named.
$node->safe_psql('postgres', 'DROP OWNED BY busy; DROP ROLE busy; CALL ppm.run_all()');
is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT executed_by, ' ') FROM ppm.history WHERE table_name = 'others' AND outcome = 'failed')), 'busy', 'the history remembers a role that is gone');
forget($node, 'others');

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
my $call = start_sql($node, 'caller', "SET ppm.lock_timeout = '1min'; CALL ppm.cleanup()");
wait_until_waits($node, 'caller', 'relation');
($result) = run_sql($node, "SET statement_timeout = '1s'; SELECT count(*) FROM read");
is($result, 0, 'a locked ppm.history keeps no reader of a table waiting');
$holder->query_safe('COMMIT');
finish_sql($call);
forget($node, 'read', 'read_old');

# Nor does one that comes while the worker waits between its two transactions: in the second one other tables are locked, too.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE customer (id int PRIMARY KEY);
CREATE TABLE sale (customer int REFERENCES customer, d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE sale_old PARTITION OF sale FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('sale', 'daily', 1, 1);
CALL ppm.provision();
EOF
my $reader = hold($node, 'SELECT FROM sale');
$call = start_sql($node, 'caller', "SET ppm.lock_timeout = '1min'; CALL ppm.cleanup()");
wait_until_worker_waits($node, 'virtualxid');
$holder->query_safe('BEGIN; LOCK TABLE ppm.history');
$reader->query_safe('COMMIT');
$reader->quit;
wait_until_worker_waits($node, 'relation');
($result) = run_sql($node, "SET statement_timeout = '1s'; INSERT INTO customer VALUES (1)");
is($result, 0, 'a locked ppm.history keeps no writer of a referenced table waiting');
$holder->query_safe('COMMIT');
($result) = finish_sql($call);
is($result, 0, 'then the removal goes on');
forget($node, 'sale', 'sale_old', 'customer');

sub partitions_count
{
	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = '$_[0]'::regclass");
}

$node->stop;
done_testing();
