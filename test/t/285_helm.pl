# The chart of deploy/helm, rendered as Helm does it, and the SQL in it on a server.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Debian's golang-go, golang-github-masterminds-sprig-dev and golang-gopkg-yaml.v3-dev.
my $go_path = '/usr/share/gocode';
plan skip_all => 'Go or its sprig is not installed' unless -e '/usr/bin/go' && -e "$go_path/src/github.com/Masterminds/sprig" && -e "$go_path/src/gopkg.in/yaml.v3";

my $root = "$FindBin::RealBin/../..";
my $rendered = do
{
	local @ENV{qw(GO111MODULE GOPATH GOCACHE GOFLAGS)} = ('off', $go_path, PostgreSQL::Test::Utils::tempdir(), '-p=1');
	my ($output, $messages) = run_command([ 'go', 'run', "$root/test/deploy/render.go", "$root/deploy/helm/ppm", "$root/test/deploy/values.yaml" ]);
	note $messages;
	$output;
};
chomp(my $expected = slurp_file("$root/test/deploy/expected.yaml"));
is($rendered, $expected, 'the chart renders to test/deploy/expected.yaml');

my ($sql) = $rendered =~ /^  configure\.sql: \|\n(.*?)^---$/ms;
$sql =~ s/^    //mg;

# As a role that may do no more than it needs.
my $node = new_node('node');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app_owner LOGIN;
CREATE SCHEMA "odd ' schema" AUTHORIZATION app_owner;
GRANT CREATE ON SCHEMA public TO app_owner;
SET ROLE app_owner;
CREATE TABLE orders (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE "odd ' schema"."it's" (at timestamptz NOT NULL) PARTITION BY RANGE (at);
RESET ROLE;
GRANT SELECT, INSERT, UPDATE ON ppm.config TO app_owner;
GRANT EXECUTE ON PROCEDURE ppm.run_all(regclass) TO app_owner;
SQL
my $call = sub {
	my ($result, $output, $messages) = run_sql($node, "$sql\nCALL ppm.run_all();", user => 'app_owner');
	return $result;
};
my $rows = q(SELECT schema_name, table_name, partition_key, interval, pre_provisioned, retention, cleanup_policy, timezone FROM ppm.config ORDER BY table_name);
is($call->(), 0, 'it can be called');
is($node->safe_psql('postgres', $rows), <<'ROWS' =~ s/\n\z//r, 'it configures the tables');
odd ' schema|it's|at|15 minutes|96||drop|Europe/Berlin
public|orders||daily|7|30|detach|UTC
ROWS
is($node->safe_psql('postgres', 'SELECT bool_and(healthy) FROM ppm.status'), 't', 'and calls run_all()');

# To write a row would tell ppm to trust the clock, and a table that has taken another's place.
my $versions = q(SELECT string_agg(xmin::text, ' ' ORDER BY table_name) FROM ppm.config);
my $before = $node->safe_psql('postgres', $versions);
is($call->(), 0, 'it can be called again');
is($node->safe_psql('postgres', $versions), $before, 'and writes no row that is as it should be');
$node->safe_psql('postgres', q(DROP TABLE orders; SET ROLE app_owner; CREATE TABLE orders (at timestamptz NOT NULL) PARTITION BY RANGE (at)));
isnt($call->(), 0, 'a table that took the place of another');
is($node->safe_psql('postgres', q(SELECT code FROM ppm.check('orders'))), 'table_replaced', 'is not approved by it');

# What was changed by hand.
$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = 5));
is($call->(), 0, 'it can be called once more');
is($node->safe_psql('postgres', q(SELECT string_agg(coalesce(retention::text, 'null'), ' ' ORDER BY table_name) FROM ppm.config)), 'null 30', 'and puts right what differs');

$node->stop;
done_testing();
