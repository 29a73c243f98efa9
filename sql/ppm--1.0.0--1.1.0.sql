\echo Use "ALTER EXTENSION ppm UPDATE TO '1.1.0'" to load this file. \quit

-- What ppm--1.1.0.sql has and ppm--1.0.0.sql has not, in the same order. test/t/192_versions.pl compares what the two ways lead to.

-- Fails if the library is still the old one: every update begins with it.
SELECT pg_catalog.count(*) FROM ppm.validate();

--
-- Any key, any interval
--

-- Functions and views that give more columns now are made anew: for whoever had the old ones.
ALTER FUNCTION ppm.plan(regclass) RENAME TO plan_of_1_0_0;
ALTER FUNCTION ppm.partition_states() RENAME TO partition_states_of_1_0_0;
ALTER FUNCTION ppm.table_states() RENAME TO table_states_of_1_0_0;
ALTER VIEW ppm.partitions RENAME TO partitions_of_1_0_0;
ALTER VIEW ppm.status RENAME TO status_of_1_0_0;

CREATE FUNCTION ppm.plan(parent regclass DEFAULT NULL)
    RETURNS TABLE (step integer, schema_name name, table_name name, action text, partition name,
                   lower_bound timestamp, upper_bound timestamp, statement text, lower_value text, upper_value text)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_plan'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.plan(regclass) IS
    'the steps that ppm would take now, in order, for one configured table or all of them; without a number, what is to be dropped later; changes nothing';

CREATE FUNCTION ppm.partition_states()
    RETURNS TABLE (schema_name name, table_name name, partition name, lower_bound timestamp, upper_bound timestamp,
                   state text, relation oid, lower_value text, upper_value text)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_partition_states'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.partition_states() IS 'what the view ppm.partitions shows, without sizes and rows';

CREATE FUNCTION ppm.table_states()
    RETURNS TABLE (schema_name name, table_name name, "interval" text, covered_until timestamp, runway interval,
                   partitions integer, outdated integer, errors integer, warnings integer, relation oid,
                   covered_until_value text, slots_ahead integer)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_table_states'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.table_states() IS 'what the view ppm.status shows, without sizes, last runs and schedule';

CREATE VIEW ppm.partitions AS
    SELECT p.schema_name, p.table_name, p.partition, p.lower_bound, p.upper_bound, p.state,
           ppm.total_bytes(p.relation) AS total_bytes,
           -- Until the first VACUUM or ANALYZE only the statistics know. This is no outer join, because Citus
           -- adds a condition on pg_class: PostgreSQL 16 and later fail to plan that where they can leave out the join.
           (SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE pg_catalog.pg_stat_get_live_tuples(c.oid) END
            FROM pg_catalog.pg_class AS c WHERE c.oid = p.relation) AS estimated_rows,
           p.lower_value, p.upper_value
    FROM ppm.partition_states() AS p;
COMMENT ON VIEW ppm.partitions IS 'the partitions of each configured table';
COMMENT ON COLUMN ppm.partitions.schema_name IS 'the schema of the configured table';
COMMENT ON COLUMN ppm.partitions.table_name IS 'the name of the configured table';
COMMENT ON COLUMN ppm.partitions.partition IS 'the name of the partition';
COMMENT ON COLUMN ppm.partitions.lower_bound IS
    'its lower bound as local time in the time zone of its parent; null for the default partition, and for an integer key without key_encoding';
COMMENT ON COLUMN ppm.partitions.upper_bound IS
    'its upper bound as local time in the time zone of its parent; null for the default partition, and for an integer key without key_encoding';
COMMENT ON COLUMN ppm.partitions.state IS
    'retained, current, upcoming, outdated, surplus, off_grid, default or pending_detach';
COMMENT ON COLUMN ppm.partitions.total_bytes IS
    'its size with its indexes and its TOAST table; null if another session has locked it';
COMMENT ON COLUMN ppm.partitions.estimated_rows IS 'about how many rows it has';
COMMENT ON COLUMN ppm.partitions.lower_value IS
    'its lower bound as a value of the partition key, or MINVALUE; null for the default partition';
COMMENT ON COLUMN ppm.partitions.upper_value IS
    'its upper bound as a value of the partition key, or MAXVALUE; null for the default partition';

-- Whoever may read ppm.status may call it.
CREATE FUNCTION ppm.scheduled_at() RETURNS timestamptz
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_scheduled_at';
COMMENT ON FUNCTION ppm.scheduled_at() IS
    'when the server next looks whether run_all() is due in this database; null if ppm.schedule_databases does not list it, or ppm is not in shared_preload_libraries';

CREATE VIEW ppm.status AS
    SELECT t.schema_name, t.table_name, t."interval", t.covered_until, t.runway,
           t.partitions, t.outdated,
           (SELECT CASE WHEN pg_catalog.count(s.bytes) = pg_catalog.count(*) THEN coalesce(pg_catalog.sum(s.bytes), 0)::bigint END
            FROM (SELECT ppm.total_bytes(i.inhrelid) AS bytes
                  FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = t.relation) AS s) AS total_bytes,
           t.errors, t.warnings,
           (SELECT pg_catalog.max(r.at) FROM ppm.last_run AS r
            WHERE r.schema_name = t.schema_name AND r.table_name = t.table_name) AS last_run_at,
           -- 'failed' comes before 'ok'.
           (SELECT pg_catalog.min(r.outcome) FROM ppm.last_run AS r
            WHERE r.schema_name = t.schema_name AND r.table_name = t.table_name) AS last_outcome,
           t.errors = 0 AS healthy,
           t.covered_until_value, t.slots_ahead,
           ppm.scheduled_at() AS scheduled_at
    FROM ppm.table_states() AS t;
COMMENT ON VIEW ppm.status IS 'the state of each configured table, for monitoring';
COMMENT ON COLUMN ppm.status.schema_name IS 'the schema of the configured table';
COMMENT ON COLUMN ppm.status.table_name IS 'the name of the configured table';
COMMENT ON COLUMN ppm.status."interval" IS 'the range of one partition, as in ppm.config';
COMMENT ON COLUMN ppm.status.covered_until IS
    'until when there are partitions without a gap, from now on, as local time in the time zone of the table; null: there is none for now';
COMMENT ON COLUMN ppm.status.runway IS
    'how long inserts will find a partition other than the default one: by the clock, or at the rate at which the key grew over the last runs; null: for ever, or not known, or the configuration is not valid';
COMMENT ON COLUMN ppm.status.partitions IS 'how many partitions there are, the default partition included';
COMMENT ON COLUMN ppm.status.outdated IS 'how many partitions are outdated';
COMMENT ON COLUMN ppm.status.total_bytes IS
    'the size of its partitions with their indexes and TOAST tables; null if another session has locked one of them';
COMMENT ON COLUMN ppm.status.errors IS
    'how many errors ppm.check() has for the table, as far as that can be told without looking into its partitions';
COMMENT ON COLUMN ppm.status.warnings IS 'how many warnings ppm.check() has for the table';
COMMENT ON COLUMN ppm.status.last_run_at IS 'when ppm was last called for the table';
COMMENT ON COLUMN ppm.status.last_outcome IS 'ok; or failed, if the last provision or the last cleanup failed';
COMMENT ON COLUMN ppm.status.healthy IS 'whether errors is 0';
COMMENT ON COLUMN ppm.status.covered_until_value IS
    'until which key there are partitions without a gap, from the current one on, or MAXVALUE; null: there is none for now';
COMMENT ON COLUMN ppm.status.slots_ahead IS
    'how many partitions there are above the current one without a gap, 10000 at most; null: for ever, or the configuration is not valid';
