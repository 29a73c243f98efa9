-- ppm.config.template: what new partitions have besides what their parent has. Days count from 2026-03-15.
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
SET ppm.work_date = '2026-03-15';
CREATE ROLE regress_template_owner;
CREATE ROLE regress_template_stranger;
CREATE SCHEMA formed AUTHORIZATION regress_template_owner;
GRANT USAGE, CREATE ON SCHEMA formed TO regress_template_stranger;
SET search_path = formed, public;
SET ROLE regress_template_owner;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE events (day date NOT NULL, id int NOT NULL, tenant int NOT NULL DEFAULT 0, note text) PARTITION BY RANGE (day);
CREATE INDEX ON events (note);
-- The template has what the parent has (LIKE), and more.
CREATE TABLE "the form" (LIKE events INCLUDING ALL) WITH (fillfactor = 70, toast.autovacuum_enabled = off);
ALTER TABLE "the form" ADD PRIMARY KEY (id), ADD UNIQUE (tenant, id) INCLUDE (note);
CREATE INDEX "some index" ON "the form" USING hash (tenant) WHERE id > 0;
CREATE UNIQUE INDEX lowered ON "the form" (lower(note) COLLATE "C" DESC, id);
CREATE TRIGGER looks BEFORE UPDATE OF note ON "the form" FOR EACH ROW WHEN (NEW.note IS NULL) EXECUTE FUNCTION nothing();
CREATE TRIGGER sleeps AFTER INSERT ON "the form" FOR EACH STATEMENT EXECUTE FUNCTION nothing();
ALTER TABLE "the form" DISABLE TRIGGER sleeps;
RESET ROLE;
CREATE VIEW partitions AS
    SELECT r.oid, r.relname, r.relkind, r.relpersistence FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid WHERE inhparent = 'events'::regclass ORDER BY relname;
