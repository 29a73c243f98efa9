# Tables in states that are allowed but unusual: ppm does with each what plain SQL would do, or says as plain SQL does why not, and leaves nothing
# half done.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('in_between', conf => <<'EOF');
wal_level = logical
allow_in_place_tablespaces = on
EOF
my ($result, $output, $messages);

$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE carol LOGIN NOINHERIT IN ROLE alice;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA ppm TO PUBLIC;
GRANT USAGE ON SCHEMA ppm TO PUBLIC;
GRANT SELECT ON ppm.config TO PUBLIC;
EOF

# SQL that configures a table for yesterday, today and tomorrow.
sub configure
{
	my ($name, $schema, $interval) = @_;
	return sprintf "INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('%s', '%s', '%s', 1, 1);",
	  $schema // 'public', $name, $interval // 'daily';
}

# A call on that day of March. Whatever comes of it, it is no internal error, and no call leaves a lock.
sub call_on
{
	my ($day, $call, %options) = @_;
	($result, $output, $messages) = run_sql($node, "SET ppm.work_date = '2026-03-$day';\n$call", %options);
	unlike($messages, qr/XX\d\d\d/, "no internal error: $call" . ($options{user} ? " by $options{user}" : ''));
	is(advisory_locks($node), 0, 'and no lock is left');
	return;
}

# That a call fails for each reason, every one a line of the detail.
sub refused
{
	my ($day, $call, $sqlstate, $reasons, %options) = @_;
	call_on($day, $call, %options);
	like($messages, qr/^[^\n]*ERROR:  $sqlstate: .*\nDETAIL:  /m, "fails with $sqlstate");
	like($messages, $_, "because of $_") foreach @$reasons;
	return;
}

# What plain SQL says instead.
sub plainly
{
	my ($sql, %options) = @_;
	my (undef, undef, $said) = run_sql($node, $sql, %options);
	return $said =~ /ERROR:  (\w{5}): (.*)$/m ? "$2 (SQLSTATE $1)" : die "plain SQL did not fail: $sql";
}

# The days of March for which the table has partitions.
sub days_of
{
	my ($table) = @_;
	return $node->safe_psql('postgres',
		"SELECT coalesce(string_agg(right(relname, 2), ' ' ORDER BY relname), '') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = '$table'::regclass");
}

# The tables that ppm knows to have detached.
sub detached
{
	return $node->safe_psql('postgres', q(SELECT coalesce(string_agg(detached, ' ' ORDER BY detached), '') FROM ppm.detached));
}

# From the 15th on: all calls, under both policies, do what they are for.
sub lives
{
	my ($name, $what, %options) = @_;
	call_on(15, 'CALL ppm.provision()', %options);
	is("$result " . days_of($name), '0 14 15 16', "$what: partitions are made");
	is(half_made($node), '', 'completely');
	call_on(15, q(SELECT code, partition FROM ppm.check() WHERE severity = 'error'), %options);
	is($output, '', 'and nothing is wrong');
	lives_on($name, $what, %options);
	return;
}

# The same, of what has partitions for the 14th to 16th.
sub lives_on
{
	my ($name, $what, %options) = @_;
	my $short = $name =~ s/.*\.//r;
	$node->safe_psql('postgres', q(UPDATE ppm.config SET cleanup_policy = 'detach'));
	call_on(16, 'CALL ppm.cleanup()', %options);
	is("$result " . days_of($name), '0 15 16', "$what: an outdated partition is detached");
	is(detached(), "${short}_2026_03_14", 'and known');
	$node->safe_psql('postgres', q(UPDATE ppm.config SET cleanup_policy = 'drop'));
	call_on(17, $options{without_create} ? 'CALL ppm.cleanup()' : 'CALL ppm.run_all()', %options);
	is("$result " . days_of($name), $options{without_create} ? '0 16' : '0 16 17 18', 'another is dropped');
	is(half_made($node) . ' ' . detached(), "${short}_2026_03_14 ${short}_2026_03_14", 'the first is still there, the other is not');
	return;
}

sub clear
{
	my ($sql) = @_;
	$node->safe_psql('postgres', "DELETE FROM ppm.config; SET client_min_messages = warning; $sql; DROP TABLE IF EXISTS "
		  . ($node->safe_psql('postgres', q(SELECT string_agg(format('%I.%I', detached_schema, detached), ', ') FROM ppm.detached)) || 'nothing')
		  . '; DELETE FROM ppm.detached');
	is(half_made($node), '', 'nothing was left behind');
	return;
}

