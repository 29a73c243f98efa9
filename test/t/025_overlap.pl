# Two calls at a time on the same tables.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('overlap');
my ($result, $output, $messages);
my $busy = qr/another call of ppm is at work on the table \(SQLSTATE 55P03\)/;

#
# The first call is in a transaction block
#

$node->safe_psql('postgres', daily_table('a', 2) . daily_table('b', 2) . daily_table('c', 2));
my $first = hold($node, q(CALL ppm.provision('b')));
is(advisory_locks($node), 1, 'a call in a transaction block keeps others off until its end');

($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; CALL ppm.provision()");
is($result, 3, 'a second call fails');
like($messages, qr/ERROR:  PM004: could not provision 1 of 3 tables$/m, 'for one table');
like($messages, qr/^DETAIL:  table "public\.b": $busy\nHINT/m, 'and says why');
is(partitions_of($node, 'a') . ' ' . partitions_of($node, 'c'), '15 16 17 15 16 17', 'the other tables are provisioned');

my $second = start_sql($node, 'second', "$patience CALL ppm.provision()");
wait_until_waits($node, 'second', 'advisory');
$first->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($second);
is("$result $messages", '0 ', 'a call that waits for the first finds nothing left to do after it');
is(partitions_of($node, 'b'), '15 16 17', 'because the first did it');
is(advisory_locks($node), 0, 'no lock is left');

$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 3');
$first->query_safe(q(BEGIN; CALL ppm.provision('b')));
$second = start_sql($node, 'second', "$patience CALL ppm.provision('b')");
wait_until_waits($node, 'second', 'advisory');
$first->query_safe('ROLLBACK');
($result, $output, $messages) = finish_sql($second);
is($result, 0, 'a call that waits for one that is rolled back succeeds');
like($messages, qr/NOTICE:.*b_2026_03_18/, 'and does what the other call would have done');

# What one transaction does twice, it does not wait for.
($result, $output, $messages) = run_sql($node, <<'EOF');
BEGIN;
UPDATE ppm.config SET pre_provisioned = 4;
CALL ppm.provision();
UPDATE ppm.config SET pre_provisioned = 5;
CALL ppm.provision();
COMMIT;
EOF
is($result, 0, 'a transaction may call twice');
is(partitions_of($node, 'b'), '15 16 17 18 19 20', 'and each call does its part');

#
# The first call is in no transaction block, and waits
#

$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 6');
my $holder = hold($node, 'LOCK TABLE ONLY a IN SHARE MODE');
my $waiting = start_sql($node, 'waiting', "$patience CALL ppm.provision()");
wait_until_waits($node, 'waiting', 'relation');

($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; CALL ppm.provision()");
like($messages, qr/^DETAIL:  table "public\.a": $busy\nHINT/m, 'a second call says that another is at work on the table');
is(partitions_of($node, 'b'), '15 16 17 18 19 20 21', 'and provisions the other tables');
my $recorded = q(SELECT outcome, run_id FROM ppm.last_run WHERE table_name = 'a' AND procedure = 'provision');
like($node->safe_psql('postgres', $recorded), qr/^ok/, 'the other call records what was done to that table');
my $last_run = $node->safe_psql('postgres', $recorded);

# A transaction block gives up likewise, and all of it.
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; BEGIN; CALL ppm.provision(); COMMIT");
like($messages, qr/^DETAIL:  table "public\.a": $busy\nHINT/m, 'so does one in a transaction block');

$holder->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($waiting);
is($result, 0, 'the first call succeeds when it gets the lock');
isnt($node->safe_psql('postgres', $recorded), $last_run, 'and is recorded, although it began before the others');
is(scalar(() = $messages =~ /NOTICE/g), 1, 'and does only what is left');
is(partitions_of($node, 'a'), '15 16 17 18 19 20 21', 'which is the table it waited for');
is(advisory_locks($node), 0, 'no lock is left');

# A user's advisory locks are other locks.
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 7');
$holder->query_safe(q(BEGIN; SELECT pg_advisory_lock(7368813, 'a'::regclass::oid::int), pg_advisory_lock('a'::regclass::oid::int)));
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; CALL ppm.provision('a')");
is($result, 0, 'no advisory lock of a user is in the way');

#
# Other people's code in the first call releases all that its session has locked
#

$node->safe_psql('postgres', 'DELETE FROM ppm.config;' . daily_table('h', 1) . <<'EOF');
SET ppm.work_date = '2026-03-10'; CALL ppm.provision('h'); SET ppm.work_date = '2026-03-15'; CALL ppm.provision('h');
UPDATE ppm.config SET retention = 1, cleanup_policy = 'detach' WHERE table_name = 'h';
CREATE TABLE gate ();
CREATE FUNCTION release(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock_all()';
CREATE FUNCTION wait(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS 'BEGIN LOCK TABLE gate; END';
INSERT INTO ppm.hooks (table_name, event, function, position)
VALUES ('h', 'before_detach', 'public.release(regclass, regclass, text, text)', 1),
       ('h', 'before_detach', 'public.wait(regclass, regclass, text, text)', 2);
EOF
$holder->query_safe('COMMIT; BEGIN; LOCK TABLE gate');
$waiting = start_sql($node, 'waiting', "$patience CALL ppm.run_all()");
wait_until_waits($node, 'waiting', 'relation');
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '100ms'; CALL ppm.cleanup('h')");
like($messages, qr/^DETAIL:  table "public\.h": $busy\nHINT/m, 'pg_advisory_unlock_all() in a hook lets no other call in');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 5)),
	1, 'nor does it hide from the launcher that all tables are being worked on');
$holder->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($waiting);
is($result, 0, 'the call goes on');
unlike($messages, qr/you don't own a lock/, 'and misses nothing');
is(partitions_of($node, 'h'), '14 15 16', 'to its end');
is(advisory_locks($node), 0, 'no lock is left');

$_->quit foreach ($first, $holder);
$node->stop;
done_testing();
