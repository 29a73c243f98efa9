-- What CREATE EXTENSION brings, and who may use it.
DROP EXTENSION ppm;
CREATE EXTENSION ppm;

-- Every object has a comment.
SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'ppm')
  -- array types and the row types of tables are part of another object
  AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND t.typtype <> 'e'))
  AND obj_description(objid, (SELECT relname FROM pg_class c WHERE c.oid = classid)) IS NULL
UNION ALL
SELECT format('column %s of %s', attname, attrelid::regclass)
FROM pg_attribute JOIN pg_class r ON r.oid = attrelid
WHERE relnamespace = 'ppm'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
  AND col_description(attrelid, attnum) IS NULL
UNION ALL
SELECT format('trigger %s', tgname) FROM pg_trigger JOIN pg_class r ON r.oid = tgrelid
WHERE relnamespace = 'ppm'::regnamespace AND NOT tgisinternal AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
UNION ALL
SELECT format('constraint %s', conname) FROM pg_constraint
WHERE connamespace = 'ppm'::regnamespace AND contype <> 'n' AND obj_description(oid, 'pg_constraint') IS NULL;

-- Every table ignores changes that logical replication applies.
SELECT r.oid::regclass, t.tgname FROM pg_class r, unnest(ARRAY['skip_replicated', 'keep_rows', 'put_rows_back']) AS t(tgname)
WHERE relnamespace = 'ppm'::regnamespace AND relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = r.oid AND g.tgname = t.tgname AND g.tgenabled = 'A'
                  AND g.tgfoid = 'ppm.skip_replicated'::regproc);

-- Every function that looks up names sets its search_path; a procedure sets it in its code.
SELECT oid::regprocedure, prokind, proconfig FROM pg_proc
WHERE pronamespace = 'ppm'::regnamespace ORDER BY oid::regprocedure::text COLLATE "C";

-- PUBLIC has privileges only on the functions that convert keys, on scheduled_at(), and on their schema.
CREATE ROLE regress_ppm_nobody;
SELECT oid::regprocedure FROM pg_proc
WHERE pronamespace = 'ppm'::regnamespace AND has_function_privilege('regress_ppm_nobody', oid, 'EXECUTE')
ORDER BY oid::regprocedure::text COLLATE "C";
SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ppm'::regnamespace
  AND CASE relkind WHEN 'S' THEN has_sequence_privilege('regress_ppm_nobody', oid, 'SELECT, UPDATE, USAGE')
      ELSE has_table_privilege('regress_ppm_nobody', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') END;
SELECT typname FROM pg_type
WHERE typnamespace = 'ppm'::regnamespace AND typtype = 'e' AND has_type_privilege('regress_ppm_nobody', oid, 'USAGE');
SET ROLE regress_ppm_nobody;
CALL ppm.provision();
SELECT * FROM ppm.plan();
SELECT ppm.uuidv7_lower_bound('2026-11-22 00:00+00');
RESET ROLE;
DROP ROLE regress_ppm_nobody;
