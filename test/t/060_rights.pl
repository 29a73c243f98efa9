# Who may do what, and as whom it is done.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rights');
my ($result, $output, $messages);

# alice and bob own tables; carol has alice's rights; stranger has what everybody has.
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE carol LOGIN IN ROLE alice;
CREATE ROLE stranger LOGIN;
CREATE SCHEMA app;
GRANT USAGE, CREATE ON SCHEMA app TO PUBLIC;
GRANT EXECUTE ON PROCEDURE ppm.provision(regclass) TO alice, bob, carol;
GRANT EXECUTE ON FUNCTION ppm.validate(regclass), ppm.plan(regclass) TO alice, bob, carol;
GRANT SELECT, INSERT, UPDATE, DELETE ON ppm.config TO alice, bob, carol;
EOF

sub owned_table
{
	my ($name, $owner) = @_;
	return <<"EOF";
CREATE TABLE app.$name (day date NOT NULL, note text) PARTITION BY RANGE (day);
ALTER TABLE app.$name OWNER TO $owner;
EOF
}

my $configure = q(INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES);

# Owners of the table's partitions, and how many each has.
sub owners_of
{
	my ($table) = @_;
	return $node->safe_psql('postgres', <<"EOF");
SELECT coalesce(string_agg(owner || ' ' || n, ', '), '') FROM (
	SELECT pg_get_userbyid(relowner) AS owner, count(*) AS n FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
	WHERE inhparent = 'app.$table'::regclass GROUP BY 1 ORDER BY 1) AS owners
EOF
}

#
# Everybody
#