#
# Two parents, one stem
#

# stem's partition for 2026 and stem_2026 are one name, and stem_2026 has a partition that bears the name of another of stem's.
$node->safe_psql('postgres', 'CREATE TABLE stem (day date NOT NULL) PARTITION BY RANGE (day); CREATE TABLE stem_2026 (LIKE stem) PARTITION BY RANGE (day);'
	  . q(CREATE TABLE stem_2027 PARTITION OF stem_2026 FOR VALUES FROM ('2026-03-14') TO ('2026-03-15');)
	  . 'CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.stem_2026 (LIKE stem) PARTITION BY RANGE (day);'
	  . configure('stem', 'public', 'yearly') . configure('stem_2026') . configure('stem_2026', 'elsewhere'));
call_on(15, 'CALL ppm.provision()');
is($result, 0, 'names that others bear keep no partition out');
like($messages, qr/WARNING:  01000: table "public\.stem": name_taken\n.*A relation or type "stem_2026" .* bears the name of .* named "stem_2026_2"\. And 1 more/, 'but are warned of');
my $made = '25 _2 _2|15 16 27|14 15 16';
is(join('|', map { days_of($_) } 'stem', 'stem_2026', 'elsewhere.stem_2026'), $made, 'all are made, in each schema, for each table');
call_on(15, 'CALL ppm.run_all()');
is("$result " . join('|', map { days_of($_) } 'stem', 'stem_2026', 'elsewhere.stem_2026'), "0 $made", 'none twice');
is($node->safe_psql('postgres', q(SET ppm.work_date = '2026-03-15'; SELECT severity, code, partition, hint FROM ppm.check('stem'))), <<'EOF' =~ s/\n$//r,
warning|name_taken|stem_2026_2|When the name is free: ALTER TABLE public.stem_2026_2 RENAME TO stem_2026;
warning|name_taken|stem_2027_2|When the name is free: ALTER TABLE public.stem_2027_2 RENAME TO stem_2027;
EOF
	'check says so of that one');
