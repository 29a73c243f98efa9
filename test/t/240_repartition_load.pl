# Rows are moved while clients of all kinds write. Every statement is run on a table that is moved and on a twin that is not, in one
# transaction, so every snapshot must show the same in both: readers compare them all the time. Calls are killed at random, too.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# PPM_LOAD_SECONDS=600 for a long run.
my $seconds = $ENV{PPM_LOAD_SECONDS} // 20;
my $node = new_node('repartition_load', conf => "max_prepared_transactions = 20\nfsync = off\nlog_statement = none\nmax_connections = 60");

# Each client has the ids that leave its number when divided by 16, so that no two wait for each other's rows.
$node->safe_psql('postgres', <<'EOF');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN short AS text CHECK (length(value) < 10000);
CREATE TABLE customer (id int PRIMARY KEY);
INSERT INTO customer SELECT generate_series(0, 9);
CREATE TABLE t (gone int, id bigint NOT NULL, day date NOT NULL, note short, tags text[], mood mood, customer int REFERENCES customer,
	twice bigint GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
ALTER TABLE t DROP COLUMN gone;
CREATE INDEX ON t (left(note, 50));
CREATE UNIQUE INDEX ON t (customer, id, day);
CREATE TABLE t_rest (day date NOT NULL, mood mood, id bigint NOT NULL, gone int, note short, tags text[], customer int,
	twice bigint GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE t_rest DROP COLUMN gone;
ALTER TABLE t ATTACH PARTITION t_rest DEFAULT;
CREATE TABLE t_until PARTITION OF t FOR VALUES FROM (MINVALUE) TO ('2026-03-12');
CREATE TABLE t_piece PARTITION OF t FOR VALUES FROM ('2026-03-12') TO ('2026-03-14');
CREATE TABLE t_2026_03_14 PARTITION OF t FOR VALUES FROM ('2026-03-14') TO ('2026-03-15');
CREATE TABLE twin (id bigint NOT NULL, day date NOT NULL, note text, tags text[], mood mood, customer int, PRIMARY KEY (id, day));
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 3, 14);
INSERT INTO twin SELECT i, date '2026-03-05' + i % 16, CASE WHEN i % 50 = 0 THEN (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 100) j) ELSE md5(i::text) END,
	ARRAY[i::text], 'ok', i % 10
FROM generate_series(1, 16000) i;
INSERT INTO t (id, day, note, tags, mood, customer) SELECT * FROM twin ORDER BY id;
ANALYZE t;
CREATE VIEW difference AS
	SELECT a.n = b.n AND a.h IS NOT DISTINCT FROM b.h AS same FROM
	(SELECT count(*) AS n, sum(hashtextextended(concat_ws('|', id, day, note, tags, mood, customer), 0)) AS h FROM t) a,
	(SELECT count(*) AS n, sum(hashtextextended(concat_ws('|', id, day, note, tags, mood, customer), 0)) AS h FROM twin) b;
EOF

my $dir = PostgreSQL::Test::Utils::tempdir();
my $number = 0;

# A script of pgbench: its statements are run on both tables.
sub script
{
	my ($weight, $text) = @_;
	my $file = "$dir/" . ++$number . ".sql";
	$text =~ s/^(.*)\bBOTH\b(.*)$/$1t$2\n$1twin$2/mg;
	open(my $handle, '>', $file) or die;
	print $handle "\\set id random(1, 1000) * 16 + :client_id\n\\set other random(1, 1000) * 16 + :client_id\n\\set day random(0, 15)\n$text\n";
	close($handle);
	return ('-f', "$file\@$weight");
}

