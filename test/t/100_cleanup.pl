# CALL ppm.cleanup(): as whom it works, from where it may be called, what keeps it from working, and that nothing of
# anybody's is lost. Faults amidst a removal are in 110_cleanup_faults.pl.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# One worker slot besides the logical replication launcher's: whoever has it keeps it from all others.
my $node = new_node('cleanup', allows_streaming => 1,
	conf => "ppm.work_date = ''\ntimezone = 'UTC'\nmax_worker_processes = 2\ndeadlock_timeout = '300ms'\n");
my ($result, $output, $messages);

# A worker waits for advisory lock 1 before a DDL command, and a session called `caller` for lock 3 before a DROP TABLE, if
# somebody holds it.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION wait_here() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = 'ppm worker') THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	ELSIF tg_tag = 'DROP TABLE' AND current_setting('application_name') = 'caller' THEN
		PERFORM pg_advisory_xact_lock_shared(3);
	END IF;
END $$;
CREATE EVENT TRIGGER wait_at_start ON ddl_command_start EXECUTE FUNCTION wait_here();
EOF

my $holder = hold($node, 'SELECT 1');
my $other = hold($node, 'SELECT 1');
$_->query_safe('ROLLBACK') foreach ($holder, $other);

# SQL that makes a table of days, each with its row: of some days before today by which they are called, and of those that the
# window is about, in one partition, so that there is nothing to create. Retention is one day.
sub table_of
{
	my ($name, $policy, @days) = @_;
	return <<"EOF" . join '', map { partition_of($name, $_) } @days;
CREATE TABLE $name (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE ${name}_now PARTITION OF $name FOR VALUES FROM (current_date - 1) TO (current_date + 10);
INSERT INTO $name VALUES (current_date, 'now');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('$name', 'daily', 1, 1, '$policy');
EOF
}

sub partition_of
{
	my ($name, $day) = @_;
	return <<"EOF";
CREATE TABLE ${name}_$day PARTITION OF $name FOR VALUES FROM (current_date - $day) TO (current_date - $day + 1);
INSERT INTO $name VALUES (current_date - $day, '$day');
EOF
}

# One that is beyond the window, and empty.
sub surplus_of
{
	my ($name) = @_;
	return "CREATE TABLE ${name}_surplus PARTITION OF $name FOR VALUES FROM (current_date + 50) TO (current_date + 51);\n";
}

# What of a table there is: its partitions (one that is pending with a *), its rows, the tables that are no partitions any
# more, and what ppm remembers of it.
sub state_of
{
	my ($name) = @_;
	return $node->safe_psql('postgres', <<"EOF");
SELECT concat_ws('; ',
	(SELECT string_agg(substr(relname, length('${name}_') + 1) || CASE WHEN inhdetachpending THEN '*' ELSE '' END, ' ' ORDER BY relname)
	 FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = '$name'::regclass AND relname !~ '_20\\d\\d_'),
	(SELECT 'rows ' || string_agg(note, ' ' ORDER BY note) FROM $name),
	(SELECT 'tables ' || string_agg(substr(relname, length('${name}_') + 1), ' ' ORDER BY relname)
	 FROM pg_class WHERE relname LIKE '$name\\_%' AND relkind = 'r' AND NOT relispartition),
	(SELECT 'ledger ' || string_agg(substr(detached, length('${name}_') + 1) || ' ' || cleanup_policy, ', ' ORDER BY detached)
	 FROM ppm.detached WHERE parent = '$name'::regclass))
EOF
}

sub drop_table
{
	my (@names) = @_;
	$node->safe_psql('postgres', <<"EOF") foreach @names;
SET client_min_messages = warning;
DO \$\$
DECLARE
	r regclass;
BEGIN
	FOR r IN SELECT oid FROM pg_class WHERE relname LIKE '$_\\_%' AND relkind IN ('r', 'v') AND NOT relispartition LOOP
		EXECUTE format('DROP TABLE %s CASCADE', r);
	END LOOP;
END \$\$;
DROP TABLE $_ CASCADE;
DELETE FROM ppm.config WHERE table_name = '$_';
EOF
	return;
}

sub call_cleanup
{
	my ($table, $settings) = @_;
	return run_sql($node, ($settings // '') . ' CALL ppm.cleanup(' . ($table ? "'$table'" : '') . ')', name => 'caller');
}

# What a call says if all is well: nothing but notices. Returns them.
sub notices
{
	my ($result, undef, $messages) = @_;
	return "exit code $result: $messages" if $result != 0;
	return join ', ', map { s/^([\w ]+) partition "public\.(\w+)".*/$1 $2/r } $messages =~ /NOTICE:  00000: (.*)$/mg;
}

sub pid_of
{
	my ($session) = @_;
	return $session->query_safe('SELECT pg_backend_pid()');
}

# Some process stands in the way, among others perhaps.
sub held_by
{
	my ($pid) = @_;
	return qr/; locks are held by (?:process \d+[^,;]*, )*process $pid \(\S+\)/;
}

#
# As whom
#

$node->safe_psql('postgres', <<'EOF' . table_of('owned', 'drop', 5, 6));
CREATE ROLE nologin NOLOGIN;
CREATE ROLE member LOGIN IN ROLE nologin;
CREATE ROLE stranger LOGIN;
GRANT EXECUTE ON PROCEDURE ppm.cleanup(regclass) TO member, stranger;
GRANT SELECT ON ppm.config TO member, stranger;
GRANT CREATE, USAGE ON SCHEMA public TO nologin;
EOF
$node->safe_psql('postgres',
	join '; ', map { "ALTER TABLE owned$_ OWNER TO nologin" } ('', '_5', '_6', '_now'));

($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('owned')), user => 'stranger', name => 'caller');
like(
	$messages,
	qr/ERROR:  PM006: could not clean up 1 of 1 table\nDETAIL:  table "public\.owned": must be owner of table owned \(SQLSTATE 42501\)$/m,
	'a role that is not the owner cannot clean up');
is(state_of('owned'), '5 6 now; rows 5 6 now', 'and has removed nothing');

# A superuser calls, the owner, who cannot log in, works.
$holder->query_safe('SELECT pg_advisory_lock(1)');
my $call = start_sql($node, 'caller', "$patience CALL ppm.cleanup('owned')");
wait_until_worker_waits($node, 'advisory');
is( $node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'ppm worker' AND datname = 'postgres')),
	1, 'there is a worker');
