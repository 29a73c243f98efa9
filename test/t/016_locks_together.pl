# A statement that locks several tables of others: while ppm waits for one of them it holds none of the others, so that nobody
# waits longer for ppm than ppm.lock_timeout.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('locks_together');

# A table that others are tied to in every way there is: it refers to tables, one of them partitioned; tables refer to it, one
# of them partitioned, too.
sub tied_table
{
	my ($name, $policy, $more) = @_;
	return <<"EOF";
CREATE TABLE ${name}_to_a (id int PRIMARY KEY);
CREATE TABLE ${name}_to_b (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE ${name}_to_b_low PARTITION OF ${name}_to_b FOR VALUES FROM (0) TO (10);
CREATE TABLE ${name}_to_b_high PARTITION OF ${name}_to_b FOR VALUES FROM (10) TO (20);
CREATE TABLE $name (day date NOT NULL, n int NOT NULL, a int REFERENCES ${name}_to_a, b int REFERENCES ${name}_to_b, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE ${name}_from_a (id int PRIMARY KEY, day date, n int, FOREIGN KEY (day, n) REFERENCES $name);
CREATE INDEX ON ${name}_from_a (day, n);
CREATE TABLE ${name}_from_b (id int PRIMARY KEY, day date, n int, FOREIGN KEY (day, n) REFERENCES $name) PARTITION BY RANGE (id);
CREATE TABLE ${name}_from_b_all PARTITION OF ${name}_from_b FOR VALUES FROM (0) TO (10);
CREATE INDEX ON ${name}_from_b (day, n);
$more
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', 1, 1, '$policy');
EOF
}

sub default_of { return "CREATE TABLE $_[0]_default PARTITION OF $_[0] DEFAULT;" }

sub add_old
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE TABLE ${name}_old PARTITION OF $name FOR VALUES FROM ('2026-03-01') TO ('2026-03-02')");
	return;
}

my $by_ppm = q((application_name = 'call' OR backend_type = 'ppm worker'));

sub wait_until_ppm_waits_for
{
	my ($table) = @_;
	$node->poll_query_until('postgres', <<"EOF") or die "ppm does not wait for $table";
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
               WHERE NOT granted AND relation = '$table'::regclass AND $by_ppm)
EOF
	return;
}

# The tables named $name... that ppm has locked so that writers wait.
sub held
{
	my ($name) = @_;
	return $node->safe_psql('postgres', <<"EOF");
SELECT coalesce(string_agg(DISTINCT relname, ' ' ORDER BY relname), '')
FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN pg_class ON pg_class.oid = relation
WHERE granted AND $by_ppm AND relname ~ '^$name' AND relkind IN ('r', 'p')
  AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
EOF
}

# Runs the call with one of the tables locked, and lets it wait for that. $own: what it may hold meanwhile.
sub holds_none
{
	my ($what, $name, $call, $own, $table, $mode) = @_;
	my $holder = hold($node, "LOCK TABLE ONLY $table IN $mode MODE");
	my $session = start_sql($node, 'call', "$patience $call");
	wait_until_ppm_waits_for($table);
	like(held($name), qr/^$own$/, "$what: while it waits for $table, it holds no other table");
	$holder->query_safe('COMMIT');
	$holder->quit;
	my ($result, undef, $messages) = finish_sql($session);
	is($result, 0, "$what: it succeeds when that table is free") or diag $messages;
	return;
}

#
# Each statement
#

$node->safe_psql('postgres', tied_table('new', 'drop', default_of('new')));
my $more = 1;
foreach my $table (qw(new_to_a new_to_b_low new_to_b_high new_from_a new_from_b new_default))
{
	holds_none('provision', 'new', "CALL ppm.provision('new')", '(new_2026_03_\d\d)?', $table, 'ROW EXCLUSIVE');
	$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = ' . ++$more . " WHERE table_name = 'new'");
}
like(partitions_of($node, 'new'), qr/^ ?14 15 16 17 18 19 20 21 ?$/, 'provision: all partitions are created');

