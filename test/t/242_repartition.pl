# What ppm.repartition() moves and refuses, ppm.abandon(), crashes, dumps, rights, and other calls meanwhile.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('repartition', conf => "log_statement = none");
my ($result, $output, $messages);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# A table of some key's type with rows of ten days in its default partition.
sub table
{
	my ($name, $type, $value, $more) = @_;
	sql(<<"EOF");
SET client_min_messages = error;
DROP TABLE IF EXISTS $name, ${name}_default_repartitioned CASCADE;
DELETE FROM ppm.config WHERE table_name = '$name'; DELETE FROM ppm.detached;
CREATE TABLE $name (id bigint, at $type NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE ${name}_default PARTITION OF $name DEFAULT;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, timezone) VALUES ('$name', 'daily', 3, 14, 'America/New_York');
INSERT INTO $name SELECT i, $value, 'n' || i FROM generate_series(1, 1000) i;
@{[ $more // '' ]}
EOF
	return;
}

my $days = "'2026-03-06'::timestamp + i % 10 * interval '1 day' + interval '5 hours'";

sub refused
{
	my ($why, $pattern, $sql) = @_;
	($result, $output, $messages) = run_sql($node, $sql // "CALL ppm.repartition('t')");
	is($result, 3, "refused: $why");
	like($messages, $pattern, 'with the reason and what to do');
	is(sql("SELECT count(*) FROM ppm.move"), 0, 'and nothing is begun');
	return;
}

#
# Keys of each type, ranges, and what becomes of the old partitions
#

foreach my $key ([ 'date', "($days)::date" ], [ 'timestamp', $days ], [ 'timestamptz', "($days) AT TIME ZONE 'America/New_York'" ],
	[ 'uuid', "ppm.uuidv7_lower_bound(($days) AT TIME ZONE 'America/New_York')" ])
{
	table('k', @$key);
	sql('CREATE TABLE before AS SELECT * FROM k');
	sql("CALL ppm.repartition('k')");
	is(sql("SELECT count(*), count(*) FILTER (WHERE tableoid = 'k_default'::regclass), count(DISTINCT tableoid) FROM k"), '1000|0|10', "$key->[0]: every row is in its slot");
	is(sql('SELECT count(*) FROM (TABLE before EXCEPT TABLE k) AS x'), 0, 'and is as it was');
	is(sql("SELECT string_agg(DISTINCT tableoid::regclass::text, ' ') FROM k WHERE id <= 3"), 'k_2026_03_07 k_2026_03_08 k_2026_03_09', 'under the slot\'s name');
	sql('DROP TABLE before');
}

# Rows wait in memory to be inserted by the page: until they are a hundred of one partition, or many bytes of all; long ones, long ones elsewhere
# (TOAST), and those whose columns are in another order there; with columns that are made anew, and foreign keys that are looked at later.
table('k', 'timestamp', $days, <<'EOF');
CREATE TABLE referred (id bigint PRIMARY KEY);
INSERT INTO referred SELECT generate_series(1, 1000);
ALTER TABLE k ADD dropped int, ADD made text GENERATED ALWAYS AS (note || '!') STORED, ADD place oid GENERATED ALWAYS AS (tableoid) STORED, ADD CHECK (tableoid <> 0), ADD here text, ADD there text, ADD FOREIGN KEY (id) REFERENCES referred;
ALTER TABLE k ALTER here SET STORAGE PLAIN, ALTER there SET STORAGE EXTERNAL;
UPDATE k SET here = repeat(md5(id::text), 150), there = repeat(md5(id::text), 300) WHERE id % 3 = 0;
ALTER TABLE k DROP dropped;
EOF
sql('CREATE TABLE before AS SELECT id, at, note, made, here, there FROM k');
sql(q(SET ppm.batch_rows = 700; CALL ppm.repartition('k')));
is(sql('SELECT (SELECT count(*) FROM k), (SELECT count(*) FROM (TABLE before EXCEPT SELECT id, at, note, made, here, there FROM k) AS x), (SELECT count(DISTINCT tableoid) FROM k), (SELECT count(*) FROM k WHERE place <> tableoid)'), '1000|0|10|0', 'long rows arrive as they were');
is(sql('SET enable_seqscan = off; SELECT count(*) FROM before JOIN k USING (id, at)'), 1000, 'and are in the indexes');
($result, $output, $messages) = run_sql($node, 'DELETE FROM referred WHERE id = 3');
like($messages, qr/23503/, 'and are known to refer to another table');
sql('DROP TABLE before; DROP TABLE k, k_default_repartitioned CASCADE; DROP TABLE referred');

table('t', 'date', "($days)::date");
sql("CALL ppm.repartition('t', '2026-03-08', '2026-03-10')");
is(sql("SELECT count(*) FROM t_default"), 800, 'a range: what lies outside stays');
is(sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass"), 3, 'and gets no partition');
is(sql("SELECT detached, kind, cleanup_policy FROM ppm.detached"), 't_default_repartitioned|repartitioned|detach', 'the old partition is remembered');
sql("CALL ppm.cleanup('t')");
is(sql("SELECT count(*) FROM t_default_repartitioned"), 1000, 'kept under policy detach');
is(sql("SELECT count(*) FROM ppm.plan() WHERE partition ~ 'repartitioned'"), 0, 'and never attached again');
table('t', 'date', "($days)::date", "UPDATE ppm.config SET cleanup_policy = 'drop' WHERE table_name = 't';");
sql("CALL ppm.repartition('t')");
sql("CALL ppm.cleanup('t')");
is(sql("SELECT to_regclass('t_default_repartitioned') IS NULL, (SELECT count(*) FROM t)"), 't|1000', 'dropped under policy drop, with the rows in the new ones');
table('t', 'date', "($days)::date", "UPDATE ppm.config SET cleanup_policy = 'drop' WHERE table_name = 't';");
sql("CALL ppm.repartition('t'); INSERT INTO t_default_repartitioned VALUES (5000, '2026-03-08')");
($result, $output, $messages) = run_sql($node, "CALL ppm.cleanup('t')");
like($messages, qr/got rows after ppm detached it/, 'but not if somebody has put rows into it');

# New partitions are like the template, too. Its triggers do not fire for the rows that come along, but for those that come later.
table('t', 'date', "($days)::date", <<'EOF');
DROP TABLE IF EXISTS shape, fired;
CREATE TABLE shape (id bigint, at date NOT NULL, note text) WITH (fillfactor = 70);
CREATE UNIQUE INDEX ON shape (note);
CREATE TABLE fired (note text);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.fired VALUES (new.note); RETURN new; END $$;
CREATE TRIGGER fire AFTER INSERT ON shape FOR EACH ROW EXECUTE FUNCTION fire();
UPDATE ppm.config SET template = 'public.shape' WHERE table_name = 't';
EOF
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t', '2026-03-08', '2026-03-10')");
like($messages, qr/moved 200 rows of table "public.t" to 2 partitions; the default partition keeps 800 rows$/m, 'what was moved, and what stays');
is(sql(q(SELECT string_agg(DISTINCT c.reloptions::text, ' '), count(*), bool_and(x.indisunique) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_index x ON x.indrelid = c.oid
	WHERE i.inhparent = 't'::regclass AND c.relname ~ '2026' AND x.indnatts = 1)), '{fillfactor=70}|2|t', 'new partitions have what the template has');
is(sql(q(SELECT count(*) FROM ppm.check('t') WHERE code = 'template_differs')), '0', 'all of it');
sql(q(INSERT INTO t VALUES (6000, '2026-03-08', 'later')));
is(sql('TABLE fired'), 'later', 'its triggers fire for new rows alone');
sql('DROP TABLE t CASCADE; DROP FUNCTION fire CASCADE');
sql(q(DELETE FROM ppm.config WHERE table_name = 't'));

#
# Refusals
#

table('t', 'date', "($days)::date", 'CREATE TABLE refers (id bigint, at date, FOREIGN KEY (id, at) REFERENCES t);');
like($node->safe_psql('postgres', "SELECT hint FROM ppm.check('t') WHERE code = 'default_has_rows' LIMIT 1"),
	qr/^Drop the foreign keys that refer to the table\. CALL ppm\.repartition\('public\.t'\); then CALL ppm\.provision\('public\.t'\); Then add the foreign keys again\.$/,
	'if other tables refer to it, ppm.check() says to drop the keys first');
refused('others refer to it', qr/0A000: cannot repartition table "public.t": foreign key "refers_id_at_fkey" of table "public.refers" refers to it.*HINT:  Rows that a foreign key/s);
sql('DROP TABLE refers; CREATE PUBLICATION everything FOR ALL TABLES');
refused('everything is published', qr/0A000.*publication "everything" is FOR ALL TABLES/s);
sql('DROP PUBLICATION everything; CREATE TRIGGER ppm_move AFTER INSERT ON t_default FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()');
refused('a trigger has the name of one of ppm\'s', qr/0A000.*trigger "ppm_move" of table "public\.t_default" has a name that ppm needs.*HINT:  Rename it/s);
sql('DROP TRIGGER ppm_move ON t_default');
SKIP:
{
	skip 'no publications of schemas', 3 if sql("SELECT current_setting('server_version_num')::int < 150000") eq 't';
	sql('CREATE PUBLICATION everything FOR TABLES IN SCHEMA public');
	refused('its schema is published', qr/0A000.*publication "everything" is FOR TABLES IN SCHEMA/s);
	sql('DROP PUBLICATION everything');
}
refused('too long a swap', qr/54000.*longer than ppm.swap_limit.*Move one range of keys/s, "SET ppm.swap_limit = '1ms'; CALL ppm.repartition('t')");
refused('in a transaction block', qr/25001/, "BEGIN; CALL ppm.repartition('t')");
refused('not configured', qr/PM001/, "CALL ppm.repartition('ppm.config')");
refused('no key', qr/22007: invalid value for from_value: "yesterday or so"\nDETAIL:  It is not a value of the partition key of table "public.t", which is of type date\.$/m, "CALL ppm.repartition('t', 'yesterday or so')");
refused('a range that ends before it begins', qr/22023: from_value must be less than to_value$/m, "CALL ppm.repartition('t', '2026-03-09', '2026-03-09')");
sql(<<'EOF');
CREATE TABLE texts (id text COLLATE "C" PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE texts_old PARTITION OF texts FOR VALUES FROM (MINVALUE) TO ('01KKMTZ800000000000000000000000001');
INSERT INTO texts VALUES ('01KK0000000000000000000000');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, key_encoding) VALUES ('texts', 'daily', 3, 'ulid');
EOF
refused('a bound that ppm reads as a shorter one', qr/0A000.*partition "texts_old" has a bound of more than 32 bytes/, "CALL ppm.repartition('texts')");
sql(q(DROP TABLE texts; DELETE FROM ppm.config WHERE table_name = 'texts'));
sql('CREATE TABLE t_2026_03_09 ()');
refused('a name that is taken', qr/42P07: relation "t_2026_03_09" already exists/);
sql('DROP TABLE t_2026_03_09; CREATE ROLE nobody LOGIN; GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA ppm TO nobody');
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')", user => 'nobody');
like($messages, qr/42501/, 'a role without the owner\'s rights may not move rows');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')", user => 'nobody');
like($messages, qr/42501/, 'nor abandon a move');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')");
like($messages, qr/55000: there is nothing to abandon for table/, 'if there is no move, the error says so');
sql("ALTER TABLE t_default ADD CHECK (note <> 'n7') NOT VALID; ALTER TABLE t ADD CONSTRAINT c CHECK (note <> 'n7') NOT VALID");
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')");
like($messages, qr/23514/, 'rows that a CHECK forbids end the move');
sql("CALL ppm.abandon('t')");
is(sql("SELECT count(*) FROM t_default"), 1000, 'and after abandon() all is as it was');
is(sql("SELECT count(*) FROM pg_class WHERE relname ~ '^ppm_move|^log_'"), 0, 'without a trace');

#
# Rights: nobody's code runs with more than it has
#

table('t', 'date', "($days)::date", <<'EOF');
CREATE ROLE owner LOGIN; GRANT CREATE ON SCHEMA public TO owner; GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA ppm TO owner;
CREATE TABLE ran_as (who text, super text); GRANT INSERT ON ran_as TO PUBLIC;
CREATE FUNCTION note_who() RETURNS void LANGUAGE sql AS $$ INSERT INTO public.ran_as VALUES (current_user, current_setting('is_superuser')) $$;
CREATE FUNCTION spy(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
	PERFORM public.note_who();
	RETURN $1;
END $$;
CREATE INDEX ON t (spy(note));
ALTER TABLE t OWNER TO owner; ALTER TABLE t_default OWNER TO owner;
CREATE ROLE writer LOGIN; GRANT INSERT, UPDATE, DELETE, SELECT ON t TO writer;
TRUNCATE ran_as;
EOF
my ($older, $mover) = start_waiting_move($node, "CALL ppm.repartition('t')");
($result, $output, $messages) = run_sql($node, "UPDATE t SET note = 'by a writer' WHERE id = 1; DELETE FROM t WHERE id = 2", user => 'writer');
is($result, 0, 'writers need no privileges on ppm\'s tables') or diag($messages);
$older->query_safe('COMMIT');
($result) = finish_sql($mover);
is($result, 0, 'the move is done');
is(sql("SELECT string_agg(DISTINCT who, ' ' ORDER BY who) FROM ran_as"), 'owner writer', 'and the owner\'s code ran only as the owner and as the writers');
is(sql("SELECT count(*), count(*) FILTER (WHERE note = 'by a writer') FROM t"), '999|1', 'with all changes');

#
# Crashes: the server dies in each phase, and the next call goes on
#

foreach my $phase (qw(preparing copying replaying waiting))
{
	table('t', 'date', "($days)::date");
	my @held = $phase eq 'waiting' ? hold($node, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1')
	  : $phase eq 'preparing' ? hold($node, "UPDATE t SET note = 'x' WHERE id = -1") : ();
	my $slow = $phase =~ /copying|replaying/ ? 'SET ppm.batch_rows = 50; SET ppm.batch_pause = 100;' : '';
	my $call = start_sql($node, 'dying', "$patience $slow CALL ppm.repartition('t')");
	my $is_in = sub { $node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = '$_[0]')") or die "not $_[0]" };
	if ($phase eq 'replaying')
	{
		$is_in->('copying');
		# A writer that the last replay has to wait for.
		push @held, hold($node, "UPDATE t SET note = 'x' WHERE id = -1");
	}
	$is_in->($phase);
	sql("UPDATE t SET note = 'meanwhile' WHERE id <= 10") if $phase =~ /copying|waiting/;
	sql('SET synchronous_commit = on; CREATE TABLE marker (); DROP TABLE marker');
	$node->stop('immediate');
	finish_sql($call);
	$_->{run}->finish foreach @held;
	$node->start;
	is(sql('SELECT count(*) FROM t'), 1000, "$phase: after a crash every row is there once");
	sql("UPDATE t SET note = 'meanwhile' WHERE id <= 10");
	sql("CALL ppm.repartition('t')");
	is(sql("SELECT count(*), count(*) FILTER (WHERE note = 'meanwhile'), count(*) FILTER (WHERE tableoid = 't_default'::regclass) FROM t"), '1000|10|0', 'and the next call moves them all');
}

#
# Other calls, and what others do meanwhile
#

table('t', 'date', "($days)::date");
($older, $mover) = start_waiting_move($node, "CALL ppm.repartition('t')");
($result, $output, $messages) = run_sql($node, "CALL ppm.repartition('t')");
like($messages, qr/55P03: another call of ppm is moving rows of table "public\.t"$/m, 'two calls at once');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')");
like($messages, qr/55P03/, 'a move that is running cannot be abandoned');
run_sql($node, "CALL ppm.provision('t')");    # but for what the old default partition still has rows of
is(sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass AND inhrelid::regclass::text ~ '_03_1[678]'"), 3, 'provision goes on meanwhile');
($result, $output, $messages) = run_sql($node, 'DROP EXTENSION ppm');
like($messages, qr/2BP01/, 'DROP EXTENSION is refused');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'the database is dumped');
unlike(slurp_file($dump), qr/(TABLE|COPY) ppm\.(log_|move)/, 'without what a move notes');
sql('CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-d', $node->connstr('restored'), '-f', $dump ], 'and restored');
is($node->safe_psql('restored', "UPDATE t SET note = 'x'; SELECT count(*) FROM t WHERE note = 'x'"), 1000, 'where the table is written as any other');
is($node->safe_psql('restored', "CALL ppm.abandon('t'); SELECT count(*) FROM pg_trigger WHERE tgrelid = 't_default'::regclass"), 0, 'and abandon() takes the triggers away');
$older->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'the move is done') or diag($messages);
is(sql("SELECT count(*) FILTER (WHERE tableoid = 't_default'::regclass), count(*) FROM t"), '0|1000', 'beside the new partitions');
is(sql("SELECT count(*) FROM ppm.check('t') WHERE code NOT IN ('outdated_partition', 'surplus_partition')"), 0, 'and nothing is wrong with them');

# Abandoned in the last phase, with changes on the way.
table('t', 'date', "($days)::date");
($older, $mover) = start_waiting_move($node, "CALL ppm.repartition('t')");
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover'");
finish_sql($mover);
$older->query_safe('COMMIT');
sql("DELETE FROM t WHERE id <= 10; CALL ppm.abandon('t')");
is(sql('SELECT count(*) FROM t_default'), 990, 'abandon() leaves what was written');
is(sql("SELECT count(*) FROM pg_trigger WHERE tgrelid = 't_default'::regclass"), 0, 'no trigger');
is(sql("SELECT count(*) FROM pg_class WHERE relname ~ '^ppm_move|^log_'"), 0, 'and no table');

# A swap that takes longer than was thought.
table('t', 'date', "($days)::date", <<'EOF');
CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS
	$$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relname = 't_default_repartitioned') THEN PERFORM pg_sleep(1); END IF; END $$;
CREATE EVENT TRIGGER dawdle ON ddl_command_end EXECUTE FUNCTION dawdle();
EOF
($result, $output, $messages) = run_sql($node, "SET ppm.swap_limit = '900ms'; CALL ppm.repartition('t')");
like($messages, qr/ERROR:  54000: the swap of partitions of table "public\.t" took longer than ppm\.swap_limit\nDETAIL:  It was to put 11 partitions in place of 1\. Nothing was changed\.\nHINT:  Raise ppm\.swap_limit/, 'a swap that takes too long is rolled back');
is(sql('SELECT count(*) FROM t_default'), 1000, 'all rows are where they were');
sql('DROP EVENT TRIGGER dawdle; CREATE OR REPLACE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(120); END $$');
foreach my $statement ('DROP TRIGGER', 'DROP TABLE')
{
	sql("CREATE EVENT TRIGGER dawdle ON ddl_command_start WHEN TAG IN ('$statement') EXECUTE FUNCTION dawdle()");
	my $begun = time;
	($result, $output, $messages) = run_sql($node, "$patience SET ppm.swap_limit = '900ms'; CALL ppm.repartition('t')");
	like($messages, qr/ERROR:  54000: .* took longer than ppm\.swap_limit/, "so is one whose $statement takes too long");
	cmp_ok(time - $begun, '<', 100, 'before the statement ends');
	sql('DROP EVENT TRIGGER dawdle');
}
sql("CALL ppm.repartition('t')");
is(sql("SELECT count(*) FILTER (WHERE tableoid = 't_default'::regclass), count(*) FROM t"), '0|1000', 'and the next call swaps');

# A foreign key that comes meanwhile.
foreach my $referred (qw(t t_default))
{
	table('t', 'date', "($days)::date");
	($older, $mover) = start_waiting_move($node, "CALL ppm.repartition('t')");
	sql("CREATE TABLE late (id bigint, at date, FOREIGN KEY (id, at) REFERENCES $referred)");
	$older->query_safe('COMMIT');
	($result, $output, $messages) = finish_sql($mover);
	like($messages, qr/ERROR:  0A000: cannot repartition table "public\.t": foreign key "late_id_at_fkey"/, "a table refers to $referred in the middle of a move");
	sql("INSERT INTO late SELECT id, at FROM t LIMIT 1; CALL ppm.abandon('t')");
	is(sql("SELECT count(*), (SELECT confrelid::regclass FROM pg_constraint WHERE conrelid = 'late'::regclass AND contype = 'f' AND conparentid = 0) FROM t_default"), "1000|$referred", 'it still does, and all rows are where they were');
	sql('DROP TABLE late');
}

# Whoever reads ppm's log of a move is waited for while nobody waits for ppm.
table('t', 'date', "($days)::date");
($older, $mover) = start_waiting_move($node, "$patience CALL ppm.repartition('t')");
my $reader = hold($node, "TABLE ppm.log_" . sql("SELECT 't'::regclass::oid"));
$older->query_safe('COMMIT');
wait_until_waits($node, 'mover', 'relation');
is(sql("SELECT count(*) FROM pg_locks WHERE relation IN ('t'::regclass, 't_default'::regclass) AND mode = 'AccessExclusiveLock' AND granted"), 0, 'the swap waits for its log with no lock on the table');
$reader->query_safe('COMMIT');
$reader->quit;
($result, $output, $messages) = finish_sql($mover);
is($result, 0, 'and goes on after that') or diag($messages);

# Dropped, or detached, meanwhile.
foreach my $gone ('DROP TABLE t_default', 'ALTER TABLE t DETACH PARTITION t_default')
{
	table('t', 'date', "($days)::date");
	($older, $mover) = start_waiting_move($node, "CALL ppm.repartition('t')");
	sql($gone);
	$older->query_safe('COMMIT');
	($result, $output, $messages) = finish_sql($mover);
	like($messages, qr/begins again.*no row of table "public.t" has to be moved/s, "$gone: there is nothing to move any more");
	is(sql("SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid WHERE proname IN ('log_change', 'write_through')"), 0, 'and nothing is left');
}

$node->stop;
done_testing();
