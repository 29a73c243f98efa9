# Two past years day by day, with a leap day, DST and an ISO week 53: each day a job calls run_all() while others write and read, and
# now and then somebody kills one of them, or the server. No row is lost, no insert into the window fails, and nothing is left over.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use LoadTest;
use PpmTest;
use YearTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my ($first_date, $last_date) = ('2020-01-01', '2021-12-31');
my $times = 6;    # that each thing happens that disturbs

my $seed = $ENV{PPM_LOAD_SEED} // (time ^ $$) % 1_000_000;
srand $seed;
note "PPM_LOAD_SEED=$seed makes the same choices again";

# Name, type of the key, interval, pre_provisioned, retention, policy, time zone.
my @tables = (
	[ 'days', 'date', 'daily', 3, 4, 'drop' ],
	[ 'events', 'uuid', 'daily', 3, 2, 'detach', 'America/Havana' ],
	[ 'stamps', 'timestamp', 'weekly', 2, 3, 'drop' ],
	[ 'weeks', 'uuid', 'weekly', 1, 2, 'detach', 'Europe/Berlin' ],
	[ 'months', 'timestamp with time zone', 'monthly', 1, 1, 'drop', 'America/New_York' ]);

# Unlike the other years' server, this one is to keep what it acknowledged, and has autovacuum. A call has more patience, so that it
# fails on no machine that is merely slow.
my $node = year_node('load');
$node->append_conf('postgresql.conf', <<'EOF');
synchronous_commit = on
restart_after_crash = on
autovacuum = on
autovacuum_naptime = 1s
log_line_prefix = '%m [%p] %e %q%a '
ppm.lock_timeout = 1s
ppm.statement_timeout = 10s
EOF
$node->restart;
$node->safe_psql('postgres', join '', map { managed(@$_) } @tables);

# A day is a number from here on. When it is, and what is in the window then, is PostgreSQL's word and that of YearTest's calendar.
$node->safe_psql('postgres', <<"EOF" . join '', <DATA>);
CREATE SCHEMA load;
CREATE FUNCTION load.date(day int) RETURNS date IMMUTABLE LANGUAGE sql AS \$\$ SELECT date '$first_date' + day \$\$;
EOF
my @dates = split /\n/, $node->safe_psql('postgres', "SELECT date::date FROM generate_series('$first_date', '$last_date', interval '1 day') AS date");
my $last_day = $#dates;

