# pg_dump and pg_restore, DROP EXTENSION and CREATE EXTENSION.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dump');
my $directory = PostgreSQL::Test::Utils::tempdir();
my ($result, $output, $messages);

# Runs a program; returns its exit code and its messages.
sub run_program
{
	my (@command) = @_;
	my $stderr = '';
	IPC::Run::run(\@command, '>', '/dev/null', '2>', \$stderr);
	my $code = $? >> 8;
	note "@command: exit code $code\n$stderr";
	return ($code, $stderr);
}

sub dump_to
{
	my ($file, @options) = @_;
	($result, $messages) = run_program('pg_dump', '-f', "$directory/$file", '-d', $node->connstr('postgres'), @options);
	is("$result $messages", '0 ', "pg_dump @options");
	return;
}

# The server's warnings are in its log: pg_restore keeps them to itself.
sub restore_from
{
	my ($file, $database, @options) = @_;
	my $offset = -s $node->logfile;
	my ($code, $stderr) =
	  run_program('pg_restore', '--exit-on-error', @options, '-d', $node->connstr($database), "$directory/$file");
	my $warnings = join '', slurp_file($node->logfile, $offset) =~ /(?:WARNING|ERROR|FATAL): .*\n/g;
	# Up to 14 pg_restore repeats them.
	$stderr =~ s/^.*WARNING: .*\n(?:(?:DETAIL|HINT): .*\n)*//mg;
	return ($code, $stderr . $warnings);
}

sub configuration
{
	my ($database) = @_;
	return $node->safe_psql($database, 'SELECT * FROM ppm.config ORDER BY schema_name, table_name');
}

sub history
{
	my ($database) = @_;
	return $node->safe_psql($database, 'SELECT * FROM ppm.history ORDER BY run_id, at');
}

