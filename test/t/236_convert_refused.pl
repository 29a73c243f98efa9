# What cannot be converted is said before anything is touched, with what mends it; and nobody gains a right by it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('convert_refused', allows_streaming => 'logical');
my $version = $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int));
my ($result, $output, $messages);

sub asked
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

my $config = q(SET client_min_messages = error; INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('t', 'at', 'daily', 2););
my $table = 'CREATE TABLE t (id integer NOT NULL, at timestamp, note text);';
my $state = "SELECT relkind, relfilenode, relname, (SELECT count(*) FROM pg_constraint WHERE conrelid = r.oid) FROM pg_class r WHERE oid = 't'::regclass";

# The obstacles in the way of a table `t` after $sql, after $mend there are none; $mend may be what the hint says (`hint`).
sub refused
{
	my ($what, $sql, $detail, $mend, %options) = @_;
	asked("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DELETE FROM ppm.config; $table $sql; $config");
	my $before = asked($state);
	my $plan = asked("SELECT detail || ' -> ' || hint FROM ppm.plan_conversion('t') WHERE action = 'obstacle'");
	like($plan, $detail, "$what: the plan says so");
	my $call = $options{call} // "CALL ppm.convert('t', true)";
	($result, $output, $messages) = run_sql($node, $call);
	like($messages, qr/ERROR:  55000: table "public\.t" cannot be converted as it is\nDETAIL:  /, "$what: the call refuses it");
	my @said = grep { !/lacks the partition key/ || $options{call} } map { s/ -> .*//r } split /\n/, $plan;
	is(scalar(grep { index($messages, $_) < 0 } @said), 0, "$what: with the same words") or diag join "\n", @said;
	is(asked($state), $before, "$what: nothing was touched");
	($mend) = $plan =~ / -> (.*?;)/ if ($mend // '') eq 'hint';
	return unless $mend;
	asked($mend);
	is(asked("SELECT string_agg(detail, ',') FROM ppm.plan_conversion('t') WHERE action = 'obstacle' AND detail !~ 'lacks the partition key'"), '', "$what: and the hint fixes it");
	return;
}

refused('a foreign key to it', 'ALTER TABLE t ADD UNIQUE (id, at); CREATE TABLE o (id integer, at timestamp, CONSTRAINT its_t FOREIGN KEY (id, at) REFERENCES t (id, at))',
	qr/Constraint its_t on table public\.o refers to the table.* -> ALTER TABLE public\.o DROP CONSTRAINT its_t;/, 'hint');
refused('a foreign key to itself', 'ALTER TABLE t ADD UNIQUE (id, at), ADD other integer, ADD CONSTRAINT itself FOREIGN KEY (other, at) REFERENCES t (id, at)',
	qr/Constraint itself on table public\.t refers to the table/, 'hint');
refused('a materialized view', 'CREATE MATERIALIZED VIEW m AS SELECT * FROM t', qr/public\.m refers to the table.* -> DROP MATERIALIZED VIEW public\.m;/, 'hint');
refused('a rule', 'CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING', qr/Rule r on table public\.t refers to the table.* -> DROP RULE r ON public\.t;/, 'hint');
refused('a rule of another table', 'CREATE TABLE o (id integer); CREATE RULE r AS ON INSERT TO o DO ALSO INSERT INTO t (id) VALUES (1)', qr/Rule r on table public\.o refers/, 'DROP TABLE o');
refused('a function with a parsed body', 'CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END', qr/Function public\.f\(\) refers/, 'DROP FUNCTION f()');
refused('a policy of another table', 'CREATE TABLE o (id integer); CREATE POLICY p ON o USING (id IN (SELECT id FROM t))', qr/Policy p on table public\.o refers/, 'DROP TABLE o');
refused('a function of its row type', q(CREATE FUNCTION f(t) RETURNS text LANGUAGE sql AS 'SELECT $1.note'), qr/Function public\.f\(public\.t\) refers to the table's row type/, 'DROP FUNCTION f(t)');
refused('a column of its row type', 'CREATE TABLE o (id integer, ts t[])', qr/[Cc]olumn|[Tt]able public\.o refers to the table's row type/, 'DROP TABLE o');
refused('a domain of its row type', 'CREATE DOMAIN d AS t', qr/Type public\.d refers to the table's row type/, 'DROP DOMAIN d');
refused('a view of whole rows', 'CREATE VIEW v AS SELECT t FROM t', qr/[Vv]iew public\.v.* refers to the table's row type|[Vv]iew v.* refers/, 'DROP VIEW v');
refused('a view that needs the key', 'ALTER TABLE t ADD PRIMARY KEY (id); CREATE VIEW v AS SELECT id, note FROM t GROUP BY id', qr/[Rr]ule _RETURN on view public\.v refers to the table's constraint/, 'DROP VIEW v');
refused('a trigger that sets the key', 'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$; CREATE TRIGGER sets BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()',
	qr/Trigger sets might set the partition key.* -> DROP TRIGGER sets ON public\.t;/, 'hint');
refused('a trigger that may set it', q(CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW := jsonb_populate_record(NEW, '{}'); RETURN NEW; END $$; CREATE TRIGGER sets BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()),
	qr/Trigger sets might set the partition key/, 'hint');
refused('transition tables of rows', 'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER sees AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH ROW EXECUTE FUNCTION f()',
	qr/Trigger sees is FOR EACH ROW with transition tables.* -> DROP TRIGGER sees ON public\.t;/, 'hint');
refused('a child', 'CREATE TABLE c () INHERITS (t)', qr/Table public\.c inherits from the table.* -> ALTER TABLE public\.c NO INHERIT public\.t;/, 'hint');
refused('a parent', 'CREATE TABLE p (id integer); ALTER TABLE t INHERIT p', qr/inherits from public\.p.* -> ALTER TABLE public\.t NO INHERIT public\.p;/, 'hint');
refused('an exclusion constraint', 'ALTER TABLE t ADD CONSTRAINT apart EXCLUDE USING gist (tsrange(at, at) WITH &&)', qr/Exclusion constraint apart.* -> ALTER TABLE public\.t DROP CONSTRAINT apart;/, 'hint');
refused('a constraint that is not valid', 'ALTER TABLE t ADD CONSTRAINT later CHECK (id > 0) NOT VALID', qr/Constraint later is not valid.* -> ALTER TABLE public\.t VALIDATE CONSTRAINT later;/, 'hint');
refused('a constraint that is not inherited', 'ALTER TABLE t ADD CONSTRAINT own CHECK (id > 0) NO INHERIT', qr/Constraint own is NO INHERIT/, 'hint');
refused('an unlogged table', 'ALTER TABLE t SET UNLOGGED', qr/unlogged.* -> ALTER TABLE public\.t SET LOGGED;/, 'hint');
refused('a typed table', 'CREATE TYPE y AS (id integer, at timestamp); DROP TABLE t; CREATE TABLE t OF y', qr/of type public\.y.* -> ALTER TABLE public\.t NOT OF;/, 'hint');
refused('a publication of partitions', 'DROP PUBLICATION IF EXISTS b; CREATE PUBLICATION b FOR TABLE t', qr/Publication b publishes.* -> ALTER PUBLICATION b SET \(publish_via_partition_root = true\);/, 'hint');
asked('DROP PUBLICATION b');
refused('a publication of all', 'CREATE PUBLICATION b FOR ALL TABLES', qr/Publication b publishes/, 'hint');
asked('DROP PUBLICATION b');
refused('an index of an extension', 'CREATE INDEX i ON t (note); ALTER INDEX i DEPENDS ON EXTENSION plpgsql', qr/index (public\.)?i depends on extension plpgsql/, 'ALTER INDEX i NO DEPENDS ON EXTENSION plpgsql');
refused('NULL', 'INSERT INTO t VALUES (1, NULL)', qr/There are rows whose key is NULL\. -> DELETE FROM public\.t WHERE at IS NULL;/, 'hint');
refused('NULL in an index', 'CREATE INDEX ON t (at DESC); INSERT INTO t VALUES (1, NULL)', qr/There are rows whose key is NULL/, 'hint');
refused('infinity', q(INSERT INTO t VALUES (1, 'infinity')), qr/The greatest key is infinity/, 'DELETE FROM t');
refused('infinity in an index', q(CREATE INDEX ON t (at); INSERT INTO t VALUES (1, 'infinity')), qr/The greatest key is infinity/, 'DELETE FROM t');
refused('a taken name', 'CREATE TABLE t_until_20260318 ()', qr/The old table's name would be "t_until_20260318", but another relation has that name/, 'DROP TABLE t_until_20260318');
refused('a unique key without it', 'ALTER TABLE t ADD PRIMARY KEY (id)', qr/Unique index "public\.t_pkey" lacks the partition key.* -> If it can be unique over \(id, at\) instead: CALL ppm\.convert\('public\.t', extend_unique => true\);/,
	undef, call => "CALL ppm.convert('t')");
refused('a key that is generated', q(ALTER TABLE t DROP at, ADD at timestamp GENERATED ALWAYS AS (timestamp '2026-03-01' + id * interval '1 day') STORED), qr/is generated/);
refused('another type', 'ALTER TABLE t ALTER at TYPE time', qr/of type time/);
refused('no such column', 'ALTER TABLE t RENAME at TO other', qr/The table has no column "at"/, 'ALTER TABLE t RENAME other TO at');
refused('a view instead of a table', 'DROP TABLE t; CREATE VIEW t AS SELECT 1 AS at', qr/The relation is not a plain table/);

# uuid keys
$table = 'CREATE TABLE t (at uuid NOT NULL);';
refused('other uuids', q(INSERT INTO t VALUES ('0d4b8cd2-1111-4111-8111-111111111111')), qr/which does not tell the time/, 'DELETE FROM t');
asked("INSERT INTO t SELECT ppm.uuidv7_lower_bound('2026-03-15 10:00+00'); CALL ppm.convert('t')");
is(asked("SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = 't'::regclass"), 't_until_20260318', 'a uuid of version 7 is a key, too');

# Texts.
$table = 'CREATE TABLE t (at text COLLATE "C" NOT NULL);';
my $usual = $config;
$config = q(SET client_min_messages = error; INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned, key_encoding) VALUES ('t', 'at', 'daily', 2, 'ulid'););
refused('a text that is no ULID', q(INSERT INTO t VALUES ('some text')), qr{A row has the key some text, which does not tell the time\. -> Only a ULID tells the time}, 'DELETE FROM t');
foreach my $type ('text', 'varchar(26)')
{
	my $key = q(substr(ppm.ulid_lower_bound('2026-03-15 10:00+00'), 1, 10) || lpad(n::text, 16, '0'));
	asked(qq(DROP SCHEMA public CASCADE; CREATE SCHEMA public; DELETE FROM ppm.config; CREATE TABLE t (at $type COLLATE "C" PRIMARY KEY, n int); $config
		INSERT INTO t SELECT $key, n FROM generate_series(1, 100) AS n;
		ALTER TABLE t ADD CONSTRAINT ppm_conversion_check CHECK (at IS NOT NULL AND at < ppm.ulid_lower_bound('2026-03-20')) NOT VALID; CALL ppm.convert('t')));
	is(asked("SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = 't'::regclass ORDER BY relname DESC LIMIT 1"), 't_until_20260318', "ULIDs in a $type are a key");
	is(asked("CALL ppm.repartition('t'); SELECT count(*) FROM t_2026_03_15"), '100', 'and are spread');
}
$table = 'CREATE TABLE t (at text NOT NULL);';
refused('a text in another order', '', qr/collation/);
$config = $usual;

# Keys in the future: the end lies after them; nothing later can be written meanwhile.
$table = 'CREATE TABLE t (id integer NOT NULL, at timestamp, note text);';
sub fresh { my ($sql) = @_; return asked("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DELETE FROM ppm.config; $table $sql; $config"); }
fresh(q(INSERT INTO t VALUES (1, '2026-04-01 10:00')));
like(asked("SELECT detail FROM ppm.plan_conversion('t') WHERE action = 'bind'"), qr/fails if the key is NULL, or at or above 2026-04-04 00:00:00\./, 'the plan says from which key on nothing can be written');
asked("CALL ppm.convert('t')");
is(asked("SELECT to_regclass('t_until_20260404') IS NOT NULL"), 't', 'the end lies after the greatest key');

# One whose keys have come near the end since begins again, and so does one for another key.
fresh(q(INSERT INTO t VALUES (1, '2026-03-15 10:00'); ALTER TABLE t ADD CONSTRAINT ppm_conversion_check CHECK (at IS NOT NULL AND at < '2026-03-16') NOT VALID));
asked("CALL ppm.convert('t')");
is(asked("SELECT to_regclass('t_until_20260318') IS NOT NULL"), 't', 'keys that come near the end have it begin again with a later one');
fresh(q(INSERT INTO t VALUES (1, '2026-03-15 10:00'); ALTER TABLE t ADD CONSTRAINT ppm_conversion_check CHECK (id > 0)));
asked("CALL ppm.convert('t')");
is(asked("SELECT to_regclass('t_until_20260318') IS NOT NULL"), 't', 'and so has a constraint that is for something else');

# The owner's rights are needed, and enough; his code runs as he.
asked(<<'EOF');
DROP SCHEMA public CASCADE; CREATE SCHEMA public; DELETE FROM ppm.config;
CREATE ROLE owner LOGIN; CREATE ROLE stranger LOGIN; CREATE ROLE member LOGIN IN ROLE owner;
GRANT CREATE ON SCHEMA public TO owner; GRANT USAGE ON SCHEMA public TO PUBLIC;
SET ROLE owner;
CREATE TABLE t (id integer, at timestamp NOT NULL);
CREATE TABLE seen (who text, am text);
CREATE FUNCTION see(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF i = 1 THEN RAISE NOTICE 'as % %', current_user, session_user; BEGIN SET ROLE postgres; RAISE NOTICE 'escaped'; EXCEPTION WHEN OTHERS THEN NULL; END; END IF; RETURN i; END $$;
INSERT INTO t SELECT n, timestamp '2026-03-10' + n * interval '1 minute' FROM generate_series(1, 100) AS n;
CREATE UNIQUE INDEX seen_id ON t (see(id));
ALTER TABLE t ADD CHECK (see(id) > 0);
RESET ROLE;
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('t', 'at', 'daily', 2);
GRANT EXECUTE ON PROCEDURE ppm.convert(regclass, boolean), ppm.abandon(regclass) TO stranger, member, owner;
GRANT SELECT ON ppm.config TO stranger, member, owner;
GRANT EXECUTE ON FUNCTION ppm.plan_conversion(regclass) TO stranger, member, owner;
EOF
foreach my $call ("ppm.convert('t', true)", "ppm.abandon('t')")
{
	($result, $output, $messages) = run_sql($node, "CALL $call", user => 'stranger');
	like($messages, qr/ERROR:  42501: must be owner of table t/, "$call is for the owner");
	($result, $output, $messages) = run_sql($node, "BEGIN; CALL $call", user => 'owner');
	like($messages, qr/ERROR:  25001: ppm\.\w+\(\) cannot run inside a transaction block/, "$call cannot run in a transaction block");
}
($result, $output, $messages) = run_sql($node, "CALL ppm.convert('t', true)");
is($result, 0, 'a superuser may call');
like($messages, qr/NOTICE:  00000: as owner owner$/m, 'the owner\'s code runs as the owner');
unlike($messages, qr/escaped|as postgres/, 'and never as the caller');
is(asked("SELECT tableowner FROM pg_tables WHERE tablename = 't'"), 'owner', 'it is the owner\'s table');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')", user => 'member');
is($result, 0, 'a member of the owner role can undo the conversion');
($result, $output, $messages) = run_sql($node, "CALL ppm.convert('t', true)", user => 'member');
is($result, 0, 'and convert it');
is(asked("SELECT count(*) FROM t"), 100, 'with all rows');

# Who waits for a lock on a sequence does not read what bears its name afterwards.
asked(<<'EOF');
DROP TABLE t CASCADE; DELETE FROM ppm.config; GRANT CREATE ON SCHEMA public TO owner; SET ROLE owner; CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, at timestamp NOT NULL);
INSERT INTO t (at) SELECT '2026-01-01' FROM generate_series(1, 7);
CREATE FUNCTION read_as() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'read as %', current_user; RETURN 42; END $$; RESET ROLE;
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('t', 'at', 'daily', 2);
EOF
my $renaming = hold($node, 'SET ROLE owner; ALTER SEQUENCE t_id_seq RENAME TO other; CREATE VIEW t_id_seq AS SELECT read_as() AS last_value, true AS is_called; RESET ROLE');
my $planning = start_sql($node, 'planning', "SELECT statement FROM ppm.plan_conversion('t') WHERE action = 'swap'");
wait_until_waits($node, 'planning', 'relation');
$renaming->query_safe('COMMIT');
$renaming->quit;
($result, $output, $messages) = finish_sql($planning);
unlike($messages, qr/read as/, 'a view that took the name of a sequence is not read');
like($output, qr/setval\('public\.t_id_seq', 7, true\)/, 'the sequence itself is');
asked('DROP VIEW t_id_seq');

# A view of another role, an event trigger.
asked(<<'EOF');
DROP TABLE t CASCADE; DELETE FROM ppm.config; SET ROLE owner; CREATE TABLE t (id integer PRIMARY KEY, at timestamp NOT NULL); GRANT SELECT ON t TO stranger; RESET ROLE;
GRANT CREATE ON SCHEMA public TO stranger; SET ROLE stranger; CREATE VIEW v AS SELECT * FROM t; RESET ROLE;
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('t', 'at', 'daily', 2);
EOF
($result, $output, $messages) = run_sql($node, "CALL ppm.convert('t', true)", user => 'member');
like($messages, qr/View public\.v of the table belongs to stranger, and you do not have the privileges of that role/, 'a view of another role is not rewritten without the privileges of that role');
asked("CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()");
($result, $output, $messages) = run_sql($node, "CALL ppm.convert('t', true)");
like($messages, qr/ERROR:  55000: event trigger "e" would run in the middle of CREATE INDEX CONCURRENTLY\nHINT:  Build the index yourself: (CREATE UNIQUE INDEX CONCURRENTLY t_pkey_ppm ON public\.t USING btree \(id, at\);)/, 'no event trigger runs in the worker');
my ($build) = $messages =~ /(CREATE UNIQUE INDEX.*?;)/;
asked($build);
asked("CALL ppm.convert('t', true)");
is(asked("SELECT relkind, (SELECT viewowner FROM pg_views WHERE viewname = 'v') FROM pg_class WHERE oid = 't'::regclass"), 'p|stranger', 'an index that was built by hand is used');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')", user => 'member');
like($messages, qr/ERROR:  55000: the conversion of table "public\.t" cannot be undone\nDETAIL:  View public\.v of the table belongs to stranger, and you do not have/, 'nor is that view rewritten to undo the conversion');
asked('DROP VIEW v; CREATE PUBLICATION p FOR TABLE t WITH (publish_via_partition_root = true); GRANT CREATE ON DATABASE postgres TO stranger; ALTER PUBLICATION p OWNER TO stranger');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')", user => 'member');
like($messages, qr/DETAIL:  Publication p publishes the table\. Neither its owner, \w+, nor the owner of the table has the privileges of the other/, 'nor a publication of another role');
asked('DROP PUBLICATION p');
($result, $output, $messages) = run_sql($node, "CALL ppm.abandon('t')", user => 'member');
is(asked("SELECT relkind FROM pg_class WHERE oid = 't'::regclass"), 'r', 'without these it can be undone');

$node->stop;
done_testing();
