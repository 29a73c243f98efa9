\echo Use "ALTER EXTENSION ppm UPDATE TO '1.1.0'" to load this file. \quit

-- What ppm--1.1.0.sql has and ppm--1.0.0.sql has not, in the same order. test/t/192_versions.pl compares what the two ways lead to.

-- Fails if the library is still the old one: every update begins with it.
SELECT pg_catalog.count(*) FROM ppm.validate();

-- Written by ppm as the owner of this table. Not dumped: a restore writes the rows of ppm.config, and tables have other OIDs there.
CREATE TABLE ppm.configured_relations (
    schema_name name NOT NULL,
    table_name name NOT NULL,
    relation oid NOT NULL,
    confirmed_by name NOT NULL,
    confirmed_at timestamptz NOT NULL,
    CONSTRAINT configured_relations_pkey PRIMARY KEY (schema_name, table_name)
);
COMMENT ON TABLE ppm.configured_relations IS
    'which relation each row of ppm.config meant when it was written: a later one of the same name is not managed until the row is written again';
COMMENT ON COLUMN ppm.configured_relations.schema_name IS 'the schema_name of the row';
COMMENT ON COLUMN ppm.configured_relations.table_name IS 'the table_name of the row';
COMMENT ON COLUMN ppm.configured_relations.relation IS 'the OID of the relation of that name';
COMMENT ON COLUMN ppm.configured_relations.confirmed_by IS
    'the role that wrote the row, or that called ppm first for a row of which nothing was known';
COMMENT ON COLUMN ppm.configured_relations.confirmed_at IS 'when it did';
COMMENT ON CONSTRAINT configured_relations_pkey ON ppm.configured_relations IS 'a row means one relation';

-- Until now a name was all there was: it means what it means now.
INSERT INTO ppm.configured_relations (schema_name, table_name, relation, confirmed_by, confirmed_at)
SELECT c.schema_name, c.table_name, r.oid, current_user, pg_catalog.now()
FROM ppm.config AS c
JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) c.schema_name
JOIN pg_catalog.pg_class AS r ON r.relnamespace OPERATOR(pg_catalog.=) n.oid AND r.relname OPERATOR(pg_catalog.=) c.table_name;

--
-- What was detached
--

ALTER TABLE ppm.detached ADD COLUMN snapshot pg_catalog.pg_snapshot;
COMMENT ON COLUMN ppm.detached.version IS
    'what ppm left behind: a hash of what the catalog says of the table and its partitions; it is dropped, or attached again, only while that is so; null: it is not known that ppm detached it';
COMMENT ON COLUMN ppm.detached.snapshot IS
    'which transactions had ended when it was detached, those in progress with their subtransactions: it is dropped only if no other has put rows into it';

-- Written by ppm as the owner of this table, too. It is dumped: in doubt ppm keeps.
CREATE TABLE ppm.kept (
    relation oid NOT NULL,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    partition_schema name NOT NULL,
    partition name NOT NULL,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT kept_pkey PRIMARY KEY (relation, partition_schema, partition)
);
SELECT pg_catalog.pg_extension_config_dump('ppm.kept', '');
COMMENT ON TABLE ppm.kept IS
    'partitions that were detached once to be kept, and attached again: ppm detaches them and never drops them, unless their row is deleted';
COMMENT ON COLUMN ppm.kept.relation IS 'its OID; after a dump and restore it is known by the names';
COMMENT ON COLUMN ppm.kept.schema_name IS 'the schema of the table that it is a partition of';
COMMENT ON COLUMN ppm.kept.table_name IS 'the name of the table that it is a partition of';
COMMENT ON COLUMN ppm.kept.partition_schema IS 'its schema';
COMMENT ON COLUMN ppm.kept.partition IS 'its name';
COMMENT ON COLUMN ppm.kept.since IS 'since when it is known';
COMMENT ON CONSTRAINT kept_pkey ON ppm.kept IS
    'it is kept once and for all; after a restore its OID may have come to mean another table';

--
-- What was done
--

COMMENT ON COLUMN ppm.last_run.at IS 'when it ended; where cleanup was refused because of the clock (PM008): when the one before it ended, or the server was started';

--
-- What ppm's tables are kept from
--

-- They are about this database: what logical replication brings from the tables of another one is left out. PostgreSQL fires triggers
-- for that only if they are ENABLE ALWAYS.
CREATE FUNCTION ppm.skip_replicated() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_skip_replicated'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.skip_replicated() IS 'leaves out what logical replication applies to a table of ppm''s';

CREATE FUNCTION ppm.refuse_truncate() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_refuse_truncate'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.refuse_truncate() IS 'refuses a TRUNCATE, which no trigger of the rows would see';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.config
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.config
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.config
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.config
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.config
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.config IS 'leaves out rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.config IS 'takes the rows aside before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.config IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.config IS 'refuses a TRUNCATE: DELETE is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.configured_relations
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.configured_relations
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.configured_relations
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.configured_relations
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.configured_relations
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.configured_relations IS 'leaves out rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.configured_relations IS 'takes the rows aside before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.configured_relations IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.configured_relations IS 'refuses a TRUNCATE: DELETE is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.detached
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.detached
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.detached
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.detached
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.detached
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.detached IS 'leaves out rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.detached IS 'takes the rows aside before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.detached IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.detached IS 'refuses a TRUNCATE: DELETE is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.kept
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.kept
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.kept
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.kept
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.kept
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.kept IS 'leaves out rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.kept IS 'takes the rows aside before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.kept IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.kept IS 'refuses a TRUNCATE: DELETE is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.history
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.history
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.history
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.history
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.history IS 'leaves out rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.history IS 'takes the rows aside before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.history IS 'puts the rows back after a TRUNCATE that logical replication applies';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.last_run
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.last_run
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.last_run
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.last_run
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.last_run IS 'leaves out rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.last_run IS 'takes the rows aside before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.last_run IS 'puts the rows back after a TRUNCATE that logical replication applies';

REVOKE ALL ON FUNCTION ppm.skip_replicated(), ppm.refuse_truncate() FROM PUBLIC;
