-- The UUIDv7 functions.
SET timezone = 'UTC';

-- The example of RFC 9562, appendix A.6: 2022-02-22 14:22:22.00 GMT-05:00.
SELECT ppm.uuidv7_timestamp('017F22E2-79B0-7CC3-98C4-DC0C0C07398F');
SELECT ppm.uuidv7_lower_bound('2022-02-22 14:22:22-05');

-- The smallest UUIDv7 of its millisecond.
SELECT ppm.uuidv7_lower_bound('2026-11-22 12:00:00.123456+00') = ppm.uuidv7_lower_bound('2026-11-22 12:00:00.123+00');
SELECT ppm.uuidv7_timestamp(ppm.uuidv7_lower_bound('2026-11-22 12:00:00.123456+00'));
SELECT ppm.uuidv7_lower_bound('1970-01-01 00:00+00'), ppm.uuidv7_lower_bound('10889-08-02 05:31:50.655+00');

-- A bound that a tool wrote without version and variant is a time, any other UUID is not.
SELECT ppm.uuidv7_timestamp('017f22e2-79b0-0000-0000-000000000000');
SELECT ppm.uuidv7_timestamp('017f22e2-79b0-4cc3-98c4-dc0c0c07398f') IS NULL,
       ppm.uuidv7_timestamp('017f22e2-79b0-7cc3-18c4-dc0c0c07398f') IS NULL,
       ppm.uuidv7_timestamp('ffffffff-ffff-ffff-ffff-ffffffffffff') IS NULL,
       ppm.uuidv7_timestamp(NULL) IS NULL,
       ppm.uuidv7_lower_bound(NULL) IS NULL;

-- Out of range.
SELECT ppm.uuidv7_lower_bound('1969-12-31 23:59:59.999999+00');
SELECT ppm.uuidv7_lower_bound('10889-08-02 05:31:50.656+00');
SELECT ppm.uuidv7_lower_bound('infinity');
\set VERBOSITY sqlstate
SELECT ppm.uuidv7_lower_bound('-infinity');
\set VERBOSITY default

-- Order of bounds is order of times.
SELECT bool_and(ppm.uuidv7_lower_bound(t) < ppm.uuidv7_lower_bound(t + interval '1 ms'))
FROM generate_series('2000-01-01'::timestamptz, '2100-01-01', '97 days 11:13:17.003') AS t;

-- A query on a UUIDv7 key prunes by time, while it is planned.
SET ppm.work_date = '2026-11-22';
CREATE TABLE events (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('events', 'daily', 2, 2);
CALL ppm.provision('events');
EXPLAIN (COSTS OFF)
SELECT FROM events
WHERE id >= ppm.uuidv7_lower_bound('2026-11-21 06:00+00') AND id < ppm.uuidv7_lower_bound('2026-11-21 18:00+00');
DELETE FROM ppm.config;
DROP TABLE events;