CREATE FUNCTION definitions(relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.*(UNIQUE )?INDEX (\S+) ON (ONLY )?\S+ ', '\1\2 ') FROM pg_index WHERE indrelid = relation
    UNION ALL SELECT concat('constraint ', conname, ' ', pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = relation AND contype IN ('p', 'u', 'x')
    UNION ALL SELECT concat('trigger ', tgname, ' ', tgenabled) FROM pg_trigger WHERE tgrelid = relation AND (NOT tgisinternal OR tgparentid <> 0 AND tgconstraint = 0)
    UNION ALL SELECT concat('options ', reloptions, ' ', (SELECT t.reloptions FROM pg_class t WHERE t.oid = r.reltoastrelid)) FROM pg_class r WHERE r.oid = relation
    ORDER BY 1
$$;
CREATE VIEW found AS SELECT severity, code, partition, detail, hint FROM ppm.check('events');

-- An invalid template is refused; if it could be valid in the database that a dump comes from, it is only warned of.
\set VERBOSITY default
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('formed', 'events', 'daily', 1, 'formed.missing');
\set VERBOSITY terse
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('formed', 'events', 'daily', 1, 'formed.a b"');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('formed', 'events', 'daily', 1, 'the form');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('formed', 'events', 'daily', 1, '');
\set VERBOSITY default
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, template) VALUES ('formed', 'events', 'daily', 1, 'formed.events');
SELECT code, partition, detail FROM ppm.check('events');
CALL ppm.provision('events');
SELECT count(*) FROM partitions;

UPDATE ppm.config SET template = ' formed . "the form"' WHERE table_name = 'events';
SELECT template FROM ppm.config WHERE table_name = 'events';
SELECT statement FROM ppm.plan('events') WHERE partition ~ '15$';
CALL ppm.provision('events');
SELECT * FROM definitions('events_2026_03_15');
SELECT * FROM found;

-- A role without USAGE on the template's schema can still use check().
CREATE SCHEMA formed_privately AUTHORIZATION regress_template_owner;
SET ROLE regress_template_owner;
ALTER TABLE "the form" SET SCHEMA formed_privately;
RESET ROLE;
UPDATE ppm.config SET template = 'formed_privately."the form"' WHERE table_name = 'events';
GRANT EXECUTE ON FUNCTION ppm.check(regclass) TO regress_template_stranger;
GRANT SELECT ON ppm.config TO regress_template_stranger;
SET ROLE regress_template_stranger;
SELECT count(*) FROM ppm.check('events');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION ppm.check(regclass) FROM regress_template_stranger;
REVOKE SELECT ON ppm.config FROM regress_template_stranger;
SET ROLE regress_template_owner;
ALTER TABLE formed_privately."the form" SET SCHEMA formed;
DROP SCHEMA formed_privately;
RESET ROLE;
UPDATE ppm.config SET template = 'formed."the form"' WHERE table_name = 'events';

-- What a partition lacks, and the statements that add it.
SET ROLE regress_template_owner;
ALTER TABLE events_2026_03_15 DROP CONSTRAINT events_2026_03_15_pkey, SET (fillfactor = 90);
DROP INDEX events_2026_03_15_tenant_idx;
DROP TRIGGER looks ON events_2026_03_15;
RESET ROLE;
SELECT * FROM found;
SELECT rtrim(split_part(hint, '; this', 1), ';') AS mend FROM found \gexec
SELECT * FROM found;
-- The default partition is not compared with the template, and partition_options take precedence.
UPDATE ppm.config SET partition_options = '{fillfactor=60}', pre_provisioned = 2 WHERE table_name = 'events';
CREATE TABLE rest PARTITION OF events DEFAULT;
ALTER TABLE rest OWNER TO regress_template_owner;
ALTER TABLE events_2026_03_15 SET (fillfactor = 60);
ALTER TABLE events_2026_03_16 SET (fillfactor = 60);
CALL ppm.provision('events');
SELECT reloptions FROM pg_class WHERE oid = 'events_2026_03_17'::regclass;
SELECT * FROM found;

-- UNLOGGED.
ALTER TABLE "the form" SET UNLOGGED;
UPDATE ppm.config SET partition_options = NULL, pre_provisioned = 3 WHERE table_name = 'events';
CALL ppm.provision('events');
SELECT relname, relpersistence FROM partitions;
SELECT code, partition, detail, hint FROM found;
ALTER TABLE "the form" SET LOGGED;
ALTER TABLE events_2026_03_18 SET LOGGED;

-- If the template becomes invalid later, nothing is created.
UPDATE ppm.config SET pre_provisioned = 4 WHERE table_name = 'events';
CREATE FUNCTION try() RETURNS TABLE (code text, detail text) LANGUAGE sql AS $$ SELECT code, detail FROM ppm.check('formed.events') WHERE code ~ 'template_mismatch' $$;
BEGIN; ALTER TABLE "the form" OWNER TO regress_template_stranger; SELECT * FROM try(); ROLLBACK;
BEGIN; ALTER FUNCTION nothing OWNER TO regress_template_stranger; SELECT * FROM try(); ROLLBACK;
BEGIN; ALTER TABLE "the form" ADD COLUMN more int; SELECT * FROM try(); ROLLBACK;
BEGIN; DROP TABLE "the form"; CREATE TABLE "the form" (day timestamp); SELECT * FROM try(); ROLLBACK;
BEGIN; DROP TABLE "the form"; CREATE VIEW "the form" AS SELECT day FROM events; SELECT * FROM try(); ROLLBACK;
BEGIN; DROP TABLE "the form"; SELECT * FROM try(); ROLLBACK;
BEGIN;
DROP TABLE "the form";
CREATE TABLE "the form" (day date NOT NULL) PARTITION BY HASH (day);
SELECT * FROM try();
CREATE TABLE one PARTITION OF "the form" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
SELECT * FROM try();
CREATE TABLE two PARTITION OF "the form" FOR VALUES WITH (MODULUS 4, REMAINDER 1);
SELECT * FROM try();
CREATE TABLE three PARTITION OF "the form" FOR VALUES WITH (MODULUS 4, REMAINDER 3);
ALTER ROLE regress_template_stranger SUPERUSER;
ALTER TABLE "the form" OWNER TO regress_template_stranger;
SELECT * FROM try();
ROLLBACK;
ALTER TABLE "the form" ADD COLUMN more int;
CALL ppm.provision('events');
SELECT to_regclass('events_2026_03_19');
ALTER TABLE "the form" DROP COLUMN more;

-- Sub-partitions, by LIST, RANGE and HASH, each like the table above it.
SET ROLE regress_template_owner;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_it ON events USING (tenant > 0);
CREATE TABLE parted (LIKE events) PARTITION BY HASH (tenant);
CREATE INDEX ON parted (tenant, day);
CREATE TRIGGER looks AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE parted_a PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (fillfactor = 50);
CREATE TABLE parted_b PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY LIST (note);
CREATE TABLE parted_b_eu PARTITION OF parted_b FOR VALUES IN ('de', 'it''s');
CREATE TABLE others PARTITION OF parted_b DEFAULT PARTITION BY RANGE (id);
CREATE UNLOGGED TABLE others_low PARTITION OF others FOR VALUES FROM (MINVALUE) TO (100);
CREATE TABLE others_high PARTITION OF others FOR VALUES FROM (100) TO (MAXVALUE);
RESET ROLE;
UPDATE ppm.config SET template = 'formed.parted' WHERE table_name = 'events';
SELECT statement FROM ppm.plan('events') WHERE action = 'create';
CALL ppm.provision('events');
SELECT c.relname, c.relkind, c.relpersistence, c.reloptions, c.relrowsecurity, pg_get_expr(c.relpartbound, c.oid) AS bound, r.relname AS above,
       (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) AS indexes, (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid) AS triggers,
       (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) AS policies
FROM pg_partition_tree('events_2026_03_19') t JOIN pg_class c ON c.oid = t.relid JOIN pg_class r ON r.oid = t.parentrelid ORDER BY 1;
INSERT INTO events SELECT '2026-03-19', n, n, CASE WHEN n % 2 = 0 THEN 'de' END FROM generate_series(1, 200) AS n;
SELECT count(*) FROM events_2026_03_19;
SELECT code, partition, detail FROM found WHERE partition IN ('events_2026_03_18', 'events_2026_03_19');
-- If a name would be too long, the partition is not created.
ALTER TABLE events RENAME TO events_with_a_name_of_many_bytes_little_room;
UPDATE ppm.config SET table_name = 'events_with_a_name_of_many_bytes_little_room', pre_provisioned = 5 WHERE table_name = 'events';
SELECT code, detail FROM ppm.check('events_with_a_name_of_many_bytes_little_room') WHERE code ~ 'name_too_long';
ALTER TABLE events_with_a_name_of_many_bytes_little_room RENAME TO events;
UPDATE ppm.config SET table_name = 'events', pre_provisioned = 4 WHERE schema_name = 'formed';
-- A partition is removed with its sub-partitions: by the real date all of these are outdated.
UPDATE ppm.config SET cleanup_policy = 'drop', retention = 1 WHERE schema_name = 'formed';
SET client_min_messages = error;
RESET ppm.work_date;
SELECT count(*) FROM pg_class WHERE relname ~ '^events_2026_03_19' AND relkind IN ('r', 'p');
CALL ppm.cleanup('events');
SELECT count(*) FROM pg_class WHERE relname ~ '^events_2026_03_19' AND relkind IN ('r', 'p');

DELETE FROM ppm.config WHERE schema_name = 'formed';
DROP SCHEMA formed CASCADE;
DROP ROLE regress_template_owner, regress_template_stranger;