is( $node->safe_psql('postgres', q(SELECT state || ' ' || query FROM pg_stat_activity WHERE backend_type = 'ppm worker')),
	'active ALTER TABLE public.owned DETACH PARTITION public.owned_6 CONCURRENTLY', 'which says what it does');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is( notices(finish_sql($call)), 'detached owned_6, dropped owned_6, detached owned_5, dropped owned_5',
	'a superuser cleans up the table of a role that may not log in');
is(state_of('owned'), 'now; rows now', 'completely');
$node->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'ppm worker')));

# The worker is the owner, and nobody more: what the owner may not, it may not.
$node->safe_psql('postgres', partition_of('owned', 7) . <<'EOF');
ALTER TABLE owned_7 OWNER TO nologin;
CREATE TABLE who (who name, session name);
CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS
	'BEGIN IF tg_tag = $$ALTER TABLE$$ THEN INSERT INTO public.who VALUES (current_user, session_user); END IF; END';
GRANT INSERT ON who TO nologin;
CREATE EVENT TRIGGER tell ON ddl_command_start EXECUTE FUNCTION tell();
EOF
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('owned')), user => 'member', name => 'caller');
is("$result " . state_of('owned'), '0 now; rows now', 'a member of the owner role cleans up');
is($node->safe_psql('postgres', 'DROP EVENT TRIGGER tell; SELECT DISTINCT who, session FROM who'), 'nologin|nologin', 'as the owner');

