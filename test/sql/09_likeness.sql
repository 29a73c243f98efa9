-- A partition has what its parent has.
SET client_min_messages = warning;
SET ppm.work_date = '2026-11-22';
CREATE ROLE regress_ppm_owner;
CREATE SCHEMA likeness AUTHORIZATION regress_ppm_owner;
SET search_path = likeness, public;

CREATE TABLE parent (
    id bigint GENERATED ALWAYS AS IDENTITY,
    code serial,
    at timestamptz NOT NULL DEFAULT '2026-11-22 12:00+00',
    amount numeric CHECK (amount > 0),
    doubled numeric GENERATED ALWAYS AS (amount * 2) STORED,
    note text COLLATE "C" DEFAULT 'none',
    PRIMARY KEY (id, at),
    CONSTRAINT note_check CHECK (note <> ''),
    UNIQUE (code, at)
) PARTITION BY RANGE (at);
CREATE INDEX parent_expression ON parent (lower(note)) WHERE amount > 1;
ALTER TABLE parent ALTER note SET STORAGE external;
ALTER TABLE parent ALTER note SET COMPRESSION pglz;
COMMENT ON COLUMN parent.note IS 'a note';
COMMENT ON INDEX parent_expression IS 'an index';
CREATE STATISTICS parent_statistics ON code, amount FROM parent;
CREATE TABLE referenced (code int PRIMARY KEY);
ALTER TABLE parent ADD FOREIGN KEY (code) REFERENCES referenced;
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note = upper(NEW.note); RETURN NEW; END $$;
CREATE TRIGGER shout BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION shout();
ALTER TABLE parent OWNER TO regress_ppm_owner;
GRANT USAGE ON SCHEMA public TO regress_ppm_owner;
ALTER TABLE referenced OWNER TO regress_ppm_owner;

CREATE TABLE twin PARTITION OF parent FOR VALUES FROM ('2000-01-01') TO ('2000-01-02');
ALTER TABLE twin OWNER TO regress_ppm_owner;

INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned) VALUES ('likeness', 'parent', 'daily', 1);
CALL ppm.provision('parent');

-- Inserts work, and constraints are checked.
INSERT INTO referenced SELECT generate_series(1, 3);
INSERT INTO parent (amount) VALUES (1.5) RETURNING tableoid::regclass, id, code, doubled, note;
INSERT INTO parent (amount) VALUES (-1);
INSERT INTO parent (amount, code) VALUES (1, 17);

-- Column by column, constraint by constraint, index by index it is what PARTITION OF makes. (Identity, replica identity
-- and the rest of the likeness are compared elsewhere.)
CREATE VIEW columns AS
SELECT attrelid::regclass AS partition, attname, atttypid::regtype, attnotnull, attgenerated, attcollation, attstorage,
       attcompression, pg_get_expr(adbin, adrelid) AS default
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0;
CREATE VIEW constraints AS
SELECT conrelid::regclass AS partition, contype, pg_get_constraintdef(oid) AS definition, conparentid <> 0 AS inherited, conislocal
FROM pg_constraint WHERE contype <> 'n';
CREATE VIEW indexes AS
SELECT indrelid::regclass AS partition, indisunique, indisprimary, pg_get_expr(indexprs, indrelid) AS expression,
       pg_get_expr(indpred, indrelid) AS predicate, indkey::text, EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid) AS attached
