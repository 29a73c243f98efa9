# The two ways to this version: CREATE EXTENSION, and ALTER EXTENSION UPDATE from each version before it. And its library under the
# objects of those versions, until somebody gets to update them.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($newest) = slurp_file("$FindBin::RealBin/../../ppm.control") =~ /^default_version = '(.*)'$/m;
my @before = qw(1.0.0);

my $node = new_node('versions');

# All that an extension's objects are, a line each, in the order of their names.
my $objects = <<'EOF';
SET search_path = pg_catalog;
CREATE TEMP TABLE objects AS
SELECT 'member' AS kind, pg_describe_object(classid, objid, 0) AS object, coalesce(obj_description(objid, c.relname), '') AS description
FROM pg_depend JOIN pg_class c ON c.oid = classid
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'ppm')
UNION ALL
SELECT 'relation', r.oid::regclass::text,
	concat_ws(' ', relkind, relpersistence, relreplident, relrowsecurity, relhassubclass, reloptions, relowner::regrole, relacl, CASE WHEN relkind = 'v' THEN pg_get_viewdef(r.oid) END)
FROM pg_class r WHERE relnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'column', format('%s %s', attrelid::regclass, attname),
	concat_ws(' ', row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, attstattarget, attacl,
		pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
FROM pg_attribute JOIN pg_class r ON r.oid = attrelid LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'ppm'::regnamespace AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint', format('%s %s', conrelid::regclass, conname),
	concat_ws(' ', pg_get_constraintdef(oid), convalidated, obj_description(oid, 'pg_constraint'))
FROM pg_constraint WHERE connamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'index', indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid, indisprimary, obj_description(indexrelid, 'pg_class'))
FROM pg_index JOIN pg_class r ON r.oid = indrelid WHERE relnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'sequence', seqrelid::regclass::text, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)
FROM pg_sequence JOIN pg_class r ON r.oid = seqrelid WHERE relnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'trigger', format('%s %s', tgrelid::regclass, tgname), concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger'))
FROM pg_trigger t JOIN pg_class r ON r.oid = tgrelid WHERE relnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'rule', format('%s %s', ev_class::regclass, rulename), concat_ws(' ', pg_get_ruledef(u.oid), ev_enabled)
FROM pg_rewrite u JOIN pg_class r ON r.oid = ev_class WHERE relnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'policy', format('%s %s', polrelid::regclass, polname), concat_ws(' ', polcmd, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy p JOIN pg_class r ON r.oid = polrelid WHERE relnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'routine', oid::regprocedure::text,
	concat_ws(' ', CASE WHEN prokind IN ('f', 'p') THEN pg_get_functiondef(oid) END, proowner::regrole, proacl, obj_description(oid, 'pg_proc'))
FROM pg_proc WHERE pronamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'type', oid::regtype::text,
	concat_ws(' ', typtype, typowner::regrole, typacl, (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
FROM pg_type t WHERE typnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'schema', nspname, concat_ws(' ', nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname = 'ppm'
UNION ALL
SELECT 'default privilege', defaclobjtype::text, defaclacl::text FROM pg_default_acl WHERE defaclnamespace = 'ppm'::regnamespace
UNION ALL
SELECT 'dumped', c.oid::regclass::text, condition
FROM pg_extension e, unnest(extconfig, extcondition) AS d(oid, condition) JOIN pg_class c ON c.oid = d.oid WHERE extname = 'ppm'
UNION ALL
SELECT 'extension', extname, concat_ws(' ', extversion, extrelocatable, extnamespace::regnamespace) FROM pg_extension WHERE extname = 'ppm';
SELECT format('%s %s: %s', kind, object, replace(description, E'\n', ' ')) FROM objects ORDER BY 1;
EOF

sub objects_of
{
	my ($database) = @_;
	return [ split /\n/, $node->safe_psql($database, $objects) ];
}

# Whether the two are the same; says what only one of them has.
sub is_same_objects
{
	my ($got, $expected, $name) = @_;
	my %got = map { $_ => 1 } @$got;
	my %expected = map { $_ => 1 } @$expected;
	my @differences = ((map { "only updated:   $_" } grep { !$expected{$_} } @$got), (map { "only installed: $_" } grep { !$got{$_} } @$expected));
	is(join("\n", @differences), '', $name);
	return;
}

# A database with the objects of $version, in which they have worked, with all kinds of things still to do.
sub database_of
{
	my ($version) = @_;
	my $database = 'from_' . ($version =~ tr/./_/r);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<"EOF");
CREATE EXTENSION ppm VERSION '$version';
CREATE TABLE kept (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE dropped (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE plain (day date NOT NULL);
SET client_min_messages = error;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES
	('kept', 'daily', 1, 2, 'detach'), ('dropped', 'daily', 1, 2, 'drop'), ('plain', 'daily', 1, 2, 'drop'), ('missing', 'daily', 1, 2, 'drop');
SET ppm.work_date = '2026-03-14';
CALL ppm.provision('kept');
CALL ppm.provision('dropped');
INSERT INTO kept SELECT day, 'kept' FROM generate_series(date '2026-03-12', '2026-03-15', '1 day') AS day;
INSERT INTO dropped TABLE kept;
CREATE VIEW guard AS TABLE dropped_2026_03_12;
EOF
	return $database;
}

# The state of everything, in the view and the functions.
sub state_of
{
	my ($database, $date) = @_;
	return $node->safe_psql($database, <<"EOF");
SET client_min_messages = error;
SET ppm.work_date = '$date';
SELECT table_name, partition, code FROM ppm.check() ORDER BY 1, 2, 3;
SELECT table_name, code FROM ppm.validate() ORDER BY 1, 2;
SELECT table_name, action, partition FROM ppm.plan();
SELECT table_name, covered_until, partitions, outdated, errors, warnings, last_outcome FROM ppm.status ORDER BY 1;
SELECT table_name, partition, state FROM ppm.partitions ORDER BY 1, 2;
EOF
}

# Calls that end in an error for the tables that cannot be managed; returns the messages.
sub run_all
{
	my ($database, $date) = @_;
	my (undef, undef, $messages) = run_sql($node, "\\c $database\nSET ppm.work_date = '$date'; CALL ppm.run_all()");
	return $messages;
}

$node->safe_psql('postgres', 'CREATE DATABASE installed');
$node->safe_psql('installed', 'CREATE EXTENSION ppm');
my $installed = objects_of('installed');
cmp_ok(scalar(@$installed), '>', 150, 'there is something to compare');
foreach my $kind (qw(member relation column constraint index sequence trigger rule routine type schema dumped extension))
{
	isnt(scalar(grep { /^$kind / } @$installed), 0, "there is: $kind");
}

# The same from a fresh install, whose calls go the same way, to compare with.
my $reference = database_of($newest);
run_all($reference, '2026-03-15');
my $expected_state = state_of($reference, '2026-03-15');
like($expected_state, qr/dropped\|dropped_2026_03_12\|pending_drop/, 'a drop is pending');

foreach my $version (@before)
{
	my $database = database_of($version);
	is($node->safe_psql($database, q(SELECT extversion FROM pg_extension WHERE extname = 'ppm')), $version, "$version is there");

	# The new library under the old objects.
	my $messages = run_all($database, '2026-03-15');
	like($messages, qr/could not provision 2 of 4 tables/, "the library of $newest works for $version");
	unlike($messages, qr/SQLSTATE (?!2BP01)/, 'and fails for nothing but the table that cannot be dropped');
	like($messages, qr/table "public\.dropped", partition "dropped_2026_03_12".*other objects depend on it/, 'which it says');
	is(state_of($database, '2026-03-15'), $expected_state, 'to the same end');
	is(partitions_of($node, 'kept', $database), '13 14 15 16', 'with the same partitions');
	$node->safe_psql($database, q(UPDATE ppm.config SET retention = 3 WHERE table_name = 'kept'; CALL ppm.provision('kept'); CALL ppm.cleanup('kept')));
	is(partitions_of($node, 'kept', $database), '12 13 14 15 16', 'what was detached comes back');
	$node->safe_psql($database, q(BEGIN; CALL ppm.provision('kept'); ROLLBACK; INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('guard', 'daily', 1);
		DELETE FROM ppm.config WHERE table_name = 'guard'));
	$node->safe_psql($database, q(UPDATE ppm.config SET retention = 2 WHERE table_name = 'kept'; CALL ppm.run_all('kept')));

	# The update.
	my $columns = $node->safe_psql($database, <<'EOF');
SELECT format('SELECT %s FROM ppm.%I ORDER BY 1, 2, 3, 4', string_agg(quote_ident(attname), ', ' ORDER BY attnum), relname)
FROM pg_attribute JOIN pg_class r ON r.oid = attrelid
WHERE relnamespace = 'ppm'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped GROUP BY relname ORDER BY relname
EOF
	my $records = join ';', split /\n/, $columns;
	my $before = $node->safe_psql($database, $records);
	like($before, qr/dropped_2026_03_12/, 'there is something to keep');
	my $state = state_of($database, '2026-03-15');
	$node->safe_psql($database, 'ALTER EXTENSION ppm UPDATE');
	is_same_objects(objects_of($database), $installed, "an update from $version leads to what an installation does");
	is($node->safe_psql($database, $records), $before, 'and keeps all that is known');
	is(state_of($database, '2026-03-15'), $state, 'to the same state');
	is( $node->safe_psql($database, <<'EOF'), "dropped|t|t\nkept|t|t\nplain|t|t", 'each row means the relation that it meant');
SELECT table_name, relation = to_regclass(quote_ident(schema_name) || '.' || quote_ident(table_name)), confirmed_by = current_user
FROM ppm.configured_relations ORDER BY table_name
EOF

	# It goes on: the next day, and then what was pending.
	$node->safe_psql($database, 'DROP VIEW guard');
	$messages = run_all($database, '2026-03-16');
	unlike($messages, qr/SQLSTATE/, 'what was pending is done');
	is($node->safe_psql($database, q(SELECT to_regclass('dropped_2026_03_12') IS NULL)), 't', 'and gone');
	is(partitions_of($node, $_, $database), '14 15 16 17', "$_ goes on") foreach qw(kept dropped);
	$node->safe_psql($database, 'DROP TABLE kept; CREATE TABLE kept (day date NOT NULL) PARTITION BY RANGE (day)');
	is($node->safe_psql($database, q(SELECT code FROM ppm.validate('kept'))), 'table_replaced', 'what is new works there, too');
	is($node->safe_psql($database, 'DROP EXTENSION ppm; SELECT count(*) FROM pg_namespace WHERE nspname = \'ppm\''), '0', 'it can be dropped');
}

# Privileges on the view that the update makes anew: as they were, and still somebody's own, which a dump has.
$node->safe_psql('postgres', 'CREATE ROLE reader; CREATE ROLE grantor; CREATE ROLE other');
$node->safe_psql('postgres', 'CREATE DATABASE granted');
my $privileges = <<'EOF';
SELECT relowner::regrole, relacl, (SELECT string_agg(attname || attacl::text, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid) FROM pg_class c WHERE oid = 'ppm.status'::regclass;
SELECT refobjid::regrole, deptype, objsubid FROM pg_shdepend WHERE classid = 'pg_class'::regclass AND objid = 'ppm.status'::regclass ORDER BY 1, 2, 3;
SELECT count(*) FROM pg_init_privs WHERE classoid = 'pg_class'::regclass AND objoid = 'ppm.status'::regclass;
EOF
$node->safe_psql('granted', <<'EOF');
CREATE EXTENSION ppm VERSION '1.0.0';
GRANT SELECT ON ppm.status TO reader;
GRANT SELECT ON ppm.status TO grantor WITH GRANT OPTION;
SET ROLE grantor;
GRANT SELECT (healthy) ON ppm.status TO other;
EOF
my $granted = $node->safe_psql('granted', $privileges);
like($granted, qr/healthy\{other=r\/grantor\}/, 'there are privileges');
$node->safe_psql('granted', 'ALTER EXTENSION ppm UPDATE');
is($node->safe_psql('granted', $privileges), $granted, 'after the update they are the same');
is($node->safe_psql('granted', q(SELECT has_column_privilege('other', 'ppm.status', 'healthy', 'SELECT'))), 't', 'and they work');
is($node->safe_psql('granted', q(SET ROLE grantor; REVOKE SELECT (healthy) ON ppm.status FROM other; RESET ROLE; DROP OWNED BY grantor, reader; SELECT count(*) FROM pg_shdepend WHERE objid = 'ppm.status'::regclass)), '0', 'and can be revoked');
$node->safe_psql('postgres', 'DROP ROLE reader, grantor, other');

$node->stop;
done_testing();
