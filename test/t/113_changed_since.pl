# What somebody did to a table since it was detached keeps it from being dropped; what maintenance does to it does not.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;

my $node = new_node('changed', conf => 'wal_level = logical');
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE bob;
GRANT CREATE ON SCHEMA public TO bob;
CREATE PUBLICATION pub;
CREATE TABLE ref (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE ref_1 PARTITION OF ref FOR VALUES FROM (1) TO (10);
CREATE TABLE measures (value int);
INSERT INTO ref VALUES (1);
-- A year, with a view on it, so that it is detached and cannot be dropped.
CREATE PROCEDURE make_old() LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS t CASCADE;
	FOR i IN 1 .. 100 LOOP
		EXECUTE format('DROP TABLE IF EXISTS old_%1$s, parted_%1$s CASCADE', i);
	END LOOP;
	DELETE FROM ppm.config;
	DELETE FROM ppm.detached;
	CREATE TABLE t (id int, day date NOT NULL, note text, PRIMARY KEY (id, day), FOREIGN KEY (id) REFERENCES ref) PARTITION BY RANGE (day);
	INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'yearly', 1, 1, 'drop');
	CALL ppm.provision();
END $$;
CREATE PROCEDURE add_old(i int) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE old_%s PARTITION OF t FOR VALUES FROM (%L) TO (%L)', i, make_date(1000 + i, 1, 1), make_date(1001 + i, 1, 1));
	EXECUTE format('CREATE INDEX old_idx_%1$s ON old_%1$s (note, lower(note))', i);
	EXECUTE format('CREATE TRIGGER tr BEFORE UPDATE ON old_%s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', i);
	EXECUTE format('CREATE VIEW v_%1$s AS TABLE old_%1$s', i);
	INSERT INTO t VALUES (1, make_date(1000 + i, 1, 1), 'old');
END $$;
CREATE PROCEDURE add_parted(i int) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE parted_%s PARTITION OF t FOR VALUES FROM (%L) TO (%L) PARTITION BY RANGE (day)', i, make_date(1000 + i, 1, 1), make_date(1001 + i, 1, 1));
	EXECUTE format('CREATE TABLE leaf_%1$s PARTITION OF parted_%1$s DEFAULT', i);
	EXECUTE format('CREATE VIEW v_%1$s AS TABLE parted_%1$s', i);
	INSERT INTO t VALUES (1, make_date(1000 + i, 1, 1), 'old');
END $$;
EOF

# Makes a table for each of these statements, which each are about table number N; detaches all, has the statements run, and cleans
# up. Checks that those are left, and no others, that are to be.
sub try_all
{
	my ($kind, $is_left, $statements, %options) = @_;
	my $last = @$statements;
	$node->safe_psql('postgres', "SET client_min_messages = error; CALL make_old(); DO 'BEGIN FOR i IN 1 .. $last LOOP CALL add_$kind(i); END LOOP; END'");
	$node->safe_psql('postgres', $options{before}) if $options{before};
	my (undef, undef, $error) = run_sql($node, 'CALL ppm.cleanup()');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.detached WHERE version IS NOT NULL'), $last, 'all are detached, and cannot be dropped');
	$node->safe_psql('postgres', $options{then}) if $options{then};
	for my $i (1 .. $last)
	{
		(my $sql = $statements->[ $i - 1 ]) =~ s/_N/_$i/g;
		my $year = 1000 + $i;
		$sql =~ s/YEAR/$year/g;
		$node->safe_psql('postgres', "SET client_min_messages = error; $_") foreach split /;\s*/, $sql;
		$node->safe_psql('postgres', "SET client_min_messages = error; DROP VIEW IF EXISTS v_$i");
	}
	(undef, undef, $error) = run_sql($node, 'CALL ppm.cleanup()');
	for my $i (1 .. $last)
	{
		my $is_there = $node->safe_psql('postgres', "SELECT to_regclass('${kind}_$i') IS NOT NULL");
		is($is_there, $is_left ? 't' : 'f', ($is_left ? 'kept: ' : 'dropped: ') . $statements->[ $i - 1 ]);
		like($error, qr/table "public\.${kind}_$i" (?:was changed|got rows) after ppm detached it, so it is not dropped \(SQLSTATE 55006\)/, 'and it is reported') if $is_left;
	}
	return;
}

my $vacuum_full = join '; ', map { "VACUUM FULL $_" } qw(pg_class pg_attribute pg_constraint pg_index pg_trigger pg_depend pg_description);

# Not done by anybody to the table.
my @harmless = (
	'SELECT 1', 'ANALYZE old_N', 'VACUUM (ANALYZE) old_N', 'VACUUM (FREEZE, ANALYZE) old_N',
	'VACUUM FREEZE pg_class, pg_attribute, pg_constraint, pg_index, pg_trigger', $vacuum_full, 'REINDEX TABLE pg_class; REINDEX TABLE pg_attribute',
	'REINDEX TABLE old_N; REINDEX INDEX old_idx_N', 'ANALYZE', 'SELECT count(*) FROM old_N', 'DELETE FROM old_N',
	# Of the table that it refers to.
	'CREATE TABLE ref_10 PARTITION OF ref FOR VALUES FROM (10) TO (20); ANALYZE ref', 'ALTER TABLE ref DETACH PARTITION ref_10; DROP TABLE ref_10', 'GRANT SELECT ON ref TO bob',
	'CREATE VIEW v3 AS TABLE old_N; DROP VIEW v3',
	# Rows that were never there, or are there no more.
	q(SELECT fails('old_N', 'YEAR-02-02')),
	q(INSERT INTO old_N VALUES (1, 'YEAR-02-02', 'gone'); DELETE FROM old_N WHERE note = 'gone'));
