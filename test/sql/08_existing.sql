-- Existing partitions are known by their bounds, whatever their names and schemas.
SET client_min_messages = warning;
SET ppm.work_date = '2026-11-10';
CREATE SCHEMA existing;
CREATE SCHEMA archive;
SET search_path = existing;

CREATE FUNCTION pg_temp.plan(parent regclass) RETURNS TABLE (partition name, bounds text) LANGUAGE sql AS $$
    SELECT partition, lower_bound::date || ' to ' || upper_bound::date FROM ppm.plan(parent) WHERE action = 'create'
$$;
CREATE FUNCTION pg_temp.configure(name, text, pre_provisioned int, retention int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('existing', $1, $2, $3, $4)
$$;

-- MINVALUE, MAXVALUE and the infinities.
CREATE TABLE edges (d date) PARTITION BY RANGE (d);
CREATE TABLE edges_past PARTITION OF edges FOR VALUES FROM (MINVALUE) TO ('2026-11-09');
CREATE TABLE edges_future PARTITION OF edges FOR VALUES FROM ('2026-11-12') TO (MAXVALUE);
SELECT pg_temp.configure('edges', 'daily', 5, 5);
SELECT * FROM pg_temp.plan('edges');

CREATE TABLE infinite (t timestamp) PARTITION BY RANGE (t);
CREATE TABLE infinite_past PARTITION OF infinite FOR VALUES FROM ('-infinity') TO ('2026-11-10');
CREATE TABLE infinite_future PARTITION OF infinite FOR VALUES FROM ('2026-11-11') TO ('infinity');
SELECT pg_temp.configure('infinite', 'daily', 5, 5);
SELECT * FROM pg_temp.plan('infinite');

CREATE TABLE everything (t timestamptz) PARTITION BY RANGE (t);
CREATE TABLE everything_else PARTITION OF everything FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
SELECT pg_temp.configure('everything', 'daily', 5, 5);
SELECT * FROM pg_temp.plan('everything');

-- Far beyond any calendar, and before Christ.
CREATE TABLE far (d date) PARTITION BY RANGE (d);
CREATE TABLE far_past PARTITION OF far FOR VALUES FROM ('4713-01-01 BC') TO ('0044-03-15 BC');
CREATE TABLE far_future PARTITION OF far FOR VALUES FROM ('2026-11-11') TO ('5874897-12-31');
SELECT pg_temp.configure('far', 'daily', 5, 1);
SELECT * FROM pg_temp.plan('far');

-- Odd names, another schema, a partitioned and a foreign partition, bounds of another grid, and a gap.
CREATE TABLE mixed (t timestamp) PARTITION BY RANGE (t);
CREATE TABLE "Größe; ""it's"" \ 100%" PARTITION OF mixed FOR VALUES FROM ('2026-11-08') TO ('2026-11-09');
CREATE TABLE archive.mixed_2026_11_12 PARTITION OF mixed FOR VALUES FROM ('2026-11-09') TO ('2026-11-10 12:00');
CREATE TABLE nested PARTITION OF mixed FOR VALUES FROM ('2026-11-13') TO ('2026-11-14') PARTITION BY RANGE (t);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE remote PARTITION OF mixed FOR VALUES FROM ('2026-11-14') TO ('2026-11-15') SERVER nowhere;
SELECT pg_temp.configure('mixed', 'daily', 5, 3);
SELECT * FROM pg_temp.plan('mixed');
CALL ppm.provision('existing.mixed');
SELECT * FROM pg_temp.plan('mixed');
SELECT inhrelid::regclass, pg_get_expr(relpartbound, inhrelid) FROM pg_inherits JOIN pg_class r ON r.oid = inhrelid
WHERE inhparent = 'mixed'::regclass ORDER BY pg_get_expr(relpartbound, inhrelid);
-- Every moment of the window has a partition.
INSERT INTO mixed SELECT t FROM generate_series('2026-11-07'::timestamp, '2026-11-15 23:59', '1 hour') AS t
WHERE t < '2026-11-13' OR t >= '2026-11-15';

-- UUID bounds as other tools write them: the time and nothing else.
CREATE TABLE tool (id uuid) PARTITION BY RANGE (id);
DO $$
DECLARE
    bare CONSTANT text := '%s-0000-0000-000000000000';
    day date;
BEGIN
    FOREACH day IN ARRAY ARRAY['2026-11-08', '2026-11-09', '2026-11-11']::date[] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF tool FOR VALUES FROM (%L) TO (%L)', 'tool_p' || day,
                       format(bare, left(ppm.uuidv7_lower_bound(day)::text, 13)),
                       format(bare, left(ppm.uuidv7_lower_bound(day + 1)::text, 13)));
    END LOOP;
