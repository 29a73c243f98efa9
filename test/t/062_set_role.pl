# From PostgreSQL 16 on a membership may give a role's rights without leave to become it. ppm acts as a table's owner only for who may.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('set_role');
if ($node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 160000)) eq 't')
{
	$node->stop;
	plan skip_all => 'memberships have no options before PostgreSQL 16';
}
my ($result, $output, $messages);

$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE inherits LOGIN;
CREATE ROLE becomes LOGIN;
GRANT alice TO inherits WITH INHERIT TRUE, SET FALSE;
GRANT alice TO becomes WITH INHERIT TRUE, SET TRUE;
GRANT CREATE ON SCHEMA public TO alice;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA ppm TO inherits, becomes;
GRANT SELECT, INSERT, UPDATE, DELETE ON ppm.config TO inherits, becomes;
CREATE TABLE owned (day date NOT NULL) PARTITION BY RANGE (day);
ALTER TABLE owned OWNER TO alice;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('owned', 'daily', 1, 1);
EOF
my $refused = qr/must be able to SET ROLE "alice"/;
foreach my $call ('provision', 'cleanup', 'run_all')
{
	($result, $output, $messages) = run_sql($node, "CALL ppm.$call()", user => 'inherits');
	like($messages, qr/^DETAIL:  table "public\.owned": $refused \(SQLSTATE 42501\)/m, "a role that cannot SET ROLE to the owner cannot have $call act as her");
}
is(partitions_of($node, 'owned'), '', 'nothing is done');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ppm.last_run'), '0', 'and nothing counts as done');
foreach my $statement ('UPDATE ppm.config SET pre_provisioned = 2', 'DELETE FROM ppm.config',
	q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('owned', 'daily', 1) ON CONFLICT DO NOTHING; DELETE FROM ppm.config))
{
	($result, $output, $messages) = run_sql($node, $statement, user => 'inherits');
	like($messages, qr/ERROR:  42501: $refused/, "nor write her configuration: $statement");
}
# The table bears another name, so that nobody else's rights are asked for.
$node->safe_psql('postgres', 'ALTER TABLE owned RENAME TO renamed');
foreach my $statement ('DELETE FROM ppm.config', q(UPDATE ppm.config SET table_name = 'renamed'))
{
	($result, $output, $messages) = run_sql($node, $statement, user => 'inherits');
	isnt($result, 0, "nor that of her renamed table: $statement");
	is($node->safe_psql('postgres', 'SELECT string_agg(table_name, $$ $$) FROM ppm.config'), 'owned', 'the row is as it was');
}
$node->safe_psql('postgres', 'ALTER TABLE renamed RENAME TO owned');
($result) = run_sql($node, 'UPDATE ppm.config SET pre_provisioned = 2; CALL ppm.run_all()', user => 'becomes');
is("$result " . partitions_of($node, 'owned'), '0 14 15 16 17', 'a role that can SET ROLE can do it');
($result) = run_sql($node, 'UPDATE ppm.config SET pre_provisioned = 3; CALL ppm.run_all()');
is("$result " . partitions_of($node, 'owned'), '0 14 15 16 17 18', 'and so does a superuser');

# Nor does his code run as her where her table is read together with one of his.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE referred (day date PRIMARY KEY) PARTITION BY RANGE (day);
CREATE TABLE referred_old PARTITION OF referred FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
ALTER TABLE referred OWNER TO alice;
ALTER TABLE referred_old OWNER TO alice;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('referred', 'daily', 1, 1);
CREATE SCHEMA theirs;
GRANT ALL ON SCHEMA theirs TO inherits, becomes, alice;
EOF
foreach my $role ('inherits', 'becomes')
{
	($result) = run_sql($node, <<'EOF', user => $role);
CREATE FUNCTION theirs.is_true(date) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE TABLE theirs.child (day date REFERENCES referred, CHECK (theirs.is_true(day)));
CREATE INDEX ON theirs.child (day);
GRANT SELECT ON theirs.child TO alice;
EOF
	is($result, 0, "$role refers to her table");
	($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('referred')));
	is($node->safe_psql('postgres', q(SELECT relispartition FROM pg_class WHERE relname = 'referred_old')), $role eq 'inherits' ? 't' : 'f',
		'his function runs as the owner only if he can SET ROLE to her');
	like($messages, qr/uses function theirs\.is_true\(date\) of inherits/, 'and the error names his function') if $role eq 'inherits';
	$node->safe_psql('postgres', 'DROP TABLE theirs.child; DROP FUNCTION theirs.is_true');
}

$node->stop;
done_testing();