# A plain user has no way into the ledger, from which ppm takes what to drop.
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA ppm TO stranger');
foreach my $statement (
	q(INSERT INTO ppm.detached SELECT 'public', 'owned', 'who', 1, '2000-01-01', '2000-01-02', 'drop', now(), 1, 'public', '', ''),
	q(UPDATE ppm.detached SET cleanup_policy = 'drop'), 'DELETE FROM ppm.detached', 'TRUNCATE ppm.detached', 'TABLE ppm.detached')
{
	(undef, undef, $messages) = run_sql($node, $statement, user => 'stranger');
	like($messages, qr/ERROR:  42501: permission denied for /, 'not for a plain user: ' . substr($statement, 0, 30));
}
drop_table('owned');

# The owner changes amidst a call, which then does not go on as the one that it was, and not as the new one either.
# (What refers to another table is dropped by the call itself.)
$node->safe_psql('postgres', table_of('given', 'drop', 5, 6) . <<'EOF');
CREATE TABLE notes (note text PRIMARY KEY);
INSERT INTO notes VALUES ('now'), ('5'), ('6');
ALTER TABLE given ADD FOREIGN KEY (note) REFERENCES notes;
EOF
$holder->query_safe('SELECT pg_advisory_lock(3)');
$call = start_sql($node, 'caller', "$patience CALL ppm.cleanup('given')");
wait_until_waits($node, 'caller', 'advisory');
$node->safe_psql('postgres', join '; ', map { "ALTER TABLE given$_ OWNER TO nologin" } ('', '_5'));
$holder->query_safe('SELECT pg_advisory_unlock(3)');
(undef, undef, $messages) = finish_sql($call);
like(
	$messages,
	qr/^DETAIL:  table "public\.given", partition "given_5": table "public\.given" was renamed, replaced or given to another owner concurrently \(SQLSTATE 55000\)/m,
	'a new owner amidst a call is noticed');
is(state_of('given'), '5 now; rows 5 now', 'before the next partition');
$node->safe_psql('postgres', 'ALTER TABLE given DROP CONSTRAINT given_note_fkey; DROP TABLE notes');
is(notices(call_cleanup('given')), 'detached given_5, dropped given_5', 'and the next call goes on as the new one');
drop_table('given');

#
# Without a worker
#

# Table a's worker has the last slot. b needs one, c has nothing to do, d has a default partition, so that none is needed.
$node->safe_psql('postgres', table_of('a', 'drop', 5) . table_of('b', 'drop', 5) . table_of('c', 'drop') . table_of('d', 'drop', 5)
	. 'CREATE TABLE d_rest PARTITION OF d DEFAULT; UPDATE ppm.config SET pre_provisioned = 11');
$holder->query_safe('SELECT pg_advisory_lock(1)');
$call = start_sql($node, 'first', "$patience CALL ppm.cleanup('a')");
wait_until_worker_waits($node, 'advisory');
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.cleanup()");
like($messages, qr/ERROR:  PM006: could not clean up 2 of 4 tables$/m, 'without a worker some tables fail');
like($messages, qr/^DETAIL:  table "public\.a": another call of ppm is at work on the table \(SQLSTATE 55P03\)$/m, 'one is being cleaned up');
like($messages, qr/^table "public\.b", partition "b_5": no background worker is free for ppm \(SQLSTATE 53000\); steps not tried after it: 1$/m, 'one has no worker');
like($messages, qr/^HINT:  Increase max_worker_processes, or call the procedure again when other workers have ended\.$/m, 'with a hint');
is(state_of('b'), '5 now; rows 5 now', 'and nothing is begun that there is no worker for');
is(state_of('d'), 'now rest; rows now', 'what needs none goes on');
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('c')));
is("$result $messages", '0 ', 'nothing to do needs none');
like(notices(run_sql($node, q(CALL ppm.provision('b')))), qr/^created b_\w+(?:, created b_\w+)*$/, 'nor does provision');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is(notices(finish_sql($call)), 'detached a_5, dropped a_5', 'the first call ends');
is(notices(call_cleanup()), 'detached b_5, dropped b_5', 'and then the others succeed');
drop_table(qw(a b c d));

