# What the owner of one table or of one partition can do to a call that somebody else makes: nothing.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('attacks', extra => [ '--encoding=UTF8', '--no-locale' ]);
my ($result, $output, $messages);

$node->safe_psql('postgres', <<'EOF');
CREATE ROLE mallory LOGIN;
CREATE SCHEMA mallory AUTHORIZATION mallory;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE TABLE trap (who name);
GRANT INSERT ON trap TO PUBLIC;
EOF

# An index predicate on a default partition, of its owner's own, is none of the parent's owner's business: looking for rows in there does not
# evaluate it.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE precious (n int, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE precious_rest PARTITION OF precious DEFAULT PARTITION BY RANGE (day);
CREATE TABLE precious_leaf PARTITION OF precious_rest FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('precious', 'daily', 1);
ALTER TABLE precious_leaf OWNER TO mallory;
SET ROLE mallory;
CREATE FUNCTION mallory.payload() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'mallory' THEN
		INSERT INTO public.trap VALUES (current_user);
		EXECUTE 'ALTER ROLE mallory SUPERUSER';
	END IF;
	RETURN 1;
END $$;
CREATE FUNCTION mallory.evil(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN mallory.payload(); END';
CREATE INDEX ON precious_leaf (day) WHERE mallory.evil(1) > 0;
EOF
# But ATTACH evaluates its constraints: nothing is attached beside it.
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision();');
my $not_ours = qr/"public\.precious_leaf" below partition "precious_rest" belongs to mallory, not postgres as its parent\./;
like($messages, qr/DETAIL:  table "public\.precious", partition "precious_rest": Table $not_ours \(owner_differs\)$/m, 'a default partition of somebody else is refused');
like($messages, qr/^HINT:  ALTER TABLE public\.precious_leaf OWNER TO postgres;$/m, 'with a hint that fixes it');
is($node->safe_psql('postgres', q(SELECT string_agg(code, ' ' ORDER BY code) FROM ppm.check())), 'missing_partition missing_partition owner_differs', 'check says so, too');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.plan())), '0', 'and the plan has none of it');
$node->safe_psql('postgres', q(GRANT INSERT ON precious TO mallory; SET ROLE mallory; INSERT INTO precious VALUES (1, '2026-03-20')));
is($node->safe_psql('postgres', 'SET ROLE mallory; SELECT count(*) FROM precious_leaf'), '1', 'rows go on into the default partition');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'mallory is no superuser');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'and nothing ran as somebody else');

# Nor does looking whether a surplus partition is empty evaluate anything; and none of another owner is removed.
$node->safe_psql('postgres', <<'EOF');
ALTER TABLE precious_leaf OWNER TO postgres;
CREATE TABLE precious_surplus PARTITION OF precious FOR VALUES FROM ('2099-01-01') TO ('2099-01-02');
ALTER TABLE precious_surplus OWNER TO mallory;
SET ROLE mallory;
CREATE INDEX ON precious_surplus (day) WHERE mallory.evil(1) > 0;
EOF
$node->safe_psql('postgres', 'SELECT * FROM ppm.plan()');
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
like($messages, qr/ERROR:  PM006.*partition "precious_surplus": Partition "precious_surplus" belongs to mallory, not postgres as its parent\. \(owner_differs\)/s, 'a surplus partition of somebody else is refused');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'cleanup runs nothing of his either');
$node->safe_psql('postgres', 'DELETE FROM ppm.config; DELETE FROM ppm.detached; DROP TABLE precious CASCADE; DROP TABLE IF EXISTS precious_surplus');

