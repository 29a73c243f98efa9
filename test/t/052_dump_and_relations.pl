# Which relation a row of ppm.config means is known by OID. Tables have other OIDs after a dump and restore, however that is done, and the
# same ones in a copy of the database: either way ppm goes on without a hand, and what is replaced after that is noticed.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('meaning');
my $directory = PostgreSQL::Test::Utils::tempdir();

my $table = <<'EOF';
CREATE TABLE a (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE a_2026_03_13 PARTITION OF a FOR VALUES FROM ('2026-03-13') TO ('2026-03-14');
CREATE TABLE a_rest PARTITION OF a FOR VALUES FROM ('2026-03-14') TO ('2026-03-18');
EOF
$node->safe_psql('postgres', $table . <<'EOF');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('a', 'daily', 2, 2, 'drop');
INSERT INTO a VALUES ('2026-03-13', 'kept');
CALL ppm.run_all();
EOF

sub run_program
{
	my (@command) = @_;
	my ($stdout, $stderr) = ('', '');
	IPC::Run::run(\@command, '>', \$stdout, '2>', \$stderr);
	is($? >> 8 . $stderr, '0', "@command[0 .. 4]");
	return;
}

# Whether ppm manages the table there, and remembers it by a call at the latest.
sub goes_on
{
	my ($database, $name) = @_;
	is($node->safe_psql($database, q(SELECT code FROM ppm.check() WHERE code ~ '^table')), '', "$name: nothing is wrong with the table");
	$node->safe_psql($database, 'CALL ppm.run_all()');
	is( $node->safe_psql($database, q(SELECT relation = 'a'::regclass FROM ppm.configured_relations WHERE table_name = 'a')),
		't', "$name: the row means the table");
	is($node->safe_psql($database, 'SELECT note FROM a'), 'kept', "$name: it has its rows");
	is($node->safe_psql($database, 'SELECT tgenabled, count(*) FROM pg_trigger WHERE tgrelid = $$ppm.config$$::regclass GROUP BY 1 ORDER BY 1'),
		"A|4\nO|2", "$name: the triggers are as they should be");
	$node->safe_psql($database, "SET ppm.work_date = '2026-03-16'; CALL ppm.run_all()");
	is($node->safe_psql($database, 'SELECT count(*) FROM a'), '0', "$name: a day later what is outdated goes");
	$node->safe_psql($database, 'DROP TABLE a; CREATE TABLE a (day date NOT NULL, note text) PARTITION BY RANGE (day);');
	is($node->safe_psql($database, 'SELECT code FROM ppm.check()'), 'table_replaced', "$name: another table is not meant");
	$node->safe_psql($database, 'UPDATE ppm.config SET table_name = table_name');
	is($node->safe_psql($database, q(SELECT count(*) FROM ppm.validate())), '0', "$name: unless it is said to be");
	return;
}

sub dump_database
{
	my ($file, @options) = @_;
	run_program('pg_dump', '-f', "$directory/$file", '-d', $node->connstr('postgres'), @options);
	return;
}

# All of it, by one session or several.
dump_database('whole', '-Fc');
foreach my $jobs (1, 2)
{
	$node->safe_psql('postgres', "CREATE DATABASE whole$jobs");
	run_program('pg_restore', '-d', $node->connstr("whole$jobs"), '--exit-on-error', '-j', $jobs, "$directory/whole");
	goes_on("whole$jobs", "restored by $jobs");
}

# The rows of the tables that are there already, with and without triggers.
dump_database('data', '-Fc', '--data-only', '--exclude-table-data=ppm.history', '--exclude-table-data=ppm.run_id');
foreach my $how (undef, '--disable-triggers')
{
	my $database = $how ? 'data_without_triggers' : 'data';
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION ppm; $table");
	run_program('pg_restore', '-d', $node->connstr($database), '--exit-on-error', '--data-only', $how // (), "$directory/data");
	goes_on($database, $database);
}

# A copy.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE postgres');
is($node->safe_psql('copy', 'TABLE ppm.configured_relations'), $node->safe_psql('postgres', 'TABLE ppm.configured_relations'), 'a copy has the same OIDs');
goes_on('copy', 'a copy');

$node->stop;
done_testing();
