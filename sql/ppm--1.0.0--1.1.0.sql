\echo Use "ALTER EXTENSION ppm UPDATE TO '1.1.0'" to load this file. \quit

-- What ppm--1.1.0.sql has and ppm--1.0.0.sql has not, in the same order. test/t/192_versions.pl compares what the two ways lead to.

-- Fails if the library is still the old one: every update begins with it.
SELECT pg_catalog.count(*) FROM ppm.validate();

COMMENT ON COLUMN ppm.last_run.at IS 'when it ended; where cleanup was refused because of the clock (PM008): when the one before it ended, or the server was started';
