# The recipes for ppm.hooks work as they are written down; and a dump and restore keeps hooks, archive, delay and template.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('hook_recipes', conf => "ppm.work_date = ''\n");
my $directory = $node->basedir . '/csv';
mkdir $directory or die;

$node->safe_psql('postgres', <<'EOF');
CREATE ROLE orders_owner LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO orders_owner;
SET ROLE orders_owner;
CREATE TABLE orders (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE orders_template (LIKE orders INCLUDING ALL);
RESET ROLE;
SET client_min_messages = error;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, template) VALUES ('orders', 'monthly', 1, 1, 'drop', 'public.orders_template');
CALL ppm.provision();
SET ROLE orders_owner;
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
INSERT INTO orders SELECT date '2020-01-10' + n, 'a "note", ' || n FROM generate_series(1, 3) AS n;
EOF

# As the owner, in his own schema.
$node->safe_psql('postgres', <<'EOF', extra_params => [ '-U', 'orders_owner' ]);
CREATE TABLE orders_archive (LIKE orders);

CREATE FUNCTION keep_rows(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void
    LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    -- It may be called again after the drop has failed.
    EXECUTE format('DELETE FROM orders_archive WHERE day >= %L AND day < %L', lower_value, upper_value);
    EXECUTE format('INSERT INTO orders_archive SELECT * FROM %s', partition);
END $$;

CREATE TABLE orders_by_month (month date PRIMARY KEY, orders bigint NOT NULL);

CREATE FUNCTION sum_up(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void
    LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    EXECUTE format('INSERT INTO orders_by_month SELECT date_trunc(''month'', day)::date, count(*) FROM %s GROUP BY 1
                    ON CONFLICT (month) DO UPDATE SET orders = orders_by_month.orders + excluded.orders', partition);
END $$;
EOF

# As the administrator.
$node->safe_psql('postgres', <<'EOF' =~ s{/var/lib/postgresql/archive}{$directory}r);
CREATE SCHEMA admin;

CREATE FUNCTION admin.to_csv(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Whoever may call it chooses the table: only those that are meant, and no path from a name.
    IF partition NOT IN (SELECT relation FROM ppm.detached WHERE detached.parent = to_csv.parent::oid) THEN
        RAISE EXCEPTION 'table % is not one that ppm has detached from table %', partition, parent;
    END IF;
    EXECUTE format('COPY (SELECT * FROM %s) TO %L WITH (FORMAT csv, HEADER)',
                   partition, '/var/lib/postgresql/archive/' || partition::oid || '.csv');
END $$;
REVOKE EXECUTE ON FUNCTION admin.to_csv FROM PUBLIC;
GRANT USAGE ON SCHEMA admin TO orders_owner;
GRANT EXECUTE ON FUNCTION admin.to_csv TO orders_owner;

INSERT INTO ppm.hooks (table_name, event, function)
    VALUES ('orders', 'before_drop', 'admin.to_csv(regclass, regclass, text, text)');
INSERT INTO ppm.hooks (table_name, event, function)
    VALUES ('orders', 'before_drop', 'public.keep_rows(regclass, regclass, text, text)');
INSERT INTO ppm.hooks (table_name, event, function)
    VALUES ('orders', 'after_detach', 'public.sum_up(regclass, regclass, text, text)');
EOF

# The drop fails once, after the rows were copied.
$node->safe_psql('postgres', 'CREATE VIEW guard AS TABLE orders_old');
my ($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/other objects depend on it/, 'the drop fails once');
$node->safe_psql('postgres', 'DROP VIEW guard; CALL ppm.cleanup()');
is($node->safe_psql('postgres', q(SELECT to_regclass('orders_old') IS NULL)), 't', 'the partition is gone');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT day) FROM orders_archive'), '3|3', 'its rows are in the archive table, once');
is($node->safe_psql('postgres', 'TABLE orders_by_month'), '2020-01-01|3', 'they were counted once');
my @files = glob "$directory/*.csv";
is(scalar @files, 1, 'there is a CSV file');
is(slurp_file($files[0]), qq(day,note\n2020-01-11,"a ""note"", 1"\n2020-01-12,"a ""note"", 2"\n2020-01-13,"a ""note"", 3"\n), 'with the rows');
(undef, undef, $messages) = run_sql($node, q(SELECT admin.to_csv('orders', 'orders_by_month', '', '')), user => 'orders_owner');
like($messages, qr/is not one that ppm has detached/, 'and no file for anything else');

# A session may read strings in the old way.
if ($node->safe_psql('postgres', q(SELECT current_setting('server_version_num')::int < 190000)) eq 't')
{
	my $old = 'SET escape_string_warning = off; SET standard_conforming_strings = off;';
	is($node->safe_psql('postgres', "$old SELECT count(*) FROM ppm.check() WHERE code IN ('hook_mismatch', 'template_mismatch')"), 0, 'hooks and templates are found, whatever a backslash means in a string');
}

# A dump and restore.
$node->safe_psql('postgres', q(CREATE SCHEMA past AUTHORIZATION orders_owner; UPDATE ppm.config SET drop_delay = '3 days', archive_schema = 'past', analyze_parent = true));
my $known = 'SELECT drop_delay, archive_schema, analyze_parent, template FROM ppm.config; SELECT * FROM ppm.hooks ORDER BY 1, 2, 3, 4; SELECT severity, code FROM ppm.check()';
my $before = $node->safe_psql('postgres', $known);
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr('restored'), $dump ], 'restore');
is($node->safe_psql('restored', $known), $before, 'all of it is there again');
like($before, qr/3 days\|past\|t\|public\.orders_template\norders|3 days/, 'there was something to keep');
$node->safe_psql('restored', 'CALL ppm.run_all()');

# The table's owner does it all himself, if he may call ppm and write its tables.
$node->safe_psql('postgres', <<'EOF');
GRANT SELECT, INSERT, UPDATE, DELETE ON ppm.config, ppm.hooks TO orders_owner;
GRANT EXECUTE ON PROCEDURE ppm.cleanup(regclass) TO orders_owner;
EOF
$node->safe_psql('postgres', <<'EOF', extra_params => [ '-U', 'orders_owner' ]);
CREATE TABLE orders_older PARTITION OF orders FOR VALUES FROM ('2019-01-01') TO ('2019-02-01');
DELETE FROM ppm.hooks WHERE function ~ 'keep_rows';
INSERT INTO ppm.hooks (table_name, event, function) VALUES ('orders', 'before_detach', 'public.sum_up(regclass,regclass,text,text)');
CALL ppm.cleanup('orders');
EOF
is($node->safe_psql('postgres', q(SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'orders_older')), 'past', 'the owner can archive with his own privileges');

$node->stop;
done_testing();
