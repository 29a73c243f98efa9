-- Intervals: which are accepted and how they are stored, which are refused, and tables of every kind.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
\set SHOW_CONTEXT never
CREATE TABLE spelled (at timestamptz NOT NULL) PARTITION BY RANGE (at);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('spelled', '1 day', 1);

-- Each interval is stored in one spelling, in the largest exact unit.
CREATE FUNCTION pg_temp.spelling("interval" text, origin text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    written text;
    hint text;
BEGIN
    UPDATE ppm.config AS c SET interval = $1, origin = $2 WHERE table_name = 'spelled' RETURNING concat_ws(' from ', c.interval, c.origin) INTO written;
    RETURN written;
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLERRM || ' | ' || hint;
END $$;
SELECT each, pg_temp.spelling(each)
FROM unnest(ARRAY['hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly', '1 day', '24 hours', '7 days', '3 months', '12 months', '60 minutes',
                  '15 minutes', '900 seconds', 'PT6H', '06:00', '36 hours', '10 days', '@ 2 weeks', '0.5 days', '2 MONTHS', '1 decade', '1000 years']) AS each;
SELECT each, pg_temp.spelling(each) FROM unnest(ARRAY['', '0', '-5', '0 days', '1 month 2 days', '1.5 days', '10 parsecs', '90 seconds', '-1 day', '1001 years', '1e30 days', 'often', '9223372036854775808']) AS each;
UPDATE ppm.config SET interval = NULL;

-- The origin.
SELECT * FROM (VALUES ('yearly', '2024-04-01'), ('weekly', '2024-01-07'), ('daily', '2000-01-01 06:00'), ('daily', '2000-01-01 06:00:00'), ('daily', '4/1/2024'), ('monthly', '2024-02-28'), ('15 minutes', '2024-02-29')) AS v (grid, pin),
    pg_temp.spelling(grid, pin);
SELECT * FROM (VALUES ('yearly', '2024-04-29'), ('monthly', '2024-02-30'), ('daily', '2000-01-01 06:00:30'), ('daily', 'nonsense'), ('daily', ''), ('daily', 'infinity'), ('daily', '0044-03-15 BC'), ('daily', '10000-01-01'),
                      ('daily', '2000-01-01+05'), ('daily', '2000-01-01 06:00 Europe/Berlin'), ('15 minutes', '2024-02-29T06:00Z'), ('weekly', '2024-01-07 12:00 UTC')) AS v (grid, pin),
    pg_temp.spelling(grid, pin);

-- Whether the interval fits the key is only a warning.
SELECT pg_temp.spelling(' 0042 ', '-07'), pg_temp.spelling('1000', '2024-01-01');
SELECT code, severity, detail, hint FROM ppm.validate('spelled');
UPDATE ppm.config SET interval = '1000000', origin = NULL;
CREATE TABLE by_date (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('by_date', '6 hours', 1);
UPDATE ppm.config SET interval = 'daily', origin = '2000-01-01 06:00' WHERE table_name = 'by_date';
SELECT code, severity FROM ppm.check();
SELECT table_name, interval, errors, healthy FROM ppm.status ORDER BY table_name;
CALL ppm.provision('by_date');
UPDATE ppm.config SET interval = '1 day', origin = '2000-01-01' WHERE table_name = 'by_date';
SELECT code FROM ppm.check('by_date') WHERE code <> 'missing_partition';

-- An interval that was written while the trigger was disabled is reported, and stops no other table.
SET session_replication_role = replica;
UPDATE ppm.config SET interval = 'often' WHERE table_name = 'spelled';
RESET session_replication_role;
SELECT table_name, code, detail FROM ppm.validate();
DELETE FROM ppm.config;
DROP TABLE spelled, by_date;

-- Tables of every kind: provisioned, checked, and cleaned up.
SET ppm.work_date = '2126-11-26 13:20';
CREATE FUNCTION pg_temp.manage(name text, key_type text, "interval" text, origin text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (key %s NOT NULL) PARTITION BY RANGE (key)', name, key_type);
    INSERT INTO ppm.config (table_name, interval, origin, pre_provisioned, retention, cleanup_policy) VALUES (name, $3, $4, 1, 1, 'drop');
END $$;
SELECT pg_temp.manage('quarters_of_hours', 'timestamptz', '15 minutes'), pg_temp.manage('hours', 'uuid', 'hourly'), pg_temp.manage('half_past', 'timestamp', 'hourly', '2000-01-01 00:30'),
    pg_temp.manage('six_hours', 'timestamp', '6 hours'), pg_temp.manage('ten_days', 'date', '10 days'), pg_temp.manage('sundays', 'date', 'weekly', '2024-01-07'), pg_temp.manage('fortnights', 'date', '2 weeks'),
    pg_temp.manage('aprils', 'date', 'yearly', '2024-04-01'), pg_temp.manage('from_six', 'timestamptz', 'daily', '2000-01-01 06:00'), pg_temp.manage('two_months', 'date', '2 months'),
    pg_temp.manage('quarters', 'date', '3 months'), pg_temp.manage('odd_quarters', 'date', '3 months', '2024-02-01'), pg_temp.manage('decades', 'timestamptz', '1 decade');
SELECT action, partition, lower_bound, upper_bound FROM ppm.plan();
SELECT statement FROM ppm.plan('quarters_of_hours') LIMIT 1;
CALL ppm.provision();
SELECT * FROM ppm.plan();
SELECT * FROM ppm.check();
SELECT table_name, interval, covered_until, runway, partitions, outdated, healthy FROM ppm.status ORDER BY table_name;
SELECT partition, state FROM ppm.partitions WHERE table_name IN ('quarters_of_hours', 'from_six') ORDER BY partition;
-- Some time later. (By the real date all partitions are surplus, so cleanup may remove empty ones.)
SET ppm.work_date = '2126-11-26 13:50';
SELECT action, partition FROM ppm.plan('quarters_of_hours');
CALL ppm.run_all('quarters_of_hours');
SELECT partition, state FROM ppm.partitions WHERE table_name = 'quarters_of_hours' ORDER BY partition;

-- A work date with a time is a local time of the table. In autumn the first of the two equal hours belongs to the slot before.
UPDATE ppm.config SET timezone = 'America/New_York', retention = 3, pre_provisioned = 5 WHERE table_name IN ('quarters_of_hours', 'half_past');
SET ppm.work_date = '2026-11-01 01:20';
SELECT partition, substring(statement FROM 'FROM \(.*\)') FROM ppm.plan('quarters_of_hours') WHERE action = 'create' AND partition < 'quarters_of_hours_2026_11_02';
-- In spring there is no such hour, and no partition for it.
SET ppm.work_date = '2026-03-08 01:50';
SELECT partition, substring(statement FROM 'FROM \(.*\)') FROM ppm.plan('quarters_of_hours') WHERE action = 'create';

-- After a change of the interval, existing partitions stay until they are outdated, and keep their names.
SET ppm.work_date = '2126-11-26';
UPDATE ppm.config SET interval = '1 day' WHERE table_name = 'ten_days';
SELECT action, partition, lower_bound, upper_bound FROM ppm.plan('ten_days');
CALL ppm.provision('ten_days');
SELECT code, severity, partition FROM ppm.check('ten_days');
UPDATE ppm.config SET interval = '2 months' WHERE table_name = 'quarters';
SELECT action, partition, lower_bound, upper_bound FROM ppm.plan('quarters');
SELECT code, severity, partition, detail FROM ppm.check('quarters');

DELETE FROM ppm.config;
DROP TABLE quarters_of_hours, hours, half_past, six_hours, ten_days, sundays, fortnights, aprils, from_six, two_months, quarters, odd_quarters, decades;