is($node->safe_psql('postgres', <<'EOF'), 'scheduled_at snowflake_lower_bound snowflake_timestamp ulid_lower_bound ulid_timestamp uuidv7_lower_bound uuidv7_timestamp', 'everybody may call the functions of keys that tell time');
SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc
WHERE pronamespace = 'ppm'::regnamespace AND has_function_privilege('stranger', oid, 'EXECUTE')
EOF
is($node->safe_psql('postgres', <<'EOF'), '', 'and nobody may touch a table or a type');
SELECT string_agg(name, ' ') FROM (
	SELECT relname FROM pg_class
	WHERE relnamespace = 'ppm'::regnamespace AND relkind IN ('r', 'v', 'p', 'm')
		AND has_table_privilege('stranger', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
	UNION ALL
	SELECT typname FROM pg_type
	WHERE typnamespace = 'ppm'::regnamespace AND typtype = 'e' AND has_type_privilege('stranger', oid, 'USAGE')) AS allowed(name)
EOF
($result, $output, $messages) = run_sql($node,
	q(SELECT ppm.uuidv7_timestamp(ppm.uuidv7_lower_bound('2026-03-15 00:00+00')) = '2026-03-15 00:00+00'), user => 'stranger');
is("$result $output", '0 t', 'everybody can');
foreach my $statement ('CALL ppm.provision()', 'SELECT * FROM ppm.plan()', 'SELECT * FROM ppm.validate()', 'SELECT * FROM ppm.config')
{
	($result, $output, $messages) = run_sql($node, $statement, user => 'stranger');
	like($messages, qr/ERROR:  42501: permission denied for /, "but not $statement");
}

#
# Owners
#

$node->safe_psql('postgres', owned_table('a', 'alice') . owned_table('b', 'bob'));
($result, $output, $messages) = run_sql($node, "$configure ('app', 'a', 'daily', 2); CALL ppm.provision()", user => 'alice');
is($result, 0, 'an owner configures and provisions her table');
is(owners_of('a'), 'alice 3', 'and owns the partitions');

$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 3');
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()', user => 'carol');
is("$result " . owners_of('a'), '0 alice 4', 'so does a role with her privileges, on her behalf');
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 4; CALL ppm.provision()');
is(owners_of('a'), 'alice 5', 'and a superuser');

my $not_owner = qr/must be owner of table a \(SQLSTATE 42501\)/;
$node->safe_psql('postgres', "UPDATE ppm.config SET pre_provisioned = 5; $configure ('app', 'b', 'daily', 2)");
($result, $output, $messages) = run_sql($node, 'CALL ppm.provision()', user => 'bob');
like($messages, qr/ERROR:  PM004: could not provision 1 of 2 tables\nDETAIL:  table "app\.a": $not_owner\nHINT/, 'another\'s table is refused');
is(owners_of('a'), 'alice 5', 'and left alone');
is(owners_of('b'), 'bob 3', 'while one\'s own is provisioned');
($result, $output, $messages) = run_sql($node, q(CALL ppm.provision('app.a')), user => 'bob');
like($messages, qr/^DETAIL:  table "app\.a": $not_owner\nHINT/m, 'named, it is refused likewise');
($result, $output, $messages) = run_sql($node, q(SET ROLE bob; CALL ppm.provision('app.a')));
like($messages, qr/^DETAIL:  table "app\.a": $not_owner\nHINT/m, 'also to a superuser after SET ROLE');
is(owners_of('a'), 'alice 5', 'and left alone');

# Rights can be lent, as with everything else.
$node->safe_psql('postgres', <<'EOF');
SET ROLE alice;
CREATE FUNCTION app.provision_a() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ BEGIN CALL ppm.provision('app.a'); END $$;
EOF
($result, $output, $messages) = run_sql($node, 'SELECT app.provision_a()', user => 'stranger');
is("$result " . owners_of('a'), '0 alice 6', 'a SECURITY DEFINER function of the owner does it for those who may execute it');

# What the owner may not do is not done for her.
$node->safe_psql('postgres', 'CREATE SCHEMA closed; ' . owned_table('closed', 'alice')
	  . "ALTER TABLE app.closed SET SCHEMA closed; $configure ('closed', 'closed', 'daily', 2)");
($result, $output, $messages) = run_sql($node, q(CALL ppm.provision('closed.closed')));
like($messages, qr/^DETAIL:  table "closed\.closed", .*permission denied for schema closed \(SQLSTATE 42501\)/m,
	'where the owner may not create tables, nobody creates them for her');

($result, $output, $messages) = run_sql($node, <<'EOF', on_error_stop => 0);
SET ROLE alice;
UPDATE ppm.config SET pre_provisioned = 6 WHERE table_name = 'a';
CALL ppm.provision('app.a');
CALL ppm.provision('app.b');
SELECT current_user;
RESET ROLE;
CALL ppm.provision('closed.closed');
SELECT current_user = session_user;
CREATE TEMP TABLE t ();
SELECT count(*) FROM t;
EOF
is($output, "alice\nt\n0", 'the session is who it was, after success and failure, and not restricted');

#
# Configuration
#

my %refused = (
	"$configure ('app', 'c', 'daily', 2)" => 'must be owner of table c',
	"$configure ('app', 'missing', 'daily', 2)" => 'must be superuser to configure a table that does not exist',
	"$configure ('missing', 'a', 'daily', 2)" => 'must be superuser to configure a table that does not exist',
	"$configure ('app', 'b', 'daily', 2) ON CONFLICT (schema_name, table_name) DO UPDATE SET pre_provisioned = 9" =>
	  'must be owner of table b',
	q(UPDATE ppm.config SET pre_provisioned = 9 WHERE table_name = 'b') => 'must be owner of table b',
	q(UPDATE ppm.config SET pre_provisioned = 9) => 'must be owner of table b',
	q(UPDATE ppm.config SET table_name = 'mine' WHERE table_name = 'b') => 'must be owner of table b',
	q(UPDATE ppm.config SET table_name = 'c' WHERE table_name = 'a') => 'must be owner of table c',
	q(UPDATE ppm.config SET table_name = 'missing' WHERE table_name = 'a') => 'must be superuser',
	q(UPDATE ppm.config SET schema_name = 'missing' WHERE table_name = 'a') => 'must be superuser',
	q(DELETE FROM ppm.config WHERE table_name = 'b') => 'must be owner of table b',
	q(DELETE FROM ppm.config) => 'must be owner of table b',
	q(DELETE FROM ppm.config WHERE table_name = 'gone') => 'must be superuser',
	"COPY ppm.config (schema_name, table_name, interval, pre_provisioned) FROM STDIN;\napp\tmine\tdaily\t2\napp\tc\tdaily\t2\n\\." =>
	  'must be owner of table c',);
$node->safe_psql('postgres', owned_table('c', 'bob') . owned_table('mine', 'alice') . owned_table('gone', 'alice')
	  . "$configure ('app', 'gone', 'daily', 2); DROP TABLE app.gone");
my $before = $node->safe_psql('postgres', 'SELECT * FROM ppm.config ORDER BY 1, 2');
foreach my $statement (sort keys %refused)
{
	($result, $output, $messages) = run_sql($node, $statement, user => 'alice');
	like($messages, qr/ERROR:  42501: $refused{$statement}/, "refused: $statement");
	is($node->safe_psql('postgres', 'SELECT * FROM ppm.config ORDER BY 1, 2'), $before, 'nothing is written');
}

($result, $output, $messages) = run_sql($node, <<'EOF', user => 'alice');
COPY ppm.config (schema_name, table_name, interval, pre_provisioned) FROM STDIN;
app	mine	daily	2
\.
UPDATE ppm.config SET retention = 1 WHERE table_name = 'mine';
DELETE FROM ppm.config WHERE table_name = 'mine';
EOF
is("$result $messages", '0 ', 'an owner inserts, updates and deletes her own rows');
($result, $output, $messages) = run_sql($node, "$configure ('app', 'missing', 'daily', 2)");
like($messages, qr/WARNING.*ppm cannot manage table "app\.missing"/, 'a superuser is only warned of a missing table');
is($result, 0, 'and not refused');
$node->safe_psql('postgres', 'DELETE FROM ppm.config');

#
# Hostile code
#

# Everything that mallory, who cannot even log in, may put into a table's definition calls a function that says who runs
# it and tries to become more than that. What it gets done besides is to be seen at the next commit: bait's trigger waits
# for that.
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE mallory LOGIN;
CREATE TABLE app.trap (place text, who name, attempt text, outcome text);
GRANT INSERT ON app.trap TO PUBLIC;
EOF
($result, $output, $messages) = run_sql($node, <<'EOF', user => 'mallory');
CREATE TABLE app.bait ();
CREATE FUNCTION app.bitten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.trap VALUES ('commit', current_user, 'run later', 'done');
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bitten AFTER INSERT ON app.bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.bitten();
CREATE FUNCTION app.attack(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	attempt text;
BEGIN
	INSERT INTO app.trap VALUES (place, current_user, 'run', 'done');
	FOREACH attempt IN ARRAY ARRAY[
		'SET ROLE NONE', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION',
		'ALTER ROLE mallory SUPERUSER', 'CREATE TEMP TABLE t ()', 'INSERT INTO app.bait DEFAULT VALUES',
		'DECLARE c CURSOR WITH HOLD FOR SELECT app.attack(''cursor'')']
	LOOP
		BEGIN
			EXECUTE attempt;
			INSERT INTO app.trap VALUES (place, current_user, attempt, 'done');
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO app.trap VALUES (place, current_user, attempt, SQLSTATE);
		END;
	END LOOP;
END $$;
CREATE FUNCTION app.hostile(place text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.attack(place);
	RETURN 1;
END $$;
CREATE TABLE app.hostile_table (
	id int DEFAULT app.hostile('default'),
	day date NOT NULL,
	note text,
	twice int GENERATED ALWAYS AS (id + app.hostile('generated')) STORED,
	CHECK (id > app.hostile('check') - 100)
) PARTITION BY RANGE (day);
CREATE INDEX ON app.hostile_table ((id + app.hostile('index')));
CREATE INDEX ON app.hostile_table (id) WHERE id > app.hostile('predicate');
CREATE STATISTICS app.hostile_statistics ON (id + app.hostile('statistics')), day FROM app.hostile_table;
CREATE TABLE app.hostile_default PARTITION OF app.hostile_table DEFAULT;
INSERT INTO app.hostile_table VALUES (1, '1999-01-01');
CREATE FUNCTION app.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER hostile AFTER INSERT ON app.hostile_table FOR EACH ROW WHEN (NEW.id > app.hostile('when'))
	EXECUTE FUNCTION app.nothing();
CREATE POLICY hostile ON app.hostile_table USING (id > app.hostile('policy'));
ALTER TABLE app.hostile_table ENABLE ROW LEVEL SECURITY;
CREATE POLICY hostile ON app.hostile_default USING (id > app.hostile('policy'));
ALTER TABLE app.hostile_default ENABLE ROW LEVEL SECURITY;
EOF
is($result, 0, 'a table is full of traps');
$node->safe_psql('postgres', 'TRUNCATE app.trap; ALTER ROLE mallory NOLOGIN');

# The trap works: it catches who is not careful.
$node->psql('postgres', 'CREATE TABLE app.careless (LIKE app.hostile_table INCLUDING ALL)', stderr => \$messages);
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM app.trap WHERE who = session_user AND attempt = \'run\''),
	't', 'a superuser who copies the table runs its owner\'s code');
$node->safe_psql('postgres', 'TRUNCATE app.trap; DROP TABLE IF EXISTS app.careless; ALTER ROLE mallory NOSUPERUSER');

$node->safe_psql('postgres', "$configure ('app', 'hostile_table', 'daily', 2);"
	  . 'SELECT * FROM ppm.validate(); SELECT * FROM ppm.plan(); UPDATE ppm.config SET retention = 1');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.trap'), 0, 'who configures the table and plans runs none of it');

foreach my $call ('CALL ppm.provision()', 'BEGIN; CALL ppm.provision(); COMMIT')
{
	($result, $output, $messages) = run_sql($node, $call);
	is($result, 0, "$call provisions the table");
	is($node->safe_psql('postgres', <<'EOF'), 'mallory', 'its owner\'s code is run as its owner');
SELECT string_agg(DISTINCT who, ' ') FROM app.trap
EOF
	is($node->safe_psql('postgres', <<'EOF'), 'index predicate', 'which is index expressions and predicates at least');
SELECT string_agg(DISTINCT place, ' ') FROM app.trap WHERE place IN ('index', 'predicate')
EOF
	is($node->safe_psql('postgres', <<'EOF'), '', 'and gets nothing else done');
SELECT string_agg(DISTINCT attempt || ': ' || outcome, ', ') FROM app.trap
WHERE outcome = 'done' AND attempt <> 'run' OR attempt = 'run later'
EOF
	is($node->safe_psql('postgres', 'SELECT rolsuper FROM pg_roles WHERE rolname = \'mallory\''), 'f', 'and its owner gets no more privileges');
	$node->safe_psql('postgres', 'TRUNCATE app.trap; UPDATE ppm.config SET pre_provisioned = 3');
}
is(owners_of('hostile_table'), 'mallory 6', 'all of them belong to the owner, who cannot log in');

$node->stop;
done_testing();
