# The files for monitoring: what the exporters' queries give, as the role that monitoring.sql makes, and that alerts and
# dashboard use only what is exported.
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = "$FindBin::RealBin/../../monitoring";
my ($result, $output, $messages);

sub file_text
{
	my ($name) = @_;
	return slurp_file("$directory/$name");
}

sub unindented
{
	my ($text) = @_;
	$text =~ s/^ +//mg;
	return $text;
}

#
# The queries, by name: what they ask, their labels and their values. There is no YAML in perl's core: any other layout of the files
# than this is one query too few.
#

sub postgres_exporter_queries
{
	my %queries;
	my $text = file_text('postgres_exporter.yml');
	while ($text =~ /^(\w+):\n(?: {2}cache_seconds: \d+\n)? {2}query: \|\n((?: {4}.*\n)+) {2}metrics:\n((?: {4}.*\n)+)/mg)
	{
		my ($name, $sql, $metrics) = ($1, $2, $3);
		my %query = (sql => unindented($sql), LABEL => [], GAUGE => []);
		push @{ $query{$2} }, $1 while $metrics =~ /^ {4}- (\w+):\n {8}usage: (\w+)\n {8}description: ".+"\n/mg;
		$queries{$name} = \%query;
	}
	return %queries;
}

sub sql_exporter_queries
{
	my %queries;
	my $text = file_text('sql_exporter.yml');
	my $head = qr/^ {6}- name: (\w+)\n {8}help: ".+"\n {8}labels: \[(.*)\]\n/m;
	while ($text =~ /$head {8}values:\n((?: {10}- \w+\n)+) {8}allow_zero_rows: true\n {8}query: \|\n((?: {10}.*\n)+)/mg)
	{
		my ($name, $labels, $values, $sql) = ($1, $2, $3, $4);
		$queries{$name} = { sql => unindented($sql), LABEL => [ split /, /, $labels ], GAUGE => [ $values =~ /- (\w+)/g ] };
	}
	return %queries;
}

my %queries = postgres_exporter_queries();
my %sql_queries = sql_exporter_queries();
is(join(' ', sort keys %queries), 'ppm ppm_configured ppm_forecast ppm_table', 'postgres_exporter.yml has four queries');
foreach my $file ('postgres_exporter.yml', 'sql_exporter.yml')
{
	is(scalar(() = file_text($file) =~ /^\s*query:/mg), 4, "$file: all of them are tested here");
}
is_deeply(\%sql_queries, \%queries, 'both exporters have the same queries, labels and values');

#
# The names of the metrics
#

my %exported;
while (my ($name, $query) = each %queries)
{
	$exported{"${name}_$_"} = 1 foreach @{ $query->{GAUGE} };
}

# sql_exporter has a name for each query only, which Prometheus is to make the same of.
my ($relabel) = file_text('prometheus.yml') =~ /^\s*regex: (sql_.*)$/m;
my %relabelled;
while (my ($name, $query) = each %sql_queries)
{
	foreach my $column (@{ $query->{GAUGE} })
	{
		my @parts = "sql_$name;$column" =~ /^(?:$relabel)$/;
		$relabelled{"$parts[0]_$parts[1]"} = 1 if @parts;
	}
}
like(file_text('prometheus.yml'), qr/^\s*replacement: \$\{1\}_\$\{2\}$/m, 'prometheus.yml changes the names of metrics');
is_deeply(\%relabelled, \%exported, 'so that those of sql_exporter are those of postgres_exporter');

sub metrics_in
{
	my ($text) = @_;
	my %found = map { $_ => 1 } $text =~ /\b(ppm_\w+)/g;
	return sort keys %found;
}

# All strings in a JSON document.
sub strings_in
{
	my ($value) = @_;
	return map { strings_in($_) } @$value if ref $value eq 'ARRAY';
	return map { strings_in($_) } values %$value if ref $value eq 'HASH';
	return defined $value ? ("$value") : ();
}

