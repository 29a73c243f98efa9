# The boundary between PostgreSQL's errors and C++'s (src/pg/bridge/guard, src/pg/bridge/scope): an error raised in any layer, thousands of
# times in one session, arrives whole and leaves nothing behind.
use strict;
use warnings FATAL => 'all';

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $module = "$FindBin::RealBin/../module/ppm_test.so";
my @layers = qw(call exception standard memory unknown subtransaction user settings timeout lock work_memory everything);
my $rounds = 5000;

my $node = PostgreSQL::Test::Cluster->new('boundary');
$node->init;
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE SCHEMA test;
CREATE FUNCTION test.raise(text) RETURNS void LANGUAGE c AS '$module', 'ppm_test_raise';
CREATE FUNCTION test.nested(text) RETURNS void LANGUAGE c AS '$module', 'ppm_test_nested';
CREATE FUNCTION test.survive(text, int) RETURNS int LANGUAGE c AS '$module', 'ppm_test_survive';
CREATE FUNCTION test.state() RETURNS text LANGUAGE c AS '$module', 'ppm_test_state';
CREATE FUNCTION test.line() RETURNS int LANGUAGE c AS '$module', 'ppm_test_line';
CREATE FUNCTION test.memory() RETURNS bigint LANGUAGE c AS '$module', 'ppm_test_memory';
CREATE FUNCTION test.timeout(int, float8) RETURNS void LANGUAGE c AS '$module', 'ppm_test_timeout';
CREATE FUNCTION test.late_timeout() RETURNS void LANGUAGE c AS '$module', 'ppm_test_late_timeout';
CREATE FUNCTION test.worker() RETURNS void LANGUAGE c AS '$module', 'ppm_test_worker';

-- What an exception handler in PL/pgSQL gets to see.
CREATE FUNCTION test.caught(statement text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
    message text; detail text; hint text; context text; table_name text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        context = PG_EXCEPTION_CONTEXT, table_name = TABLE_NAME;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''), nullif(table_name, ''),
        CASE WHEN context LIKE '%its context%' THEN 'its context' END);
END \$\$;
SQL

# Whole.
my $postgres_error = '22012 | raised by PostgreSQL | Its detail. | Its hint. | its table | its context';
my %expected = (
	call => $postgres_error,
	exception => 'PM999 | raised by C++ | Its detail. | Its hint.',
	standard => 'XX000 | raised by the standard library',
	memory => '53200 | out of memory',
	unknown => 'XX000 | unrecognized C++ exception',
	subtransaction => $postgres_error,
	user => $postgres_error,
	settings => '22023 | invalid value for parameter "work_mem": "not a size"',
	timeout => 'PM999 | raised by C++ | Its detail. | Its hint.',
	lock => $postgres_error,
	work_memory => $postgres_error,
	everything => $postgres_error);
for my $layer (@layers)
{
	for my $function (qw(raise nested))
	{
		is($node->safe_psql('postgres', "SELECT test.caught('SELECT test.$function(''$layer'')')"),
			$expected{$layer}, "$function('$layer') arrives whole");
	}
}

# With the place where it was raised.
my (undef, undef, $error) =
  $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT test.raise('exception')");
my $line = $node->safe_psql('postgres', 'SELECT test.line()');
like($error, qr/LOCATION:  raise_ppm_error, .*ppm_test\.cpp:$line$/m, 'a C++ error has its location');
(undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT test.raise('call')");
like($error, qr/LOCATION:  .*ppm_test\.cpp:\d+$/m, "PostgreSQL's error has its location");
(undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT test.raise('settings')");
like($error, qr/LOCATION:  .*guc\.c:\d+$/m, "also one of PostgreSQL's own code");

# Without a trace: caught in C++, and caught in PL/pgSQL after it has left through the boundary.
for my $layer (@layers)
{
	my $result = $node->safe_psql('postgres', <<"SQL");
SET client_min_messages = error;
SET statement_timeout = '10min';
CREATE TEMP TABLE measure (what text, before text, after text);
-- Caches fill in the first rounds.
SELECT test.survive('$layer', 200) \\gset
DO \$\$ BEGIN FOR i IN 1 .. 200 LOOP PERFORM test.caught('SELECT test.nested(''$layer'')'); END LOOP; END \$\$;
SELECT test.state() AS state, test.memory() AS memory,
       (SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext' OR name LIKE 'ppm%') AS contexts \\gset

SELECT 'changed rounds: ' || test.survive('$layer', $rounds);
DO \$\$ BEGIN FOR i IN 1 .. $rounds LOOP PERFORM test.caught('SELECT test.nested(''$layer'')'); END LOOP; END \$\$;

SELECT CASE WHEN test.state() = :'state' THEN 'same state' ELSE test.state() || ' <> ' || :'state' END;
SELECT CASE WHEN test.memory() - :memory < 400000 THEN 'no memory' ELSE (test.memory() - :memory) || ' bytes of memory' END;
SELECT CASE WHEN sum(total_bytes) - :contexts < 100000 THEN 'no context' ELSE (sum(total_bytes) - :contexts) || ' bytes in contexts' END
FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext' OR name LIKE 'ppm%';
SELECT count(*) || ' locks' FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory';
SQL
	is($result, "changed rounds: 0\nsame state\nno memory\nno context\n0 locks",
		"$rounds errors in '$layer' leave nothing behind");
}

# The statement timeout is the scope's own, and the session's goes on afterwards.
is($node->safe_psql('postgres', "SELECT test.caught('SELECT test.timeout(20, 60)')"),
	'57014 | canceling statement due to statement timeout', 'a timeout inside the scope');
is($node->safe_psql('postgres', "SET statement_timeout = '200ms'; SELECT test.caught('SELECT test.timeout(60000, 0.5)')"),
	'nothing', "the session's timeout is paused in the scope");
(undef, undef, $error) = $node->psql('postgres',
	"SET statement_timeout = '200ms'; SELECT test.timeout(60000, 0.3), pg_sleep(60)");
like($error, qr/canceling statement due to statement timeout/, 'and goes on afterwards');
is($node->safe_psql('postgres', "SELECT test.survive('statement_timeout', 100)"), '0', 'timeout after timeout');
is($node->safe_psql('postgres', 'SELECT test.timeout(60000, 0), pg_sleep(0.1)'), '|', 'no timeout is left armed');
is($node->safe_psql('postgres', 'SELECT test.late_timeout(), pg_sleep(0.1)'), '|', 'a timeout that fires too late cancels nothing else');

# Where the session's state cannot be put back, the session ends, and no other.
for my $layer (qw(destructor exception_in_destructor))
{
	(undef, undef, $error) = $node->psql('postgres', "SELECT test.raise('$layer')");
	my $by = $layer eq 'destructor' ? 'PostgreSQL' : 'C\+\+';
	like($error, qr/FATAL:  could not clean up after an error: raised by $by$/m, "an error in a $layer ends the session");
}

# A worker whose starter is gone. A crash would end this session, too.
my $offset = -s $node->logfile;
is($node->safe_psql('postgres', "SELECT test.worker(); SELECT 'goes on'"), "\ngoes on", 'a worker whose starter has ended ends');
like(slurp_file($node->logfile, $offset), qr/ERROR:  the session that started the ppm worker has ended$/m, 'and the log says why');

$node->stop;
done_testing();