# One slot is enough for many tables in turn.
$node->safe_psql('postgres', join '', map { table_of("many$_", 'drop', 5, 6) } 1 .. 12);
is(scalar(split /, /, notices(call_cleanup())), 48, 'one worker at a time is enough');
drop_table(map { "many$_" } 1 .. 12);

#
# From where
#

my %callers = (
	'DO' => "DO 'BEGIN CALL ppm.cleanup(); END'",
	'DO, after a look at the table' => "DO 'BEGIN PERFORM * FROM called; CALL ppm.cleanup(); END'",
	'DO, after a change' => "DO 'BEGIN INSERT INTO called VALUES (current_date, \$\$x\$\$); DELETE FROM called WHERE note = \$\$x\$\$; CALL ppm.cleanup(); END'",
	'a loop over the configuration' =>
	  "DO 'DECLARE r record; BEGIN FOR r IN SELECT table_name FROM ppm.config, generate_series(1, 100) LOOP CALL ppm.cleanup(r.table_name::text::regclass); END LOOP; END'",
	'a procedure that commits' => <<'EOF',
CREATE PROCEDURE nightly() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO called VALUES (current_date, 'x'); COMMIT; CALL ppm.cleanup(); COMMIT;
	DELETE FROM called WHERE note = 'x'; COMMIT; CALL ppm.cleanup();
END $$;
CALL nightly();
DROP PROCEDURE nightly();
EOF
	'an open WITH HOLD cursor' => <<'EOF',
DECLARE held CURSOR WITH HOLD FOR SELECT note FROM called ORDER BY 1;
FETCH FROM held;
CALL ppm.cleanup();
FETCH FROM held;
EOF
	'a session with strange settings' => <<'EOF');
SET default_transaction_isolation = serializable; SET search_path = ''; SET lock_timeout = '1ms'; SET statement_timeout = '1s';
SET DateStyle = 'German'; SET TimeZone = 'Asia/Kathmandu';
CALL ppm.cleanup();
EOF
foreach my $caller (sort keys %callers)
{
	$node->safe_psql('postgres', table_of('called', 'drop', 5, 6));
	my @answer = run_sql($node, $callers{$caller}, name => 'caller');
	is(notices(@answer), 'detached called_6, dropped called_6, detached called_5, dropped called_5', "works from $caller");
	is($answer[1], "5\n6", 'which still has its rows') if $caller =~ /cursor/;
	is(state_of('called'), 'now; rows now', 'and completely');
	drop_table('called');
}

#
# Nothing to do
#

$node->safe_psql('postgres', table_of('done', 'detach', 5) . surplus_of('done') . "INSERT INTO done VALUES (current_date + 50, 'kept');");
is(notices(call_cleanup()), 'detached done_5', 'after the first call');
$holder->query_safe('BEGIN; LOCK TABLE ONLY done IN ACCESS EXCLUSIVE MODE; LOCK TABLE done_5 IN ACCESS EXCLUSIVE MODE; LOCK TABLE done_now');
($result, $output, $messages) = call_cleanup();
is("$result $messages", '0 ', 'the second has nothing to do nor to say, and waits for no lock on the table');
$holder->query_safe('ROLLBACK');

# What a user drops, ppm forgets.
$node->safe_psql('postgres', 'DROP TABLE done_5');
is(state_of('done'), 'now surplus; rows kept now; ledger 5 detach', 'a user can drop a detached table');
($result, $output, $messages) = call_cleanup();
is("$result $messages" . state_of('done'), '0 now surplus; rows kept now', 'the next call forgets it, silently');
drop_table('done');

