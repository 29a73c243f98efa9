-- ppm's own tables are protected from TRUNCATE, and from changes that logical replication applies.
SET client_min_messages = warning;
SET ppm.work_date = '2026-11-22';
DELETE FROM ppm.detached;
TRUNCATE ppm.history, ppm.last_run;
CREATE TABLE own (d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE own_2020 PARTITION OF own FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, partition_options) VALUES ('own', 'yearly', 1, 1, '{fillfactor=90}');
CALL ppm.run_all();
CREATE VIEW now AS
SELECT 'config' AS name, to_jsonb(r) AS row FROM ppm.config r UNION ALL SELECT 'configured_relations', to_jsonb(r) FROM ppm.configured_relations r
UNION ALL SELECT 'detached', to_jsonb(r) FROM ppm.detached r UNION ALL SELECT 'history', to_jsonb(r) FROM ppm.history r
UNION ALL SELECT 'last_run', to_jsonb(r) FROM ppm.last_run r;
CREATE TABLE before AS TABLE now;
SELECT name, count(*) FROM before GROUP BY name ORDER BY name;
CREATE VIEW changed AS (TABLE now EXCEPT ALL TABLE before) UNION ALL (TABLE before EXCEPT ALL TABLE now);

--
-- TRUNCATE
--

-- A role that may DELETE only its own rows must not TRUNCATE.
CREATE ROLE regress_ppm_all;
GRANT ALL ON ppm.config TO regress_ppm_all;
SET ROLE regress_ppm_all;
DELETE FROM ppm.config;
TRUNCATE ppm.config;
RESET ROLE;
REVOKE ALL ON ppm.config FROM regress_ppm_all;
DROP ROLE regress_ppm_all;
-- A superuser cannot either, whatever session_replication_role is.
TRUNCATE ppm.config CASCADE;
TRUNCATE ppm.configured_relations;
TRUNCATE own, ppm.detached;
SET session_replication_role = replica;
TRUNCATE ppm.config;
RESET session_replication_role;
SELECT count(*) FROM changed;

--
-- Replication
--

-- A session may mark itself as applying replicated changes, as tools do that replicate without PostgreSQL's own workers.
SELECT pg_replication_origin_create('regress_ppm') > 0;
SELECT pg_replication_origin_session_setup('regress_ppm');
SET session_replication_role = replica;
UPDATE ppm.config SET retention = 9 RETURNING retention;
DELETE FROM ppm.config RETURNING retention;
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('others', 'daily', 1) RETURNING table_name;
COPY ppm.config (table_name, interval, pre_provisioned) FROM stdin;
others	daily	1
\.
DELETE FROM ppm.configured_relations RETURNING 1;
DELETE FROM ppm.detached RETURNING 1;
DELETE FROM ppm.history RETURNING 1;
DELETE FROM ppm.last_run RETURNING 1;
SELECT count(*) FROM changed;
-- A replicated TRUNCATE leaves all rows of ppm's tables, and empties the other tables.
INSERT INTO own VALUES ('2026-01-01');
TRUNCATE own, ppm.config, ppm.configured_relations, ppm.detached, ppm.history, ppm.last_run RESTART IDENTITY CASCADE;
SELECT count(*) FROM changed;
SELECT count(*) FROM own;
-- Again, and in a subtransaction that is rolled back.
BEGIN;
TRUNCATE ppm.config, ppm.history;
SAVEPOINT one;
TRUNCATE ppm.config, ppm.history;
ROLLBACK TO one;
TRUNCATE ppm.history, ppm.config;
COMMIT;
SELECT count(*) FROM changed;
-- TOASTed values are kept, too.
SELECT pg_replication_origin_session_reset();
UPDATE ppm.history SET message = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 2000) AS i);
SELECT pg_replication_origin_session_setup('regress_ppm');
TRUNCATE ppm.history;
SELECT count(*) > 0, bool_and(message = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 2000) AS i)) FROM ppm.history;
-- A temporary table with the name of the saved rows is not mistaken for them.
CREATE TEMP TABLE kept_rows (LIKE ppm.config);
TRUNCATE ppm.config;
SELECT name, count(*) FROM changed WHERE name <> 'history' GROUP BY name;
DROP TABLE kept_rows;

-- One without the other is no replication: a superuser who keeps triggers off; a session that only marks what it does.
SELECT pg_replication_origin_session_reset();
UPDATE ppm.config SET retention = 2 RETURNING retention;
RESET session_replication_role;
SELECT pg_replication_origin_session_setup('regress_ppm');
UPDATE ppm.config SET retention = 1 RETURNING retention;

-- As pg_restore --disable-triggers leaves them, the triggers are in nobody's way, and the next call of run_all puts them right.
ALTER TABLE ppm.config DISABLE TRIGGER ALL;
ALTER TABLE ppm.config ENABLE TRIGGER ALL;
UPDATE ppm.config SET retention = 2 RETURNING retention;
TRUNCATE ppm.config;
UPDATE ppm.config SET retention = 1 RETURNING retention;
SELECT pg_replication_origin_session_reset();
SELECT pg_replication_origin_drop('regress_ppm');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'ppm.config'::regclass AND tgfoid <> 'ppm.configuration_written'::regproc ORDER BY 1;
CALL ppm.run_all();
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'ppm.config'::regclass ORDER BY 1;

-- The functions refuse to be used by other triggers.
SELECT ppm.skip_replicated();
SELECT ppm.refuse_truncate();

DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DROP VIEW changed, now;
DROP TABLE before, own, own_2020;
TRUNCATE ppm.history, ppm.last_run;
