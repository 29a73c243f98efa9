-- Midnights where the clock changes: a timestamptz begins at the parent's midnight, a timestamp and a date at their own.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE clock (at timestamptz) PARTITION BY RANGE (at);

CREATE FUNCTION pg_temp.days(zone text, work_date text) RETURNS TABLE (partition name, lower_bound timestamp, statement text)
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ppm.config;
    INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, timezone)
    VALUES ('clock', 'daily', 1, 1, zone);
    PERFORM set_config('ppm.work_date', work_date, true);
    RETURN QUERY SELECT p.partition, p.lower_bound, substring(p.statement FROM 'FROM \(.*\)') FROM ppm.plan('clock') AS p;
END $$;

SELECT * FROM pg_temp.days('Europe/Berlin', '2026-03-29');     -- 23 hours
SELECT * FROM pg_temp.days('Europe/Berlin', '2026-10-25');     -- 25 hours
SELECT * FROM pg_temp.days('America/Sao_Paulo', '2018-11-04'); -- no midnight: the day begins at one
SELECT * FROM pg_temp.days('America/Havana', '2022-11-06');    -- midnight twice
SELECT * FROM pg_temp.days('Pacific/Apia', '2011-12-30');      -- no such day: no partition
SELECT * FROM pg_temp.days('Asia/Kathmandu', '2026-01-01');    -- a quarter of an hour off
SELECT * FROM pg_temp.days('Africa/Monrovia', '1960-01-01');   -- -00:44:30

-- The same midnights as AT TIME ZONE has, where there is one.
SELECT zone, count(*) FILTER (WHERE (regexp_match(statement, '''([^'']*)'''))[1]::timestamptz <> lower_bound AT TIME ZONE zone) AS others
FROM unnest(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana', 'Asia/Tehran']) AS zone,
     unnest(ARRAY['2026-01-01', '2026-03-29', '2026-10-25', '2022-11-06']) AS work_date,
     pg_temp.days(zone, work_date)
GROUP BY zone ORDER BY zone;

-- Today is the date in the time zone of the parent.
RESET ppm.work_date;
CREATE TABLE day_of (d date) PARTITION BY RANGE (d);
DELETE FROM ppm.config;
INSERT INTO ppm.config (table_name, interval, pre_provisioned, timezone) VALUES ('day_of', 'daily', 1, 'Pacific/Kiritimati');
SELECT min(lower_bound) = (now() AT TIME ZONE 'Pacific/Kiritimati')::date FROM ppm.plan('day_of');
UPDATE ppm.config SET timezone = 'Etc/GMT+12';
SELECT min(lower_bound) = (now() AT TIME ZONE 'Etc/GMT+12')::date FROM ppm.plan('day_of');

DELETE FROM ppm.config;
DROP TABLE clock, day_of;

-- Names that AT TIME ZONE takes for abbreviations have no summer time. (Some systems have them in a package of their own.)
SET ppm.work_date = '2026-07-15';
CREATE TABLE summer (at timestamptz) PARTITION BY RANGE (at);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, timezone) VALUES ('summer', 'daily', 1, 'Europe/Paris');
CREATE TEMP TABLE edges (zone text, lower_value text);
DO $$
DECLARE
    zone text;
BEGIN
    FOREACH zone IN ARRAY '{CET,MET,EET,WET,Europe/Paris,EST,America/New_York}'::text[] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = zone);
        UPDATE ppm.config SET timezone = zone WHERE table_name = 'summer';
        INSERT INTO edges SELECT zone, lower_value FROM ppm.plan('summer') LIMIT 1;
    END LOOP;
END $$;
SELECT zone, lower_value FROM edges WHERE lower_value::timestamptz <> timestamp '2026-07-15' AT TIME ZONE zone;
SELECT zone, lower_value FROM edges WHERE zone LIKE '%/%';
DELETE FROM ppm.config WHERE table_name = 'summer';
DROP TABLE summer, edges;
