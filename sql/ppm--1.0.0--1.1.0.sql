\echo Use "ALTER EXTENSION ppm UPDATE TO '1.1.0'" to load this file. \quit

-- What ppm--1.1.0.sql has and ppm--1.0.0.sql has not, in the same order. test/t/192_versions.pl compares what the two ways lead to.

-- Fails if the library is still the old one: every update begins with it.
SELECT pg_catalog.count(*) FROM ppm.validate();

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
    CONSTRAINT kept_pkey PRIMARY KEY (relation)
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
COMMENT ON CONSTRAINT kept_pkey ON ppm.kept IS 'it is kept once and for all';