FROM pg_index;
CREATE VIEW triggers AS SELECT tgrelid::regclass AS partition, tgfoid::regproc, tgtype, tgparentid <> 0 AS inherited FROM pg_trigger;
SELECT r.relname, relkind, relowner::regrole, relpersistence FROM pg_class r
WHERE oid IN ('twin'::regclass, 'parent_2026_11_22'::regclass) ORDER BY 1;
CREATE FUNCTION pg_temp.difference(source regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH one AS (SELECT to_jsonb(s) - ''partition'' AS row, partition FROM %s AS s)
         SELECT (partition::text || row::text) FROM
             ((SELECT ''twin''::text AS partition, row FROM one WHERE partition = ''twin''::regclass
               EXCEPT ALL SELECT ''twin'', row FROM one WHERE partition = ''parent_2026_11_22''::regclass)
              UNION ALL
              (SELECT ''ppm''::text, row FROM one WHERE partition = ''parent_2026_11_22''::regclass
               EXCEPT ALL SELECT ''ppm'', row FROM one WHERE partition = ''twin''::regclass)) AS d', source);
END $$;
SELECT * FROM pg_temp.difference('columns');
SELECT * FROM pg_temp.difference('indexes');
SELECT * FROM pg_temp.difference('triggers');
SELECT * FROM pg_temp.difference('constraints');
SELECT count(*) FROM columns WHERE partition = 'twin'::regclass;
SELECT count(*) FROM indexes WHERE partition = 'twin'::regclass;

-- What PARTITION OF forgets.
SELECT col_description('parent_2026_11_22'::regclass, attnum) FROM pg_attribute
WHERE attrelid = 'parent_2026_11_22'::regclass AND attname = 'note';
SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = 'parent_2026_11_22'::regclass;

-- Properties that a partition takes from its parent.
CREATE TABLE whole (id int NOT NULL, d date NOT NULL, note text, CONSTRAINT key UNIQUE (id, d), CONSTRAINT later UNIQUE (note, d) DEFERRABLE INITIALLY DEFERRED)
    PARTITION BY RANGE (d);
ALTER TABLE whole REPLICA IDENTITY USING INDEX key;
ALTER TABLE whole ALTER note SET STATISTICS 500, ALTER id SET STATISTICS 7;
COMMENT ON TABLE whole IS 'it''s whole';
ALTER TABLE whole ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON whole AS RESTRICTIVE FOR SELECT TO regress_ppm_owner USING (note <> 'secret' AND likeness.whole.id > 1);
CREATE POLICY "Any one's" ON whole USING (true) WITH CHECK (id > 0);
ALTER TABLE whole OWNER TO regress_ppm_owner;
CREATE ROLE regress_ppm_other;
INSERT INTO ppm.config (schema_name, table_name, interval, pre_provisioned, partition_options) VALUES
    ('likeness', 'whole', 'daily', 1, '{fillfactor=90,autovacuum_vacuum_scale_factor=0.01,toast.autovacuum_enabled=off}');
SELECT statement FROM ppm.plan('whole') WHERE partition = 'whole_2026_11_22';
CALL ppm.provision('whole');
CREATE VIEW properties AS
SELECT relname AS partition, relreplident, relrowsecurity, relforcerowsecurity, obj_description(oid, 'pg_class') AS comment,
       (SELECT array_agg(ROW (attname, attstattarget)::text ORDER BY attname) FROM pg_attribute WHERE attrelid = r.oid AND attstattarget > 0) AS targets,
       (SELECT array_agg(ROW (polname, polcmd, polpermissive, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))::text ORDER BY polname)
        FROM pg_policy WHERE polrelid = r.oid) AS policies,
       (SELECT array_agg(pg_get_constraintdef(oid) ORDER BY conkey) FROM pg_constraint WHERE conrelid = r.oid AND contype = 'u') AS keys
FROM pg_class r;
SELECT count(*), count(DISTINCT to_jsonb(p) - 'partition') FROM properties AS p WHERE partition IN ('whole', 'whole_2026_11_22');
SELECT reloptions, (SELECT reloptions FROM pg_class t WHERE t.oid = r.reltoastrelid) AS toast FROM pg_class r WHERE relname = 'whole_2026_11_22';
SELECT indisreplident, indkey FROM pg_index WHERE indrelid = 'whole_2026_11_22'::regclass ORDER BY 1;
SELECT * FROM ppm.check('whole');

-- Later differences are reported.
ALTER TABLE whole REPLICA IDENTITY FULL;
ALTER TABLE whole_2026_11_23 OWNER TO regress_ppm_other;
CREATE INDEX whole_id ON ONLY whole (id);
SELECT partition, code, detail, hint FROM ppm.check('whole');
ALTER TABLE whole_2026_11_22 REPLICA IDENTITY FULL;
ALTER TABLE whole_2026_11_23 OWNER TO regress_ppm_owner, REPLICA IDENTITY USING INDEX whole_2026_11_23_id_d_key;
ALTER TABLE whole REPLICA IDENTITY USING INDEX key;
DROP INDEX whole_id;
SELECT partition, code, hint FROM ppm.check('whole');

-- partition_options are checked when they are written.
\set VERBOSITY terse
UPDATE ppm.config SET partition_options = '{fillfactor=5}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{fillfactr=50}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{fillfactor}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{fillfactor=50,fillfactor=60}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{toast.fillfactor=50}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{other.fillfactor=50}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{"fillfactor = 50); DROP TABLE whole; --=50"}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{fillfactor=50,NULL}' WHERE table_name = 'whole';
UPDATE ppm.config SET partition_options = '{}' WHERE table_name = 'whole';
-- Unless they come from a dump.
SET check_function_bodies = off;
UPDATE ppm.config SET partition_options = '{"a\"; DROP TABLE whole; --='' OR true"}' WHERE table_name = 'whole';
RESET check_function_bodies;
DROP TABLE whole_2026_11_23;
\set VERBOSITY default
\set SHOW_CONTEXT never
CALL ppm.provision('whole');
DELETE FROM ppm.config WHERE table_name = 'whole';
DROP ROLE regress_ppm_other;

-- An owner who may not create tables in the schema, and a caller who may not use it.
ALTER SCHEMA likeness OWNER TO CURRENT_USER;
GRANT USAGE ON SCHEMA likeness TO regress_ppm_owner;
SET ppm.work_date = '2026-11-25';
CALL ppm.provision('parent');
GRANT CREATE ON SCHEMA likeness TO regress_ppm_owner;
CALL ppm.provision('parent');

DELETE FROM ppm.config;
DROP SCHEMA likeness CASCADE;
REVOKE USAGE ON SCHEMA public FROM regress_ppm_owner;
DROP ROLE regress_ppm_owner;