COMMENT ON COLUMN ppm.status.scheduled_at IS
    'when the server next looks whether run_all() is due; null if it does not call it by itself';

REVOKE ALL ON FUNCTION ppm.plan(regclass), ppm.partition_states(), ppm.table_states(), ppm.scheduled_at() FROM PUBLIC;

-- What was granted goes over by hand: by GRANT it would become the extension's own privileges, which pg_dump leaves out.
CREATE TEMPORARY TABLE ppm_made_anew ON COMMIT DROP AS
    SELECT 'pg_catalog.pg_proc'::regclass AS catalog, n::regprocedure::oid AS new, o::regprocedure::oid AS old
    FROM (VALUES ('ppm.plan(regclass)', 'ppm.plan_of_1_0_0(regclass)'),
                 ('ppm.partition_states()', 'ppm.partition_states_of_1_0_0()'),
                 ('ppm.table_states()', 'ppm.table_states_of_1_0_0()')) AS f(n, o)
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, n::regclass::oid, o::regclass::oid
    FROM (VALUES ('ppm.partitions', 'ppm.partitions_of_1_0_0'), ('ppm.status', 'ppm.status_of_1_0_0')) AS v(n, o);
UPDATE pg_catalog.pg_proc AS n SET proowner = o.proowner, proacl = o.proacl
FROM pg_temp.ppm_made_anew AS m JOIN pg_catalog.pg_proc AS o ON o.oid OPERATOR(pg_catalog.=) m.old
WHERE n.oid OPERATOR(pg_catalog.=) m.new AND m.catalog OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::regclass;
UPDATE pg_catalog.pg_class AS n SET relowner = o.relowner, relacl = o.relacl
FROM pg_temp.ppm_made_anew AS m JOIN pg_catalog.pg_class AS o ON o.oid OPERATOR(pg_catalog.=) m.old
WHERE n.oid OPERATOR(pg_catalog.=) m.new AND m.catalog OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass;
UPDATE pg_catalog.pg_type AS n SET typowner = o.typowner
FROM pg_temp.ppm_made_anew AS m JOIN pg_catalog.pg_type AS o ON o.typrelid OPERATOR(pg_catalog.=) m.old
WHERE n.typrelid OPERATOR(pg_catalog.=) m.new AND m.catalog OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass;
UPDATE pg_catalog.pg_attribute AS n SET attacl = o.attacl
FROM pg_temp.ppm_made_anew AS m JOIN pg_catalog.pg_attribute AS o ON o.attrelid OPERATOR(pg_catalog.=) m.old
WHERE n.attrelid OPERATOR(pg_catalog.=) m.new AND m.catalog OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass
  AND n.attnum OPERATOR(pg_catalog.=) o.attnum AND o.attacl IS NOT NULL;
-- Which roles they name.
DELETE FROM pg_catalog.pg_shdepend AS s USING pg_catalog.pg_database AS d, pg_temp.ppm_made_anew AS m
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND s.dbid OPERATOR(pg_catalog.=) d.oid
  AND s.classid OPERATOR(pg_catalog.=) m.catalog AND s.objid OPERATOR(pg_catalog.=) m.new;
INSERT INTO pg_catalog.pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype)
SELECT s.dbid, s.classid, m.new, s.objsubid, s.refclassid, s.refobjid, s.deptype
FROM pg_catalog.pg_shdepend AS s
JOIN pg_catalog.pg_database AS d ON s.dbid OPERATOR(pg_catalog.=) d.oid
JOIN pg_temp.ppm_made_anew AS m ON s.classid OPERATOR(pg_catalog.=) m.catalog AND s.objid OPERATOR(pg_catalog.=) m.old
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
DROP TABLE pg_temp.ppm_made_anew;
DROP VIEW ppm.partitions_of_1_0_0, ppm.status_of_1_0_0;
DROP FUNCTION ppm.plan_of_1_0_0(regclass), ppm.partition_states_of_1_0_0(), ppm.table_states_of_1_0_0();

CREATE TYPE ppm.key_encoding AS ENUM ('seconds', 'milliseconds', 'microseconds', 'nanoseconds', 'snowflake', 'ulid');
COMMENT ON TYPE ppm.key_encoding IS
    'how a partition key stores time: as a number of seconds, milliseconds, microseconds or nanoseconds since 1970, as a Snowflake ID, or as a ULID';

ALTER TABLE ppm.config
    ALTER COLUMN interval TYPE text USING interval::text,
    ADD COLUMN origin text,
    ADD COLUMN key_encoding ppm.key_encoding,
    ADD COLUMN key_epoch timestamptz,
    ADD COLUMN key_shift integer,
    ADD COLUMN drop_delay interval NOT NULL DEFAULT '0',
    ADD COLUMN archive_schema name,
    ADD COLUMN analyze_parent boolean NOT NULL DEFAULT false,
    ADD COLUMN template text,
    ADD CONSTRAINT config_snowflake_check
        CHECK (key_encoding IS NOT DISTINCT FROM 'snowflake' OR (key_epoch IS NULL AND key_shift IS NULL)),
    ADD CONSTRAINT config_key_shift_check CHECK (key_shift BETWEEN 0 AND 62),
    ADD CONSTRAINT config_drop_delay_check CHECK (drop_delay BETWEEN '0' AND '1000 years'),
    ADD CONSTRAINT config_archive_schema_check
        CHECK (archive_schema <> schema_name AND archive_schema::text !~ '^pg_' AND archive_schema NOT IN ('information_schema', 'ppm', ''));
COMMENT ON CONSTRAINT config_snowflake_check ON ppm.config IS 'key_epoch and key_shift are set only if key_encoding is snowflake';
COMMENT ON CONSTRAINT config_key_shift_check ON ppm.config IS 'key_shift is 0 to 62: a bigint has no more bits';
COMMENT ON CONSTRAINT config_drop_delay_check ON ppm.config IS
    'drop_delay is 0 to 1000 years; to keep tables for ever, set cleanup_policy to detach';
COMMENT ON CONSTRAINT config_archive_schema_check ON ppm.config IS
    'archive_schema is neither the schema of the table nor one of PostgreSQL or ppm';
REVOKE ALL ON TYPE ppm.key_encoding FROM PUBLIC;
DROP TYPE ppm.partition_interval;
COMMENT ON COLUMN ppm.config.interval IS
    'the range of one partition, called a slot: hourly, daily, weekly, monthly, quarterly, yearly, or a count of minutes, hours, days, weeks, months or years; for an integer key without key_encoding, a number of keys';
COMMENT ON COLUMN ppm.config.timezone IS
    'the time zone in which slots begin and end, and which decides what date is today';
COMMENT ON COLUMN ppm.config.origin IS
    'where slots are counted from: a time of whole minutes, or a number; null: Monday 2000-01-03, for months and years 2000-01-01, for numbers 0';
COMMENT ON COLUMN ppm.config.key_encoding IS
    'how the partition key stores time; null: as a date, timestamp, timestamptz or UUIDv7 does, and a smallint, integer or bigint does not tell time';
COMMENT ON COLUMN ppm.config.key_epoch IS 'the time from which a Snowflake ID counts its milliseconds; null: 2010-11-04 01:42:54.657+00';
COMMENT ON COLUMN ppm.config.key_shift IS 'how many bits of a Snowflake ID are below its milliseconds, 0 to 62; null: 22';
COMMENT ON COLUMN ppm.config.drop_delay IS
    'under cleanup_policy drop, how long a detached table waits before it is dropped; until then raising retention attaches it again';
