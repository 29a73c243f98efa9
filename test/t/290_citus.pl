# Tables that Citus distributes, on a coordinator and two workers: the same calls do the same things there, and what cannot be done is
# said. Skipped where Citus is not installed for this server.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use CitusTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'Citus is not installed for this server' unless citus_is_installed();

my ($coordinator, @workers) = citus_cluster('citus');
my ($result, $output, $messages);

sub sql { return $coordinator->safe_psql('postgres', $_[0]) }

# What partitions of the table there are, by what follows its name.
sub partitions
{
	my ($table) = @_;
	return sql("SELECT coalesce(string_agg(replace(relname, '${table}_', ''), ' ' ORDER BY relname COLLATE \"C\"), '') "
		  . "FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '$table'::regclass");
}

#
# A table of days
#

sql(<<'EOF');
CREATE ROLE app LOGIN;
GRANT CREATE ON SCHEMA public TO app;
SET ROLE app;
CREATE TABLE regions (id int PRIMARY KEY);
SELECT create_reference_table('regions');
INSERT INTO regions VALUES (1);
CREATE TABLE events (tenant int NOT NULL, day date NOT NULL, region int REFERENCES regions, note text, PRIMARY KEY (tenant, day)) PARTITION BY RANGE (day);
CREATE INDEX ON events (note);
SELECT create_distributed_table('events', 'tenant');
RESET ROLE;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('events', 'daily', 2, 2, 'drop');
EOF
is(sql('SELECT count(*) FROM ppm.validate()'), '0', 'a distributed table can be managed');
sql('CALL ppm.provision()');
is(partitions('events'), '2026_03_13 2026_03_14 2026_03_15 2026_03_16 2026_03_17', 'provision creates the window');
is(sql(q(SELECT count(*) FROM pg_dist_shard WHERE logicalrelid::text LIKE 'events_2026%')), 5 * $shards, 'each with its shards');
is(sql('SELECT count(*) FROM ppm.check()'), '0', 'and check finds them like their parent');
sql(q(INSERT INTO events SELECT i, date '2026-03-13' + i % 5, 1 FROM generate_series(1, 100) AS i));
is(sql(q(SELECT total_bytes > 100000, healthy FROM ppm.status)), 't|t', 'status knows how large they are');
is(sql(q(SELECT count(*) FROM ppm.partitions WHERE total_bytes > 10000)), '5', 'each of them');

my $plan = sql(q(SET ppm.work_date = '2026-03-17'; SELECT string_agg(statement, E'\n') FROM ppm.plan() WHERE partition = 'events_2026_03_13'));
($result, $output, $messages) = run_sql($coordinator, q(SET client_min_messages = debug1; SET ppm.work_date = '2026-03-17'; CALL ppm.run_all()));
my @executed = $messages =~ /ppm executes: (.*2026_03_13.*)/g;
is(join("\n", map { "$_;" } @executed), $plan, 'what plan shows is what is executed');
is(partitions('events'), join(' ', map { "2026_03_$_" } 15 .. 19), 'cleanup removes what is outdated');
is(sql('SELECT count(*) FROM events'), '60', 'with its rows, and no others');
is(sql(q(SELECT count(*) FROM ppm.detached)), '0', 'and nothing is left over');
no_orphans('after a cleanup');
is(sql(q(SELECT string_agg(DISTINCT action, ' ' ORDER BY action) FROM ppm.history)), 'create detach drop', 'history has it all');

#
# Surplus partitions: the shell is empty, the shards are not
#

sql(<<'EOF');
SET ROLE app;
CREATE TABLE events_full PARTITION OF events FOR VALUES FROM ('2030-01-01') TO ('2030-01-02');
CREATE TABLE events_empty PARTITION OF events FOR VALUES FROM ('2030-01-02') TO ('2030-01-03');
INSERT INTO events SELECT i, '2030-01-01', 1 FROM generate_series(1, 1000) AS i;
EOF
sql('CALL ppm.cleanup()');
is(sql(q(SELECT count(*) FROM events WHERE day = '2030-01-01')), '1000', 'a surplus partition with rows is kept');
is(sql(q(SELECT to_regclass('events_empty') IS NULL)), 't', 'one without any is removed');
is(sql(q(SELECT code, severity FROM ppm.check() WHERE partition = 'events_full')), 'surplus_partition|error', 'and check says so');
sql(q(DROP TABLE events_full));

#
# Dropped later, and brought back
#

