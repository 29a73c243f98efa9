# The server calls run_all() by itself: in which databases, when, as whom, and what it says of what goes wrong.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use ScheduleTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = scheduled_node('node');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
make_database($node, "d$_") foreach 1 .. 10;
$node->safe_psql('postgres', 'CREATE DATABASE "Other one"; CREATE DATABASE plain; ALTER DATABASE d10 IS_TEMPLATE true');

#
# Nothing unless asked for
#

wait_for($node, 'postgres', q(SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'ppm launcher'), 'the launcher is there');
is($node->safe_psql('d1', 'SELECT count(*) FROM ppm.last_run'), '0', 'and calls nothing unless configured');
is($node->safe_psql('d1', 'SELECT scheduled_at IS NULL FROM ppm.status'), 't', 'as ppm.status says');

#
# Databases
#

my $log = -s $node->logfile;
configure($node, q(ppm.schedule_databases = 'd1,"d2", missing, template0, "Other one"'));
wait_for($node, $_, $all_is_well, "$_ is called") foreach ('d1', 'd2');
is($node->safe_psql('d1', 'SELECT DISTINCT executed_by FROM ppm.history'), $superuser, 'as the owner of the extension');
wait_for($node, 'd1', q(SELECT scheduled_at BETWEEN now() + interval '50 min' AND now() + interval '1 hour' FROM ppm.status),
	'the next time is an interval later');
my @complaints = (
	qr/ERROR:  database "missing" of ppm.schedule_databases does not exist/,
	qr/ERROR:  database "template0" of ppm.schedule_databases does not allow connections/,
	qr/ERROR:  database "Other one" of ppm.schedule_databases does not have extension "ppm"/);
$node->wait_for_log($_, $log) foreach @complaints;
is($node->safe_psql('d3', 'SELECT count(*) FROM ppm.last_run'), '0', 'a database that is not in the list is not called');

# A list that is none leaves things as they are.
configure($node, q(ppm.schedule_databases = 'd1,,d2'));
$node->wait_for_log(qr/invalid value for parameter "ppm.schedule_databases"/, $log);
is($node->safe_psql('postgres', 'SHOW ppm.schedule_databases') =~ /missing/, 1, 'an invalid list is refused');

# Those that are named may come later.
$node->safe_psql('postgres', 'CREATE DATABASE missing');
$node->safe_psql('Other one', 'CREATE EXTENSION ppm; ' . daily_table('a', 2));
configure($node, q(ppm.schedule_databases = 'd1, d2, missing, template0, "Other one"'));
wait_for($node, 'Other one', $all_is_well, 'a database that has got the extension is called');
$node->wait_for_log(qr/ERROR:  database "missing" of ppm.schedule_databases does not have extension "ppm"/, $log);
is(said($node, $complaints[$_], $log), 1, 'an error is logged once') foreach 0 .. 2;

# All of them.
configure($node, q(ppm.schedule_databases = '*'));
wait_for($node, "d$_", $all_is_well, "d$_ is called") foreach 3 .. 9;
is($node->safe_psql('d10', 'SELECT count(*) FROM ppm.last_run'), '0', 'a template is not, unless it is named');
is(calls($node, 'd1'), 1, 'nor a database that was just called');
$node->safe_psql('postgres', 'DROP DATABASE plain; ALTER DATABASE d9 RENAME TO d11; DROP DATABASE d8');
$node->safe_psql('d7', 'DROP EXTENSION ppm');
age($node, 'd11', '1 hour');
make_database($node, 'd12');
$log = -s $node->logfile;
configure($node);
wait_for($node, 'd11', q(SELECT count(*) = 2 FROM ppm.last_run WHERE at > now() - interval '30 min'), 'a renamed one goes on');
wait_for($node, 'd12', $all_is_well, 'a new one is called');
is(said($node, qr/(?:ERROR|FATAL|WARNING):  /, $log), 0, 'and no error is logged for databases that were dropped');

#
# When
#

age($node, 'd1', '50 min');
age($node, 'd2', '1 hour');
# Whose clock was ahead.
age($node, 'd3', '-1 year');
configure($node);
wait_for($node, $_, q(SELECT count(*) = 2 FROM ppm.last_run WHERE at BETWEEN now() - interval '30 min' AND now()), "$_ is overdue") foreach ('d2', 'd3');
wait_for($node, 'd1', q(SELECT scheduled_at < now() + interval '10 min' FROM ppm.status), 'and d1 will be overdue');
is(calls($node, 'd1'), 1, 'but is not overdue yet');

