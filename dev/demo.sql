\set ON_ERROR_STOP 1
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION ppm;
SET client_min_messages = notice;

\echo
\echo '=== Four partitioned tables, as an application would create them: one for each type of key'
\echo
\set ECHO queries
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    placed_at timestamptz NOT NULL,
    amount numeric(10, 2) NOT NULL CHECK (amount > 0),
    PRIMARY KEY (id, placed_at)
) PARTITION BY RANGE (placed_at);

CREATE TABLE events (
    id uuid PRIMARY KEY,
    kind text NOT NULL
) PARTITION BY RANGE (id);

CREATE TABLE logs (
    written_at timestamp NOT NULL,
    line text
) PARTITION BY RANGE (written_at);

CREATE TABLE invoices (
    issued_on date NOT NULL,
    number integer NOT NULL
) PARTITION BY RANGE (issued_on);

\set ECHO none
\echo
\echo '=== One row of configuration each'
\echo
\set ECHO queries
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, timezone)
VALUES ('orders', 'daily', 3, 7, 'Europe/Berlin'),
       ('events', 'weekly', 2, 4, 'UTC'),
       ('logs', 'monthly', 1, 3, 'UTC'),
       ('invoices', 'yearly', 1, NULL, 'UTC');

SELECT * FROM ppm.validate();

\set ECHO none
\echo
\echo '=== What ppm would do now'
\echo
\set ECHO queries
SELECT step, action, partition, lower_bound, upper_bound FROM ppm.plan();

SELECT statement FROM ppm.plan('orders') LIMIT 1;

\set ECHO none
\echo
\echo '=== Doing it'
\echo
\set ECHO queries
CALL ppm.provision();

CALL ppm.provision();  -- a second call has nothing to do

\set ECHO none
\echo
\echo '=== Rows find their partitions'
\echo
\set ECHO queries
INSERT INTO orders (placed_at, amount)
SELECT now() - random() * interval '7 days', 1 + random() * 100 FROM generate_series(1, 10000);

INSERT INTO logs
SELECT now() - random() * interval '80 days', 'line ' || n FROM generate_series(1, 5000) AS n;

INSERT INTO events  -- PostgreSQL 18 has uuidv7(); a UUIDv7 of any time is made like this
SELECT overlay(ppm.uuidv7_lower_bound(now() - random() * interval '28 days')::text
               PLACING substr(gen_random_uuid()::text, 16) FROM 16)::uuid,
       'click'
FROM generate_series(1, 5000);

INSERT INTO invoices SELECT current_date, n FROM generate_series(1, 1000) AS n;

SELECT tableoid::regclass AS partition, count(*) FROM orders GROUP BY tableoid
UNION ALL SELECT tableoid::regclass, count(*) FROM events GROUP BY tableoid
UNION ALL SELECT tableoid::regclass, count(*) FROM logs GROUP BY tableoid
UNION ALL SELECT tableoid::regclass, count(*) FROM invoices GROUP BY tableoid
ORDER BY 1;

\d+ orders

\set ECHO none
\echo '=== Outdated partitions go: the orders are kept for a week no longer, but for a day'
\echo
\set ECHO queries
UPDATE ppm.config SET retention = 1, cleanup_policy = 'drop' WHERE table_name = 'orders';

SELECT step, action, partition, statement FROM ppm.plan('orders') LIMIT 4;

CALL ppm.cleanup();

SELECT tableoid::regclass AS partition, count(*) FROM orders GROUP BY tableoid ORDER BY 1;

UPDATE ppm.config SET retention = 1, cleanup_policy = 'detach' WHERE table_name = 'logs';

CALL ppm.cleanup('logs');  -- kept as tables of their own

SELECT table_name, detached, lower_bound, upper_bound FROM ppm.detached;

UPDATE ppm.config SET retention = 3 WHERE table_name = 'logs';

CALL ppm.provision('logs');  -- and wanted back, with all their rows

\set ECHO none
\echo
\echo '=== A query on a UUIDv7 key prunes by time'
\echo
\set ECHO queries
EXPLAIN (COSTS OFF)
SELECT count(*) FROM events
WHERE id >= ppm.uuidv7_lower_bound(date_trunc('week', now(), 'UTC'))
  AND id < ppm.uuidv7_lower_bound(date_trunc('week', now(), 'UTC') + interval '1 week');

\set ECHO none
\echo '=== What a scheduler calls, and what a monitor reads'
\echo
\set ECHO queries
CALL ppm.run_all();

ANALYZE;
SELECT table_name, interval, covered_until, runway, partitions, total_bytes, errors, last_outcome, healthy FROM ppm.status;

SELECT partition, lower_bound, upper_bound, state, total_bytes, estimated_rows FROM ppm.partitions WHERE table_name = 'events';

SELECT run_id, table_name, partition, action, outcome, duration, executed_by FROM ppm.history ORDER BY run_id DESC, at DESC LIMIT 5;

\set ECHO none
\echo '=== What cannot be done is said, after everything else was done'
\echo
\set ON_ERROR_STOP 0
\set ECHO queries
ALTER TABLE orders RENAME TO orders_v2;  -- a migration that forgot ppm

SELECT format('ALTER TABLE %I RENAME TO invoices_of_this_year', partition)  -- and one that is untidy
FROM ppm.partitions WHERE table_name = 'invoices' AND state = 'current' \gexec

CALL ppm.run_all();

\x on
SELECT * FROM ppm.check();
