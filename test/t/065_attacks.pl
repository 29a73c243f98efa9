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
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision();');
is($result, 0, 'a default partition of somebody else: the call succeeds');
like(partitions_of($node, 'precious'), qr{^15 16}, 'and has made the partitions') or diag $messages;
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'mallory is no superuser');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'and nothing ran as somebody else');

# Nor does looking whether a surplus partition is empty.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE precious_surplus PARTITION OF precious FOR VALUES FROM ('2099-01-01') TO ('2099-01-02');
ALTER TABLE precious_surplus OWNER TO mallory;
SET ROLE mallory;
CREATE INDEX ON precious_surplus (day) WHERE mallory.evil(1) > 0;
EOF
$node->safe_psql('postgres', 'SELECT * FROM ppm.plan()');
run_sql($node, 'CALL ppm.cleanup();');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), '0', 'cleanup neither');
$node->safe_psql('postgres', 'DELETE FROM ppm.config; DROP TABLE precious CASCADE; DROP TABLE IF EXISTS precious_surplus');

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
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'mallory is no superuser still');
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
	is($node->safe_psql('postgres', q(SELECT convert_from(convert_to(message, 'UTF8'), 'UTF8') LIKE 'no caf_ %' FROM ppm.history WHERE partition = 'fails')),
		't', 'what failed after it can be read');
}

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
like($messages, qr/WARNING:  01000: \(not in the encoding of this database\)$/m, 'which is not passed on') if leaves_check($node);
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
like($messages, qr/ERROR:  PM006/, 'a worker that does not heed its timeout is a failure') if leaves_check($node);
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'ppm worker'"), 'and is gone');

# The trigger of ppm.config is good for nothing else.
my (undef, undef, $error) = $node->psql('postgres', <<'EOF');
CREATE TABLE bait (schema_name name, table_name name);
CREATE TRIGGER bait BEFORE TRUNCATE ON bait FOR EACH STATEMENT EXECUTE FUNCTION ppm.configuration_written();
TRUNCATE bait;
EOF
like($error, qr/ppm.configuration_written\(\) is only for its own trigger/, 'the trigger function refuses another table');

$node->stop;
done_testing();
