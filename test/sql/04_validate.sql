-- ppm.validate(): where the catalog contradicts the configuration.
SET client_min_messages = error;  -- the warnings of INSERT are those of 03_config
SET ppm.work_date = '2026-11-22';
CREATE SCHEMA validated;
SET search_path = validated, public;

CREATE TABLE plain (d date);
CREATE VIEW a_view AS SELECT current_date AS d;
CREATE TABLE by_list (d date) PARTITION BY LIST (d);
CREATE TABLE by_hash (d date) PARTITION BY HASH (d);
CREATE TABLE by_two (d date, n int) PARTITION BY RANGE (d, n);
CREATE TABLE by_expression (d timestamp) PARTITION BY RANGE ((d::date));
CREATE TABLE by_integer (n int) PARTITION BY RANGE (n);
CREATE TABLE by_text (t text) PARTITION BY RANGE (t);
CREATE DOMAIN day AS date;
CREATE TABLE by_domain (d day) PARTITION BY RANGE (d);
CREATE TABLE healthy (d date) PARTITION BY RANGE (d);
CREATE TABLE by_another (d date, e date) PARTITION BY RANGE (d);
-- A date that is sorted backwards is still a date.
CREATE FUNCTION backwards(date, date) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT date_cmp($2, $1)';
CREATE OPERATOR CLASS backwards_ops FOR TYPE date USING btree AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 backwards(date, date);
CREATE TABLE by_backwards (d date) PARTITION BY RANGE (d backwards_ops);
-- 53 bytes: too long for `_YYYY_MM_DD`, not for `_YYYY_wWW`
CREATE TABLE named_with_fiftythree_bytes_which_is_too_long_by_one1 (d date) PARTITION BY RANGE (d);
CREATE TABLE named_with_fiftythree_bytes_which_is_too_long_by_one2 (d date) PARTITION BY RANGE (d);

INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned)
SELECT 'validated', name, 'daily', 1
FROM unnest(ARRAY['missing', 'plain', 'a_view', 'by_list', 'by_hash', 'by_two', 'by_expression', 'by_integer', 'by_text', 'by_domain',
                  'healthy', 'by_backwards', 'named_with_fiftythree_bytes_which_is_too_long_by_one1']) AS name;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, partition_key)
VALUES ('validated', 'by_another', 'daily', 1, 'e'),
       ('validated', 'named_with_fiftythree_bytes_which_is_too_long_by_one2', 'weekly', 1, 'd'),
       ('no_schema', 'healthy', 'daily', 1, NULL);

\x on
SELECT * FROM ppm.validate();
\x off

-- For one parent only.
SELECT code FROM ppm.validate('by_list');
SELECT code FROM ppm.validate('healthy');

-- For a table that is not configured.
CREATE TABLE unconfigured (d date) PARTITION BY RANGE (d);
\set VERBOSITY sqlstate
SELECT * FROM ppm.validate('unconfigured');
SELECT * FROM ppm.validate('never_heard_of');
\set VERBOSITY default
SELECT * FROM ppm.validate('unconfigured');
SELECT * FROM ppm.plan('unconfigured');
CALL ppm.provision('unconfigured');

-- One bad table stops no other, and all of them are listed.
SET client_min_messages = notice;
CALL ppm.provision();
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'healthy'::regclass ORDER BY inhrelid::regclass::text;

-- plan() leaves them out, and says so.
SELECT table_name, count(*) FROM ppm.plan() GROUP BY table_name;

DELETE FROM ppm.config;
SET client_min_messages = error;
DROP SCHEMA validated CASCADE;
