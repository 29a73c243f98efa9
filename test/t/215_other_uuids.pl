# A row with a UUID of another version that comes while a cleanup is under way: what it is in is not removed.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('other_uuids');
my ($result, $output, $messages);

# With and without a default partition: the detach is another.
for my $default ('', 'CREATE TABLE ids_rest PARTITION OF ids DEFAULT;')
{
	$node->safe_psql('postgres', <<"EOF");
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP TABLE IF EXISTS ids, ids_old;
CREATE TABLE ids (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE ids_old PARTITION OF ids FOR VALUES FROM (ppm.uuidv7_lower_bound('2020-01-01 00:00+00')) TO (ppm.uuidv7_lower_bound('2021-01-01 00:00+00'));
$default
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('ids', 'yearly', 1, 1, 'drop');
CALL ppm.provision();
EOF
	my $holder = hold($node, 'LOCK TABLE ids IN SHARE UPDATE EXCLUSIVE MODE');
	my $call = start_sql($node, 'caller', "$patience\nCALL ppm.cleanup()");
	wait_until_waits($node, 'caller', 'relation');
	$holder->query_safe(q(INSERT INTO ids VALUES ('01700000-0000-4abc-9def-000000000000'); COMMIT));
	$holder->quit;
	($result, $output, $messages) = finish_sql($call);
	like($messages, qr/partition "ids_old" has a row with the key 01700000-0000-4abc-9def-000000000000, which is not a UUID of version 7: It does not tell the time, so the partition is not removed\. \(SQLSTATE 55000\)/,
		'the UUID is found under the lock');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM ids)), '1', 'its partition stays');
	is($node->safe_psql('postgres', q(SELECT code FROM ppm.check() WHERE severity = 'error')), 'encoding_suspect', 'and check says why');
	is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.detached)), '0', 'nothing is begun');
}

done_testing;
