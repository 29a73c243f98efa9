# What a client cannot show is told otherwise, and undoes nothing: names in another encoding than the client's.
use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('telling', conf => 'max_worker_processes = 12', extra => [ '--encoding=UTF8', '--no-locale' ]);
my ($result, $output, $messages);

# All SQL is ASCII: U&"" names what the client has no letters for.
my $table = 'U&"\65e5\672c x"';
my $old = 'U&"\53e4\3044\+01f600"';

sub make
{
	my ($database, $owner) = @_;
	$node->safe_psql($database, <<"EOF");
SET client_min_messages = error;
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DELETE FROM ppm.history;
DROP TABLE IF EXISTS $table CASCADE;
CREATE TABLE $table (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE $old PARTITION OF $table FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES (U&'\\65e5\\672c x', 'daily', 1, 1, 'drop');
EOF
	return;
}

sub rows
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

for my $encoding (qw(LATIN1 SQL_ASCII EUC_JP UTF8))
{
	make('postgres');
	($result, $output, $messages) = run_sql($node, <<"EOF", on_error_stop => 0);
SET client_encoding = '$encoding';
SET client_min_messages = debug1;
CALL ppm.run_all();
SELECT code FROM ppm.check();
EOF
	unlike($messages, qr/22P05|22021/, "$encoding: no character is refused");
	is(rows(q(SELECT string_agg(action, ' ' ORDER BY at) FROM ppm.history WHERE outcome = 'ok')), 'create create create detach drop', 'all is done');
	is(rows(q(SELECT count(*) FROM ppm.history WHERE outcome = 'failed' AND action <> 'check')), '0', 'and recorded as done');
	like($messages, qr/NOTICE:  00000: created partition "public\.\\u65e5\\u672c x_2026_03_14" for/, 'shown with escapes') if $encoding eq 'LATIN1';
	like($messages, qr/NOTICE:  00000: dropped partition "public\.\\u53e4\\u3044\\U0001f600" for/, 'also beyond the first plane') if $encoding eq 'LATIN1';
	like($messages, qr/NOTICE:  00000: created partition "public\.[^\\]+ x_2026_03_14" for/, 'shown as it is') if $encoding ne 'LATIN1';
	like($messages, qr/NOTICE:  00000: dropped partition "public\.[^\\]+\\U0001f600" for/, 'except characters that the encoding does not have') if $encoding eq 'EUC_JP';
}

# The error at the end, warnings, and what contradicts the catalog when a row is written.
make('postgres');
$node->safe_psql('postgres', "CREATE TABLE U&\"\\65e5\\672c rest\" PARTITION OF $table DEFAULT; INSERT INTO $table VALUES ('2026-03-15')");
$node->safe_psql('postgres', "CREATE TABLE far PARTITION OF $table FOR VALUES FROM ('2999-01-01') TO ('2999-01-02'); INSERT INTO $table VALUES ('2999-01-01')");
($result, $output, $messages) = run_sql($node, "SET client_encoding = 'LATIN1'; CALL ppm.run_all()");
like($messages, qr/ERROR:  PM004: could not provision 1 of 1 table.*\nDETAIL:  table "public\.\\u65e5\\u672c x", partition "\\u65e5\\u672c x_2026_03_15": default partition "\\u65e5\\u672c rest" holds rows/, 'the final error is shown');
like($messages, qr/WARNING:.*table "public\.\\u65e5\\u672c x": gap/, 'so is a warning');
is(rows(q(SELECT count(*) FILTER (WHERE message ~ U&'\65e5\672c') > 0, count(*) FILTER (WHERE strpos(message, '\u') > 0) FROM ppm.history WHERE outcome = 'failed')), 't|0', 'the history has the names as they are');
$node->safe_psql('postgres', 'DROP TABLE U&"\65e5\672c rest"');
($result, $output, $messages) = run_sql($node, "SET client_encoding = 'LATIN1'; UPDATE ppm.config SET partition_key = U&'\\65e5'");
is($result, 0, 'a row can be written');
like($messages, qr/WARNING:.*\nDETAIL:  Table "public\.\\u65e5\\u672c x" is partitioned by "day", not by the configured "\\u65e5"\./, 'and is warned of');
($result, $output, $messages) = run_sql($node, "SET client_encoding = 'LATIN1'; DELETE FROM ppm.config; CALL ppm.run_all(U&'\"\\65e5\\672c x\"')");
like($messages, qr/ERROR:  PM001: table "public."\\u65e5\\u672c x"" is not configured/, 'an error of ppm itself is shown');

# What callers add as context, and what others say within ppm's statements: an event trigger of a superuser, code of the owner's in the worker.
make('postgres');
$node->safe_psql('postgres', <<"EOF");
CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''noticed''; END';
CREATE EVENT TRIGGER noticed ON ddl_command_end EXECUTE FUNCTION noticed();
CREATE PROCEDURE maintain() LANGUAGE plpgsql AS \$\$
BEGIN
	CALL ppm.run_all(U&'"\\65e5\\672c x"'::regclass);
END \$\$;
CREATE FUNCTION is_talkative(date) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN
	RAISE WARNING '%', U&'\\65e5';
	RETURN true;
END \$\$;
ALTER TABLE $old ADD CHECK (is_talkative(day));
EOF
($result, $output, $messages) = run_sql($node, "SET client_encoding = 'LATIN1'; CALL maintain()", on_error_stop => 0);
is(rows(q(SELECT string_agg(action, ' ' ORDER BY at) FROM ppm.history WHERE outcome = 'ok')), 'create create create detach drop', 'error context causes no rollback either');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER noticed; DELETE FROM ppm.config');

# A key is shown cut, but not in the middle of a character.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE ulids (k text COLLATE "C" PRIMARY KEY) PARTITION BY RANGE (k);
CREATE TABLE ulids_all PARTITION OF ulids FOR VALUES FROM ('') TO ('02');
INSERT INTO ulids VALUES ('00' || 'x' || repeat(chr(252), 20));
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, key_encoding, cleanup_policy) VALUES ('ulids', 'daily', 1, 1, 'ulid', 'detach');
EOF
run_sql($node, 'CALL ppm.run_all()');
foreach my $query ('SELECT count(*) FROM ppm.check()', 'SELECT count(detail) FROM ppm.check()', 'SELECT message FROM ppm.history WHERE table_name = \'ulids\'', 'SELECT * FROM ppm.partitions')
{
	($result, $output, $messages) = run_sql($node, "SET client_encoding = 'LATIN1'; $query");
	is($result, 0, "$query works in every encoding") or diag($messages);
}
$node->safe_psql('postgres', q(SET client_min_messages = error; DROP TABLE ulids; DELETE FROM ppm.config; DELETE FROM ppm.history));

