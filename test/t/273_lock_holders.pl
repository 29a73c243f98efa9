# Who is in the way is named: sessions by process and application, prepared transactions by their identifier, those that hold
# old snapshots, whichever of the tables of a statement it is that they have locked.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('lock_holders', conf => "ppm.work_date = ''\nmax_prepared_transactions = 5\n");

$node->safe_psql('postgres', <<'EOF');
SET client_min_messages = error;
CREATE TABLE referenced (id int PRIMARY KEY);
CREATE TABLE t (id int REFERENCES referenced, day date NOT NULL, UNIQUE (day)) PARTITION BY RANGE (day);
CREATE TABLE referring (day date REFERENCES t (day));
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('t', 'daily', 1, 1);
CALL ppm.provision();
CREATE TABLE t_old PARTITION OF t FOR VALUES FROM (current_date - 9) TO (current_date - 8) PARTITION BY LIST (day);
CREATE TABLE t_leaf PARTITION OF t_old FOR VALUES IN (current_date - 9);
CREATE TABLE unrelated (id int);
EOF

sub messages_of
{
	my ($sql) = @_;
	return (run_sql($node, "SET ppm.lock_timeout = '200ms'; SET ppm.statement_timeout = '1s'; $sql"))[2];
}

# Of what $sql locks in a session called "reporter".
sub held
{
	my ($what, $sql, $call, $expected) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe("SET application_name = reporter; BEGIN; $sql");
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	like(messages_of($call), qr/; $expected by process $pid \(reporter\)/, $what);
	$session->query_safe('ROLLBACK');
	$session->quit;
	return;
}

my $provision = 'UPDATE ppm.config SET pre_provisioned = 2; CALL ppm.provision()';
held('a lock on the parent', 'LOCK TABLE ONLY t IN SHARE MODE', $provision, 'locks are held');
held('on a referenced table', 'LOCK TABLE referenced IN SHARE MODE', $provision, 'locks are held');
held('on a referring table', 'LOCK TABLE referring IN ROW EXCLUSIVE MODE', $provision, 'locks are held');
$node->safe_psql('postgres', 'CREATE TABLE t_default PARTITION OF t DEFAULT');
held('on the default partition', 'SELECT FROM t_default', $provision, 'locks are held');
held('on a leaf', 'SELECT FROM t_leaf', 'CALL ppm.cleanup()', 'locks are held');

# A prepared transaction has no process.
$node->safe_psql('postgres', q(BEGIN; LOCK TABLE ONLY t IN SHARE MODE; PREPARE TRANSACTION 'for''gotten'));
like(messages_of($provision), qr/; locks are held by prepared transaction "for'gotten"/, 'a prepared transaction');
$node->restart;
like(messages_of($provision), qr/; locks are held by prepared transaction "for'gotten"/, 'also after a restart');
$node->safe_psql('postgres', q(ROLLBACK PREPARED 'for''gotten'));

# An old snapshot that has nothing to do with the table.
$node->safe_psql('postgres', $_) foreach 'ALTER TABLE t DETACH PARTITION t_default', 'DROP TABLE t_default', 'CALL ppm.cleanup()';
$node->safe_psql('postgres', q(CREATE TABLE t_older PARTITION OF t FOR VALUES FROM (current_date - 20) TO (current_date - 19)));
my $reader = hold($node, 'SELECT FROM t');
messages_of('CALL ppm.cleanup()');
$reader->query_safe('COMMIT');
$reader->quit;
held('an old snapshot', 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM unrelated', 'CALL ppm.cleanup()', 'older snapshots are held');

is((run_sql($node, "$provision; CALL ppm.run_all()"))[0], 0, 'without any of them all is done');
$node->stop;
done_testing();
