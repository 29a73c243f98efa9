-- ppm.hooks: functions that are called in the life of a partition. A removal takes the real date.
-- Days are those of ppm.config, whatever the client's time zone.
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = error;
CREATE ROLE regress_hooks_owner;
CREATE ROLE regress_hooks_stranger;
CREATE SCHEMA hooked AUTHORIZATION regress_hooks_owner;
SET search_path = hooked, public;
GRANT CREATE, USAGE ON SCHEMA hooked TO regress_hooks_stranger;
SET ROLE regress_hooks_owner;
CREATE TABLE events (d date NOT NULL) PARTITION BY RANGE (d);
DO $$ BEGIN
    FOR day IN -4..1 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)', 'events_' || CASE WHEN day < 0 THEN 'minus' ELSE 'plus' END || abs(day), current_date + day, current_date + day + 1);
        EXECUTE format('INSERT INTO events VALUES (%L)', current_date + day);
    END LOOP;
END $$;
CREATE TABLE called (number int GENERATED ALWAYS AS IDENTITY, what text, role text, partition text, days text, attached boolean, rows int, locked boolean);
-- What a function sees: the table and its rows, and whether anything holds a lock on the parent.
CREATE FUNCTION note(what text, parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found int;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', partition) INTO found;
    INSERT INTO hooked.called (what, role, partition, days, attached, rows, locked)
        VALUES (what, current_user, regexp_replace(partition::text, '_20\d\d_\d\d_\d\d', '_next'), upper_value::date - lower_value::date, (SELECT relispartition FROM pg_class WHERE oid = partition), found,
                EXISTS (SELECT FROM pg_locks WHERE relation = parent AND locktype = 'relation' AND mode <> 'AccessShareLock'));
END $$;
CREATE FUNCTION first(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS $$ SELECT hooked.note('first', $1, $2, $3, $4) $$;
CREATE FUNCTION second(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS $$ SELECT hooked.note('second', $1, $2, $3, $4) $$;
CREATE FUNCTION failing(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM hooked.note('failing', $1, $2, $3, $4);
    RAISE EXCEPTION 'no % today', 'archive' USING ERRCODE = 'P0042';
END $$;
CREATE FUNCTION slow(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(60) $$;
CREATE FUNCTION number(regclass, regclass, text, text) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION other(regclass) RETURNS void LANGUAGE sql AS $$ SELECT $$;
RESET ROLE;
SET ROLE regress_hooks_stranger;
CREATE FUNCTION strange(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS $$ SELECT $$;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('hooked', 'events', 'daily', 1, 2, 'drop');
CREATE VIEW log AS SELECT number, what, partition, attached, rows, locked, days, role = 'regress_hooks_owner' AS as_owner FROM called ORDER BY 1;

-- A function that cannot be a hook is refused with a clear error.
\set VERBOSITY default
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'hooked.missing(regclass, regclass, text, text)');
\set VERBOSITY terse
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'first');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'first(regclass, regclass, text, text)');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'hooked.first(regclass, regclass, text, text); DROP TABLE x');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'hooked.other(regclass)');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'hooked.number(regclass, regclass, text, text)');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'hooked.strange(regclass, regclass, text, text)');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_lunch', 'hooked.first(regclass, regclass, text, text)');
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', NULL);
INSERT INTO ppm.hooks VALUES ('hooked', NULL, 'before_drop', 'hooked.first(regclass, regclass, text, text)');
GRANT INSERT, SELECT, UPDATE, DELETE ON ppm.hooks TO regress_hooks_stranger;
SET ROLE regress_hooks_stranger;
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_drop', 'hooked.strange(regclass, regclass, text, text)');
RESET ROLE;
TRUNCATE ppm.hooks;
SET client_min_messages = warning;
INSERT INTO ppm.hooks VALUES ('hooked', 'called', 'before_drop', 'hooked.first(regclass, regclass, text, text)');
DELETE FROM ppm.hooks;
SET client_min_messages = error;

-- All four, in their order, each as the table's owner and without a lock on the table.
INSERT INTO ppm.hooks (schema_name, table_name, event, function, position)
    SELECT 'hooked', 'events', event, 'hooked.' || f || '( regclass,regclass , text, text )', CASE f WHEN 'first' THEN 1 ELSE 2 END
    FROM unnest(ARRAY['after_create', 'before_detach', 'after_detach', 'before_drop']) AS event, unnest(ARRAY['second', 'first']) AS f;
