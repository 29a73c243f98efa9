# A role that does not own the table makes objects that ppm's statements might find or run: casts, indexes on a table that refers to it, functions
# and operators in a schema of the owner's search_path, hooks and schemas of a name that it has taken. Nothing of that role's runs as anybody
# else, and it can drop nothing.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('strangers_objects', conf => "ppm.work_date = ''\n");

# alice owns a schema, and a secret; stranger owns another, with what would carry the secret out.
my $setup = <<'EOF';
SET client_min_messages = error;
DROP SCHEMA IF EXISTS a, m CASCADE;
DROP SCHEMA IF EXISTS public CASCADE;
DELETE FROM ppm.config;
DELETE FROM ppm.hooks;
DELETE FROM ppm.detached;
CREATE SCHEMA public;
GRANT ALL ON SCHEMA public TO PUBLIC;  -- as in PostgreSQL 14, and after pg_upgrade from there
CREATE SCHEMA a AUTHORIZATION alice;
GRANT USAGE ON SCHEMA a TO stranger;
CREATE SCHEMA m AUTHORIZATION stranger;
GRANT USAGE ON SCHEMA m TO PUBLIC;
SET ROLE stranger;
CREATE TABLE m.loot (who name);
GRANT INSERT ON m.loot TO PUBLIC;
CREATE SEQUENCE m.carried;  -- a rollback does not undo it
GRANT ALL ON m.carried TO PUBLIC;
CREATE FUNCTION m.steal() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'stranger' THEN
		PERFORM nextval('m.carried');
		INSERT INTO m.loot VALUES (current_user);
	END IF;
END $$;
RESET ROLE;
EOF
$node->safe_psql('postgres', 'CREATE ROLE alice; CREATE ROLE stranger; GRANT CREATE ON DATABASE postgres TO stranger');

sub stolen { return $node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM m.loot), is_called FROM m.carried') }

#
# A table that refers to the partitioned one
#

my $referred = $setup . <<'EOF';
SET ROLE alice;
CREATE TABLE a.t (n bigint PRIMARY KEY) PARTITION BY RANGE (n);
SELECT format('CREATE TABLE a.%I PARTITION OF a.t FOR VALUES FROM (%s) TO (%s)', 't_' || n * 10, n * 10, n * 10 + 10) FROM generate_series(0, 9) n \gexec
INSERT INTO a.t SELECT generate_series(1, 85);
GRANT REFERENCES ON a.t TO stranger;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('a', 't', '10', 1, 7);
SET ROLE stranger;
CREATE TYPE m.e AS ENUM ('85');
CREATE FUNCTION m.number(m.e) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN $1::text::bigint; END';
CREATE CAST (m.e AS bigint) WITH FUNCTION m.number AS IMPLICIT;
EOF
my %casts = (
	'of the type of a domain' => 'CREATE DOMAIN m.d AS m.e; CREATE TABLE m.ref (n m.d REFERENCES a.t);',
	'that was implicit once' => 'CREATE TABLE m.ref (n m.e REFERENCES a.t); DROP CAST (m.e AS bigint); CREATE CAST (m.e AS bigint) WITH FUNCTION m.number;',
	'without a function' => 'CREATE TABLE m.ref (n m.e REFERENCES a.t); DROP CAST (m.e AS bigint); CREATE CAST (m.e AS bigint) WITH INOUT AS IMPLICIT;');
