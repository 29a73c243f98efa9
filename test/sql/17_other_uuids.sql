-- UUIDs of another version than 7 do not tell the time: no partition of a table with such UUIDs is removed.
SET ppm.work_date = '2026-11-22';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE SCHEMA other;
SET search_path = other;
-- Random UUIDs, the same in each run.
CREATE FUNCTION random_uuid(first text, number int) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(overlay(first || substr(md5(number::text), length(first) + 1) PLACING '4' FROM 13) PLACING '9' FROM 17)::uuid
$$;
CREATE FUNCTION tables() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'other'::regnamespace AND relkind IN ('r', 'p')
$$;

-- Equal ranges: UUIDs before 01 look like 1970 to 2004, those after it like the future.
CREATE TABLE even (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
SELECT format('CREATE TABLE even_%s PARTITION OF even FOR VALUES FROM (%L) TO (%L)', lpad(to_hex(i), 2, '0'), lpad(to_hex(i), 2, '0') || repeat('0', 30),
              CASE WHEN i = 255 THEN repeat('f', 32) ELSE lpad(to_hex(i + 1), 2, '0') || repeat('0', 30) END)
FROM generate_series(0, 255, 1) AS i WHERE i IN (0, 1, 2, 254, 255) \gexec
INSERT INTO even SELECT random_uuid('00', i) FROM generate_series(1, 50) AS i;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('other', 'even', 'yearly', 1, 1, 'drop');
CALL ppm.provision();
\x on
SELECT severity, code, partition, regexp_replace(detail, 'key \S+,', 'key ...,') AS detail, hint FROM ppm.check() WHERE severity = 'error';
\x off
SELECT * FROM ppm.plan();
CALL ppm.cleanup();
CALL ppm.run_all();
SELECT tables();
SELECT count(*) FROM even;
-- The bounds alone do not show it, and ppm.status does not read the tables.
SELECT errors > 0, outdated FROM ppm.status;
SELECT DISTINCT partition, action, outcome, sqlstate FROM ppm.history WHERE schema_name = 'other' AND action IN ('cleanup', 'detach', 'drop', 'check') ORDER BY 1, 2;
DELETE FROM ppm.config;
DROP TABLE even;

-- A row in a partition outside the window shows it, even if that partition would not be removed.
CREATE TABLE even (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE even_old PARTITION OF even FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('01000000-0000-0000-0000-000000000000');
CREATE TABLE even_far PARTITION OF even FOR VALUES FROM ('02000000-0000-0000-0000-000000000000') TO ('03000000-0000-0000-0000-000000000000') PARTITION BY RANGE (id);
CREATE TABLE even_leaf PARTITION OF even_far DEFAULT;
INSERT INTO even SELECT random_uuid('02', i) FROM generate_series(1, 3) AS i;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('other', 'even', 'yearly', 1, 1, 'drop');
CALL ppm.provision();
SELECT code, partition FROM ppm.check() WHERE severity = 'error';
CALL ppm.cleanup();
SELECT tables();
-- When the row is corrected, cleanup removes partitions again.
DELETE FROM even;
CALL ppm.cleanup();
SELECT tables();
DELETE FROM ppm.config;
DROP TABLE even;

-- A bound of another version, wherever it is.
CREATE TABLE odd (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE odd_old PARTITION OF odd FOR VALUES FROM (ppm.uuidv7_lower_bound('2020-01-01 00:00+00')) TO (ppm.uuidv7_lower_bound('2021-01-01 00:00+00'));
CREATE TABLE odd_far PARTITION OF odd FOR VALUES FROM ('8f3c0102-0304-4def-9106-0708090a0b0c') TO (MAXVALUE);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('other', 'odd', 'yearly', 1, 1, 'detach');
CALL ppm.provision();
SELECT code, partition, detail FROM ppm.check() WHERE code = 'encoding_suspect';
SELECT errors FROM ppm.status;
CALL ppm.cleanup();
SELECT tables();
ALTER TABLE odd DETACH PARTITION odd_far;
DROP TABLE odd_far;
CALL ppm.cleanup();
SELECT tables();
SELECT detached FROM ppm.detached;

-- A table that was detached to be dropped, and then got rows with UUIDs of another version.
INSERT INTO odd_old SELECT random_uuid('0170', i) FROM generate_series(1, 3) AS i;
UPDATE ppm.config SET cleanup_policy = 'drop';
UPDATE ppm.detached SET cleanup_policy = 'drop';
SELECT code, partition FROM ppm.check() WHERE severity = 'error';
CALL ppm.cleanup();
SELECT tables();
DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DROP TABLE odd, odd_old;

-- UUIDs of version 7, whether the bounds have the version bits or not, are managed as usual.
CREATE TABLE seven (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE seven_old PARTITION OF seven FOR VALUES FROM (ppm.uuidv7_lower_bound('2020-01-01 00:00+00')) TO (ppm.uuidv7_lower_bound('2021-01-01 00:00+00'));
CREATE TABLE seven_bare PARTITION OF seven FOR VALUES FROM ('017b0000-0000-0000-0000-000000000000') TO ('017c0000-0000-0000-0000-000000000000');
CREATE TABLE seven_end PARTITION OF seven FOR VALUES FROM ('20000000-0000-0000-0000-000000000000') TO ('ffffffff-ffff-ffff-ffff-ffffffffffff');
INSERT INTO seven VALUES (ppm.uuidv7_lower_bound('2020-05-05 00:00+00')), ('017b0000-0001-7abc-8def-000000000000');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('other', 'seven', 'yearly', 1, 1, 'drop');
CALL ppm.provision();
SELECT action, partition FROM ppm.plan();
CALL ppm.cleanup();
SELECT tables();

DELETE FROM ppm.config;
DROP SCHEMA other CASCADE;