my @scripts = (
	script(6, "BEGIN;\nUPDATE BOTH SET note = 'n' || :day, customer = :day % 10 WHERE id = :id;\nCOMMIT;"),
	script(3, "BEGIN;\nUPDATE BOTH SET day = date '2026-03-05' + :day WHERE id = :id AND day < '2026-04-01' AND (SELECT count(*) FROM twin w WHERE w.id = :id) = 1;\nCOMMIT;"),
	# Unique keys that change hands.
	script(3, "BEGIN;\nUPDATE BOTH SET id = -id WHERE id = :id;\nUPDATE BOTH SET id = :id WHERE id = :other;\nUPDATE BOTH SET id = :other WHERE id = -(:id);\nCOMMIT;"),
	script(3, "BEGIN;\nDELETE FROM BOTH WHERE id = :id;\nCOMMIT;"),
	script(6, "BEGIN;\nINSERT INTO BOTH (id, day, note, mood) VALUES (:id, date '2026-03-05' + :day, 'upsert', 'happy') ON CONFLICT (id, day) DO UPDATE SET note = excluded.note || :day;\nCOMMIT;"),
	script(2, "BEGIN;\nINSERT INTO BOTH (id, day, note) SELECT 20000 + 16 * n + :client_id, date '2026-03-05' + n % 18, repeat('x', 3000) FROM generate_series(1, 20) n ON CONFLICT DO NOTHING;\nCOMMIT;"),
	script(3, "BEGIN;\nSAVEPOINT a;\nUPDATE BOTH SET note = 'undone' WHERE id = :id;\nROLLBACK TO a;\nUPDATE BOTH SET tags = tags || text 'kept' WHERE id = :other AND cardinality(tags) < 50;\nSAVEPOINT b;\n"
		. "DELETE FROM BOTH WHERE id = :id;\nROLLBACK TO b;\nCOMMIT;"),
	script(2, "BEGIN;\nUPDATE BOTH SET note = 'undone' WHERE id = :id;\nROLLBACK;"),
	script(2, "BEGIN;\nUPDATE BOTH SET note = 'prepared' WHERE id = :id;\nPREPARE TRANSACTION 'p:client_id';\nCOMMIT PREPARED 'p:client_id';"),
	script(2, "BEGIN;\nSET LOCAL session_replication_role = replica;\nUPDATE BOTH SET note = 'replica' || :day WHERE id = :id;\nDELETE FROM BOTH WHERE id = :other;\nCOMMIT;"),
	# Those who write to a partition by its name: one that always bears it.
	script(2, "BEGIN;\nDELETE FROM t_rest WHERE id = :id AND day > '2026-04-01';\nDELETE FROM twin WHERE id = :id AND day > '2026-04-01';\n"
		. "INSERT INTO t_rest (id, day) VALUES (:id, 'infinity') ON CONFLICT DO NOTHING;\nINSERT INTO twin (id, day) VALUES (:id, 'infinity') ON CONFLICT DO NOTHING;\nCOMMIT;"),
	# Every snapshot shows the same, also an old one.
	script(3, "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 1;\n\\sleep 300 ms\nSELECT 1 / same::int FROM difference;\nCOMMIT;"),
	script(3, "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 1 / same::int FROM difference;\n\\sleep 100 ms\nSELECT 1 / same::int FROM difference;\nCOMMIT;"),
);

sub load
{
	my ($how_long) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[ 'pgbench', '-n', '-T', $how_long, '-c', 8, '-j', 2, @scripts, $node->connstr('postgres') ],
		'>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return { run => $run, out => \$out, err => \$err };
}

sub same
{
	return $node->safe_psql('postgres', 'SELECT same FROM difference') eq 't';
}

my %seen;

# Calls until it is done; each is killed once it has come to one of the phases.
sub move
{
	my ($table, @kill_in) = @_;
	my $settings = "SET ppm.batch_rows = 500; SET ppm.batch_pause = 5; SET ppm.lock_timeout = '1s';";
	my $end = time + 150;
	while (time < $end)
	{
		my $call = start_sql($node, 'mover', "$settings CALL ppm.repartition('$table')");
		# It may be over before it was seen.
		for (my $looks = 0, my $runs = 1; $runs || $looks < 25; ++$looks)
		{
			(my $phase, $runs) = split /\|/, $node->safe_psql('postgres',
				"SELECT coalesce((SELECT phase FROM ppm.progress), 'none'), count(*) FROM pg_stat_activity WHERE application_name = 'mover' AND state <> 'idle'");
			$seen{$phase}++;
			if (@kill_in && $phase eq $kill_in[0])
			{
				shift @kill_in;
				$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mover' AND state <> 'idle'");
			}
			sleep 0.02;
		}
		my ($result, $output, $messages) = finish_sql($call);
		return 1 if $result == 0;
		# A lock that others held, or our own kill: the next call goes on.
		die $messages if $messages !~ /55P03|57P01|server closed the connection|terminating connection/;
	}
	return 0;
}

my $clients = load($seconds);
sleep 1;
ok(move('t', 'copying', 'indexing', 'replaying', 'waiting'), 'the rows are moved while clients write, with kills in between');
ok(same(), 'and the rows are the same');
$clients->{run}->finish;
is($clients->{run}->result(0), 0, 'no statement failed, and every snapshot showed the same in both tables') or diag(${ $clients->{err} });
note ${ $clients->{out} };
note join(', ', map { "$_: $seen{$_}" } sort keys %seen);
ok(same(), 'at the end, too');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname ~ '^ppm_move_|^log_'"), 0, 'nothing is left behind');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid WHERE proname IN ('log_change', 'write_through')"), 0, 'no trigger is');
is($node->safe_psql('postgres', "SELECT count(*) FROM ppm.partitions WHERE state = 'off_grid'"), 0, 'nothing is off the grid any more');

$node->stop;
done_testing();