sub table_for_clients
{
	my ($name, $type, $zone) = @{ $_[0] }[ 0, 1, 6 ];
	my $windows = $node->safe_psql('postgres', "SELECT begins, ends FROM load.windows WHERE parent = '$name' ORDER BY day");
	return { name => $name, type => $type, zone => $zone // 'UTC', windows => [ map { [ split /\|/ ] } split /\n/, $windows ] };
}

#
# What happens on a day
#

my $admin;          # a session
my $usual = 0.1;    # how many seconds a call takes, by experience
my $crashes = 0;
my (%chosen, %noticed, @unexpected);

# In a session that is opened again when it is killed, until it succeeds.
sub administrate
{
	my ($sql) = @_;
	my ($done, $said);
	foreach (1 .. 50 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$admin //= open_session($node->connstr('postgres'), 'admin');
		($done, $said) = ask($admin, $sql);
		return $said =~ s/\n\z//r if $done;
		undef $admin;
		sleep 0.02;
	}
	die "the server does not come back: $said";
}

# As a scheduler does. It does not wait for the end of its input: the other end of it is open in a server that is started meanwhile.
sub start_job
{
	return start_sql($node, 'job', "SET client_min_messages = warning;\nCALL ppm.run_all();\n\\q");
}

# Waits until the server has restarted because of a process that was killed; it does not if that had come to its end by itself.
sub kill_if_there
{
	my ($pid) = @_;
	my $offset = -s $node->logfile;
	kill 'KILL', $pid or return 0;
	foreach (1 .. 1000)
	{
		return ++$crashes if slurp_file($node->logfile, $offset) =~ /all server processes terminated; reinitializing/;
		sleep 0.01;
	}
	return 0;
}

# Waits for such a session, then for up to so many seconds more, and does that to it. Returns whether it was still there.
sub strike
{
	my ($condition, $seconds, $deed) = @_;
	my $pid = administrate(sprintf 'SELECT load.strike($$%s$$, %.4f, \'%s\');', $condition, rand $seconds, $deed);
	return $pid ne '' && ($deed ne 'kill' || kill_if_there($pid));
}

sub stop_server
{
	sleep rand $usual;
	$node->stop('immediate');
	$node->start;
	return 1;
}

sub second_job
{
	my ($result, undef, $messages) = finish_sql(start_job());
	push @unexpected, "two jobs: $messages" if $result != 0;
	return 1;
}

# A worker works for some milliseconds only. (One that dies before is replaced.)
my $worker = "backend_type = 'ppm worker' AND state = 'active'";
my $job = "application_name = 'job' AND backend_type = 'client backend'";
my $client = "application_name ~ '^(writer|reader)' AND state = 'active' ORDER BY random()";
my %disturbances = (
	'a worker is terminated' => sub { strike($worker, 0.003, 'pg_terminate_backend') },
	'a worker is cancelled' => sub { strike($worker, 0.003, 'pg_cancel_backend') },
	'a worker is killed' => sub { strike($worker, 0.003, 'kill') },
	'a job is terminated' => sub { strike($job, $usual, 'pg_terminate_backend') },
	'a job is cancelled' => sub { strike($job, $usual, 'pg_cancel_backend') },
	'a job is killed' => sub { strike($job, $usual, 'kill') },
	'a client is terminated' => sub { strike($client, $usual, 'pg_terminate_backend') },
	'a client is killed' => sub { strike($client, $usual, 'kill') },
	'the server is stopped' => \&stop_server,
	'two jobs run' => \&second_job);

# Whether a call fails for it: never, or it was in time for no call.
my %harmless = map { ($_ => 1) } ('a client is terminated', 'two jobs run');
my %harmful = map { ($_ => 1) } grep { /worker|job is|server/ } keys %disturbances;

# Not before there is something to remove, not at the end, and never on two days in a row, so that a single call has to set right what
# came of it.
sub is_free
{
	my ($day) = @_;
	return $day > 10 && $day < $last_day - 10 && !grep { $chosen{$_} } $day - 1 .. $day + 1;
}

sub choose_days
{
	foreach my $what (map { ($_) x $times } sort keys %disturbances)
	{
		my $day;
		do { $day = int rand $last_day } until is_free($day);
		$chosen{$day} = $what;
	}
	return;
}

# What came too soon or too late comes again on another day.
sub take_note
{
	my ($day, $what, $was_done, $ok) = @_;
	if ($was_done && !($harmful{$what} && $ok))
	{
		$noticed{$what}++;
		return;
	}
	my ($later) = grep { is_free($_) } $day + 2 .. $last_day;
	$chosen{$later} = $what if $later;
	return;
}

# The day's call. It succeeds unless it is disturbed; returns whether it did.
sub run_all
{
	my ($day) = @_;
	my $what = $chosen{$day};
	my $start = time;
	my $call = start_job();
	my $was_done = $what && $disturbances{$what}->();
	my ($result, undef, $messages) = finish_sql($call);
	my $ok = $result == 0;
	$usual = 0.9 * $usual + 0.1 * (time - $start) unless $what;
	take_note($day, $what, $was_done, $ok) if $what;
	push @unexpected, "$dates[$day]: $messages" unless $ok || $what && !$harmless{$what};
	return $ok;
}

# SQL that loads what is new in that log of the clients.
sub copy
{
	my ($log) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$log";
	append_to_file($file, newly_logged($log));
	return "COPY load.$log FROM '$file';";
}

# After a call that succeeded. Clients go on meanwhile: what was acknowledged by now is there then, and what is there will have been tried.
sub judge_window
{
	my ($day) = @_;
	administrate('BEGIN; ' . copy('acknowledged') . "CALL load.judge_window($day); COMMIT;");
	return;
}

# All that ever was, and the partitions.
sub judge_all
{
	my ($day) = @_;
	judge_window($day);
	administrate("CALL load.find_all();");
	administrate('BEGIN; ' . copy('tried') . "CALL load.judge_all($day); COMMIT;");
	$node->safe_psql('postgres', 'CALL judge.begin(); CALL judge.morning()');
	is(judgement($node), '', "until $dates[$day] all rows are where they should be, in partitions as they should be");
	return;
}

#
# The two years
#

choose_days();
my $covered = 0;
my $start = time;

administrate("ALTER DATABASE postgres SET ppm.work_date = '$dates[0]';");
ok(run_all(0), 'the first call succeeds');
start_clients($node, [ map { table_for_clients($_) } @tables ], $seed, writer => 6, reader => 2);
tell(0, 0);
foreach my $day (1 .. $last_day)
{
	wait_until_heard($day - 1);
	administrate("ALTER DATABASE postgres SET ppm.work_date = '$dates[$day]';");
	tell($day, $covered);
	$covered = $day if run_all($day);
	next unless $covered == $day;
	judge_window($day) if $day % 3 == 0;
	judge_all($day) if $day % 90 == 0;
}
wait_until_heard($last_day);
end_clients();
ok(run_all($last_day), 'the last call succeeds');
judge_all($last_day);
note sprintf '%d days in %.0f s, a call in %.0f ms', $last_day + 1, time - $start, $usual * 1000;

#
# What came of it
#

is(join('', @unexpected), '', 'each call succeeded that was not disturbed');
is(logged('wrong'), '', 'no client was refused, kept waiting or shown what is not so');
cmp_ok($noticed{$_} // 0, '>', 0, "$_ now and then" . ($harmful{$_} ? ', and the call fails for it' : '')) foreach sort keys %disturbances;
cmp_ok(scalar(() = logged('killed', $_) =~ /\n/g), '>', 0, "$_ sessions are killed") foreach ('writer', 'reader');
cmp_ok(scalar(() = logged('acknowledged') =~ /\n/g), '>', 10_000, 'many rows were written');
note "longest waits in milliseconds: ", join ' ', split /\n/, logged('slowest');

my $log = slurp_file($node->logfile);
is(scalar(() = $log =~ /was terminated by signal 9/g), $crashes, 'the server crashed as often as a process was killed');
unlike($log, qr/.*(?:terminated by signal (?!9)|TRAP:|PANIC: | XX\d{3} ).*/, 'and for no other reason');
my %states = map { ($_ => 1) } $log =~ /\] (\w{5}) .*(?:ERROR|FATAL):  /g;
note 'SQLSTATEs: ', join ' ', sort keys %states;
is(join(' ', grep { !/^(?:08|55|57|PM)/ } keys %states), '', 'nothing failed but for what was killed, cancelled or waited for in vain');

is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT code, ' ') FROM ppm.check())), 'work_date_set', 'check() reports only what the test did');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.plan()'), '0', 'there is nothing left to do');
is($node->safe_psql('postgres', 'SELECT * FROM load.leftovers'), '', 'nothing is left over');
is(advisory_locks($node), 0, 'no lock either');
ok($node->poll_query_until('postgres', <<'EOF'), 'no session either');
SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker' OR application_name ~ '^(job|writer|reader)')
EOF
is($node->safe_psql('postgres', "SELECT * FROM load.strange_history($last_day)"), '', 'each partition was made once, and dropped once if it was to be');