my $rules = file_text('prometheus-rules.yml');
my $dashboard = decode_json(file_text('grafana.json'));
my @targets = map { @{ $_->{targets} } } @{ $dashboard->{panels} };
cmp_ok(scalar(grep { $_->{expr} !~ /\bppm_/ } @targets), '==', 0, 'every panel of the dashboard shows some metric');
my $picture = slurp_file("$FindBin::RealBin/../../doc/dashboard.svg");
is(join(', ', grep { index($picture, $_) < 0 } map { $_->{title} } @{ $dashboard->{panels} }), '', 'the picture of it has all its panels');
my %used = (
	'prometheus-rules.yml' => [ metrics_in($rules) ],
	'prometheus-rules-test.yml' => [ metrics_in(file_text('prometheus-rules-test.yml')) ],
	'grafana.json' => [ metrics_in(join "\n", strings_in($dashboard)) ]);
foreach my $file (sort keys %used)
{
	cmp_ok(scalar @{ $used{$file} }, '>=', 7, "$file uses metrics");
	is(join(' ', grep { !$exported{$_} } @{ $used{$file} }), '', 'none that is not exported');
}
my %wanted = map { $_ => 1 } map { @$_ } @used{ 'prometheus-rules.yml', 'grafana.json' };
is_deeply(\%wanted, \%exported, 'and every exported metric is used');

my %labels = map { $_ => 1 } 'instance', map { @{ $_->{LABEL} } } values %queries;
my @used_labels = $rules =~ /\$labels\.(\w+)/g;
cmp_ok(scalar @used_labels, '>', 0, 'alerts tell by labels what they are about');
is(join(' ', grep { !$labels{$_} } @used_labels), '', 'which the metrics have');

my @alerts = $rules =~ /^\s*- alert: (\w+)$/mg;
my $severity = qr/\s*for: \w+\n\s*labels:\n\s*severity: (?:critical|warning|info)\n/;
my $texts = qr/\s*annotations:\n\s*summary: .+\n\s*description: >-\n/;
my @described = $rules =~ /^\s*- alert: \w+\n\s*expr: .*\n(?:(?!\s*- alert).*\n)*?$severity$texts/mg;
cmp_ok(scalar @alerts, '>=', 10, 'there are alerts');
is(scalar @described, scalar @alerts, 'each with a severity, a summary and a description');
my $tests = file_text('prometheus-rules-test.yml');
is(join(' ', grep { $tests !~ /alertname="$_"/ } @alerts), '', 'and a test in prometheus-rules-test.yml');

#
# The role
#

my $node = new_node('monitoring');

# Runs monitoring.sql with these arguments.
sub grant_with
{
	my @arguments = @_;
	return run_command(
		[ 'psql', '-Xq', @arguments, '-d', $node->connstr('postgres'), '-f', "$directory/monitoring.sql" ]);
}

foreach my $time ('', ' again')
{
	($output, $messages) = grant_with();
	is("$output$messages", '', "monitoring.sql can be run$time");
}
is($node->safe_psql('postgres', <<'EOF'), 'f|f|f|f|0', 'its role can do nothing special');
SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, (SELECT count(*) FROM pg_auth_members WHERE member = pg_roles.oid)
FROM pg_roles WHERE rolname = 'ppm_exporter'
EOF

