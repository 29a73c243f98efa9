# What was kept once stays kept: when the policy, the retention, the table's owner or the database changes, and until a person says
# otherwise.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;

# It takes the real date. What follows is written as if that were in 2026.
my $node = new_node('kept', conf => "ppm.work_date = ''");
my $later = $node->safe_psql('postgres', q(SELECT extract(year FROM now() AT TIME ZONE 'UTC')::int)) - 2026;

sub shifted
{
	my ($text, $years) = @_;
	$text =~ s/(?<!\d)(20[123]\d)(?!\d)/$1 + $years/ge;
	return $text;
}

sub psql
{
	my ($sql, $database) = @_;
	return shifted($node->safe_psql($database // 'postgres', shifted($sql, $later)), -$later);
}

sub start
{
	my ($sql) = @_;
	return start_sql($node, 'caller', shifted($sql, $later));
}

sub finish
{
	my ($call) = @_;
	return map { shifted($_, -$later) } finish_sql($call);
}

sub call
{
	my ($sql) = @_;
	return finish(start($sql));
}

psql('CREATE ROLE alice; CREATE ROLE bob; GRANT CREATE ON SCHEMA public TO alice, bob');
my ($result, $output, $messages);

# With rows in 2016 to 2026, of which two years are in the window.
sub make
{
	my ($policy, $more) = @_;
	psql(<<"EOS" . ($more // ''));
SET client_min_messages = error;
DROP TABLE IF EXISTS t CASCADE;
DO 'DECLARE each regclass; BEGIN FOR each IN SELECT oid FROM pg_class WHERE relname ~ \$\$^t_20\$\$ AND relkind = \$\$r\$\$ LOOP EXECUTE \$\$DROP TABLE \$\$ || each || \$\$ CASCADE\$\$; END LOOP; END';
DELETE FROM ppm.config;
CALL ppm.run_all();
CREATE TABLE t (day date NOT NULL, note text) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'yearly', 1, 10, '$policy');
CALL ppm.run_all();
INSERT INTO t SELECT make_date(year, 5, 5), 'a row' FROM generate_series(2016, 2026) AS year;
EOS
	return;
}

sub configure
{
	my ($settings) = @_;
	($result, $output, $messages) = call("UPDATE ppm.config SET $settings; CALL ppm.run_all()");
	return;
}

# Years that are partitions; that are tables; that are kept and partitions.
sub state
{
	return psql(<<'EOS') =~ s/t_20//gr;
SELECT coalesce(string_agg(relname, ' ' ORDER BY relname) FILTER (WHERE relispartition), '') || '; '
	|| coalesce(string_agg(relname, ' ' ORDER BY relname) FILTER (WHERE NOT relispartition), '') || '; '
	|| (SELECT coalesce(string_agg(partition, ' ' ORDER BY partition), '') FROM ppm.kept)
FROM pg_class WHERE relname ~ '^t_20' AND relkind = 'r'
EOS
}

#
# The drop fails, and the hint is followed
#

foreach my $how (
	q(UPDATE ppm.config SET cleanup_policy = 'detach'; UPDATE ppm.config SET cleanup_policy = 'drop'),
	q(UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.run_all(); UPDATE ppm.config SET cleanup_policy = 'drop'),
	q(DELETE FROM ppm.config; INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'yearly', 1, 9);
	  UPDATE ppm.config SET cleanup_policy = 'drop'),
	# Past the trigger.
	q(SET session_replication_role = replica; UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.cleanup();
	  UPDATE ppm.config SET cleanup_policy = 'drop'))
{
	make('drop', 'CREATE VIEW report AS TABLE t_2016');
	configure('retention = 9');
	like($messages, qr/keep it: set cleanup_policy to detach/, 'a drop fails, and the hint says how to keep the table');
	psql($how);
	is(psql('SELECT detached, cleanup_policy FROM ppm.detached'), 't_2016|detach', "it is kept: $how");
	psql('DROP VIEW report; CALL ppm.run_all()');
	is(state(), '17 18 19 20 21 22 23 24 25 26 27; 16; ', 'and not dropped when nothing keeps it any more');
}
psql(q(UPDATE ppm.detached SET cleanup_policy = 'drop'; CALL ppm.run_all()));
is(state(), '17 18 19 20 21 22 23 24 25 26 27; ; ', 'unless somebody deletes its row');

# A detach is interrupted that was to be followed by a drop, and finished when the table is to be kept.
make('drop');
my $reader = hold($node, 'SELECT count(*) FROM t');
($result, $output, $messages) = call("SET ppm.lock_timeout = '50ms'; SET ppm.statement_timeout = '100ms'; UPDATE ppm.config SET retention = 9; CALL ppm.cleanup()");
$reader->query_safe('ROLLBACK');
is(psql('SELECT cleanup_policy, version IS NULL FROM ppm.detached'), 'drop|t', 'a detach is interrupted');
configure(q(cleanup_policy = 'detach'));
configure(q(cleanup_policy = 'drop'));
is("$result " . state(), '0 17 18 19 20 21 22 23 24 25 26 27; 16; ', 'the table is kept');

# The policy is about to be changed while a partition is about to be recorded as one to drop.
make('drop', '; UPDATE ppm.config SET retention = 9');
# (What that makes of the partitions is told as a warning.)
$reader->query_safe(q(SET client_min_messages = error; BEGIN; UPDATE ppm.config SET cleanup_policy = 'detach'));
my $call = start("$patience CALL ppm.cleanup()");
wait_until_worker_waits($node, 'transactionid');
$reader->query_safe('COMMIT');
($result, $output, $messages) = finish($call);
like($messages, qr/the configuration of table "public\.t" was changed concurrently/, 'a call that planned to drop waits for whoever changes the policy, and refuses');
is(state(), '16 17 18 19 20 21 22 23 24 25 26 27; ; ', 'and nothing is gone');

#
# The retention is raised and put back
#

my $all = '16 17 18 19 20 21 22 23 24 25 26 27';
make('detach');
configure('retention = 1');
is(state(), '25 26 27; 16 17 18 19 20 21 22 23 24; ', 'years are archived');
configure(q(cleanup_policy = 'drop'));
configure('retention = 10');
is(state(), "$all; ; 16 17 18 19 20 21 22 23 24", 'they come back, and ppm knows what they were');
psql('UPDATE ppm.config SET retention = 1');
is( psql(q(SELECT action, count(*), min(partition) FROM ppm.plan() GROUP BY action ORDER BY action)),
	'detach|9|t_2016', 'plan says that they are detached and not dropped');
configure('retention = 1');
is(state(), '25 26 27; 16 17 18 19 20 21 22 23 24; 16 17 18 19 20 21 22 23 24', 'and cleanup does so');
is(psql('SELECT count(*) FROM ppm.check()'), '0', 'and all is well');
is(psql(q(SELECT string_agg(note, '') FROM t_2016)), 'a row', 'with their rows');
configure('retention = 10');
configure('retention = 8');
is(state(), '18 19 20 21 22 23 24 25 26 27; 16 17; 16 17 18 19 20 21 22 23 24', 'again and again');
configure('retention = 10');

# A person says otherwise.
psql(q(DELETE FROM ppm.kept WHERE partition = 't_2016'));
configure('retention = 8');
is(state(), '18 19 20 21 22 23 24 25 26 27; 17; 17 18 19 20 21 22 23 24', 'what is not to be kept any more is dropped');

# What is gone is forgotten.
psql('DROP TABLE t_2017; CALL ppm.run_all()');
is(state(), '18 19 20 21 22 23 24 25 26 27; ; 18 19 20 21 22 23 24', 'what is gone is forgotten');

# A dump and restore, and with it other OIDs.
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump');
psql('CREATE DATABASE copy');
psql("CREATE TABLE another_oid_$_ ()", 'copy') foreach 1 .. 3;
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'and its restore');
is(psql('SELECT count(*) FROM ppm.kept JOIN pg_class ON oid = relation AND relname = partition', 'copy'), '0', 'change the OIDs');
# By chance the OID that one had there may be another's here.
psql(q(UPDATE ppm.kept SET relation = 't_2019'::regclass WHERE partition = 't_2018'), 'copy');
psql("UPDATE ppm.config SET retention = $_; CALL ppm.run_all()", 'copy') foreach 6, 10, 6;
is(psql(q(SELECT string_agg(DISTINCT partition, ' ' ORDER BY partition) FROM ppm.kept WHERE partition <= 't_2019'), 'copy'),
	't_2018 t_2019', 'each partition is known to be kept, whatever its OID was before');
is(psql(q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('t_2018', 't_2019') AND NOT relispartition), 'copy'),
	't_2018 t_2019', 'what was kept is kept in the other database');

