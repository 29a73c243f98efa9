-- ppm.check(): every code, each where it belongs and nowhere else.
SET ppm.work_date = '2026-03-15';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE SCHEMA checked;
SET search_path = checked;
-- What is found, without the numbers that differ from run to run.
CREATE FUNCTION found(parent regclass) RETURNS TABLE (partition name, severity text, code text, detail text, hint text) LANGUAGE sql AS $$
    SELECT partition, severity, code, detail, regexp_replace(hint, 'relation = \d+', 'relation = ...') FROM ppm.check(parent)
$$;
CREATE FUNCTION configure(parent text, "interval" text DEFAULT 'daily') RETURNS void LANGUAGE sql AS $$
    INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy)
    VALUES ('checked', parent, "interval", 1, 1, 'drop')
$$;
\x on

-- No row: all is well.
CREATE TABLE a (d date) PARTITION BY RANGE (d);
SELECT configure('a');
CALL ppm.provision('a');
SELECT * FROM found('a');

-- missing_partition: of a whole slot, and of a part of one.
DROP TABLE a_2026_03_15, a_2026_03_16;
SELECT * FROM found('a');
CREATE TABLE "Half 'day" (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE forenoon PARTITION OF "Half 'day" FOR VALUES FROM ('2026-03-15 00:00+00') TO ('2026-03-15 12:00+00');
SELECT configure('Half ''day');
SELECT * FROM found('"Half ''day"');

-- name_taken, wrong_bounds: the missing partition is reported, and the reason.
CREATE TABLE a_2026_03_15 (note text);
CREATE TABLE a_2026_03_16 PARTITION OF a FOR VALUES FROM ('2026-03-20') TO ('2026-03-21');
SELECT * FROM found('a');
DROP TABLE a_2026_03_15, a_2026_03_16;

-- default_has_rows: for each slot that is to be created, and for no other.
CREATE TABLE a_rest PARTITION OF a DEFAULT;
INSERT INTO a VALUES ('2026-03-15'), ('2026-03-15'), ('2026-03-30'), (NULL);
SELECT * FROM found('a');
DELETE FROM a_rest;
DROP TABLE a_rest;
CALL ppm.provision('a');

-- outdated_partition, surplus_partition, gap.
CREATE TABLE a_old PARTITION OF a FOR VALUES FROM ('2026-03-01') TO ('2026-03-02');
CREATE TABLE a_empty PARTITION OF a FOR VALUES FROM ('2026-03-20') TO ('2026-03-21');
CREATE TABLE a_far PARTITION OF a FOR VALUES FROM ('2026-03-21') TO ('2026-03-22');
CREATE TABLE a_end PARTITION OF a FOR VALUES FROM ('2026-03-22') TO (MAXVALUE);
INSERT INTO a VALUES ('2026-03-21');
SELECT * FROM found('a');
-- What a cleanup did not remove, and why.
CREATE VIEW on_it AS SELECT * FROM a_old;
CALL ppm.cleanup('a');
SELECT * FROM found('a');
-- After a change to policy detach, tables that were to be dropped are kept for ever.
UPDATE ppm.config SET cleanup_policy = 'detach' WHERE table_name = 'a';
SELECT partition, code FROM found('a') WHERE code = 'pending_drop';
UPDATE ppm.config SET cleanup_policy = 'drop' WHERE table_name = 'a';
SELECT partition, code FROM found('a') WHERE code = 'pending_drop';
-- A table that might have been detached by somebody else.
UPDATE ppm.detached SET cleanup_policy = 'drop', version = NULL WHERE detached = 'a_old';
SELECT * FROM found('a') WHERE code = 'pending_drop';
DELETE FROM ppm.detached;
DROP TABLE a_far, a_end;

-- pending_detach, as after somebody else's crash.
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'a_2026_03_14'::regclass;
SELECT * FROM found('a');
CALL ppm.cleanup('a');
SELECT * FROM found('a');
CALL ppm.run_all('a');

-- off_grid, misnamed: warnings; the hint has the right name.
CREATE TABLE b (d date) PARTITION BY RANGE (d);
CREATE TABLE b_p20260314 PARTITION OF b FOR VALUES FROM ('2026-03-14') TO ('2026-03-15');
CREATE TABLE b_days PARTITION OF b FOR VALUES FROM ('2026-03-15') TO ('2026-03-17');
SELECT configure('b');
SELECT * FROM found('b');

-- With a work date: what cleanup would not remove.
CREATE TABLE c (d date) PARTITION BY RANGE (d);
SELECT configure('c', 'yearly');
SET ppm.work_date = '9000-01-01';
CREATE TABLE c_now PARTITION OF c FOR VALUES FROM ('1000-01-01') TO ('8999-01-01');
CALL ppm.provision('c');
SELECT * FROM found('c');
SET ppm.work_date = '0900-01-01';
CALL ppm.provision('c');
SELECT * FROM found('c') WHERE partition = 'c_now';
SET ppm.work_date = '2026-03-15';

-- If the configuration is wrong, nothing else is checked.
CREATE TABLE d (t text) PARTITION BY RANGE (t);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('checked', 'd', 'daily', 1), ('checked', 'e', 'daily', 1);
\x off
SELECT table_name, partition, severity, code FROM ppm.check() WHERE table_name IN ('d', 'e');

-- All tables, one table, and a table that is not configured.
SELECT DISTINCT table_name FROM ppm.check() ORDER BY 1;
SELECT DISTINCT table_name FROM ppm.check('b');
SELECT * FROM ppm.check('pg_class');

-- check() takes no locks on the tables, and needs no privilege to write.
BEGIN READ ONLY;
SELECT count(*) > 0 FROM ppm.check();
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'checked'::regnamespace);
COMMIT;

DELETE FROM ppm.config;
DELETE FROM ppm.detached;
DROP SCHEMA checked CASCADE;
