-- Writing ppm.config: constraints, warnings, privileges.
\set SHOW_CONTEXT never
CREATE TABLE plain (d date);
CREATE TABLE by_day (d date NOT NULL, n int) PARTITION BY RANGE (d);

INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('by_day', 'daily', 1);
SELECT * FROM ppm.config;

-- Values out of range are refused, and change nothing.
\set VERBOSITY sqlstate
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('by_day', 'daily', 2);
UPDATE ppm.config SET pre_provisioned = 0;
UPDATE ppm.config SET pre_provisioned = -1;
UPDATE ppm.config SET pre_provisioned = 1001;
UPDATE ppm.config SET pre_provisioned = NULL;
UPDATE ppm.config SET retention = 0;
UPDATE ppm.config SET retention = -7;
UPDATE ppm.config SET retention = 10001;
UPDATE ppm.config SET pre_provisioned = 99999999999;
\set VERBOSITY default
UPDATE ppm.config SET interval = 'often';
UPDATE ppm.config SET cleanup_policy = 'archive';
UPDATE ppm.config SET timezone = 'Mars/Olympus';
UPDATE ppm.config SET timezone = '';
UPDATE ppm.config SET timezone = 'Berlin1';  -- PostgreSQL would take it for a POSIX specification
UPDATE ppm.config SET timezone = 'UTC+3';    -- likewise, and west of Greenwich
\set VERBOSITY sqlstate
UPDATE ppm.config SET timezone = 'Nowhere/At_All';
\set VERBOSITY default
SELECT interval, pre_provisioned, retention, cleanup_policy, timezone FROM ppm.config;

-- The limits themselves, and names of zones in any case and with digits.
UPDATE ppm.config SET pre_provisioned = 1000, retention = 10000;
UPDATE ppm.config SET retention = NULL, timezone = 'europe/berlin';
UPDATE ppm.config SET timezone = 'Etc/GMT+5';
UPDATE ppm.config SET pre_provisioned = 1, timezone = 'UTC';

-- If the row contradicts the catalog, that is only a warning: the row is written.
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('plain', 'daily', 1);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('nowhere', 'nothing', 'daily', 1);
UPDATE ppm.config SET partition_key = 'n' WHERE table_name = 'by_day';
UPDATE ppm.config SET partition_key = 'd' WHERE table_name = 'by_day';
SELECT schema_name, table_name, partition_key FROM ppm.config ORDER BY table_name;

-- Deleting the row, or restoring it again, does not fail either.
DELETE FROM ppm.config WHERE table_name <> 'by_day';

-- Only the owner of the table may write its row.
CREATE ROLE regress_ppm_owner;
CREATE ROLE regress_ppm_other;
GRANT SELECT, INSERT, UPDATE, DELETE ON ppm.config TO regress_ppm_owner, regress_ppm_other;
CREATE TABLE owned (d date NOT NULL) PARTITION BY RANGE (d);
ALTER TABLE owned OWNER TO regress_ppm_owner;

SET ROLE regress_ppm_other;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('owned', 'daily', 1);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('not_there', 'daily', 1);
UPDATE ppm.config SET pre_provisioned = 2;
DELETE FROM ppm.config;
RESET ROLE;

SET ROLE regress_ppm_owner;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('owned', 'daily', 1);
UPDATE ppm.config SET table_name = 'by_day', schema_name = 'elsewhere' WHERE table_name = 'owned';
UPDATE ppm.config SET pre_provisioned = 2 WHERE table_name = 'owned';
RESET ROLE;
GRANT regress_ppm_owner TO regress_ppm_other;
SET ROLE regress_ppm_other;
DELETE FROM ppm.config WHERE table_name = 'owned';  -- a member of the owning role
RESET ROLE;
SELECT table_name FROM ppm.config;

REVOKE ALL ON ppm.config FROM regress_ppm_owner, regress_ppm_other;
DROP TABLE owned, plain, by_day;
DELETE FROM ppm.config;
DROP ROLE regress_ppm_owner, regress_ppm_other;

-- The trigger function refuses to be used by other triggers.
SELECT ppm.configuration_written();

-- A row that another trigger has deleted again causes no warning.
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN DELETE FROM ppm.config WHERE table_name = NEW.table_name; RETURN NULL; END $$;
CREATE TRIGGER before_the_other AFTER INSERT ON ppm.config FOR EACH ROW EXECUTE FUNCTION forget();
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('nowhere', 'daily', 1);
SELECT table_name FROM ppm.config;
DROP FUNCTION forget CASCADE;

-- A dump that names a zone which this server does not know can still be restored; pg_dump sets this.
CREATE TABLE restored (d date) PARTITION BY RANGE (d);
SET check_function_bodies = off;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, timezone) VALUES ('restored', 'daily', 1, 'Gone/Zone');
RESET check_function_bodies;
SELECT code, detail, hint FROM ppm.validate('restored');
CALL ppm.provision('restored');
DELETE FROM ppm.config;
DROP TABLE restored;
