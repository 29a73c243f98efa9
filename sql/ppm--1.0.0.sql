\echo Use "CREATE EXTENSION ppm" to load this file. \quit

-- Created here rather than by the control file, so that it cannot be somebody else's schema: the owner of a schema may drop
-- what is in it.
CREATE SCHEMA ppm;
COMMENT ON SCHEMA ppm IS 'ppm: RANGE partitions managed from inside the database';

--
-- Configuration
--

CREATE TYPE ppm.partition_interval AS ENUM ('daily', 'weekly', 'monthly', 'quarterly', 'yearly');
COMMENT ON TYPE ppm.partition_interval IS 'how much time one partition holds; weeks are ISO weeks, from Monday';

CREATE TYPE ppm.cleanup_policy AS ENUM ('detach', 'drop');
COMMENT ON TYPE ppm.cleanup_policy IS
    'what becomes of an outdated partition: it is detached and kept as a table, or detached and dropped for ever';

CREATE TABLE ppm.config (
    schema_name name NOT NULL DEFAULT 'public',
    table_name name NOT NULL,
    partition_key name,
    interval ppm.partition_interval NOT NULL,
    pre_provisioned integer NOT NULL,
    retention integer,
    cleanup_policy ppm.cleanup_policy NOT NULL DEFAULT 'detach',
    timezone text NOT NULL DEFAULT 'UTC',
    CONSTRAINT config_pkey PRIMARY KEY (schema_name, table_name),
    CONSTRAINT config_pre_provisioned_check CHECK (pre_provisioned BETWEEN 1 AND 1000),
    CONSTRAINT config_retention_check CHECK (retention BETWEEN 1 AND 10000)
);
SELECT pg_catalog.pg_extension_config_dump('ppm.config', '');

COMMENT ON TABLE ppm.config IS 'the partitioned tables that ppm manages, one row each';
COMMENT ON COLUMN ppm.config.schema_name IS 'the schema of the partitioned table';
COMMENT ON COLUMN ppm.config.table_name IS 'the name of the partitioned table';
COMMENT ON COLUMN ppm.config.partition_key IS
    'the column that the table must be partitioned by; null: whichever it is';
COMMENT ON COLUMN ppm.config.interval IS 'how much time one partition holds';
COMMENT ON COLUMN ppm.config.pre_provisioned IS
    'how many partitions there must be after the current one, 1 to 1000';
COMMENT ON COLUMN ppm.config.retention IS
    'how many partitions there must be before the current one, 1 to 10000; older ones are outdated; null: none is ever outdated';
COMMENT ON COLUMN ppm.config.cleanup_policy IS 'what becomes of outdated partitions';
COMMENT ON COLUMN ppm.config.timezone IS
    'the time zone whose midnights the partitions begin at, where the key is a timestamptz or uuid, and whose date is today';
COMMENT ON CONSTRAINT config_pkey ON ppm.config IS 'a table is configured once';
COMMENT ON CONSTRAINT config_pre_provisioned_check ON ppm.config IS 'there is always a next partition';
COMMENT ON CONSTRAINT config_retention_check ON ppm.config IS 'to keep everything, retention is null';

CREATE FUNCTION ppm.configuration_written() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_configuration_written'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.configuration_written() IS
    'requires the rights of the configured table''s owner and warns of what the catalog contradicts';

CREATE TRIGGER configuration_written AFTER INSERT OR UPDATE OR DELETE ON ppm.config
    FOR EACH ROW EXECUTE FUNCTION ppm.configuration_written();
COMMENT ON TRIGGER configuration_written ON ppm.config IS
    'requires the rights of the configured table''s owner and warns of what the catalog contradicts';

--
-- What was detached
--

