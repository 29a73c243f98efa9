# Random tables, configurations, partitions and dates, through every routine: whatever comes of it, no crash, no internal error, nothing
# half done, no row lost that the configuration keeps. PPM_FUZZ_SEED and PPM_FUZZ_ROUNDS say which and how many.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use Test::More;

my $seed = $ENV{PPM_FUZZ_SEED} // 20261122;
my $rounds = $ENV{PPM_FUZZ_ROUNDS} // 20;
srand $seed;
note "seed $seed, $rounds rounds";

sub one_of { return $_[ int rand @_ ] }
sub below { return int rand $_[0] }
sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'" }
sub identifier { return '"' . $_[0] =~ s/"/""/gr . '"' }

my $node = new_node('fuzz', conf => "ppm.work_date = ''\ntimezone = 'UTC'\n");
my @names = ('t', 'Table', 'two words', q(o'clock), q(say "hi"), 'back\\slash', 'über', "line\nbreak", "tab\t", '100%s', '$1', 'select', 'a;b--', '表', 'x' x 45, 'x' x 58, 'é' x 26);
my @types = ('date', 'timestamp', 'timestamptz', 'uuid');
my @zones = ('UTC', 'Europe/Berlin', 'America/Havana', 'Asia/Kolkata', 'Pacific/Apia', 'America/Sao_Paulo', 'Africa/Casablanca');
my @intervals = qw(daily weekly monthly quarterly yearly);
my @dates = ('', '', '2026-03-15', '2024-02-29', '2020-12-31', '2011-12-30', '1970-01-01', '0001-01-01', '9999-12-31', '2018-11-04', '2026-02-30', 'today', "' OR 1", '12026-01-01');

sub day { return sprintf '%04d-%02d-%02d', one_of(2019 .. 2028), 1 + below(12), 1 + below(28) }

# A value of the key's type, on a day or amid one.
sub value
{
	my ($type, $day) = @_;
	my $time = $day . one_of('', '', ' 12:34:56.789');
	return quoted(substr $time, 0, 10) . '::date' if $type eq 'date';
	return "ppm.uuidv7_lower_bound('$time')" =~ s/\)$/::timestamptz)/r if $type eq 'uuid';
	return one_of("'infinity'", "'-infinity'") . "::$type" if below(20) == 0;
	return quoted($time) . "::$type";
}

sub table
{
	my ($schema, $name, $type) = @_;
	my $full = identifier($schema) . '.' . identifier($name);
	my @sql = ("CREATE TABLE $full (id int, k $type, note text" . one_of('', ', CHECK (id > 0)', ', UNIQUE (id, k)') . ') PARTITION BY ' . one_of(('RANGE') x 12, 'LIST', 'HASH') . ' (k)');
	foreach my $n (1 .. below(8))
	{
		my $partition = identifier($schema) . '.' . identifier(substr($name, 0, 40) . one_of('_', '_2026_', '_p') . $n);
		my @bounds = map { value($type, $_) } sort(day(), day());
		$bounds[0] = 'MINVALUE' if below(15) == 0;
		$bounds[1] = 'MAXVALUE' if below(15) == 0;
		push @sql, "CREATE TABLE $partition PARTITION OF $full FOR VALUES FROM ($bounds[0]) TO ($bounds[1])" . one_of('', '', '', " PARTITION BY RANGE (k)");
	}
	push @sql, 'CREATE TABLE ' . identifier($schema) . '.' . identifier(substr($name, 0, 40) . '_rest') . " PARTITION OF $full DEFAULT" if below(4) == 0;
	push @sql, "INSERT INTO $full VALUES (1, " . value($type, day()) . ", 'kept')" foreach 1 .. 5;
	push @sql, 'CREATE TABLE ' . identifier($schema) . '.' . identifier(substr($name, 0, 40) . '_2026_03_15') . ' (note text)' if below(5) == 0;
	return @sql;
}

sub configuration
{
	my ($schema, $name) = @_;
	return sprintf "INSERT INTO ppm.config VALUES (%s, %s, %s, %s, %d, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
	  quoted($schema), quoted($name), one_of('NULL', 'NULL', "'k'", "'id'"), quoted(one_of(@intervals)), one_of(1, 2, 5, 0, 40, -1),
	  one_of('NULL', 1, 3, 30, 0), quoted(one_of('detach', 'drop')), quoted(one_of(@zones, 'Mars/Olympus')),
	  one_of('NULL', "'{fillfactor=70}'", "'{fillfactor=7}'", "'{toast.autovacuum_enabled=off}'");
}

# How many rows there are, in partitions or in what was one.
$node->safe_psql('postgres', <<'EOF');
CREATE FUNCTION kept_rows() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r regclass;
	n bigint;
	sum bigint := 0;
BEGIN
	FOR r IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'fuzz%') LOOP
		EXECUTE 'SELECT count(*) FROM ONLY ' || r INTO n;
		sum := sum + n;
	END LOOP;
	RETURN sum;
