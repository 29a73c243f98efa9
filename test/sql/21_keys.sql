-- Integer keys with and without key_encoding, ULIDs; and wrong keys, which never remove anything.
SET search_path = public;
SET ppm.work_date = '2026-11-26 13:20';
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE VIEW planned AS
    SELECT action || ' ' || partition || ': ' || lower_value || ' to ' || upper_value AS planned FROM ppm.plan() ORDER BY step;
CREATE VIEW anomalies AS SELECT severity, code, detail, hint FROM ppm.check();

-- Partitions begin with the first number of the sequence, and none is created below it.
CREATE TABLE counted (id integer GENERATED ALWAYS AS IDENTITY (START 25), PRIMARY KEY (id)) PARTITION BY RANGE (id);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('counted', '10', 2, 1, 'drop');
TABLE planned;
CALL ppm.run_all();
INSERT INTO counted SELECT FROM generate_series(25, 47);
TABLE planned;
CALL ppm.run_all();
SELECT partition, lower_bound, lower_value, upper_value, state FROM ppm.partitions;
SELECT "interval", covered_until, covered_until_value, slots_ahead, runway, errors FROM ppm.status;
SELECT action, partition, lower_bound, lower_value, upper_value, message FROM ppm.history WHERE table_name = 'counted' AND action IN ('detach', 'drop');

-- The runway is computed from the growth over the last runs.
UPDATE ppm.growth SET greatest_key = 37, at = at - interval '100 seconds';
CALL ppm.provision();
SELECT date_trunc('minute', runway) FROM ppm.status;

-- A wrong key in a partition of its own removes nothing; one in the default partition does not move the window either.
CREATE TABLE counted_slip PARTITION OF counted FOR VALUES FROM (1000000) TO (1000010);
INSERT INTO counted OVERRIDING SYSTEM VALUE VALUES (1000000);
SELECT planned FROM planned WHERE planned LIKE 'detach%' OR planned LIKE 'drop%';
SELECT severity, detail, hint FROM anomalies WHERE code = 'key_jump';
DROP TABLE counted_slip;
CREATE TABLE counted_default PARTITION OF counted DEFAULT;
INSERT INTO counted OVERRIDING SYSTEM VALUE VALUES (2147483647);
TABLE planned;
SELECT severity, detail, hint FROM anomalies WHERE code = 'key_jump';
\set VERBOSITY sqlstate
CALL ppm.cleanup();
\set VERBOSITY default
DELETE FROM ppm.config;
DROP TABLE counted;

-- The ends of the types, and below zero.
CREATE TABLE smalls (n smallint) PARTITION BY RANGE (n);
CREATE TABLE smalls_end PARTITION OF smalls FOR VALUES FROM (32000) TO (MAXVALUE);
INSERT INTO smalls VALUES (32767);
CREATE TABLE bigs (n bigint) PARTITION BY RANGE (n);
CREATE TABLE bigs_default PARTITION OF bigs DEFAULT;
INSERT INTO bigs VALUES (-9223372036854775808);
INSERT INTO ppm.config (table_name, interval, origin, pre_provisioned, retention) VALUES
    ('smalls', '1000', NULL, 1, 2), ('bigs', '9000000000000000000', '5', 1, 3);
TABLE planned;
DELETE FROM ppm.config;
DROP TABLE smalls, bigs;

