# Whatever of other people runs in the middle of ppm's DDL sees the search_path of a plain session of the table's owner: an event
# trigger that names its table without a schema works as it does for CREATE TABLE by hand. What is restricted says where, and
# what helps.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('search_path', conf => "ppm.work_date = ''\n");

$node->safe_psql('postgres', <<'EOF');
CREATE ROLE owner LOGIN;
CREATE SCHEMA app AUTHORIZATION owner;
CREATE SCHEMA tools;
GRANT USAGE ON SCHEMA tools TO public;
CREATE TABLE tools.ddl_log (id bigserial, tag text, object text, path text);
GRANT ALL ON tools.ddl_log TO public;
GRANT ALL ON SEQUENCE tools.ddl_log_id_seq TO public;
CREATE FUNCTION tools.log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
		INSERT INTO ddl_log (tag, object, path) VALUES (r.command_tag, r.object_identity, current_setting('search_path'));
	END LOOP;
END $$;
CREATE FUNCTION tools.log_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ddl_log (tag, path) VALUES (tg_tag, current_setting('search_path'));
END $$;
-- An index expression, a constraint and a policy that name functions without a schema.
CREATE FUNCTION tools.inner_of(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION tools.outer_of(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN inner_of($1); END';
SET search_path = app, tools;
CREATE TABLE t (id int CHECK (tools.outer_of(id) > 0), day date NOT NULL) PARTITION BY RANGE (day);
CREATE INDEX ON t (tools.outer_of(id));
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON t USING (tools.outer_of(id) > 1);
ALTER TABLE t OWNER TO owner;
EOF

# Runs what makes, detaches, drops and attaches partitions; returns the paths that event triggers saw.
sub paths
{
	my (@settings) = @_;
	$node->safe_psql('postgres', 'DELETE FROM ppm.config; TRUNCATE tools.ddl_log; DROP EVENT TRIGGER IF EXISTS log_ddl; DROP EVENT TRIGGER IF EXISTS log_drop');
	$node->safe_psql('postgres', $_) foreach @settings;
	$node->safe_psql('postgres', <<'EOF');
DO $$ DECLARE partition regclass; BEGIN
	FOR partition IN SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relname ~ '^t_' AND relkind = 'r' LOOP
		EXECUTE format('DROP TABLE %s', partition);
	END LOOP;
END $$;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('app', 't', 'daily', 1, 1);
SET search_path = app;
SET ROLE owner;
CREATE TABLE t_old PARTITION OF t FOR VALUES FROM (current_date - 4) TO (current_date - 3);
RESET ROLE;
SET search_path = app, tools;
INSERT INTO t VALUES (5, current_date - 4);
CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION tools.log_ddl();
CREATE EVENT TRIGGER log_drop ON sql_drop EXECUTE FUNCTION tools.log_drop();
EOF
	# The caller's own path, and what else it has set, is nobody else's.
	my $call = q(SET search_path = pg_catalog; );
	my ($result, $output, $messages) = run_sql($node, "$call CALL ppm.run_all()");
	is($result, 0, 'creating and detaching succeed');
	($result) = run_sql($node, "$call UPDATE ppm.config SET retention = 5; CALL ppm.provision()");
	is($result, 0, 'and so does attaching');
	($result) = run_sql($node, "$call UPDATE ppm.config SET retention = 1, cleanup_policy = 'drop'; DELETE FROM ppm.kept; CALL ppm.cleanup()");
	is($result, 0, 'and dropping');
	is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT tag, ', ' ORDER BY tag) FROM tools.ddl_log WHERE tag IN ('CREATE TABLE', 'ALTER TABLE', 'DROP TABLE', 'CREATE POLICY'))),
		'ALTER TABLE, CREATE POLICY, CREATE TABLE, DROP TABLE', 'and the function logged each kind of statement');
	return $node->safe_psql('postgres', q(SELECT string_agg(DISTINCT path, '; ') FROM tools.ddl_log));
}

is(paths('ALTER ROLE owner IN DATABASE postgres SET search_path = app, tools', q(ALTER ROLE owner SET search_path = 'nowhere')),
	'app, tools', 'what the role has in this database comes first');
is(paths('ALTER ROLE owner IN DATABASE postgres RESET search_path', q(ALTER ROLE owner SET search_path = "$user", tools), q(ALTER DATABASE postgres SET search_path = 'nowhere')),
	'"$user", tools', 'then what the role has');
is(paths('ALTER ROLE owner RESET search_path', 'ALTER DATABASE postgres SET search_path = tools, public', q(ALTER ROLE ALL SET search_path = 'nowhere')),
	'tools, public', 'then what the database has');
is(paths('ALTER DATABASE postgres RESET search_path', 'ALTER ROLE ALL SET search_path = public, tools'), 'public, tools', 'then what all roles have');
is(paths('ALTER ROLE ALL RESET search_path', q(ALTER SYSTEM SET search_path = "$user", public, tools), 'SELECT pg_reload_conf()', 'SELECT pg_sleep(1)'),
	'"$user", public, tools', "then the server's");

# ppm's own queries see none of it: objects of the owner that bear PostgreSQL's names are not asked.
$node->safe_psql('postgres', <<'EOF');
ALTER ROLE owner SET search_path = app, pg_catalog, tools;
CREATE TABLE app.pg_class (oid oid);
CREATE TABLE app.pg_inherits (inhrelid oid);
CREATE FUNCTION app.format(text, VARIADIC "any") RETURNS text LANGUAGE internal IMMUTABLE AS 'text_format_nv';
EOF
my ($result, $output, $messages) = run_sql($node, q(UPDATE ppm.config SET pre_provisioned = 3; CALL ppm.run_all()));
is($result, 0, "names of PostgreSQL's in the owner's path change nothing");
$node->safe_psql('postgres', 'DROP TABLE app.pg_class, app.pg_inherits; ALTER ROLE owner RESET search_path');

# What the restricted context forbids.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION tools.use_temporary() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE IF NOT EXISTS seen (tag text);
END $$;
CREATE EVENT TRIGGER use_temporary ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION tools.use_temporary();
EOF
($result, $output, $messages) = run_sql($node, q(UPDATE ppm.config SET pre_provisioned = 4; CALL ppm.provision()));
like($messages, qr/cannot create temporary table within security-restricted operation, in PL\/pgSQL function (?:tools\.)?use_temporary\(\) line 3/, 'a temporary table is refused, and where is said');
like($messages, qr/HINT:  Code that runs in the middle of ppm's statements is restricted/, 'and what helps');
unlike($messages, qr/grant that role/, 'and the hint does not suggest a privilege');

$node->stop;
done_testing();
