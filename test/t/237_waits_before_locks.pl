# A conversion, its undoing and a swap of partitions lock the table against everybody for a moment. Whatever they may have to wait for, they wait
# for before that: the row of ppm.config, and the other tables of a view.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('waits_before_locks', conf => "log_statement = none");
my ($result, $output, $messages);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(<<'EOF');
CREATE TABLE t (id int, day date NOT NULL);
INSERT INTO t SELECT i, date '2026-03-05' + i % 10 FROM generate_series(1, 1000) i;
CREATE TABLE other (id int);
CREATE VIEW v AS SELECT t.* FROM t JOIN other USING (id);
INSERT INTO ppm.config (table_name, partition_key, interval, pre_provisioned, retention) VALUES ('t', 'day', 'daily', 1, 30);
CREATE TABLE m (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE m_wide PARTITION OF m FOR VALUES FROM ('2026-03-01') TO ('2026-03-25');
INSERT INTO m SELECT i, date '2026-03-05' + i % 10 FROM generate_series(1, 1000) i;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('m', 'daily', 1, 30);
EOF

# While somebody holds what the call needs, nobody waits for the call. It ends when that is let go of.
sub keeps_nobody_waiting
{
	my ($what, $held, $call, $table) = @_;
	my $holder = hold($node, $held);
	my $caller = start_sql($node, 'caller', "$patience SET ppm.swap_limit = '5min'; $call");
	wait_until_waits($node, 'caller');
	is(sql(q(SELECT coalesce(string_agg(DISTINCT relation::regclass::text, ' '), '') FROM pg_locks JOIN pg_stat_activity USING (pid)
	         WHERE application_name = 'caller' AND granted AND locktype = 'relation' AND mode IN ('ShareRowExclusiveLock', 'AccessExclusiveLock'))),
		'', "$what: the call waits without a lock that others would wait for");
	is(sql("SET lock_timeout = '5s'; SELECT count(*) FROM $table"), 1000, "$what: nobody waits for it");
	$holder->query_safe('COMMIT');
	$holder->quit;
	($result, $output, $messages) = finish_sql($caller);
	is($result, 0, "$what: then it ends") or diag($messages);
	return;
}

my $row = sub { "SELECT FROM ppm.config WHERE table_name = '$_[0]' FOR UPDATE" };
keeps_nobody_waiting('a row of ppm.config and a swap', $row->('m'), q(CALL ppm.repartition('m')), 'm');
keeps_nobody_waiting('a row of ppm.config and a conversion', $row->('t'), q(CALL ppm.convert('t')), 't');
keeps_nobody_waiting('a row of ppm.config and an undoing', $row->('t'), q(CALL ppm.abandon('t')), 't');
# A constraint trigger's other table.
sql(<<'EOF');
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TABLE named (id int);
SET client_min_messages = error;
DROP TABLE m CASCADE;
CREATE TABLE m (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE m_wide PARTITION OF m FOR VALUES FROM ('2026-03-01') TO ('2026-03-25');
INSERT INTO m SELECT i, date '2026-03-05' + i % 10 FROM generate_series(1, 1000) i;
DELETE FROM ppm.config WHERE table_name = 'm';
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('m', 'daily', 1, 30);
CREATE CONSTRAINT TRIGGER names AFTER INSERT ON m FROM named FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE CONSTRAINT TRIGGER names AFTER INSERT ON t FROM named FOR EACH ROW EXECUTE FUNCTION nothing();
EOF
keeps_nobody_waiting('a table of a trigger and a swap', 'LOCK TABLE named', q(CALL ppm.repartition('m')), 'm');
keeps_nobody_waiting('a table of a trigger and a conversion', 'LOCK TABLE named', q(CALL ppm.convert('t')), 't');
keeps_nobody_waiting('a table of a trigger and an undoing', 'LOCK TABLE named', q(CALL ppm.abandon('t')), 't');
sql('DROP TRIGGER names ON t');
keeps_nobody_waiting('a table of a view and a conversion', 'LOCK TABLE other', q(CALL ppm.convert('t')), 't');
keeps_nobody_waiting('a table of a view and an undoing', 'LOCK TABLE other', q(CALL ppm.abandon('t')), 't');

done_testing();
