# Tables in publications, by table, via their root, and FOR ALL TABLES: partitions come and go in them as they should.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use DaysTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

$node = new_node('publications', conf => 'wal_level = logical');

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
