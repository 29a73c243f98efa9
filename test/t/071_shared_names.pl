# Tables whose partitions' names are those of other tables, and of other tables' partitions.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use DaysTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

$node = new_node('shared_names');

# stem's partition for 2026 and stem_2026 are one name, and stem_2026 has a partition that has the name of another of stem's.
$node->safe_psql('postgres', 'CREATE TABLE stem (day date NOT NULL) PARTITION BY RANGE (day); CREATE TABLE stem_2026 (LIKE stem) PARTITION BY RANGE (day);'
	  . q(CREATE TABLE stem_2027 PARTITION OF stem_2026 FOR VALUES FROM ('2026-03-14') TO ('2026-03-15');)
	  . 'CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.stem_2026 (LIKE stem) PARTITION BY RANGE (day);'
	  . configure('stem', 'public', 'yearly') . configure('stem_2026') . configure('stem_2026', 'elsewhere'));
call_on(15, 'CALL ppm.provision()');
is($result, 0, 'names that are taken block no partition');
like($messages, qr/WARNING:  01000: table "public\.stem": name_taken\n.*A relation or type "stem_2026" .* has the name of .* named "stem_2026_2"\. And 1 more/, 'but are warned of');
my $made = '25 _2 _2|15 16 27|14 15 16';
is(join('|', map { days_of($_) } 'stem', 'stem_2026', 'elsewhere.stem_2026'), $made, 'all partitions are created, in each schema, for each table');
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
is(join('|', map { days_of($_) } 'stem', 'stem_2026', 'elsewhere.stem_2026'), '25 _2 _2|16|16', 'and removes only each table\'s own partitions');
is($node->safe_psql('postgres', q(SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^stem_202' AND relkind = 'r' AND NOT relispartition)),
	'stem_2026_2026_03_14 stem_2027', 'the first two are kept, although they have names of other partitions');
# A name that becomes free.
$node->safe_psql('postgres', 'ALTER TABLE stem_2026 RENAME TO stem_old; DELETE FROM ppm.config WHERE schema_name = \'public\' AND table_name = \'stem_2026\'');
my $by_name = q(SELECT code, partition, hint FROM ppm.check('stem') WHERE code <> 'work_date_set');
call_on(17, $by_name);
is($output, <<'EOF' =~ s/\n$//r, 'a name that is free again is the partition\'s own');
misnamed|stem_2026_2|ALTER TABLE public.stem_2026_2 RENAME TO stem_2026;
name_taken|stem_2027_2|When the name is free: ALTER TABLE public.stem_2027_2 RENAME TO stem_2027;
EOF
call_on(17, "SELECT hint FROM ppm.check('stem') WHERE code = 'misnamed' \\gexec\n$by_name");
is($output, 'name_taken|stem_2027_2|When the name is free: ALTER TABLE public.stem_2027_2 RENAME TO stem_2027;', 'and the statement in the hint renames the partition');
$node->safe_psql('postgres', 'ALTER TABLE stem_2026 RENAME TO stem_2026_2; ALTER TABLE stem_old RENAME TO stem_2026');
clear('DROP TABLE stem, stem_2026; DROP SCHEMA elsewhere CASCADE');

$node->stop;
done_testing();
