-- A row of ppm.config applies to the table that it was written for, and not to another that later gets its name.
\set VERBOSITY terse
SET client_min_messages = warning;
SET ppm.work_date = '2026-11-22';
CREATE ROLE regress_ppm_owner;
CREATE ROLE regress_ppm_other;
GRANT SELECT, INSERT, UPDATE, DELETE ON ppm.config TO regress_ppm_owner, regress_ppm_other;
GRANT EXECUTE ON PROCEDURE ppm.run_all(regclass), ppm.cleanup(regclass), ppm.provision(regclass) TO regress_ppm_owner, regress_ppm_other;
CREATE SCHEMA replaced;
GRANT USAGE, CREATE ON SCHEMA replaced TO regress_ppm_owner, regress_ppm_other;
SET search_path = replaced;
SET DateStyle = ISO;

-- A table whose rows of 2020 are outdated wherever a row of ppm.config says so.
CREATE PROCEDURE make(name text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %I (d date NOT NULL) PARTITION BY RANGE (d)', name);
	EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (''2020-01-01'') TO (''2021-01-01'')', name || '_2020', name);
	EXECUTE format('INSERT INTO %I VALUES (''2020-06-01'')', name);
END $$;
GRANT EXECUTE ON PROCEDURE make(text) TO PUBLIC;
CREATE PROCEDURE configure(name text) LANGUAGE sql AS $$
	INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
	VALUES ('replaced', name, 'yearly', 1, 1, 'drop') $$;
-- Without what differs from run to run.
CREATE FUNCTION said() RETURNS TABLE (table_name name, code text, detail text, hint text) LANGUAGE sql AS $$
	SELECT table_name, code, regexp_replace(regexp_replace(detail, 'OID \d+', 'OID N', 'g'), 'at [-0-9: ]+ UTC', 'at T'), hint
	FROM ppm.validate() $$;
CREATE FUNCTION remembered() RETURNS TABLE (table_name name, relation text, confirmed_by name) LANGUAGE sql AS $$
	SELECT table_name, coalesce((SELECT relname FROM pg_class WHERE oid = relation), 'gone'), confirmed_by
	FROM ppm.configured_relations ORDER BY 1 $$;

--
-- Dropped and created by somebody else
--

SET ROLE regress_ppm_other;
CALL make('t');
CALL configure('t');
DROP TABLE t;
SET ROLE regress_ppm_owner;
CALL make('t');
RESET ROLE;
\x on
SELECT * FROM said();
\x off
SELECT * FROM ppm.plan();
SELECT code FROM ppm.check();
SELECT errors, healthy FROM ppm.status;
CALL ppm.provision();
CALL ppm.cleanup();
CALL ppm.run_all();
SET ROLE regress_ppm_owner;
CALL ppm.run_all('t');
RESET ROLE;
SELECT tableoid::regclass, d FROM t;
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 't'::regclass;

-- Only a role with the privileges of the new table's owner can confirm that it is meant.
SET ROLE regress_ppm_other;
UPDATE ppm.config SET table_name = table_name WHERE schema_name = 'replaced' AND table_name = 't';
RESET ROLE;
SELECT code FROM ppm.validate();
SET ROLE regress_ppm_owner;
UPDATE ppm.config SET table_name = table_name WHERE schema_name = 'replaced' AND table_name = 't';
RESET ROLE;
SELECT code FROM ppm.validate();
SELECT * FROM remembered();
SET client_min_messages = notice;
CALL ppm.run_all();
SET client_min_messages = warning;
SELECT * FROM t;

-- Any write of the row confirms it, also INSERT ... ON CONFLICT DO UPDATE.
DROP TABLE t;
CALL make('t');
SELECT code FROM ppm.validate();
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('replaced', 't', 'daily', 1)
ON CONFLICT (schema_name, table_name) DO NOTHING;
SELECT code FROM ppm.validate();
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('replaced', 't', 'daily', 1)
ON CONFLICT (schema_name, table_name) DO UPDATE SET retention = 2;
SELECT code FROM ppm.validate();
-- While there is no table, nothing is forgotten.
DROP TABLE t;
UPDATE ppm.config SET retention = 1;
CALL make('t');
SELECT code FROM ppm.validate();
-- A row that is deleted and inserted again applies to the new table.
DELETE FROM ppm.config;
SELECT * FROM remembered();
CALL configure('t');
SELECT code FROM ppm.validate();
DELETE FROM ppm.config;
DROP TABLE t;

--
-- Renamed
--

CALL make('a');
CALL make('b');
CALL configure('a');
ALTER TABLE a RENAME TO c;
\x on
SELECT * FROM said();
\x off
ALTER TABLE c RENAME TO a;
SELECT * FROM said();
-- Two tables that swap their names.
BEGIN;
ALTER TABLE a RENAME TO c;
ALTER TABLE b RENAME TO a;
ALTER TABLE c RENAME TO b;
COMMIT;
\x on
SELECT * FROM said();
\x off
CALL ppm.run_all();
SELECT count(*) FROM a;
SELECT count(*) FROM b;
-- The statement in the hint makes the row follow the table.
UPDATE ppm.config SET schema_name = 'replaced', table_name = 'b' WHERE schema_name = 'replaced' AND table_name = 'a';
SELECT * FROM said();
SELECT * FROM remembered();
-- Two schemas that swap their names.
CREATE SCHEMA replaced2;
CREATE TABLE replaced2.b (d date NOT NULL) PARTITION BY RANGE (d);
ALTER SCHEMA replaced RENAME TO replaced3;
ALTER SCHEMA replaced2 RENAME TO replaced;
ALTER SCHEMA replaced3 RENAME TO replaced2;
SET search_path = replaced2;
\x on
SELECT * FROM said();
\x off
DROP SCHEMA replaced CASCADE;
SELECT code FROM ppm.validate();
ALTER SCHEMA replaced2 RENAME TO replaced;
SET search_path = replaced;
SELECT code FROM ppm.validate();
DELETE FROM ppm.config;
DROP TABLE a, b;

-- The owner of the original table may make the row follow it, or delete it, whoever owns the table that has its name now.
SET ROLE regress_ppm_owner;
CALL make('mine');
CALL configure('mine');
ALTER TABLE mine RENAME TO mine_too;
ALTER TABLE mine_2020 RENAME TO mine_too_2020;
SET ROLE regress_ppm_other;
CALL make('mine');
DELETE FROM ppm.config WHERE table_name = 'nothing';
SET ROLE regress_ppm_owner;
UPDATE ppm.config SET retention = 5 WHERE table_name = 'mine';
UPDATE ppm.config SET table_name = 'mine_too' WHERE table_name = 'mine';
SELECT table_name, retention FROM ppm.config;
SET ROLE regress_ppm_other;
DELETE FROM ppm.config;
RESET ROLE;
ALTER TABLE mine_too RENAME TO mine_three;
SET ROLE regress_ppm_other;
DELETE FROM ppm.config;
SET ROLE regress_ppm_owner;
DELETE FROM ppm.config;
RESET ROLE;
SELECT * FROM remembered();
DROP TABLE mine, mine_three;

-- Names that need quotes.
CREATE TABLE "it's ""A""" (d date NOT NULL) PARTITION BY RANGE (d);
CALL configure('it''s "A"');
ALTER TABLE "it's ""A""" RENAME TO "it's";
CREATE TABLE "it's ""A""" (d date NOT NULL) PARTITION BY RANGE (d);
\x on
SELECT * FROM said();
\x off
DELETE FROM ppm.config;

--
-- Rows without a recorded relation
--

-- A row that was written before its table existed applies to the first table that a call finds.
CALL configure('later');
SELECT * FROM remembered();
CALL make('later');
SELECT count(*) FROM ppm.check();
SELECT * FROM remembered();
CALL ppm.provision();
SELECT * FROM remembered();
DROP TABLE later;
CALL make('later');
SELECT code FROM ppm.validate();
-- The same if the trigger did not fire.
ALTER TABLE ppm.config DISABLE TRIGGER configuration_written;
DELETE FROM ppm.config;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('replaced', 'other', 'yearly', 1);
ALTER TABLE ppm.config ENABLE TRIGGER configuration_written;
CALL make('other');
-- Only a role with the privileges of the owner records the relation.
SET ROLE regress_ppm_other;
CALL ppm.run_all();
RESET ROLE;
SELECT * FROM remembered();
-- A call with nothing to do records it, too, and forgets relations without a row in ppm.config.
CALL ppm.provision();
UPDATE ppm.configured_relations SET confirmed_by = 'before' WHERE table_name = 'other';
CALL ppm.run_all();
SELECT * FROM remembered();
-- An infinite time in ppm.configured_relations is shown as it is.
UPDATE ppm.configured_relations SET confirmed_at = 'infinity', relation = 1;
SELECT code, substr(detail, strpos(detail, 'at infinity')) AS detail FROM ppm.validate();
-- In a read-only transaction, there may be nothing to do.
DELETE FROM ppm.configured_relations;
BEGIN READ ONLY;
CALL ppm.provision();
COMMIT;
SELECT * FROM remembered();

DELETE FROM ppm.config;
SET client_min_messages = error;
DROP SCHEMA replaced CASCADE;
REVOKE ALL ON ppm.config FROM regress_ppm_owner, regress_ppm_other;
REVOKE ALL ON PROCEDURE ppm.run_all(regclass), ppm.cleanup(regclass), ppm.provision(regclass) FROM regress_ppm_owner, regress_ppm_other;
DROP ROLE regress_ppm_owner, regress_ppm_other;
