# ppm's tables under logical replication of FOR ALL TABLES: each server's are its own.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @tables = qw(config configured_relations detached history last_run);

# Both have a table of days whose oldest partition is outdated, and have called ppm; the subscriber keeps more of it.
sub node_with_table
{
	my ($name, $retention) = @_;
	my $node = new_node($name, allows_streaming => 'logical');
	$node->safe_psql('postgres', <<"EOF");
CREATE TABLE a (day date NOT NULL, note text, PRIMARY KEY (day)) PARTITION BY RANGE (day);
CREATE TABLE a_2026_03_13 PARTITION OF a FOR VALUES FROM ('2026-03-13') TO ('2026-03-14');
CREATE TABLE a_older PARTITION OF a FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE b (day date NOT NULL, PRIMARY KEY (day)) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('a', 'daily', 2, $retention), ('b', 'daily', 1, 1);
CALL ppm.run_all();
EOF
	return $node;
}

my $publisher = node_with_table('publisher', 5);
my $subscriber = node_with_table('subscriber', 10);

# All of the subscriber's own tables.
sub own
{
	return $subscriber->safe_psql('postgres', join ';', map { "SELECT '$_', r FROM ppm.$_ r ORDER BY r::text" } @tables);
}

# Waits until the subscriber has all of what the publisher did.
sub catch_up
{
	$publisher->wait_for_catchup('sub');
	return;
}

my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;
my $own = own();
like($own, qr/config,?.*detached.*history/s, 'the subscriber has something of its own');
$publisher->safe_psql('postgres', "INSERT INTO a VALUES ('2026-03-13', 'copied'); CREATE PUBLICATION pub FOR ALL TABLES");
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub') if $subscriber->can('wait_for_subscription_sync');
$subscriber->poll_query_until('postgres', q(SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')))
  or die 'the initial copy does not end';
is(own(), $own, 'the initial copy brings nothing into the tables of ppm');
is($subscriber->safe_psql('postgres', 'SELECT note FROM a'), 'copied', 'but into others');

# What of ppm's own work and of people's is published. The subscriber must get past each of these to get the row after it.
my $rows = 0;
foreach my $sql (
	q(UPDATE ppm.config SET retention = 1, cleanup_policy = 'drop' WHERE table_name = 'a'),
	q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('nowhere', 'daily', 1)),
	q(UPDATE ppm.config SET table_name = 'elsewhere' WHERE table_name = 'nowhere'),
	q(DELETE FROM ppm.config WHERE table_name = 'elsewhere'),
	q(CALL ppm.provision()),
	q(UPDATE ppm.history SET message = 'changed'),
	q(DELETE FROM ppm.history),
	q(UPDATE ppm.last_run SET at = now() + interval '5 years'),
	q(DELETE FROM ppm.last_run),
	q(UPDATE ppm.configured_relations SET relation = 1),
	q(DELETE FROM ppm.detached),
	q(DELETE FROM ppm.config),
	# A publisher that has an older version of ppm lets these pass.
	q(ALTER TABLE ppm.config DISABLE TRIGGER refuse_truncate; ALTER TABLE ppm.configured_relations DISABLE TRIGGER refuse_truncate;
	  ALTER TABLE ppm.detached DISABLE TRIGGER refuse_truncate; TRUNCATE ppm.config, ppm.detached, ppm.configured_relations),
	q(INSERT INTO ppm.history SELECT 1, now(), 's', 't', NULL, 'create', NULL, NULL, 'ok', NULL, 'm', interval '1 s', 'me' FROM generate_series(1, 1000);
	  TRUNCATE ppm.history, ppm.last_run, a; INSERT INTO a SELECT DATE '2026-03-13', 'again'),
	q(DROP EXTENSION ppm; CREATE EXTENSION ppm))
{
	$rows++;
	$publisher->safe_psql('postgres', $sql);
	$publisher->safe_psql('postgres', "UPDATE a SET note = 'row $rows'");
	catch_up();
	is($subscriber->safe_psql('postgres', 'SELECT note FROM a'), "row $rows", "rows arrive after $sql");
	is(own(), $own, 'and nothing else');
}

# The subscriber goes on by its own rows.
my $log = -s $subscriber->logfile;
$subscriber->safe_psql('postgres', "SET ppm.work_date = '2026-03-16'; CALL ppm.run_all()");
is(partitions_of($subscriber, 'a'), '06 07 08 09 10 11 12 13 14 15 16 17 18', 'a day later the window is its own');
is($subscriber->safe_psql('postgres', q(SET ppm.work_date = '2026-03-16'; SELECT healthy, last_outcome FROM ppm.status WHERE table_name = 'a')), 't|ok', 'and all is well');
unlike(slurp_file($subscriber->logfile, $log), qr/ERROR/, 'without an error');

# A superuser who restores without triggers leaves them as ENABLE TRIGGER ALL makes them; the next call puts that right.
$subscriber->safe_psql('postgres', 'ALTER TABLE ppm.config DISABLE TRIGGER ALL; ALTER TABLE ppm.config ENABLE TRIGGER ALL; CALL ppm.run_all()');
$own = own();
$publisher->safe_psql('postgres', q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('a', 'yearly', 1); DELETE FROM ppm.config));
$publisher->safe_psql('postgres', "UPDATE a SET note = 'last'");
catch_up();
is(own(), $own, 'a call of run_all has the triggers keep replication out again');
is($subscriber->safe_psql('postgres', 'SELECT note FROM a'), 'last', 'and rows arrive');

