-- ppm.history and ppm.last_run, and the error that ppm.run_all() ends with.
SET ppm.work_date = '2026-03-15';
\set SHOW_CONTEXT never
CREATE SCHEMA recorded;
SET search_path = recorded;
TRUNCATE ppm.history, ppm.last_run;
CREATE VIEW recorded AS
    SELECT dense_rank() OVER (ORDER BY run_id) AS run, table_name, partition, action, lower_bound::date AS lower, upper_bound::date AS upper,
           outcome, sqlstate, message, executed_by = current_user AS by_us
    FROM ppm.history ORDER BY run_id, table_name, partition, action, message;
CREATE VIEW last AS
    SELECT table_name, procedure, outcome, run_id = (SELECT max(run_id) FROM ppm.last_run) AS latest FROM ppm.last_run ORDER BY table_name, procedure;
SET client_min_messages = warning;

-- Successful actions.
CREATE TABLE a (d date) PARTITION BY RANGE (d);
CREATE TABLE a_old PARTITION OF a FOR VALUES FROM ('2026-02-01') TO ('2026-02-02');
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('recorded', 'a', 'daily', 1, 1, 'drop');
CALL ppm.run_all('a');
TABLE recorded;
TABLE last;

-- A call with nothing to do is recorded in ppm.last_run.
CALL ppm.run_all();
SELECT count(*) FROM ppm.history;
TABLE last;

-- Failures of each kind; everything else is done.
CREATE TABLE b (d date) PARTITION BY RANGE (d);
CREATE TABLE b_default PARTITION OF b DEFAULT;
INSERT INTO b VALUES (DATE '2026-03-15');
CREATE TABLE c (d date) PARTITION BY RANGE (d);
CREATE TABLE c_old PARTITION OF c FOR VALUES FROM ('2026-02-01') TO ('2026-02-02');
CREATE VIEW on_it AS SELECT * FROM c_old;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES
    ('recorded', 'b', 'daily', 1, 1, 'drop'), ('recorded', 'c', 'daily', 1, 1, 'drop');
TRUNCATE ppm.history;
\set VERBOSITY terse
CALL ppm.run_all();
TABLE recorded;
TABLE last;

-- run_all() ends with the first SQLSTATE that applies: PM004, PM006, PM005.
\set VERBOSITY sqlstate
CALL ppm.run_all();
DROP TABLE b_default;
CALL ppm.run_all();
DROP VIEW on_it;
CREATE TABLE c_far PARTITION OF c FOR VALUES FROM ('2026-05-01') TO ('2026-05-02');
INSERT INTO c VALUES ('2026-05-01');
SET client_min_messages = error;
CALL ppm.run_all();
\set VERBOSITY default
CALL ppm.run_all();
SET client_min_messages = warning;
DROP TABLE c_far;
-- A later provision does not hide that cleanup failed.
CREATE TABLE c_old PARTITION OF c FOR VALUES FROM ('2026-02-01') TO ('2026-02-02');
CREATE VIEW on_it AS SELECT * FROM c_old;
\set VERBOSITY sqlstate
CALL ppm.cleanup('c');
\set VERBOSITY default
CALL ppm.provision('c');
TABLE last;
SELECT last_outcome FROM ppm.status WHERE table_name = 'c';
DROP VIEW on_it;
CALL ppm.cleanup('c');
SELECT last_outcome FROM ppm.status WHERE table_name = 'c';
-- A warning is shown, and is not a failure.
ALTER TABLE c_2026_03_15 RENAME TO c_today;
CALL ppm.run_all();
TABLE last;

-- In a transaction block, the record of provision is committed or rolled back with its work; the other procedures are refused.
TRUNCATE ppm.history;
BEGIN;
DROP TABLE a_2026_03_15;
CALL ppm.provision('a');
ROLLBACK;
TABLE recorded;
BEGIN;
DROP TABLE a_2026_03_15;
CALL ppm.provision('a');
COMMIT;
SELECT partition, action, outcome FROM recorded;
BEGIN;
CALL ppm.run_all();
ROLLBACK;

-- A caller cannot erase the history with a setting of the session.
CREATE ROLE regress_ppm_caller;
SET ROLE regress_ppm_caller;
SET ppm.history_retention = 0;
INSERT INTO ppm.history SELECT * FROM ppm.history;
DELETE FROM ppm.history;
TRUNCATE ppm.last_run;
SELECT nextval('ppm.run_id');
RESET ROLE;
DROP ROLE regress_ppm_caller;

-- Only run_all() deletes rows that are older than ppm.history_retention.
UPDATE ppm.history SET at = now() - interval '89 days';
INSERT INTO ppm.history SELECT run_id, now() - interval '91 days', schema_name, table_name, 'forgotten', action, lower_bound, upper_bound, outcome, sqlstate,
    message, duration, executed_by FROM ppm.history;
CALL ppm.provision();
CALL ppm.cleanup();
SELECT count(*) FROM ppm.history;
CALL ppm.run_all();
SELECT partition FROM ppm.history;
SET ppm.history_retention = -1;
CALL ppm.run_all();
SELECT partition FROM ppm.history;
SET ppm.history_retention = '88d';
CALL ppm.run_all();
SELECT partition FROM ppm.history;
RESET ppm.history_retention;

-- At every isolation level.
SET default_transaction_isolation = serializable;
DROP TABLE a_2026_03_15;
CALL ppm.run_all();
SELECT partition, action, outcome FROM ppm.history;
RESET default_transaction_isolation;

-- A table that is no longer configured has no row in ppm.last_run.
DELETE FROM ppm.config WHERE table_name <> 'a';
CALL ppm.run_all();
TABLE last;

DELETE FROM ppm.config;
SET client_min_messages = warning;
DROP SCHEMA recorded CASCADE;
TRUNCATE ppm.history, ppm.last_run;