my ($result, undef, $messages);
foreach my $which (sort keys %casts)
{
	$node->safe_psql('postgres', "$referred $casts{$which} CREATE INDEX ON m.ref (n); GRANT SELECT ON m.ref TO PUBLIC;");
	($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
	like($messages, qr/42501.*ALTER (TYPE m\.e|FUNCTION m\.number\(m\.e\)) OWNER TO alice/s, "a stranger's cast $which is not run");
	is(stolen(), '0|f', 'nothing is stolen');
}

# What an index of that table uses. The planner calls what has constants for arguments.
my %indexes = (
	'a domain' => 'CREATE FUNCTION m.f(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM m.steal(); RETURN true; END$$; '
	  . 'CREATE DOMAIN m.d AS bigint CHECK (m.f(1)); CREATE INDEX ON m.ref (n) WHERE n::m.d > 0;',
	'the negator of an operator' => 'CREATE FUNCTION m.ne(date, timestamptz) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN PERFORM m.steal(); RETURN true; END$$; '
	  . 'CREATE OPERATOR m.== (FUNCTION = date_eq_timestamptz, LEFTARG = date, RIGHTARG = timestamptz, NEGATOR = OPERATOR(m.!==)); '
	  . 'CREATE OPERATOR m.!== (FUNCTION = m.ne, LEFTARG = date, RIGHTARG = timestamptz, NEGATOR = OPERATOR(m.==)); '
	  . q(CREATE INDEX ON m.ref (n) WHERE round((NOT ('2026-01-01'::date OPERATOR(m.==) '2026-01-01 00:00+00'::timestamptz))::int::numeric) > 0;));
foreach my $which (sort keys %indexes)
{
	$node->safe_psql('postgres', "$referred DROP CAST (m.e AS bigint); CREATE TABLE m.ref (n bigint REFERENCES a.t); $indexes{$which} CREATE INDEX ON m.ref (n); GRANT SELECT ON m.ref TO PUBLIC; "
		  . 'DELETE FROM m.loot; ALTER SEQUENCE m.carried RESTART; RESET ROLE');
	($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
	like($messages, qr/42501.*ALTER (TYPE|OPERATOR) m\..* OWNER TO alice/s, "$which of a stranger's in an index is not used");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM m.loot'), '0', 'nothing is stolen');
}

$node->safe_psql('postgres', $referred . <<'EOF');
DROP CAST (m.e AS bigint);
CREATE DOMAIN m.note AS text CHECK (VALUE <> '');
CREATE TABLE m.ref (n bigint REFERENCES a.t, e m.e, several m.e[], note m.note) PARTITION BY RANGE (n);
CREATE TABLE m.ref_all PARTITION OF m.ref DEFAULT;
CREATE INDEX ON m.ref (n) WHERE e = '85' AND several <> '{}';
GRANT SELECT ON m.ref TO PUBLIC;
EOF
($result) = run_sql($node, 'CALL ppm.cleanup()');
is($result, 0, 'an enum has no code, nor has the type of another column');

$node->safe_psql('postgres', $setup . <<'EOF');
SET ROLE alice;
CREATE TABLE a.t (day date PRIMARY KEY);
INSERT INTO a.t SELECT current_date - n FROM generate_series(0, 5) AS n;
GRANT REFERENCES ON a.t TO stranger;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, partition_key, interval, pre_provisioned, retention) VALUES ('a', 't', 'day', 'daily', 1, 30);
CALL ppm.convert('a.t');
SET ROLE stranger;
CREATE FUNCTION m.f(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN true; END';
CREATE TABLE m.ref (day date REFERENCES a.t);
CREATE INDEX ON m.ref (day) WHERE m.f(1);  -- the planner calls m.f(1)
GRANT SELECT ON m.ref TO PUBLIC;
EOF
($result, undef, $messages) = run_sql($node, q(CALL ppm.abandon('a.t')));
like($messages, qr/cannot be undone.*Table "m\.ref" refers to it with the foreign key "ref_day_fkey".*ALTER TABLE m\.ref DROP CONSTRAINT ref_day_fkey;/s, 'a conversion is not undone while another table refers to it');
is(stolen(), '0|f', "and that table's code is not run");
$node->safe_psql('postgres', q(ALTER TABLE m.ref DROP CONSTRAINT ref_day_fkey; CALL ppm.abandon('a.t')));
is($node->safe_psql('postgres', q(SELECT relkind, (SELECT count(*) FROM a.t) FROM pg_class WHERE oid = 'a.t'::regclass)), 'r|6', 'without the foreign key it is');

#
# The search_path of the owner
#

# They match better than PostgreSQL's own, which are polymorphic, or for another type.
my $better = <<'EOF';
SET ROLE stranger;
CREATE FUNCTION public.array_length(int[], int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN 1; END';
CREATE FUNCTION public.ne(int[], int[]) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN true; END';
CREATE OPERATOR public.<> (FUNCTION = public.ne, LEFTARG = int[], RIGHTARG = int[]);
CREATE FUNCTION public.ge(varchar, varchar) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN $1::text >= $2::text; END';
CREATE OPERATOR public.>= (FUNCTION = public.ge, LEFTARG = varchar, RIGHTARG = varchar);
CREATE FUNCTION public.lt(varchar, varchar) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN $1::text < $2::text; END';
CREATE OPERATOR public.< (FUNCTION = public.lt, LEFTARG = varchar, RIGHTARG = varchar);
RESET ROLE;
EOF

# How many objects of alice's use one of the stranger's.
sub misled
{
	return $node->safe_psql('postgres', <<'EOF');
SELECT count(*) FROM pg_depend d JOIN pg_proc p ON p.proowner = 'stranger'::regrole AND (d.refclassid, d.refobjid) = ('pg_proc'::regclass, p.oid)
LEFT JOIN pg_operator o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid WHERE o.oid IS NULL AND p.pronamespace = 'public'::regnamespace
EOF
}

# A table that is provisioned by alice's template, and gets a row, beside the stranger's objects.
sub provision
{
	my ($sql) = @_;
	$node->safe_psql('postgres', $setup . <<"EOF");
SET ROLE alice;
CREATE TABLE a.t (day date, tags int[]) PARTITION BY RANGE (day);
$sql
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('a', 't', 'daily', 1, 'a.template');
$better
CALL ppm.provision();
INSERT INTO a.t VALUES (now() AT TIME ZONE 'UTC', '{1,2}');
EOF
	return;
}

provision(<<'EOF');
CREATE TABLE a.t_default PARTITION OF a.t DEFAULT;
CREATE STATISTICS a.st ON day, array_length(tags, 1) FROM a.t;
CREATE TABLE a.template (day date, tags int[], EXCLUDE (array_length(tags, 1) WITH =) WHERE (tags <> '{}'));
CREATE INDEX ON a.template (array_length(tags, 1));
CREATE FUNCTION a.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tg BEFORE INSERT ON a.template FOR EACH ROW WHEN (NEW.tags <> '{}') EXECUTE FUNCTION a.nothing();
EOF
is(stolen() . ' ' . misled(), '0|f 0', 'what a template and extended statistics give to a partition is what they have themselves');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.check() WHERE code = 'template_differs')), '0', 'as check says');

