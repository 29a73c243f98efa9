# Tables that Citus distributes, by every kind of key and with a default partition; called by the server itself and by pg_cron.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use CitusTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'Citus is not installed for this server' unless citus_is_installed();

my ($coordinator, @workers) = citus_cluster('citus_scheduled');
# The server's own calls are of today.
delete $ENV{PGOPTIONS};
my ($result, $output, $messages);

sub sql { return $coordinator->safe_psql('postgres', $_[0]) }

# Each table: its key, its interval and its encoding, and an outdated and a present key.
my %tables = (
	by_date => [ 'date', 'daily', undef, q('2020-01-01'), q('2020-01-02'), 'now()' ],
	by_time => [ 'timestamptz', '6 hours', undef, q('2020-01-01 00:00+00'), q('2020-01-01 06:00+00'), 'now()' ],
	by_number => [ 'bigint', '10000', undef, '0', '10000', '5000000' ],
	by_epoch => [ 'bigint', 'weekly', 'milliseconds', '1577836800000', '1577923200000', 'extract(epoch FROM now()) * 1000' ],
	by_uuid => [ 'uuid', 'monthly', undef, q(ppm.uuidv7_lower_bound('2020-01-01 00:00+00')), q(ppm.uuidv7_lower_bound('2020-02-01 00:00+00')), 'ppm.uuidv7_lower_bound(now())' ],
	by_ulid => [ 'text COLLATE "C"', 'monthly', 'ulid', q(ppm.ulid_lower_bound('2020-01-01 00:00+00')), q(ppm.ulid_lower_bound('2020-02-01 00:00+00')), 'ppm.ulid_lower_bound(now())' ]);

foreach my $table (sort keys %tables)
{
	my ($type, $interval, $encoding, $lower, $upper, $present) = @{ $tables{$table} };
	$encoding = defined $encoding ? "'$encoding'" : 'NULL';
	# Bounds are constants: the functions are evaluated before.
	my ($from, $to) = map { sql("SELECT quote_literal(($_)::text)") } $lower, $upper;
	sql(<<"EOF");
CREATE TABLE $table (tenant int NOT NULL, key $type NOT NULL, note text, PRIMARY KEY (tenant, key)) PARTITION BY RANGE (key);
CREATE INDEX ON $table (note);
SELECT create_distributed_table('$table', 'tenant');
CREATE TABLE ${table}_old PARTITION OF $table FOR VALUES FROM ($from) TO ($to);
INSERT INTO $table SELECT i, ($lower), 'old' FROM generate_series(1, 10) AS i;
INSERT INTO ppm.config (table_name, interval, key_encoding, pre_provisioned, retention, cleanup_policy) VALUES ('$table', '$interval', $encoding, 2, 2, 'drop');
CREATE TABLE ${table}_rest PARTITION OF $table DEFAULT;
EOF
}
# A key that counts tells by itself how far it is.
sql(q(CREATE TABLE by_number_5000000 PARTITION OF by_number FOR VALUES FROM (5000000) TO (5010000); INSERT INTO by_number VALUES (1, 5005000); CALL ppm.provision()));
# Without rows of now ppm would doubt the clock, and the keys.
sql(q(INSERT INTO by_number VALUES (1, 4995000)));
sql("INSERT INTO $_ SELECT i, $tables{$_}[5], 'new' FROM generate_series(1, 20) AS i") foreach sort keys %tables;
sql('UPDATE ppm.config SET pre_provisioned = 3; DELETE FROM ppm.last_run');

my $has_cron = -e join('', split /\n/, qx(pg_config --sharedir)) . '/extension/pg_cron.control';
$coordinator->append_conf('postgresql.conf', "shared_preload_libraries = 'citus, ppm" . ($has_cron ? ', pg_cron' : '') . "'");
$coordinator->append_conf('postgresql.conf', $_) foreach ("ppm.schedule_databases = 'postgres'", "max_worker_processes = 40", $has_cron ? ("cron.use_background_workers = on") : ());
$coordinator->restart;

#
# The server itself
#

$coordinator->poll_query_until('postgres', q(SELECT count(*) = 12 FROM ppm.last_run)) or die 'the server calls nothing';
is(sql(q(SELECT count(*) FROM ppm.last_run WHERE outcome <> 'ok')), 0, 'the server calls run_all(), which succeeds')
  or diag sql('TABLE ppm.last_run') . "\n" . sql(q(SELECT table_name, partition, action, message FROM ppm.history WHERE outcome = 'failed'));