-- Written by ppm as the owner of this table, whoever calls: nobody else needs, or should be given, a privilege to change it.
CREATE TABLE ppm.detached (
    schema_name name NOT NULL,
    table_name name NOT NULL,
    detached name NOT NULL,
    relation oid NOT NULL,
    lower_bound timestamp NOT NULL,
    upper_bound timestamp NOT NULL,
    cleanup_policy ppm.cleanup_policy NOT NULL,
    detached_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    parent oid NOT NULL,
    detached_schema name NOT NULL,
    lower_value text NOT NULL,
    upper_value text NOT NULL,
    row_version xid,
    CONSTRAINT detached_pkey PRIMARY KEY (relation)
);
COMMENT ON TABLE ppm.detached IS 'what ppm detached, or is detaching, and has not dropped';
COMMENT ON COLUMN ppm.detached.schema_name IS 'the schema of the table that it was a partition of';
COMMENT ON COLUMN ppm.detached.table_name IS 'the name of the table that it was a partition of';
COMMENT ON COLUMN ppm.detached.detached IS 'its name';
COMMENT ON COLUMN ppm.detached.relation IS 'its OID';
COMMENT ON COLUMN ppm.detached.lower_bound IS 'its lower bound as civil time in the time zone of its parent';
COMMENT ON COLUMN ppm.detached.upper_bound IS 'its upper bound as civil time in the time zone of its parent';
COMMENT ON COLUMN ppm.detached.cleanup_policy IS
    'what becomes of it: kept, and attached again if its parent''s window reaches it, or dropped';
COMMENT ON COLUMN ppm.detached.detached_at IS 'when it was set out to be detached';
COMMENT ON COLUMN ppm.detached.parent IS 'the OID of the table that it was a partition of';
COMMENT ON COLUMN ppm.detached.detached_schema IS 'its schema';
COMMENT ON COLUMN ppm.detached.lower_value IS 'its lower bound as the partition key has it, or MINVALUE';
COMMENT ON COLUMN ppm.detached.upper_value IS 'its upper bound as the partition key has it, or MAXVALUE';
COMMENT ON COLUMN ppm.detached.row_version IS
    'the xmin that its row in pg_class had when ppm had detached it: it is dropped only while that is so; null: it is not known that ppm detached it';
COMMENT ON CONSTRAINT detached_pkey ON ppm.detached IS 'a table is detached once';

--
-- Reading
--

CREATE FUNCTION ppm.validate(parent regclass DEFAULT NULL)
    RETURNS TABLE (schema_name name, table_name name, partition name, severity text, code text, detail text, hint text)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_validate'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.validate(regclass) IS
    'what of the configuration the catalog contradicts, for one configured table or all of them; no row: nothing';

CREATE FUNCTION ppm.plan(parent regclass DEFAULT NULL)
    RETURNS TABLE (step integer, schema_name name, table_name name, action text, partition name,
                   lower_bound timestamp, upper_bound timestamp, statement text)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_plan'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.plan(regclass) IS
    'what would be done now, in order, for one configured table or all of them; changes nothing';

--
-- Doing
--

-- A procedure with a SET clause could not commit: it pins its search_path itself.
CREATE PROCEDURE ppm.provision(parent regclass DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_provision';
COMMENT ON PROCEDURE ppm.provision(regclass) IS
    'creates the missing partitions of one configured table or all of them';

CREATE PROCEDURE ppm.cleanup(parent regclass DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_cleanup';
COMMENT ON PROCEDURE ppm.cleanup(regclass) IS
    'removes the outdated partitions, and the empty surplus ones, of one configured table or all of them';

--
-- UUIDv7
--

CREATE FUNCTION ppm.uuidv7_lower_bound(instant timestamptz) RETURNS uuid
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ppm_uuidv7_lower_bound';
COMMENT ON FUNCTION ppm.uuidv7_lower_bound(timestamptz) IS
    'the smallest UUIDv7 of the millisecond, to compare a UUIDv7 column with a time';

CREATE FUNCTION ppm.uuidv7_timestamp(uuid uuid) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ppm_uuidv7_timestamp';
COMMENT ON FUNCTION ppm.uuidv7_timestamp(uuid) IS 'the time in a UUIDv7; null for any other UUID';

--
-- Rights: nobody's but those that are granted
--

REVOKE ALL ON TYPE ppm.partition_interval, ppm.cleanup_policy FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA ppm FROM PUBLIC;
GRANT USAGE ON SCHEMA ppm TO PUBLIC;
GRANT EXECUTE ON FUNCTION ppm.uuidv7_lower_bound(timestamptz), ppm.uuidv7_timestamp(uuid) TO PUBLIC;