provision(<<'EOF');
CREATE TABLE a.template (day date, tags int[]) PARTITION BY RANGE (array_length(tags, 1));
CREATE TABLE a.template_rest PARTITION OF a.template DEFAULT;
EOF
is(stolen() . ' ' . misled(), '0|f 0', 'so is the key by which a partition is partitioned itself');

$node->safe_psql('postgres', $setup . <<"EOF");
SET ROLE alice;
CREATE TABLE a.t (day date PRIMARY KEY, tags int[]) PARTITION BY RANGE (day);
CREATE TABLE a.t_default PARTITION OF a.t DEFAULT;
CREATE INDEX ON a.t (array_length(tags, 1));
INSERT INTO a.t SELECT current_date - n, '{1}' FROM generate_series(0, 3) AS n;
CREATE TABLE a.u (key varchar COLLATE "C" PRIMARY KEY) PARTITION BY RANGE (key);
CREATE TABLE a.u_default PARTITION OF a.u DEFAULT;
INSERT INTO a.u SELECT ppm.ulid_lower_bound(now() - make_interval(days => n)) FROM generate_series(0, 3) AS n;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, partition_key, interval, pre_provisioned, key_encoding) VALUES ('a', 't', 'day', 'daily', 1, NULL), ('a', 'u', 'key', 'daily', 1, 'ulid');
$better
CALL ppm.repartition('a.t');
CALL ppm.repartition('a.u');
EOF
is(stolen() . ' ' . misled(), '0|f 0', 'a move builds the indexes of the table, and compares keys as PostgreSQL does');
is($node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM a.t WHERE tableoid <> 'a.t_default'::regclass), (SELECT count(*) FROM a.u WHERE tableoid <> 'a.u_default'::regclass))), '4|4', 'and moves the rows');

# With a path that names pg_catalog after another schema, which comes first then.
$node->safe_psql('postgres', $setup . <<'EOF');
SET ROLE alice;
CREATE TABLE a.t (day date PRIMARY KEY) PARTITION BY RANGE (day);
CREATE TABLE a.t_default PARTITION OF a.t DEFAULT;
INSERT INTO a.t SELECT current_date - n FROM generate_series(0, 3) AS n;
CREATE TABLE a.u (day date PRIMARY KEY);
INSERT INTO a.u VALUES (current_date);
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, partition_key, interval, pre_provisioned) VALUES ('a', 't', 'day', 'daily', 1), ('a', 'u', 'day', 'daily', 1);
SELECT set_config('search_path', 'public, PG_CATALOG', false);
ALTER ROLE alice SET search_path FROM CURRENT;
RESET search_path;
SET ROLE stranger;
CREATE FUNCTION public.before(date, date) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN pg_catalog.date_lt($1, $2); END';
CREATE OPERATOR public.< (FUNCTION = public.before, LEFTARG = date, RIGHTARG = date);
CREATE FUNCTION public.after(date, date) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM m.steal(); RETURN pg_catalog.date_ge($1, $2); END';
CREATE OPERATOR public.>= (FUNCTION = public.after, LEFTARG = date, RIGHTARG = date);
RESET ROLE;
CALL ppm.repartition('a.t');
CALL ppm.convert('a.u');
ALTER ROLE alice RESET search_path;
EOF
is(stolen() . ' ' . misled(), '0|f 0', 'whatever the path is, keys are compared as PostgreSQL does');

