-- ppm.config.drop_delay: how long a detached table waits before it is dropped. A removal takes the real date, so days count from today.
-- Days are those of ppm.config, whatever the client's time zone.
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = error;
CREATE SCHEMA delayed;
SET search_path = delayed, public;
CREATE PROCEDURE add_days(parent regclass, VARIADIC days int[]) LANGUAGE plpgsql AS $$
DECLARE
    day int;
BEGIN
    FOREACH day IN ARRAY days LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
                       parent::text || CASE WHEN day < 0 THEN '_minus_' ELSE '_plus_' END || abs(day), parent,
                       current_date + day, current_date + day + 1);
        EXECUTE format('INSERT INTO %s VALUES (%L)', parent, current_date + day);
    END LOOP;
END $$;
CREATE VIEW waiting AS
    SELECT detached, CASE WHEN drop_after > now() THEN drop_after - detached_at END AS waits FROM ppm.detached WHERE schema_name = 'delayed' ORDER BY 1;
CREATE TABLE events (d date) PARTITION BY RANGE (d);
CREATE VIEW plan AS
    SELECT step, action, partition, regexp_replace(statement, '-- after .*?\n', E'-- after (a time)\n') AS statement
    FROM ppm.plan('events') WHERE action <> 'create';
CALL add_days('events', -4, -3, -2, -1, 0);

-- Invalid delays.
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay)
    VALUES ('delayed', 'events', 'daily', 1, 2, 'drop', '-1 day');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay)
    VALUES ('delayed', 'events', 'daily', 1, 2, 'drop', NULL);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay)
    VALUES ('delayed', 'events', 'daily', 1, 2, 'drop', '2000 years');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay)
    VALUES ('delayed', 'events', 'daily', 1, 2, 'drop', 'a while');

INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay)
    VALUES ('delayed', 'events', 'daily', 1, 2, 'drop', '7 days');
SELECT * FROM plan;
CALL ppm.run_all('events');
SELECT * FROM waiting;
SELECT count(*) FROM events_minus_4;
-- Before that time, check() reports nothing, and nothing is to be done.
SELECT code, partition FROM ppm.check('events') WHERE code <> 'misnamed';
SELECT * FROM plan;
CALL ppm.cleanup('events');
SELECT * FROM waiting;

-- Until then a larger retention attaches the table again.
UPDATE ppm.config SET retention = 3 WHERE table_name = 'events';
CALL ppm.run_all('events');
SELECT * FROM waiting;
SELECT count(*) FROM events;
UPDATE ppm.config SET retention = 2 WHERE table_name = 'events';
CALL ppm.run_all('events');
SELECT * FROM waiting;

-- The delay is the one that is configured now.
UPDATE ppm.config SET drop_delay = '1 month -1 day' WHERE table_name = 'events';
SELECT count(*) FROM ppm.detached WHERE schema_name = 'delayed' AND drop_after = detached_at + interval '1 month -1 day';
UPDATE ppm.config SET drop_delay = '7 days' WHERE table_name = 'events';
SELECT * FROM waiting;

-- Under policy detach nothing waits, and tables that were to be dropped are kept for ever.
BEGIN;
UPDATE ppm.config SET cleanup_policy = 'detach' WHERE table_name = 'events';
UPDATE ppm.config SET cleanup_policy = 'drop' WHERE table_name = 'events';
SELECT detached, cleanup_policy, drop_after FROM ppm.detached WHERE schema_name = 'delayed' ORDER BY 1;
ROLLBACK;

-- A table that was changed while it waited is kept, and reported.
INSERT INTO events_minus_4 SELECT d FROM events_minus_4;
UPDATE ppm.detached SET drop_after = now() WHERE schema_name = 'delayed';
SELECT code, partition FROM ppm.check('events') WHERE code <> 'misnamed';
SELECT step, action, partition, statement FROM ppm.plan('events');
\set VERBOSITY default
CALL ppm.cleanup('events');
SELECT * FROM waiting;
SELECT code, partition, regexp_replace(detail, 'of \d.*? was', 'of ... was') AS detail FROM ppm.check('events') WHERE code <> 'misnamed';
\set VERBOSITY terse
SELECT count(*) FROM events_minus_4;

-- An outdated partition waits like others, and so does an empty surplus one.
DROP TABLE events_minus_4;
CALL ppm.cleanup('events');
CALL add_days('events', 8);
DELETE FROM events WHERE d > current_date;
CALL ppm.cleanup('events');
SELECT * FROM waiting;
UPDATE ppm.config SET drop_delay = '0' WHERE table_name = 'events';
CALL ppm.cleanup('events');
SELECT * FROM waiting;
SELECT to_regclass('events_plus_8');
SELECT action, partition, outcome FROM ppm.history WHERE schema_name = 'delayed' AND action IN ('drop', 'attach') ORDER BY at;

-- A partition whose rows ppm.repartition() copied waits, too.
CREATE TABLE moved (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE moved_all PARTITION OF moved FOR VALUES FROM (0) TO (300);
INSERT INTO moved SELECT generate_series(0, 299);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, cleanup_policy, drop_delay) VALUES ('delayed', 'moved', '100', 1, 'drop', '2 days');
CALL ppm.repartition('moved');
CALL ppm.cleanup('moved');
SELECT kind, waits, detached FROM waiting JOIN ppm.detached USING (detached);
SELECT step, action, partition FROM ppm.plan('moved') WHERE action = 'drop';
SELECT code, partition FROM ppm.check('moved') WHERE code ~ 'pending';
UPDATE ppm.detached SET drop_after = now() WHERE schema_name = 'delayed';
CALL ppm.cleanup('moved');
SELECT count(*) FROM waiting;
SELECT count(*) FROM moved;

DELETE FROM ppm.config WHERE schema_name = 'delayed';
DROP SCHEMA delayed CASCADE;