$node->safe_psql('postgres', q(CREATE FUNCTION fails(name text, day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I VALUES (1, %L), (1, %L)', name, day, day);
EXCEPTION WHEN OTHERS THEN NULL;
END $$));
try_all('old', 0, \@harmless);
try_all('parted', 0, [ 'SELECT 1', 'ANALYZE parted_N', 'VACUUM (FREEZE, ANALYZE) leaf_N', 'VACUUM FREEZE pg_class', 'DELETE FROM parted_N' ]);

# Done by somebody, to the table or to what belongs to it. (Before PostgreSQL 15 a detach drops a foreign key that refers to a partitioned table.)
my $dropped = $node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 150000)) eq 't' ? 'old_N_pkey' : 't_id_fkey';
try_all('old', 1, [
	'CREATE INDEX ON old_N (note)', 'CREATE UNIQUE INDEX ON old_N (id, day, note)', 'DROP INDEX old_idx_N', 'ALTER INDEX old_idx_N RENAME TO mine_N', 'ALTER INDEX old_idx_N SET (fillfactor = 50)', 'ALTER INDEX old_idx_N ALTER COLUMN 2 SET STATISTICS 5',
	q(COMMENT ON INDEX old_idx_N IS 'keep'), q(COMMENT ON TABLE old_N IS 'keep'), q(COMMENT ON TYPE old_N IS 'keep'), 'GRANT USAGE ON TYPE old_N TO bob', q(COMMENT ON COLUMN old_N.note IS 'keep'), q(COMMENT ON CONSTRAINT old_N_pkey ON old_N IS 'keep'), q(COMMENT ON TRIGGER tr ON old_N IS 'keep'),
	'GRANT SELECT ON old_N TO bob', 'GRANT SELECT (note) ON old_N TO bob', 'DROP VIEW v_N; ALTER TABLE old_N RENAME COLUMN note TO remark', q(ALTER TABLE old_N ALTER note SET DEFAULT 'x'),
	'ALTER TABLE old_N ALTER note SET NOT NULL', 'ALTER TABLE old_N ALTER note SET STATISTICS 5', 'ALTER TABLE old_N ALTER note SET STORAGE external', 'ALTER TABLE old_N ALTER note SET (n_distinct = 5)',
	'ALTER TABLE old_N ADD COLUMN more int', 'DROP VIEW v_N; ALTER TABLE old_N ALTER note TYPE varchar', 'DROP VIEW v_N; ALTER TABLE old_N DROP COLUMN note', 'CREATE STATISTICS st ON id, note FROM old_N', 'ALTER PUBLICATION pub ADD TABLE old_N',
	'ALTER TABLE old_N DISABLE TRIGGER ALL', 'ALTER TABLE old_N ENABLE ALWAYS TRIGGER tr', 'DROP TRIGGER tr ON old_N', 'CREATE RULE r AS ON DELETE TO old_N DO INSTEAD NOTHING',
	'CREATE TRIGGER tr2 BEFORE UPDATE ON old_N FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'ALTER TABLE old_N ADD FOREIGN KEY (id) REFERENCES ref_1 NOT VALID',
	'ALTER TABLE old_N ADD CHECK (id > 0)', "ALTER TABLE old_N DROP CONSTRAINT $dropped", 'ALTER TABLE old_N SET (fillfactor = 50)', 'ALTER TABLE old_N CLUSTER ON old_N_pkey',
	'ALTER TABLE old_N OWNER TO bob; ALTER TABLE old_N OWNER TO CURRENT_USER', 'ALTER TABLE old_N ENABLE ROW LEVEL SECURITY', 'CREATE POLICY p ON old_N USING (true)', 'ALTER TABLE old_N REPLICA IDENTITY FULL',
	'CREATE SEQUENCE seq_N OWNED BY old_N.id', 'ALTER TABLE old_N ADD UNIQUE (id, day, note)', 'ALTER TABLE old_N RENAME TO mine; ALTER TABLE mine RENAME TO old_N', 'CREATE TABLE child () INHERITS (old_N); DROP TABLE child',
	q(CREATE TABLE other (LIKE old_N) PARTITION BY RANGE (day); ALTER TABLE other ATTACH PARTITION old_N FOR VALUES FROM ('YEAR-01-01') TO ('YEAR-12-31'); ALTER TABLE other DETACH PARTITION old_N; DROP TABLE other),
	# Rows.
	q(INSERT INTO old_N VALUES (1, 'YEAR-02-02', 'put back by hand')), q(INSERT INTO old_N VALUES (1, 'YEAR-02-02', 'put back by hand'); VACUUM (FREEZE) old_N), q(UPDATE old_N SET note = 'mine')]);