# What one table has not been called for.
$node->safe_psql('d1', daily_table('b', 2));
configure($node);
wait_for($node, 'd1', q(SELECT count(*) = 4 FROM ppm.last_run), 'a new table makes it due');

# Somebody calls by hand, or by pg_cron, and waits for a lock. Only then a call is due: otherwise the server might begin it first.
$node->safe_psql('d1', 'UPDATE ppm.config SET pre_provisioned = 4');
my $holder = $node->background_psql('d1');
$holder->query_safe('BEGIN; LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE');
my $other = $node->background_psql('d1');
$other->query_until(qr/calling/, "$patience SET client_min_messages = error;\n\\echo calling\nCALL ppm.run_all();\n\\echo called\n");
wait_for($node, 'd1', q(SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND backend_type = 'client backend' AND query ~ '^CALL ppm.run_all')),
	'another call waits');
age($node, 'd1', '2 hours');
configure($node);
wait_for($node, 'd1', q(SELECT bool_and(scheduled_at > now() + interval '10 s') FROM ppm.status), 'the scheduled call comes later');
is($node->safe_psql('d1', q(SELECT coalesce(string_agg(concat_ws(' ', run_id, table_name, action, partition, message), '; '), '') FROM ppm.history WHERE outcome = 'failed')), '', 'and does not fail');
$holder->query_safe('COMMIT');
$holder->quit;
$other->query_until(qr/called/, '');
$other->quit;
configure($node);
wait_for($node, 'd1', q(SELECT bool_and(scheduled_at > now() + interval '30 min') FROM ppm.status), 'that call counts');

# The owner of one database keeps the server from none of the others, with whatever settings.
$node->safe_psql('d3', q(ALTER DATABASE d3 SET ppm.lock_timeout = '20d'));
my $locked = $node->background_psql('d3');
$locked->query_safe('BEGIN; LOCK TABLE ppm.config IN ACCESS EXCLUSIVE MODE');
age($node, $_, '2 hours') foreach ('d2', 'd3', 'd11');
configure($node);
wait_for($node, $_, $all_is_well, "$_ is called while d3 is locked") foreach ('d2', 'd11');
$locked->query_safe('COMMIT');
$locked->quit;
$node->safe_psql('d3', 'ALTER DATABASE d3 RESET ppm.lock_timeout');
configure($node);
wait_for($node, 'd3', $all_is_well, 'then d3 is');

# A connection waits for whoever renames the database.
my $renamer = $node->background_psql('postgres');
$log = -s $node->logfile;
age($node, $_, '2 hours') foreach ('d2', 'd3', 'd11');
$renamer->query_safe('BEGIN; ALTER DATABASE d3 RENAME TO d3_renamed');
configure($node);
$node->wait_for_log(qr/LOG:  a background worker of ppm could not look into the database with OID \d+ in time/, $log);
wait_for($node, $_, $all_is_well, "$_ is called while d3 is being renamed") foreach ('d2', 'd11');
$renamer->query_safe('ROLLBACK');
$renamer->quit;
configure($node);
wait_for($node, 'd3', $all_is_well, 'then d3 is again');

# It keeps nothing from being removed.
is($node->safe_psql('postgres', q(SELECT backend_xmin, xact_start, datname FROM pg_stat_activity WHERE backend_type = 'ppm launcher')), '||',
	'between calls there is no transaction, no snapshot, no database');

#
# As whom
#

my $ask = sub { return $node->safe_psql('d4', "SELECT $_[0]") };
my $turn = sub {
	my ($role, $pattern) = @_;
	my $from = -s $node->logfile;
	# The role first: what is due is called at once.
	configure($node, "ppm.schedule_role = '$role'");
	age($node, 'd4', '2 hours');
	configure($node);
	$node->wait_for_log($pattern, $from) if $pattern;
	return $from;
};

configure($node, q(ppm.schedule_databases = 'd4'));
$node->safe_psql('d4', 'DELETE FROM ppm.history');
$log = $turn->('scheduler', qr/ERROR:  scheduled run in database "d4" failed: role "scheduler" of ppm.schedule_role does not exist\n.*HINT:  Create it/);
wait_for($node, 'd4', q(SELECT bool_or(outcome = 'failed') FROM ppm.last_run), 'ppm.last_run says that it failed');
is($ask->(q(sqlstate || ' ' || message FROM ppm.history WHERE outcome = 'failed')),
	'42704 role "scheduler" of ppm.schedule_role does not exist (SQLSTATE 42704)', 'ppm.history says why');