$node->safe_psql('postgres', <<'EOF');
CREATE ROLE boss SUPERUSER;
CREATE ROLE "Big ""Boss" LOGIN IN ROLE boss;
CREATE ROLE "An ""Exporter" LOGIN;
EOF
foreach my $role ('boss', 'Big "Boss')
{
	(undef, $messages) = grant_with('-v', "role=$role");
	like($messages, qr/ERROR:  role "\Q$role\E" has a superuser's rights$/m, "it refuses to use role $role");
	is( $node->safe_psql('postgres', <<'EOF'), 0, 'and leaves that role as it was');
SELECT count(*) FROM pg_db_role_setting JOIN pg_roles ON pg_roles.oid = setrole WHERE rolname ILIKE '%boss'
EOF
}
($output, $messages) = grant_with('-v', 'role=An "Exporter');
is("$output$messages", '', 'and accepts another role');
is($node->safe_psql('postgres', q(SELECT has_table_privilege('An "Exporter', 'ppm.status', 'SELECT'))), 't', 'which gets the same');

#
# The values
#

# Healthy; healthy, but somebody has it locked; covered for ever; broken, by rows in the default partition, one of them with a name taken; not
# valid; one whose key counts, and one whose partition in use is the last; and new ones, which ppm has never been called for.
my $healthy = daily_table('healthy', 3) . daily_table('locked', 3);
my $broken = daily_table('broken', 1) . daily_table('filled', 1);
$node->safe_psql('postgres', $healthy . $broken . <<'EOF');
CREATE TABLE forever (day date) PARTITION BY RANGE (day);
CREATE TABLE forever_all PARTITION OF forever FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE TABLE broken_2026_03_16 (day date);
CREATE TABLE broken_default PARTITION OF broken DEFAULT;
INSERT INTO broken VALUES ('2026-03-16');
CREATE TABLE counting (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE last_one (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE broken_2026_03_01 PARTITION OF broken FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE filled_default PARTITION OF filled DEFAULT;
INSERT INTO filled VALUES ('2026-03-15');
SET client_min_messages = error;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('forever', 'yearly', 2), ('invalid', 'quarterly', 2), ('counting', '100', 2), ('last_one', '100', 1);
UPDATE ppm.config SET retention = 1 WHERE table_name = 'broken';
EOF
$node->psql('postgres', 'CALL ppm.provision()', stderr => \$messages);
$node->safe_psql('postgres', "INSERT INTO healthy SELECT '2026-03-15', 'note' FROM generate_series(1, 100);"
	  . 'INSERT INTO counting VALUES (50); INSERT INTO last_one VALUES (150);'
	  . "INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('new', 'weekly', 1), ('new_monthly', 'monthly', 1);"
	  . 'CREATE TABLE new (day date) PARTITION BY RANGE (day); CREATE TABLE new_monthly (day date) PARTITION BY RANGE (day)');
my $holder = hold($node, 'LOCK TABLE locked IN ACCESS EXCLUSIVE MODE');

# What the exporter's role gets for an expression over one of the queries. Nothing may be written, nor waited for.
sub scraped
{
	my ($name, $expression) = @_;
	my $sql = $queries{$name}{sql};
	($result, $output, $messages) = run_sql($node, <<"EOF", user => 'ppm_exporter');
BEGIN READ ONLY;
SET LOCAL lock_timeout = '1ms';
SELECT $expression FROM (
$sql) AS scraped;
COMMIT;
EOF
	is("$result $messages", '0 ', "query $name works for: $expression");
	return $output;
}

sub scraped_by_table
{
	my ($name, $value) = @_;
	return scraped($name, "string_agg(table_name || ' ' || ($value)::text, ', ' ORDER BY table_name, $value)");
}

foreach my $name (sort keys %queries)
{
	my $query = $queries{$name};
	($result, $output, $messages) = run_sql($node, "$query->{sql} \\gdesc", user => 'ppm_exporter');
	is($output,
		join("\n", (map { "$_|text" } @{ $query->{LABEL} }), (map { "$_|double precision" } @{ $query->{GAUGE} })),
		"query $name has its labels and values, in types that exporters know");
	is(scraped($name, q(bool_and(datname = 'postgres'))), 't', 'and the database');
}

is(scraped('ppm_configured', 'tables'), 10, 'the tables are counted');
is(scraped('ppm_table', 'count(*)'), 10, 'each is there');
is(scraped_by_table('ppm_table', 'healthy'),
	'broken 0, counting 1, filled 0, forever 1, healthy 1, invalid 0, last_one 0, locked 1, new 0, new_monthly 0', 'healthy are those that are');
is(scraped_by_table('ppm_table', 'errors > 0'),
	'broken true, counting false, filled true, forever false, healthy false, invalid true, last_one true, locked false, new true, new_monthly true',
	'the others have errors');
is(scraped_by_table('ppm_table', 'warnings'),
	'broken 2, counting 0, filled 0, forever 1, healthy 0, invalid 0, last_one 0, locked 0, new 0, new_monthly 0', 'some have warnings');
is( scraped_by_table('ppm_table', q(CASE WHEN runway_seconds IS NULL THEN 'NaN' WHEN runway_seconds IN (0, 'Infinity') THEN runway_seconds ELSE ceil(runway_seconds / 86400) END)),
	'broken 1, counting NaN, filled 0, forever Infinity, healthy 4, invalid 0, last_one NaN, locked 4, new 0, new_monthly 0',
	'the runway is infinite where it is for ever, unknown of a key that has not grown yet, and nothing where the configuration is wrong');
is(scraped_by_table('ppm_table', 'slots_ahead'),
	'broken 0, counting 2, filled 0, forever Infinity, healthy 3, invalid 0, last_one 0, locked 3, new 0, new_monthly 0',
	'how many partitions are ahead is known of each key');
is(scraped_by_table('ppm_table', q(coalesce(runway_target_seconds / 86400, 'NaN'))),
	'broken 1, counting NaN, filled 1, forever 730.5, healthy 3, invalid 180, last_one NaN, locked 3, new 7, new_monthly 30', 'what it should be is known for each');
is(scraped_by_table('ppm_table', 'partitions'),
	'broken 4, counting 3, filled 2, forever 1, healthy 4, invalid 0, last_one 2, locked 4, new 0, new_monthly 0', 'partitions are counted');
is(scraped_by_table('ppm_table', 'outdated_partitions'),
	'broken 1, counting 0, filled 0, forever 0, healthy 0, invalid 0, last_one 0, locked 0, new 0, new_monthly 0', 'and the outdated ones');
is(scraped('ppm_table', q(bool_and(size_bytes > 0) FILTER (WHERE table_name = 'healthy'))), 't', 'what has rows has a size');
is( scraped('ppm_table', q(size_bytes)) =~ s/\n/ /gr,
	$node->safe_psql('postgres', 'SELECT total_bytes FROM ppm.status') =~ s/\n/ /gr, 'which is that of ppm.status');
is(scraped_by_table('ppm_table', 'last_run_succeeded'),
	'broken 0, counting 1, filled 0, forever 1, healthy 1, invalid 0, last_one 1, locked 1, new NaN, new_monthly NaN', 'the last call failed for some');
is( scraped_by_table('ppm_table', q(CASE WHEN last_run_age_seconds BETWEEN 0 AND 600 THEN 'recent' ELSE last_run_age_seconds::text END)),
	'broken recent, counting recent, filled recent, forever recent, healthy recent, invalid recent, last_one recent, locked recent, new Infinity, new_monthly Infinity',
	'and is long ago where there was none');
is(scraped('ppm_table', 'bool_and(collected_timestamp_seconds = extract(epoch FROM now())::float8)'), 't', 'the values are of now');

is(scraped_by_table('ppm', q(concat_ws(' ', severity, code, anomalies))), join(', ',
		'broken error default_has_rows 1', 'broken error missing_partition 1', 'broken error outdated_partition 1',
		'broken warning gap 1', 'broken warning name_taken 1', 'counting none none 0',
		'filled error default_has_rows 1', 'filled error missing_partition 1',
		'forever warning off_grid 1', 'healthy none none 0', 'invalid error table_missing 1', 'last_one error missing_partition 1', 'locked none none 0',
		'new error missing_partition 2', 'new_monthly error missing_partition 2'),
	'anomalies are counted by code');
is(scraped_by_table('ppm_forecast', q(CASE WHEN bytes_per_slot = 'NaN' THEN 'NaN' ELSE concat(bytes_per_slot > 0, ' ', window_bytes / bytes_per_slot, ' ', cleanup_frees_bytes) END)),
	'broken t 2 0, counting NaN, filled NaN, forever NaN, healthy NaN, invalid NaN, last_one t NaN 0, locked NaN, new NaN, new_monthly NaN',
	'there is a forecast where a partition is full');
$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = 3 WHERE table_name = 'healthy'; CREATE TABLE healthy_2026_03_14 PARTITION OF healthy FOR VALUES FROM ('2026-03-14') TO ('2026-03-15'); INSERT INTO healthy VALUES ('2026-03-14')));
is(scraped('ppm_forecast', q(max(window_bytes / bytes_per_slot) FILTER (WHERE table_name = 'healthy' AND bytes_per_slot > 0))), '4', 'with one there is');
is(scraped('ppm', 'bool_and(checked_timestamp_seconds = extract(epoch FROM now())::float8)'), 't', 'as of now');

$holder->query_safe('COMMIT');
$node->safe_psql('postgres', 'BEGIN; CREATE TABLE kept AS SELECT * FROM ppm.config; DELETE FROM ppm.config; COMMIT');
is(scraped('ppm_configured', 'tables'), 0, 'without any table the count is still there');
is(scraped('ppm_table', 'count(*)') . scraped('ppm', 'count(*)'), '00', 'and nothing else is');
$node->safe_psql('postgres', 'SET client_min_messages = error; INSERT INTO ppm.config SELECT * FROM kept');

#
# No right too many, none too few
#

my $all = join ";\n", map { $queries{$_}{sql} } sort keys %queries;
(undef, $output) = run_sql($node, 'SHOW default_transaction_read_only; SHOW lock_timeout; SHOW statement_timeout', user => 'ppm_exporter');
is($output, "on\n1s\n10s", 'a session of the role writes nothing and does not wait long');
my %rights = (
	'SELECT ON' => [ 'ppm.status', 'ppm.forecast', 'ppm.config' ],
	'EXECUTE ON FUNCTION' => [ 'ppm.table_states()', 'ppm.partition_states()', 'ppm.total_bytes(oid)', 'ppm.free_bytes(oid)', 'ppm.check(regclass)' ]);
foreach my $right (sort keys %rights)
{
	foreach my $object (@{ $rights{$right} })
	{
		$node->safe_psql('postgres', "REVOKE $right $object FROM ppm_exporter");
		($result, $output, $messages) = run_sql($node, $all, user => 'ppm_exporter');
		like($messages, qr/ERROR:  42501: permission denied for /, "it needs $right $object");
		is(scraped('ppm_configured', 'tables'), 10, 'the count does not, and tells that the others fail') unless $object eq 'ppm.config';
		$node->safe_psql('postgres', "GRANT $right $object TO ppm_exporter");
	}
}
is( $node->safe_psql('postgres', <<'EOF'), 'check config forecast free_bytes partition_states status table_states total_bytes', 'and has no other');
SELECT string_agg(name, ' ' ORDER BY name)
FROM (SELECT relname, relacl FROM pg_class UNION ALL SELECT proname, proacl FROM pg_proc
      UNION ALL SELECT nspname, nspacl FROM pg_namespace UNION ALL SELECT typname, typacl FROM pg_type) AS objects(name, acl)
WHERE EXISTS (SELECT FROM aclexplode(acl) WHERE grantee = 'ppm_exporter'::regrole)
EOF
($result, $output, $messages) = run_sql($node, $all, user => 'ppm_exporter');
is("$result $messages", '0 ', 'with them all it works again');

$node->stop;
done_testing();