END $$;
EOF
my $kept_rows = 'SELECT kept_rows()';

my ($internal, $half, $crashed, $lost) = (0, 0, 0, 0);
my ($calls, $refused) = (0, 0);
my $log_before = -s $node->logfile;
foreach my $round (1 .. $rounds)
{
	my $schema = one_of('fuzz', 'fuzz two', q(fuzz's));
	my %tables = map { $_ => one_of(@types) } map { one_of(@names) } 1 .. 3;
	my $is_kept = below(2);
	my $sql = "SET client_min_messages = error;\n\\set ON_ERROR_ROLLBACK on\nCREATE SCHEMA " . identifier($schema) . ";\n";
	$sql .= "$_;\n" foreach map { table($schema, $_, $tables{$_}), configuration($schema, $_) } sort keys %tables;
	$sql .= "UPDATE ppm.config SET cleanup_policy = 'detach';\n" if $is_kept;
	my ($result) = run_sql($node, $sql, on_error_stop => 0);
	$crashed += $result;

	my $rows = $node->safe_psql('postgres', $kept_rows);
	foreach my $turn (1 .. 2)
	{
		my $date = one_of(@dates);
		my @do = ('SELECT count(*) FROM ppm.validate()', 'SELECT count(*) FROM ppm.check()', 'SELECT count(*) FROM ppm.plan()', 'SELECT count(*) FROM ppm.status',
			'SELECT count(*), sum(total_bytes) FROM ppm.partitions', one_of('CALL ppm.provision()', 'CALL ppm.cleanup()', 'CALL ppm.run_all()'), 'CALL ppm.run_all()',
			"UPDATE ppm.config SET interval = '" . one_of(@intervals) . "', pre_provisioned = " . one_of(1, 4, 9) . ', retention = ' . one_of('NULL', 2, 9),
			'CALL ppm.run_all()', 'SELECT count(*) FROM ppm.check()');
		my ($code, $output, $messages) = run_sql($node, "SET ppm.statement_timeout = '20s'; SET ppm.work_date = " . quoted($date) . ";\n" . join('', map { "$_;\n" } @do), on_error_stop => 0);
		$crashed += $code;
		$internal++, diag "round $round, date $date: $messages" if $messages =~ /XX\d\d\d|cache lookup|unexpected/;
		$calls += @do;
		$refused += () = $messages =~ /ERROR:/g;
	}
	my $after = $node->safe_psql('postgres', $kept_rows);
	$lost++, diag "round $round: $rows rows before, $after after" if $is_kept && $after != $rows;
	$half += $node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhdetachpending");
	$node->safe_psql('postgres', 'SET client_min_messages = error; DELETE FROM ppm.config; DROP SCHEMA ' . identifier($schema) . ' CASCADE; DELETE FROM ppm.detached');
}
note "$calls statements, $refused refused";
is($crashed, 0, 'no session was lost');
is($internal, 0, 'no internal error');
unlike(slurp_log(), qr/TRAP|PANIC|terminated by signal|XX000/, 'nor does the server know of one');
is($lost, 0, 'no row is lost that the policy keeps');
is($half, 0, 'no detach is left half done');
is(advisory_locks($node), '0', 'no lock is left');
cmp_ok($refused, '<', $calls / 2, 'most of it was not refused');

sub slurp_log
{
	open my $log, '<', $node->logfile or die $!;
	seek $log, $log_before, 0;
	local $/;
	return <$log>;
}

$node->stop;
done_testing();
