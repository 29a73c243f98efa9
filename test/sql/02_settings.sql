-- ppm.lock_timeout, ppm.statement_timeout and ppm.work_date.
SELECT ppm.uuidv7_timestamp(ppm.uuidv7_lower_bound('epoch')) = 'epoch';  -- loads the library

SET ppm.lock_timeout = '2s';
SHOW ppm.lock_timeout;
RESET ppm.lock_timeout;

SELECT name, unit, vartype, min_val, context, boot_val FROM pg_settings
WHERE name LIKE 'ppm.%' ORDER BY name;

\set VERBOSITY sqlstate
-- Neither may be switched off: a statement without a timeout could block others for ever.
SET ppm.lock_timeout = 0;
SET ppm.statement_timeout = -1;
SET ppm.statement_timeout = 'soon';

-- A misspelt setting is reported.
DO $$
BEGIN
    SET LOCAL ppm.lock_timeuot = '1s';
EXCEPTION WHEN invalid_name THEN  -- an error from 15 on
    NULL;
END $$;

-- Every call that uses the date refuses a wrong work date, wherever it was set, and changes nothing.
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.refusal(work_date text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    PERFORM set_config('ppm.work_date', work_date, true);
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'PM007' THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN message || ' | ' || detail;
END $$;
SELECT pg_temp.refusal(date, 'CALL ppm.provision()')
FROM unnest(ARRAY['yesterday', '2026-02-29', '2026-2-1', '22.11.2026', '2026-11-22 ', '0000-01-01', '10000-01-01',
                  '''; DROP TABLE ppm.config; --', 'infinity', '2024-02-29', '']) AS date;
SELECT pg_temp.refusal('tomorrow', 'SELECT * FROM ppm.plan()');
-- Calls that do not use the date ignore a wrong one.
SELECT pg_temp.refusal('tomorrow', 'SELECT * FROM ppm.validate()');
