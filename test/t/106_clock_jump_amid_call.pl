# A clock that jumps ahead in the middle of a call: the next cleanup is not judged by what that call saw at its end. The server's time is
# that of libfaketime.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($library) = grep { -e } glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' unless $library;

# What is in the file is added to the time. It is replaced as a whole: libfaketime ends the process that reads an empty one.
my $file = PostgreSQL::Test::Utils::tempdir() . '/offset';
sub shift_clock
{
	my ($offset) = @_;
	open my $out, '>', "$file.new" or die "$file.new: $!";
	print $out $offset;
	close $out or die "$file.new: $!";
	rename "$file.new", $file or die "$file: $!";
	return;
}

shift_clock('+0');
my $node;
{
	# The clients, the test among them, keep their own time.
	local @ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE DONT_FAKE_MONOTONIC)} = ($library, $file, 1, 1);
	$node = new_node('clock_jump_amid_call', conf => "ppm.work_date = ''\ntimezone = 'UTC'\n");
}
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE t (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'daily', 3, 3, 'drop');
CALL ppm.run_all();
INSERT INTO t VALUES (current_date);
UPDATE ppm.config SET pre_provisioned = 4;
EOF
my $partitions = partitions_of($node, 't');

my $holder = hold($node, 'LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE');
my $call = start_sql($node, 'call', "$patience CALL ppm.run_all()");
wait_until_waits($node, 'call', 'relation');
shift_clock('+5y');
is($node->safe_psql('postgres', "SELECT now() > (SELECT max(at) FROM ppm.last_run) + interval '4 years'"), 't', 'the clock jumps while a call waits');
$holder->query_safe('COMMIT');
$holder->quit;
finish_sql($call);
is($node->safe_psql('postgres', "SELECT bool_and(at < now() - interval '4 years') FROM ppm.last_run WHERE procedure = 'cleanup'"), 't', 'the call goes by the clock that it began with');

my ($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/ERROR:  PM008/, 'so the next cleanup sees that the clock has jumped');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 1, 'and removes nothing');
like(partitions_of($node, 't'), qr/^\Q$partitions\E/, 'no partition either');

# What waits for drop_delay does not have its wait cut short, and a call that began before the jump does not overwrite what a later one found.
shift_clock('+0');
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DROP TABLE t; DELETE FROM ppm.config; DELETE FROM ppm.last_run; DELETE FROM ppm.detached;
CREATE FUNCTION waits(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); END $$;
CREATE TABLE t (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE a (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE u (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay) VALUES ('t', 'daily', 3, 3, 'drop', '30 days'), ('a', 'daily', 3, 3, 'drop', '0'), ('u', 'daily', 3, 3, 'drop', '0');
CALL ppm.provision();
SELECT format('CREATE TABLE %1$s_old PARTITION OF %1$s FOR VALUES FROM (%2$L) TO (%3$L)', name, current_date - 10, current_date - 9) FROM unnest(ARRAY['a', 't', 'u']) AS name \gexec
INSERT INTO t VALUES (current_date), (current_date - 10);
INSERT INTO a VALUES (current_date);
INSERT INTO u VALUES (current_date);
CALL ppm.cleanup();
SELECT format('CREATE TABLE %1$s_old2 PARTITION OF %1$s FOR VALUES FROM (%2$L) TO (%3$L)', name, current_date - 9, current_date - 8) FROM unnest(ARRAY['a', 't', 'u']) AS name \gexec
INSERT INTO ppm.hooks (table_name, event, function) VALUES ('a', 'before_detach', 'public.waits(regclass,regclass,text,text)');
EOF
is($node->safe_psql('postgres', "SELECT count(*) FROM ppm.detached WHERE table_name = 't' AND drop_after > now() + interval '29 days'"), 1, 'a table waits for drop_delay');
$holder = hold($node, 'SELECT pg_advisory_xact_lock(1)');
my $first = start_sql($node, 'first', "SET ppm.hook_timeout = '10min'; $patience CALL ppm.cleanup()");
wait_until_waits($node, 'first', 'advisory');
shift_clock('+5y');
$holder->query_safe('COMMIT');
$holder->quit;
# (The jump may also end the hook: PostgreSQL's timeouts go by the clock.)
(undef, undef, $messages) = finish_sql($first);
unlike($messages, qr/clock_jump/, 'the call goes on by the clock that it began with, also with the next table');
is($node->safe_psql('postgres', "SELECT string_agg(detached, ' ' ORDER BY detached) FROM ppm.detached WHERE table_name = 't'"), 't_old t_old2', 'and does not drop a table there that waits for drop_delay');

shift_clock('+0');
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config WHERE table_name = 'a';
DELETE FROM ppm.hooks;
CALL ppm.run_all();
INSERT INTO ppm.hooks (table_name, event, function) VALUES ('u', 'before_detach', 'public.waits(regclass,regclass,text,text)');
INSERT INTO t VALUES (current_date - 2);
SELECT format('CREATE TABLE u_old3 PARTITION OF u FOR VALUES FROM (%L) TO (%L)', current_date - 9, current_date - 8) \gexec
UPDATE ppm.config SET drop_delay = '0';
EOF
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM t');
$holder = hold($node, 'SELECT pg_advisory_xact_lock(1)');
$first = start_sql($node, 'first', "SET ppm.hook_timeout = '10min'; $patience CALL ppm.cleanup()");
wait_until_waits($node, 'first', 'advisory');
shift_clock('+5y');
run_sql($node, q(CALL ppm.provision('t')));
($result, undef, $messages) = run_sql($node, q(CALL ppm.cleanup('t')));
like($messages, qr/ERROR:  PM008/, 'a call that begins after the jump is refused');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (current_date)');
$holder->query_safe('COMMIT');
$holder->quit;
finish_sql($first);
is($node->safe_psql('postgres', "SELECT outcome FROM ppm.last_run WHERE table_name = 't' AND procedure = 'cleanup'"), 'failed', 'a call that began before, and ends after it, does not overwrite that');
($result, undef, $messages) = run_sql($node, q(CALL ppm.cleanup('t')));
like($messages, qr/ERROR:  PM008/, 'so rows that were written under the wrong clock do not confirm the clock');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), $rows + 1, 'and no row is lost');

$node->stop;
done_testing();
