-- A library function that is declared with wrong types, or without its search_path, is refused.
CREATE FUNCTION declared_scalar(regclass) RETURNS int LANGUAGE c AS '$libdir/ppm', 'ppm_validate';
CREATE FUNCTION declared_set(regclass) RETURNS SETOF int LANGUAGE c AS '$libdir/ppm', 'ppm_validate';
CREATE FUNCTION declared_unpinned(regclass) RETURNS TABLE (schema_name name, table_name name) LANGUAGE c AS '$libdir/ppm', 'ppm_validate';
CREATE FUNCTION declared_short(regclass) RETURNS TABLE (schema_name name, table_name name) LANGUAGE c SET search_path = pg_catalog, pg_temp AS '$libdir/ppm', 'ppm_validate';
SET client_min_messages = error;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('nowhere', 'daily', 1);
SELECT declared_scalar(NULL);
SELECT declared_set(NULL);
SELECT declared_unpinned(NULL);
SELECT declared_short(NULL);
DROP FUNCTION declared_scalar, declared_set, declared_short, declared_unpinned;

-- A missing table of ppm is refused, too.
DELETE FROM ppm.config;
RESET client_min_messages;
CREATE TABLE kept (d date) PARTITION BY RANGE (d);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('kept', 'daily', 1);
ALTER TABLE ppm.detached RENAME TO elsewhere;
SELECT * FROM ppm.check();
ALTER TABLE ppm.elsewhere RENAME TO detached;
DROP TABLE kept;
DELETE FROM ppm.config;

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

-- CREATE EXTENSION does not take over an existing schema ppm of another owner.
\set SHOW_CONTEXT never
CREATE SCHEMA ppm;
CREATE EXTENSION ppm;
DROP SCHEMA ppm;