# A surplus partition that somebody has locked is none that keeps outdated ones.
$node->safe_psql('postgres', table_of('locked', 'drop', 5) . surplus_of('locked'));
$holder->query_safe('BEGIN; LOCK TABLE locked_surplus IN ACCESS EXCLUSIVE MODE');
($result, $output, $messages) = call_cleanup(undef, "SET ppm.lock_timeout = '50ms';");
is($node->safe_psql('postgres', q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname LIKE 'locked\_%')),
	'locked_now locked_surplus', 'a locked surplus partition stops no other');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 10');
like(notices(run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.provision()")), qr/^created locked_\w+(?:, created locked_\w+)*$/, 'nor provision');
$holder->query_safe('ROLLBACK');
drop_table('locked');

#
# What others have begun, or do meanwhile
#

# A removal that somebody else began of a partition of the window is finished; then the partition comes back as it was. So does
# one that was outdated and is not any more. Neither is dropped, whatever the policy.
foreach my $case ([ 'detach', 1 ], [ 'drop', 1 ], [ 'drop', 5 ])
{
	my ($policy, $day) = @$case;
	my $where = $day == 1 ? "in the window, policy $policy" : "outdated, policy $policy";

	$node->safe_psql('postgres', table_of('begun', $policy) . <<"EOF" . partition_of('begun', $day));
DROP TABLE begun_now;
CREATE TABLE begun_now PARTITION OF begun FOR VALUES FROM (current_date) TO (current_date + 10);
INSERT INTO begun VALUES (current_date, 'now');
EOF
	$holder->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM begun');
	run_sql($node, "SET lock_timeout = '20ms'; ALTER TABLE begun DETACH PARTITION begun_$day CONCURRENTLY");
	is(state_of('begun'), "$day* now; rows now", "$where: somebody's detaching is interrupted");
	$holder->query_safe('COMMIT');
	is(notices(call_cleanup()), "finished detaching begun_$day", 'cleanup finishes it');
	is(state_of('begun'), "now; rows now; tables $day; ledger $day detach", 'keeps it and remembers it');
	is(notices(call_cleanup()), '', 'again and again');
	$node->safe_psql('postgres', "UPDATE ppm.config SET retention = 5") if $day != 1;
	$messages = (run_sql($node, "SET client_min_messages = debug1; CALL ppm.provision()"))[2];
	like($messages, qr/NOTICE:.*attached partition "public\.begun_$day"/, 'provision attaches it again');
	if (leaves_check($node))
	{
		like($messages, qr/partition constraint for table "begun_$day" is implied by existing constraints/, 'without a scan');
		unlike($messages, qr/verifying table "begun_$day"/, 'indeed');
	}
	is(state_of('begun'), "$day now; rows $day now", 'with its rows, and forgets it');
	is(notices(call_cleanup()), '', 'then there is nothing to do');
	drop_table('begun');
}

# What was detached to be dropped comes back if the retention grew before that was done.
$node->safe_psql('postgres', table_of('grown', 'detach', 5));
call_cleanup();
$node->safe_psql('postgres', q(UPDATE ppm.detached SET cleanup_policy = 'drop'; UPDATE ppm.config SET cleanup_policy = 'drop', retention = 5));
is(notices(call_cleanup()), '', 'what was to be dropped, and is not outdated any more, is not dropped');
is(state_of('grown'), 'now; rows now; tables 5; ledger 5 drop', 'but kept');
like(notices(run_sql($node, 'CALL ppm.provision()')), qr/^attached grown_5\b/, 'and attached again');
is(state_of('grown'), '5 now; rows 5 now', 'with its rows');
drop_table('grown');

# A row comes into a surplus partition after it was found to be empty: before its detaching, or from a transaction that the
# detaching waits for.
foreach my $policy ('detach', 'drop')
{
	foreach my $when ('before the detaching', 'during it')
	{
		$node->safe_psql('postgres', table_of('late', $policy) . surplus_of('late'));
		my $insert = q(INSERT INTO late VALUES (current_date + 50, 'late'));
		if ($when eq 'during it')
		{
			$holder->query_safe("BEGIN; $insert");
			$call = start_sql($node, 'caller', "$patience CALL ppm.cleanup()");
			wait_until_worker_waits($node, 'virtualxid');
			is($node->safe_psql('postgres', 'SELECT string_agg(note, $$ $$) FROM late'), 'now', 'it is on its way out');
			$holder->query_safe('COMMIT');
		}
		else
		{
			$holder->query_safe('SELECT pg_advisory_lock(1)');
			$call = start_sql($node, 'caller', "$patience CALL ppm.cleanup()");
			wait_until_worker_waits($node, 'advisory');
			$node->safe_psql('postgres', $insert);
			$holder->query_safe('SELECT pg_advisory_unlock(1)');
		}
		is(notices(finish_sql($call)), 'detached late_surplus, attached late_surplus', "a row $when, policy $policy: attached again");
		is(state_of('late'), 'now surplus; rows late now', 'with the row');
		is(notices(call_cleanup()), '', 'then there is nothing to do');
		drop_table('late');
	}

	# The same, and the detaching is interrupted.
	$node->safe_psql('postgres', table_of('late', $policy) . surplus_of('late'));
	$holder->query_safe(q(BEGIN; INSERT INTO late VALUES (current_date + 50, 'late')));
	($result, $output, $messages) = call_cleanup(undef, "SET ppm.lock_timeout = '50ms'; SET ppm.statement_timeout = '500ms';");
	is($result, 3, "a row that is not committed in time, policy $policy: the call fails");
	$holder->query_safe('COMMIT');
	is(state_of('late'), "now surplus*; rows now; ledger surplus $policy", 'half-way');
	($result, $output, $messages) = call_cleanup();
		is("$result " . state_of('late'), '0 now surplus; rows late now', 'the next call brings the row back');
	call_cleanup();
	is(state_of('late'), 'now surplus; rows late now', 'and the one after that at the latest');
	drop_table('late');
}

# Foreign keys. What is referred to stays, and the others go.
$node->safe_psql('postgres', table_of('referred', 'drop', 5, 6, 7) . <<'EOF');
ALTER TABLE referred ADD PRIMARY KEY (day);
CREATE TABLE referring (day date REFERENCES referred);
INSERT INTO referring SELECT current_date - 6;
EOF
($result, $output, $messages) = call_cleanup();
like(
	$messages,
	qr/^DETAIL:  table "public\.referred", partition "referred_6": removing partition "referred_6" violates foreign key constraint "\S+": Key .* is still referenced from table "referring"\. \(SQLSTATE 23503\); these rows keep it: SELECT r\.\* FROM public\.referring AS r /m,
	'a partition that is referred to is not removed');
is(state_of('referred'), '6 now; rows 6 now', 'the others are');
$node->safe_psql('postgres', 'DELETE FROM referring');
is(notices(call_cleanup()), 'detached referred_6, dropped referred_6', 'it is when it is not any more');
$node->safe_psql('postgres', 'DROP TABLE referring');
drop_table('referred');

# The table that a parent refers to is busy. Nobody else may have to wait for that table longer than ppm.lock_timeout.
foreach my $policy ('detach', 'drop')
{
	foreach my $lock ('INSERT INTO customers VALUES (2)', 'LOCK TABLE customers IN ACCESS EXCLUSIVE MODE')
	{
		$node->safe_psql('postgres', 'CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers VALUES (1);' . table_of('refers', $policy, 5, 6)
			. 'ALTER TABLE refers ADD id int DEFAULT 1 REFERENCES customers; UPDATE refers SET id = 1');
		$holder->query_safe("BEGIN; $lock");
		my $pid = pid_of($holder);
		$call = start_sql($node, 'caller', "SET ppm.lock_timeout = '100ms'; SET ppm.statement_timeout = '1200ms'; CALL ppm.cleanup()");
		if ($lock =~ /INSERT/)
		{
			# Others write to it all the time.
			my ($answer, $longest) = run_sql($node, <<'EOF');
CREATE TEMP TABLE waited (time interval);
CREATE TEMP SEQUENCE more START 100;
DO $$
DECLARE
	started timestamptz;
BEGIN
	FOR i IN 1 .. 80 LOOP
		started := clock_timestamp();
		INSERT INTO customers VALUES (nextval('more'));
		INSERT INTO waited VALUES (clock_timestamp() - started);
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT (extract(epoch FROM max(time)) * 1000)::int FROM waited;
EOF
						cmp_ok($longest, '<', 600, "$policy, $lock: nobody waits for long");
		}
		($result, $output, $messages) = finish_sql($call);
		like($messages, qr/^DETAIL:  table "public\.refers", partition "refers_6": canceling statement due to (?:lock|statement) timeout(?:: Table "public\.customers" could not be locked within ppm\.lock_timeout\.)? \(SQLSTATE (?:55P03|57014)\)/m,
			"$policy, $lock: the call gives up");
		like($messages, held_by($pid), 'and names the session that it waited for');
		$holder->query_safe('COMMIT');
		is((call_cleanup())[0], 0, 'the next call succeeds');
		is(state_of('refers'), $policy eq 'drop' ? 'now; rows now' : 'now; rows now; tables 5 6; ledger 5 detach, 6 detach', 'completely');
		drop_table('refers');
		$node->safe_psql('postgres', 'DROP TABLE customers');
	}
}

# A VACUUM, say, of an outdated partition.
$node->safe_psql('postgres', table_of('vacuumed', 'drop', 5) . table_of('zoo', 'drop', 5));
$holder->query_safe('BEGIN; LOCK TABLE vacuumed_5 IN SHARE UPDATE EXCLUSIVE MODE');
my $pid = pid_of($holder);
($result, $output, $messages) = call_cleanup(undef, "SET ppm.lock_timeout = '50ms';");
like($messages, qr/ERROR:  PM006: could not clean up 1 of 2 tables$/m, 'a lock on a partition');
like($messages, qr/^DETAIL:  table "public\.vacuumed", partition "vacuumed_5": canceling statement due to lock timeout \(SQLSTATE 55P03\)${\held_by($pid)}; steps not tried after it: 1$/m,
	'stops its removal');
is(state_of('vacuumed') . '; ' . state_of('zoo'), '5 now; rows 5 now; now; rows now', 'and nothing else');
$holder->query_safe('COMMIT');
is(notices(call_cleanup()), 'detached vacuumed_5, dropped vacuumed_5', 'the next call removes it');
drop_table('vacuumed', 'zoo');

# A reader that still sees the partition neither waits for those who want to finish its detaching, nor is ended for them.
$node->safe_psql('postgres', table_of('read', 'drop', 5));
$holder->query_safe('SELECT pg_advisory_lock(2)');
my $reader = start_sql($node, 'reader', <<'EOF', on_error_stop => 0);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM read WHERE day > '3000-01-01';
SELECT pg_advisory_xact_lock_shared(2) IS NULL;
CREATE TEMP TABLE started AS SELECT clock_timestamp() AS started;
SELECT string_agg(note, ' ' ORDER BY note) FROM read;
SELECT clock_timestamp() - started < '400ms' FROM started;
COMMIT;
EOF
wait_until_waits($node, 'reader', 'advisory');
call_cleanup(undef, "SET ppm.lock_timeout = '20ms'; SET ppm.statement_timeout = '500ms';");
is(state_of('read'), '5* now; rows now; ledger 5 drop', 'a detaching waits for a reader');
$call = start_sql($node, 'caller', "SET ppm.lock_timeout = '200ms'; SET ppm.statement_timeout = '2s'; CALL ppm.cleanup()");
# Longer than deadlock_timeout: then it is the reader who would look for a deadlock, and be its victim.
$node->poll_query_until('postgres', <<'EOF');
SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'caller' AND query_start >= clock_timestamp() - interval '600ms')
EOF
$holder->query_safe('SELECT pg_advisory_unlock(2)');
($result, $output, $messages) = finish_sql($reader);
is("$output$messages", "0\nf\n5 now\nt", 'the reader still reads it, and does not wait');
finish_sql($call);
call_cleanup();
is(state_of('read'), 'now; rows now', 'at its end it goes');
drop_table('read');

#
# Two calls
#

$node->safe_psql('postgres', table_of('two', 'drop', 5, 6) . table_of('zoo', 'drop') . 'UPDATE ppm.config SET pre_provisioned = 11;');
$holder->query_safe('SELECT pg_advisory_lock(1)');
$call = start_sql($node, 'first', "$patience CALL ppm.cleanup()");
wait_until_worker_waits($node, 'advisory');
my $busy = qr/^DETAIL:  table "public\.two": another call of ppm is at work on the table \(SQLSTATE 55P03\)$/m;
$node->safe_psql('postgres', partition_of('zoo', 5) . 'CREATE TABLE zoo_rest PARTITION OF zoo DEFAULT');
($result, $output, $messages) = call_cleanup(undef, "SET ppm.lock_timeout = '50ms';");
like($messages, $busy, 'a second cleanup says that another call is at work');
is(state_of('zoo'), 'now rest; rows now', 'and cleans up the other tables');
(undef, undef, $messages) = run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.provision()");
like($messages, $busy, 'so does provision');
like($messages, qr/NOTICE:.*created partition "public\.zoo_/, 'and creates what the others lack');
my $second = start_sql($node, 'second', "$patience CALL ppm.cleanup()");
my $third = start_sql($node, 'third', "$patience CALL ppm.provision()");
wait_until_waits($node, $_, 'advisory') foreach ('second', 'third');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is(notices(finish_sql($call)), 'detached two_6, dropped two_6, detached two_5, dropped two_5', 'the first does it');
is(notices(finish_sql($second)), '', 'one that waited finds nothing left to do');
like(notices(finish_sql($third)), qr/^created two_\w+(?:, created two_\w+)*$/, 'provision does its part');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.plan()'), 0, 'then all is done');

# The other way round: provision, in a transaction block, is first.
$node->safe_psql('postgres', partition_of('two', 6) . 'UPDATE ppm.config SET pre_provisioned = 12');
$holder->query_safe('BEGIN; SET LOCAL client_min_messages = warning; CALL ppm.provision()');
like((call_cleanup('two', "SET ppm.lock_timeout = '50ms';"))[2], $busy, 'cleanup says that provision is at work');
$call = start_sql($node, 'caller', "$patience CALL ppm.cleanup('two')");
wait_until_waits($node, 'caller', 'advisory');
$holder->query_safe('COMMIT');
is(notices(finish_sql($call)), 'detached two_6, dropped two_6', 'or waits for it');
is(advisory_locks($node), 0, 'no lock is left');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.plan()'), 0, 'and all is done');

#
# On a standby
#

$node->safe_psql('postgres', partition_of('two', 6));
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('cleanup_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
($result, $output, $messages) = run_sql($standby, q(CALL ppm.cleanup(); CALL ppm.cleanup('two')));
is($result, 0, 'on a standby cleanup succeeds');
is(scalar(() = $messages =~ /NOTICE:.*ppm\.cleanup\(\) does nothing on a standby server$/mg), 2, 'and says that it did nothing');
is($standby->safe_psql('postgres', q(SELECT action || ' ' || partition FROM ppm.plan() ORDER BY step)), "detach two_6\ndrop two_6",
	'which plan() lists there, too');
$node->wait_for_catchup($standby);
call_cleanup();
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM ppm.plan()'), 0, 'what the primary removes goes there, too');

$_->quit foreach ($holder, $other);
$standby->stop;
$node->stop;
done_testing();