sql(q(UPDATE ppm.config SET drop_delay = '1 day', retention = 1; SET ppm.work_date = '2026-03-17'; CALL ppm.cleanup()));
is(sql('SELECT detached FROM ppm.detached'), 'events_2026_03_15', 'what is dropped later is detached');
($result, $output, $messages) = run_sql($coordinator, q(INSERT INTO events_2026_03_15 VALUES (1, '2026-03-15')));
like($messages, qr/violates check constraint "ppm_closed_to_rows/, 'and takes no rows: nobody could tell them from those that are to go');
sql(q(UPDATE ppm.config SET retention = 2; SET ppm.work_date = '2026-03-17'; CALL ppm.provision()));
is(sql(q(SELECT count(*) FROM events WHERE day = '2026-03-15')), '20', 'it comes back with its rows');
sql(q(INSERT INTO events VALUES (1000, '2026-03-15')));
is(sql(q(SET ppm.work_date = '2026-03-17'; SELECT count(*) FROM ppm.check())), '0', 'and takes rows again');
sql(q(UPDATE ppm.config SET retention = 1; SET ppm.work_date = '2026-03-17'; CALL ppm.cleanup(); ALTER TABLE events_2026_03_15 DROP CONSTRAINT ppm_closed_to_rows));
sql(q(INSERT INTO events_2026_03_15 VALUES (2000, '2026-03-15'); UPDATE ppm.config SET drop_delay = '0'));
($result, $output, $messages) = run_sql($coordinator, q(SET ppm.work_date = '2026-03-17'; CALL ppm.cleanup()));
like($messages, qr/table "public.events_2026_03_15" was changed after ppm detached it, so it is not dropped/, 'one that somebody has opened is kept');
sql(q(DROP TABLE events_2026_03_15; CALL ppm.cleanup()));
no_orphans('after all that');

#
# What stands in the way
#

sql('UPDATE ppm.config SET retention = 2');
# A writer on a worker's shard.
my $writer = $coordinator->background_psql('postgres');
$writer->query_safe(q(BEGIN; INSERT INTO events VALUES (5000, '2026-03-16')));
($result, $output, $messages) = run_sql($coordinator, q(SET ppm.lock_timeout = '200ms'; SET ppm.work_date = '2026-03-20'; CALL ppm.run_all()));
like($messages, qr/ERROR:  PM00\d: /, 'what others have locked is not waited for');
$writer->query_safe(q(INSERT INTO events VALUES (5001, '2026-03-16'); COMMIT));
$writer->quit;
is(sql(q(SELECT count(*) FROM events WHERE tenant IN (5000, 5001))), '2', 'the writer does not fail');
sql(q(SET ppm.work_date = '2026-03-20'; CALL ppm.run_all()));
is(partitions('events'), join(' ', map { "2026_03_$_" } 18 .. 22), 'the next call does the rest');
no_orphans('after a lock failure');

# Settings, and other servers.
($result, $output, $messages) = run_sql($coordinator, 'SET citus.enable_ddl_propagation = off; CALL ppm.run_all()');
like($messages, qr/citus\.enable_ddl_propagation is off.*\(unsupported_table\)/s, 'nothing is done that would not reach the shards');
$workers[0]->safe_psql('postgres', q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('events', 'daily', 2)));
($result, $output, $messages) = run_sql($workers[0], 'CALL ppm.run_all()');
like($messages, qr/this server is not the coordinator/, 'a worker is told to leave it to the coordinator');
my $shard = $workers[0]->safe_psql('postgres', q(SET citus.override_table_visibility = off; SELECT relname FROM pg_class WHERE relname ~ '^events_[0-9]+$' LIMIT 1));
$workers[0]->safe_psql('postgres', qq(UPDATE ppm.config SET table_name = '$shard'));
like($workers[0]->safe_psql('postgres', 'SELECT code, detail FROM ppm.validate()'), qr/unsupported_table\|Table "public\.$shard" is a shard/, 'a shard is told from a table');
$workers[0]->safe_psql('postgres', 'DELETE FROM ppm.config');
for my $call (q(CALL ppm.repartition('events')), q(CALL ppm.convert('plain')))
{
	sql(q(CREATE TABLE plain (tenant int NOT NULL, day date NOT NULL); SELECT create_distributed_table('plain', 'tenant');
		INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('plain', 'day', 'daily', 2))) if $call =~ /plain/;
	($result, $output, $messages) = run_sql($coordinator, $call);
	like($messages, qr/distributed by Citus/, "$call is refused");
}
sql(q(DELETE FROM ppm.config WHERE table_name = 'plain'; DROP TABLE plain));

