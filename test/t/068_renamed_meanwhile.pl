# Schemas that are renamed while a call is at work: a name that was judged to be one table's comes to mean a stranger's. The renaming waits,
# or the call notices; the stranger's tables are never touched.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('renamed', conf => "ppm.work_date = ''\ntimezone = 'UTC'\nmax_worker_processes = 12\nmax_locks_per_transaction = 1024\n");
my ($result, $output, $messages);

# An event trigger that waits, at the start of the statements of a tag, until the test lets it go on.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE wait_in (tag text);
GRANT SELECT ON wait_in TO PUBLIC;
CREATE FUNCTION wait_in() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM public.wait_in WHERE tag = tg_tag) THEN PERFORM pg_advisory_xact_lock(1); END IF;
END $$;
EOF

# A managed table in schema app, and what bears the same names in schema next, which is a stranger's.
sub make_schemas
{
	my ($default) = @_;
	$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DROP EVENT TRIGGER IF EXISTS wait_in;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DROP SCHEMA IF EXISTS app CASCADE;
DROP SCHEMA IF EXISTS next CASCADE;
DROP SCHEMA IF EXISTS before CASCADE;
CREATE SCHEMA app;
CREATE SCHEMA next;
CREATE TABLE app.t (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE app.t_old PARTITION OF app.t FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE next.t (LIKE app.t, wrong int) PARTITION BY RANGE (day);
CREATE TABLE next.t_old PARTITION OF next.t FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
INSERT INTO next.t SELECT '2020-01-01', 'precious' FROM generate_series(1, 100);
EOF
	$node->safe_psql('postgres', 'CREATE TABLE app.t_default PARTITION OF app.t DEFAULT') if $default;
	$node->safe_psql('postgres', <<'EOF');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('app', 't', 'yearly', 1, 1, 'drop');
CREATE EVENT TRIGGER wait_in ON ddl_command_start EXECUTE FUNCTION wait_in();
EOF
	return;
}

my $swap = 'BEGIN; ALTER SCHEMA app RENAME TO before; ALTER SCHEMA next RENAME TO app; COMMIT';

# What the stranger has: its partitions and their rows, wherever it is by now.
sub strangers
{
	return $node->safe_psql('postgres', <<'EOF');
SELECT string_agg(c.relname || CASE WHEN c.relispartition THEN ' attached' ELSE '' END, ', ' ORDER BY c.relname)
FROM pg_class c WHERE relnamespace = (SELECT relnamespace FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relname = 't' AND attname = 'wrong')
EOF
}

# Names are held while a statement that has them runs, whichever it is: the renaming waits for its end.
foreach my $case ([ 'CREATE TABLE', 'provision', 0 ], [ 'ALTER TABLE', 'provision', 0 ], [ 'ALTER TABLE', 'cleanup', 0 ],
	[ 'ALTER TABLE', 'cleanup', 1 ], [ 'DROP TABLE', 'cleanup', 0 ])
{
	my ($tag, $procedure, $default) = @$case;
	my $what = "$tag in $procedure" . ($default ? ' with a default partition' : '');
	make_schemas($default);
	$node->safe_psql('postgres', "DELETE FROM wait_in; INSERT INTO wait_in VALUES ('$tag')");
	my $holder = hold($node, 'SELECT pg_advisory_xact_lock(1)');
	my $call = start_sql($node, 'caller', "$patience\nCALL ppm.$procedure()");
	$node->poll_query_until('postgres', q(SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND NOT granted)))
	  or die "$what does not get there";
	my ($granted) = run_sql($node, "SET lock_timeout = '5s'; GRANT USAGE ON SCHEMA app TO PUBLIC; CREATE SEQUENCE app.other", name => 'other');
	is($granted, 0, "$what: GRANT on the schema, and CREATE in it, do not wait");
	my $renamer = start_sql($node, 'renamer', $swap);
	wait_until_waits($node, 'renamer');
	pass("$what: ALTER SCHEMA ... RENAME waits");
	$node->safe_psql('postgres', 'DELETE FROM wait_in');
	$holder->query_safe('COMMIT');
	$holder->quit;
	finish_sql($call);
	finish_sql($renamer);
	is(strangers(), 't, t_old attached', "$what: the stranger's tables are as they were");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM app.t WHERE note = 'precious')), '100', "$what: with their rows");
}

# Until then nobody waits, however long a default partition is read; then the call notices.
make_schemas(1);
my $holder = hold($node, 'LOCK TABLE app.t_default');
my $call = start_sql($node, 'caller', "$patience\nCALL ppm.provision()");
wait_until_waits($node, 'caller', 'relation');
($result) = run_sql($node, "SET lock_timeout = '5s'; $swap", name => 'renamer');
is($result, 0, 'a schema is renamed while ppm reads the default partition');
$holder->query_safe('COMMIT');
($result, $output, $messages) = finish_sql($call);
like($messages, qr/table "app\.t" or its schema was renamed concurrently \(SQLSTATE 55000\)/, 'which the call notices');
is(strangers(), 't, t_old attached', 'and makes nothing in the other schema');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relnamespace = 'before'::regnamespace AND relname ~ '^t_2')), '0', 'nor in its own');

