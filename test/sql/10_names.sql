-- Names: always quoted, never truncated, and never taken from another relation.
SET ppm.work_date = '2026-11-22';
\set SHOW_CONTEXT never
CREATE SCHEMA "Sch""ema'; --";
SET search_path = "Sch""ema'; --";

CREATE TABLE "Ta""ble' $$ %s \ ü" ("K'ey""; --" date) PARTITION BY RANGE ("K'ey""; --");
CREATE TABLE catch_all PARTITION OF "Ta""ble' $$ %s \ ü" DEFAULT;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, partition_key)
VALUES ('Sch"ema''; --', 'Ta"ble'' $$ %s \ ü', 'weekly', 1, 'K''ey"; --');
SELECT * FROM ppm.validate();
SELECT statement FROM ppm.plan() LIMIT 1;
CALL ppm.provision();
SELECT * FROM ppm.plan();
DELETE FROM ppm.config;
DROP TABLE "Ta""ble' $$ %s \ ü";

-- Reserved words.
CREATE TABLE "select" ("table" timestamptz) PARTITION BY RANGE ("table");
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('Sch"ema''; --', 'select', 'yearly', 1);
CALL ppm.provision('"select"');
DELETE FROM ppm.config;

-- 63 bytes, with characters of more than one byte.
CREATE TABLE "ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234" (d date) PARTITION BY RANGE (d);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned)
VALUES ('Sch"ema''; --', 'ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234', 'daily', 1);
CALL ppm.provision();
UPDATE ppm.config SET interval = 'yearly';
CALL ppm.provision();
-- A partition for part of a slot has a longer name: a name that is too long is reported, and the others are created.
SET ppm.work_date = '2026-11-22';
UPDATE ppm.config SET interval = 'monthly';
DROP TABLE "ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234_2027";
ALTER TABLE "ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234" DETACH PARTITION "ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234_2026";
ALTER TABLE "ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234" ATTACH PARTITION "ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_ÄÖÜ_1234_2026"
    FOR VALUES FROM ('2026-01-01') TO ('2026-11-20');
CALL ppm.provision();
DELETE FROM ppm.config;

-- An existing relation that has the name is not adopted, whatever it is; the other slots are created.
CREATE TABLE taken (d date) PARTITION BY RANGE (d);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('Sch"ema''; --', 'taken', 'daily', 4);
CREATE TABLE taken_2026_11_22 (d date);
CREATE VIEW taken_2026_11_23 AS SELECT current_date AS d;
CREATE SEQUENCE taken_2026_11_24;
CREATE TYPE taken_2026_11_25 AS ENUM ();
CALL ppm.provision();
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'taken'::regclass;
SELECT partition FROM ppm.plan();
\set VERBOSITY sqlstate
CALL ppm.provision();
\set VERBOSITY default

-- Nor is a partition of the same table that has other bounds, or is being detached.
CREATE TABLE wrong (d date) PARTITION BY RANGE (d);
CREATE TABLE wrong_2026_11_22 PARTITION OF wrong FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE wrong_2026_11_23 PARTITION OF wrong DEFAULT;
DELETE FROM ppm.config;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('Sch"ema''; --', 'wrong', 'daily', 2);
CALL ppm.provision();
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'wrong'::regclass ORDER BY inhrelid::regclass::text;

DELETE FROM ppm.config;
SET client_min_messages = error;
DROP SCHEMA "Sch""ema'; --" CASCADE;