$node->safe_psql('postgres', $setup . <<"EOF");
SET ROLE alice;
CREATE TABLE a.t (day date, tags int[]) PARTITION BY RANGE (day);
ALTER TABLE a.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON a.t USING (true);
CREATE POLICY no_secrets ON a.t AS RESTRICTIVE USING (tags <> '{13}');
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('a', 't', 'daily', 1);
$better
CALL ppm.provision();
EOF
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_policy WHERE polname = 'no_secrets')) . ' ' . misled(), '3 0', 'every partition has the policies of its table');

$node->safe_psql('postgres', $setup . <<"EOF");
SET ROLE alice;
CREATE TABLE a.t (day date NOT NULL, tags int[]);
INSERT INTO a.t VALUES (current_date, '{1,2}');
CREATE VIEW a.v AS SELECT day, array_length(tags, 1) AS n FROM a.t WHERE tags <> '{}';
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, partition_key, interval, pre_provisioned) VALUES ('a', 't', 'day', 'daily', 1);
CALL ppm.convert('a.t');
$better
EOF
($result, undef, $messages) = run_sql($node, q(CALL ppm.abandon('a.t')));
like($messages, qr/55000: table "a\.t" was changed concurrently: a trigger or a view was not created as planned/, 'a conversion is not undone if a view would come to mean something else');
is($node->safe_psql('postgres', 'SELECT n FROM a.v') . ' ' . stolen() . ' ' . misled(), '2 0|f 0', 'the view is as it was');

# What a person is to execute means the same under any path.
$node->safe_psql('postgres', $setup . <<'EOF');
ALTER ROLE alice SET search_path = a;
SET ROLE alice;
CREATE FUNCTION a.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE TABLE a.t (day date, x text) PARTITION BY RANGE (day);
CREATE TABLE a.template (day date, x text);
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('a', 't', 'daily', 1, 'a.template');
CALL ppm.provision();
CREATE INDEX ON a.template (a.norm(x));
EOF
like($node->safe_psql('postgres', q(SELECT hint FROM ppm.check() WHERE code = 'template_differs' LIMIT 1)), qr/\(a\.norm\(x\)\)/, 'a hint names functions with their schemas');
$node->safe_psql('postgres', 'ALTER ROLE alice RESET search_path');

$node->safe_psql('postgres', $setup . <<"EOF");
SET ROLE alice;
CREATE TABLE a.t (day date NOT NULL, tags int[]);
CREATE UNIQUE INDEX ON a.t (array_length(tags, 1));
CREATE INDEX ON a.t ((tags <> '{}'));
CREATE STATISTICS a.st ON day, array_length(tags, 1) FROM a.t;
CREATE FUNCTION a.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER tg AFTER INSERT ON a.t FOR EACH ROW WHEN (NEW.tags <> '{}') EXECUTE FUNCTION a.nothing();
INSERT INTO a.t VALUES (current_date, '{1,2}');
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, partition_key, interval, pre_provisioned) VALUES ('a', 't', 'day', 'daily', 1);
$better
CALL ppm.convert('a.t', true);
INSERT INTO a.t VALUES (current_date, '{1,2,3}');
EOF
is(stolen() . ' ' . misled(), '0|f 0', 'a conversion takes over indexes, triggers and statistics as they are');
is($node->safe_psql('postgres', q(SELECT relkind FROM pg_class WHERE oid = 'a.t'::regclass)), 'p', 'it is converted');

#
# Names that somebody has taken
#

