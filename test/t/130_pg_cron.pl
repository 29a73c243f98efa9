# Scheduled by the real pg_cron, through connections and in background workers: jobs that succeed, that fail and say why, that overlap.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($share) = run_command([ 'pg_config', '--sharedir' ]);
plan skip_all => 'pg_cron is not installed' unless -e "$share/extension/pg_cron.control";

sub run_jobs
{
	my ($name, $conf) = @_;
	my $node = new_node($name, conf => <<"EOF");
ppm.work_date = ''
ppm.lock_timeout = '1min'
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
$conf
EOF
	$node->append_conf('postgresql.conf', "cron.host = '" . $node->host . "'");
	$node->restart;
	$node->safe_psql('postgres', <<'EOF');
CREATE EXTENSION pg_cron;
CREATE TABLE orders (day date) PARTITION BY RANGE (day);
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('orders', 'daily', 1, 1, 'drop');
CREATE TABLE broken (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('broken', 'daily', 1);
SELECT cron.schedule('run_all', '* * * * *', $$CALL ppm.run_all('orders')$$);
SELECT cron.schedule('overlaps', '* * * * *', $$CALL ppm.run_all('orders')$$);
SELECT cron.schedule('overlaps too', '* * * * *', $$CALL ppm.run_all('orders')$$);
SELECT cron.schedule('fails', '* * * * *', $$CALL ppm.run_all('broken')$$);
SELECT cron.schedule('unknown', '* * * * *', $$CALL ppm.provision('pg_class')$$);
-- What fails whatever the day: today's and tomorrow's rows are in the default partition.
CREATE TABLE broken_rest PARTITION OF broken DEFAULT;
INSERT INTO broken SELECT generate_series(current_date - 1, current_date + 2, interval '1 day');
EOF
	return $node;
}

my %nodes = (
	connection => run_jobs('cron_connection', "cron.use_background_workers = off\n"),
	'background worker' => run_jobs('cron_worker', "cron.use_background_workers = on\nmax_worker_processes = 20\n"));

# They run at the next full minute.
foreach my $how (sort keys %nodes)
{
	my $node = $nodes{$how};
	$node->poll_query_until('postgres', <<'EOF') or die 'the jobs did not run';
SELECT count(DISTINCT jobid) = 5 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')
EOF
	my $details = sub {
		return $node->safe_psql('postgres', <<"EOF");
SELECT status, return_message FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = '$_[0]' ORDER BY runid LIMIT 1
EOF
	};
	like($details->($_), qr/^succeeded/, "$how: $_ succeeds") foreach ('run_all', 'overlaps', 'overlaps too');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 'orders_old')), '0', "$how: what is outdated is removed");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.check('orders'))), '0', "$how: what was missing is there");
	is($node->safe_psql('postgres', q(SELECT count(*), count(DISTINCT (action, partition)) FROM ppm.history WHERE table_name = 'orders')), '5|5',
		"$how: each thing was done once");
	is($node->safe_psql('postgres', q(SELECT last_outcome FROM ppm.status WHERE table_name = 'orders')), 'ok', "$how: the status knows");
	note $details->("fails");
	like($details->('fails'), qr/^failed\|.*could not provision 1 of 1 table, found errors in 1 of 1 table/s, "$how: a failure is recorded");
	is($node->safe_psql('postgres', q(SELECT DISTINCT sqlstate FROM ppm.history WHERE table_name = 'broken' AND outcome = 'failed' ORDER BY 1)), "23514\nPM005",
		"$how: ppm.history says what of");
	like($details->('unknown'), qr/^failed\|.*table "pg_class" is not configured/s, "$how: so is that of a call that names what is not configured");
	$node->stop;
}

done_testing();