foreach my $policy ('detach', 'drop')
{
	my $day = $policy eq 'detach' ? 16 : 17;
	$node->safe_psql('postgres', "UPDATE ppm.config SET cleanup_policy = '$policy'");
	call_on($day, 'CALL ppm.cleanup()');
	is($result, 0, "cleanup works: $policy");
}
is(join('|', map { days_of($_) } 'stem', 'stem_2026', 'elsewhere.stem_2026'), '25 _2 _2|16|16', 'and takes from each table what is its own');
is($node->safe_psql('postgres', q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^stem_202' AND relkind = 'r' AND NOT relispartition)),
	'stem_2026_2026_03_14 stem_2027', 'the first two are kept, though they have the names of others');
# A name that becomes free.
$node->safe_psql('postgres', 'ALTER TABLE stem_2026 RENAME TO stem_old; DELETE FROM ppm.config WHERE schema_name = \'public\' AND table_name = \'stem_2026\'');
my $by_name = q(SELECT code, partition, hint FROM ppm.check('stem') WHERE code <> 'work_date_set');
call_on(17, $by_name);
is($output, <<'EOF' =~ s/\n$//r, 'a name that is free again is the partition\'s own');
misnamed|stem_2026_2|ALTER TABLE public.stem_2026_2 RENAME TO stem_2026;
name_taken|stem_2027_2|When the name is free: ALTER TABLE public.stem_2027_2 RENAME TO stem_2027;
EOF
call_on(17, "SELECT hint FROM ppm.check('stem') WHERE code = 'misnamed' \\gexec\n$by_name");
is($output, 'name_taken|stem_2027_2|When the name is free: ALTER TABLE public.stem_2027_2 RENAME TO stem_2027;', 'and gets it as the hint says');
$node->safe_psql('postgres', 'ALTER TABLE stem_2026 RENAME TO stem_2026_2; ALTER TABLE stem_old RENAME TO stem_2026');
clear('DROP TABLE stem, stem_2026; DROP SCHEMA elsewhere CASCADE');

#
# Rights
#

# A schema that the owner, and so the caller, may not use.
$node->safe_psql('postgres', 'CREATE SCHEMA closed; GRANT CREATE, USAGE ON SCHEMA closed, public TO alice;' . <<'EOF' . configure('shut', 'closed') . configure('open'));
SET ROLE alice;
CREATE TABLE closed.shut (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE open (LIKE closed.shut) PARTITION BY RANGE (day);
RESET ROLE;
EOF
call_on(15, 'CALL ppm.run_all()', user => 'alice');
is("$result " . days_of('closed.shut'), '0 14 15 16', 'a schema of the caller\'s');
$node->safe_psql('postgres', 'REVOKE USAGE ON SCHEMA closed FROM alice');
my $plain = plainly('ALTER TABLE closed.shut DETACH PARTITION closed.shut_2026_03_14', user => 'alice');
is($plain, 'permission denied for schema closed (SQLSTATE 42501)', 'a schema that is closed to the owner: plain SQL is refused');
is(plainly(q(CALL ppm.provision('closed.shut')), user => 'alice'), $plain, 'and a call that names the table');
foreach my $user ('alice', 'postgres')
{
	refused(17, 'CALL ppm.provision()', 'PM004', [ map { qr/table "closed\.shut", partition "shut_2026_03_$_": \Q$plain\E$/m } 17, 18 ], user => $user);
	foreach my $policy ('detach', 'drop')
	{
		$node->safe_psql('postgres', "UPDATE ppm.config SET cleanup_policy = '$policy'");
		refused(17, 'CALL ppm.cleanup()', 'PM006', [ map { qr/table "closed\.shut", partition "shut_2026_03_$_": \Q$plain\E$/m } 14, 15 ], user => $user);
	}
	refused(17, 'CALL ppm.run_all()', 'PM004', [ qr/could not provision 1 of 2 tables, could not clean up 1 of 2 tables, found errors in 1 of 2 tables/ ], user => $user);
}
is(days_of('closed.shut') . '|' . days_of('open'), '14 15 16|16 17 18', 'another table is not affected');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE schema_name = 'closed')), 0, 'nothing is said to be detached that is not');
call_on(17, q(SELECT DISTINCT code FROM ppm.check() ORDER BY 1), user => 'alice');
is($output, "missing_partition\noutdated_partition", 'check says what is wrong');
my $not_owner = qr/table "public\.open": must be owner of table open \(SQLSTATE 42501\)$/m;
refused(18, 'CALL ppm.run_all()', 'PM004', [$not_owner], user => 'carol');
call_on(18, 'SET ROLE alice; CALL ppm.run_all(\'open\')', user => 'carol');
is("$result " . days_of('open'), '0 17 18 19', 'who does not inherit the owner\'s rights may take them');
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA closed TO alice');
call_on(18, 'CALL ppm.run_all()', user => 'alice');
is("$result " . days_of('closed.shut'), '0 17 18 19', 'once it is open again, all of it is done');
clear('DROP TABLE closed.shut, open');

# An owner who may not create tables in the schema can still remove them.
$node->safe_psql('postgres', <<'EOF' . configure('fixed', 'closed'));
SET ROLE alice;
CREATE TABLE closed.fixed (day date NOT NULL, note text) PARTITION BY RANGE (day);
RESET ROLE;
EOF
call_on(15, 'CALL ppm.provision()');
is("$result " . days_of('closed.fixed'), '0 14 15 16', 'made while she might');
$node->safe_psql('postgres', 'REVOKE CREATE ON SCHEMA closed FROM alice');
$plain = plainly(q(CREATE TABLE closed.fixed_more PARTITION OF closed.fixed FOR VALUES FROM ('2030-01-01') TO ('2030-01-02')), user => 'alice');
refused(17, 'CALL ppm.provision()', 'PM004', [ map { qr/table "closed\.fixed", partition "fixed_2026_03_$_": \Q$plain\E$/m } 17, 18 ], user => $_) foreach 'alice', 'postgres';
is(half_made($node), '', 'nothing is half made');
lives_on('closed.fixed', 'an owner without CREATE on the schema', without_create => 1, user => 'alice');
refused(17, 'CALL ppm.run_all()', 'PM004', [ qr/could not provision 1 of 1 table, found errors in 1 of 1 table$/m, qr/partition "fixed_2026_03_17": \Q$plain\E$/m ]);
call_on(15, 'UPDATE ppm.config SET cleanup_policy = \'detach\'; CALL ppm.provision()');
like(days_of('closed.fixed'), qr/^14 /, 'what is only attached again needs no CREATE');
clear('DROP TABLE closed.fixed; GRANT CREATE ON SCHEMA closed TO alice');