$node->safe_psql('postgres', $setup . <<'EOF');
DROP SCHEMA IF EXISTS s, s_away CASCADE;
CREATE SCHEMA s AUTHORIZATION stranger;
GRANT ALL ON SCHEMA s TO alice;
GRANT SELECT, INSERT, DELETE ON ppm.hooks TO stranger;
GRANT USAGE ON SCHEMA ppm TO stranger;
SET ROLE alice;
CREATE TABLE s.t (day date) PARTITION BY RANGE (day);
CREATE FUNCTION a.export(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION a.wipe(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS '';
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('s', 't', 'daily', 1);
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('s', 't', 'before_drop', 'a.export(regclass,regclass,text,text)');
EOF
foreach my $statement (q(DELETE FROM ppm.hooks WHERE schema_name = 's'), q(INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('s', 't', 'after_create', 'a.wipe(regclass,regclass,text,text)')))
{
	(undef, undef, $messages) = run_sql($node, <<"EOF");
SET ROLE stranger;
BEGIN;
ALTER SCHEMA s RENAME TO s_away;
CREATE SCHEMA s;
CREATE TABLE s.t (day date) PARTITION BY RANGE (day);
SET check_function_bodies = off;
$statement;
EOF
	like($messages, qr/42501: must be owner of table t/, 'whoever takes the name of a table for a moment has no rights over its hooks');
}

# Writing the configuration first does not help.
(undef, undef, $messages) = run_sql($node, <<'EOF');
GRANT SELECT, INSERT, UPDATE, DELETE ON ppm.config TO stranger;
SET ROLE stranger;
BEGIN;
ALTER SCHEMA s RENAME TO s_away;
CREATE SCHEMA s;
CREATE TABLE s.t (day date) PARTITION BY RANGE (day);
UPDATE ppm.config SET interval = interval WHERE schema_name = 's';
EOF
like($messages, qr/42501: must be owner of table t/, 'nor over its configuration, as long as it exists');
(undef, undef, $messages) = run_sql($node, <<'EOF');
GRANT UPDATE ON ppm.hooks TO stranger;
SET ROLE stranger;
CREATE TABLE m.mine (day date) PARTITION BY RANGE (day);
CREATE TABLE m.later (day date) PARTITION BY RANGE (day);
SET client_min_messages = error;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('m', 'mine', 'daily', 1);
SET check_function_bodies = off;
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('m', 'mine', 'after_create', 'a.wipe(regclass,regclass,text,text)');
UPDATE ppm.hooks SET table_name = 'later' WHERE schema_name = 'm';
EOF
like($messages, qr/55000: table "m\.later" is not configured/, 'nor by an UPDATE');
(undef, undef, $messages) = run_sql($node, <<'EOF');
SET client_min_messages = error;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('m', 'not_yet', 'daily', 1);
SET ROLE stranger;
CREATE TABLE m.not_yet (day date) PARTITION BY RANGE (day);
SET check_function_bodies = off;
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('m', 'not_yet', 'after_create', 'a.wipe(regclass,regclass,text,text)');
EOF
like($messages, qr/55000: table "m\.not_yet" is not configured/, 'nor for a table that was configured before it was there');
(undef, undef, $messages) = run_sql($node, <<'EOF');
DELETE FROM ppm.config WHERE table_name = 'not_yet';
SET ROLE stranger;
DROP TABLE m.mine;
CREATE TABLE m.mine (day date) PARTITION BY RANGE (day);
SET check_function_bodies = off;
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('m', 'mine', 'after_create', 'a.export(regclass,regclass,text,text)');
EOF
like($messages, qr/55000: table "m\.mine" is not configured.*or write it again/s, 'nor for one that has only the name of a configured one');
(undef, undef, $messages) = run_sql($node, q(CREATE TABLE a.mine (day date) PARTITION BY RANGE (day); UPDATE ppm.config SET schema_name = 'a' WHERE table_name = 'mine'));
like($messages, qr/WARNING:  01000: table "m\.mine" has hooks already/, 'who moves a row to another table is told of the hooks that go with it');
$node->safe_psql('postgres', q(SET client_min_messages = error; UPDATE ppm.config SET schema_name = 'm' WHERE table_name = 'mine'; DROP TABLE a.mine));
(undef, undef, $messages) = run_sql($node, q(DELETE FROM ppm.config WHERE schema_name = 'm'; INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('m', 'mine', 'daily', 1)));
like($messages, qr/WARNING:  01000: table "m\.mine" has hooks already\n.*They are: after_create a\.wipe\(/s, 'who configures a table is told of the hooks that its name has');
$node->safe_psql('postgres', q(DROP TABLE m.mine, m.later; DELETE FROM ppm.hooks WHERE schema_name = 'm'; DELETE FROM ppm.config WHERE schema_name = 'm'));
(undef, undef, $messages) = run_sql($node, <<'EOF');
SET ROLE stranger;
CREATE TABLE m.later (day date) PARTITION BY RANGE (day);
SET check_function_bodies = off;
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('m', 'later', 'after_create', 'a.wipe(regclass,regclass,text,text)');
EOF
like($messages, qr/55000: table "m\.later" is not configured/, 'nor can anybody but a superuser write hooks for a table that is configured later');

$node->safe_psql('postgres', $setup . <<'EOF');
DROP SCHEMA IF EXISTS old, new, new_archive CASCADE;
CREATE SCHEMA s_archive AUTHORIZATION alice;
SET ROLE alice;
CREATE TABLE a.t (day date) PARTITION BY RANGE (day);
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, archive_schema) VALUES ('a', 't', 'daily', 1, 3, 's_archive');
CALL ppm.provision();
UPDATE ppm.config SET retention = 1;
CALL ppm.cleanup();
ALTER SCHEMA s_archive RENAME TO new_archive;
UPDATE ppm.config SET retention = 3;
ALTER SCHEMA a RENAME TO new;
UPDATE ppm.config SET schema_name = 'new';
SET ROLE stranger;
CREATE SCHEMA a;
CREATE SCHEMA s_archive;
GRANT ALL ON SCHEMA a, s_archive TO PUBLIC;
EOF
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relnamespace = 'new_archive'::regnamespace)), '2', 'two tables are archived');
(undef, undef, $messages) = run_sql($node, 'UPDATE ppm.config SET retention = 3; CALL ppm.run_all(); UPDATE ppm.config SET retention = 1; CALL ppm.run_all()');
like($messages, qr/archive_schema of table "new\.t" is "s_archive", but that schema belongs to role stranger, which could drop the tables there/, 'an archive that a stranger has made is not used');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_class WHERE relnamespace IN ('a'::regnamespace, 's_archive'::regnamespace))), '0', 'nor is a home');

