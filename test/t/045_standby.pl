# Where nothing can be written: on a standby, and in a read-only transaction.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', allows_streaming => 1);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
my ($result, $output, $messages);

$primary->safe_psql('postgres', daily_table('a', 2) . <<'EOF');
SET client_min_messages = error;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('missing', 'daily', 2);
CREATE TABLE watched (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE watched_far PARTITION OF watched FOR VALUES FROM ('2027-03-15') TO ('2027-03-16');
CREATE TABLE watched_rest PARTITION OF watched DEFAULT;
INSERT INTO watched VALUES ('2027-03-15'), ('2026-03-15');
EOF
$primary->wait_for_catchup($standby);

#
# On a standby
#

($result, $output, $messages) = run_sql($standby, q(CALL ppm.provision(); CALL ppm.provision('a')));
is($result, 0, 'on a standby provision succeeds');
is(scalar(() = $messages =~ /NOTICE:.*ppm\.provision\(\) does nothing on a standby server$/mg), 2, 'and says that it did nothing');

($result, $output, $messages) = run_sql($standby, q(CALL ppm.cleanup(); CALL ppm.run_all('a')));
is($result, 0, 'so do cleanup and run_all');
is(scalar(() = $messages =~ /NOTICE:.*ppm\.(?:cleanup|run_all)\(\) does nothing on a standby server$/mg), 2, 'and say it');

my $plan = 'SELECT string_agg(action || \' \' || partition, \', \' ORDER BY step) FROM ppm.plan()';
my $validation = 'SELECT string_agg(code || \' \' || table_name, \', \') FROM ppm.validate()';
my $planned = 'create a_2026_03_15, create a_2026_03_16, create a_2026_03_17';
is($standby->safe_psql('postgres', $plan), $planned, 'plan() works on a standby');
is($standby->safe_psql('postgres', $validation), 'table_missing missing', 'validate() too');
is($standby->safe_psql('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; $plan; $validation; COMMIT"),
	"$planned\ntable_missing missing", 'also in a transaction block');

# Checks and views, too, also where they look into tables.
$primary->safe_psql('postgres', q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('watched', 'daily', 1)));
$primary->wait_for_catchup($standby);
my $check = "SELECT string_agg(partition || ' ' || code, ', ' ORDER BY code, partition) FROM ppm.check('watched')";
is($standby->safe_psql('postgres', "BEGIN READ ONLY; $check; COMMIT"),
	'watched_rest default_has_rows, watched_2026_03_15 missing_partition, watched_2026_03_16 missing_partition, watched_far surplus_partition', 'check() works on a standby');
is($standby->safe_psql('postgres', q(SELECT state, total_bytes FROM ppm.partitions WHERE table_name = 'watched' ORDER BY state)),
	"default|8192\nsurplus|8192", 'the views too');
is($standby->safe_psql('postgres', q(SELECT partitions, errors, healthy FROM ppm.status WHERE table_name = 'watched')), '2|3|f', 'and ppm.status counts the errors');
$primary->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'watched'));
$primary->wait_for_catchup($standby);

#
# In a read-only transaction
#

$primary->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'missing'));
is($primary->safe_psql('postgres', "BEGIN READ ONLY; $plan; COMMIT"), $planned, 'plan() works in a read-only transaction');
is($primary->safe_psql('postgres', "BEGIN READ ONLY; $validation; COMMIT"), '', 'validate() too');

my $read_only = qr/cannot execute \S.* in a read-only transaction \(SQLSTATE 25006\)/;
foreach my $call (
	'BEGIN READ ONLY; CALL ppm.provision(); COMMIT',
	'SET default_transaction_read_only = on; CALL ppm.provision()')
{
	($result, $output, $messages) = run_sql($primary, $call, on_error_stop => 0);
	like($messages, qr/ERROR:  PM004: could not provision 1 of 1 table$/m, "$call fails");
	like($messages, qr/^DETAIL:  table "public\.a", partition "a_2026_03_15": $read_only/m, 'and says why');
	unlike($messages, qr/NOTICE/, 'and does not claim to have created anything');
	is(partitions_of($primary, 'a'), '', 'and no partition was created');
	is(half_made($primary), '', 'nor a part of one');
	is(advisory_locks($primary), 0, 'no lock is left');
}

#
# What the primary does arrives
#

$primary->safe_psql('postgres', 'CALL ppm.provision()');
$primary->wait_for_catchup($standby);
is(partitions_of($standby, 'a'), '15 16 17', 'the primary\'s partitions arrive on the standby');
is($standby->safe_psql('postgres', $plan), '', 'where nothing is planned any more');

($result, $output, $messages) = run_sql($primary, 'BEGIN READ ONLY; CALL ppm.provision(); COMMIT');
is("$result $messages", '0 ', 'with nothing to do, provision succeeds in a read-only transaction');
($result, $output, $messages) = run_sql($primary, 'SET default_transaction_read_only = on; CALL ppm.run_all()');
like($messages, qr/ERROR:  25006: could not record the call$/m, 'a call that could not even be recorded fails');
$primary->safe_psql('postgres', 'CALL ppm.run_all()');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT last_outcome, healthy FROM ppm.status'), 'ok|t', 'the last call is known on the standby');

$primary->stop;
$standby->promote;
$standby->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 3');
($result, $output, $messages) = run_sql($standby, 'CALL ppm.provision()');
is("$result " . partitions_of($standby, 'a'), '0 15 16 17 18', 'a promoted standby goes on');

$standby->stop;
done_testing();