-- Numbers that store times.
CREATE TABLE seconds (at integer) PARTITION BY RANGE (at);
CREATE TABLE milliseconds (at bigint) PARTITION BY RANGE (at);
CREATE TABLE nanoseconds (at bigint) PARTITION BY RANGE (at);
CREATE TABLE snowflakes (id bigint) PARTITION BY RANGE (id);
CREATE TABLE others (id bigint) PARTITION BY RANGE (id);
CREATE TABLE ulids (id text COLLATE "C") PARTITION BY RANGE (id);
CREATE TABLE short_ulids (id varchar(26) COLLATE "C") PARTITION BY RANGE (id);
CREATE TABLE ulids_in_uuids (id uuid) PARTITION BY RANGE (id);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, key_encoding) VALUES
    ('seconds', 'hourly', 1, 'seconds'), ('milliseconds', '15 minutes', 1, 'milliseconds'), ('nanoseconds', 'daily', 1, 'nanoseconds'),
    ('snowflakes', 'daily', 1, 'snowflake'), ('ulids', 'daily', 1, 'ulid'), ('short_ulids', 'monthly', 1, 'ulid'), ('ulids_in_uuids', 'daily', 1, 'ulid');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, key_encoding, key_epoch, key_shift) VALUES
    ('others', 'weekly', 1, 'snowflake', '2015-01-01', 23);
TABLE planned;
CALL ppm.run_all();
SELECT table_name, covered_until, covered_until_value, slots_ahead FROM ppm.status;
SELECT ppm.snowflake_lower_bound('2026-11-26'), ppm.snowflake_timestamp(2122469113528320000),
       ppm.snowflake_lower_bound('2026-11-26', '2015-01-01', 23), ppm.snowflake_timestamp(ppm.snowflake_lower_bound('2026-11-26', '2015-01-01', 23), '2015-01-01', 23),
       ppm.ulid_lower_bound('2026-11-26'), ppm.ulid_timestamp(ppm.ulid_lower_bound('2026-11-26 13:20:00.123')), ppm.ulid_timestamp('01kays0000000000000000000U');
SELECT ppm.ulid_lower_bound('infinity');
SELECT ppm.snowflake_lower_bound('2026-11-26', '2015-01-01', 63);
SELECT ppm.snowflake_lower_bound('2400-11-26');

-- If a wrong key_encoding turns keys into times of 1970, or a key is no ULID, nothing is removed.
CREATE TABLE seconds_1970 PARTITION OF seconds FOR VALUES FROM (0) TO (86400);
INSERT INTO seconds VALUES (4711);
CREATE TABLE ulids_2020 PARTITION OF ulids FOR VALUES FROM ('01DXF6DT00') TO ('01DXHRTG00');
INSERT INTO ulids VALUES ('01DXF6DT00lowercaselowercas'), (ppm.ulid_lower_bound('2026-11-26 12:00'));
UPDATE ppm.config SET retention = 1, cleanup_policy = 'drop' WHERE table_name IN ('seconds', 'ulids');
SELECT planned FROM planned;
SELECT code, severity, detail, hint FROM anomalies WHERE code = 'encoding_suspect';
INSERT INTO seconds VALUES (extract(epoch FROM timestamptz '2026-11-26 13:25'));
DELETE FROM ulids WHERE id LIKE '%lower%';
SELECT planned FROM planned;
DROP TABLE seconds, milliseconds, nanoseconds, snowflakes, others, ulids, short_ulids, ulids_in_uuids;

-- Encodings and intervals that do not fit the key.
CREATE TABLE misfit_date (d date) PARTITION BY RANGE (d);
CREATE TABLE misfit_integer (n integer) PARTITION BY RANGE (n);
CREATE TABLE misfit_text (t text COLLATE "C") PARTITION BY RANGE (t);
CREATE TABLE misfit_collation (t text COLLATE pg_catalog."default") PARTITION BY RANGE (t);
SET client_min_messages = error;
DELETE FROM ppm.config;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, key_encoding) VALUES
    ('misfit_date', '1000', 1, NULL), ('misfit_integer', 'daily', 1, NULL), ('misfit_text', 'daily', 1, NULL), ('misfit_collation', 'daily', 1, 'ulid');