$node->safe_psql('postgres', tied_table('plain', 'detach', default_of('plain')) . "CALL ppm.provision('plain')");
my $day = 1;
foreach my $table (qw(plain_to_a plain_to_b_high plain_from_a plain_from_b plain_default plain))
{
	$node->safe_psql('postgres', "CREATE TABLE plain_old_$day PARTITION OF plain FOR VALUES FROM ('2026-03-$day') TO ('2026-03-" . ($day + 1) . "')");
	$day++;
	holds_none('DETACH', 'plain', "CALL ppm.cleanup('plain')", '', $table, 'ROW EXCLUSIVE');
}

# What was detached has triggers of its own on what it refers to, which go when it comes back: then readers wait, too. (PostgreSQL 14 drops its
# foreign keys to partitioned tables.)
my $drops_keys = $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 150000)) eq 't';
my $kept = 9;
foreach (
	[ 'plain_to_a', 'ACCESS SHARE' ],
	[ 'plain_to_b_high', $drops_keys ? 'ROW EXCLUSIVE' : 'ACCESS SHARE' ],
	[ 'plain_from_a', 'ROW EXCLUSIVE' ],
	[ 'plain_from_b', 'ROW EXCLUSIVE' ],
	[ 'plain_default', 'ROW EXCLUSIVE' ])
{
	my ($table, $mode) = @$_;
	$node->safe_psql('postgres', "UPDATE ppm.config SET retention = $kept WHERE table_name = 'plain'");
	$kept++;
	# What lies after it is made by an earlier step.
	holds_none('ATTACH of what was detached', 'plain', "CALL ppm.provision('plain')", '(plain_2026_03_\d\d)?', $table, $mode);
}

$node->safe_psql('postgres', tied_table('gone', 'drop', '') . "CALL ppm.provision('gone')");
# The first transaction of DETACH CONCURRENTLY locks those who refer to the partition, and cannot be had without them.
foreach my $table (qw(gone_from_a gone_from_b))
{
	add_old('gone');
	holds_none('DETACH CONCURRENTLY', 'gone', "CALL ppm.cleanup('gone')", '', $table, 'ROW EXCLUSIVE');
}
# A referring table may have functions of its owner's, which must not change while it is looked at: that lock is one of those.
add_old('gone');
holds_none('DETACH CONCURRENTLY', 'gone', "CALL ppm.cleanup('gone')", '', 'gone_from_b_all', 'SHARE UPDATE EXCLUSIVE');
# Its second has locked the partition, which nobody finds any more, when it comes to the others.
foreach (
	[ 'gone_to_a', 'ROW EXCLUSIVE' ],
	[ 'gone_to_b_low', 'ROW EXCLUSIVE' ],
	[ 'gone_from_a', 'ACCESS SHARE' ],
	[ 'gone_from_b', 'ACCESS SHARE' ])
{
	my ($table, $mode) = @$_;
	add_old('gone');
	holds_none('the end of DETACH CONCURRENTLY', 'gone', "CALL ppm.cleanup('gone')", 'gone_old', $table, $mode);
}
# DROP removes the triggers on what the table refers to.
foreach my $table ('gone_to_a', $drops_keys ? () : ('gone_to_b_low', 'gone_to_b_high'))
{
	add_old('gone');
	holds_none('DROP', 'gone', "CALL ppm.cleanup('gone')", '', $table, 'ACCESS SHARE');
}
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 'gone_old')), 0, 'DROP: it is gone');

# The look for new rows in what was detached before may take long: until it is over, no table that the partition refers to is locked.
add_old('gone');
my $reader = hold($node, 'SELECT count(*) FROM gone_to_a');
$node->psql('postgres', "SET ppm.lock_timeout = '100ms'; CALL ppm.cleanup('gone')");
$reader->quit;
is($node->safe_psql('postgres', q(SELECT relispartition FROM pg_class WHERE relname = 'gone_old')), 'f', 'a table is detached and not dropped');
holds_none('DROP later', 'gone', "CALL ppm.cleanup('gone')", '', 'gone_old', 'ROW EXCLUSIVE');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 'gone_old')), 0, 'DROP later: it is gone');

