-- Later changes of the parent that its partitions do not have: each is reported, with a statement that fixes it; a new partition has none.
SET ppm.work_date = '2026-11-22';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_ppm_owner;
CREATE ROLE regress_ppm_reader;
CREATE SCHEMA differ AUTHORIZATION regress_ppm_owner;
SET search_path = differ;
CREATE FUNCTION differences() RETURNS TABLE (partition name, code text, detail text, hint text) LANGUAGE sql AS $$
    SELECT partition, code, regexp_replace(detail, 'RI_ConstraintTrigger_([ac])_\d+', 'RI_\1'), regexp_replace(hint, 'RI_ConstraintTrigger_([ac])_\d+', 'RI_\1')
    FROM ppm.check() WHERE code <> 'gap'
$$;
-- Follows all hints.
CREATE PROCEDURE mend_all() LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT regexp_replace(split_part(hint, ';', 1), '^If nobody is making it right now: REINDEX INDEX CONCURRENTLY', 'REINDEX INDEX') FROM ppm.check() WHERE code <> 'gap' LOOP
        EXECUTE statement;
    END LOOP;
END $$;

CREATE TABLE members (tenant varchar(20), who name);
CREATE TABLE buyers (id int PRIMARY KEY);
CREATE TABLE orders (gone int, id int, day date NOT NULL, tenant varchar(20) NOT NULL, amount numeric, buyer int REFERENCES buyers) PARTITION BY RANGE (day);
ALTER TABLE orders DROP COLUMN gone;
CREATE INDEX orders_id ON orders (id);
CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER noticed BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noticed();
CREATE TRIGGER counted AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION noticed();
ALTER TABLE orders ENABLE ALWAYS TRIGGER noticed;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- Expressions that PostgreSQL prints differently from how they were written.
CREATE POLICY one ON orders USING (tenant IN ('a', 'b') OR tenant = current_user OR amount BETWEEN -1 AND 5::bigint);
CREATE POLICY two ON orders AS RESTRICTIVE FOR SELECT TO regress_ppm_reader, regress_ppm_owner
    USING (EXISTS (SELECT FROM members m WHERE m.tenant = orders.tenant AND who::text LIKE 'x%' AND orders.id > 3) AND NOT (day < '2020-01-01' OR id IS NULL));
CREATE POLICY three ON orders FOR INSERT WITH CHECK ((id + 1)::text <> coalesce(tenant, 'none')::varchar(2) AND tenant = ANY (ARRAY(SELECT tenant FROM members)) AND day > now() - interval '1 day');
CREATE POLICY four ON orders FOR ALL USING (CASE WHEN id > 5 THEN tenant ~ '^a' COLLATE "C" ELSE (SELECT count(*) > 1 FROM members LIMIT 1) END) WITH CHECK (true);
ALTER TABLE orders OWNER TO regress_ppm_owner;
ALTER TABLE members OWNER TO regress_ppm_owner;
ALTER TABLE buyers OWNER TO regress_ppm_owner;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention, partition_options) VALUES ('differ', 'orders', 'monthly', 1, 1, '{fillfactor=90,toast.autovacuum_enabled=off}');
CALL ppm.run_all();
SELECT * FROM differences();

-- Row level security.
ALTER TABLE orders_2026_10 DISABLE ROW LEVEL SECURITY;
ALTER TABLE orders_2026_11 NO FORCE ROW LEVEL SECURITY;
SELECT * FROM differences();
CALL mend_all();
SELECT * FROM differences();
DROP POLICY one ON orders_2026_10;
ALTER POLICY two ON orders_2026_11 TO regress_ppm_reader;
ALTER POLICY three ON orders_2026_12 WITH CHECK ((id + 2)::text <> coalesce(tenant, 'none')::varchar(2) AND tenant = ANY (ARRAY(SELECT tenant FROM members)) AND day > now() - interval '1 day');
CREATE POLICY five ON orders_2026_12 USING (true);
CREATE POLICY six ON orders_2026_12 AS RESTRICTIVE USING (true);
SELECT * FROM differences();
-- Policies of the parent that were changed.
DROP POLICY five ON orders_2026_12;
DROP POLICY six ON orders_2026_12;
DROP POLICY two ON orders;
DROP POLICY three ON orders;
DROP POLICY one ON orders;
DROP POLICY four ON orders;
SELECT partition, detail FROM differences();
-- Policies do not matter if the parent has no row level security.
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SELECT * FROM differences();

-- UNLOGGED, storage parameters, triggers, foreign keys, an index.
ALTER TABLE orders_2026_11 SET UNLOGGED;
ALTER TABLE orders_2026_12 SET (fillfactor = 80, toast.autovacuum_enabled = on), RESET (autovacuum_enabled);
ALTER TABLE orders_2026_10 DISABLE TRIGGER noticed;
ALTER TABLE orders_2026_11 ENABLE REPLICA TRIGGER noticed;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_2026_12_id_idx'::regclass;
SELECT * FROM differences();
CALL mend_all();
SELECT * FROM differences();
ALTER TABLE orders_2026_10 DISABLE TRIGGER ALL;
SELECT code, detail FROM differences() WHERE detail !~ 'RI_';
-- PostgreSQL 14 does not record which of the parent's triggers a partition's trigger is a copy of.
SELECT current_setting('server_version_num')::int < 150000 OR count(*) FILTER (WHERE detail ~ 'RI_' AND hint ~ 'ENABLE TRIGGER') > 0 AS of_the_key FROM differences();
CALL mend_all();
UPDATE ppm.config SET partition_options = '{fillfactor=70}';
SELECT partition, detail, hint FROM differences();
UPDATE ppm.config SET partition_options = NULL;
SELECT * FROM differences();

-- The default partition has its own storage parameters.
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
ALTER TABLE orders_rest OWNER TO regress_ppm_owner;
UPDATE ppm.config SET partition_options = '{autovacuum_enabled=off}';
SELECT partition FROM differences();
DROP TABLE orders_rest;

-- Columns are compared by name if their numbers differ.
CREATE TABLE pairs (day date NOT NULL, a int, b int) PARTITION BY RANGE (day);
ALTER TABLE pairs ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON pairs USING (a > 0);
CREATE TABLE pairs_same PARTITION OF pairs FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
CREATE TABLE pairs_swapped (b int, a int, day date NOT NULL);
ALTER TABLE pairs ATTACH PARTITION pairs_swapped FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
ALTER TABLE pairs_same ENABLE ROW LEVEL SECURITY;
ALTER TABLE pairs_swapped ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON pairs_same USING (pairs_same.a > (0));
CREATE POLICY one ON pairs_swapped USING (a > 0);
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, retention) VALUES ('differ', 'pairs', 'monthly', 1, 1);
CALL ppm.provision('pairs');
SELECT partition, detail FROM ppm.check('pairs') WHERE code = 'row_security_differs';
ALTER POLICY one ON pairs_same USING (b > 0);
ALTER POLICY one ON pairs_swapped USING (a >= 0);
SELECT partition, detail FROM ppm.check('pairs') WHERE code = 'row_security_differs';
DELETE FROM ppm.config WHERE table_name = 'pairs';

-- check() takes no lock on the tables, and waits for none.
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON orders USING (id > 0);
BEGIN READ ONLY;
SELECT count(*) > 0 FROM differences();
SELECT relation::regclass, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'differ'::regnamespace);
COMMIT;

DELETE FROM ppm.config;
DROP SCHEMA differ CASCADE;
DROP ROLE regress_ppm_owner, regress_ppm_reader;