my $tables = <<'EOF';
CREATE SCHEMA "Odd.Schema";
CREATE TABLE "Odd.Schema"."Odd ""Table" (instant timestamptz NOT NULL) PARTITION BY RANGE (instant);
CREATE TABLE a (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE b (day date NOT NULL, note text) PARTITION BY RANGE (day);
EOF
$node->safe_psql('postgres', $tables . <<'EOF');
INSERT INTO ppm.config VALUES
	('public', 'a', 'day', 'daily', 2, 1, 'drop', 'UTC'),
	('public', 'b', NULL, 'monthly', 1, NULL, 'detach', 'UTC'),
	('Odd.Schema', 'Odd "Table', NULL, 'yearly', 3, 10, 'detach', 'Europe/Paris');
CALL ppm.provision();
INSERT INTO a VALUES ('2026-03-15', 'kept');
EOF
my $configured = configuration('postgres');
my $history = history('postgres');
like($history, qr/created partition "public\.a_2026_03_14"/, 'something was done');
is(scalar(split /\n/, $configured), 3, 'there is something to dump');

#
# A database of its own
#

dump_to('whole', '-Fc');
$node->safe_psql('postgres', 'CREATE DATABASE whole');
($result, $messages) = restore_from('whole', 'whole');
is($result, 0, 'a database is restored');
is($messages, '', 'without a warning');
is(configuration('whole'), $configured, 'with its configuration');
is(partitions_of($node, 'a', 'whole'), '14 15 16 17', 'and its partitions');
is(history('whole'), $history, 'and its history');
is($node->safe_psql('whole', 'SELECT last_run_at, healthy FROM ppm.status ORDER BY table_name'), "|t\n|t\n|t",
	'nobody has called ppm there yet, and all is well');
$node->safe_psql('whole', q(UPDATE ppm.config SET pre_provisioned = 3 WHERE table_name = 'a'; CALL ppm.run_all()));
is($node->safe_psql('whole', 'SELECT count(DISTINCT run_id) FROM ppm.history'), '2', 'calls are numbered on from there');
$node->safe_psql('whole', q(UPDATE ppm.config SET pre_provisioned = 2 WHERE table_name = 'a'; CALL ppm.run_all()));
is($node->safe_psql('whole', 'SELECT * FROM a'), '2026-03-15|kept', 'and their rows');

$node->psql('whole', 'CALL ppm.provision()', stderr => \$messages);
is($messages, '', 'nothing is left to provision there');
$node->safe_psql('whole', q(UPDATE ppm.config SET pre_provisioned = 3 WHERE table_name = 'a'; CALL ppm.provision()));
is(partitions_of($node, 'a', 'whole'), '14 15 16 17 18', 'but when there is, it is');

($result, $messages) = restore_from('whole', 'whole', '--clean', '--if-exists');
is("$result $messages", '0 ', 'it is restored over what is there');
is(configuration('whole'), $configured, 'with the configuration of then');

#
# Without a configured table
#

dump_to('partial', '-Fc', '--exclude-table=a', '--exclude-table=a_*');
$node->safe_psql('postgres', 'CREATE DATABASE partial');
($result, $messages) = restore_from('partial', 'partial');
is($result, 0, 'a database is restored without a configured table');
like($messages, qr/WARNING:  ppm cannot manage table "public\.a" as configured/, 'with a warning that the table is missing');
is(scalar(() = $messages =~ /WARNING|ERROR/g), 1, 'and no other message');
is(configuration('partial'), $configured, 'with all of its configuration');
is($node->safe_psql('partial', 'SELECT table_name, code FROM ppm.validate()'), 'a|table_missing', 'validate() knows');

# In a new cluster.
my $other = PostgreSQL::Test::Cluster->new('elsewhere');
$other->init;
$other->start;
$other->safe_psql('postgres', 'CREATE DATABASE moved');
($result, $messages) = run_program('pg_restore', '--exit-on-error', '-d', $other->connstr('moved'), "$directory/whole");
is("$result $messages", '0 ', 'a new cluster takes the dump');
is($other->safe_psql('moved', 'SELECT * FROM ppm.config ORDER BY schema_name, table_name'), $configured, 'with the configuration');
is($other->safe_psql('moved', 'SELECT * FROM ppm.history ORDER BY run_id, at'), $history, 'and the history');
is($other->safe_psql('moved', "SET ppm.work_date = '2026-03-16'; CALL ppm.run_all(); SELECT count(*) FROM ppm.check()"), '0', 'and ppm works there');
is(partitions_of($other, 'a', 'moved'), '15 16 17 18', 'a day later: a new partition and one that is gone');
is($other->safe_psql('moved', 'SELECT count(DISTINCT run_id), max(run_id) = (SELECT max(run_id) FROM ppm.last_run) FROM ppm.history'), '2|t', 'numbered on');
$other->stop;

#
# Data alone
#

foreach my $how ([], ['--column-inserts'])
{
	my $database = 'data_' . scalar(@$how);
	dump_to('data.sql', '--data-only', @$how);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION ppm; $tables" . <<'EOF');
CREATE TABLE a_2026_03_14 PARTITION OF a FOR VALUES FROM ('2026-03-14') TO ('2026-03-15');
CREATE TABLE a_2026_03_15 PARTITION OF a FOR VALUES FROM ('2026-03-15') TO ('2026-03-16');
EOF
	# The dump names every partition that it has, also where they have no rows.
	$node->safe_psql($database, <<'EOF');
SET ppm.work_date = '2026-03-15';
INSERT INTO ppm.config SELECT * FROM (VALUES
	('public', 'a', 'day', 'daily', 2, 1, 'drop'::ppm.cleanup_policy, 'UTC'),
	('public', 'b', NULL, 'monthly', 1, NULL, 'detach', 'UTC'),
	('Odd.Schema', 'Odd "Table', NULL, 'yearly', 3, 10, 'detach', 'Europe/Paris')) v;
CALL ppm.provision();
DELETE FROM ppm.config;
EOF
	($result, $messages) = run_program('psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', "$directory/data.sql");
	is("$result $messages", '0 ', "the data is restored where the tables are: --data-only @$how");
	is(configuration($database), $configured, 'the configuration is data');
	is($node->safe_psql($database, 'SELECT * FROM a'), '2026-03-15|kept', 'the rows too');
}

#
# What goes along with the life of a partition
#

$node->safe_psql('postgres', 'CREATE DATABASE life');
$node->safe_psql('life', <<'EOF');
SET client_min_messages = error;
CREATE EXTENSION ppm;
CREATE SCHEMA attic;
CREATE TABLE lived (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE shape (day date NOT NULL, note text);
CREATE INDEX ON shape (note);
CREATE TABLE calls (partition text);
CREATE FUNCTION told(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.calls VALUES (partition); END $$;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, template, archive_schema, drop_delay, analyze_parent)
VALUES ('lived', 'daily', 2, 1, 'drop', 'public.shape', 'attic', '3 days', true);
INSERT INTO ppm.hooks (table_name, event, function) VALUES ('lived', 'after_create', 'public.told(regclass,regclass,text,text)');
CALL ppm.run_all();
EOF
sub life { return $node->safe_psql($_[0], 'TABLE ppm.config; TABLE ppm.hooks') }
($result, $messages) = run_program('pg_dump', '-Fc', '-f', "$directory/life", '-d', $node->connstr('life'));
is("$result $messages", '0 ', 'a database with a template, an archive and hooks is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE life_again');
($result, $messages) = restore_from('life', 'life_again');
is("$result $messages", '0 ', 'and restored');
is(life('life_again'), life('life'), 'with all of it');
$node->safe_psql('life_again', "SET client_min_messages = error; TRUNCATE calls; SET ppm.work_date = '2026-03-16'; CALL ppm.run_all()");
is($node->safe_psql('life_again', 'TABLE calls'), 'lived_2026_03_18', 'the hook is called there');
is($node->safe_psql('life_again', q(SELECT count(*) FROM pg_index WHERE indrelid = 'lived_2026_03_18'::regclass)), '1', 'for a partition that is like the template');
is($node->safe_psql('life_again', 'SELECT detached_schema, detached, drop_after > now() FROM ppm.detached'), 'attic|lived_2026_03_14|t', 'one is in the archive, and waits');
$node->safe_psql('postgres', 'DROP DATABASE life; DROP DATABASE life_again');

#
# The extension
#

($result, $output, $messages) = run_sql($node, 'DROP EXTENSION ppm');
is("$result $messages", '0 ', 'DROP EXTENSION needs no CASCADE');
is(partitions_of($node, 'a'), '14 15 16 17', 'the tables stay as they are');
is($node->safe_psql('postgres', 'SELECT * FROM a'), '2026-03-15|kept', 'with their rows');
is($node->safe_psql('postgres', q(SELECT to_regnamespace('ppm') IS NULL)), 't', 'the schema does not');

($result, $output, $messages) = run_sql($node, 'CREATE EXTENSION ppm');
is("$result $messages", '0 ', 'CREATE EXTENSION makes it anew');
is(configuration('postgres'), '', 'without configuration');
$node->safe_psql('postgres', q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('a', 'daily', 3); CALL ppm.provision()));
is(partitions_of($node, 'a'), '14 15 16 17 18', 'a new installation manages the table as before');

$node->safe_psql('postgres', 'DROP EXTENSION ppm; CREATE ROLE squatter; CREATE SCHEMA ppm AUTHORIZATION squatter');
($result, $output, $messages) = run_sql($node, 'CREATE EXTENSION ppm');
like($messages, qr/ERROR:  42P06: schema "ppm" already exists$/m, 'CREATE EXTENSION does not move into somebody\'s schema');

$node->stop;
done_testing();
