# The cases of bench/run. Each has a database to begin with (`prepare`), and what ppm and what plain SQL do then (`sql`). `aim` is the ratio
# that is not to be exceeded; `changes` says that each run needs a fresh copy of the database; `watch`, that others are timed meanwhile, who
# may wait for `most` milliseconds, or for as long as plain SQL has them wait. One that is `long` runs only if it is named.
package Cases;

use strict;
use warnings;

use POSIX qw(strftime);
use Time::Local qw(timegm);

my $has_partman = qx(psql -X -A -t -d postgres -c "SELECT default_version FROM pg_available_extensions WHERE name = 'pg_partman'") =~ /^([45])/ ? $1 : 0;

# ppm's work date. pg_partman has none, so it runs only where any day will do.
my $today = '2026-03-15';
my $at = "SET ppm.work_date = '$today';\n";

sub table
{
	my ($name, $more) = @_;
	return "CREATE TABLE $name (id bigint NOT NULL, day date NOT NULL, note text) PARTITION BY RANGE (day);\n" . ($more // '');
}

my $three_indexes = 'CREATE INDEX ON t (id); CREATE INDEX ON t (day, id); CREATE INDEX ON t (note) WHERE id > 0;';

sub config
{
	my ($name, $ahead, $retention) = @_;
	return "INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', $ahead, $retention, 'drop');\n";
}

# SQL that makes the partitions of the days from one to another, both SQL, too.
sub create_partitions
{
	my ($table, $from, $to) = @_;
	return <<"SQL";
SELECT format('CREATE TABLE %I PARTITION OF $table FOR VALUES FROM (%L) TO (%L)', '${table}_' || to_char(day, 'YYYY_MM_DD'), day::date, day::date + 1)
FROM generate_series($from, $to, interval '1 day') AS day \\gexec
SQL
}

# What $sql makes of each of so many partitions: of the parent, the partition, its day and the next. A script that is timed must not have to
# ask for them first.
sub for_partitions
{
	my ($table, $from, $count, $sql) = @_;
	my ($year, $month, $day) = split /-/, $from;
	my $noon = timegm(0, 0, 12, $day, $month - 1, $year);
	my @days = map { strftime('%Y-%m-%d', gmtime($noon + $_ * 86400)) } 0 .. $count;
	return join '', map { $sql->($table, "${table}_" . $days[$_] =~ tr/-/_/r, @days[ $_, $_ + 1 ]) } 0 .. $count - 1;
}

sub plain_create
{
	return for_partitions(@_, sub {
		my ($table, $partition, $lower, $upper) = @_;
		return "BEGIN; CREATE TABLE $partition (LIKE $table INCLUDING ALL EXCLUDING IDENTITY); "
		  . "ALTER TABLE $table ATTACH PARTITION $partition FOR VALUES FROM ('$lower') TO ('$upper'); COMMIT;\n";
	});
}

sub plain_remove
{
	return for_partitions(@_, sub {
		my ($table, $partition) = @_;
		return "ALTER TABLE $table DETACH PARTITION $partition CONCURRENTLY;\nDROP TABLE $partition;\n";
	});
}

# The partitions with their bounds: what every such tool has to read.
my $list = <<'SQL';
SELECT c.oid, n.nspname, c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relkind = 'p' AND c.relispartition;
SQL

my $ppm = "CREATE EXTENSION ppm;\n";
my @night = map { "t$_" } 1 .. 50;

# Who reads and writes today's partition, and how long the longest of it took.
our $watchers = <<"SQL";
CREATE TABLE go_on ();
CREATE TABLE waits (who text, worst numeric);
CREATE PROCEDURE watch_as_reader() LANGUAGE plpgsql AS \$\$
DECLARE worst interval := '0'; begun timestamptz;
BEGIN
	WHILE to_regclass('go_on') IS NOT NULL LOOP
		begun := clock_timestamp();
		PERFORM count(*) FROM t WHERE day = '$today';
		worst := greatest(worst, clock_timestamp() - begun);
		COMMIT;
		PERFORM pg_sleep(0.001);
		COMMIT;
	END LOOP;
	INSERT INTO waits VALUES ('reader', extract(epoch FROM worst) * 1000);
END \$\$;
CREATE PROCEDURE watch_as_writer() LANGUAGE plpgsql AS \$\$
DECLARE worst interval := '0'; begun timestamptz;
BEGIN
	WHILE to_regclass('go_on') IS NOT NULL LOOP
		begun := clock_timestamp();
		INSERT INTO t VALUES (1, '$today', 'a row');
		worst := greatest(worst, clock_timestamp() - begun);
		COMMIT;
		PERFORM pg_sleep(0.001);
		COMMIT;
	END LOOP;
	INSERT INTO waits VALUES ('writer', extract(epoch FROM worst) * 1000);
END \$\$;
SQL

# What pg_partman does in place of it, if it is installed: its version 4 or 5.
my $native = $has_partman == 4 ? ", p_type => 'native'" : '';
my $one_day = $has_partman == 4 ? 'daily' : '1 day';
my $partman = $has_partman ? 'CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman;' : '';

sub partman_parent
{
	my ($table, $more) = @_;
	return "SELECT partman.create_parent(p_parent_table => 'public.$table', p_control => 'day', p_interval => '$one_day'$native$more);\n";
}

my $huge = $ppm
  . join('', map { table("t$_") . config("t$_", 996, 3) . create_partitions("t$_", "date '2026-03-12'", "date '2026-03-12' + 999") } 1 .. 100);

# A table that is not partitioned, and what converts it by hand.
my $plain_table = <<"SQL";
SET client_min_messages = error;
CREATE TABLE t (id bigint NOT NULL, day date NOT NULL, note text);
INSERT INTO t SELECT n, date '$today' - n % 30, 'a row' FROM generate_series(1, 1000000) AS n;
$three_indexes
ALTER INDEX t_id_idx RENAME TO t_1; ALTER INDEX t_day_id_idx RENAME TO t_2; ALTER INDEX t_note_idx RENAME TO t_3;
SQL

my $plain_convert = <<'SQL';
ALTER TABLE t ADD CONSTRAINT below CHECK (day < '2026-03-19') NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT below;
BEGIN;
ALTER TABLE t RENAME TO t_old;
ALTER INDEX t_1 RENAME TO t_old_1; ALTER INDEX t_2 RENAME TO t_old_2; ALTER INDEX t_3 RENAME TO t_old_3;
CREATE TABLE t (LIKE t_old INCLUDING DEFAULTS) PARTITION BY RANGE (day);
CREATE INDEX t_1 ON t (id); CREATE INDEX t_2 ON t (day, id); CREATE INDEX t_3 ON t (note) WHERE id > 0;
ALTER TABLE t ATTACH PARTITION t_old FOR VALUES FROM (MINVALUE) TO ('2026-03-19');
COMMIT;
SQL

# Rows of thirty days in a default partition.
sub rows_to_move
{
	my ($rows) = @_;
	return $ppm . <<"SQL" . config('t', 3, 40);
CREATE SEQUENCE numbers;
CREATE TABLE t (id bigint NOT NULL, day date NOT NULL, note text, number bigint DEFAULT nextval('numbers'), PRIMARY KEY (number, day)) PARTITION BY RANGE (day);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO t SELECT n, date '$today' - n % 30, 'a row' FROM generate_series(1, $rows) AS n;
CREATE INDEX ON t (day, id); CREATE INDEX ON t (note) WHERE id > 0;
VACUUM ANALYZE t;
SQL
}

# Into another table, which nobody may write to meanwhile; the indexes after the rows.
my $plain_move = "CREATE TABLE u (LIKE t) PARTITION BY RANGE (day);\n"
  . for_partitions('u', '2026-02-14', 30, sub { "CREATE TABLE $_[1] PARTITION OF u FOR VALUES FROM ('$_[2]') TO ('$_[3]');\n" })
  . "INSERT INTO u SELECT * FROM t;\nALTER TABLE u ADD PRIMARY KEY (number, day);\nCREATE INDEX ON u (day, id);\nCREATE INDEX ON u (note) WHERE id > 0;\nANALYZE u;\n";
my $move = $at . "CALL ppm.repartition('t');";

our @cases = (
	{
		name => 'a',
		title => 'provision 400 daily partitions, 3 indexes',
		aim => 0.9,
		changes => 1,
		prepare => $ppm . $partman . table('t', $three_indexes) . config('t', 399, 1),
		sql => {
			ppm => $at . 'CALL ppm.provision();',
			plain => plain_create('t', '2026-03-14', 401),
			partman => partman_parent('t', ', p_premake => 200'),
		},
	},
	{
		name => 'c',
		title => 'remove 200 daily partitions, policy drop',
		aim => 1.0,
		changes => 1,
		prepare => $ppm . table('t', $three_indexes) . config('t', 3, 3) . create_partitions('t', "date '2025-08-24'", "date '2026-03-18'"),
		sql => {
			ppm => $at . 'CALL ppm.cleanup();',
			plain => plain_remove('t', '2025-08-24', 200),
		},
	},
	{
		name => 'night',
		title => '50 tables, each one partition to create, one to drop',
		aim => 1.1,
		changes => 1,
		prepare => $ppm . join('', map { table($_) . config($_, 3, 3) . create_partitions($_, "date '2026-03-11'", "date '2026-03-17'") } @night),
		sql => {
			ppm => $at . 'CALL ppm.run_all();',
			plain => join('', map { plain_create($_, '2026-03-18', 1) . plain_remove($_, '2026-03-11', 1) } @night),
		},
	},
	{
		name => 'b',
		title => 'run_all, nothing to do, 400 partitions',
		aim => 1.15,
		prepare => $ppm . table('t') . config('t', 396, 3) . create_partitions('t', "date '2026-03-12'", "date '2027-04-15'"),
		sql => { ppm => $at . 'CALL ppm.run_all();', plain => $list },
	},
	{
		name => 'many',
		title => 'remove 20 of 5,000 daily partitions',
		aim => 1.1,
		changes => 1,
		prepare => $ppm . table('t') . config('t', 3, 4976) . create_partitions('t', "date '2012-07-11'", "date '2026-03-18'"),
		sql => { ppm => $at . 'CALL ppm.cleanup();', plain => plain_remove('t', '2012-07-11', 20) },
	},
	{
		name => 'check',
		title => 'check of 100 tables with 100 partitions each',
		aim => 0.8,
		prepare => $ppm . join('', map { table("t$_") . config("t$_", 96, 3) . create_partitions("t$_", "date '2026-03-12'", "date '2026-06-19'") } 1 .. 100),
		sql => {
			ppm => $at . 'SELECT * FROM ppm.check();',
			# What one looks at without ppm: bounds, columns, indexes.
			plain => <<'SQL',
SELECT p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid),
       (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT count(*) FROM pg_index x WHERE x.indrelid = c.oid AND x.indisvalid),
       (SELECT string_agg(pg_get_constraintdef(k.oid), ', ') FROM pg_constraint k WHERE k.conrelid = c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relkind = 'p' AND c.relispartition ORDER BY 1, 2;
SQL
		},
	},
	{
		name => 'wa',
		title => '400 partitions are provisioned',
		watch => 1,
		prepare => $ppm . table('t', $three_indexes) . config('t', 399, 1) . create_partitions('t', "date '$today'", "date '$today'"),
		sql => { ppm => $at . 'CALL ppm.provision();', plain => plain_create('t', '2026-03-16', 399) },
	},
	{
		name => 'wc',
		title => '200 partitions are removed',
		watch => 1,
		prepare => $ppm . table('t', $three_indexes) . config('t', 3, 3) . create_partitions('t', "date '2025-08-24'", "date '2026-03-18'"),
		sql => { ppm => $at . 'CALL ppm.cleanup();', plain => plain_remove('t', '2025-08-24', 200) },
	},
	{
		name => 'convert',
		title => 'a plain table with a million rows is converted',
		watch => 1,
		prepare => $ppm . $plain_table . "INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned) VALUES ('t', 'day', 'daily', 3);\n",
		sql => { ppm => $at . "CALL ppm.convert('t');", plain => $plain_convert },
	},
	{
		name => 'move',
		title => 'a million rows leave the default partition, 3 indexes',
		aim => 1.3,
		changes => 1,
		prepare => rows_to_move(1000000),
		sql => { ppm => $move, plain => $plain_move },
	},
	{
		name => 'move10',
		long => 1,
		title => 'ten million rows leave the default partition, 3 indexes',
		aim => 1.3,
		changes => 1,
		prepare => rows_to_move(10000000),
		sql => { ppm => $move, plain => $plain_move },
	},
	{
		name => 'wmove',
		title => 'a million rows leave the default partition',
		watch => 1,
		most => 400,    # ppm.lock_timeout, and 100 milliseconds
		prepare => rows_to_move(1000000),
		sql => { ppm => $move, plain => $plain_move },
	},
	{
		name => 'huge',
		title => 'run_all, nothing to do, 100,000 partitions of 100 tables',
		aim => 1.2,
		prepare => $huge,
		sql => { ppm => $at . 'CALL ppm.run_all();', plain => $list },
	},
	{
		name => 'status',
		title => 'ppm.status, 100,000 partitions of 100 tables',
		aim => 1.5,
		prepare => $huge,
		sql => { ppm => $at . 'SELECT * FROM ppm.status;', plain => $list },
	});

foreach my $case (@cases)
{
	$case->{others} = [ 'plain', $case->{sql}{partman} && $has_partman ? 'partman' : () ];
}

1;
