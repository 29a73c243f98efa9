# An owner who may not use the schema, or create anything in it or in a tablespace: ppm fails as plain SQL does, says the same, and leaves
# nothing half done. Other tables are not affected.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use DaysTest;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

$node = new_node('missing_privileges', conf => 'allow_in_place_tablespaces = on');
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice LOGIN;
CREATE ROLE carol LOGIN NOINHERIT IN ROLE alice;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA ppm TO PUBLIC;
GRANT USAGE ON SCHEMA ppm TO PUBLIC;
GRANT SELECT ON ppm.config TO PUBLIC;
EOF

# A schema that the owner, and so the caller, may not use.
$node->safe_psql('postgres', 'CREATE SCHEMA closed; GRANT CREATE, USAGE ON SCHEMA closed, public TO alice;' . <<'EOF' . configure('shut', 'closed') . configure('open'));
SET ROLE alice;
CREATE TABLE closed.shut (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE open (LIKE closed.shut) PARTITION BY RANGE (day);
RESET ROLE;
EOF
call_on(15, 'CALL ppm.run_all()', user => 'alice');
is("$result " . days_of('closed.shut'), '0 14 15 16', 'a schema that belongs to the caller');
$node->safe_psql('postgres', 'REVOKE USAGE ON SCHEMA closed FROM alice');
my $plain = plainly('ALTER TABLE closed.shut DETACH PARTITION closed.shut_2026_03_14', user => 'alice');
is($plain, 'permission denied for schema closed (SQLSTATE 42501)', 'a schema that is closed to the owner: plain SQL is refused');
is(plainly(q(CALL ppm.provision('closed.shut')), user => 'alice'), $plain, 'and a call that names the table');
foreach my $user ('alice', 'postgres')
{
	refused(17, 'CALL ppm.provision()', 'PM004', [ map { qr/table "closed\.shut", partition "shut_2026_03_$_": \Q$plain\E$/m } 17, 18 ], user => $user);
	foreach my $policy ('detach', 'drop')
	{
		$node->safe_psql('postgres', "UPDATE ppm.config SET cleanup_policy = '$policy'");
		refused(17, 'CALL ppm.cleanup()', 'PM006', [ map { qr/table "closed\.shut", partition "shut_2026_03_$_": \Q$plain\E$/m } 14, 15 ], user => $user);
	}
	refused(17, 'CALL ppm.run_all()', 'PM004', [ qr/could not provision 1 of 2 tables, could not clean up 1 of 2 tables, found errors in 1 of 2 tables/ ], user => $user);
}
is(days_of('closed.shut') . '|' . days_of('open'), '14 15 16|16 17 18', 'another table is not affected');
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached WHERE schema_name = 'closed')), 0, 'nothing is reported as detached that is not');
call_on(17, q(SELECT DISTINCT code FROM ppm.check() ORDER BY 1), user => 'alice');
is($output, "missing_partition\noutdated_partition", 'check says what is wrong');
my $not_owner = qr/table "public\.open": must be owner of table open \(SQLSTATE 42501\)$/m;
refused(18, 'CALL ppm.run_all()', 'PM004', [$not_owner], user => 'carol');
call_on(18, 'SET ROLE alice; CALL ppm.run_all(\'open\')', user => 'carol');
is("$result " . days_of('open'), '0 17 18 19', 'a caller who does not inherit the owner\'s privileges may use SET ROLE');
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA closed TO alice');
call_on(18, 'CALL ppm.run_all()', user => 'alice');
is("$result " . days_of('closed.shut'), '0 17 18 19', 'once it is open again, all of it is done');
clear('DROP TABLE closed.shut, open');

# An owner who may not create tables in the schema can still remove them.
$node->safe_psql('postgres', <<'EOF' . configure('fixed', 'closed'));
SET ROLE alice;
CREATE TABLE closed.fixed (day date NOT NULL, note text) PARTITION BY RANGE (day);
RESET ROLE;
EOF
call_on(15, 'CALL ppm.provision()');
is("$result " . days_of('closed.fixed'), '0 14 15 16', 'created while the owner still had the privilege');
$node->safe_psql('postgres', 'REVOKE CREATE ON SCHEMA closed FROM alice');
$plain = plainly(q(CREATE TABLE closed.fixed_more PARTITION OF closed.fixed FOR VALUES FROM ('2030-01-01') TO ('2030-01-02')), user => 'alice');
refused(17, 'CALL ppm.provision()', 'PM004', [ map { qr/table "closed\.fixed", partition "fixed_2026_03_$_": \Q$plain\E$/m } 17, 18 ], user => $_) foreach 'alice', 'postgres';
is(half_made($node), '', 'nothing is half made');
lives_on('closed.fixed', 'an owner without CREATE on the schema', without_create => 1, user => 'alice');
refused(17, 'CALL ppm.run_all()', 'PM004', [ qr/could not provision 1 of 1 table, found errors in 1 of 1 table$/m, qr/partition "fixed_2026_03_17": \Q$plain\E$/m ]);
call_on(15, 'UPDATE ppm.config SET cleanup_policy = \'detach\'; CALL ppm.provision()');
like(days_of('closed.fixed'), qr/^14 /, 'what is only attached again needs no CREATE');
clear('DROP TABLE closed.fixed; GRANT CREATE ON SCHEMA closed TO alice');

# A tablespace of the table, or of an index, in which the owner may not create anything.
foreach my $of ('table', 'index')
{
	$node->safe_psql('postgres', <<"EOF" . configure('spaced'));
CREATE TABLESPACE space_$of LOCATION '';
GRANT CREATE ON TABLESPACE space_$of TO alice;
SET ROLE alice;
CREATE TABLE spaced (day date NOT NULL, note text) PARTITION BY RANGE (day) @{[$of eq 'table' ? 'TABLESPACE space_table' : '']};
CREATE INDEX ON spaced (note) @{[$of eq 'index' ? 'TABLESPACE space_index' : '']};
RESET ROLE;
EOF
	call_on(15, 'CALL ppm.provision()');
	is("$result " . days_of('spaced'), '0 14 15 16', "a tablespace of the $of");
	$node->safe_psql('postgres', "REVOKE CREATE ON TABLESPACE space_$of FROM alice");
	# PARTITION OF does not ask for rights in an index's tablespace; LIKE, as CREATE INDEX, does.
	$plain = plainly($of eq 'table' ? q(CREATE TABLE spaced_more PARTITION OF spaced FOR VALUES FROM ('2030-01-01') TO ('2030-01-02'))
		: q(CREATE TABLE spaced_more (LIKE spaced INCLUDING ALL)), user => 'alice');
	is($plain, "permission denied for tablespace space_$of (SQLSTATE 42501)", 'without the privilege');
	refused(17, 'CALL ppm.provision()', 'PM004', [ map { qr/partition "spaced_2026_03_$_": \Q$plain\E$/m } 17, 18 ], user => $_) foreach 'alice', 'postgres';
	is(half_made($node), '', 'nothing is half made');
	lives_on('spaced', "a tablespace without rights of the $of", without_create => 1, user => 'alice');
	refused(17, 'CALL ppm.run_all()', 'PM004', [qr/could not provision 1 of 1 table, found errors in 1 of 1 table$/m]);
	clear("DROP TABLE spaced; DROP TABLE IF EXISTS spaced_2026_03_14; DROP TABLESPACE space_$of");
}

$node->stop;
done_testing();
