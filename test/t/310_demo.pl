# The demo: a story that fits on a screen or two, without an error in it, and that leaves healthy tables behind for STAY=1.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('demo');
$ENV{PGOPTIONS} = '';
$node->safe_psql('postgres', 'DROP EXTENSION ppm');

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';
my ($out, $err) = run_command([ 'psql', '-X', '-q', '-f', "$FindBin::RealBin/../../dev/demo.sql" ]);
is($err, '', 'it says nothing of errors');

my @lines = split /\n/, $out;
cmp_ok(scalar @lines, '<=', 78, 'it has no more than 80 lines, with the two that make demo adds');
is_deeply([ grep { length > 100 } @lines ], [], 'no line is wider than 100 columns');
is_deeply([ map { /^(\d+)\. / ? $1 : () } @lines ], [ 1 .. 10 ], 'each step has its sentence');
like($out, qr{~  1 off_grid}, 'a table was converted');

$node->safe_psql('postgres', 'CALL ppm.run_all()');
is($node->safe_psql('postgres', 'SELECT string_agg(table_name, $$ $$ ORDER BY table_name) FROM ppm.status WHERE healthy'), 'orders payments', 'all is well afterwards');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.check()'), '0', '... without a warning');
is($node->safe_psql('postgres', <<'EOF'), 't', '... and each day of the converted table has its partition');
SELECT count(*) >= 8 AND bool_and(state IN ('retained', 'current', 'upcoming')) FROM ppm.partitions WHERE table_name = 'payments'
EOF
is($node->safe_psql('postgres', 'SELECT count(*) FROM payments'), '505000', '... and no row is lost');

done_testing();
