# Those who work with a table do not notice that its outdated partitions are removed: no transaction fails, and none takes
# noticeably longer. Not even when a reader keeps cleanup from finishing, which then gives up.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seconds = 3;      # of each measurement
my $tolerance = 100;  # milliseconds more than twice as long as without cleanup, which takes its part of the processor
my $partitions = 30;

my $node = new_node('nobody_waits', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nlog_min_messages = error\n");

# Outdated partitions, each with rows: made as tables and attached, so that making them keeps nobody waiting either.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE orders (day date NOT NULL, n int, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE orders_now PARTITION OF orders FOR VALUES FROM (current_date - 1) TO (current_date + 10);
CREATE SEQUENCE numbers;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('orders', 'daily', 1, 1, 'drop');
CREATE PROCEDURE add_outdated(how_many int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. how_many LOOP
		EXECUTE format('CREATE TABLE orders_%1$s (LIKE orders INCLUDING ALL, CHECK (day IS NOT NULL AND day >= %2$L AND day < %3$L))',
			i, current_date - 10 - i, current_date - 9 - i);
		EXECUTE format('INSERT INTO orders_%s SELECT %L, generate_series(1, 1000)', i, current_date - 10 - i);
		EXECUTE format('ALTER TABLE orders ATTACH PARTITION orders_%s FOR VALUES FROM (%L) TO (%L)', i, current_date - 10 - i, current_date - 9 - i);
		COMMIT;
	END LOOP;
END $$;
EOF

# One that knows at planning time which partition it needs, and one that does not, and locks them all.
my $dir = PostgreSQL::Test::Utils::tempdir();
my $today = $node->safe_psql('postgres', 'SELECT current_date');
my %scripts = (
	known => <<"EOF",
INSERT INTO orders VALUES ('$today', nextval('numbers'));
SELECT n FROM orders WHERE day = '$today' AND n = 1;
EOF
	unknown => <<'EOF');
BEGIN;
INSERT INTO orders VALUES (current_date, nextval('numbers'));
SELECT n FROM orders WHERE day = current_date AND n = 1;
SELECT n FROM orders WHERE n = 1 AND day >= current_date - 1;
END;
EOF
append_to_file("$dir/$_.sql", $scripts{$_}) foreach keys %scripts;

# Starts 4 clients that work for a while, $rate transactions a second, as they would come from people: a transaction that
# comes while others wait waits, too, and that counts.
sub start_work
{
	my ($how_long) = @_;
	unlink glob "$dir/log.*";
	my %work = (err => '', out => '');
	$work{run} = IPC::Run::start(
		[
			'pgbench', '--no-vacuum', '--client=4', '--jobs=2', '--protocol=prepared', '--rate=200', "--time=$how_long",
			'--log', "--log-prefix=$dir/log", "--file=$dir/known.sql", "--file=$dir/unknown.sql", $node->connstr('postgres')
		],
		'>', \$work{out}, '2>', \$work{err}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%work;
}

# Waits for their end; returns the longest latency in milliseconds, after a check that none failed.
sub finish_work
{
	my ($work, $when) = @_;
	$work->{run}->finish;
	my @latencies = sort { $a <=> $b } map { (split)[2] / 1000 } map { split /\n/, slurp_file($_) } glob "$dir/log.*";
	ok($work->{run}->result(0) == 0 && $work->{err} !~ /error|abort/i && $work->{out} !~ /failed transactions: [1-9]/,
		"$when: no transaction fails") or diag $work->{err};
	cmp_ok(scalar @latencies, '>', 300, "$when: there are many transactions");
	note sprintf '%s: %d transactions, latency: median %.1f, 99 %% %.1f, maximum %.1f ms', $when, scalar @latencies,
	  $latencies[ @latencies / 2 ], $latencies[ @latencies * 0.99 ], $latencies[-1];
	return $latencies[-1];
}

# Latencies without cleanup and with it, anew if they differ too much: other things go on on the machine, too.
sub compare
{
	my ($when, $with) = @_;
	my ($alone, $together);
	foreach my $attempt (1 .. 3)
	{
		my $work = start_work($seconds);
		$alone = finish_work($work, "without cleanup (attempt $attempt)");
		$together = $with->("$when (attempt $attempt)");
		last if $together <= 2 * $alone + $tolerance;
	}
	cmp_ok($together, '<=', 2 * $alone + $tolerance, "$when: nobody waits");
	return;
}

my $state = <<'EOF';
SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'orders'::regclass),
	   (SELECT count(*) FROM pg_class WHERE relname ~ '^orders_\d+$'), (SELECT count(*) FROM ppm.detached)
EOF

#
# Removing
#

compare(
	'while partitions are removed',
	sub {
		my ($when) = @_;
		my $removed = 0;
		my $work = start_work($seconds);
		for (my $end = time() + $seconds - 0.5; time() < $end;)
		{
			$node->safe_psql('postgres', "CALL add_outdated($partitions)");
			my ($result, undef, $messages) = run_sql($node, "SET ppm.lock_timeout = '2s'; CALL ppm.cleanup()");
			is($result, 0, "$when: cleanup succeeds") or diag $messages;
			$removed += () = $messages =~ /NOTICE:.*dropped/g;
		}
		my $longest = finish_work($work, $when);
		cmp_ok($removed, '>=', $partitions, "$when: partitions are removed");
		note "$removed partitions removed";
		is($node->safe_psql('postgres', $state), '1|0|0', "$when: all of them");
		return $longest;
	});

#
# Giving up
#

foreach my $isolation ('READ COMMITTED', 'REPEATABLE READ')
{
	my $reader = hold($node, 'SELECT 1');
	$reader->query_safe('ROLLBACK');
	compare(
		"with a $isolation reader",
		sub {
			my ($when) = @_;
			$node->safe_psql('postgres', 'CALL add_outdated(3)');
			$reader->query_safe("BEGIN ISOLATION LEVEL $isolation; SELECT count(*) FROM orders WHERE day < current_date - 5");
			my $work = start_work($seconds + 2);
			my $started = time();
			my ($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
			my $took = time() - $started;
			like($messages, qr/^DETAIL:  table "public\.orders", partition "orders_3": canceling statement due to (?:lock|statement) timeout /m,
				"$when: cleanup gives up");
			cmp_ok($took, '<', 12, "$when: after some seconds");
			note sprintf 'it took %.1f s', $took;
			is($reader->query_safe('SELECT count(*) FROM orders WHERE day = current_date AND n = 0'), 0, "$when: the reader goes on");
			my $longest = finish_work($work, $when);
			$reader->query_safe('COMMIT');
			($result, undef, $messages) = run_sql($node, "SET ppm.lock_timeout = '2s'; CALL ppm.cleanup()");
			is($result, 0, "$when: the next call succeeds") or diag $messages;
			is($node->safe_psql('postgres', $state), '1|0|0', "$when: and removes all");
			return $longest;
		});
	$reader->quit;
}

$node->stop;
done_testing();