# A constraint of the one who owns an outdated partition, with and without a default partition; a table below it; one that changes hands
# after it was judged.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION mallory.is_fine() RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';
ALTER FUNCTION mallory.is_fine() OWNER TO mallory;
SET ROLE mallory;
CREATE OR REPLACE FUNCTION mallory.is_fine() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN mallory.payload() = 1; END';
RESET ROLE;
EOF
foreach my $default (0, 1)
{
	$node->safe_psql('postgres', <<'EOF' . ($default ? 'CREATE TABLE owned_rest PARTITION OF owned DEFAULT;' : ''));
CREATE TABLE owned (day date NOT NULL, n int) PARTITION BY RANGE (day);
CREATE TABLE owned_1 PARTITION OF owned FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE TABLE owned_2 PARTITION OF owned FOR VALUES FROM ('2000-01-02') TO ('2000-01-03') PARTITION BY LIST (n);
CREATE TABLE owned_2_leaf PARTITION OF owned_2 DEFAULT;
CREATE TABLE owned_3 PARTITION OF owned FOR VALUES FROM ('2000-01-03') TO ('2000-01-04');
ALTER TABLE owned_1 OWNER TO mallory;
ALTER TABLE owned_2_leaf OWNER TO mallory;
SET ROLE mallory;
ALTER TABLE owned_1 ADD CHECK (mallory.is_fine());
ALTER TABLE owned_2_leaf ADD CHECK (mallory.is_fine());
RESET ROLE;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('owned', 'daily', 1, 1, 'drop');
EOF
	my $where = $default ? ' beside a default partition' : '';
	($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all();');
	like($messages, qr/partition "owned_1": Partition "owned_1" belongs to mallory/, "an outdated partition of somebody else is refused$where");
	like($messages, qr/partition "owned_2": Table "public\.owned_2_leaf" below partition "owned_2" belongs to mallory/, "so is one with a table of somebody else below it$where");
	is($node->safe_psql('postgres', q(SELECT to_regclass('owned_3') IS NULL)), 't', "what is the owner's own is removed$where");
	is($node->safe_psql('postgres', q(SELECT string_agg(partition, ' ' ORDER BY partition) FROM ppm.check() WHERE code = 'outdated_partition')), 'owned_1 owned_2', "check lists what is left$where");
	is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.check() WHERE code = 'outdated_partition' AND detail LIKE '% Cleanup leaves it (owner_differs).' AND hint LIKE 'ALTER TABLE public.owned_% OWNER TO postgres;')), '2', "and why$where");

	# It is judged again under the lock.
	$node->safe_psql('postgres', 'CREATE TABLE owned_4 PARTITION OF owned FOR VALUES FROM (\'2000-01-04\') TO (\'2000-01-05\')');
	my $owner = hold($node, 'ALTER TABLE owned_4 OWNER TO mallory');
	my $call = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup();");
	$node->poll_query_until('postgres', q(SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'owned_4'::regclass AND NOT granted))) or die 'nobody waits';
	$owner->query_safe('SET ROLE mallory; ALTER TABLE owned_4 ADD CHECK (mallory.is_fine()); COMMIT');
	$owner->quit;
	($result, $output, $messages) = finish_sql($call);
	like($messages, qr/partition "owned_4": table "public\.owned_4" belongs to mallory, not postgres as its parent \(SQLSTATE 42501\)/, "a partition whose owner changes concurrently is noticed$where");
	is($node->safe_psql('postgres', q(SELECT relispartition FROM pg_class WHERE relname = 'owned_4')), 't', "and stays$where");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', "nothing ran as somebody else$where");
	$node->safe_psql('postgres', 'DELETE FROM ppm.config; DELETE FROM ppm.detached; DROP TABLE owned');
}