# A tablespace of the table, or of an index, in which the owner may not create anything.
foreach my $of ('table', 'index')
{
	$node->safe_psql('postgres', <<"EOF" . configure('spaced'));
CREATE TABLESPACE space_$of LOCATION '';
GRANT CREATE ON TABLESPACE space_$of TO alice;
SET ROLE alice;
CREATE TABLE spaced (day date NOT NULL, note text) PARTITION BY RANGE (day) @{[$of eq 'table' ? 'TABLESPACE space_table' : '']};
CREATE INDEX ON spaced (note) @{[$of eq 'index' ? 'TABLESPACE space_index' : '']};
RESET ROLE;
EOF
	call_on(15, 'CALL ppm.provision()');
	is("$result " . days_of('spaced'), '0 14 15 16', "a tablespace of the $of");
	$node->safe_psql('postgres', "REVOKE CREATE ON TABLESPACE space_$of FROM alice");
	# PARTITION OF does not ask for rights in an index's tablespace; LIKE, as CREATE INDEX, does.
	$plain = plainly($of eq 'table' ? q(CREATE TABLE spaced_more PARTITION OF spaced FOR VALUES FROM ('2030-01-01') TO ('2030-01-02'))
		: q(CREATE TABLE spaced_more (LIKE spaced INCLUDING ALL)), user => 'alice');
	is($plain, "permission denied for tablespace space_$of (SQLSTATE 42501)", 'without rights');
	refused(17, 'CALL ppm.provision()', 'PM004', [ map { qr/partition "spaced_2026_03_$_": \Q$plain\E$/m } 17, 18 ], user => $_) foreach 'alice', 'postgres';
	is(half_made($node), '', 'nothing is half made');
	lives_on('spaced', "a tablespace without rights of the $of", without_create => 1, user => 'alice');
	refused(17, 'CALL ppm.run_all()', 'PM004', [qr/could not provision 1 of 1 table, found errors in 1 of 1 table$/m]);
	clear("DROP TABLE spaced; DROP TABLE IF EXISTS spaced_2026_03_14; DROP TABLESPACE space_$of");
}

#
# Partitions that have partitions, and children
#