# What an interrupted DETACH CONCURRENTLY has left.
foreach my $table (qw(gone_to_a gone_from_a))
{
	add_old('gone');
	$reader = hold($node, 'SELECT count(*) FROM gone');
	$node->psql('postgres', "SET lock_timeout = '100ms'; ALTER TABLE gone DETACH PARTITION gone_old CONCURRENTLY");
	$reader->quit;
	holds_none('FINALIZE', 'gone', "CALL ppm.cleanup('gone')", '', $table, $table eq 'gone_to_a' ? 'ROW EXCLUSIVE' : 'ACCESS SHARE');
	$node->safe_psql('postgres', 'DROP TABLE gone_old');
}

# FINALIZE waits for snapshots that are older than itself, with its locks: no longer than for a lock. (Before it locks anything, ppm has
# waited for those of then.)
add_old('gone');
$reader = hold($node, 'SELECT count(*) FROM gone');
$node->psql('postgres', "SET lock_timeout = '100ms'; ALTER TABLE gone DETACH PARTITION gone_old CONCURRENTLY");
$reader->quit;
my $holder = hold($node, 'LOCK TABLE gone_to_a IN ROW EXCLUSIVE MODE');
my $call = start_sql($node, 'call', "SET ppm.lock_timeout = '5s'; SET ppm.statement_timeout = '1h'; CALL ppm.cleanup('gone')");
wait_until_ppm_waits_for('gone_to_a');
my $report = hold($node, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
$holder->quit;
my (undef, undef, $said) = finish_sql($call);
like($said, qr/canceling statement due to .*timeout/, 'FINALIZE: it gives up while a report reads the table');
$report->quit;
my ($result) = run_sql($node, "CALL ppm.cleanup('gone')");
is("$result " . $node->safe_psql('postgres', q(SELECT relispartition FROM pg_class WHERE relname = 'gone_old')), '0 f', 'FINALIZE: the next call does it');

#
# What is no table of theirs
#

# Runs the call while somebody has changed in an open transaction what it needs, and lets it wait for that. $own as above.
sub holds_none_meanwhile
{
	my ($what, $name, $call, $own, $change) = @_;
	my $holder = hold($node, $change);
	my $session = start_sql($node, 'call', "$patience $call");
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND $by_ppm)")
	  or die "ppm does not wait for: $change";
	like(held($name), qr/^$own$/, "$what: while it waits for somebody who said $change, it holds no other table");
	$holder->quit;
	my ($result, undef, $messages) = finish_sql($session);
	is($result, 0, "$what: it succeeds when that is rolled back") or diag $messages;
	return;
}

my $set_policy = q(UPDATE ppm.config SET cleanup_policy = 'detach');
my $rename_schema = 'ALTER SCHEMA public RENAME TO away';

$node->safe_psql('postgres', tied_table('room', 'drop', default_of('room')) . "CALL ppm.provision('room')");
foreach my $change ($set_policy, $rename_schema)
{
	add_old('room');
	holds_none_meanwhile('DETACH', 'room', "CALL ppm.cleanup('room')", '', $change);
}

$node->safe_psql('postgres', tied_table('rest', 'drop', '') . "CALL ppm.provision('rest')");
add_old('rest');
holds_none_meanwhile('DETACH CONCURRENTLY', 'rest', "CALL ppm.cleanup('rest')", '', $rename_schema);
foreach my $change ($set_policy, $rename_schema)
{
	add_old('rest');
	$reader = hold($node, 'SELECT count(*) FROM rest_to_a');
	$node->psql('postgres', "SET ppm.lock_timeout = '100ms'; CALL ppm.cleanup('rest')");
	$reader->quit;
	holds_none_meanwhile('DROP', 'rest', "CALL ppm.cleanup('rest')", 'rest_old', $change);
}
add_old('rest');
$reader = hold($node, 'SELECT count(*) FROM rest');
$node->psql('postgres', "SET lock_timeout = '100ms'; ALTER TABLE rest DETACH PARTITION rest_old CONCURRENTLY");
$reader->quit;
holds_none_meanwhile('FINALIZE', 'rest', "CALL ppm.cleanup('rest')", '', $rename_schema);
$node->safe_psql('postgres', 'DROP TABLE rest_old');

