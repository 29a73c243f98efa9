-- ppm.plan(), and what is executed after it: every interval with every type of key.
SET ppm.work_date = '2026-11-22';  -- a Sunday
SET client_min_messages = warning;
CREATE SCHEMA planned;
SET search_path = planned, public;

DO $$
DECLARE
    key text;
    grid text;
BEGIN
    FOREACH key IN ARRAY ARRAY['date', 'timestamp', 'timestamptz', 'uuid'] LOOP
        FOREACH grid IN ARRAY ARRAY['daily', 'weekly', 'monthly', 'quarterly', 'yearly'] LOOP
            EXECUTE format('CREATE TABLE %I (k %s) PARTITION BY RANGE (k)', key || '_' || grid, key);
            INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, timezone)
            VALUES ('planned', key || '_' || grid, grid, 1, 1, 'America/New_York');
        END LOOP;
    END LOOP;
END $$;

SELECT step, action, partition, lower_bound, upper_bound FROM ppm.plan();

-- The plan is exactly what is executed.
SELECT statement FROM ppm.plan() WHERE partition LIKE '%monthly_2026_11';

-- A plan changes nothing: it works in a read-only transaction, and there is no partition yet.
BEGIN READ ONLY;
SELECT count(*) FROM ppm.plan();
SELECT count(*) FROM ppm.validate();
COMMIT;
SELECT count(*) FROM pg_inherits JOIN pg_class p ON p.oid = inhparent WHERE relnamespace = 'planned'::regnamespace;

-- The plan does not depend on DateStyle, TimeZone and IntervalStyle of the session.
CREATE TEMP TABLE in_utc AS SELECT * FROM ppm.plan();
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kathmandu';
SET intervalstyle = 'sql_standard';
SELECT count(*) FROM (SELECT * FROM ppm.plan() EXCEPT SELECT * FROM in_utc) AS difference;
CALL ppm.provision();
RESET datestyle;
SET timezone = 'America/New_York';
SELECT p.relname AS parent, c.relname AS partition, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits
JOIN pg_class p ON p.oid = inhparent
JOIN pg_class c ON c.oid = inhrelid
WHERE p.relnamespace = 'planned'::regnamespace
ORDER BY p.relname COLLATE "C", c.relname COLLATE "C";

-- What was executed is what was planned, and there is nothing left to do.
SELECT count(*) FROM in_utc
WHERE NOT EXISTS (SELECT FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE c.relname = in_utc.partition);
SELECT count(*) FROM ppm.plan();

DELETE FROM ppm.config;
DROP SCHEMA planned CASCADE;
