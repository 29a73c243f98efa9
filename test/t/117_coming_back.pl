# A detached table comes back to a parent that has got an index meanwhile. PostgreSQL builds that under locks that others wait for: they wait no
# longer than for a lock, and ppm says what to do.
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

done_testing();
