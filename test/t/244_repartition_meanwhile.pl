# What happens to a table while ppm.repartition() waits for older transactions, right before the new partitions take the place of the old
# ones: nothing of that is lost. And what is known of the old partitions is known of the new ones.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('repartition_meanwhile');
sub sql { return $node->safe_psql('postgres', $_[0]); }

# Ten days of rows in the default partition; those without a note stay there.
sub table
{
	my ($more) = @_;
	sql(<<"EOF");
SET client_min_messages = error;
DROP TABLE IF EXISTS t CASCADE;
DROP TABLE IF EXISTS t_default_repartitioned, t_wide_repartitioned, t_model;
DELETE FROM ppm.config; DELETE FROM ppm.detached; DELETE FROM ppm.kept;
CREATE TABLE t (id bigint, day date NOT NULL, note text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO t SELECT i, date '2026-03-06' + i % 10, 'old' FROM generate_series(1, 1000) AS i;
INSERT INTO t VALUES (0, 'infinity', 'stays');
@{[ $more // '' ]}
EOF
	return;
}

# Starts the move, does something while it waits, and lets it go on.
sub while_it_waits
{
	my ($do, $call) = @_;
	my ($older, $mover) = start_waiting_move($node, $call // "CALL ppm.repartition('t')");
	$do->();
	$older->query_safe('ROLLBACK');
	$older->quit;
	return finish_sql($mover);
}

# A source that is no partition for a while notes no changes.
foreach my $way (
	q(BEGIN; ALTER TABLE t DETACH PARTITION t_default; UPDATE t_default SET note = 'new'; ALTER TABLE t ATTACH PARTITION t_default DEFAULT; COMMIT),
	q(ALTER TABLE t DETACH PARTITION t_default; UPDATE t_default SET note = 'new'; ALTER TABLE t ATTACH PARTITION t_default DEFAULT))
{
	table();
	my ($result, undef, $messages) = while_it_waits(sub { sql($way) });
	is($result, 0, 'a partition is detached, changed and attached again during a move');
	like($messages, qr/begins again: partition "t_default" /, 'the move begins again');
	is(sql('SELECT note, count(*) FROM t GROUP BY note'), 'new|1001', 'and no change is lost');
}

# The new tables belong to the former owner, and PostgreSQL evaluates their constraints as whoever writes to the table.
sql(q(CREATE ROLE alice; CREATE ROLE bob; CREATE SCHEMA alice AUTHORIZATION alice; GRANT CREATE ON SCHEMA public TO alice, bob; CREATE TABLE caught (name name); GRANT INSERT ON caught TO PUBLIC;
	SET ROLE alice; CREATE FUNCTION alice.f() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN true; END $$));
table('ALTER TABLE t OWNER TO alice; ALTER TABLE t_default OWNER TO alice');
my ($result, undef, $messages) = while_it_waits(sub {
	sql('ALTER TABLE t OWNER TO bob; ALTER TABLE t_default OWNER TO bob');
	my $new = sql(q(SELECT relname FROM pg_class WHERE relname ~ '^ppm_move_[0-9]+_1$'));
	sql("SET ROLE alice; ALTER TABLE public.$new ADD CHECK (alice.f()) NOT VALID");
	sql(q(INSERT INTO t VALUES (1001, '2026-03-06', 'late')));
});
is(sql('SELECT count(*) FROM caught'), 0, 'what a former owner puts into a new table runs as nobody else');
like($messages, qr/begins again: a row could not be written to its new table: the new table has another owner than the partition/, 'a change of the owner is noticed');
is(sql('SELECT count(*) FROM t') . sql(q(SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 't'::regclass AND pg_get_userbyid(relowner) <> 'bob')), '10020', 'all rows, and all new partitions, are the new owner\'s');

# Row level security must be on the new partitions, too: somebody may have rights on them by default.
table();
($result, undef, $messages) = while_it_waits(sub { sql('ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (note = current_user)') });
like($messages, qr/begins again: the table was altered concurrently/, 'row level security that comes during a move is noticed');
is(sql(q(SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 't'::regclass
	AND c.relname <> 't_default' AND (NOT c.relrowsecurity OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)))), 0, 'and is on each new partition');

# The new default partition keeps a row, so PostgreSQL would read it if its CHECK constraint did not fit the other partitions.
table();
($result, undef, $messages) = while_it_waits(sub { sql("CREATE TABLE t_far PARTITION OF t FOR VALUES FROM ('2027-01-01') TO ('2027-01-02')") },
	"SET client_min_messages = debug1; CALL ppm.repartition('t')");
is($result, 0, 'a partition is created during a move');
like($messages, qr/ADD CONSTRAINT ppm_move_next CHECK [^\n]* NOT VALID.*VALIDATE CONSTRAINT ppm_move_next/s, 'the new default partition gets another CHECK constraint, which is validated while others write');
my ($in_swap) = $messages =~ /DETACH PARTITION public\.t_default(.*)/s;
unlike($in_swap, qr/verifying table/, 'and under the lock of the swap PostgreSQL reads no row');
is(sql(q(SELECT count(*) FROM pg_constraint WHERE conname LIKE 'ppm\_move%')) . sql(q(SELECT string_agg(note, ' ') FROM t_default)), '0stays', 'no constraint of a move is left');

# A partition goes while rows are copied, and a row of its range comes into the default partition.
table(q(CREATE TABLE t_old PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-01-02')));
my $copier = start_sql($node, 'copier', "SET ppm.batch_rows = 100; SET ppm.batch_pause = 200; CALL ppm.repartition('t')");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'copying')") or die 'nothing is copied';
sql(q(ALTER TABLE t DETACH PARTITION t_old; INSERT INTO t VALUES (2000, '2026-01-01', 'late')));
($result, undef, $messages) = finish_sql($copier);
like($messages, qr/begins again: partitions were removed concurrently/, 'a partition goes while rows are copied, and a row of its range comes: the move begins again');
is("$result " . sql(q(SELECT string_agg(note, ' ' ORDER BY note) FROM t_default)) . sql('DROP TABLE t_old; SELECT count(*) FROM t'), '0 late stays1002', 'and ends with every row in its place');

# A crash empties UNLOGGED tables.
table("CREATE UNLOGGED TABLE t_model (LIKE t); UPDATE ppm.config SET template = 'public.t_model'");
my ($older, $mover) = start_waiting_move($node, "CALL ppm.repartition('t')");
$node->stop('immediate');
finish_sql($mover);
$older->{run}->finish;
$node->start;
($result, undef, $messages) = run_sql($node, "CALL ppm.repartition('t')");
like($messages, qr/begins again: it has UNLOGGED tables/, 'after a crash, a move into UNLOGGED tables begins again');
is("$result " . sql('SELECT count(*), count(*) FILTER (WHERE note IS NOT NULL) FROM t'), '0 1001|1001', 'and loses no row');

# What was kept once stays kept: the new partitions as well as the old one, also if the move is interrupted.
foreach my $interrupted (0, 1)
{
	table(<<'EOF');
DROP TABLE t_default;
CREATE TABLE t_wide PARTITION OF t FOR VALUES FROM ('2026-03-06') TO ('2026-03-16');
INSERT INTO t SELECT i, date '2026-03-06' + i % 10, 'kept' FROM generate_series(1, 100) AS i;
ALTER TABLE t DETACH PARTITION t_wide; ALTER TABLE t ATTACH PARTITION t_wide FOR VALUES FROM ('2026-03-06') TO ('2026-03-16');
INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition) VALUES ('t_wide'::regclass, 'public', 't', 'public', 't_wide');
UPDATE ppm.config SET cleanup_policy = 'drop';
EOF
	if ($interrupted)
	{
		while_it_waits(sub { sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover')) });
		is(sql('SELECT phase FROM ppm.progress'), 'waiting', 'a move is interrupted');
	}
	sql("CALL ppm.repartition('t')");
	is(sql('SELECT detached, cleanup_policy FROM ppm.detached'), 't_wide_repartitioned|detach', 'the old partition, which was kept once, is kept');
	sql('SET client_min_messages = error; UPDATE ppm.config SET retention = 1; CALL ppm.run_all()');
	is(sql(q(SELECT count(*) FROM ppm.detached WHERE kind = 'removed' AND cleanup_policy = 'detach')), 8, 'and so are the new ones, when they are outdated');
	my $count = sql(q(SELECT 'SELECT ' || string_agg(format('(SELECT count(*) FROM %I.%I)', detached_schema, detached), ' + ') FROM ppm.detached WHERE kind = 'removed'));
	is(sql($count), 80, 'with their rows');
	sql(q(DO $$ DECLARE name text; BEGIN FOR name IN SELECT relation::regclass::text FROM ppm.detached LOOP EXECUTE 'DROP TABLE ' || name; END LOOP; END $$));
}

$node->stop;
done_testing();