# A table that refers to the parent is read, and so planned, when a partition is detached. What its owner has put into it must be nobody's code
# who is not trusted.
my %harm = (
	'index mallory.child_id_idx uses function mallory.is_fine() of mallory' => 'CREATE INDEX ON mallory.child (id) WHERE mallory.is_fine()',
	'constraint child_check on table mallory.child uses function mallory.is_fine() of mallory' => 'ALTER TABLE mallory.child ADD CHECK (mallory.is_fine())',
	'statistics object mallory.child_stat uses function mallory.is_true(integer) of mallory' =>
	  'CREATE STATISTICS mallory.child_stat ON (mallory.is_true(id)), day FROM mallory.child',
	'index mallory.child_id_idx uses function mallory.is_equal(integer,integer) of mallory' => 'CREATE INDEX ON mallory.child (id) WHERE id OPERATOR(mallory.===) 1',
	'table mallory.child uses function mallory.is_true(integer) of mallory' => <<'EOF' . 'GRANT SELECT ON mallory.child TO owner',
DROP TABLE mallory.child;
CREATE TABLE mallory.child (id int, day date, FOREIGN KEY (id, day) REFERENCES referred) PARTITION BY LIST ((mallory.is_true(id)));
EOF
	'policy see on table mallory.child uses the expressions of mallory' =>
	  "CREATE POLICY see ON mallory.child USING (query_to_xml('SELECT mallory.payload()', true, true, '') IS NOT NULL); ALTER TABLE mallory.child ENABLE ROW LEVEL SECURITY");