COMMENT ON COLUMN ppm.config.archive_schema IS 'the schema that a detached table is moved to; null: it stays where it is';
COMMENT ON COLUMN ppm.config.template IS
    'a table, written schema.table, from which new partitions also get what the parent does not have: indexes, keys, triggers, storage parameters, tablespace, UNLOGGED, and partitions of their own';
COMMENT ON COLUMN ppm.config.analyze_parent IS
    'whether a call that changed partitions of the table ends with ANALYZE of the table; autovacuum does not analyze partitioned tables';

CREATE FUNCTION ppm.spell_configuration() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_spell_configuration'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.spell_configuration() IS
    'writes interval, origin and template in their canonical spelling, and refuses invalid ones';

CREATE TRIGGER canonical_spelling BEFORE INSERT OR UPDATE ON ppm.config
    FOR EACH ROW EXECUTE FUNCTION ppm.spell_configuration();
COMMENT ON TRIGGER canonical_spelling ON ppm.config IS
    'writes interval, origin and template in their canonical spelling, and refuses invalid ones';

REVOKE ALL ON FUNCTION ppm.spell_configuration() FROM PUBLIC;

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
    'the relation that each row of ppm.config was written for; another relation that gets its name is not managed until the row is written again';
COMMENT ON COLUMN ppm.configured_relations.schema_name IS 'schema_name in ppm.config';
COMMENT ON COLUMN ppm.configured_relations.table_name IS 'table_name in ppm.config';
COMMENT ON COLUMN ppm.configured_relations.relation IS 'the OID of the relation that the row of ppm.config was written for';
COMMENT ON COLUMN ppm.configured_relations.confirmed_by IS
    'the role that wrote the row of ppm.config, or that first called ppm when no relation was known for it';
COMMENT ON COLUMN ppm.configured_relations.confirmed_at IS 'when that role wrote the row or called ppm';
COMMENT ON CONSTRAINT configured_relations_pkey ON ppm.configured_relations IS 'each row of ppm.config belongs to one relation';

-- Until now a name was all there was: it means what it means now.
INSERT INTO ppm.configured_relations (schema_name, table_name, relation, confirmed_by, confirmed_at)
SELECT c.schema_name, c.table_name, r.oid, current_user, pg_catalog.now()
FROM ppm.config AS c
JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) c.schema_name
JOIN pg_catalog.pg_class AS r ON r.relnamespace OPERATOR(pg_catalog.=) n.oid AND r.relname OPERATOR(pg_catalog.=) c.table_name;

--
-- What was detached
--

ALTER TABLE ppm.detached
    ADD COLUMN snapshot pg_catalog.pg_snapshot,
    ADD COLUMN kind text NOT NULL DEFAULT 'removed',
    ADD COLUMN drop_after timestamptz,
    ADD COLUMN archived_from name,
    ADD CONSTRAINT detached_kind_check CHECK (kind IN ('removed', 'repartitioned')),
    ALTER COLUMN lower_bound DROP NOT NULL,
    ALTER COLUMN upper_bound DROP NOT NULL;
COMMENT ON COLUMN ppm.detached.lower_bound IS
    'its lower bound as local time in the time zone of its parent; null for an integer key without key_encoding';
COMMENT ON COLUMN ppm.detached.upper_bound IS
    'its upper bound as local time in the time zone of its parent; null for an integer key without key_encoding';
COMMENT ON COLUMN ppm.detached.kind IS
    'removed: it was outdated, or surplus and empty; repartitioned: its rows were copied into other partitions, so it is never attached again';
COMMENT ON COLUMN ppm.detached.drop_after IS
    'the time from which a cleanup drops it: drop_delay after its removal began; null: it does not wait (cleanup_policy says whether it is dropped)';
COMMENT ON COLUMN ppm.detached.archived_from IS 'the schema that it was moved from, and is moved back to when it is attached again; null: it was not moved';
COMMENT ON CONSTRAINT detached_kind_check ON ppm.detached IS 'the kind is removed or repartitioned';
COMMENT ON COLUMN ppm.detached.version IS
    'a hash of the catalog entries of the table and its partitions when ppm detached it; ppm drops it, or attaches it again, only while they are unchanged; null: it is not known that ppm detached it';
COMMENT ON COLUMN ppm.detached.snapshot IS
    'the snapshot of the detach, or of its beginning if it was interrupted: ppm drops the table only if no later transaction has inserted rows';

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
    'partitions that were once detached and kept, then attached again: ppm detaches them again when they are outdated, but never drops them unless their row is deleted';
COMMENT ON COLUMN ppm.kept.relation IS 'the OID of the partition; after a dump and restore, ppm finds the partition by its names';
COMMENT ON COLUMN ppm.kept.schema_name IS 'the schema of the table that it is a partition of';
COMMENT ON COLUMN ppm.kept.table_name IS 'the name of the table that it is a partition of';
COMMENT ON COLUMN ppm.kept.partition_schema IS 'the schema of the partition';
COMMENT ON COLUMN ppm.kept.partition IS 'the name of the partition';
COMMENT ON COLUMN ppm.kept.since IS 'when ppm recorded the partition';
COMMENT ON CONSTRAINT kept_pkey ON ppm.kept IS 'each partition has one row; after a restore, its OID might belong to another table';

CREATE TABLE ppm.hooks (
    schema_name name NOT NULL DEFAULT 'public',
    table_name name NOT NULL,
    event text NOT NULL,
    function text NOT NULL,
    position integer NOT NULL DEFAULT 1,
    CONSTRAINT hooks_pkey PRIMARY KEY (schema_name, table_name, event, function),
    CONSTRAINT hooks_event_check CHECK (event IN ('after_create', 'before_detach', 'after_detach', 'before_drop'))
);
SELECT pg_catalog.pg_extension_config_dump('ppm.hooks', '');
COMMENT ON TABLE ppm.hooks IS
    'functions (parent regclass, partition regclass, lower_value text, upper_value text) that ppm calls at steps in the life of a partition, as the owner of its table';
COMMENT ON COLUMN ppm.hooks.schema_name IS 'the schema of the configured table';
COMMENT ON COLUMN ppm.hooks.table_name IS 'the name of the configured table';
COMMENT ON COLUMN ppm.hooks.event IS
    'after_create, before_detach, after_detach or before_drop; if a before_ function fails, the partition is kept; an after_ function is called again until it succeeds';
COMMENT ON COLUMN ppm.hooks.function IS
    'the function with its schema and the types of its arguments; its owner must have the privileges of the table''s owner';
COMMENT ON COLUMN ppm.hooks.position IS
    'the order in which the functions of an event are called; those with the same position are called in the order of their names';
COMMENT ON CONSTRAINT hooks_pkey ON ppm.hooks IS 'each function is called once for an event of a table';
COMMENT ON CONSTRAINT hooks_event_check ON ppm.hooks IS 'the event is after_create, before_detach, after_detach or before_drop';

CREATE FUNCTION ppm.hook_written() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_hook_written'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.hook_written() IS
    'requires the privileges of the configured table''s owner, and writes the function in its canonical spelling';

CREATE TRIGGER hook_written BEFORE INSERT OR UPDATE OR DELETE ON ppm.hooks
    FOR EACH ROW EXECUTE FUNCTION ppm.hook_written();
COMMENT ON TRIGGER hook_written ON ppm.hooks IS
    'requires the privileges of the configured table''s owner, and writes the function in its canonical spelling';
REVOKE ALL ON FUNCTION ppm.hook_written() FROM PUBLIC;