# The first call after it has noted the new OIDs: from then on the tables may be renamed, as in the database that was dumped.
psql('CREATE DATABASE renamed');
psql("CREATE TABLE another_oid_$_ ()", 'renamed') foreach 1 .. 3;
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('renamed') ], 'another restore');
psql(q(CALL ppm.cleanup()), 'renamed');
psql(q(ALTER TABLE t RENAME TO u; UPDATE ppm.config SET table_name = 'u'; ALTER TABLE t_2018 RENAME TO u_2018), 'renamed');
psql('UPDATE ppm.config SET retention = 6; CALL ppm.run_all()', 'renamed');
is(psql(q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname IN ('u_2018', 't_2019') AND NOT relispartition), 'renamed'),
	't_2019 u_2018', 'what was kept is kept under other names, too');
psql('DROP DATABASE copy');
psql('DROP DATABASE renamed');

# Attached by hand, also to another table, under another name, or with a call before and after that.
foreach my $way (
	[ 'by hand', q(ALTER TABLE t ATTACH PARTITION t_2016 FOR VALUES FROM ('2016-01-01') TO ('2017-01-01')) ],
	[ 'by hand, with a call in between', q(ALTER TABLE t ATTACH PARTITION t_2016 FOR VALUES FROM ('2016-01-01') TO ('2017-01-01'); SET ppm.work_date = '2025-01-01'; CALL ppm.cleanup(); RESET ppm.work_date) ],
	[ 'under another name', q(ALTER TABLE t_2016 RENAME TO t_2000; CALL ppm.cleanup(); ALTER TABLE t ATTACH PARTITION t_2000 FOR VALUES FROM ('2016-01-01') TO ('2017-01-01')) ],
	[ 'to another table', q(CREATE TABLE u (day date NOT NULL, note text) PARTITION BY RANGE (day); INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('u', 'yearly', 1, 9, 'drop'); ALTER TABLE u ATTACH PARTITION t_2016 FOR VALUES FROM ('2016-01-01') TO ('2017-01-01')) ])
{
	my ($name, $sql) = @$way;
	make('detach');
	configure('retention = 9');
	my $relation = psql(q(SELECT 't_2016'::regclass::oid));
	psql("UPDATE ppm.config SET cleanup_policy = 'drop'; $sql");
	is(psql("SELECT relispartition FROM pg_class WHERE oid = $relation"), 't', "what was kept is attached $name");
	($result, $output, $messages) = call('CALL ppm.cleanup()');
	is(psql("SELECT relispartition FROM pg_class WHERE oid = $relation"), 'f', 'outdated, it is kept again');
	like($messages, qr/detached partition "public\.t_20[01][06]"/, 'as it is said');
	call('CALL ppm.cleanup()');
	is(psql("SELECT count(*) FROM pg_class WHERE oid = $relation"), '1', 'by every call');
}
psql('DROP TABLE u');