is($ask->(q(last_outcome FROM ppm.status)), 'failed', 'and ppm.status that');
is($ask->(q(max(at) < now() - interval '1 hour' FROM ppm.last_run)), 't', 'but not that it was done');
configure($node);
wait_for($node, 'd4', q(SELECT scheduled_at > now() FROM ppm.status), 'it is tried again');
is(said($node, qr/role "scheduler" of ppm.schedule_role does not exist/, $log), 1, 'which is logged once');
is($ask->(q(count(*) FROM ppm.history WHERE outcome = 'failed')), '1', 'and recorded once');

$node->safe_psql('d4', 'CREATE ROLE scheduler NOLOGIN');
my $denied = qr/ERROR:  scheduled run in database "d4" failed: permission denied for (?:procedure|table)/;
if ($node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 170000)) eq 't')
{
	$turn->('scheduler', qr/ERROR:  scheduled run in database "d4" failed: role "scheduler" of ppm.schedule_role is not permitted to log in/);
	$node->safe_psql('d4', 'ALTER ROLE scheduler LOGIN');
}
$turn->('scheduler', $denied);
wait_for($node, 'd4', q(SELECT EXISTS (SELECT FROM ppm.history WHERE sqlstate = '42501')), 'what it may not do is recorded, too');

# As little as it needs.
$node->safe_psql('d4', <<'SQL');
CREATE ROLE table_owner;
ALTER TABLE a OWNER TO table_owner;
GRANT table_owner TO scheduler;
GRANT EXECUTE ON PROCEDURE ppm.run_all(regclass) TO scheduler;
GRANT SELECT ON ppm.config TO scheduler;
GRANT CREATE ON SCHEMA public TO table_owner;
UPDATE ppm.config SET pre_provisioned = 5;
SQL
$log = $turn->('scheduler', qr/LOG:  scheduled run in database "d4" succeeds again/);
wait_for($node, 'd4', $all_is_well, 'with the privileges it continues');
is($ask->(q(string_agg(DISTINCT executed_by, ' ') FROM ppm.history WHERE outcome = 'ok')), 'scheduler', 'as that role');
configure($node, q(ppm.schedule_role = ''));

#
# What fails
#

configure($node, q(ppm.schedule_databases = 'd5'));
$node->safe_psql('d5', <<'SQL');
CREATE TABLE broken (day date) PARTITION BY RANGE (day);
CREATE TABLE broken_rest PARTITION OF broken DEFAULT;
INSERT INTO broken SELECT generate_series(current_date - 1, current_date + 2, interval '1 day');
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('broken', 'daily', 1);
-- What it warns of.
DO $$ BEGIN
    EXECUTE (SELECT 'ALTER TABLE ' || min(inhrelid::regclass::text) || ' SET UNLOGGED' FROM pg_inherits WHERE inhparent = 'a'::regclass);
END $$;
SQL
$log = -s $node->logfile;
configure($node);
$node->wait_for_log(qr/ERROR:  scheduled run in database "d5" failed: could not provision 1 of 2 tables, found errors in 1 of 2 tables\n.*DETAIL:  table "public.broken"/, $log);
my $calls = calls($node, 'd5');
age($node, 'd5', '1 hour');
configure($node);
wait_for($node, 'd5', q(SELECT count(*) = 4 FROM ppm.last_run WHERE at > now() - interval '30 min'), 'a run that failed is made again');
wait_for($node, 'd5', q(SELECT scheduled_at > now() + interval '30 min' FROM ppm.status WHERE table_name = 'a'), 'after an interval');
cmp_ok(calls($node, 'd5'), '>', $calls, 'and recorded again');
is(said($node, qr/ERROR:  scheduled run in database "d5" failed/, $log), 1, 'but logged once');
is(said($node, qr/WARNING:  .*public\.a/, $log), 1, 'and so is a warning');
is($node->safe_psql('d5', q(SELECT string_agg(DISTINCT sqlstate, ' ' ORDER BY sqlstate) FROM ppm.history WHERE outcome = 'failed')), '23514 PM005', 'once by ppm itself');

# A new version whose library waits for the restart.
$log = -s $node->logfile;
$node->safe_psql('d6', q(UPDATE pg_extension SET extversion = '99.0' WHERE extname = 'ppm'));
age($node, 'd6', '2 hours');
configure($node, q(ppm.schedule_databases = 'd6'));
$node->wait_for_log(qr/ERROR:  scheduled run in database "d6" failed: extension "ppm" is newer than its library\n.*DETAIL:.*\n.*HINT:  .*restart the server/, $log);

$node->stop;
done_testing();