-- Written by ppm as the owner of this table. Not dumped: it knows tables by their OIDs.
CREATE TABLE ppm.pending_hooks (
    parent oid NOT NULL,
    relation oid NOT NULL,
    event text NOT NULL,
    function text NOT NULL,
    lower_value text NOT NULL,
    upper_value text NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    CONSTRAINT pending_hooks_pkey PRIMARY KEY (relation, event, function)
);
COMMENT ON TABLE ppm.pending_hooks IS 'hooks that are still to be called for a created partition or a detached table';
COMMENT ON COLUMN ppm.pending_hooks.parent IS 'the OID of the configured table';
COMMENT ON COLUMN ppm.pending_hooks.relation IS 'the OID of the partition or detached table';
COMMENT ON COLUMN ppm.pending_hooks.event IS 'after_create or after_detach';
COMMENT ON COLUMN ppm.pending_hooks.function IS 'the function, written as in ppm.hooks';
COMMENT ON COLUMN ppm.pending_hooks.lower_value IS 'the lower bound of the partition as a value of the partition key, or MINVALUE';
COMMENT ON COLUMN ppm.pending_hooks.upper_value IS 'the upper bound of the partition as a value of the partition key, or MAXVALUE';
COMMENT ON COLUMN ppm.pending_hooks.queued_at IS 'when the partition was created or detached';
COMMENT ON CONSTRAINT pending_hooks_pkey ON ppm.pending_hooks IS 'each function is called once for an event of a partition';

-- Written by ppm as the owner of this table, too. Not dumped: it knows tables by their OIDs.
CREATE TABLE ppm.conversions (
    relation oid NOT NULL,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    former oid NOT NULL,
    key_was_nullable boolean NOT NULL,
    replaced text[] NOT NULL,
    converted_by name NOT NULL,
    converted_at timestamptz NOT NULL,
    CONSTRAINT conversions_pkey PRIMARY KEY (relation)
);
COMMENT ON TABLE ppm.conversions IS
    'tables that ppm.convert() made partitioned, as long as the old table is one of their partitions: ppm.abandon() undoes the conversion';
COMMENT ON COLUMN ppm.conversions.relation IS 'the OID of the partitioned table';
COMMENT ON COLUMN ppm.conversions.schema_name IS 'the schema of the partitioned table';
COMMENT ON COLUMN ppm.conversions.table_name IS 'the name of the partitioned table';
COMMENT ON COLUMN ppm.conversions.former IS 'the OID of the old table, which is a partition now';
COMMENT ON COLUMN ppm.conversions.key_was_nullable IS 'whether the partition key could be null before the conversion';
COMMENT ON COLUMN ppm.conversions.replaced IS
    'SQL that restores the unique indexes without the partition key that ppm.convert() replaced';
COMMENT ON COLUMN ppm.conversions.converted_by IS 'the role that called ppm.convert()';
COMMENT ON COLUMN ppm.conversions.converted_at IS 'when the table was converted';
COMMENT ON CONSTRAINT conversions_pkey ON ppm.conversions IS 'each table is converted only once';

--
-- What was done
--

COMMENT ON COLUMN ppm.history.action IS
    'create, attach, finalize, detach, archive, drop, repartition, convert, abandon or analyze; after_create, before_detach, after_detach or before_drop for a hook; or for a failure of none of these, provision, cleanup, check or run_all';
ALTER TABLE ppm.history ADD COLUMN lower_value text, ADD COLUMN upper_value text;
COMMENT ON COLUMN ppm.history.lower_bound IS
    'the partition''s lower bound as local time in the time zone of its parent; null for an integer key without key_encoding';
COMMENT ON COLUMN ppm.history.upper_bound IS
    'the partition''s upper bound as local time in the time zone of its parent; null for an integer key without key_encoding';
COMMENT ON COLUMN ppm.history.lower_value IS 'the partition''s lower bound as a value of the partition key, or MINVALUE';
COMMENT ON COLUMN ppm.history.upper_value IS 'the partition''s upper bound as a value of the partition key, or MAXVALUE';

COMMENT ON COLUMN ppm.last_run.at IS
    'when the call ended; if cleanup was refused because of the clock (PM008), when the one before it ended, or the server was started';


-- Written by ppm as the owner of this table, too. Not dumped: it is known again after two runs.
CREATE TABLE ppm.growth (
    schema_name name NOT NULL,
    table_name name NOT NULL,
    at timestamptz NOT NULL,
    greatest_key bigint NOT NULL,
    CONSTRAINT growth_pkey PRIMARY KEY (schema_name, table_name, at)
);
COMMENT ON TABLE ppm.growth IS 'the greatest key at each of the last runs, of tables with an integer key without key_encoding';
COMMENT ON COLUMN ppm.growth.schema_name IS 'the schema of the configured table';
COMMENT ON COLUMN ppm.growth.table_name IS 'the name of the configured table';
COMMENT ON COLUMN ppm.growth.at IS 'when the greatest key was read';
COMMENT ON COLUMN ppm.growth.greatest_key IS 'the greatest key of the table at that time';
COMMENT ON CONSTRAINT growth_pkey ON ppm.growth IS 'each table has one greatest key at a time';

--
-- Moving rows where they belong
--

-- Written by ppm as the owner of these, too, whoever calls and whoever writes. None is dumped: tables have other OIDs where a dump is
-- restored, and a move begins anew there. The keys that are written meanwhile are in a table ppm.log_OID of each move.
CREATE TABLE ppm.move (
    parent oid NOT NULL,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    phase text NOT NULL,
    from_value text,
    to_value text,
    key_columns text[] NOT NULL,
    version text NOT NULL,
    default_condition text,
    rows_done bigint NOT NULL DEFAULT 0,
    rows_estimated bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    phase_since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    started_by name NOT NULL,
    CONSTRAINT move_pkey PRIMARY KEY (parent),
    CONSTRAINT move_phase_check CHECK (phase IN ('preparing', 'copying', 'indexing', 'replaying', 'waiting', 'abandoning'))
);
COMMENT ON TABLE ppm.move IS
    'the tables whose rows are being moved: CALL ppm.repartition() continues the move, CALL ppm.abandon() undoes it';
COMMENT ON COLUMN ppm.move.parent IS 'the OID of the partitioned table';
COMMENT ON COLUMN ppm.move.schema_name IS 'the schema of the partitioned table';
COMMENT ON COLUMN ppm.move.table_name IS 'the name of the partitioned table';
COMMENT ON COLUMN ppm.move.phase IS
    'preparing: the new tables are created; copying: rows are copied; indexing: the new tables get their other indexes; replaying: rows that changed since are copied again; waiting: writes go to both, and older transactions must end; abandoning: the move is being undone';
COMMENT ON COLUMN ppm.move.from_value IS 'the key from which rows are moved; null: from the first';
COMMENT ON COLUMN ppm.move.to_value IS 'the key before which rows are moved; null: to the last';
COMMENT ON COLUMN ppm.move.key_columns IS 'the columns of the unique key by which rows are matched';
COMMENT ON COLUMN ppm.move.version IS
    'the catalog entries of the partitioned table when the new tables were created: if they change, the move begins again';
COMMENT ON COLUMN ppm.move.default_condition IS
    'the condition that rows of the new default partition meet; null: there is no default partition';
COMMENT ON COLUMN ppm.move.rows_done IS 'how many rows were copied';
COMMENT ON COLUMN ppm.move.rows_estimated IS 'about how many rows there are to copy';
COMMENT ON COLUMN ppm.move.started_at IS 'when the move began';
COMMENT ON COLUMN ppm.move.phase_since IS 'when the phase began';
COMMENT ON COLUMN ppm.move.updated_at IS 'when rows were last copied';
COMMENT ON COLUMN ppm.move.started_by IS 'the role that began the move';
COMMENT ON CONSTRAINT move_pkey ON ppm.move IS 'each table has one move at a time';
COMMENT ON CONSTRAINT move_phase_check ON ppm.move IS 'the phase is preparing, copying, indexing, replaying, waiting or abandoning';

