-- The views ppm.partitions and ppm.status.
SET ppm.work_date = '2026-03-15';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA watched;
SET search_path = watched;

-- Each state.
CREATE TABLE a (d date, n int) PARTITION BY RANGE (d);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('watched', 'a', 'daily', 3, 2);
CREATE TABLE a_min PARTITION OF a FOR VALUES FROM (MINVALUE) TO ('2026-03-01');
CREATE TABLE a_two PARTITION OF a FOR VALUES FROM ('2026-03-16') TO ('2026-03-18');
CREATE TABLE a_max PARTITION OF a FOR VALUES FROM ('2026-04-01') TO (MAXVALUE);
CREATE TABLE a_rest PARTITION OF a DEFAULT;
CALL ppm.provision('a');
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'a_2026_03_13'::regclass;
INSERT INTO a SELECT '2026-03-15', n FROM generate_series(1, 1000) AS n;
ANALYZE a_2026_03_15;
SELECT partition, lower_bound, upper_bound, state, estimated_rows FROM ppm.partitions WHERE table_name = 'a' ORDER BY lower_bound;
SELECT bool_and(total_bytes = pg_total_relation_size(partition::text::regclass)), sum(total_bytes) > 0 FROM ppm.partitions WHERE table_name = 'a';
SELECT schema_name, table_name, interval, covered_until, runway, partitions, outdated, errors, warnings, last_outcome, healthy FROM ppm.status;

-- Without a retention all old partitions are retained, whatever their bounds.
UPDATE ppm.config SET retention = NULL;
SELECT partition, state FROM ppm.partitions WHERE upper_bound <= '2026-03-15' ORDER BY lower_bound;

-- runway: how long inserts find a partition, up to the first gap, in the time zone of the table.
CREATE TABLE b (at timestamptz) PARTITION BY RANGE (at);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, timezone) VALUES ('watched', 'b', 'daily', 20, 'Europe/Berlin');
CREATE TEMP VIEW runway AS SELECT covered_until, runway, errors, healthy FROM ppm.status WHERE table_name = 'b';
TABLE runway;
CALL ppm.provision('b');
TABLE runway;  -- an hour short: the clocks go forward on the 29th
DROP TABLE b_2026_03_20;
TABLE runway;
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'b_2026_03_17'::regclass;
TABLE runway;  -- what is being detached takes no row
DROP TABLE b_2026_03_15;
TABLE runway;
CREATE TABLE b_rest PARTITION OF b DEFAULT;
CREATE TABLE c (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE c_all PARTITION OF c FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('watched', 'c', 'daily', 20), ('watched', 'gone', 'monthly', 1);
SELECT table_name, interval, covered_until, runway, partitions, errors, warnings, healthy FROM ppm.status ORDER BY 1;

-- Without a work date the runway counts from now.
RESET ppm.work_date;
CALL ppm.provision('b');
SELECT runway BETWEEN interval '19 days 22 hours' AND interval '21 days 2 hours' FROM runway;
SET ppm.work_date = '2026-03-15';

-- The views keep no lock.
BEGIN READ ONLY;
SELECT count(*) FROM ppm.partitions;
SELECT count(*) FROM ppm.status;
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'watched'::regnamespace);
COMMIT;
SELECT ppm.total_bytes(0), ppm.total_bytes('a'::regclass) = (SELECT sum(total_bytes) FROM ppm.partitions WHERE table_name = 'a');

DELETE FROM ppm.config;
DROP SCHEMA watched CASCADE;