#
# A detached table that is not what it was is not attached again
#

foreach my $way (
	[ 'given away', 'ALTER TABLE t_2016 OWNER TO bob', 'belongs to role "bob", not to role "alice" as its parent' ],
	[ 'given away and back, with a trigger', 'ALTER TABLE t_2016 OWNER TO bob; CREATE TRIGGER tr BEFORE INSERT ON t_2016 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); ALTER TABLE t_2016 OWNER TO alice', 'was changed since' ],
	[ 'with a policy', 'CREATE POLICY p ON t_2016 USING (true)', 'was changed since' ],
	[ 'readable for others', 'GRANT SELECT (note) ON t_2016 TO bob', 'was changed since' ],
	[ 'not known to be detached by ppm', 'UPDATE ppm.detached SET version = NULL', 'might have been replaced, because somebody else finished detaching it' ])
{
	my ($name, $sql, $reason) = @$way;
	make('detach', ';ALTER TABLE t OWNER TO alice;' . join ';', map { "ALTER TABLE t_$_ OWNER TO alice" } 2016 .. 2027);
	configure('retention = 9');
	psql("$sql; UPDATE ppm.config SET retention = 10");
	is(psql('SELECT count(*) FROM ppm.plan()'), '0', "a table that is $name: it is not planned to be attached");
	my $detail = qq(Table "public.t_2016", which ppm detached from table "public.t" and which holds 2016-01-01 to 2017-01-01, $reason.);
	is( psql('SELECT severity, code, partition, detail FROM ppm.check() ORDER BY code'),
		"error|detached_changed|t_2016|$detail\n" . 'error|missing_partition|t_2016|No partition of table "public.t" covers 2016-01-01 to 2017-01-01.', 'check says why');
	($result, $output, $messages) = call('CALL ppm.provision()');
	like($messages, qr/^DETAIL:  table "public\.t", partition "t_2016": \Q$detail\E \(detached_changed\)$/m, 'so does provision');
	is(state(), '17 18 19 20 21 22 23 24 25 26 27; 16; ', 'and leaves it');
}