CREATE TABLE ppm.move_source (
    parent oid NOT NULL,
    relation oid NOT NULL,
    schema_name name NOT NULL,
    name name NOT NULL,
    lower_value text,
    upper_value text,
    version text,
    blocks bigint,
    next_block bigint NOT NULL DEFAULT 0,
    CONSTRAINT move_source_pkey PRIMARY KEY (parent, relation)
);
COMMENT ON TABLE ppm.move_source IS 'the partitions whose rows are being moved';
COMMENT ON COLUMN ppm.move_source.parent IS 'the OID of the partitioned table';
COMMENT ON COLUMN ppm.move_source.relation IS 'the OID of the partition';
COMMENT ON COLUMN ppm.move_source.schema_name IS 'the schema of the partition';
COMMENT ON COLUMN ppm.move_source.name IS 'the name of the partition';
COMMENT ON COLUMN ppm.move_source.lower_value IS
    'its lower bound as a value of the partition key, or MINVALUE; null: it is the default partition';
COMMENT ON COLUMN ppm.move_source.upper_value IS
    'its upper bound as a value of the partition key, or MAXVALUE; null: it is the default partition';
COMMENT ON COLUMN ppm.move_source.version IS
    'the file, columns and triggers of the partition when the capture of changes began: if they change, the move begins again';
COMMENT ON COLUMN ppm.move_source.blocks IS 'how many blocks the partition had when the capture of changes began';
COMMENT ON COLUMN ppm.move_source.next_block IS 'the first block whose rows are still to be copied';
COMMENT ON CONSTRAINT move_source_pkey ON ppm.move_source IS 'each partition has one row';

CREATE TABLE ppm.move_target (
    parent oid NOT NULL,
    number integer NOT NULL,
    name name NOT NULL,
    lower_value text,
    upper_value text,
    relation oid,
    key_index oid,
    indexed boolean NOT NULL DEFAULT false,
    CONSTRAINT move_target_pkey PRIMARY KEY (parent, number)
);
COMMENT ON TABLE ppm.move_target IS 'the new tables that rows are moved into, and that become partitions at the end of the move';
COMMENT ON COLUMN ppm.move_target.parent IS 'the OID of the partitioned table';
COMMENT ON COLUMN ppm.move_target.number IS
    'the number of the table: until it is a partition, its name is ppm_move_, the OID of the parent, _ and this number';
COMMENT ON COLUMN ppm.move_target.name IS 'the name that it gets as a partition';
COMMENT ON COLUMN ppm.move_target.lower_value IS
    'its lower bound as a value of the partition key, or MINVALUE; null: it is the new default partition';
COMMENT ON COLUMN ppm.move_target.upper_value IS
    'its upper bound as a value of the partition key, or MAXVALUE; null: it is the new default partition';
COMMENT ON COLUMN ppm.move_target.relation IS 'its OID; null: it is not created yet';
COMMENT ON COLUMN ppm.move_target.key_index IS 'the OID of its unique index by which rows are matched';
COMMENT ON COLUMN ppm.move_target.indexed IS 'whether it has all its indexes';
COMMENT ON CONSTRAINT move_target_pkey ON ppm.move_target IS 'the tables of a move are numbered';

CREATE TABLE ppm.move_broken (
    parent oid NOT NULL,
    reason text NOT NULL
);
-- Rows come from everybody's transactions: nothing here may make one wait for another.
ALTER TABLE ppm.move_broken REPLICA IDENTITY FULL;
COMMENT ON TABLE ppm.move_broken IS 'moves that must begin again';
COMMENT ON COLUMN ppm.move_broken.parent IS 'the OID of the partitioned table';
COMMENT ON COLUMN ppm.move_broken.reason IS 'why the move must begin again';

--
-- What ppm's tables are kept from
--

-- They are about this database: what logical replication brings from the tables of another one is left out. PostgreSQL fires triggers
-- for that only if they are ENABLE ALWAYS.
CREATE FUNCTION ppm.skip_replicated() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_skip_replicated'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.skip_replicated() IS 'skips what logical replication applies to one of ppm''s tables';

CREATE FUNCTION ppm.refuse_truncate() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_refuse_truncate'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.refuse_truncate() IS 'refuses TRUNCATE, which row triggers would not see';

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
COMMENT ON TRIGGER skip_replicated ON ppm.config IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.config IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.config IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.config IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

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
COMMENT ON TRIGGER skip_replicated ON ppm.configured_relations IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.configured_relations IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.configured_relations IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.configured_relations IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

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
COMMENT ON TRIGGER skip_replicated ON ppm.detached IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.detached IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.detached IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.detached IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

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
COMMENT ON TRIGGER skip_replicated ON ppm.kept IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.kept IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.kept IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.kept IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.hooks
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.hooks
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.hooks
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.hooks
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.hooks
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.hooks IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.hooks IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.hooks IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.hooks IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.pending_hooks
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.pending_hooks
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.pending_hooks
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.pending_hooks
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.pending_hooks
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.pending_hooks IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.pending_hooks IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.pending_hooks IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.pending_hooks IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.conversions
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.conversions
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.conversions
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ppm.conversions
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.refuse_truncate();
ALTER TABLE ppm.conversions
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back,
    ENABLE ALWAYS TRIGGER refuse_truncate;
COMMENT ON TRIGGER skip_replicated ON ppm.conversions IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.conversions IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.conversions IS 'puts the rows back after a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER refuse_truncate ON ppm.conversions IS 'refuses TRUNCATE: use DELETE, which is checked row by row';

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
COMMENT ON TRIGGER skip_replicated ON ppm.history IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.history IS 'saves the rows before a TRUNCATE that logical replication applies';
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
COMMENT ON TRIGGER skip_replicated ON ppm.last_run IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.last_run IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.last_run IS 'puts the rows back after a TRUNCATE that logical replication applies';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.move
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.move
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.move
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.move
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.move IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.move IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.move IS 'puts the rows back after a TRUNCATE that logical replication applies';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.move_source
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.move_source
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.move_source
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.move_source
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.move_source IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.move_source IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.move_source IS 'puts the rows back after a TRUNCATE that logical replication applies';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.move_target
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.move_target
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.move_target
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.move_target
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.move_target IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.move_target IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.move_target IS 'puts the rows back after a TRUNCATE that logical replication applies';

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.move_broken
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.move_broken
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.move_broken
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.move_broken
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.move_broken IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.move_broken IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.move_broken IS 'puts the rows back after a TRUNCATE that logical replication applies';

-- What writes to the partitions meanwhile calls these for each row: they look nothing up by a name that is not qualified.
CREATE FUNCTION ppm.free_bytes(relation oid) RETURNS bigint
    LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'ppm_free_bytes';
COMMENT ON FUNCTION ppm.free_bytes(oid) IS
    'how many bytes are free on the disk of the tablespace of a table and its new partitions; null if that is not known';
REVOKE ALL ON FUNCTION ppm.free_bytes(oid) FROM PUBLIC;