# The owner of the schema is somebody else than the table's, and ppm.repartition() waits in the middle of a batch: nothing of what bears
# its tables' names by then is read or written, which would run his code as the owner of the table.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP EVENT TRIGGER wait_in;
DROP SCHEMA IF EXISTS app, next, before CASCADE;
CREATE ROLE other;
CREATE SCHEMA app;
CREATE TABLE app.m (id int, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE app.m_default PARTITION OF app.m DEFAULT;
INSERT INTO app.m SELECT i, '2026-03-15' FROM generate_series(1, 1000) i;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('app', 'm', 'yearly', 1);
CREATE SCHEMA next AUTHORIZATION other;
SET ROLE other;
CREATE FUNCTION next.ran(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'ran as %', current_user; RETURN $1; END $$;
CREATE VIEW next.m_default AS SELECT format('(%s,1)', i)::tid AS ctid, i AS id, next.ran('2026-03-15')::date AS day FROM generate_series(0, 99) i;
EOF
my $move = "SET ppm.work_date = '2026-03-15'; SET ppm.batch_rows = 300;";
my $first = start_sql($node, 'first', "$move SET ppm.batch_pause = '5min'; CALL ppm.repartition('app.m')");
$node->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM ppm.move_source WHERE next_block > 0)') or die 'no batch is copied';
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'first'");
finish_sql($first);
my $target = $node->safe_psql('postgres', q(SELECT relation::regclass FROM ppm.move_target WHERE number = 1));
my $its_name = $target =~ s/^app\.//r;
$node->safe_psql('postgres', "SET ROLE other; CREATE TABLE next.$its_name (id int, day date, CHECK (next.ran('x') = 'x'))");
my $locker = hold($node, "LOCK TABLE $target");
my $mover = start_sql($node, 'mover', "$move $patience CALL ppm.repartition('app.m')");
wait_until_waits($node, 'mover', 'relation');
($result) = run_sql($node, "SET lock_timeout = '5s'; $swap", name => 'renamer');
is($result, 0, 'a schema is renamed while ppm.repartition() waits for a table');
$locker->query_safe('COMMIT');
$locker->quit;
($result, $output, $messages) = finish_sql($mover);
unlike($messages, qr/ran as/, 'no code of the stranger\'s is run');
is($node->safe_psql('postgres', "SELECT count(*) FROM app.$its_name"), '0', 'nor anything written to his table');
$node->safe_psql('postgres', 'BEGIN; ALTER SCHEMA app RENAME TO next; ALTER SCHEMA before RENAME TO app; COMMIT');
($result) = run_sql($node, "$move CALL ppm.repartition('app.m')");
is($result, 0, 'and when the names are back the move goes on');
is($node->safe_psql('postgres', 'SELECT tableoid::regclass, count(*), sum(id) FROM app.m GROUP BY 1'), 'app.m_2026|1000|500500', 'with all rows');
$node->safe_psql('postgres', 'SET client_min_messages = error; DROP SCHEMA next CASCADE');
make_schemas(1);

# A renaming that is at work is waited for, as any lock is.
make_schemas(0);
$holder->query_safe('BEGIN; ALTER SCHEMA app RENAME TO before');
($result, $output, $messages) = run_sql($node, "SET ppm.lock_timeout = '50ms'; CALL ppm.provision()");
like($messages, qr/canceling statement due to lock timeout \(SQLSTATE 55P03\)/, 'for ppm.lock_timeout at most');
$holder->query_safe('ROLLBACK');
($result) = run_sql($node, 'CALL ppm.provision()');
is($result, 0, 'and a rename that is rolled back changes nothing');

# Whatever the names came to mean: what was not done to the table that was judged undoes the step. Here the owner's own event trigger
# renames in the transaction itself, where no lock is in its way.
$node->safe_psql('postgres', <<'EOF');
DROP EVENT TRIGGER wait_in;
CREATE FUNCTION swap() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM public.wait_in WHERE tag = tg_tag) AND to_regnamespace('next') IS NOT NULL THEN
		ALTER SCHEMA app RENAME TO before;
		ALTER SCHEMA next RENAME TO app;
	END IF;