# A worker that is down, and comes back.
$workers[1]->stop('immediate');
($result, $output, $messages) = run_sql($coordinator, q(SET ppm.work_date = '2026-03-21'; CALL ppm.run_all()));
like($messages, qr/ERROR:  PM00\d: /, 'without one of the workers nothing is done');
is(partitions('events'), join(' ', map { "2026_03_$_" } 18 .. 22), 'nor half done');
is(sql(q(SELECT total_bytes IS NULL FROM ppm.status)), 't', 'and the size is not known');
$workers[1]->start;
sql(q(SET ppm.work_date = '2026-03-21'; CALL ppm.run_all()));
is(partitions('events'), join(' ', map { "2026_03_$_" } 19 .. 23), 'the next call does it');
no_orphans('after a worker was down');

#
# Deadlocks between servers: ppm gives way, whatever its lock_timeout
#

# A query by way of a worker has nothing locked on the coordinator.
my $reader = $workers[0]->background_psql('postgres');
$reader->query_safe('BEGIN; SELECT count(*) FROM events_2026_03_19');
my $cleaner = start_sql($coordinator, 'cleaner', q(SET ppm.lock_timeout = '1min'; SET ppm.statement_timeout = '1min'; SET ppm.work_date = '2026-03-22'; CALL ppm.cleanup()));
$coordinator->poll_query_until('postgres', 'SELECT count(*) > 0 FROM citus_lock_waits') or die 'cleanup does not wait';
is($reader->query_safe('SELECT count(*) FROM events WHERE tenant = -1'), '0', 'the reader gets what cleanup has locked');
$reader->query_safe('COMMIT');
$reader->quit;
($result, $output, $messages) = finish_sql($cleaner);
is($result, 0, 'and cleanup succeeds when it tries again');
is(partitions('events'), join(' ', map { "2026_03_$_" } 20 .. 23), 'with all of it done') or note $messages;

#
# All kinds of tables that Citus knows
#

sql(<<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP TABLE events;
CREATE EXTENSION citus_columnar;
SET citus.enable_schema_based_sharding = on;
CREATE SCHEMA tenant;
RESET citus.enable_schema_based_sharding;
CREATE TABLE tenant.by_schema (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE on_coordinator (id bigint NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
SELECT citus_add_local_table_to_metadata('on_coordinator');
CREATE TABLE local (id bigint NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE columns (id bigint NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
SELECT create_distributed_table('columns', 'id');
CREATE TABLE after_partitions (id bigint NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE after_partitions_2026_03_13 PARTITION OF after_partitions FOR VALUES FROM ('2026-03-13') TO ('2026-03-14');
INSERT INTO after_partitions VALUES (1, '2026-03-13');
SELECT create_distributed_table('after_partitions', 'id');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
SELECT CASE name WHEN 'by_schema' THEN 'tenant' ELSE 'public' END, name, 'daily', 1, 1, 'drop'
FROM unnest(ARRAY['by_schema', 'on_coordinator', 'local', 'columns', 'after_partitions']) AS name;
CALL ppm.provision();
EOF
my @kinds = qw(tenant.by_schema on_coordinator local columns after_partitions);
is(sql("SELECT count(*) FROM pg_inherits WHERE inhparent = '$_'::regclass"), $_ eq 'after_partitions' ? 4 : 3, "$_: provisioned") foreach @kinds;
is(sql(q(SELECT count(*) FROM ppm.check() WHERE severity = 'error' AND code <> 'outdated_partition')), '0', 'without an error');
for my $kind (@kinds)
{
	my $using = $kind eq 'columns' ? 'USING columnar' : '';
	sql(<<"EOF");
SET client_min_messages = error;
CREATE TABLE ${kind}_full PARTITION OF $kind FOR VALUES FROM ('2030-01-01') TO ('2030-01-02') $using;
CREATE TABLE ${kind}_empty PARTITION OF $kind FOR VALUES FROM ('2030-01-02') TO ('2030-01-03') $using;
CREATE TABLE ${kind}_old PARTITION OF $kind FOR VALUES FROM ('2020-01-01') TO ('2020-01-02') $using;
INSERT INTO $kind (@{[ $kind =~ /by_schema/ ? '' : 'id, ' ]}day) SELECT @{[ $kind =~ /by_schema/ ? '' : 'i, ' ]}'2030-01-01' FROM generate_series(1, 100) AS i;
INSERT INTO $kind (@{[ $kind =~ /by_schema/ ? '' : 'id, ' ]}day) SELECT @{[ $kind =~ /by_schema/ ? '' : 'i, ' ]}'2020-01-01' FROM generate_series(1, 100) AS i;
EOF
}
sql('CALL ppm.cleanup()');
for my $kind (@kinds)
{
	is(sql("SELECT to_regclass('${kind}_old') IS NULL, to_regclass('${kind}_empty') IS NULL"), 't|t', "$kind: what is outdated goes, and what is surplus and empty");
	is(sql("SELECT count(*) FROM $kind WHERE day > '2026-03-16'"), '100', 'what has rows stays');
}
no_orphans('of any kind');

done_testing;