CREATE VIEW ppm.forecast AS
    WITH tables AS (
        SELECT c.schema_name, c.table_name, s.full_slots, s.bytes_per_slot, s.rows_per_slot,
               s.bytes_per_slot * (c.retention + 1) AS window_bytes,
               s.rows_per_slot * (c.retention + 1) AS window_rows,
               CASE WHEN c.cleanup_policy = 'drop' AND c.drop_delay = '0' THEN s.outdated_bytes ELSE 0 END
                   + coalesce((SELECT pg_catalog.sum(ppm.total_bytes(d.relation)) FROM ppm.detached AS d
                               WHERE c.cleanup_policy = 'drop' AND d.schema_name = c.schema_name AND d.table_name = c.table_name
                                 AND d.cleanup_policy = 'drop' AND NOT coalesce(d.drop_after > pg_catalog.now(), false)), 0)::bigint AS cleanup_frees_bytes,
               o.relation, o.tablespace,
               -- What is dropped makes room for what comes, once the window is full.
               CASE WHEN c.cleanup_policy = 'drop' AND s.retained >= c.retention THEN 0 ELSE s.bytes_per_slot / s.seconds_per_slot END AS bytes_per_second
        FROM ppm.config AS c
        LEFT JOIN LATERAL (SELECT r.oid AS relation, r.reltablespace AS tablespace
                           FROM pg_catalog.pg_class AS r JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
                           WHERE n.nspname = c.schema_name AND r.relname = c.table_name) AS o ON true,
             LATERAL (SELECT pg_catalog.count(*) FILTER (WHERE p.state = 'retained')::integer AS full_slots,
                             pg_catalog.max(p.number_of_state) FILTER (WHERE p.state = 'retained') AS retained,
                             pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.total_bytes) FILTER (WHERE p.state = 'retained')::bigint AS bytes_per_slot,
                             pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.estimated_rows) FILTER (WHERE p.state = 'retained')::bigint AS rows_per_slot,
                             pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY p.seconds) FILTER (WHERE p.state = 'retained') AS seconds_per_slot,
                             coalesce(pg_catalog.sum(p.total_bytes) FILTER (WHERE p.state = 'outdated'), 0)::bigint AS outdated_bytes
                      FROM (SELECT t.state, ppm.total_bytes(t.relation) AS total_bytes,
                                   (SELECT CASE WHEN r.reltuples >= 0 THEN r.reltuples::bigint ELSE pg_catalog.pg_stat_get_live_tuples(r.oid) END
                                    FROM pg_catalog.pg_class AS r WHERE r.oid = t.relation) AS estimated_rows,
                                   CASE WHEN pg_catalog.isfinite(t.lower_bound) AND pg_catalog.isfinite(t.upper_bound) THEN extract(epoch FROM t.upper_bound - t.lower_bound)::float8 END AS seconds,
                                   pg_catalog.row_number() OVER (PARTITION BY t.state ORDER BY t.number DESC) AS age,
                                   pg_catalog.count(*) OVER (PARTITION BY t.state) AS number_of_state
                            FROM ppm.partition_states() WITH ORDINALITY AS t(schema_name, table_name, partition, lower_bound, upper_bound, state, relation, lower_value, upper_value, number)
                            WHERE t.schema_name = c.schema_name AND t.table_name = c.table_name) AS p
                      WHERE p.state = 'outdated' OR p.state = 'retained' AND p.age <= 10) AS s),
    disks AS (
        SELECT t.*, ppm.free_bytes(t.relation) / nullif(pg_catalog.sum(t.bytes_per_second) OVER (PARTITION BY t.tablespace), 0) AS seconds_left
        FROM tables AS t)
    SELECT d.schema_name, d.table_name, d.full_slots, d.bytes_per_slot, d.rows_per_slot, d.window_bytes, d.window_rows, d.cleanup_frees_bytes,
           -- What is a hundred years away is not known.
           CASE WHEN d.seconds_left < 3155760000 THEN pg_catalog.now() + pg_catalog.make_interval(secs => d.seconds_left) END AS disk_full_at
    FROM disks AS d;
COMMENT ON VIEW ppm.forecast IS 'how each configured table grows, from what its last full partitions hold';
COMMENT ON COLUMN ppm.forecast.schema_name IS 'the schema of the configured table';
COMMENT ON COLUMN ppm.forecast.table_name IS 'the name of the configured table';
COMMENT ON COLUMN ppm.forecast.full_slots IS
    'how many partitions before the current one the forecast is based on, the last 10 at most';
COMMENT ON COLUMN ppm.forecast.bytes_per_slot IS 'the median of their sizes, with indexes and TOAST tables; null: there is none, or they are locked';
COMMENT ON COLUMN ppm.forecast.rows_per_slot IS 'the median of their estimated numbers of rows';
COMMENT ON COLUMN ppm.forecast.window_bytes IS
    'the size of the table when the current partition, and all that retention keeps, are full; null: it grows for ever, or it is not known';
COMMENT ON COLUMN ppm.forecast.window_rows IS 'about how many rows the table has then';
COMMENT ON COLUMN ppm.forecast.cleanup_frees_bytes IS
    'how much disk the next cleanup frees: what it drops, not what it only detaches';
COMMENT ON COLUMN ppm.forecast.disk_full_at IS
    'when the disk of its tablespace is full, if all configured tables there go on growing like this; null if that is not known, or is more than a hundred years away';

CREATE FUNCTION ppm.log_change() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_log_change';
COMMENT ON FUNCTION ppm.log_change() IS 'records the keys of rows that are written while ppm.repartition() copies their partition';

CREATE FUNCTION ppm.write_through() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_write_through';
COMMENT ON FUNCTION ppm.write_through() IS 'also writes changes of a partition that was copied to the new tables';

CREATE VIEW ppm.progress AS
    SELECT m.schema_name, m.table_name, m.phase, m.rows_done, m.rows_estimated,
           s.rate AS rows_per_second,
           CASE WHEN m.phase = 'copying' AND s.rate > 0
                THEN pg_catalog.make_interval(secs => greatest(m.rows_estimated - m.rows_done, 0) / s.rate) END AS time_left,
           m.started_at, m.phase_since
    FROM ppm.move AS m,
         LATERAL (SELECT pg_catalog.round((m.rows_done / nullif(extract(epoch FROM m.updated_at - m.started_at), 0))::numeric, 1)::double precision) AS s(rate);
COMMENT ON VIEW ppm.progress IS 'the moves of rows that are running or were interrupted';
COMMENT ON COLUMN ppm.progress.schema_name IS 'the schema of the configured table';
COMMENT ON COLUMN ppm.progress.table_name IS 'the name of the configured table';
COMMENT ON COLUMN ppm.progress.phase IS 'preparing, copying, indexing, replaying, waiting or abandoning';
COMMENT ON COLUMN ppm.progress.rows_done IS 'how many rows were copied';
COMMENT ON COLUMN ppm.progress.rows_estimated IS 'about how many rows there are to copy';
COMMENT ON COLUMN ppm.progress.rows_per_second IS 'how many rows were copied per second, including pauses';
COMMENT ON COLUMN ppm.progress.time_left IS 'how long copying the remaining rows takes at that rate; null in other phases';
COMMENT ON COLUMN ppm.progress.started_at IS 'when the move began';
COMMENT ON COLUMN ppm.progress.phase_since IS 'when the phase began';

