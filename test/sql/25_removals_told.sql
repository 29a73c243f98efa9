-- An UPDATE of ppm.config warns of the partitions that the next cleanup removes; analyze_parent; ppm.forecast. A removal uses the real date.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_told_owner;
CREATE SCHEMA told AUTHORIZATION regress_told_owner;
SET search_path = told, public;
SET ROLE regress_told_owner;
CREATE TABLE events (id int NOT NULL) PARTITION BY RANGE (id);
DO $$ BEGIN
    FOR n IN 0..9 LOOP
        EXECUTE format('CREATE TABLE events_%s00 PARTITION OF events FOR VALUES FROM (%s) TO (%s) WITH (autovacuum_enabled = off)', n, n * 100, n * 100 + 100);
        EXECUTE format('INSERT INTO events SELECT generate_series(%s, %s)', n * 100, n * 100 + CASE n WHEN 9 THEN 49 ELSE 99 END);
    END LOOP;
END $$;
CREATE INDEX ON events (id);
RESET ROLE;
ANALYZE events;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('told', 'events', '100', 1);

-- No warning if nothing would be removed, or other columns were changed.
UPDATE ppm.config SET retention = 9 WHERE schema_name = 'told';
UPDATE ppm.config SET pre_provisioned = 2 WHERE schema_name = 'told';
UPDATE ppm.config SET retention = 6 WHERE schema_name = 'told';
UPDATE ppm.config SET pre_provisioned = 1 WHERE schema_name = 'told';
UPDATE ppm.config SET cleanup_policy = 'drop' WHERE schema_name = 'told';
UPDATE ppm.config SET drop_delay = '30 days' WHERE schema_name = 'told';
UPDATE ppm.config SET retention = 7 WHERE schema_name = 'told';
UPDATE ppm.config SET retention = 8 WHERE schema_name = 'told';
UPDATE ppm.config SET drop_delay = '0' WHERE schema_name = 'told';
UPDATE ppm.config SET interval = '200' WHERE schema_name = 'told';
UPDATE ppm.config SET retention = 1 WHERE schema_name = 'told';
-- The warning agrees with ppm.plan().
SELECT count(*) FROM ppm.plan('events') WHERE action = 'detach';
-- What was kept once is kept.
SELECT 'told.events_000'::regclass::oid AS kept \gset
INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition) VALUES (:kept, 'told', 'events', 'told', 'events_000');
UPDATE ppm.config SET retention = 2, interval = '100' WHERE schema_name = 'told';
-- A partition that was never analyzed does not count as empty.
SET ROLE regress_told_owner;
CREATE TABLE events_below PARTITION OF events FOR VALUES FROM (-100) TO (0) WITH (autovacuum_enabled = off);
RESET ROLE;
UPDATE ppm.config SET retention = 4 WHERE schema_name = 'told';
DROP TABLE events_below;
UPDATE ppm.config SET retention = 2 WHERE schema_name = 'told';
-- If the warning itself fails, the row is written all the same.
SET ppm.work_date = 'some day';
UPDATE ppm.config SET retention = 3 WHERE schema_name = 'told';
RESET ppm.work_date;

-- The forecast is computed from the last full partitions.
SELECT full_slots, bytes_per_slot = pg_total_relation_size('events_800') AS bytes, rows_per_slot, window_bytes = 4 * bytes_per_slot AS window_bytes, window_rows,
       cleanup_frees_bytes = 6 * bytes_per_slot AS frees, disk_full_at
FROM ppm.forecast WHERE schema_name = 'told';
UPDATE ppm.config SET drop_delay = '1 day' WHERE schema_name = 'told';
SELECT cleanup_frees_bytes FROM ppm.forecast WHERE schema_name = 'told';
UPDATE ppm.config SET retention = NULL, drop_delay = '0' WHERE schema_name = 'told';
SELECT full_slots, rows_per_slot, window_bytes, window_rows, cleanup_frees_bytes FROM ppm.forecast WHERE schema_name = 'told';
-- When the disk will be full: for all tables of the tablespace together, none of which is dropped.
CREATE TABLE grows (day date NOT NULL, note text) PARTITION BY RANGE (day);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('told', 'grows', 'daily', 1, 3);
CALL ppm.provision('grows');
INSERT INTO grows SELECT (now() AT TIME ZONE 'UTC')::date - 1, repeat('x', 1000) FROM generate_series(1, 2000);
INSERT INTO grows SELECT (now() AT TIME ZONE 'UTC')::date - 2, repeat('x', 1000) FROM generate_series(1, 2000);
INSERT INTO grows SELECT (now() AT TIME ZONE 'UTC')::date - 3, repeat('x', 1000) FROM generate_series(1, 2000);
SELECT ppm.free_bytes('grows'::regclass) > 0 AS free, ppm.free_bytes(0) = ppm.free_bytes('grows'::regclass) AS of_the_database;
SELECT table_name, extract(epoch FROM disk_full_at - now()) BETWEEN 0.5 * least(seconds, 3155760000) AND 2 * seconds
         OR seconds >= 3155760000 AND disk_full_at IS NULL AS at_this_rate
FROM ppm.forecast, LATERAL (SELECT ppm.free_bytes('grows'::regclass) / bytes_per_slot * 86400.0 AS seconds) AS s WHERE table_name = 'grows';
UPDATE ppm.config SET cleanup_policy = 'drop' WHERE table_name = 'grows';
SELECT disk_full_at FROM ppm.forecast WHERE table_name = 'grows';
DELETE FROM ppm.config WHERE table_name = 'grows';
CREATE TABLE nothing (id int NOT NULL) PARTITION BY RANGE (id);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('told', 'nothing', '100', 1, 3), ('told', 'missing', '100', 1, 3);
SELECT table_name, full_slots, bytes_per_slot, rows_per_slot, window_bytes, cleanup_frees_bytes FROM ppm.forecast WHERE schema_name = 'told' AND table_name <> 'events' ORDER BY 1;
DELETE FROM ppm.config WHERE table_name IN ('nothing', 'missing');

-- After a call that changed partitions, the table is analyzed as its owner; if that fails, the call fails.
CREATE VIEW analyzed AS SELECT count(*) FROM pg_statistic WHERE starelid = 'told.events'::regclass AND stainherit;
DELETE FROM pg_statistic WHERE starelid = 'told.events'::regclass;
UPDATE ppm.config SET pre_provisioned = 2 WHERE schema_name = 'told';
CALL ppm.provision('events');
SELECT * FROM analyzed;
UPDATE ppm.config SET analyze_parent = true WHERE schema_name = 'told';
CALL ppm.provision('events');
SELECT * FROM analyzed;
UPDATE ppm.config SET pre_provisioned = 3 WHERE schema_name = 'told';
CALL ppm.run_all('events');
SELECT * FROM analyzed;
-- Not in a transaction block.
DELETE FROM pg_statistic WHERE starelid = 'told.events'::regclass;
UPDATE ppm.config SET pre_provisioned = 4 WHERE schema_name = 'told';
BEGIN;
CALL ppm.provision('events');
COMMIT;
SELECT * FROM analyzed;
\set VERBOSITY terse
UPDATE ppm.config SET analyze_parent = NULL WHERE schema_name = 'told';

DELETE FROM ppm.config WHERE schema_name = 'told';
SET client_min_messages = error;
DROP SCHEMA told CASCADE;
DROP ROLE regress_told_owner;