is(sql(q(SELECT count(*) FROM ppm.check() WHERE severity = 'error')), 0, 'nothing is wrong then') or diag sql('SELECT table_name, code, partition, detail FROM ppm.check()');
foreach my $table (sort keys %tables)
{
	is(sql("SELECT to_regclass('${table}_old') IS NULL, count(*) FROM $table WHERE note = 'old'"), 't|0', "$table: what is outdated is gone");
	is(sql(qq(SELECT count(*) FROM ppm.partitions WHERE table_name = '$table' AND state IN ('current', 'upcoming'))), 4, "$table: there are partitions for what comes");
	is(sql("SELECT count(*) FROM ${table}_rest"), 0, "$table: rows find their partition");
	is(sql("SELECT count(*) FROM $table WHERE note = 'new'"), 20, "$table: all of them");
	is(sql(qq(SELECT count(*) FROM pg_inherits i WHERE inhparent = '$table'::regclass AND (SELECT count(*) FROM pg_dist_shard s WHERE s.logicalrelid = i.inhrelid) <> $shards)), 0, "$table: each partition has its shards");
	is(sql(qq(SELECT count(*) FROM pg_inherits i WHERE inhparent = '$table'::regclass AND (SELECT count(*) FROM pg_index x WHERE x.indrelid = i.inhrelid AND x.indisvalid) <> 2)), 0, "$table: and its indexes");
}
is(sql(q(SELECT count(*) FROM run_command_on_shards('by_date', $$ SELECT count(*) FROM pg_inherits i JOIN pg_index x ON x.indrelid = i.inhrelid WHERE i.inhparent = '%s'::regclass $$)
	WHERE result::int <> 2 * (SELECT count(*) FROM pg_inherits WHERE inhparent = 'by_date'::regclass))), 0, 'so has each shard');
no_orphans('after a scheduled call');

#
# Rows of a default partition that stand in the way
#

sql(q(INSERT INTO by_date SELECT i, current_date + 4, 'soon' FROM generate_series(1, 5) AS i; UPDATE ppm.config SET pre_provisioned = 5 WHERE table_name = 'by_date'));
is(sql('SELECT count(*) FROM by_date_rest'), 5, 'rows of the future are in the default partition');
($result, $output, $messages) = run_sql($coordinator, q(CALL ppm.provision('by_date')));
like($messages, qr/ERROR:  PM004.*default partition "by_date_rest" holds rows of /s, 'they keep a partition from being created');
is(sql(q(SELECT count(*) FROM ppm.partitions WHERE table_name = 'by_date' AND state = 'upcoming')), 4, 'but not the one after it');
is(sql(q(SELECT count(*) FROM ppm.check('by_date') WHERE code = 'default_has_rows')), 1, 'as check says');
sql(q(DELETE FROM by_date WHERE note = 'soon'; CALL ppm.provision('by_date')));
is(sql(q(SELECT count(*) FROM ppm.check('by_date') WHERE severity = 'error')), 0, 'without them it is created');
no_orphans('after a partition could not be created');

#
# pg_cron
#

SKIP:
{
	skip 'pg_cron is not installed', 3 unless $has_cron;
	sql(q(SET citus.enable_ddl_propagation = off; CREATE EXTENSION pg_cron; UPDATE ppm.config SET pre_provisioned = 7 WHERE table_name = 'by_date'));
	sql(q(SELECT cron.schedule('ppm', '* * * * *', 'CALL ppm.run_all()')));
	$coordinator->poll_query_until('postgres', q(SELECT EXISTS (SELECT FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')))) or die 'pg_cron calls nothing';
	is(sql(q(SELECT count(*) FROM cron.job_run_details WHERE status = 'failed')), 0, 'pg_cron calls run_all(), which succeeds')
	  or diag sql('SELECT status, return_message FROM cron.job_run_details');
	is(sql(q(SELECT count(*) FROM ppm.partitions WHERE table_name = 'by_date' AND state = 'upcoming')), 7, 'and creates partitions');
	no_orphans('after a call by pg_cron');
}

done_testing();
