\echo Use "ALTER EXTENSION ppm UPDATE TO '1.1.1'" to load this file. \quit

-- What an update may look like, for test/t/190_update.pl.

-- Fails if the library is still the old one: every update begins with it.
SELECT pg_catalog.count(*) FROM ppm.validate();

ALTER TABLE ppm.config ADD COLUMN note text;
COMMENT ON COLUMN ppm.config.note IS 'whatever there is to say about the table';

CREATE VIEW ppm.failures AS SELECT * FROM ppm.history WHERE outcome OPERATOR(pg_catalog.=) 'failed';
COMMENT ON VIEW ppm.failures IS 'what failed';

CREATE FUNCTION ppm.is_valid(parent regclass) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS 'SELECT NOT EXISTS (SELECT FROM ppm.validate(parent))';
REVOKE ALL ON FUNCTION ppm.is_valid(regclass) FROM PUBLIC;
COMMENT ON FUNCTION ppm.is_valid(regclass) IS 'whether the catalog contradicts nothing of the configuration';
