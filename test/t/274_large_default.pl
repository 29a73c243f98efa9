# Provisioning beside a default partition that takes long to read blocks nobody and takes no longer than it may: the look for rows
# obeys ppm.statement_timeout and is spared by a CHECK constraint or an index, PostgreSQL's own by a constraint that was
# validated before.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('large_default', conf => "ppm.work_date = ''\n");

$node->safe_psql('postgres', <<'EOF');
CREATE TABLE t (at timestamptz, pad text) PARTITION BY RANGE (at);
CREATE TABLE t_default PARTITION OF t DEFAULT;
INSERT INTO t SELECT now() - interval '30 days' - g * interval '1 second', repeat('x', 100) FROM generate_series(1, 600000) g;
INSERT INTO t VALUES (NULL, 'without');
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('t', 'daily', 4);
EOF

sub partitions
{
	return $node->safe_psql('postgres', q(SELECT count(*) FROM ppm.partitions WHERE state <> 'default'));
}

sub provision
{
	my (%settings) = @_;
	my $set = join ' ', map { "SET $_ = '$settings{$_}';" } sort keys %settings;
	return run_sql($node, "SET client_min_messages = debug1; $set CALL ppm.provision()");
}

sub fences
{
	return $node->safe_psql('postgres', q(SELECT count(*) FROM pg_constraint WHERE conname = 'ppm_keeps_these_rows_out'));
}

# In a transaction block nothing is committed in between: the look is all there is.
my ($result, $output, $messages) = run_sql($node, q(SET ppm.statement_timeout = '10ms'; BEGIN; CALL ppm.provision(); COMMIT), on_error_stop => 0);
like($messages, qr/looking for rows of .* in default partition "t_default" takes longer than ppm\.statement_timeout \(SQLSTATE 57014\)/, 'the search for rows ends at the timeout');
like($messages, qr/HINT:  Give default partition "t_default" an index on "at"/, 'and the hint is what helps');

# An index answers.
$node->safe_psql('postgres', 'CREATE INDEX ON t_default (at)');
($result, $output, $messages) = run_sql($node, q(SET ppm.statement_timeout = '300ms'; BEGIN; CALL ppm.provision(); ROLLBACK), on_error_stop => 0);
unlike($messages, qr/takes longer/, 'an index answers');
$node->safe_psql('postgres', 'DROP INDEX t_default_at_idx');

# The partitions of now and of soon are made without a constraint, which would keep rows out that come meanwhile; the others with.
($result, $output, $messages) = provision('ppm.lock_timeout' => '20ms');
is($result, 0, 'they are made');
like($messages, qr/ppm executes: ALTER TABLE public\.t_default ADD CONSTRAINT ppm_keeps_these_rows_out CHECK .* NOT VALID.*VALIDATE CONSTRAINT.*DROP CONSTRAINT/s, 'beside a constraint that is validated and dropped again');
is(() = $messages =~ /updated partition constraint for default partition "t_default" is implied by existing constraints/g, 3, 'so PostgreSQL need not scan for rows beyond the next slot');
is(partitions(), 5, 'all of them');
is(fences(), 0, 'nothing is left');

# A small one is read at once.
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 5');
($result, $output, $messages) = provision('ppm.lock_timeout' => '5min');
unlike($messages, qr/ADD CONSTRAINT/, 'where reading is quick there is no constraint');

# The owner's own constraint spares both.
my $today = $node->safe_psql('postgres', q(SELECT (now() - interval '5 days')::date));
$node->safe_psql('postgres', qq(UPDATE ppm.config SET pre_provisioned = 7; ALTER TABLE t_default ADD CONSTRAINT old CHECK (at < '$today')));
($result, $output, $messages) = provision('ppm.statement_timeout' => '1s', 'ppm.lock_timeout' => '20ms');
is($result, 0, "the owner's own constraint");
unlike($messages, qr/ADD CONSTRAINT/, 'needs no other');
$node->safe_psql('postgres', 'ALTER TABLE t_default DROP CONSTRAINT old');

# Rows of a slot keep that out, and no other.
$node->safe_psql('postgres', q(UPDATE ppm.config SET pre_provisioned = 10; INSERT INTO t VALUES (now() + interval '9 days', 'early')));
($result, $output, $messages) = provision('ppm.lock_timeout' => '20ms');
like($messages, qr/PM004: could not provision/, 'rows in the default partition are a failure');
is(partitions(), 10, 'of their own slot only');
is(fences(), 0, 'nothing is left');
$node->safe_psql('postgres', q(DELETE FROM t_default WHERE pad = 'early'));

# One that is interrupted leaves a constraint, which the next call drops.
$node->safe_psql('postgres', 'UPDATE ppm.config SET pre_provisioned = 12');
provision('ppm.lock_timeout' => '20ms');
is(partitions(), 13, 'the rest');
$node->safe_psql('postgres', q(ALTER TABLE t_default ADD CONSTRAINT ppm_keeps_these_rows_out CHECK (at < '2000-01-01') NOT VALID;
	COMMENT ON CONSTRAINT ppm_keeps_these_rows_out ON t_default IS 'made by ppm while it attaches partitions'));
is((provision())[0], 0, 'a call that has nothing else to do');
is(fences(), 0, 'drops what an interrupted one has left');

# One of somebody else's that has this name is his.
$node->safe_psql('postgres', q(UPDATE ppm.config SET pre_provisioned = 14; ALTER TABLE t_default ADD CONSTRAINT ppm_keeps_these_rows_out CHECK (at > '1990-01-01')));
($result, $output, $messages) = provision('ppm.lock_timeout' => '20ms');
is("$result " . partitions(), '0 15', 'a constraint that happens to have the name keeps nothing from being created') or diag($messages);
is(fences(), 1, 'and stays');

$node->stop;
done_testing();
