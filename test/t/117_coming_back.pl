# A detached table comes back, and PostgreSQL has to read it for that, under locks that others wait for. ppm has it read before if it can. If not,
# others wait no longer than for a lock, and ppm says what to do.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('coming_back', conf => "fsync = off\nlog_statement = none");
my ($result, $output, $messages);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(<<'EOF');
CREATE TABLE customer (id int PRIMARY KEY);
INSERT INTO customer SELECT generate_series(0, 99);
CREATE SEQUENCE called;  -- a rollback does not undo it
CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('public.called'), pg_sleep(0.2); RETURN $1; END $$;
CREATE TABLE t (id int, day date, customer int REFERENCES customer, note text) PARTITION BY RANGE (day);
CREATE TABLE t_old PARTITION OF t FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'daily', 1, 5, 'detach');
INSERT INTO t SELECT i, '2026-03-01', i, 'n' FROM generate_series(1, 99) i;
CALL ppm.run_all();
CREATE INDEX ON t (slow(note));
UPDATE ppm.config SET retention = 30;
EOF

# It would take 20 seconds.
($result, $output, $messages) = run_sql($node, q(SET ppm.lock_timeout = '1s'; SET ppm.statement_timeout = '5min'; CALL ppm.provision('t')));
like($messages, qr/attaching table "public\.t_old" takes longer than others may have to wait/, 'it is given up');
like($messages, qr/Attach it yourself when others can wait: ALTER TABLE public\.t ATTACH PARTITION public\.t_old FOR VALUES FROM \('2026-03-01'\) TO \('2026-03-02'\);/, 'with what to do');
cmp_ok(sql('SELECT last_value FROM called'), '<', 99, 'before all rows were read');
is(sql(q(SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass AND inhrelid = 't_old'::regclass)), 0, 'the table is as it was');

sql(q(CREATE OR REPLACE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'));
sql(q(CALL ppm.provision('t')));
is(sql('SELECT count(*) FROM t'), 99, 'with a quicker index it comes back by itself');

# With a default partition, DETACH leaves no constraint that says what the rows are.
foreach my $constraint ('', 'ALTER TABLE u_old ADD CHECK (day IS NOT NULL AND day >= \'2026-03-01\' AND day < \'2026-03-02\');')
{
	sql(<<"EOF");
SET client_min_messages = error;
DROP TABLE IF EXISTS u; DELETE FROM ppm.config; DELETE FROM ppm.detached;
CREATE TABLE u (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE u_rest PARTITION OF u DEFAULT;
-- More than is read within ppm.lock_timeout.
CREATE TABLE u_old PARTITION OF u FOR VALUES FROM ('2026-03-01') TO ('2026-03-02') WITH (fillfactor = 10);
$constraint
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('u', 'daily', 1, 5, 'detach');
INSERT INTO u SELECT i, '2026-03-01' FROM generate_series(1, 150000) i;
CALL ppm.run_all();
UPDATE ppm.config SET retention = 30;
EOF
	my $what = $constraint ? 'with a constraint' : 'without a constraint';
	is(sql(q(SELECT count(*) FROM ppm.detached)), 1, "$what: a table is detached");
	my $before = sql(q(SELECT string_agg(conname, ' ') FROM pg_constraint WHERE conrelid = 'u_old'::regclass));
	my $executed;
	($result, $executed, $messages) = run_sql($node, q(SET client_min_messages = debug1; CALL ppm.provision('u')));
	like($messages, qr/DEBUG:  00000: partition constraint for table "u_old" is implied by existing constraints/, "$what: PostgreSQL does not read it while others wait");
	is(scalar(() = $messages =~ /ppm executes: ALTER TABLE public\.u_old VALIDATE CONSTRAINT/g), $constraint ? 0 : 1, "$what: it was read before, if at all");
	is(sql('SELECT count(*) FROM u'), 150000, "$what: it comes back");
	is(sql(q(SELECT string_agg(conname, ' ') FROM pg_constraint WHERE conrelid = 'u_old'::regclass)), $before, "$what: as it was");
}

done_testing();