END $$;
EOF
foreach my $case ([ 'CREATE TABLE', 'provision', 'table "t_2\d+" was not created as planned' ],
	[ 'ALTER TABLE', 'provision', '(?:table "t_2\d+" was not attached|does not exist|is not a partition)' ],
	[ 'ALTER TABLE', 'cleanup', 'partition "t_old" was not detached' ],
	[ 'DROP TABLE', 'cleanup', 'table "app\.t_old" was not dropped' ])
{
	my ($tag, $procedure, $message) = @$case;
	make_schemas($procedure eq 'cleanup' && $tag eq 'ALTER TABLE');
	$node->safe_psql('postgres', "DROP EVENT TRIGGER wait_in; DELETE FROM wait_in; INSERT INTO wait_in VALUES ('$tag');"
		  . 'ALTER TABLE next.t ALTER wrong DROP NOT NULL; CREATE EVENT TRIGGER swap ON ddl_command_start EXECUTE FUNCTION swap()');
	($result, $output, $messages) = run_sql($node, "CALL ppm.$procedure()");
	like($messages, qr/$message/, "$tag in $procedure that hits another table is an error");
	$node->safe_psql('postgres', 'DROP EVENT TRIGGER swap');
	is(strangers(), 't, t_old attached', 'and undone');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM next.t WHERE note = 'precious')), '100', 'with all that it did');
}

# A policy names roles and functions, which may have changed names, too: what the copy means is what the parent's means, or there is none.
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP SCHEMA app CASCADE;
CREATE ROLE reader;
CREATE ROLE stranger;
CREATE SCHEMA app;
CREATE FUNCTION app.may_see() RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE TABLE app.t (day date NOT NULL) PARTITION BY RANGE (day);
CREATE POLICY by_role ON app.t TO reader USING (true);
CREATE POLICY by_function ON app.t USING (app.may_see());
CREATE POLICY by_itself ON app.t USING ((SELECT count(*) FROM app.t) > 0);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('app', 't', 'yearly', 1);
CREATE FUNCTION rename_role() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'former') THEN
		ALTER ROLE reader RENAME TO former;
		ALTER ROLE stranger RENAME TO reader;
		ALTER FUNCTION app.may_see() RENAME TO former;
		CREATE FUNCTION app.may_see() RETURNS bool LANGUAGE sql AS 'SELECT true';
	END IF;
END $$;
CREATE EVENT TRIGGER rename_role ON ddl_command_start WHEN TAG IN ('CREATE POLICY') EXECUTE FUNCTION rename_role();
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER rename_role');
is($result, 0, 'a policy that would refer to a renamed object does not stop the creation of the partition');
like($messages, qr/policy "by_role" names a role or an object that was renamed concurrently/, 'the call says which');
is($node->safe_psql('postgres', <<'EOF'), 'by_itself', 'and that partition has only the others');
SELECT string_agg(polname, ' ') FROM pg_policy WHERE polrelid = (SELECT min(inhrelid) FROM pg_inherits WHERE inhparent = 'app.t'::regclass)
EOF

#
# By chance: two schemas change places all the time
#

