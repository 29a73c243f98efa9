-- If the window would begin before year 1, or for a uuid before 1970, nothing is outdated.
SET ppm.work_date = '2026-11-22';
SET client_min_messages = error;
SET timezone = 'UTC';
\set VERBOSITY terse
CREATE SCHEMA ancient;
SET search_path = ancient;

CREATE TABLE finds (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE before_christ PARTITION OF finds FOR VALUES FROM ('0045-01-01 BC') TO ('0044-01-01 BC');
INSERT INTO finds VALUES ('0045-03-15 BC', 'Ides');
CREATE TABLE after_christ PARTITION OF finds FOR VALUES FROM ('0001-01-01') TO ('2026-01-01');
CREATE TABLE stamped (at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE stamped_begin PARTITION OF stamped FOR VALUES FROM (MINVALUE) TO ('0001-01-01 00:00+00');
CREATE TABLE stamped_era PARTITION OF stamped FOR VALUES FROM ('0001-01-01 00:00+00') TO ('2026-10-01 00:00+00');
INSERT INTO stamped VALUES ('-infinity'), ('4000-01-01 BC');
CREATE TABLE ids (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE ids_begin PARTITION OF ids FOR VALUES FROM (MINVALUE) TO ('00000000-0000-7000-8000-000000000000');
CREATE TABLE ids_era PARTITION OF ids FOR VALUES FROM ('00000000-0000-7000-8000-000000000000') TO (ppm.uuidv7_lower_bound('2026-01-01 00:00+00'));
INSERT INTO ids VALUES ('00000000-0000-0000-0000-000000000000');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES
    ('ancient', 'finds', 'yearly', 1, 10000, 'drop'), ('ancient', 'stamped', 'quarterly', 1, 8104, 'drop'), ('ancient', 'ids', 'yearly', 1, 57, 'drop');
CALL ppm.run_all();
SELECT partition, state FROM ppm.partitions WHERE partition ~ 'christ|begin|era' ORDER BY partition;
SELECT table_name, action, partition FROM ppm.plan();
SELECT count(*) FROM finds;

-- If the window begins exactly there, a partition before it is outdated.
UPDATE ppm.config SET retention = 2025 WHERE table_name = 'finds';
UPDATE ppm.config SET retention = 8103 WHERE table_name = 'stamped';
UPDATE ppm.config SET retention = 56 WHERE table_name = 'ids';
SELECT table_name, action, partition FROM ppm.plan();
DELETE FROM ppm.config;
DROP SCHEMA ancient CASCADE;
