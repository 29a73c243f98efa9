-- CALL ppm.cleanup(): which partitions are removed, in which order, and which stay. A removal uses the real date, so days count from today.
-- Days are those of ppm.config, whatever the client's time zone.
SET timezone = 'UTC';
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA cleaned;
SET search_path = cleaned, public;

-- Partitions of the given days from now, which hold one row each.
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
CREATE FUNCTION partitions(parent regclass) RETURNS TABLE (partition text, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR partition IN SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class r ON r.oid = inhrelid
                     WHERE inhparent = parent AND relname !~ '_20\d\d_' ORDER BY inhrelid LOOP
        EXECUTE 'SELECT count(*) FROM ' || partition INTO rows;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION tables() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT relname FROM pg_class WHERE relnamespace = 'cleaned'::regnamespace AND relkind IN ('r', 'f')
      AND relname !~ '_20\d\d_' ORDER BY 1
$$;

-- Policy detach: the tables stay, and ppm remembers them.
CREATE TABLE kept (d date) PARTITION BY RANGE (d);
CALL add_days('kept', -9, -4, -3, -2, -1, 0, 1);  -- a hole between -9 and -4 stops nothing
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('cleaned', 'kept', 'daily', 1, 2);
SELECT step, action, partition, regexp_replace(statement, ' FOR VALUES.*', '') AS statement FROM ppm.plan('kept');
CALL ppm.cleanup('kept');
SELECT * FROM partitions('kept');
SELECT * FROM tables();
SELECT table_name, detached, lower_bound = current_date - 9 AS lower, upper_bound = current_date - 8 AS upper, cleanup_policy,
       relation = to_regclass(detached_schema || '.' || detached) AS relation
FROM ppm.detached ORDER BY lower_bound LIMIT 1;
SELECT count(*) FROM ppm.plan('kept');
CALL ppm.cleanup('kept');

-- With a larger retention the tables are attached again, with their rows.
UPDATE ppm.config SET retention = 4 WHERE table_name = 'kept';
SELECT step, action, partition FROM ppm.plan('kept') WHERE action <> 'create';
CALL ppm.provision('kept');
SELECT * FROM partitions('kept');
SELECT detached FROM ppm.detached;

-- A later change of the policy drops neither what was detached before nor what was attached again.
SELECT table_name, partition, relation = to_regclass(partition_schema || '.' || partition) AS relation FROM ppm.kept ORDER BY relation;
SET client_min_messages = error;
UPDATE ppm.config SET cleanup_policy = 'drop', retention = 2 WHERE table_name = 'kept';
SET client_min_messages = warning;
SELECT step, action, partition FROM ppm.plan('kept');
CALL ppm.cleanup('kept');
SELECT * FROM tables();
SELECT detached, cleanup_policy FROM ppm.detached ORDER BY detached;
-- Unless cleanup_policy in ppm.detached is set to drop.
UPDATE ppm.detached SET cleanup_policy = 'drop';
SELECT step, action, partition, statement FROM ppm.plan('kept');
CALL ppm.cleanup('kept');
SELECT * FROM tables();
SELECT detached FROM ppm.detached;

-- A row in ppm.detached alone is not enough to drop a table.
CREATE TABLE innocent (note text);
CREATE TABLE renamed (note text);
INSERT INTO ppm.detached SELECT 'cleaned', 'kept', name, name::regclass, '2000-01-01', '2000-01-02', 'drop', now(),
    'kept'::regclass, 'cleaned', '2000-01-01', '2000-01-02' FROM unnest(ARRAY['innocent', 'renamed', 'kept_minus_1']) AS name;
ALTER TABLE renamed RENAME TO another_name;
UPDATE ppm.detached SET detached = 'somebody_else' WHERE detached = 'innocent';
SELECT step, action, partition FROM ppm.plan('kept');
CALL ppm.cleanup('kept');
SELECT count(*) FROM ppm.detached;
SELECT * FROM tables();
DROP TABLE kept, innocent, another_name;

-- Without a retention nothing is ever outdated.
CREATE TABLE forever (d date) PARTITION BY RANGE (d);
CALL add_days('forever', -1000, -1, 0, 1);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, cleanup_policy) VALUES ('cleaned', 'forever', 'daily', 1, 'drop');
CALL ppm.cleanup('forever');
SELECT count(*) FROM partitions('forever');

-- Surplus partitions are removed only if they are empty; a partition without an upper bound never is.
CALL add_days('forever', 5, 6);
DELETE FROM forever WHERE d = current_date + 5;
CREATE TABLE forever_end PARTITION OF forever FOR VALUES FROM ('9999-01-01') TO (MAXVALUE);
CALL ppm.cleanup('forever');
SELECT * FROM partitions('forever');
DROP TABLE forever;
DELETE FROM ppm.config;

-- Partitions from MINVALUE, partitioned ones and foreign ones are outdated like others.
CREATE TABLE odd (d date) PARTITION BY RANGE (d);
CREATE TABLE odd_begin PARTITION OF odd FOR VALUES FROM (MINVALUE) TO ('2000-01-01');
CREATE TABLE odd_nested PARTITION OF odd FOR VALUES FROM ('2000-01-01') TO ('2000-01-02') PARTITION BY RANGE (d);
CREATE TABLE odd_leaf PARTITION OF odd_nested DEFAULT;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE odd_remote PARTITION OF odd FOR VALUES FROM ('2000-01-02') TO ('2000-01-03') SERVER nowhere;
CALL add_days('odd', 0);
INSERT INTO odd VALUES ('1999-01-01'), ('2000-01-01');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('cleaned', 'odd', 'daily', 1, 1, 'drop');
SELECT action, partition, statement FROM ppm.plan('odd') WHERE action <> 'create';
CALL ppm.cleanup('odd');
SELECT * FROM tables();
DROP FOREIGN DATA WRAPPER nothing CASCADE;

