-- The role by which an exporter reads what ppm knows. Run it as a superuser, in each database that has ppm, as often as you like:
--
--     psql -d DATABASE -f monitoring.sql                  makes or uses the role ppm_exporter
--     psql -d DATABASE -v role=NAME -f monitoring.sql     or one of another name
--
-- The role has no password: give it one with \password ppm_exporter, or let pg_hba.conf say who may be it. Debian's postgres_exporter runs
-- as the user prometheus: with -v role=prometheus it needs none on the same machine. The metrics of postgres_exporter that are not ppm's
-- need more: GRANT pg_monitor TO ppm_exporter.
\set ON_ERROR_STOP on
\if :{?role}
\else
    \set role ppm_exporter
\endif

BEGIN;

SELECT format('CREATE ROLE %I LOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'role') \gexec

-- A role that was there before may be anything.
SELECT pg_catalog.set_config('ppm_monitoring.role', :'role', true) AS role \gset checked_
DO $$
DECLARE
    role name := pg_catalog.current_setting('ppm_monitoring.role');
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolsuper AND pg_catalog.pg_has_role(role, r.oid, 'MEMBER')) THEN
        RAISE EXCEPTION 'role "%" has a superuser''s rights', role
            USING HINT = 'An exporter needs very few. Run this with -v role=NAME and the name of another role.';
    END IF;
END $$;

-- A view is read with the rights of its owner, but the functions in it are called with those of who reads it.
GRANT CONNECT ON DATABASE :"DBNAME" TO :"role";
GRANT SELECT ON ppm.status, ppm.forecast, ppm.config TO :"role";
GRANT EXECUTE ON FUNCTION ppm.table_states(), ppm.partition_states(), ppm.total_bytes(oid), ppm.free_bytes(oid), ppm.check(regclass) TO :"role";

-- None of its queries writes, waits for a lock, or takes long: if one does, it had better fail.
ALTER ROLE :"role" IN DATABASE :"DBNAME" SET default_transaction_read_only = on;
ALTER ROLE :"role" IN DATABASE :"DBNAME" SET lock_timeout = '1s';
ALTER ROLE :"role" IN DATABASE :"DBNAME" SET statement_timeout = '10s';

COMMIT;
