# What a call costs in counts, which no load changes: statements, plans, transactions and workers. Each is linear in the number of partitions.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('counts');
if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'") eq '0')
{
	$node->stop;
	plan skip_all => 'SKIPPED: pg_stat_statements is not installed';
}
$node->append_conf('postgresql.conf', <<'EOF');
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
pg_stat_statements.track_planning = on
pg_stat_statements.max = 10000
autovacuum = off
log_min_messages = debug1
EOF
$node->restart;
$node->safe_psql('postgres', 'CREATE SCHEMA stat; CREATE EXTENSION pg_stat_statements SCHEMA stat');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# A table with so many daily partitions before the current one, and so many after it.
sub table
{
	my ($name, $before, $after) = @_;
	return <<"EOF";
CREATE TABLE $name (id bigint, at date, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX ON $name (note);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', $after, $before, 'drop');
EOF
}

# What the call takes in a session that has done the like before: plans are made once a session.
sub counts
{
	my ($warm, $call) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe("SET client_min_messages = error; $warm");
	$session->query_safe('SELECT stat.pg_stat_statements_reset()');
	my $next = 'SELECT pg_snapshot_xmax(pg_current_snapshot())';
	my $before = $session->query_safe($next);
	my $log = -s $node->logfile;
	$session->query_safe($call);
	my $after = $session->query_safe($next);
	my ($statements, $plans) = split /\|/, $session->query_safe("SELECT sum(calls), sum(plans) FROM stat.pg_stat_statements WHERE query !~ 'pg_stat_statements|pg_current_snapshot'");
	$session->quit;
	my $workers = () = slurp_file($node->logfile, $log) =~ /starting background worker process "ppm worker"/g;
	return { statements => $statements, plans => $plans, transactions => $after - $before, workers => $workers };
}

my $warm = "CALL ppm.run_all('warm'); SET ppm.work_date = '2026-03-16'; CALL ppm.run_all('warm'); SET ppm.work_date = '2026-03-15';";
my %of;
foreach my $n (10, 20, 30)
{
	sql("SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public; DELETE FROM ppm.config;" . table('warm', 1, 1) . table('t', 3, $n) . join '', map { table("n$_", 1, 1) } 1 .. $n);
	$of{$n}{a} = counts($warm, "CALL ppm.provision('t')");
	sql("SET client_min_messages = error; CALL ppm.run_all()");
	$of{$n}{b} = counts($warm, "CALL ppm.run_all('t')");
	sql("UPDATE ppm.config SET pre_provisioned = 1, retention = $n WHERE table_name = 't'; CALL ppm.provision('t')");
	$of{$n}{c} = counts("$warm UPDATE ppm.config SET retention = 0 + 1 WHERE table_name = 't';", "CALL ppm.cleanup('t')");
	sql("DELETE FROM ppm.config WHERE table_name = 't'");
	$of{$n}{night} = counts("$warm SET ppm.work_date = '2026-03-16';", 'CALL ppm.run_all()');
}

# What is at most to be paid for each. (Subtransactions that write count as transactions here, as PostgreSQL numbers them. Where partitions are removed, each
# stands for two: one that is outdated, and one that is surplus, whose drop is a transaction of its own.)
# Versions count differently what is executed inside of another statement; these are PostgreSQL 15's figures, and what no version exceeds.
my $is_15 = $node->safe_psql('postgres', "SELECT current_setting('server_version_num')::int / 10000") == 15;
my %each = (
	a => { statements => $is_15 ? 5 : 17, transactions => 2, workers => 0 },
	b => { statements => 0, transactions => 0, workers => 0 },
	c => { statements => $is_15 ? 26 : 61, transactions => 7, workers => 1 },
	night => { statements => $is_15 ? 18 : 65, transactions => 5, workers => 1 });
my %what = (a => 'provision so many', b => 'nothing to do, with so many', c => 'remove so many', night => 'so many tables, one to create and one to remove each');
foreach my $case (sort keys %each)
{
	foreach my $count ('statements', 'plans', 'transactions')
	{
		my ($first, $second) = map { ($of{ $_ + 10 }{$case}{$count} - $of{$_}{$case}{$count}) / 10 } 10, 20;
		note("$what{$case}: $first $count for each");
		is($second, $first, "$what{$case}: $count are linear in the number");
		cmp_ok($first, '<=', $each{$case}{$count} // 0, "$what{$case}: so many $count for each, and no more");
	}
	is($of{$_}{$case}{workers}, $each{$case}{workers}, "$what{$case}: workers do not grow with the number, $_") foreach 10, 20, 30;
}

$node->stop;
done_testing();