# A partition that is itself partitioned: with its leaves it is detached, or dropped; and it can be managed itself.
$node->safe_psql('postgres', <<'EOF' . configure('tree') . configure('tree_2026_03_16'));
CREATE TABLE tree (day date NOT NULL, id int) PARTITION BY RANGE (day);
CREATE TABLE tree_2026_03_14 PARTITION OF tree FOR VALUES FROM ('2026-03-14') TO ('2026-03-15') PARTITION BY RANGE (id);
CREATE TABLE leaf_14 PARTITION OF tree_2026_03_14 DEFAULT;
CREATE TABLE tree_2026_03_15 PARTITION OF tree FOR VALUES FROM ('2026-03-15') TO ('2026-03-16') PARTITION BY LIST (id);
CREATE TABLE leaf_15 PARTITION OF tree_2026_03_15 FOR VALUES IN (1) PARTITION BY RANGE (day);
CREATE TABLE twig_15 PARTITION OF leaf_15 FOR VALUES FROM ('2026-03-15') TO ('2026-03-16');
CREATE TABLE tree_2026_03_16 PARTITION OF tree FOR VALUES FROM ('2026-03-16') TO ('2026-03-17') PARTITION BY RANGE (day);
CREATE TABLE tree_2026_03_30 PARTITION OF tree FOR VALUES FROM ('2026-03-30') TO ('2026-03-31') PARTITION BY LIST (id);
CREATE TABLE leaf_30 PARTITION OF tree_2026_03_30 DEFAULT;
INSERT INTO tree VALUES ('2026-03-14', 1), ('2026-03-15', 1), ('2026-03-30', 1);
EOF
call_on(15, 'CALL ppm.run_all()');
like($messages, qr/PM005.*\n.*"tree_2026_03_30".*it has rows, is locked, or is no plain table. \(surplus_partition\)$/m, 'a row in a leaf keeps a surplus partition');
is(days_of('tree') . '|' . days_of('tree_2026_03_16'), '14 15 16 30|14 15 16', 'a partition that is partitioned is one, and may be managed');
call_on(16, "DELETE FROM tree WHERE day = '2026-03-30'; CALL ppm.cleanup('tree')");
is("$result " . days_of('tree') . ' ' . days_of('tree_2026_03_14'), '0 15 16 14', 'detached, it keeps its leaf; without rows a surplus one goes, too');
call_on(17, q(UPDATE ppm.config SET cleanup_policy = 'drop'; CALL ppm.run_all('tree')));
is("$result " . days_of('tree'), '0 16 17 18', 'dropped, ...');
is($node->safe_psql('postgres', q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^(leaf|twig)_')), 'leaf_14 leaf_30', '... it goes with its leaves');
call_on(15, q(UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.provision('tree')));
is($node->safe_psql('postgres', q(SELECT count(*) FROM tree WHERE day = '2026-03-14')), '1', 'and one that was kept is attached again with its rows');
clear('DROP TABLE tree');

# Inheritance: a parent of that kind is not managed; a child of such a parent bears a name; a detached table that became a child, or a parent, of another is
# nobody's but that one's.
$node->safe_psql('postgres', 'CREATE TABLE base (day date NOT NULL, note text); CREATE TABLE heir_2026_03_15 () INHERITS (base);' . daily_table('heir', 1) . configure('base')
	  . 'UPDATE ppm.config SET retention = 1');
my $not_partitioned = qr/table "public\.base": Relation "public\.base" is not a partitioned table\. \(not_partitioned\)$/m;
refused(15, 'CALL ppm.provision()', 'PM004', [ $not_partitioned, qr/^HINT:  CALL ppm\.convert\('public\.base'\); makes it one/m ]);
is(days_of('heir') . '|' . days_of('base'), '14 _2 16|15', 'a partition is made beside the child, which stays one');
refused(15, 'CALL ppm.cleanup()', 'PM006', [$not_partitioned]);
refused(15, 'CALL ppm.run_all()', 'PM004', [$not_partitioned]);
$node->safe_psql('postgres', q(DROP TABLE heir_2026_03_15; ALTER TABLE heir_2026_03_15_2 RENAME TO heir_2026_03_15; DELETE FROM ppm.config WHERE table_name = 'base'));
lives('heir', 'a name that was an heir\'s');
$node->safe_psql('postgres', 'ALTER TABLE heir_2026_03_14 INHERIT base');
call_on(15, q(UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.provision()));
is("$result " . days_of('heir'), '0 _2 15 16 17 18', 'of the same day another one is made');
is(days_of('base'), '14', 'what became another\'s child is not attached again');
like(plainly(q(ALTER TABLE heir ATTACH PARTITION heir_2026_03_14 FOR VALUES FROM ('2026-03-14') TO ('2026-03-15'))), qr/inheritance child/, 'nor could it be');
call_on(17, q(UPDATE ppm.config SET cleanup_policy = 'drop'; UPDATE ppm.detached SET cleanup_policy = 'drop'; CALL ppm.cleanup()));
is("$result " . days_of('base'), '0 14', 'nor is it dropped');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE detached = 'heir_2026_03_14')), '0', 'and ppm knows it no more');
$node->safe_psql('postgres', 'DROP TABLE base CASCADE');
clear('DROP TABLE heir');

#
# Temporary and unlogged tables
#

# What plain SQL would do only the table's session could, and ppm works in a worker and in a restricted context: it is refused.
my $temporary = $node->background_psql('postgres', on_error_stop => 0);
$temporary->query_safe(<<'EOF');
SET client_min_messages = error;
CREATE TEMP TABLE passing (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TEMP TABLE passing_2026_03_01 PARTITION OF passing FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention)
	SELECT nspname, 'passing', 'daily', 1, 1 FROM pg_namespace WHERE oid = pg_my_temp_schema();
EOF
$node->safe_psql('postgres', configure('lasting') . 'CREATE TABLE lasting (day date NOT NULL) PARTITION BY RANGE (day)');
refused(15, 'CALL ppm.provision()', 'PM004', [qr/table "pg_temp_\d+\.passing": Table .* is temporary\. \(temporary_table\)$/m]);
foreach my $policy ('detach', 'drop')
{
	$node->safe_psql('postgres', "UPDATE ppm.config SET cleanup_policy = '$policy'");
	refused(15, 'CALL ppm.cleanup()', 'PM006', [qr/\(temporary_table\)$/m]);
}
refused(15, 'CALL ppm.run_all()', 'PM004', [qr/could not provision 1 of 2 tables, could not clean up 1 of 2 tables, found errors in 1 of 2 tables/]);
is($temporary->query_safe('SELECT count(*) FROM pg_inherits WHERE inhparent = \'passing\'::regclass'), '1', 'a temporary table is left as it is');
foreach my $call ('provision', 'cleanup', 'run_all')
{
	$temporary->query("SET ppm.work_date = '2026-03-15'; CALL ppm.$call()");
	like($temporary->{stderr}, qr/\(temporary_table\)$/m, "by its own session, too: $call");
	$temporary->{stderr} = '';
}
is(days_of('lasting'), '14 15 16', 'another table is not affected');
is(detached() . half_made($node), '', 'nothing is half done');
$temporary->quit;
$node->poll_query_until('postgres', q(SELECT NOT EXISTS (SELECT FROM pg_class WHERE relname = 'passing'))) or die 'the temporary table stays';
refused(15, 'CALL ppm.run_all()', 'PM004', [qr/Table "pg_temp_\d+\.passing" does not exist\. \(table_missing\)$/m]);
clear('DROP TABLE lasting');