try_all('parted', 1, [
	'ALTER TABLE leaf_N ADD CHECK (id > 0)', q(COMMENT ON TABLE leaf_N IS 'keep'), 'CREATE INDEX ON leaf_N (note)', q(CREATE TABLE another_N PARTITION OF parted_N FOR VALUES FROM ('YEAR-01-02') TO ('YEAR-01-03')),
	'GRANT SELECT (note) ON leaf_N TO bob', q(INSERT INTO leaf_N VALUES (1, 'YEAR-02-02', 'put back by hand')), q(INSERT INTO parted_N VALUES (1, 'YEAR-02-02', 'put back by hand'))]);

# Rows put in by transactions that had begun before the table was detached, and by their subtransactions.
foreach my $way (
	[ 'INSERT INTO measures VALUES (1)', q(INSERT INTO old_1 VALUES (1, '1001-02-02')) ],
	[ 'INSERT INTO measures VALUES (1); SAVEPOINT s; INSERT INTO measures VALUES (2)', q(INSERT INTO old_1 VALUES (1, '1001-02-02')) ],
	[ 'INSERT INTO measures VALUES (1); SAVEPOINT s; INSERT INTO measures VALUES (2)', q(RELEASE s; INSERT INTO old_1 VALUES (1, '1001-02-02')) ],
	[ 'SAVEPOINT s', q(INSERT INTO old_1 VALUES (1, '1001-02-02'); ROLLBACK TO s; INSERT INTO old_1 VALUES (1, '1001-02-03')) ],
	# More subtransactions than PostgreSQL remembers.
	[ join('', map { "SAVEPOINT s$_; INSERT INTO measures VALUES ($_);" } 1 .. 100), q(INSERT INTO old_1 VALUES (1, '1001-02-02')) ])
{
	my ($before, $after) = @$way;
	$node->safe_psql('postgres', 'SET client_min_messages = error; CALL make_old(); CALL add_old(1)');
	my $session = hold($node, $before);
	run_sql($node, 'CALL ppm.cleanup()');
	is($node->safe_psql('postgres', q(SELECT version IS NOT NULL FROM ppm.detached)), 't', 'a table is detached');
	$session->query_safe('COMMIT AND CHAIN') if $before eq 'SAVEPOINT s';
	$session->query_safe($before) if $before eq 'SAVEPOINT s';
	$session->query_safe("$after; COMMIT");
	$session->quit;
	$node->safe_psql('postgres', 'DROP VIEW v_1');
	my (undef, undef, $error) = run_sql($node, 'CALL ppm.cleanup()');
	like($error, qr/table "public\.old_1" got rows after ppm detached it, so it is not dropped/, 'and got a row of a transaction that was there before: ' . substr($before, 0, 80));
}

# Rows of just before are no obstacle, also those of subtransactions, while others are at work.
$node->safe_psql('postgres', 'SET client_min_messages = error; CALL make_old(); CALL add_old(1)');
my $session = hold($node, 'INSERT INTO measures VALUES (1); SAVEPOINT s; INSERT INTO measures VALUES (2)');
$node->safe_psql('postgres', q(BEGIN; INSERT INTO t VALUES (1, '1001-03-01'); SAVEPOINT s; INSERT INTO t VALUES (1, '1001-03-02'); RELEASE s; COMMIT));
run_sql($node, 'CALL ppm.cleanup()');
$session->query_safe('INSERT INTO measures VALUES (3); COMMIT');
$session->quit;
$node->safe_psql('postgres', 'DROP VIEW v_1; CALL ppm.cleanup()');
is($node->safe_psql('postgres', q(SELECT to_regclass('old_1') IS NULL)), 't', 'rows of just before the detach: dropped');

# What 1.0.0 has recorded, before its objects are updated, and after it.
my @of_1_0_0 = (
	before => <<'EOF',
ALTER EXTENSION ppm DROP TABLE ppm.kept;
ALTER TABLE ppm.kept RENAME TO kept_later;
ALTER TABLE ppm.detached DROP COLUMN snapshot;
EOF
	then => q(UPDATE ppm.detached SET version = concat(relation, ':', (SELECT xmin FROM pg_class WHERE oid = relation))));
my $update = <<'EOF';
ALTER TABLE ppm.detached ADD COLUMN snapshot pg_snapshot;
ALTER TABLE ppm.kept_later RENAME TO kept;
ALTER EXTENSION ppm ADD TABLE ppm.kept;
EOF
foreach my $is_left (0, 1)
{
	my @statements = $is_left ? ('GRANT SELECT ON old_N TO bob', q(INSERT INTO old_N VALUES (1, 'YEAR-02-02'))) : ('SELECT 1', 'VACUUM FREEZE pg_class');
	try_all('old', $is_left, \@statements, @of_1_0_0);
	$node->safe_psql('postgres', $update);
	my %later = @of_1_0_0;
	$later{then} .= "; $update";
	try_all('old', $is_left, \@statements, %later);
}

$node->stop;
done_testing();