SELECT table_name, code, detail, hint FROM ppm.validate();
UPDATE ppm.config SET key_encoding = 'snowflake', "interval" = 'daily';
SELECT table_name, code, detail, hint FROM ppm.validate();
UPDATE ppm.config SET key_shift = 64;
UPDATE ppm.config SET key_epoch = '2020-01-01 00:00:00.0005';
UPDATE ppm.config SET key_encoding = 'seconds', key_epoch = '2020-01-01';
UPDATE ppm.config SET key_encoding = 'fortnights';
UPDATE ppm.config SET origin = 'noon';
UPDATE ppm.config SET "interval" = '1000', origin = 'noon';
DELETE FROM ppm.config;
DROP TABLE misfit_date, misfit_integer, misfit_text, misfit_collation;
DROP VIEW planned, anomalies;

SELECT ppm.snowflake_lower_bound('2026-11-26', '2020-01-01 00:00:00.0005+00');

-- Partitions of pg_partman are adopted by their bounds: of integers, and of days of Unix time.
CREATE TABLE partman_ids (id bigint NOT NULL) PARTITION BY RANGE (id);
SELECT format('CREATE TABLE partman_ids_p%s PARTITION OF partman_ids FOR VALUES FROM (%s) TO (%s)', n, n, n + 10) FROM generate_series(0, 40, 10) AS n \gexec
CREATE TABLE partman_ids_default PARTITION OF partman_ids DEFAULT;
CREATE TABLE partman_epoch (at bigint NOT NULL) PARTITION BY RANGE (at);
SELECT format('CREATE TABLE partman_epoch_p%s PARTITION OF partman_epoch FOR VALUES FROM (%s) TO (%s)', to_char(day, 'YYYYMMDD'), extract(epoch FROM day)::bigint, extract(epoch FROM day + interval '1 day')::bigint)
FROM generate_series(timestamptz '2026-11-18 00:00+00', '2026-11-24 00:00+00', '1 day') AS day \gexec
INSERT INTO partman_ids SELECT generate_series(0, 24);
INSERT INTO partman_epoch SELECT extract(epoch FROM timestamptz '2026-11-18 12:00+00' + n * interval '1 day') FROM generate_series(0, 4) AS n;
SET ppm.work_date = '2026-11-22';
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, key_encoding) VALUES ('partman_ids', '10', 2, 1, NULL), ('partman_epoch', 'daily', 2, 2, 'seconds');
SELECT table_name, partition, lower_value, upper_value, state FROM ppm.partitions WHERE table_name LIKE 'partman%' ORDER BY 1, 3;
SELECT table_name, code, partition FROM ppm.check() WHERE table_name LIKE 'partman%' AND code <> 'misnamed' ORDER BY 1, 2, 3;
SELECT DISTINCT hint FROM ppm.check() WHERE partition IN ('partman_ids_p20', 'partman_epoch_p20261122') ORDER BY 1;
SELECT table_name, action, partition FROM ppm.plan() WHERE table_name LIKE 'partman%' ORDER BY 1, step;
DELETE FROM ppm.config WHERE table_name LIKE 'partman%';
DROP TABLE partman_ids, partman_epoch;

-- An encoding that is corrected: the partitions of the wrong one are empty, lie after all times, and go.
CREATE TABLE corrected (at bigint NOT NULL) PARTITION BY RANGE (at);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, key_encoding) VALUES ('corrected', 'daily', 1, 1, 'milliseconds');
SET client_min_messages = warning;
CALL ppm.provision('corrected');
UPDATE ppm.config SET key_encoding = 'seconds' WHERE table_name = 'corrected';
CALL ppm.run_all('corrected');
RESET client_min_messages;
SELECT partition, lower_value, upper_value FROM ppm.partitions WHERE table_name = 'corrected';

-- A partition up to the greatest value of the type is not surplus.
CREATE TABLE corrected_rest PARTITION OF corrected FOR VALUES FROM (2000000000) TO (9223372036854775807);
SELECT action, partition FROM ppm.plan('corrected') WHERE action = 'detach';
DELETE FROM ppm.config WHERE table_name = 'corrected';
DROP TABLE corrected, corrected_2026_11_21, corrected_2026_11_22, corrected_2026_11_23;