SELECT DISTINCT function FROM ppm.hooks ORDER BY 1;
UPDATE ppm.config SET pre_provisioned = 2 WHERE table_name = 'events';
SELECT step, action, regexp_replace(partition, '_20.*', '_next') AS partition, regexp_replace(regexp_replace(statement, ' FOR VALUES.*|\n.*', '', 'g'), '\d{4}.\d\d.\d\d', 'DAY', 'g') AS statement FROM ppm.plan('events');
CALL ppm.run_all('events');
SELECT * FROM log;
SELECT action, regexp_replace(partition, '_20.*', '_next') AS partition, outcome, regexp_replace(message, '_20\d\d_\d\d_\d\d| for .*', '', 'g') AS message FROM ppm.history WHERE schema_name = 'hooked' ORDER BY at, partition, message;
SELECT * FROM ppm.pending_hooks;
SELECT code FROM ppm.check('events') WHERE code <> 'misnamed';

-- If a before_ hook fails, the partition is kept, and the call fails; the others are done.
DELETE FROM ppm.hooks;
TRUNCATE called RESTART IDENTITY;
UPDATE ppm.config SET retention = 1 WHERE table_name = 'events';
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'before_detach', 'hooked.failing(regclass,regclass,text,text)', 1), ('hooked', 'events', 'before_detach', 'hooked.second(regclass,regclass,text,text)', 2);
\set VERBOSITY default
CALL ppm.cleanup('events');
\set VERBOSITY terse
SELECT * FROM log;
SELECT relispartition FROM pg_class WHERE oid = to_regclass('events_minus2');
SELECT code, partition, regexp_replace(detail, '^.*The last', 'The last') AS detail FROM ppm.check('events') WHERE code <> 'misnamed';
UPDATE ppm.hooks SET event = 'before_drop';
CALL ppm.cleanup('events');
SELECT count(*) FROM events_minus2;
SELECT code, partition, regexp_replace(detail, '^.*The last', 'The last') AS detail FROM ppm.check('events') WHERE code <> 'misnamed';
-- A table that waits for its hook can be attached again.
UPDATE ppm.config SET retention = 2 WHERE table_name = 'events';
CALL ppm.provision('events');
SELECT count(*) FROM events WHERE d = current_date - 2;
UPDATE ppm.config SET retention = 1 WHERE table_name = 'events';

-- An after_ hook is called again until it succeeds; its table is not dropped before.
UPDATE ppm.hooks SET event = 'after_detach';
CALL ppm.cleanup('events');
SELECT event, function, relation::regclass FROM ppm.pending_hooks ORDER BY function;
SELECT * FROM log;
SELECT code, severity, partition FROM ppm.check('events') WHERE code <> 'misnamed';
SELECT step, action, partition FROM ppm.plan('events') WHERE partition ~ 'minus';
CALL ppm.cleanup('events');
SELECT * FROM log;
CREATE OR REPLACE FUNCTION failing(regclass, regclass, text, text) RETURNS void LANGUAGE sql AS $$ SELECT hooked.note('mended', $1, $2, $3, $4) $$;
CALL ppm.cleanup('events');
SELECT * FROM log;
SELECT * FROM ppm.pending_hooks;
SELECT to_regclass('events_minus2');

-- It may take as long as ppm.hook_timeout, and no longer.
DELETE FROM ppm.hooks;
TRUNCATE called RESTART IDENTITY;
INSERT INTO ppm.hooks VALUES ('hooked', 'events', 'after_create', 'hooked.slow(regclass,regclass,text,text)', 1), ('hooked', 'events', 'after_create', 'hooked.second(regclass,regclass,text,text)', 2);
UPDATE ppm.config SET pre_provisioned = 4 WHERE table_name = 'events';
SET ppm.hook_timeout = '100ms';
CALL ppm.provision('events');
RESET ppm.hook_timeout;
SELECT count(*) FROM log;
SELECT code, severity, count(*) FROM ppm.check('events') WHERE code <> 'misnamed' GROUP BY 1, 2;
-- If its row is deleted, the hook is no longer called.
DELETE FROM ppm.hooks WHERE function ~ 'slow';
CALL ppm.run_all('events');
SELECT * FROM log;
SELECT count(*) FROM ppm.pending_hooks;