# It is changed while provision waits for it.
make('detach');
configure('retention = 9');
$reader->query_safe(shifted('BEGIN; LOCK TABLE t_2016', $later));
$call = start("$patience UPDATE ppm.config SET retention = 10; CALL ppm.provision()");
wait_until_waits($node, 'caller', 'relation');
$reader->query_safe(shifted('GRANT SELECT ON t_2016 TO bob; COMMIT', $later));
($result, $output, $messages) = finish($call);
like($messages, qr/table "public\.t_2016" was changed since, so it is not attached again/, 'what is changed at the last moment is not attached either');

# Surplus with rows, and changed.
make('detach', q(; CREATE TABLE t_2999 PARTITION OF t FOR VALUES FROM ('2999-01-01') TO ('3000-01-01')));
configure('retention = 10');
psql(q(INSERT INTO t_2999 VALUES ('2999-01-01')));
is(psql('SELECT action, partition FROM ppm.plan()'), 'attach|t_2999', 'a surplus partition got rows');
psql('ALTER TABLE t_2999 OWNER TO bob');
is(psql('SELECT count(*) FROM ppm.plan()'), '0', 'and was given away: it is not attached again');
configure('retention = 10');
like($messages, qr/t_2999.*belongs to role "bob".*\(detached_changed\)/, 'which run_all says');

# What people may do with an archive.
make('detach');
configure('retention = 9');
psql(q(INSERT INTO t_2016 VALUES ('2016-06-06', 'by hand'); ANALYZE t_2016; VACUUM (FREEZE) t_2016; REINDEX TABLE pg_class));
configure('retention = 10');
is("$result " . state() . ' ' . psql(q(SELECT count(*) FROM t WHERE day < '2017-01-01')), "0 $all; ; 16 2", 'with a row more it comes back');

$node->stop;
done_testing();