$node->stop;
done_testing();

END { diag "PPM_LOAD_SEED=$seed" if defined $seed && ($? != 0 || !Test::More->builder->is_passing) }
__DATA__
-- From which day to before which the window of a day is.
CREATE TABLE load.windows AS
SELECT c.table_name AS parent, day, first.lower::date - load.date(0) AS begins, last.upper::date - load.date(0) AS ends
FROM ppm.config c CROSS JOIN generate_series(0, 1000) AS day
JOIN judge.calendar current ON current.kind = c.interval::text AND current.lower = date_trunc(current.unit, load.date(day)::timestamp)
JOIN judge.calendar first ON first.kind = current.kind AND first.number = current.number - c.retention
JOIN judge.calendar last ON last.kind = current.kind AND last.number = current.number + c.pre_provisioned;
ALTER TABLE load.windows ADD PRIMARY KEY (parent, day);

-- The first key of a day (part 0), its last (1), or one between.
CREATE FUNCTION load.key(type text, zone text, day int, part float) RETURNS text STABLE LANGUAGE sql AS $$
SELECT judge.key(type, CASE part WHEN 1 THEN upper - CASE type WHEN 'uuid' THEN interval '1 millisecond' ELSE '1 microsecond' END
                                 ELSE date_trunc('milliseconds', lower + part * (upper - lower)) END, part = 1)