END $$;
SELECT pg_temp.configure('tool', 'daily', 2, 2);
SELECT * FROM pg_temp.plan('tool');
CALL ppm.provision('tool');
SELECT inhrelid::regclass, pg_get_expr(relpartbound, inhrelid) FROM pg_inherits JOIN pg_class r ON r.oid = inhrelid
WHERE inhparent = 'tool'::regclass ORDER BY pg_get_expr(relpartbound, inhrelid);
SELECT * FROM pg_temp.plan('tool');

-- After a change of the interval, existing partitions stay, and shorter ones fill the gap up to the next new slot.
CREATE TABLE changing (d date) PARTITION BY RANGE (d);
SELECT pg_temp.configure('changing', 'daily', 3, 1);
CALL ppm.provision('changing');
UPDATE ppm.config SET interval = 'weekly', pre_provisioned = 1 WHERE table_name = 'changing';
SELECT * FROM pg_temp.plan('changing');
CALL ppm.provision('changing');
UPDATE ppm.config SET interval = 'monthly' WHERE table_name = 'changing';
SELECT * FROM pg_temp.plan('changing');
CALL ppm.provision('changing');
UPDATE ppm.config SET interval = 'quarterly' WHERE table_name = 'changing';
SELECT * FROM pg_temp.plan('changing');
CALL ppm.provision('changing');
UPDATE ppm.config SET interval = 'yearly' WHERE table_name = 'changing';
SELECT * FROM pg_temp.plan('changing');
CALL ppm.provision('changing');
SET client_min_messages = error;
UPDATE ppm.config SET interval = 'daily', pre_provisioned = 1000 WHERE table_name = 'changing';
SET client_min_messages = warning;
SELECT * FROM pg_temp.plan('changing') LIMIT 2;

-- The same after a change of the time zone.
CREATE TABLE moving (t timestamptz) PARTITION BY RANGE (t);
SELECT pg_temp.configure('moving', 'daily', 1, 1);
CALL ppm.provision('moving');
UPDATE ppm.config SET timezone = 'America/New_York' WHERE table_name = 'moving';
SELECT partition, lower_bound, upper_bound FROM ppm.plan('moving') WHERE action = 'create';
UPDATE ppm.config SET timezone = 'Asia/Tokyo' WHERE table_name = 'moving';
SELECT partition, lower_bound, upper_bound FROM ppm.plan('moving') WHERE action = 'create';

-- Slots of the same width that begin elsewhere, as another tool makes them in another time zone.
CREATE TABLE shifted (t timestamptz) PARTITION BY RANGE (t);
CREATE TABLE shifted_p20261110 PARTITION OF shifted FOR VALUES FROM ('2026-11-09 23:00+00') TO ('2026-11-10 23:00+00');
SELECT pg_temp.configure('shifted', 'daily', 1, 1);
CALL ppm.provision('shifted');
SELECT partition, code, hint FROM ppm.check('shifted') WHERE code = 'off_grid';

DELETE FROM ppm.config;
DROP SCHEMA existing, archive CASCADE;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