CREATE PROCEDURE ppm.repartition(parent regclass, from_value text DEFAULT NULL, to_value text DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_repartition';
COMMENT ON PROCEDURE ppm.repartition(regclass, text, text) IS
    'moves rows out of the default partition, and out of partitions that are not one slot, into partitions of the configured interval, while the table is in use';


REVOKE ALL ON FUNCTION ppm.log_change(), ppm.write_through() FROM PUBLIC;
REVOKE ALL ON PROCEDURE ppm.repartition(regclass, text, text) FROM PUBLIC;

CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON ppm.growth
    FOR EACH ROW EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER keep_rows BEFORE TRUNCATE ON ppm.growth
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
CREATE TRIGGER put_rows_back AFTER TRUNCATE ON ppm.growth
    FOR EACH STATEMENT EXECUTE FUNCTION ppm.skip_replicated();
ALTER TABLE ppm.growth
    ENABLE ALWAYS TRIGGER skip_replicated,
    ENABLE ALWAYS TRIGGER keep_rows,
    ENABLE ALWAYS TRIGGER put_rows_back;
COMMENT ON TRIGGER skip_replicated ON ppm.growth IS 'skips rows that logical replication applies';
COMMENT ON TRIGGER keep_rows ON ppm.growth IS 'saves the rows before a TRUNCATE that logical replication applies';
COMMENT ON TRIGGER put_rows_back ON ppm.growth IS 'puts the rows back after a TRUNCATE that logical replication applies';

REVOKE ALL ON FUNCTION ppm.skip_replicated(), ppm.refuse_truncate() FROM PUBLIC;

--
-- To look at
--

-- Of what the routines and views above have: it can say nothing else than they do.
CREATE FUNCTION ppm.timeline(parent regclass) RETURNS SETOF text
    LANGUAGE sql STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
WITH configured AS (
    SELECT c.*, n.nspname AS parent_schema, r.relname AS parent_name,
           CASE c."interval" WHEN 'hourly' THEN interval '1 hour' WHEN 'daily' THEN '1 day' WHEN 'weekly' THEN '7 days'
                             WHEN 'monthly' THEN '1 month' WHEN 'quarterly' THEN '3 months' WHEN 'yearly' THEN '1 year'
                             ELSE CASE WHEN c."interval" !~ '^[0-9]+$' THEN c."interval"::interval END END AS slot
    FROM pg_class AS r
    JOIN pg_namespace AS n ON n.oid = r.relnamespace
    JOIN ppm.config AS c ON c.schema_name = n.nspname AND c.table_name = r.relname
    WHERE r.oid = timeline.parent
),
-- What one line holds, and how its first column is written; of a key that counts, so many partitions.
lines AS (
    SELECT CASE WHEN slot < interval '10 minutes' THEN 'hour' WHEN slot < interval '1 day' THEN 'day'
                WHEN slot < interval '7 days' THEN 'month' WHEN slot < interval '1 year' THEN 'year'
                ELSE 'century' END AS unit,
           CASE WHEN slot < interval '10 minutes' THEN 'YYYY-MM-DD HH24h' WHEN slot < interval '1 day' THEN 'YYYY-MM-DD'
                WHEN slot < interval '7 days' THEN 'YYYY-MM' ELSE 'YYYY' END AS format,
           slot IS NULL AS counts, 50 AS many
    FROM configured
),
planned AS (
    SELECT p.partition, p.lower_bound, p.lower_value FROM ppm.plan(timeline.parent) AS p WHERE p.action IN ('create', 'attach')
),
found AS (
    SELECT a.severity, a.code, a.partition FROM ppm.check(timeline.parent) AS a
),
slots AS (
    SELECT s.lower_bound, s.lower_value, s.state
    FROM configured AS c
    JOIN ppm.partition_states() AS s ON s.schema_name = c.schema_name AND s.table_name = c.table_name
    WHERE s.state <> 'default'
    UNION ALL
    SELECT lower_bound, lower_value, 'missing' FROM planned
),
placed AS (
    SELECT s.*, row_number() OVER by_bound AS place,
           CASE WHEN l.counts THEN ((row_number() OVER by_bound - 1) / l.many)::text
                ELSE date_trunc(l.unit, s.lower_bound)::text END AS line
    FROM slots AS s, lines AS l
    -- Numbers in the order of numbers, not of their digits.
    WINDOW by_bound AS (ORDER BY s.lower_bound, CASE WHEN l.counts
        THEN CASE s.lower_value WHEN 'MINVALUE' THEN '-Infinity' ELSE s.lower_value END::numeric END)
),
signs (state, sign, rank) AS (
    VALUES ('outdated', 'x', 1), ('retained', '=', 2), ('current', '#', 3), ('upcoming', '+', 4), ('missing', '!', 5),
           ('surplus', '>', 6), ('off_grid', '~', 7), ('pending_detach', '-', 8)
),
counted AS (
    SELECT line, s.rank, count(*) || ' ' || p.state AS text
    FROM placed AS p JOIN signs AS s USING (state) GROUP BY line, s.rank, p.state
),
drawn AS (
    SELECT p.line, min(p.place) AS place,
           (array_agg(p.lower_value ORDER BY p.place))[1] AS first_value, min(p.lower_bound) AS first_bound,
           string_agg(s.sign, '' ORDER BY p.place) AS signs,
           (SELECT string_agg(c.text, ', ' ORDER BY c.rank) FROM counted AS c WHERE c.line = p.line) AS text
    FROM placed AS p JOIN signs AS s USING (state) GROUP BY p.line
),
labelled AS (
    SELECT d.*, CASE WHEN l.counts THEN d.first_value WHEN isfinite(d.first_bound) THEN to_char(d.first_bound, l.format)
                     ELSE 'MINVALUE' END AS label
    FROM drawn AS d, lines AS l
),
widths AS (
    SELECT greatest(max(length(label)), 7) AS label, max(length(signs)) AS signs FROM labelled
),
all_lines (part, place, text) AS (
    SELECT 1, 0::bigint, quote_ident(parent_schema) || '.' || quote_ident(parent_name) || ': ' || "interval" || ', '
                         || coalesce(retention::text, 'all') || ' before the current one, ' || pre_provisioned || ' after it'
    FROM configured
    UNION ALL
    SELECT 2, place, rpad(l.label, w.label) || '  ' || rpad(l.signs, w.signs) || '  ' || l.text FROM labelled AS l, widths AS w
    UNION ALL
    SELECT 3, 0, rpad('default', coalesce(w.label, 7)) || '  ' || s.partition
    FROM configured AS c
    JOIN ppm.partition_states() AS s ON s.schema_name = c.schema_name AND s.table_name = c.table_name AND s.state = 'default', widths AS w
    UNION ALL
    -- What the plan cannot make, because something is in the way.
    SELECT 4, row_number() OVER (ORDER BY f.partition), rpad('blocked', coalesce(w.label, 7)) || '  ' || f.partition
    FROM found AS f, widths AS w
    WHERE f.code = 'missing_partition' AND f.partition NOT IN (SELECT partition FROM planned)
    UNION ALL
    SELECT 5, 0, string_agg(s.sign || ' ' || s.state, '  ' ORDER BY s.rank)
    FROM signs AS s WHERE EXISTS (SELECT FROM slots WHERE slots.state = s.state) HAVING count(*) > 0
    UNION ALL
    SELECT 6, 0, concat_ws(', ', CASE errors WHEN 0 THEN NULL WHEN 1 THEN '1 error' ELSE errors || ' errors' END,
                           CASE warnings WHEN 0 THEN NULL WHEN 1 THEN '1 warning' ELSE warnings || ' warnings' END)
                 || ': SELECT * FROM ppm.check(' || quote_literal(timeline.parent::text) || ');'
    FROM (SELECT count(*) FILTER (WHERE severity = 'error') AS errors, count(*) FILTER (WHERE severity = 'warning') AS warnings FROM found) AS f
    WHERE errors + warnings > 0
)
SELECT text FROM all_lines ORDER BY part, place
$$;
COMMENT ON FUNCTION ppm.timeline(regclass) IS
    'the partitions of a configured table, and the missing ones, as lines of text to look at in psql';

REVOKE ALL ON FUNCTION ppm.timeline(regclass) FROM PUBLIC;

--
-- From a plain table to partitions
--

CREATE FUNCTION ppm.plan_conversion(relation regclass)
    RETURNS TABLE (step integer, action text, statement text, lock text, detail text, hint text)
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'ppm_plan_conversion'
    SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION ppm.plan_conversion(regclass) IS
    'how ppm.convert() would make a plain table partitioned, step by step; then, without a step number, obstacles and warnings; changes nothing';

CREATE PROCEDURE ppm.convert(relation regclass, extend_unique boolean DEFAULT false)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_convert';
COMMENT ON PROCEDURE ppm.convert(regclass, boolean) IS
    'makes a plain table partitioned, with the old table as its first partition: no row is copied; extend_unique adds the partition key to unique indexes';

CREATE PROCEDURE ppm.abandon(relation regclass)
    LANGUAGE c AS 'MODULE_PATHNAME', 'ppm_abandon';
COMMENT ON PROCEDURE ppm.abandon(regclass) IS
    'undoes an interrupted ppm.repartition(); otherwise undoes what ppm.convert() did, as long as only the old table has rows';

REVOKE ALL ON FUNCTION ppm.plan_conversion(regclass) FROM PUBLIC;
REVOKE ALL ON PROCEDURE ppm.convert(regclass, boolean), ppm.abandon(regclass) FROM PUBLIC;

--
-- Keys that tell time
--

CREATE FUNCTION ppm.snowflake_lower_bound(instant timestamptz, epoch timestamptz DEFAULT '2010-11-04 01:42:54.657+00', shift integer DEFAULT 22)
    RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ppm_snowflake_lower_bound';
COMMENT ON FUNCTION ppm.snowflake_lower_bound(timestamptz, timestamptz, integer) IS
    'the smallest Snowflake ID of the millisecond, to compare a column of them with a time';

CREATE FUNCTION ppm.snowflake_timestamp(snowflake bigint, epoch timestamptz DEFAULT '2010-11-04 01:42:54.657+00', shift integer DEFAULT 22)
    RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ppm_snowflake_timestamp';
COMMENT ON FUNCTION ppm.snowflake_timestamp(bigint, timestamptz, integer) IS 'the time in a Snowflake ID';

CREATE FUNCTION ppm.ulid_lower_bound(instant timestamptz) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ppm_ulid_lower_bound';
COMMENT ON FUNCTION ppm.ulid_lower_bound(timestamptz) IS
    'the smallest ULID of the millisecond, to compare a column of them with a time';

CREATE FUNCTION ppm.ulid_timestamp(ulid text) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'ppm_ulid_timestamp';
COMMENT ON FUNCTION ppm.ulid_timestamp(text) IS 'the time in a ULID; null for any other text';
REVOKE ALL ON FUNCTION ppm.snowflake_lower_bound(timestamptz, timestamptz, integer),
    ppm.snowflake_timestamp(bigint, timestamptz, integer), ppm.ulid_lower_bound(timestamptz), ppm.ulid_timestamp(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ppm.scheduled_at(), ppm.snowflake_lower_bound(timestamptz, timestamptz, integer),
    ppm.snowflake_timestamp(bigint, timestamptz, integer), ppm.ulid_lower_bound(timestamptz), ppm.ulid_timestamp(text) TO PUBLIC;

--
-- Comments that say it better
--

COMMENT ON COLUMN ppm.config.partition_key IS
    'the column that the table must be partitioned by; null accepts any column';
COMMENT ON COLUMN ppm.detached.cleanup_policy IS
    'detach: it is kept; drop: it is to be dropped; either way it is attached again if its parent''s window reaches it';
COMMENT ON COLUMN ppm.detached.detached_at IS 'when its removal began';
COMMENT ON FUNCTION ppm.validate(regclass) IS
    'contradictions between the configuration and the catalog, for one configured table or all of them; no row: there are none';
COMMENT ON FUNCTION ppm.check(regclass) IS
    'what is wrong with the configuration and the partitions, for one configured table or all of them; no row: nothing';
COMMENT ON FUNCTION ppm.configuration_written() IS
    'requires the privileges of the configured table''s owner, and warns if the catalog contradicts the row';
COMMENT ON TRIGGER configuration_written ON ppm.config IS
    'requires the privileges of the configured table''s owner, and warns if the catalog contradicts the row';

COMMENT ON COLUMN ppm.detached.detached IS 'the name of the detached table';
COMMENT ON COLUMN ppm.detached.relation IS 'the OID of the detached table';
COMMENT ON COLUMN ppm.detached.detached_schema IS 'the schema of the detached table';
COMMENT ON COLUMN ppm.history.executed_by IS 'the role that called the procedure';
COMMENT ON TYPE ppm.cleanup_policy IS 'what happens to outdated partitions: detach keeps them as tables, drop drops them for ever';
COMMENT ON COLUMN ppm.config.cleanup_policy IS
    'what happens to outdated partitions: detach keeps them as tables, drop drops them for ever';
COMMENT ON CONSTRAINT config_pkey ON ppm.config IS 'each table is configured only once';
COMMENT ON CONSTRAINT config_pre_provisioned_check ON ppm.config IS
    'pre_provisioned is 1 to 1000: there is always a next partition';
COMMENT ON CONSTRAINT config_partition_options_check ON ppm.config IS
    'partition_options is a one-dimensional array without null elements';
COMMENT ON CONSTRAINT config_retention_check ON ppm.config IS 'retention is 1 to 10000; to keep all partitions, set it to null';
COMMENT ON TABLE ppm.detached IS 'the tables that ppm detached, or is detaching, and has not dropped';
COMMENT ON COLUMN ppm.detached.lower_value IS 'its lower bound as a value of the partition key, or MINVALUE';
COMMENT ON COLUMN ppm.detached.upper_value IS 'its upper bound as a value of the partition key, or MAXVALUE';
COMMENT ON CONSTRAINT detached_pkey ON ppm.detached IS 'each detached table has one row';
COMMENT ON COLUMN ppm.history.run_id IS 'the number of the call; it is the same for all that one call did';
COMMENT ON COLUMN ppm.history.at IS 'when it was done, or when it failed';
COMMENT ON COLUMN ppm.history.partition IS 'the name of the partition; null: the row is about the table';
COMMENT ON COLUMN ppm.history.sqlstate IS 'the SQLSTATE of the error; null if there was none';
COMMENT ON COLUMN ppm.history.message IS 'what was done, or the error message';
COMMENT ON COLUMN ppm.history.duration IS 'how long it took, including waits';
COMMENT ON CONSTRAINT history_outcome_check ON ppm.history IS 'the outcome is ok or failed';
COMMENT ON INDEX ppm.history_at_idx IS 'finds the rows that are older than ppm.history_retention';
COMMENT ON INDEX ppm.history_partition_idx IS 'finds the rows of a partition';
COMMENT ON COLUMN ppm.last_run.run_id IS 'the number of the call, as in ppm.history';
COMMENT ON CONSTRAINT last_run_pkey ON ppm.last_run IS 'each table has one last call of each procedure';
COMMENT ON CONSTRAINT last_run_procedure_check ON ppm.last_run IS
    'the procedure is provision or cleanup, so that one does not hide a failure of the other';
COMMENT ON CONSTRAINT last_run_outcome_check ON ppm.last_run IS 'the outcome is ok or failed';
COMMENT ON FUNCTION ppm.total_bytes(oid) IS
    'the size of a table with its indexes and its TOAST table, and of all its partitions; null if another session has locked one of them';
