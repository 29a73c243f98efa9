# The coordinator or a worker dies at any moment while partitions of a distributed table come and go, and others write: one further call
# heals, no shard is left over, no row is lost. Skipped where Citus is not installed for this server.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use CitusTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

plan skip_all => 'Citus is not installed for this server' unless citus_is_installed();

my ($coordinator, @workers) = citus_cluster('killed');
my $rounds = 10;

$coordinator->safe_psql('postgres', <<'EOF');
CREATE TABLE kept (tenant int NOT NULL, day date NOT NULL, PRIMARY KEY (tenant, day)) PARTITION BY RANGE (day);
SELECT create_distributed_table('kept', 'tenant');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('kept', 'daily', 3, 3, 'drop');
CALL ppm.provision();
EOF

# The window moves on by two days with each round, so that each has something to create, detach and drop.
my $tenant = 0;
my %acknowledged;
for my $round (1 .. $rounds)
{
	my $day = 15 + 2 * $round;
	# Rows of days that are in the window before and after the call.
	for my $each ($day - 2 .. $day + 1)
	{
		++$tenant;
		$coordinator->safe_psql('postgres', "INSERT INTO kept VALUES ($tenant, '@{[ date($each) ]}')");
		$acknowledged{$tenant} = $each;
	}
	my $call = start_sql($coordinator, 'call', "SET ppm.work_date = '@{[ date($day) ]}'; CALL ppm.run_all()");
	usleep(30_000 * $round);
	my $victim = $round % 3 == 0 ? $workers[ $round % 2 ] : $coordinator;
	$victim->stop('immediate');
	finish_sql($call);
	$victim->start;
	# What was prepared on a worker is decided by what the coordinator has committed: its maintenance daemon does the same each minute.
	$coordinator->poll_query_until('postgres', 'SELECT recover_prepared_transactions() >= 0') or die 'no recovery';
	my ($result, $output, $messages) = run_sql($coordinator, "SET ppm.work_date = '@{[ date($day) ]}'; CALL ppm.run_all()");
	is($result, 0, "round $round: the next call succeeds") or note $messages;
	is($coordinator->safe_psql('postgres', "SET ppm.work_date = '@{[ date($day) ]}'; SELECT count(*) FROM ppm.check()"), '0', 'all is well then');
	no_orphans("after round $round");
	my @expected = sort { $a <=> $b } grep { $acknowledged{$_} >= $day - 3 } keys %acknowledged;
	is($coordinator->safe_psql('postgres', 'SELECT string_agg(tenant::text, \' \' ORDER BY tenant) FROM kept'), "@expected", 'and every row that is to be there is there');
	is($coordinator->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached'), '0', 'nothing is left between');
}

done_testing;

# The day of March 2026, or some days later.
sub date
{
	my ($day) = @_;
	return $day <= 31 ? "2026-03-$day" : sprintf '2026-04-%02d', $day - 31;
}
