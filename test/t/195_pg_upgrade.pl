# pg_upgrade of a database whose tables ppm manages, in the middle of things: from the installation that the environment variable
# oldinstall names, of an older version, or else from one cluster to another of the same version.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# So that both are alike whatever their version's defaults are.
my @init = (extra => [ '--data-checksums', '--encoding=UTF8', '--locale=C' ]);
my $conf = "autovacuum = off\n";
$ENV{PGOPTIONS} = '-c ppm.work_date=2026-03-15';    # every session's own

my $old = PostgreSQL::Test::Cluster->new('old', $ENV{oldinstall} ? ('' => '', install_path => $ENV{oldinstall}) : ());    # see 190_update.pl
$old->init(@init);
$old->append_conf('postgresql.conf', $conf);
$old->start;
note 'from ' . $old->safe_psql('postgres', 'SELECT version()');

$old->safe_psql('postgres', <<'EOF');
CREATE EXTENSION ppm;
CREATE ROLE owner;
GRANT CREATE ON SCHEMA public TO owner;
SET ROLE owner;
CREATE TABLE kept (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE dropped (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE interrupted (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE weeks (id uuid PRIMARY KEY, note text) PARTITION BY RANGE (id);
RESET ROLE;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, timezone) VALUES
	('kept', 'daily', 1, 2, 'detach', 'UTC'), ('dropped', 'daily', 1, 2, 'drop', 'UTC'),
	('interrupted', 'daily', 1, 2, 'drop', 'UTC'), ('weeks', 'weekly', 1, 1, 'drop', 'Europe/Berlin');
SET ppm.work_date = '2026-03-14';
CALL ppm.run_all();
INSERT INTO kept SELECT day, 'kept' FROM generate_series(date '2026-03-12', '2026-03-15', '1 day') AS day;
INSERT INTO dropped TABLE kept;
INSERT INTO interrupted TABLE kept;
INSERT INTO weeks VALUES (ppm.uuidv7_lower_bound('2026-03-14'), 'kept');
EOF

# On the next day something keeps each of the outdated partitions, if only for a moment.
$old->safe_psql('postgres', 'CREATE VIEW guard AS TABLE dropped_2026_03_12');
my $reader = hold($old, 'TABLE interrupted');
my (undef, undef, $messages) = run_sql($old, 'CALL ppm.run_all()');
like($messages, qr/could not clean up 2 of 4 tables/, 'two cleanups are left in the middle');
$reader->query_safe('ROLLBACK');
$reader->quit;
is( $old->safe_psql('postgres', 'SELECT table_name, string_agg(code, chr(32)) FROM ppm.check() GROUP BY table_name ORDER BY table_name'),
	"dropped|pending_drop\ninterrupted|pending_detach", 'one detached and not dropped, one not even detached');

# What must be the same on both sides.
sub records
{
	my ($node) = @_;
	return $node->safe_psql('postgres', <<'EOF');
TABLE ppm.config ORDER BY table_name;
SELECT * FROM ppm.history ORDER BY at, partition;
TABLE ppm.last_run ORDER BY table_name;
SELECT c.*, relation::regclass FROM ppm.configured_relations c ORDER BY table_name;
SELECT * FROM ppm.detached ORDER BY table_name;
SELECT parent, partition, tableoid::regclass FROM ppm.partitions, LATERAL (SELECT format('%I.%I', schema_name, table_name) AS parent) AS p, pg_class
WHERE pg_class.relname = partition ORDER BY parent, partition;
SELECT tableoid::regclass, * FROM kept ORDER BY day;
SELECT tableoid::regclass, * FROM kept_2026_03_12;
SELECT tableoid::regclass, * FROM dropped ORDER BY day;
SELECT tableoid::regclass, * FROM dropped_2026_03_12;
SELECT tableoid::regclass, * FROM weeks;
EOF
}

my $records = records($old);

# From their minor releases of November 2026 on (15.20, 17.12), servers note a version with each column that an older one of a newer
# major version does not know.
my $is_versioned = $old->safe_psql('postgres', q(SELECT EXISTS (SELECT FROM pg_attribute WHERE attoptions::text ~ 'pg_attver')));
$old->stop;

# What pg_config says of the node's installation. (Before PostgreSQL 15 a node has no config_data().)
sub config_of
{
	my ($node, $option) = @_;
	return $node->config_data($option) if $node->can('config_data');
	my $path = $node->{_install_path};
	my ($line) = run_command([ ($path ? "$path/bin/" : '') . 'pg_config', $option ]);
	return $line;
}

#
# The upgrade
#

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(@init);
$new->append_conf('postgresql.conf', $conf);
my $bindir = config_of($old, '--bindir');
chdir PostgreSQL::Test::Utils::tempdir() or die $!;
if ($is_versioned eq 't' && !grep { /pg_attver/ } slurp_file(config_of($new, '--bindir') . '/pg_dump'))
{
	diag 'skipped: to upgrade from ' . config_of($old, '--version') . ' needs a newer minor version of ' . config_of($new, '--version');
	done_testing();
	exit;
}
my $is_upgraded = run_log(
	[
		'pg_upgrade',
		'-d', $old->data_dir, '-b', $bindir, '-p', $old->port,
		'-D', $new->data_dir, '-B', config_of($new, '--bindir'), '-P', $new->port,
		'-s', $new->host
	]);
ok($is_upgraded, 'pg_upgrade') or do
{
	note "$_:\n" . substr slurp_file($_), -500 foreach (glob('*.log'), reverse glob($new->data_dir . '/pg_upgrade_output.d/*/log/*'));
	die 'there is nothing to go on with';
};
$new->start;
note 'to ' . $new->safe_psql('postgres', 'SELECT version()');
is(records($new), $records, 'everything is as it was');

# PostgreSQL attaches again what was being detached.
is($new->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits WHERE inhdetachpending'), '0', 'no detach is pending any more');
is( $new->safe_psql('postgres', 'SELECT table_name, partition, code FROM ppm.check() ORDER BY table_name'),
	"dropped|dropped_2026_03_12|pending_drop\ninterrupted|interrupted_2026_03_12|outdated_partition", 'check() knows what is still to do');

# To pg_upgrade the table that was to be dropped is a new one: it is safe from ppm.
$new->safe_psql('postgres', 'DROP VIEW guard');
(undef, undef, $messages) = run_sql($new, 'CALL ppm.run_all()');
like($messages, qr/table "public\.dropped", partition "dropped_2026_03_12"/, 'what was detached before is not dropped');
is($new->safe_psql('postgres', 'SELECT note FROM dropped_2026_03_12'), 'kept', 'for it might be another table');
is(partitions_of($new, 'interrupted'), '13 14 15 16', 'what was not detached goes now');
is($new->safe_psql('postgres', q(SELECT to_regclass('interrupted_2026_03_12') IS NULL)), 't', 'it is dropped for ever');
$new->safe_psql('postgres', 'DROP TABLE dropped_2026_03_12');

# Life goes on.
$new->safe_psql('postgres', q(UPDATE ppm.config SET retention = 3 WHERE table_name = 'kept'; CALL ppm.run_all();));
is($new->safe_psql('postgres', 'SELECT count(*) FROM ppm.check()'), '0', 'all is well');
is($new->safe_psql('postgres', q(SELECT count(*) FROM kept WHERE note = 'kept')), '4', 'what was detached before comes back when it is wanted');
$new->safe_psql('postgres', q(SET ppm.work_date = '2026-03-16'; CALL ppm.run_all()));
is(partitions_of($new, 'kept'), '13 14 15 16 17', 'and what is outdated goes');
is(partitions_of($new, 'dropped'), '14 15 16 17', 'under either policy');
is($new->safe_psql('postgres', 'SELECT string_agg(note, chr(32)) FROM kept_2026_03_12'), 'kept', 'with its rows, where they are to be kept');
is($new->safe_psql('postgres', 'SELECT count(DISTINCT run_id) = max(run_id) - min(run_id) + 1 FROM ppm.history'), 't', 'calls are numbered on');

$new->stop;
done_testing();
