# A work date that somebody left behind makes everything look healthy: check warns of it, wherever it was set, but not of the session's own.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('work_date', conf => "ppm.work_date = ''\n");
my ($result, $output, $messages);
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice LOGIN SUPERUSER;
CREATE TABLE orders (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE items (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('orders', 'yearly', 1), ('items', 'yearly', 1);
SET ppm.work_date = '2026-01-15';
CALL ppm.provision();
EOF

# What check says of the work date as alice: a row for each table, all the same but for its name.
sub said
{
	my ($set) = @_;
	($result, $output) = run_sql($node, ($set // '') . q(SELECT table_name, severity, code, detail, hint FROM ppm.check() WHERE code = 'work_date_set' ORDER BY 1), user => 'alice');
	return $output;
}

sub is_said
{
	my ($where, $hint, $name) = @_;
	my $detail = "ppm takes 2026-01-15 for today: ppm.work_date was set $where, not by this session. Partitions of the real today might be missing.";
	is(said(), join("\n", map { "$_|warning|work_date_set|$detail|$hint" } qw(items orders)), $name);
	($result, $output) = run_sql($node, 'SELECT DISTINCT errors, warnings, healthy FROM ppm.status', user => 'alice');
	is($output, '0|1|t', 'status counts it');
	($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()', user => 'alice');
	is($result, 0, 'run_all succeeds');
	is(() = $messages =~ /WARNING:  01000: table "public\.(?:items|orders)": work_date_set\nDETAIL:  \Q$detail\E\n/g, 2, 'and says so');
	is(said("SET ppm.work_date = '2026-01-16';\n"), '', 'a work date that the session set itself causes no warning');
	return;
}

is(said(), '', 'without a work date there is nothing to say');
is(said("SET ppm.work_date = '2026-01-15';\n"), '', 'nor of one that the session has set');
{
	local $ENV{PGOPTIONS} = '-c ppm.work_date=2026-01-15';
	is(said(), '', 'nor of one that came with its connection');
}

my @places = (
	[ 'ALTER DATABASE postgres', 'by ALTER DATABASE', 'ALTER DATABASE postgres RESET ppm.work_date;' ],
	[ 'ALTER ROLE alice', 'by ALTER ROLE', 'ALTER ROLE alice RESET ppm.work_date;' ],
	[ 'ALTER ROLE alice IN DATABASE postgres', 'by ALTER ROLE ... IN DATABASE', 'ALTER ROLE alice IN DATABASE postgres RESET ppm.work_date;' ],
	[ 'ALTER ROLE ALL', 'by ALTER ROLE ALL', 'ALTER ROLE ALL RESET ppm.work_date;' ]);
for my $place (@places)
{
	my ($statement, $where, $hint) = @$place;
	$node->safe_psql('postgres', "LOAD 'ppm'; $statement SET ppm.work_date = '2026-01-15'");
	is_said($where, $hint, $statement);
	$node->safe_psql('postgres', $hint);
	is(said(), '', 'the hint fixes it');
}

my $in_file = 'Remove it from postgresql.conf, or ALTER SYSTEM RESET ppm.work_date; then SELECT pg_reload_conf();';
$node->append_conf('postgresql.conf', "ppm.work_date = '2026-01-15'\n");
$node->reload;
is_said('in the server\'s configuration file', $in_file, 'postgresql.conf');
$node->append_conf('postgresql.conf', "ppm.work_date = ''\n");
$node->safe_psql('postgres', q(SET ppm.work_date = ''; ALTER SYSTEM SET ppm.work_date = '2026-01-15'));
$node->reload;
is_said('in the server\'s configuration file', $in_file, 'ALTER SYSTEM');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ppm.work_date');
$node->reload;
is(said(), '', 'the hint fixes it');

# Of a table that cannot be managed, too.
$node->safe_psql('postgres', q(LOAD 'ppm'; ALTER DATABASE postgres SET ppm.work_date = '2026-01-15'; DROP TABLE items));
is(said() =~ s/\|.*//gr, "items\norders", 'every configured table has its row');

done_testing;
