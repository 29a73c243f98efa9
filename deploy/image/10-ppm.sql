-- Run once, in the database of POSTGRES_DB, when the image makes its data directory.
CREATE EXTENSION ppm;

-- pg_cron is loaded, and may be for another database.
SELECT current_setting('cron.database_name', true) IS NOT NULL AS has_cron,
    coalesce(current_setting('cron.database_name', true) = current_database(), false) AS is_here \gset
\if :has_cron
    \if :is_here
        CREATE EXTENSION pg_cron;
        SELECT cron.schedule('ppm', '@hourly', 'CALL ppm.run_all()');
    \else
        \warn 'pg_cron is not set up here: cron.database_name names another database'
    \endif
\endif