FROM (SELECT load.date(day)::timestamp AT TIME ZONE zone AS lower, load.date(day + 1)::timestamp AT TIME ZONE zone AS upper) AS edges
$$;

-- Waits for a session that meets the condition, then for a moment, and calls that function for it. Null: it was not there, or is no more.
CREATE FUNCTION load.strike(condition text, seconds float, deed text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	found int;
	done boolean := true;
BEGIN
	FOR i IN 1 .. 1000 LOOP
		PERFORM pg_stat_clear_snapshot();
		EXECUTE format('SELECT pid FROM pg_stat_activity WHERE %s LIMIT 1', condition) INTO found;
		EXIT WHEN found IS NOT NULL;
		PERFORM pg_sleep(0.001);
	END LOOP;
	PERFORM pg_sleep(seconds);
	IF found IS NOT NULL AND deed <> 'kill' THEN
		EXECUTE format('SELECT %I($1)', deed) INTO done USING found;
	END IF;
	RETURN CASE WHEN done THEN found END;
END $$;

-- The rows that clients wrote, by the days of their keys, and those that are there.
CREATE TABLE load.tried (parent name, id int, day int);
CREATE TABLE load.acknowledged (LIKE load.tried);
CREATE TABLE load.found (parent name, id int);

CREATE PROCEDURE load.find(parent name, relation regclass) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO load.found SELECT %L, id FROM %s', parent, relation);
END $$;

-- Each row of the window is in the table, once.
CREATE PROCEDURE load.judge_window(today int) LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	TRUNCATE load.found;
	FOR c IN SELECT table_name FROM ppm.config LOOP
		CALL load.find(c.table_name, c.table_name::regclass);
	END LOOP;
	INSERT INTO judge.wrong
	SELECT load.date(today), a.parent, format('row %s of %s is not in the table', id, load.date(a.day))
	FROM load.acknowledged a JOIN load.windows w ON w.parent = a.parent AND w.day = today
	WHERE a.day >= begins AND NOT EXISTS (SELECT FROM load.found f WHERE f.parent = a.parent AND f.id = a.id);
	INSERT INTO judge.wrong
	SELECT load.date(today), parent, format('row %s is there %s times', id, count(*)) FROM load.found GROUP BY parent, id HAVING count(*) > 1;
END $$;

-- In the tables, and in what is not theirs any more.
CREATE PROCEDURE load.find_all() LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	TRUNCATE load.found;
	FOR r IN SELECT table_name AS parent, oid::regclass AS relation FROM ppm.config JOIN pg_class ON relname = table_name
	         UNION ALL
	         SELECT table_name, oid::regclass FROM ppm.config JOIN pg_class ON relname ^@ (table_name || '_')
	         WHERE relkind = 'r' AND NOT relispartition LOOP
		CALL load.find(r.parent, r.relation);
	END LOOP;
END $$;

-- Each row is there, once, unless its day is before the window of the day that was reached and the configuration asks to drop it; and
-- somebody wrote it.
CREATE PROCEDURE load.judge_all(today int) LANGUAGE sql AS $$
INSERT INTO judge.wrong
SELECT load.date(today), a.parent, format('row %s of %s is lost', id, load.date(a.day))
FROM load.acknowledged a JOIN ppm.config ON table_name = a.parent JOIN load.windows w ON w.parent = a.parent AND w.day = today
WHERE (cleanup_policy = 'detach' OR a.day >= begins) AND NOT EXISTS (SELECT FROM load.found f WHERE f.parent = a.parent AND f.id = a.id);
INSERT INTO judge.wrong
SELECT load.date(today), parent, format('row %s is there %s times', id, count(*)) FROM load.found GROUP BY parent, id HAVING count(*) > 1;
INSERT INTO judge.wrong
SELECT load.date(today), parent, format('nobody wrote row %s', id) FROM load.found f
WHERE NOT EXISTS (SELECT FROM load.tried t WHERE t.parent = f.parent AND t.id = f.id);
$$;

-- What is there that is neither a partition nor kept as the configuration asks; what is recorded, and not so; what is unfinished.
CREATE VIEW load.leftovers AS
SELECT concat_ws(' ', 'not a partition:', c.relname, d.cleanup_policy)
FROM ppm.config JOIN pg_class c ON c.relname ^@ (table_name || '_') AND c.relkind = 'r' AND NOT c.relispartition
LEFT JOIN ppm.detached d ON d.relation = c.oid AND d.detached = c.relname AND d.table_name = config.table_name
WHERE config.cleanup_policy <> 'detach' OR d.cleanup_policy IS DISTINCT FROM 'detach'
UNION ALL
SELECT concat_ws(' ', 'not detached:', detached) FROM ppm.detached d
WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation AND relname = detached AND NOT relispartition)
UNION ALL
SELECT concat_ws(' ', 'pending:', inhrelid::regclass) FROM pg_inherits WHERE inhdetachpending
UNION ALL
SELECT concat_ws(' ', 'not valid:', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid
UNION ALL
SELECT concat_ws(' ', 'prepared:', gid) FROM pg_prepared_xacts;

-- What was not made once, of all that was ever in the window, or not dropped once, of what the configuration asks to.
CREATE FUNCTION load.strange_history(today int) RETURNS SETOF text LANGUAGE sql AS $$
WITH slots AS (
	SELECT c.table_name, c.table_name || suffix AS partition, cleanup_policy, s.upper::date <= load.date(now.begins) AS is_outdated
	FROM ppm.config c JOIN load.windows first ON first.parent = c.table_name AND first.day = 0
	JOIN load.windows now ON now.parent = c.table_name AND now.day = today
	JOIN judge.calendar s ON s.kind = c.interval::text AND s.lower >= load.date(first.begins) AND s.upper <= load.date(now.ends)
), expected AS (
	SELECT table_name, partition::name, 'create' AS action FROM slots
	UNION ALL SELECT table_name, partition, 'detach' FROM slots WHERE is_outdated
	UNION ALL SELECT table_name, partition, 'drop' FROM slots WHERE cleanup_policy = 'drop' AND is_outdated
), found AS (
	SELECT table_name, partition, replace(action, 'finalize', 'detach') FROM ppm.history WHERE outcome = 'ok'
)
SELECT concat_ws(' ', 'not', x.*) FROM (TABLE expected EXCEPT ALL TABLE found) AS x
UNION ALL
SELECT concat_ws(' ', 'but', x.*) FROM (TABLE found EXCEPT ALL TABLE expected) AS x
$$;
