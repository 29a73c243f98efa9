-- What people's databases really look like: references, renames, other owners, odd names, lost columns.
SET ppm.work_date = '2026-11-22';
SET client_min_messages = error;
\set SHOW_CONTEXT never
CREATE SCHEMA daily;
SET search_path = daily;
-- A configured table with days from 10 before today on, a row in each.
CREATE PROCEDURE fill(name text, policy ppm.cleanup_policy, retention integer) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
        VALUES ('daily', name, 'daily', 1, retention, policy);
    FOR day IN -10 .. -6 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name || day, name, date '2026-11-22' + day, date '2026-11-22' + day + 1);
    END LOOP;
    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name || '_rest', name, '2026-11-17', '2026-11-22');
END $$;
CREATE FUNCTION left_of(name text) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = name::regclass AND inhrelid::regclass::text ~ '-' $$;
CREATE FUNCTION said(name text) RETURNS TABLE (partition name, code text, detail text, hint text) LANGUAGE sql AS
    $$ SELECT partition, code, detail, hint FROM ppm.check(name::regclass) WHERE code NOT IN ('gap', 'misnamed', 'off_grid', 'unindexed_reference') $$;

-- Tables that refer to others lose their partitions first, whatever their names.
CREATE TABLE header (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE line (id int, day date, PRIMARY KEY (id, day), FOREIGN KEY (id, day) REFERENCES header) PARTITION BY RANGE (day);
CREATE TABLE note (id int, day date, FOREIGN KEY (id, day) REFERENCES line) PARTITION BY RANGE (day);
CALL fill('header', 'drop', 5);
CALL fill('line', 'drop', 5);
CALL fill('note', 'drop', 5);
INSERT INTO header SELECT 1, day::date FROM generate_series(date '2026-11-12', '2026-11-22', '1 day') AS day WHERE day < '2026-11-22';
INSERT INTO line TABLE header;
INSERT INTO note TABLE line;
CALL ppm.run_all();
SELECT left_of('header'), left_of('line'), left_of('note');

-- If tables refer to each other, failed removals are tried again after the rest: here younger rows of each table refer to older ones of the other.
DELETE FROM ppm.config;
DROP TABLE note, line, header;
CREATE TABLE b (id int, day date, other_day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE c (id int, day date, other_day date, PRIMARY KEY (id, day), FOREIGN KEY (id, other_day) REFERENCES b) PARTITION BY RANGE (day);
ALTER TABLE b ADD FOREIGN KEY (id, other_day) REFERENCES c;
CALL fill('b', 'drop', 5);
CALL fill('c', 'drop', 5);
INSERT INTO b VALUES (1, '2026-11-12', NULL);
INSERT INTO c VALUES (1, '2026-11-13', '2026-11-12');
INSERT INTO b VALUES (1, '2026-11-14', '2026-11-13');
INSERT INTO c VALUES (1, '2026-11-15', '2026-11-14');
CALL ppm.run_all();
SELECT left_of('b'), left_of('c');

-- Within a table that refers to itself the younger ones go first. Rows that keep a partition for ever are named.
DELETE FROM ppm.config;
DROP TABLE b, c;
CREATE TABLE node (id int, day date, above int, above_day date, PRIMARY KEY (id, day), FOREIGN KEY (above, above_day) REFERENCES node) PARTITION BY RANGE (day);
CALL fill('node', 'drop', 5);
INSERT INTO node VALUES (1, '2026-11-13', NULL, NULL), (2, '2026-11-15', 1, '2026-11-13'), (3, '2026-11-14', NULL, NULL),
    (4, '2026-11-20', 3, '2026-11-14'), (5, '2026-11-12', NULL, NULL), (6, '2026-11-12', 5, '2026-11-12');
\set VERBOSITY terse
CALL ppm.cleanup('node');
SELECT left_of('node');
SELECT regexp_replace(detail, 'foreign key constraint "\S+"', '...'), hint FROM said('node') WHERE partition = 'node-8';
SELECT r.* FROM daily.node AS r WHERE EXISTS (SELECT FROM daily."node-8" AS p WHERE (p.id, p.day) = (r.above, r.above_day));
DELETE FROM node WHERE id IN (4, 6);
CALL ppm.run_all('node');
SELECT left_of('node');

\set VERBOSITY default
DELETE FROM ppm.config;
DROP TABLE node;

-- A table that waits to be dropped is still known after its schema is renamed, and after it is renamed itself; in the second case it is not dropped.
CREATE TABLE moved (day date) PARTITION BY RANGE (day);
CALL fill('moved', 'drop', 5);
CREATE VIEW over AS SELECT day FROM "moved-10" UNION SELECT day FROM "moved-9";
CALL ppm.cleanup('moved');
DROP VIEW over;
ALTER SCHEMA daily RENAME TO nightly;
SET search_path = nightly;
UPDATE ppm.config SET schema_name = 'nightly';
ALTER TABLE "moved-9" RENAME TO mine;
SELECT partition, code FROM said('moved');
\set VERBOSITY terse
CALL ppm.run_all('moved');
\set VERBOSITY default
SELECT table_name, schema_name, detached_schema, detached FROM ppm.detached;
SELECT to_regclass('"moved-10"'), to_regclass('mine');
ALTER SCHEMA nightly RENAME TO daily;
SET search_path = daily;
UPDATE ppm.config SET schema_name = 'daily';
DROP TABLE mine;

-- So is a kept table: it is attached again under the new name of the schema; a table that was moved to another schema is reported.
UPDATE ppm.config SET cleanup_policy = 'detach', retention = 1;
CREATE SCHEMA archive;
CALL ppm.run_all('moved');
CREATE TABLE "moved-5" PARTITION OF moved FOR VALUES FROM ('2026-11-12') TO ('2026-11-13');
CREATE TABLE "moved-4" PARTITION OF moved FOR VALUES FROM ('2026-11-13') TO ('2026-11-14');
CALL ppm.cleanup('moved');
ALTER SCHEMA daily RENAME TO nightly;
SET search_path = nightly;
UPDATE ppm.config SET schema_name = 'nightly', retention = 10;
ALTER TABLE "moved-4" SET SCHEMA archive;
CALL ppm.run_all('moved');
SELECT left_of('moved');
SELECT partition, code, detail FROM said('moved') WHERE code <> 'missing_partition';
SELECT detached_schema, detached FROM ppm.detached;
ALTER SCHEMA nightly RENAME TO daily;
SET search_path = daily;
DELETE FROM ppm.config;
DROP TABLE moved, archive."moved-4";
DROP SCHEMA archive;

-- A partition of another owner is not detached under policy drop: it could never be dropped.
CREATE ROLE regress_ppm_app;
GRANT USAGE, CREATE ON SCHEMA daily TO regress_ppm_app;
CREATE TABLE owned (day date) PARTITION BY RANGE (day);
CALL fill('owned', 'drop', 5);
ALTER TABLE owned OWNER TO regress_ppm_app;
ALTER TABLE "owned-8" OWNER TO regress_ppm_app;
CALL ppm.cleanup('owned');
SELECT left_of('owned'), (SELECT count(*) FROM ppm.detached);
SELECT partition, code, hint FROM said('owned') WHERE partition = 'owned-9';
DELETE FROM ppm.config;
DROP TABLE owned;
REVOKE ALL ON SCHEMA daily FROM regress_ppm_app;
DROP ROLE regress_ppm_app;

-- If a table cannot be attached again, the detail says why, and the hint is not a call that cannot succeed.
CREATE TABLE changed (day date) PARTITION BY RANGE (day);
CALL fill('changed', 'detach', 5);
CALL ppm.cleanup('changed');
ALTER TABLE changed ADD COLUMN added int;
UPDATE ppm.config SET retention = 8;
CALL ppm.provision('changed');
SELECT * FROM said('changed') WHERE partition = 'changed-8';
DELETE FROM ppm.config;
DROP TABLE changed, "changed-10", "changed-9", "changed-8", "changed-7", "changed-6";

-- Why a partition could not be created, and what to fix first.
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF tg_tag = 'CREATE TABLE' THEN RAISE 'not today'; END IF; END $$;
CREATE TABLE refused (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('daily', 'refused', 'daily', 1);
CREATE EVENT TRIGGER regress_ppm_refuse ON ddl_command_end EXECUTE FUNCTION refuse();
CALL ppm.provision('refused');
DROP EVENT TRIGGER regress_ppm_refuse;
SELECT * FROM said('refused') LIMIT 1;
CALL ppm.provision('refused');
SELECT count(*) FROM said('refused');

-- A partition that rows in the default partition block is not planned.
CREATE TABLE refused_default PARTITION OF refused DEFAULT;
INSERT INTO refused VALUES ('2026-11-24');
UPDATE ppm.config SET pre_provisioned = 3;
SET client_min_messages = notice;
SELECT action, partition FROM ppm.plan('refused');
SELECT partition, hint FROM said('refused') WHERE partition = 'refused_2026_11_24';
SET client_min_messages = error;
DELETE FROM ppm.config;
DROP TABLE refused;

-- Names in ppm.config are not written as in SQL.
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('Events', 'daily', 1);
SELECT hint FROM ppm.validate();
DELETE FROM ppm.config WHERE table_name = 'Events';
CREATE TABLE "Orders" (day date) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('daily.Orders', 'daily', 1);
SELECT hint FROM ppm.validate();
UPDATE ppm.config SET schema_name = 'daily', table_name = 'Orders' WHERE schema_name = 'public' AND table_name = 'daily.Orders';
SELECT hint FROM ppm.validate();
DELETE FROM ppm.config;
DROP TABLE "Orders";

-- Statistics objects are copied by the names of columns, whatever columns were dropped before.
CREATE TABLE counted (gone int, day date, x int, gone_too text, "y y" int) PARTITION BY RANGE (day);
ALTER TABLE counted DROP COLUMN gone;
CREATE STATISTICS part (ndistinct, dependencies) ON x, "y y" FROM counted;
CREATE STATISTICS twice ON x, "y y" FROM counted;
CREATE STATISTICS expressed ON (x + "y y"), day FROM counted;
CREATE STATISTICS one ON (x * 2) FROM counted;
ALTER STATISTICS part SET STATISTICS 77;
COMMENT ON STATISTICS part IS 'it''s counted';
ALTER TABLE counted DROP COLUMN gone_too;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('daily', 'counted', 'daily', 1);
CALL ppm.provision('counted');
CREATE FUNCTION statistics_of(name text) RETURNS TABLE (name name, definition text, target int, comment text) LANGUAGE sql AS $$
    SELECT replace(stxname, name, 't')::name, replace(replace(pg_get_statisticsobjdef(oid), name, 't'), 'daily.', ''), nullif(stxstattarget, -1)::int, obj_description(oid, 'pg_statistic_ext')
    FROM pg_statistic_ext WHERE stxrelid = name::regclass ORDER BY 1 $$;
SELECT * FROM statistics_of('counted_2026_11_22');
DELETE FROM ppm.config;
DROP TABLE counted;

-- A partition without the primary key of its parent is an error, and so is a parent without that of its partitions.
CREATE TABLE keyed (day date NOT NULL) PARTITION BY RANGE (day);
CALL fill('keyed', 'detach', NULL);
CALL ppm.provision('keyed');
ALTER TABLE ONLY keyed ADD PRIMARY KEY (day);
SELECT partition, severity, code FROM ppm.check('keyed') WHERE partition IN ('keyed-6', 'keyed_2026_11_22') ORDER BY 1, 3;
ALTER TABLE keyed DROP CONSTRAINT keyed_pkey;
SELECT format('ALTER TABLE %s ADD PRIMARY KEY (day)', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'keyed'::regclass ORDER BY inhrelid \gexec
SELECT partition, severity, code, detail FROM ppm.check('keyed') WHERE code = 'missing_index';
ALTER TABLE keyed ADD PRIMARY KEY (day);
SELECT count(*) FROM ppm.check('keyed') WHERE code = 'missing_index';
DELETE FROM ppm.config;

-- Call numbers never decrease, also if an older dump is restored.
SELECT max(run_id) AS last FROM ppm.last_run \gset
SELECT setval('ppm.run_id', 1);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('daily', 'keyed', 'daily', 2);
CALL ppm.provision('keyed');
SELECT max(run_id) > :last FROM ppm.last_run;
DELETE FROM ppm.config;
DROP SCHEMA daily CASCADE;
