-- Parents with a default partition.
SET ppm.work_date = '2026-11-22';
\set SHOW_CONTEXT never
CREATE TABLE late (d date, n int) PARTITION BY RANGE (d);
CREATE TABLE late_rest PARTITION OF late DEFAULT;
INSERT INTO late VALUES ('2026-11-23', 1), ('2026-12-24', 2), (NULL, 3);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('late', 'daily', 2);

-- Rows of a slot in the default partition block only the partition of that slot.
CALL ppm.provision();
SELECT tableoid::regclass, * FROM late ORDER BY n;
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'late'::regclass ORDER BY inhrelid::regclass::text;

-- When the rows are gone, the partition is created.
BEGIN;
CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT * FROM late_rest WHERE d = '2026-11-23';
DELETE FROM late_rest WHERE d = '2026-11-23';
CALL ppm.provision();
INSERT INTO late SELECT * FROM moved;
COMMIT;
SELECT tableoid::regclass, * FROM late ORDER BY n;

-- A policy that hides the rows does not make the default partition look empty.
CREATE ROLE regress_ppm_owner;
GRANT CREATE, USAGE ON SCHEMA public TO regress_ppm_owner;
INSERT INTO late VALUES ('2026-11-25', 4);
ALTER TABLE late OWNER TO regress_ppm_owner;
ALTER TABLE late_rest OWNER TO regress_ppm_owner;
ALTER TABLE late_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE late_rest FORCE ROW LEVEL SECURITY;
UPDATE ppm.config SET pre_provisioned = 3;
CALL ppm.provision();
SELECT tableoid::regclass, * FROM late WHERE n = 4;

-- A default partition that is partitioned itself.
CREATE TABLE nested (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE nested_rest PARTITION OF nested DEFAULT PARTITION BY RANGE (at);
CREATE TABLE nested_rest_2026 PARTITION OF nested_rest FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');
INSERT INTO nested VALUES ('2026-11-22 12:00+00');
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('nested', 'daily', 1);
CALL ppm.provision('nested');

-- ppm does not read a default partition that is a foreign table.
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE TABLE remote (d date) PARTITION BY RANGE (d);
CREATE FOREIGN TABLE remote_rest PARTITION OF remote DEFAULT SERVER nowhere;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('remote', 'daily', 1);
CALL ppm.provision('remote');
SELECT * FROM ppm.check('remote');

DELETE FROM ppm.config;
DROP TABLE late, nested, remote;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
REVOKE ALL ON SCHEMA public FROM regress_ppm_owner;
DROP ROLE regress_ppm_owner;