foreach my $default (0, 1)
{
	foreach my $message (sort keys %harm)
	{
		my $where = $default ? ' beside a default partition' : '';
		(my $expected = $message) =~ s/"//g;
		$node->safe_psql('postgres', <<'EOF' . ($default ? 'CREATE TABLE referred_rest PARTITION OF referred DEFAULT;' : ''));
SET client_min_messages = error;
CREATE ROLE owner;
CREATE TABLE referred (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE referred_old PARTITION OF referred FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
ALTER TABLE referred OWNER TO owner;
ALTER TABLE referred_old OWNER TO owner;
GRANT REFERENCES, SELECT ON referred TO mallory;
GRANT CREATE ON SCHEMA public TO owner;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('referred', 'daily', 1, 1);
EOF
		$node->safe_psql('postgres', 'ALTER TABLE referred_rest OWNER TO owner') if $default;
		($result) = run_sql($node, <<"EOF", user => 'mallory');
CREATE FUNCTION mallory.is_true(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN mallory.payload() = 1; END';
CREATE FUNCTION mallory.is_equal(int, int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN mallory.payload() = 1; END';
CREATE OPERATOR mallory.=== (FUNCTION = mallory.is_equal, LEFTARG = int, RIGHTARG = int);
CREATE TABLE mallory.child (id int, day date, FOREIGN KEY (id, day) REFERENCES referred);
GRANT SELECT ON mallory.child TO owner;
GRANT USAGE ON SCHEMA mallory TO owner;
$harm{$message};
EOF
		is($result, 0, "mallory refers to the table: $expected");
		($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
		like($messages, qr/partition "referred_old": \Q$expected\E, which DETACH PARTITION would run as the owner of the table that "mallory\.child" refers to \(SQLSTATE 42501\)/, "it is refused$where");
		is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', "and not run$where");
		run_sql($node, <<'EOF', user => 'mallory');
DROP TABLE mallory.child;
CREATE TABLE mallory.child (id int, day date, CHECK (id > 0), FOREIGN KEY (id, day) REFERENCES referred);
CREATE INDEX ON mallory.child (id) WHERE abs(id) > 0;
GRANT SELECT ON mallory.child TO owner;
EOF
		($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
		is($node->safe_psql('postgres', q(SELECT relispartition FROM pg_class WHERE relname = 'referred_old')), 'f', "a referring table without such code blocks nothing$where");
		$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
TRUNCATE trap;
DROP TABLE mallory.child;
DROP TABLE referred_old;
DROP TABLE referred;
DROP OPERATOR mallory.=== (int, int);
DROP FUNCTION mallory.is_true, mallory.is_equal;
DROP OWNED BY owner;
DROP ROLE owner;
EOF
	}
}

# A superuser's event trigger that looks at the tables that were changed runs what their owners have put into them: in both transactions of
# the worker that cannot become anybody else, nor does what it sets outlast it.
run_sql($node, <<'EOF', user => 'mallory');
CREATE TABLE mallory.seen (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE mallory.seen_1 PARTITION OF mallory.seen FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE TABLE mallory.seen_2 PARTITION OF mallory.seen FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO mallory.seen VALUES ('2026-03-01');
CREATE FUNCTION mallory.become() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	attempt text;
BEGIN
	FOREACH attempt IN ARRAY ARRAY['SET SESSION AUTHORIZATION postgres', 'RESET SESSION AUTHORIZATION', 'SET ROLE postgres', 'RESET ROLE', 'SET ROLE NONE'] LOOP
		BEGIN EXECUTE attempt; EXCEPTION WHEN OTHERS THEN NULL; END;
		INSERT INTO public.trap VALUES (current_user);
	END LOOP;
	BEGIN PERFORM set_config('session_authorization', 'postgres', false); EXCEPTION WHEN OTHERS THEN NULL; END;
	INSERT INTO public.trap VALUES (current_user);
	PERFORM set_config('search_path', 'mallory, pg_catalog', false);
	RETURN true;
END $$;
CREATE OR REPLACE FUNCTION mallory.equals(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
	'BEGIN INSERT INTO public.trap VALUES (''worse: '' || current_user); RETURN $1 OPERATOR(pg_catalog.=) $2; END';
CREATE OPERATOR mallory.= (FUNCTION = mallory.equals, LEFTARG = oid, RIGHTARG = oid);
ALTER TABLE mallory.seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE mallory.seen FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON mallory.seen USING (mallory.become());
EOF
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF tg_event = 'ddl_command_start' AND to_regclass('mallory.seen') IS NULL THEN RETURN; END IF;
	PERFORM count(*) FROM mallory.seen;
END $$;
CREATE EVENT TRIGGER look_before ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION look();
CREATE EVENT TRIGGER look_after ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION look();
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('mallory', 'seen', 'daily', 1, 1);
EOF
($result) = run_sql($node, 'CALL ppm.cleanup();');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER look_before; DROP EVENT TRIGGER look_after');
is($result, 0, 'an event trigger that runs a policy: the partition is detached');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE detached = 'seen_1' AND version IS NOT NULL)), '1', 'and recorded');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '>=', 12, 'the policy was run in both transactions');
is($node->safe_psql('postgres', q(SELECT count(*) FROM trap WHERE who <> 'mallory')), '0', 'and ran as nobody else in either');
$node->safe_psql('postgres', 'DELETE FROM ppm.config; DELETE FROM ppm.detached; DROP TABLE mallory.seen, mallory.seen_1; DROP OPERATOR mallory.= (oid, oid); DROP FUNCTION mallory.equals; TRUNCATE trap');

# An error that only says of itself that the call was cancelled is one table's failure.
$node->safe_psql('postgres', <<'EOF');
SET ROLE mallory;
CREATE FUNCTION mallory.cancels(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_query() ILIKE '%provision%' THEN RAISE 'canceling statement due to user request' USING ERRCODE = '57014'; END IF;
	RETURN 1;
END $$;
CREATE TABLE mallory.a_bad (n int, day date NOT NULL) PARTITION BY RANGE (day);
CREATE INDEX ON mallory.a_bad (n) WHERE mallory.cancels(1) > 0;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('mallory', 'a_bad', 'daily', 1);
EOF
$node->safe_psql('postgres', daily_table('z_good', 1));
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision();');
like($messages, qr/ERROR:  PM004: could not provision 1 of 2 tables/, 'a false cancel is one table\'s failure');
is(partitions_of($node, 'z_good'), '15 16', 'and the other table is provisioned');

# A constraint is evaluated while the partition is detached, in the worker, whose authenticated user is a superuser: it runs as the owner,
# who cannot become anybody else. Nor does a role that is set for the database matter.
$node->safe_psql('postgres', <<'EOF');
DELETE FROM ppm.config;
EOF
run_sql($node, <<'EOF', user => 'mallory');
CREATE FUNCTION mallory.attack() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.trap VALUES (current_user);
	BEGIN EXECUTE 'SET SESSION AUTHORIZATION postgres'; EXCEPTION WHEN OTHERS THEN NULL; END;
	BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN OTHERS THEN NULL; END;
	BEGIN EXECUTE 'SET ROLE postgres'; EXCEPTION WHEN OTHERS THEN NULL; END;
	BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;
	BEGIN PERFORM set_config('role', 'postgres', false); EXCEPTION WHEN OTHERS THEN NULL; END;
	BEGIN PERFORM set_config('session_authorization', 'postgres', false); EXCEPTION WHEN OTHERS THEN NULL; END;
	INSERT INTO public.trap VALUES (current_user);
	BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
	RETURN 1;
END $$;
CREATE FUNCTION mallory.hostile(date) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN PERFORM mallory.attack(); RETURN true; END';
CREATE TABLE mallory.parent (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE mallory.outdated PARTITION OF mallory.parent FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
ALTER TABLE mallory.outdated ADD CHECK (mallory.hostile('2000-01-01'));
EOF
$node->safe_psql('postgres', <<'EOF');
ALTER DATABASE postgres SET role = 'postgres';
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('mallory', 'parent', 'daily', 1, 1, 'drop');
TRUNCATE trap;
EOF
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup();');
is($result, 0, 'a hostile constraint: the call succeeds');
is($node->safe_psql('postgres', q(SELECT to_regclass('mallory.outdated') IS NULL)), 't', 'and has dropped the partition');
if (leaves_check($node))
{
	isnt($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'the constraint was evaluated');
}
is($node->safe_psql('postgres', q(SELECT count(*) FROM trap WHERE who <> 'mallory')), '0', 'as its owner, before and after the attack');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'mallory is still no superuser');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET role');

# What such code sets does not outlast its transaction: the next one writes ppm's tables as their owner, and an error that is reported
# later is in the server's encoding.
run_sql($node, <<'EOF', user => 'mallory');
CREATE FUNCTION mallory.is_equal(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
	'BEGIN INSERT INTO public.trap VALUES (current_user); RETURN $1 OPERATOR(pg_catalog.=) $2; END';
CREATE OPERATOR mallory.= (FUNCTION = mallory.is_equal, LEFTARG = oid, RIGHTARG = oid);
CREATE FUNCTION mallory.multiply(bigint, interval) RETURNS interval LANGUAGE plpgsql AS
	'BEGIN INSERT INTO public.trap VALUES (current_user); RETURN $2; END';
CREATE OPERATOR mallory.* (FUNCTION = mallory.multiply, LEFTARG = bigint, RIGHTARG = interval);
CREATE FUNCTION mallory.sets(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'mallory, pg_catalog', false);
	PERFORM set_config('client_encoding', 'LATIN1', false);
	RETURN 1;
END $$;
CREATE FUNCTION mallory.fails(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
CREATE TABLE mallory.parent_2 (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE mallory.sets PARTITION OF mallory.parent_2 (CHECK (mallory.sets(1) = 1)) FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE TABLE mallory.fails PARTITION OF mallory.parent_2 (CHECK (mallory.fails(1) = 1)) FOR VALUES FROM ('2000-01-02') TO ('2000-01-03');
CREATE OR REPLACE FUNCTION mallory.fails(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN RAISE USING MESSAGE = 'no caf' || chr(233); END $$;
EOF
$node->safe_psql('postgres', <<'EOF');
TRUNCATE trap;
DELETE FROM ppm.config;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('mallory', 'parent_2', 'daily', 1, 1);
EOF
run_sql($node, 'CALL ppm.cleanup();', on_error_stop => 0);
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE detached = 'sets' AND version IS NOT NULL)), '1', 'a constraint that changes settings: the partition is detached');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'no operator of the table\'s owner ran as ppm\'s');
if (leaves_check($node))
{
	is($node->safe_psql('postgres', q(SELECT convert_from(convert_to(message, 'UTF8'), 'UTF8') LIKE 'no caf__%' FROM ppm.history WHERE partition = 'fails')),
		't', 'what failed after it can be read');
}

# Nor does it outlast the copying of rows.
run_sql($node, <<'EOF', user => 'mallory');
CREATE TABLE mallory.moved (id int, day date NOT NULL, PRIMARY KEY (id, day), CHECK (mallory.sets(id) = 1)) PARTITION BY RANGE (day);
CREATE TABLE mallory.moved_default PARTITION OF mallory.moved DEFAULT;
INSERT INTO mallory.moved VALUES (1, '2026-03-15'), (2, '2026-03-16');
EOF
$node->safe_psql('postgres', <<'EOF');
TRUNCATE trap;
DELETE FROM ppm.config;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('mallory', 'moved', 'daily', 1);
EOF
run_sql($node, "CALL ppm.repartition('mallory.moved');");
is($node->safe_psql('postgres', 'SELECT count(*) FROM mallory.moved_2026_03_15'), '1', 'a constraint that changes settings: the rows are moved');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'and no operator of the table\'s owner ran as ppm\'s');

# Nor what it says at once.
run_sql($node, <<'EOF', user => 'mallory');
CREATE FUNCTION mallory.says(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
CREATE TABLE mallory.parent_3 (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE mallory.says PARTITION OF mallory.parent_3 (CHECK (mallory.says(1) = 1)) FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
CREATE OR REPLACE FUNCTION mallory.says(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('client_encoding', 'LATIN1', false);
	RAISE WARNING USING MESSAGE = 'the caf' || chr(233);
	RETURN 1;
END $$;
EOF
$node->safe_psql('postgres', q(DELETE FROM ppm.config; INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('mallory', 'parent_3', 'daily', 1, 1)));
($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup();');
is($result, 0, 'a constraint that says something in another encoding: the partition is detached');
like($messages, qr/WARNING:  01000: \(not in the encoding of this database\)$/m, 'which is not passed on to the client') if leaves_check($node);
$node->safe_psql('postgres', q(DELETE FROM ppm.config; INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('mallory', 'parent', 'daily', 1, 1, 'drop')));

# One that does not heed the timeout is terminated.
run_sql($node, <<'EOF', user => 'mallory');
CREATE TABLE mallory.armed AS SELECT false AS armed;
CREATE OR REPLACE FUNCTION mallory.attack() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 20 LOOP
		BEGIN PERFORM pg_sleep(60) FROM mallory.armed WHERE armed; EXCEPTION WHEN query_canceled THEN NULL; END;
	END LOOP;
	RETURN 1;
END $$;
CREATE TABLE mallory.outdated PARTITION OF mallory.parent FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
ALTER TABLE mallory.outdated ADD CHECK (mallory.hostile('2000-01-01'));
UPDATE mallory.armed SET armed = true;
EOF
($result, $output, $messages) = run_sql($node, "SET ppm.statement_timeout = '200ms';\nCALL ppm.cleanup();");
like($messages, qr/ERROR:  PM006/, 'a worker that ignores its timeout is a failure') if leaves_check($node);
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'ppm worker'"), 'and the worker is gone');

# The trigger of ppm.config is good for nothing else.
my (undef, undef, $error) = $node->psql('postgres', <<'EOF');
CREATE TABLE bait (schema_name name, table_name name);
CREATE TRIGGER bait BEFORE TRUNCATE ON bait FOR EACH STATEMENT EXECUTE FUNCTION ppm.configuration_written();
TRUNCATE bait;
EOF
like($error, qr/ppm.configuration_written\(\) is only for its own trigger/, 'the trigger function refuses another table');

$node->stop;
done_testing();