# A server that knows no encoding, whose names the client's encoding may not allow; and one that is not UTF8.
$node->safe_psql('postgres', q(CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'; CREATE DATABASE russian TEMPLATE template0 ENCODING 'KOI8R' LC_COLLATE 'C' LC_CTYPE 'C'));
for my $case ([ 'bytes', 'UTF8', q('b' || chr(233)), 'b\\?' ], [ 'russian', 'ISO_8859_5', q('k' || chr(128)), 'k\\?' ])
{
	my ($database, $encoding, $name, $shown) = @$case;
	$node->safe_psql($database, <<"EOF");
CREATE EXTENSION ppm;
DO \$\$
BEGIN
	EXECUTE format('CREATE TABLE %I (day date NOT NULL) PARTITION BY RANGE (day)', $name);
	INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ($name, 'daily', 1, 1);
END \$\$;
EOF
	my ($stdout, $stderr);
	$result = $node->psql($database, "SET client_encoding = '$encoding'; CALL ppm.run_all()", stdout => \$stdout, stderr => \$stderr);
	is($result, 0, "$database: it is done");
	like($stderr, qr/NOTICE:  created partition "public\.${shown}_2026_03_14"/, 'and reported');
	is($node->safe_psql($database, "SELECT count(*) FROM ppm.history WHERE outcome = 'ok'"), '3', 'and recorded');
}

done_testing;
