# Code of a table's owner that runs in the middle of ppm's work, where nobody's statement is executed: it keeps its own rights, what it sets
# ends with it, and it does not take longer than ppm.statement_timeout.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('owners_code');
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE mallory;
CREATE SCHEMA mallory AUTHORIZATION mallory;
CREATE TABLE trap (caught name);
GRANT INSERT ON trap TO PUBLIC;
SET ROLE mallory;
-- An operator that takes the place of PostgreSQL's wherever mallory's schema comes first.
CREATE FUNCTION mallory.eq(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF current_user OPERATOR(pg_catalog.<>) 'mallory'::pg_catalog.name THEN
		INSERT INTO public.trap VALUES (current_user);
	END IF;
	RETURN $1 OPERATOR(pg_catalog.=) $2;
END $$;
CREATE OPERATOR mallory.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = mallory.eq);
CREATE FUNCTION mallory.sets(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'mallory, pg_catalog', false);
	RETURN true;
END $$;
CREATE FUNCTION mallory.unqualified(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN EXISTS (SELECT FROM known); END';
CREATE FUNCTION mallory.slow(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN true; END';
CREATE TABLE mallory.known AS SELECT 1;
CREATE TABLE mallory.t (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE mallory.t_default PARTITION OF mallory.t DEFAULT;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('mallory', 't', 'daily', 2, 2);
CREATE TABLE other (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('other', 'daily', 2, 2);
EOF

sub partitions { return $node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhparent = '$_[0]'::regclass"); }

# PostgreSQL evaluates constraints of the default partition when it is asked whether they rule rows out. (It would do so here, too, if it
# were to validate this one.)
sub check_of_default
{
	my ($function) = @_;
	$node->safe_psql('postgres', "ALTER TABLE mallory.t_default DROP CONSTRAINT IF EXISTS evaluated, ADD CONSTRAINT evaluated CHECK (day IS NOT NULL OR mallory.$function(1)) NOT VALID");
	$node->safe_psql('postgres', "UPDATE pg_constraint SET convalidated = true WHERE conname = 'evaluated'");
	return;
}

check_of_default('sets');
my ($result, undef, $messages) = run_sql($node, 'CALL ppm.provision()');
is("$result " . partitions('mallory.t'), '0 6', 'partitions are created beside a default partition whose constraint sets search_path');
is($node->safe_psql('postgres', 'SELECT count(*) FROM trap'), 0, 'and what ppm does after that does not find the operators of the owner');

# A plain session of the owner finds the table, so ppm's does, too.
$node->safe_psql('postgres', 'DROP TABLE mallory.t_2026_03_17; ALTER ROLE mallory SET search_path = mallory');
check_of_default('unqualified');
($result) = run_sql($node, 'CALL ppm.provision()');
is("$result " . partitions('mallory.t'), '0 6', 'a constraint that finds its tables by the search_path of its owner is evaluated');

$node->safe_psql('postgres', 'DROP TABLE mallory.t_2026_03_17, other_2026_03_17');
check_of_default('slow');
($result, undef, $messages) = run_sql($node, q(SET ppm.statement_timeout = '1s'; CALL ppm.run_all()));
like($messages, qr/PM004: .*table "mallory\.t", partition "t_2026_03_17": canceling statement due to statement timeout, in PL\/pgSQL function slow\(integer\)/s, 'a constraint that takes for ever is ended by ppm.statement_timeout');
is(partitions('other'), 5, 'and other tables are done');

$node->stop;
done_testing();