# Up to 17 a partitioned table may be unlogged, which means nothing: partitions are logged, PARTITION OF's too.
SKIP:
{
	skip 'no unlogged partitioned tables', 1 if $node->safe_psql('postgres', 'SHOW server_version_num') >= 180000;
	$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE unlogged (day date NOT NULL) PARTITION BY RANGE (day);'
		  . q(CREATE TABLE plain PARTITION OF unlogged FOR VALUES FROM ('2030-01-01') TO ('2030-01-02');) . configure('unlogged'));
	call_on(15, 'CALL ppm.provision()');
	is($node->safe_psql('postgres', q(SELECT string_agg(DISTINCT relpersistence, '') FROM pg_class WHERE relname ~ '^(plain|unlogged_2026.*)$')), 'p', 'an unlogged parent\'s partitions are logged');
	$node->safe_psql('postgres', 'DROP TABLE plain; ALTER TABLE unlogged_2026_03_14 SET UNLOGGED');
	lives_on('unlogged', 'an unlogged parent');
	clear('DROP TABLE unlogged');
}

#
# Publications
#

foreach my $root ('false', 'true')
{
	my $table = "published_$root";
	$node->safe_psql('postgres', <<"EOF" . configure($table));
CREATE TABLE $table (day date NOT NULL, note text, PRIMARY KEY (day)) PARTITION BY RANGE (day);
CREATE PUBLICATION $table FOR TABLE $table WITH (publish_via_partition_root = $root);
EOF
	call_on(15, 'CALL ppm.provision()');
	is($node->safe_psql('postgres', "SELECT string_agg(right(tablename, 2), ' ' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = '$table'"),
		$root eq 'true' ? 'ue' : '14 15 16', "publish_via_partition_root = $root: partitions are published");
	$node->safe_psql('postgres', <<"EOF");
CREATE PUBLICATION own FOR TABLE ${table}_2026_03_14, ${table}_2026_03_15;
INSERT INTO $table SELECT generate_series(date '2026-03-14', '2026-03-16', '1 day');
UPDATE $table SET note = 'changed';
EOF
	lives_on($table, 'a parent in a publication');
	is($node->safe_psql('postgres', q(SELECT string_agg(right(tablename, 2), ' ') FROM pg_publication_tables WHERE pubname = 'own')), '14', 'a detached partition stays in its own publication, a dropped one is gone');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_publication_tables WHERE pubname = '$table' AND tablename ~ '_14'"), '0', 'and not in its parent\'s');
	call_on(15, q(UPDATE ppm.config SET cleanup_policy = 'detach'; CALL ppm.provision()));
	is($node->safe_psql('postgres', "SELECT note FROM $table WHERE day = '2026-03-14'"), 'changed', 'and attached again it is its parent\'s');
	clear("DROP TABLE $table; DROP PUBLICATION own, $table");
}

# What publishes all tables publishes ppm's, too.
$node->safe_psql('postgres', 'CREATE TABLE everything (day date NOT NULL, note text) PARTITION BY RANGE (day); CREATE PUBLICATION everything FOR ALL TABLES;' . configure('everything'));
call_on(15, 'CALL ppm.run_all()');
is($result, 0, 'a publication of all tables');
is(days_of('everything'), '14 15 16', 'partitions are made');
call_on(16, 'CALL ppm.run_all()');
is(days_of('everything') . ' ' . detached(), '15 16 17 everything_2026_03_14', 'and detached, and known');
clear('DROP PUBLICATION everything; DROP TABLE everything');

$node->stop;
done_testing();
