# Scheduled by the real pg_cron: a job that succeeds, and one that fails and says why, through a connection as in a background worker.
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
SELECT cron.schedule('provision', '* * * * *', $$CALL ppm.provision('orders')$$);
SELECT cron.schedule('cleanup', '* * * * *', $$CALL ppm.cleanup('orders')$$);
SELECT cron.schedule('fails', '* * * * *', $$CALL ppm.provision('pg_class')$$);
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
SELECT count(DISTINCT jobid) = 3 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')
EOF
	my $details = sub {
		return $node->safe_psql('postgres', <<"EOF");
SELECT status, return_message FROM cron.job_run_details JOIN cron.job USING (jobid) WHERE jobname = '$_[0]' ORDER BY runid LIMIT 1
EOF
	};
	like($details->('provision'), qr/^succeeded/, "$how: provision succeeds");
	like($details->('cleanup'), qr/^succeeded/, "$how: cleanup succeeds");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 'orders_old')), '0', "$how: and has removed what is outdated");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'orders'::regclass)), '3', "$how: and provision made what was missing");
	like($details->('fails'), qr/^failed\|.*table "pg_class" is not configured/s, "$how: a failure is recorded, with the reason");
	$node->stop;
}

done_testing();
