-- ppm.timeline(): a table's partitions as text.
SET ppm.work_date = '2026-03-15';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA drawn;
SET search_path = drawn;

-- No partition exists yet.
CREATE TABLE a (d date, n int) PARTITION BY RANGE (d);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('drawn', 'a', 'daily', 7, 30);
SELECT ppm.timeline('a');

-- All is well.
CALL ppm.provision('a');
SELECT ppm.timeline('a');

-- Each state, a hole, and a default partition.
SET ppm.work_date = '2026-03-18';
CREATE TABLE a_rest PARTITION OF a DEFAULT;
CREATE TABLE a_min PARTITION OF a FOR VALUES FROM (MINVALUE) TO ('2025-12-01');
CREATE TABLE a_two PARTITION OF a FOR VALUES FROM ('2026-03-23') TO ('2026-03-25');
CREATE TABLE a_far PARTITION OF a FOR VALUES FROM ('2026-05-01') TO ('2026-05-02');
INSERT INTO a VALUES ('2026-05-01');
DROP TABLE a_2026_03_01, a_2026_03_02;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'a_2026_02_20'::regclass;
SELECT ppm.timeline('a');
UPDATE pg_inherits SET inhdetachpending = false WHERE inhrelid = 'a_2026_02_20'::regclass;

-- One line holds a day, a year, a century, or so many partitions of a key that counts, in the order of its numbers.
CREATE TABLE b (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE c (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE d (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE e (id int) PARTITION BY RANGE (id);
CREATE TABLE f (at timestamptz) PARTITION BY RANGE (at);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES
    ('drawn', 'b', '6 hours', 4, 4), ('drawn', 'c', 'weekly', 3, 12), ('drawn', 'd', 'yearly', 2, 3), ('drawn', 'e', '1000', 60, NULL), ('drawn', 'f', '5 minutes', 3, 3);
SELECT ppm.timeline(t) FROM unnest('{b,c,d,e,f}'::regclass[]) AS t;

-- Partitions that cannot be created.
CREATE TABLE this_is_a_table_with_quite_a_long_name_for_a_partitioned_one (d date) PARTITION BY RANGE (d);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned)
VALUES ('drawn', 'this_is_a_table_with_quite_a_long_name_for_a_partitioned_one', 'daily', 1);
SELECT ppm.timeline('this_is_a_table_with_quite_a_long_name_for_a_partitioned_one');

-- A configuration that does not fit the table, and a table without one.
CREATE TABLE "No" (d date);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('drawn', 'No', 'daily', 1);
SELECT ppm.timeline('"No"');
SELECT ppm.timeline('pg_class');
SELECT ppm.timeline(NULL);

-- It only reads, with the privileges of its caller, and calls nothing from the search_path.
CREATE ROLE regress_timeline;
GRANT USAGE, CREATE ON SCHEMA drawn TO regress_timeline;
GRANT EXECUTE ON FUNCTION ppm.timeline(regclass) TO regress_timeline;
GRANT SELECT ON ppm.config TO regress_timeline;
SET ROLE regress_timeline;
CREATE FUNCTION drawn.quote_ident(name) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
CREATE FUNCTION drawn.rpad(text, int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
SELECT ppm.timeline('d');
RESET ROLE;
GRANT EXECUTE ON FUNCTION ppm.plan(regclass), ppm.check(regclass), ppm.partition_states() TO regress_timeline;
SET ROLE regress_timeline;
SET search_path = drawn, pg_catalog;
BEGIN READ ONLY;
SELECT ppm.timeline('d');
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'drawn'::regnamespace);
COMMIT;
RESET ROLE;
SET search_path = drawn;

DELETE FROM ppm.config;
DELETE FROM ppm.history;
DELETE FROM ppm.last_run;
DELETE FROM ppm.growth;
DROP SCHEMA drawn CASCADE;
REVOKE ALL ON FUNCTION ppm.plan(regclass), ppm.check(regclass), ppm.partition_states(), ppm.timeline(regclass) FROM regress_timeline;
REVOKE ALL ON ppm.config FROM regress_timeline;
DROP ROLE regress_timeline;
