# A coordinator and two workers of Citus, on this machine.
package CitusTest;

use strict;
use warnings;

use Exporter qw(import);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(citus_is_installed citus_cluster no_orphans $shards);

# Of each table.
our $shards = 4;

my @nodes;

sub citus_is_installed
{
	my ($directory) = qx(pg_config --sharedir);
	chomp $directory;
	return -e "$directory/extension/citus.control";
}

# They talk to each other by TCP, as Citus does.
sub citus_cluster
{
	my ($name) = @_;
	$ENV{PGOPTIONS} = '-c ppm.work_date=2026-03-15';
	foreach my $each ('coordinator', 'worker_1', 'worker_2')
	{
		my $node = PostgreSQL::Test::Cluster->new("${name}_$each");
		$node->init;
		$node->append_conf('postgresql.conf', <<"EOF");
autovacuum = off
listen_addresses = '127.0.0.1'
shared_preload_libraries = 'citus'
max_prepared_transactions = 100
citus.shard_count = $shards
citus.enable_statistics_collection = off
citus.node_conninfo = 'sslmode=prefer'
EOF
		$node->append_conf('pg_hba.conf', 'host all all 127.0.0.1/32 trust');
		$node->start;
		$node->safe_psql('postgres', 'CREATE EXTENSION citus');
		push @nodes, $node;
	}
	my ($coordinator, @workers) = @nodes;
	$coordinator->safe_psql('postgres', "SELECT citus_set_coordinator_host('127.0.0.1', @{[ $coordinator->port ]})");
	$coordinator->safe_psql('postgres', "SELECT citus_add_node('127.0.0.1', @{[ $_->port ]})") foreach @workers;
	$coordinator->safe_psql('postgres', 'CREATE EXTENSION ppm');
	return @nodes;
}

# Every shard on a worker is one that the coordinator knows, and every one that it knows is there.
sub no_orphans
{
	my ($when) = @_;
	my ($coordinator, @workers) = @nodes;
	my $known = $coordinator->safe_psql('postgres',
		"SELECT string_agg(DISTINCT shard_name, ' ' ORDER BY shard_name) FROM citus_shards WHERE nodeport <> @{[ $coordinator->port ]}");
	my $query = q(SET citus.override_table_visibility = off; SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '_[0-9]{6}$');
	my %names = map { s/^tenant\.//r => 1 } map { split /\n/, $_->safe_psql('postgres', $query) } @workers;
	my %known = map { s/^tenant\.//r => 1 } split / /, $known;
	is(join(' ', sort keys %names), join(' ', sort keys %known), "no shard is orphaned or missing $when");
	return;
}

1;