-- In a transaction block no hook is called; the next call calls them.
UPDATE ppm.config SET pre_provisioned = 5 WHERE table_name = 'events';
BEGIN;
CALL ppm.provision('events');
COMMIT;
SELECT count(*) FROM called;
CALL ppm.provision('events');
SELECT count(*) FROM called;

-- A hook that is no longer valid is an anomaly, and is not called.
DELETE FROM ppm.hooks;
INSERT INTO ppm.hooks (schema_name, table_name, event, function)
    SELECT 'hooked', 'events', 'before_drop', 'hooked.' || f || '(regclass,regclass,text,text)' FROM unnest(ARRAY['first', 'second', 'failing', 'slow']) AS f;
DROP FUNCTION first;
ALTER FUNCTION second OWNER TO regress_hooks_stranger;
REVOKE EXECUTE ON FUNCTION failing FROM PUBLIC, regress_hooks_owner;
DROP FUNCTION slow;
CREATE FUNCTION slow(regclass, regclass, text, text) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
ALTER FUNCTION slow OWNER TO regress_hooks_owner;
SELECT severity, code, detail, hint FROM ppm.check('events') WHERE code <> 'misnamed';
UPDATE ppm.config SET retention = NULL WHERE table_name = 'events';
UPDATE ppm.config SET retention = 1, pre_provisioned = 1 WHERE table_name = 'events';
TRUNCATE events;
CALL ppm.cleanup('events');
SELECT DISTINCT action, sqlstate, message FROM ppm.history WHERE schema_name = 'hooked' AND run_id = (SELECT max(run_id) FROM ppm.history) AND outcome = 'failed';
-- Hooks follow their table to another name.
DELETE FROM ppm.hooks WHERE function !~ 'failing';
ALTER TABLE events RENAME TO happenings;
UPDATE ppm.config SET table_name = 'happenings' WHERE table_name = 'events';
SELECT table_name, function FROM ppm.hooks;

-- Rows that come while a function is at work keep their table from being dropped.
SET ROLE regress_hooks_owner;
CREATE TABLE late (d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE late_old PARTITION OF late FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
INSERT INTO late VALUES ('2020-01-01');
CREATE FUNCTION adds(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('INSERT INTO %s VALUES (%L)', partition, lower_value);
END $$;
RESET ROLE;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('hooked', 'late', 'daily', 1, 1, 'drop');
INSERT INTO ppm.hooks VALUES ('hooked', 'late', 'before_drop', 'hooked.adds(regclass,regclass,text,text)');
CALL ppm.run_all('late');
SELECT action, outcome, sqlstate FROM ppm.history WHERE table_name = 'late' AND partition = 'late_old' ORDER BY at;
SELECT count(*) FROM late_old;

-- after_create hooks are called for partitions that ppm.repartition() creates, too.
SET ROLE regress_hooks_owner;
CREATE TABLE moved (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE moved_all PARTITION OF moved FOR VALUES FROM (0) TO (200);
INSERT INTO moved VALUES (50), (150);
CREATE FUNCTION created(parent regclass, partition regclass, lower_value text, upper_value text) RETURNS void LANGUAGE sql AS $$ INSERT INTO hooked.called (what, days) VALUES ('created', lower_value || ' to ' || upper_value) $$;
RESET ROLE;
TRUNCATE called;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('hooked', 'moved', '100', 1);
INSERT INTO ppm.hooks VALUES ('hooked', 'moved', 'after_create', 'hooked.created(regclass,regclass,text,text)');
CALL ppm.repartition('moved');
SELECT event, lower_value, upper_value, relation::regclass FROM ppm.pending_hooks ORDER BY lower_value::int;
CALL ppm.provision('moved');
SELECT what, days FROM called ORDER BY days;
SELECT count(*) FROM ppm.pending_hooks;

DELETE FROM ppm.config WHERE schema_name = 'hooked';
DELETE FROM ppm.hooks;
REVOKE ALL ON ppm.hooks FROM regress_hooks_stranger;
DROP SCHEMA hooked CASCADE;
DROP ROLE regress_hooks_owner, regress_hooks_stranger;