#
# What ppm keeps of a stranger's table while its rows are moved
#

# ANALYZE of a range calls a function of the range's owner, as the owner of the table that has it.
$node->safe_psql('postgres', $setup . <<'EOF');
SET ROLE stranger;
CREATE FUNCTION m.difference(a int, b int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM m.steal(); RETURN a - b; END $$;
CREATE TYPE m.range AS RANGE (subtype = int, subtype_diff = m.difference);
CREATE TABLE m.t (day date, r m.range, PRIMARY KEY (day, r)) PARTITION BY RANGE (day);
CREATE TABLE m.d PARTITION OF m.t DEFAULT;
INSERT INTO m.t SELECT current_date, m.range(i, i + 1) FROM generate_series(1, 1000) i;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('m', 't', 'monthly', 1, 10);
EOF
my $mover = start_sql($node, 'mover', q(SET ppm.batch_rows = 1; SET ppm.batch_pause = '1min'; CALL ppm.repartition('m.t')));
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM ppm.progress WHERE phase = 'copying')") or die 'it does not copy';
$node->safe_psql('postgres', 'SET ROLE stranger; INSERT INTO m.t SELECT current_date, m.range(i, i + 1) FROM generate_series(10001, 10500) i');
my $log = $node->safe_psql('postgres', q(SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ppm'::regnamespace AND relname LIKE 'log\_%' AND relkind = 'r'));
is($node->safe_psql('postgres', "SELECT count(*) FROM $log"), '500', 'keys of a stranger are noted in a table of a superuser');
$node->safe_psql('postgres', "ANALYZE $log; ANALYZE");
is(stolen(), '0|f', 'whose statistics do not run code of that stranger');
$node->safe_psql('postgres', "ALTER TABLE m.t OWNER TO alice; ALTER TABLE m.d OWNER TO alice; INSERT INTO m.t SELECT current_date, int4range(20001, 20002)::text::m.range");
is($node->safe_psql('postgres', "SET ROLE stranger; SELECT count(*) FROM $log"), '500', 'who does not own the table any longer does not see the keys of later rows');
$node->safe_psql('postgres', q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover'));
finish_sql($mover);
$node->safe_psql('postgres', q(CALL ppm.abandon('m.t')));

done_testing();
