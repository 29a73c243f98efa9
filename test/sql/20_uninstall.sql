-- DROP EXTENSION leaves the tables as they are.
SET ppm.work_date = '2026-11-22';
CREATE TABLE kept (d date) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('kept', 'daily', 1);
CALL ppm.provision();
DROP EXTENSION ppm;
INSERT INTO kept VALUES ('2026-11-22'), ('2026-11-23');
SELECT tableoid::regclass, * FROM kept ORDER BY d;
SELECT nspname FROM pg_namespace WHERE nspname = 'ppm';
DROP TABLE kept;

-- A schema of that name that is somebody else's is not taken over.
\set SHOW_CONTEXT never
CREATE SCHEMA ppm;
CREATE EXTENSION ppm;
DROP SCHEMA ppm;