my $rounds = $ENV{PPM_SWAP_ROUNDS} || 150;
$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DROP SCHEMA app CASCADE;
DROP SCHEMA IF EXISTS next CASCADE;
CREATE SCHEMA app;
CREATE SCHEMA next;
CREATE TABLE schemas AS SELECT 'app'::regnamespace::oid AS app, 'next'::regnamespace::oid AS next;
CREATE TABLE app.t (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE app.u (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE app.u_default PARTITION OF app.u DEFAULT;
CREATE TABLE next.t ();
CREATE TABLE next.u ();
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('app', 't', 'daily', 1, 1, 'drop'), ('app', 'u', 'daily', 1, 1, 'drop');
-- Every other day is one that could be dropped in place of a partition.
DO \$\$
BEGIN
	FOR n IN 0 .. $rounds + 3 BY 2 LOOP
		EXECUTE format('CREATE TABLE next.%I ()', 't_' || to_char(date '1990-01-01' + n, 'YYYY_MM_DD'));
		EXECUTE format('CREATE TABLE next.%I ()', 'u_' || to_char(date '1990-01-01' + n, 'YYYY_MM_DD'));
	END LOOP;
END \$\$;
CREATE TABLE precious AS SELECT oid, relname FROM pg_class WHERE relnamespace = 'next'::regnamespace AND relkind IN ('r', 'p');
CREATE TABLE stop ();
CREATE PROCEDURE swap_for_ever() LANGUAGE plpgsql AS \$\$
BEGIN
	WHILE to_regclass('public.stop') IS NOT NULL LOOP
		ALTER SCHEMA app RENAME TO former;
		ALTER SCHEMA next RENAME TO app;
		ALTER SCHEMA former RENAME TO next;
		COMMIT;
		PERFORM pg_sleep(random() * 0.01);
		COMMIT;
	END LOOP;
END \$\$;
EOF
my $swapper = start_sql($node, 'swapper', 'CALL swap_for_ever()');
my $calls = join '', map {
	my $date = sprintf "to_char(date '1990-01-01' + %d, 'YYYY-MM-DD')", $_;
	"SELECT set_config('ppm.work_date', $date, false) \\g /dev/null\nCALL ppm.provision();\nCALL ppm.cleanup();\n"
} 1 .. $rounds;
run_sql($node, $calls, on_error_stop => 0);
$node->safe_psql('postgres', 'DROP TABLE stop');
finish_sql($swapper);
is($node->safe_psql('postgres', <<'EOF'), '', 'no table of the stranger\'s is gone, and none is new');
SELECT string_agg(coalesce(c.relname, p.relname), ' ') FROM (SELECT * FROM pg_class, schemas WHERE relnamespace = schemas.next AND relkind IN ('r', 'p')) AS c
FULL JOIN precious p ON p.oid = c.oid WHERE p.oid IS NULL OR c.oid IS NULL
EOF
my $done = $node->safe_psql('postgres', q(SELECT string_agg(action || ' ' || n, ', ') FROM (SELECT action, count(*) AS n FROM ppm.history WHERE outcome = 'ok' GROUP BY 1 ORDER BY 1) AS h));
like($done, qr/create \d+, detach \d+, drop \d+/, "in the right one much was done: $done");
note 'failed: ' . $node->safe_psql('postgres', q(SELECT string_agg(sqlstate || ' ' || n, ', ') FROM (SELECT sqlstate, count(*) AS n FROM ppm.history WHERE outcome = 'failed' GROUP BY 1 ORDER BY 1) AS h));

# The same with the function of a hook: whoever owns its schema, or may drop it there, has no code of his own run as the table's owner.
$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DROP SCHEMA IF EXISTS app, next CASCADE;
DELETE FROM ppm.config;
DELETE FROM ppm.history;
CREATE ROLE schema_owner;
GRANT CREATE ON DATABASE postgres TO schema_owner;
CREATE TABLE hooked (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('hooked', 'daily', 1, $rounds);
CREATE SCHEMA app AUTHORIZATION schema_owner;
CREATE FUNCTION app.hook(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
INSERT INTO ppm.hooks (table_name, event, function) VALUES ('hooked', 'after_create', 'app.hook(regclass,regclass,text,text)');
CREATE TABLE stop ();
SET ROLE schema_owner;
CREATE SCHEMA next;
CREATE FUNCTION next.hook(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN RAISE WARNING 'ran as %', current_user; END \$\$;
EOF
my $hook_swapper = start_sql($node, 'swapper', 'SET ROLE schema_owner; CALL swap_for_ever()');
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
unlike($messages, qr/ran as/, 'a function that takes the name of a hook is not run in its place');
isnt($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.history WHERE action = 'after_create' AND outcome = 'ok')), '0', 'while the hook is');

# And with what the table's statistics, and its template's triggers and indexes, use.
$node->safe_psql('postgres', 'DROP TABLE stop');
finish_sql($hook_swapper);
$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.hooks;
DROP TABLE hooked;
DROP SCHEMA app, next CASCADE;
CREATE SCHEMA app AUTHORIZATION schema_owner;
CREATE SCHEMA next AUTHORIZATION schema_owner;
CREATE FUNCTION app.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION app.counts(date) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TABLE hooked (day date NOT NULL) PARTITION BY RANGE (day);
CREATE STATISTICS model ON (app.counts(day)), day FROM hooked;
CREATE TABLE model (day date NOT NULL);
CREATE TRIGGER fires BEFORE INSERT ON model FOR EACH ROW EXECUTE FUNCTION app.fires();
CREATE INDEX ON model (app.counts(day)) WHERE app.counts('2020-01-01') = 1;
UPDATE ppm.config SET template = 'public.model', retention = 50;
CREATE TABLE stop ();
SET ROLE schema_owner;
CREATE FUNCTION next.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION next.counts(date) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'ran as %', current_user; RETURN 1; END $$;
EOF
$hook_swapper = start_sql($node, 'swapper', 'SET ROLE schema_owner; CALL swap_for_ever()');
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()');
unlike($messages, qr/ran as/, 'nor is a function that takes the name of one that an index uses');
is($node->safe_psql('postgres', <<'EOF'), '', 'and no new partition uses one');
SELECT string_agg(DISTINCT p.oid::regprocedure::text, ' ') FROM pg_depend d JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
WHERE p.proname IN ('fires', 'counts') AND p.proowner = 'schema_owner'::regrole
EOF
isnt($node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = 'hooked'::regclass"), '0', 'while partitions are made');
$node->safe_psql('postgres', 'DROP TABLE stop');
finish_sql($hook_swapper);

$node->stop;
done_testing();