-- A work date can only make cleanup more careful: a partition with rows must be outdated by the real date, too.
CALL add_days('odd', -30, 30);
SET ppm.work_date = '2001-01-01';
CALL ppm.cleanup('odd');
SELECT * FROM partitions('odd');
SET ppm.work_date = '2999-01-01';
CALL ppm.cleanup('odd');
SELECT * FROM partitions('odd');
RESET ppm.work_date;
DROP TABLE odd;
DELETE FROM ppm.config;

-- A default partition: a plain DETACH.
CREATE TABLE late (d date) PARTITION BY RANGE (d);
CREATE TABLE late_rest PARTITION OF late DEFAULT;
CALL add_days('late', -5, -4, 0);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('cleaned', 'late', 'daily', 1, 1, 'drop');
SELECT action, partition, regexp_replace(statement, '\d+-\d+-\d+', 'a date', 'g') AS statement FROM ppm.plan('late') WHERE action <> 'create';
CALL ppm.cleanup('late');
SELECT * FROM partitions('late');
DROP TABLE late;
DELETE FROM ppm.config;

-- A partition that cannot be removed (a view uses it, a row refers to it) is reported, and the others are removed.
CREATE TABLE viewed (d date PRIMARY KEY) PARTITION BY RANGE (d);
CALL add_days('viewed', -6, -5, -4, 0);
CREATE VIEW on_it AS SELECT * FROM viewed_minus_6;
CREATE TABLE referring (d date REFERENCES viewed);
INSERT INTO referring VALUES (current_date - 5);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('cleaned', 'viewed', 'daily', 1, 1, 'drop');
\set VERBOSITY sqlstate
CALL ppm.cleanup();
\set VERBOSITY default
SELECT * FROM partitions('viewed');
SELECT * FROM tables();
SELECT detached, cleanup_policy FROM ppm.detached;
DROP VIEW on_it;
DROP TABLE referring;
CALL ppm.cleanup();
SELECT * FROM tables();
SELECT count(*) FROM ppm.detached;
DELETE FROM ppm.config;

-- cleanup() is refused where it could not commit.
BEGIN;
CALL ppm.cleanup();
ROLLBACK;
CREATE FUNCTION calls_it() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL ppm.cleanup(); END';
SELECT calls_it();

-- In a nested CALL it can commit.
CREATE TABLE nested (d timestamptz) PARTITION BY RANGE (d);
CALL add_days('nested', -5, -4, 0);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
VALUES ('cleaned', 'nested', 'daily', 1, 1, 'drop');
CREATE PROCEDURE nightly() LANGUAGE plpgsql AS $$ BEGIN CALL ppm.provision(); CALL ppm.cleanup(); COMMIT; END $$;
DO $$ BEGIN CALL nightly(); END $$;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'nested'::regclass;

-- For a work date in the past, detached tables are attached again, too, and later detached again.
CREATE TABLE past (d date) PARTITION BY RANGE (d);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('cleaned', 'past', 'daily', 1, 3);
SET ppm.work_date = '2024-01-10';
CALL ppm.run_all('past');
INSERT INTO past VALUES ('2024-01-07');
SET client_min_messages = error;
UPDATE ppm.config SET retention = 1 WHERE table_name = 'past';
SET client_min_messages = warning;
CALL ppm.run_all('past');
SELECT count(*) FROM past;
UPDATE ppm.config SET retention = 3 WHERE table_name = 'past';
CALL ppm.run_all('past');
SELECT tableoid::regclass, * FROM past;
SELECT * FROM ppm.check('past');
RESET ppm.work_date;

-- ppm.detached has MINVALUE and the infinities as the catalog has them.
CREATE TABLE endless (d date) PARTITION BY RANGE (d);
CREATE TABLE endless_past PARTITION OF endless FOR VALUES FROM (MINVALUE) TO ('2000-01-01');
CREATE TABLE infinite (d date) PARTITION BY RANGE (d);
CREATE TABLE infinite_past PARTITION OF infinite FOR VALUES FROM ('-infinity') TO ('2000-01-01');
CREATE TABLE infinite_at (t timestamp) PARTITION BY RANGE (t);
CREATE TABLE infinite_at_past PARTITION OF infinite_at FOR VALUES FROM ('-infinity') TO ('2000-01-01');
INSERT INTO endless VALUES ('1000-01-01');
INSERT INTO infinite VALUES ('-infinity');
INSERT INTO infinite_at VALUES ('-infinity');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention)
SELECT 'cleaned', unnest(ARRAY['endless', 'infinite', 'infinite_at']), 'daily', 1, 1;
CALL ppm.cleanup();
SELECT detached, lower_bound, upper_bound, lower_value, upper_value FROM ppm.detached WHERE detached ~ '_past$' ORDER BY detached;
SELECT (SELECT count(*) FROM endless) AS endless, (SELECT count(*) FROM infinite) AS infinite, (SELECT count(*) FROM infinite_at) AS infinite_at;
SET ppm.work_date = '1999-12-31';
CALL ppm.provision();
RESET ppm.work_date;
SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname ~ '_past$' AND relispartition ORDER BY relname;
SELECT (SELECT count(*) FROM endless) AS endless, (SELECT count(*) FROM infinite) AS infinite, (SELECT count(*) FROM infinite_at) AS infinite_at;

DELETE FROM ppm.config;
DROP SCHEMA cleaned CASCADE;

-- The row of a detached table is deleted when the table was dropped, also if its parent was dropped.
SELECT count(*) > 0 AS remembered FROM ppm.detached;
CALL ppm.run_all();
SELECT * FROM ppm.detached;