#
# On one side only
#

# On the subscriber alone: nothing of the publisher's has to do with it.
$publisher->safe_psql('postgres', 'DROP EXTENSION ppm');
$publisher->safe_psql('postgres', "UPDATE a SET note = 'only there'");
catch_up();
is($subscriber->safe_psql('postgres', 'SELECT note FROM a'), 'only there', 'a subscriber with ppm needs no publisher with ppm');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');

# On the publisher alone: FOR ALL TABLES has the subscriber look for its tables. What README says to do.
$subscriber->safe_psql('postgres', 'DROP EXTENSION ppm');
$subscriber->safe_psql('postgres', 'CREATE DATABASE without');
$subscriber->safe_psql('without', <<'EOF');
CREATE TABLE a (day date NOT NULL PRIMARY KEY, note text);
EOF
$publisher->safe_psql('postgres', <<'EOF');
DROP PUBLICATION pub;
CREATE EXTENSION ppm;
DROP TABLE a_older, b;
CREATE PUBLICATION one FOR TABLE a WITH (publish_via_partition_root = true);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('a', 'daily', 2);
EOF
$subscriber->safe_psql('without', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION one");
$subscriber->poll_query_until('without', q(SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')))
  or die 'the initial copy does not end';
$publisher->safe_psql('postgres', 'CALL ppm.run_all()');
$publisher->safe_psql('postgres', "UPDATE a SET note = 'by name'");
catch_up();
is($subscriber->safe_psql('without', 'SELECT DISTINCT note FROM a'), 'by name', 'a publication by name needs no subscriber with ppm');
$subscriber->safe_psql('without', 'DROP SUBSCRIPTION sub');

$publisher->safe_psql('postgres', 'DROP PUBLICATION one; CREATE PUBLICATION pub FOR ALL TABLES WITH (publish_via_partition_root = true)');
my ($result, undef, $messages) = run_sql($subscriber, "\\c without\nCREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION pub");
like($messages, qr/(?:relation "ppm\.\w+"|schema "ppm") does not exist/, 'FOR ALL TABLES does');
$subscriber->safe_psql('without', 'CREATE EXTENSION ppm');
$subscriber->safe_psql('without', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION pub WITH (copy_data = false)");
$publisher->safe_psql('postgres', 'CALL ppm.run_all()');
$publisher->safe_psql('postgres', "UPDATE a SET note = 'all'");
catch_up();
is($subscriber->safe_psql('without', 'SELECT DISTINCT note FROM a'), 'all', 'there, too, the extension is all that is needed');
is($subscriber->safe_psql('without', 'SELECT count(*) FROM ppm.history'), '0', 'and stays empty');
$subscriber->safe_psql('without', 'DROP SUBSCRIPTION sub');

$subscriber->stop;
$publisher->stop;
done_testing();
