-- A table for each kind of key, and some rows, to play with.
CREATE TABLE by_day (day date, note text) PARTITION BY RANGE (day);
CREATE TABLE by_time (at timestamptz, note text) PARTITION BY RANGE (at);
CREATE TABLE by_uuidv7 (id uuid PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE by_number (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE by_epoch (at bigint, note text) PARTITION BY RANGE (at);
CREATE TABLE by_snowflake (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE by_ulid (id text COLLATE "C" PRIMARY KEY, note text) PARTITION BY RANGE (id);

INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, key_encoding) VALUES
    ('by_day', 'daily', 7, 30, NULL),
    ('by_time', '15 minutes', 96, 96, NULL),
    ('by_uuidv7', 'monthly', 3, 12, NULL),
    ('by_number', '1000', 3, NULL, NULL),
    ('by_epoch', 'hourly', 48, 72, 'seconds'),
    ('by_snowflake', 'weekly', 4, 26, 'snowflake'),
    ('by_ulid', 'daily', 7, 30, 'ulid');
CALL ppm.run_all();

INSERT INTO by_day SELECT current_date - n, 'day ' || n FROM generate_series(0, 20) n;
INSERT INTO by_time SELECT now() - n * interval '5 minutes', 'time ' || n FROM generate_series(0, 200) n;
INSERT INTO by_uuidv7 SELECT ppm.uuidv7_lower_bound(now() - n * interval '1 day'), 'UUID ' || n FROM generate_series(0, 200) n;
INSERT INTO by_number (note) SELECT 'number ' || n FROM generate_series(1, 1500) n;
INSERT INTO by_epoch SELECT extract(epoch FROM now() - n * interval '10 minutes')::bigint, 'epoch ' || n FROM generate_series(0, 200) n;
INSERT INTO by_snowflake SELECT ppm.snowflake_lower_bound(now() - n * interval '1 day'), 'Snowflake ' || n FROM generate_series(0, 100) n;
INSERT INTO by_ulid SELECT ppm.ulid_lower_bound(now() - n * interval '6 hours'), 'ULID ' || n FROM generate_series(0, 80) n;
ANALYZE;
CALL ppm.run_all();
