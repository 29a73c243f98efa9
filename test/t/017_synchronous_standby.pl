# A synchronous standby that is down: commits of ppm, which hold locks, do not wait for it. Only the call as a whole does, at
# its end, when it holds nothing.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('synchronous_standby', allows_streaming => 1);

sub make_table
{
	my ($name, $more) = @_;
	$node->safe_psql('postgres', <<"EOF");
CREATE TABLE ${name}_to (id int PRIMARY KEY);
CREATE TABLE $name (day date NOT NULL, ref int REFERENCES ${name}_to) PARTITION BY RANGE (day);
CREATE TABLE ${name}_1 PARTITION OF $name FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE ${name}_2 PARTITION OF $name FOR VALUES FROM ('2026-03-02') TO ('2026-03-03');
$more
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', 1, 1, 'drop');
EOF
	return;
}

make_table('concurrent', '');
make_table('plain', 'CREATE TABLE plain_default PARTITION OF plain DEFAULT;');

# Nobody is there who could confirm anything.
sub standby
{
	my ($names) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = '$names'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('synchronous_standby_names') = '$names'") or die;
	return;
}

sub waiting
{
	my ($who) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND $who";
}

my $by_ppm = q((application_name = 'call' OR backend_type = 'ppm worker'));

foreach my $setting ('on', 'remote_apply', 'remote_write')
{
	standby('nobody');
	my $call = start_sql($node, 'call', "SET synchronous_commit = $setting; SET ppm.lock_timeout = '2s'; CALL ppm.run_all()");
	$node->poll_query_until('postgres', waiting($by_ppm), '1') or die "the call does not wait for the standby";

	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE application_name = 'call' AND locktype NOT IN ('virtualxid', 'advisory'))), 0, "$setting: the call waits, and holds no lock but the mark that run_all() is at work");
	is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT procedure || ' ' || outcome, ', ') FROM ppm.last_run)),
		'cleanup ok, provision ok', "$setting: it is recorded");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname ~ '^(concurrent|plain)_\d$')), 0, "$setting: what is outdated is gone");
	foreach my $table (qw(concurrent plain))
	{
		like(partitions_of($node, $table), qr/^ ?14 15 16 ?$/, "$setting: $table has the partitions that it should");
		my ($result, undef, $messages) = run_sql($node, <<"EOF");
SET synchronous_commit = local;
SELECT count(*) FROM $table;
INSERT INTO $table VALUES ('2026-03-15');
INSERT INTO ${table}_to SELECT count(*) + 1 FROM ${table}_to;
EOF
		is("$result $messages", '0 ', "$setting: readers and writers of $table go on");
	}

	$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'call'));
	my ($result, undef, $messages) = finish_sql($call);
	is($result, 0, "$setting: a cancel ends the call");
	is(scalar(() = $messages =~ /WARNING:.*canceling wait for synchronous replication/g), 1, "$setting: one cancel is enough");

	standby('');
	$node->safe_psql('postgres', 'TRUNCATE ppm.last_run');
	foreach my $table (qw(concurrent plain))
	{
		$node->safe_psql('postgres', <<"EOF");
DROP TABLE ${table}_2026_03_16;
CREATE TABLE ${table}_1 PARTITION OF $table FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE ${table}_2 PARTITION OF $table FOR VALUES FROM ('2026-03-02') TO ('2026-03-03');
EOF
	}
}

standby('nobody');

# A failure is an error in the end all the same.
$node->safe_psql('postgres', "SET synchronous_commit = local; CREATE VIEW looks AS SELECT * FROM concurrent_1");
my $call = start_sql($node, 'call', 'CALL ppm.run_all()');
$node->poll_query_until('postgres', waiting($by_ppm), '1') or die;
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'call'));
my ($result, undef, $messages) = finish_sql($call);
like($messages, qr/WARNING:.*canceling wait.*ERROR:  PM006: could not clean up 1 of 2 tables/s, 'a call that failed waits, too, and then says so');

# Who does not want to wait does not.
foreach my $setting ('off', 'local')
{
	$node->safe_psql('postgres', 'SET synchronous_commit = local; DROP TABLE plain_2026_03_16');
	($result, undef, $messages) = run_sql($node, "SET synchronous_commit = $setting; CALL ppm.provision(); SHOW synchronous_commit");
	is($result, 0, "$setting: the call waits for nobody");
	unlike($messages, qr/WARNING/, "$setting: nor is a warning shown");
}

# In a transaction block it is the caller's commit that waits, as ever; and what he did before the call is his, too.
$node->safe_psql('postgres', 'SET synchronous_commit = local; DROP TABLE plain_2026_03_16; CREATE TABLE mine (n int)');
foreach my $sql ('BEGIN; CALL ppm.provision(); COMMIT', q(DO 'BEGIN INSERT INTO mine VALUES (1); CALL ppm.provision(); END'))
{
	$call = start_sql($node, 'call', $sql);
	my $commits = $sql =~ /^DO/ ? 2 : 1;
	foreach (1 .. $commits)
	{
		$node->poll_query_until('postgres', waiting($by_ppm), '1') or die;
		$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'call'));
	}
	($result, undef, $messages) = finish_sql($call);
	is(scalar(() = $messages =~ /WARNING:.*canceling wait for synchronous replication/g), $commits, "$sql: the caller's own commit waits");
}

standby('');
($result, my $output) = run_sql($node, <<'EOF');
SET synchronous_commit = remote_write;
CALL ppm.run_all('plain');
SHOW synchronous_commit;
EOF
is($output, 'remote_write', 'the setting is as it was afterwards');

$node->stop('immediate');
done_testing();