# The second transaction of a detach locks the tables that refer to the parent, and drops the partition, too. What it needs is
# taken away between the two.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE seen (day date, n int, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE seen_from (day date, n int, FOREIGN KEY (day, n) REFERENCES seen);
CREATE INDEX ON seen_from (day, n);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('seen', 'daily', 1, 1, 'drop');
CALL ppm.provision('seen');
EOF
foreach my $change ($rename_schema, map { "LOCK TABLE ppm.$_" } qw(config configured_relations detached history hooks kept pending_hooks))
{
	add_old('seen');
	$reader = hold($node, 'SELECT count(*) FROM seen');
	my $session = start_sql($node, 'call', "$patience CALL ppm.cleanup('seen')");
	wait_until_worker_waits($node, 'virtualxid');
	my $holder = hold($node, $change);
	$reader->quit;
	$node->poll_query_until('postgres', <<"EOF") or die "ppm does not wait for: $change";
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND locktype <> 'virtualxid' AND $by_ppm)
EOF
	like(held('seen'), qr/^(seen_old)?$/, "the end of a detach: while it waits for somebody who said $change, it holds no other table");
	$holder->quit;
	my ($end, undef, $said) = finish_sql($session);
	is("$end " . $node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relname = 'seen_old')), '0 0', "$change: it succeeds when that is rolled back") or diag $said;
}

# A table that was detached to be kept comes back.
$node->safe_psql('postgres', tied_table('back', 'detach', default_of('back')) . "CALL ppm.provision('back')");
$kept = 2;
foreach my $change ("UPDATE ppm.detached SET cleanup_policy = cleanup_policy WHERE table_name = 'back'", $rename_schema)
{
	$node->safe_psql('postgres', "UPDATE ppm.config SET retention = $kept WHERE table_name = 'back'; CALL ppm.provision('back')");
	$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = 1 WHERE table_name = 'back'));
	$node->safe_psql('postgres', q(CALL ppm.cleanup('back')));
	$node->safe_psql('postgres', "UPDATE ppm.config SET retention = $kept WHERE table_name = 'back'");
	holds_none_meanwhile('ATTACH of what was detached', 'back', "CALL ppm.provision('back')", '', $change);
}

# A policy's expression may name any table. Nobody uses the new partition before it is attached.
$node->safe_psql('postgres', tied_table('hidden', 'detach', default_of('hidden')) . <<'EOF');
CREATE TABLE readers (name name);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
CREATE POLICY those ON hidden USING (EXISTS (SELECT FROM readers WHERE name = current_user));
EOF
holds_none_meanwhile('provision', 'hidden', "CALL ppm.provision('hidden')", '', 'LOCK TABLE readers');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_policy WHERE polname = 'those')), 4, 'all partitions have the policy');

#
# In all
#

# How long a call takes that does not get its locks; after a while $holder lets go of the table that is waited for first.
sub call_in_vain
{
	my ($holder) = @_;
	my $started = time();
	my $session = start_sql($node, 'call', "SET ppm.lock_timeout = '2s'; BEGIN; CALL ppm.provision('new')");
	wait_until_ppm_waits_for('new_to_a');
	if ($holder)
	{
		$node->safe_psql('postgres', 'SELECT pg_sleep(1)');
		$holder->query_safe('ROLLBACK');
	}
	my (undef, undef, $messages) = finish_sql($session);
	return (time() - $started, $messages);
}

sub not_locked
{
	my ($table) = @_;
	return qr/lock timeout: Table "public\.$table" could not be locked within ppm\.lock_timeout\. \(SQLSTATE 55P03\)/;
}

my $one = hold($node, 'LOCK TABLE new_to_a IN ROW EXCLUSIVE MODE');
my ($alone, $messages) = call_in_vain();
like($messages, not_locked('new_to_a'), 'the table that could not be locked is named');

my $other = hold($node, 'LOCK TABLE new_to_b_high IN ROW EXCLUSIVE MODE');
(my $both, $messages) = call_in_vain($one);
like($messages, not_locked('new_to_b_high'), 'so is one that was waited for later');
cmp_ok($both, '<', 1.3 * $alone, 'two tables are waited for no longer than one') or diag "$both s, alone $alone s";
$_->quit foreach $one, $other;

$node->stop;
done_testing();
