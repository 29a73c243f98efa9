# Years of days on tables that ppm manages, and a judge of each day. The judge is SQL that knows the configuration, the
# catalog, PostgreSQL's calendar and the rows that were inserted, and nothing that ppm computes.
package YearTest;

use strict;
use warnings;

use Exporter qw(import);
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(year_node managed simulate judgement said operate);

# Before the first day: the server, and the judge.
sub year_node
{
	my ($name) = @_;
	# Which day it is, each test says itself.
	my $node = new_node($name, conf => "ppm.work_date = ''\ntimezone = 'UTC'\nsynchronous_commit = off\nlog_statement = none\njit = off\nshared_buffers = 64MB\nwork_mem = 16MB");
	$node->safe_psql('postgres', join '', <DATA>);
	return $node;
}

# SQL that makes a table with a key of that type, configured.
sub managed
{
	my ($name, $type, $interval, $more, $retention, $policy, $zone) = @_;
	$policy //= 'drop';
	$zone //= 'UTC';
	return <<"EOF";
CREATE TABLE $name (at $type NOT NULL, id bigint NOT NULL) PARTITION BY RANGE (at);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, timezone)
VALUES ('$name', '$interval', $more, $retention, '$policy', '$zone');
EOF
}

# Lives from one day to another: on each, what the operator does on that day (a hash of SQL by days), CALL ppm.run_all(), what
# the application inserts, and what the judge says.
sub simulate
{
	my ($node, $from, $to, $operator) = @_;
	my @days = split /\n/, $node->safe_psql('postgres', "SELECT day::date FROM generate_series('$from', '$to', interval '1 day') AS day");
	my %left = %$operator;
	my $number = 0;
	my $script = <<'EOF';
SET client_min_messages = error;
\set QUIET on
CALL judge.begin();
EOF
	foreach my $day (@days)
	{
		my $sql = delete $left{$day} // '';
		my $is_first = $day =~ /-01$/;
		my $morning = $sql || $is_first || $number++ % 7 == 0 ? 'CALL judge.morning();' : '';
		# For speed.
		$script .= "VACUUM;\n" if $is_first;
		$script .= <<"EOF";
SET ppm.work_date = '$day';
$sql
$morning
\\set ON_ERROR_STOP off
CALL ppm.run_all();
\\set ON_ERROR_STOP on
CALL judge.evening(:'SQLSTATE');
EOF
	}
	die 'no such days: ' . join ' ', sort keys %left if %left;
	my ($result, undef, $messages) = run_sql($node, $script, name => 'operator');
	is($result, 0, "$from to $to are lived through");
	return;
}

# What was wrong since the last time, the first of it.
sub judgement
{
	my ($node) = @_;
	return $node->safe_psql('postgres', <<'EOF');
SELECT concat_ws(' ', day, parent, what) FROM judge.wrong ORDER BY day, parent, what LIMIT 30;
TRUNCATE judge.wrong;
EOF
}

# What check() said of a table in the evenings: each code with its first and last day and on how many days.
sub said
{
	my ($node, $condition) = @_;
	return $node->safe_psql('postgres', <<"EOF");
SELECT concat_ws(' ', parent, code, min(day), max(day), count(DISTINCT day)) FROM judge.said
WHERE $condition GROUP BY parent, code ORDER BY parent, min(day), code
EOF
}

# SQL that does what check() hints at for that code.
sub operate
{
	my ($table, $code) = @_;
	return "SELECT hint FROM ppm.check() WHERE table_name = '$table' AND code = '$code' ORDER BY partition \\gexec\n";
}

1;
__DATA__
CREATE SCHEMA judge;

CREATE TABLE judge.calendar AS
SELECT kind, row_number() OVER (PARTITION BY kind ORDER BY lower) AS number, lower, lower + step AS upper, unit,
       to_char(lower, pattern) AS suffix
FROM (VALUES ('daily', 'day', interval '1 day', '_YYYY_MM_DD'), ('weekly', 'week', '7 days', '_IYYY"_w"IW'), ('monthly', 'month', '1 month', '_YYYY_MM'),
             ('quarterly', 'quarter', '3 months', '_YYYY"_q"Q'), ('yearly', 'year', '1 year', '_YYYY')) AS f (kind, unit, step, pattern),
     generate_series(date_trunc(unit, timestamp '2010-01-01'), now()::timestamp + interval '5 years', step) AS lower;
CREATE INDEX ON judge.calendar (kind, lower);
CREATE INDEX ON judge.calendar (kind, number);
CREATE INDEX ON judge.calendar (kind, suffix);
ANALYZE judge.calendar;

-- What is wrong; what check() said in the evenings, and how the calls ended; the partitions that there were, with what they held, and
-- since when they are, or are not any more; the rows that were inserted, and whether they are gone with what was outdated.
CREATE TABLE judge.wrong (day date, parent name, what text);
CREATE TABLE judge.said (day date, parent name, severity text, code text, partition name, detail text, hint text);
CREATE TABLE judge.evenings (number serial, day date, sqlstate text);
CREATE TABLE judge.known (relation oid PRIMARY KEY, parent name, held tstzrange, attached boolean NOT NULL DEFAULT true, changed date);
CREATE TABLE judge.rows (parent name, id bigserial, at timestamptz, relation oid, gone boolean NOT NULL DEFAULT false, PRIMARY KEY (parent, id));
CREATE INDEX ON judge.rows (relation);
CREATE INDEX ON judge.rows (parent, at);

-- A key is judged as an instant; a date or a timestamp, which has no time zone, as that of UTC.
CREATE FUNCTION judge.instant(type text, key text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
SELECT CASE type WHEN 'uuid' THEN to_timestamp(0) + ('x' || lpad(left(replace(key, '-', ''), 12), 16, '0'))::bit(64)::bigint * interval '1 millisecond'
                 WHEN 'timestamp with time zone' THEN key::timestamptz
                 ELSE key::timestamp AT TIME ZONE 'UTC' END
$$;
CREATE FUNCTION judge.held(type text, edges text[]) RETURNS tstzrange LANGUAGE sql STABLE AS $$
SELECT tstzrange(coalesce(judge.instant(type, edges[1]), '-infinity'), coalesce(judge.instant(type, edges[2]), 'infinity'))
$$;
-- The first or the last key of an instant.
CREATE FUNCTION judge.key(type text, at timestamptz, is_last boolean) RETURNS text LANGUAGE sql STABLE AS $$
SELECT CASE type WHEN 'uuid' THEN lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || CASE WHEN is_last THEN '7fffbfffffffffffffff' ELSE '70008000000000000000' END
                 WHEN 'timestamp with time zone' THEN at::text
                 ELSE (at AT TIME ZONE 'UTC')::text END
$$;
CREATE FUNCTION judge.text(held tstzrange, zone text) RETURNS text LANGUAGE sql STABLE AS $$
SELECT string_agg(to_char(edge, CASE WHEN edge = date_trunc('day', edge) THEN 'YYYY-MM-DD' ELSE 'YYYY-MM-DD HH24:MI:SS' END), ' to ' ORDER BY edge)
FROM unnest(ARRAY[lower(held) AT TIME ZONE zone, upper(held) AT TIME ZONE zone]) AS edge
$$;

-- The name of the partition of a slot, or of a piece of it.
CREATE FUNCTION judge.edge(at timestamp) RETURNS text LANGUAGE sql STABLE AS $$
SELECT to_char(at, CASE WHEN at = date_trunc('day', at) THEN '_YYYYMMDD' ELSE '_YYYYMMDDHH24MI' END)
$$;
CREATE FUNCTION judge.name_of(held tstzrange, slot tstzrange, parent name, suffix text, zone text) RETURNS text LANGUAGE sql STABLE AS $$
SELECT parent || CASE WHEN held = slot THEN suffix
                      ELSE judge.edge(lower(held) AT TIME ZONE zone) || judge.edge(upper(held) AT TIME ZONE zone) END
$$;
-- That name, or what a partition gets that would bear it if another relation does.
CREATE FUNCTION judge.label(of_parent name, of_held tstzrange, proper text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN proper || CASE WHEN EXISTS (SELECT FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relname = proper AND NOT EXISTS (
		SELECT FROM partitions p WHERE p.relation = c.oid AND p.parent = of_parent AND p.held = of_held)) THEN '_2' ELSE '' END;
END $$;
-- Whether these are the edges of a slot in another time zone: both are moved alike, but for the hours by which clocks are changed.
CREATE FUNCTION judge.is_moved(held tstzrange, zone text, lower timestamp, upper timestamp) RETURNS boolean LANGUAGE sql STABLE AS $$
SELECT isfinite(lower(held)) AND isfinite(upper(held)) AND greatest(a, -a) < interval '26 hours' AND greatest(b, -b) < interval '26 hours'
       AND greatest(a - b, b - a) <= interval '3 hours'
FROM (SELECT (lower(held) AT TIME ZONE zone) - lower, (upper(held) AT TIME ZONE zone) - upper) AS x (a, b)
$$;
-- The application inserts a row.
CREATE PROCEDURE judge.insert(parent regclass, type text, at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('WITH i AS (INSERT INTO %1$s SELECT judge.key(%2$L, $1, false)::%2$s, nextval(''judge.rows_id_seq'') RETURNING id, tableoid)
	                INSERT INTO judge.rows SELECT %1$L, id, $1, tableoid FROM i', parent, type) USING at;
END $$;

-- What is to be judged today, made anew in the morning and in the evening.
CREATE PROCEDURE judge.begin() LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE config (day date, parent name, relation oid, type text, kind text, retention int, policy text, zone text,
	                          window_held tstzrange, really_begins timestamptz) ON COMMIT DELETE ROWS;
	CREATE TEMP TABLE slots (parent name, suffix text, held tstzrange) ON COMMIT DELETE ROWS;
	CREATE TEMP TABLE holes (parent name, held tstzrange, name text, is_slot boolean) ON COMMIT DELETE ROWS;
	CREATE TEMP TABLE partitions (parent name, relation oid, name name, bound text, held tstzrange) ON COMMIT DELETE ROWS;
	CREATE TEMP TABLE found (parent name, id bigint, relation oid) ON COMMIT DELETE ROWS;
	CREATE TEMP TABLE checked (parent name, severity text, code text, partition name, detail text, hint text, held tstzrange) ON COMMIT DELETE ROWS;
END $$;

CREATE PROCEDURE judge.look() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO config
	SELECT current_setting('ppm.work_date')::date, c.table_name, r.oid, t.type, c.interval::text, c.retention, c.cleanup_policy::text,
	       CASE WHEN type IN ('uuid', 'timestamp with time zone') THEN c.timezone ELSE 'UTC' END
	FROM ppm.config c LEFT JOIN pg_class r ON r.relnamespace = 'public'::regnamespace AND r.relname = c.table_name AND r.relkind = 'p'
	LEFT JOIN pg_partitioned_table p ON p.partrelid = r.oid
	CROSS JOIN LATERAL (SELECT format_type(atttypid, NULL) FROM (SELECT 1) x LEFT JOIN pg_attribute ON attrelid = r.oid AND attnum = p.partattrs[0]) AS t (type);

	INSERT INTO slots
	SELECT config.parent, s.suffix, tstzrange(s.lower AT TIME ZONE zone, s.upper AT TIME ZONE zone)
	FROM config JOIN ppm.config c ON c.table_name = parent
	JOIN judge.calendar current ON current.kind = config.kind AND current.lower = date_trunc(current.unit, day::timestamp)
	JOIN judge.calendar s ON s.kind = config.kind AND s.number BETWEEN current.number - coalesce(config.retention, 0) AND current.number + c.pre_provisioned
	WHERE config.relation IS NOT NULL;
	UPDATE config SET window_held = (SELECT tstzrange(min(lower(held)), max(upper(held))) FROM slots WHERE slots.parent = config.parent);

	-- A past day's window does not bring back what today's would remove again: from when on it would not.
	UPDATE config SET really_begins =
		(SELECT min(s.lower AT TIME ZONE zone) FROM judge.calendar current JOIN judge.calendar s USING (kind)
		 WHERE current.kind = config.kind AND current.lower = date_trunc(current.unit, now() AT TIME ZONE zone) AND s.number = current.number - config.retention);

	INSERT INTO partitions
	SELECT parent, c.oid, c.relname, bound,
	       CASE WHEN bound <> 'DEFAULT' THEN judge.held(type, edges) END
	FROM config JOIN pg_inherits ON inhparent = config.relation JOIN pg_class c ON c.oid = inhrelid
	CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS bound
	CROSS JOIN LATERAL (SELECT regexp_match(bound, $re$^FOR VALUES FROM \((?:'(.*)'|MINVALUE)\) TO \((?:'(.*)'|MAXVALUE)\)\Z$re$)) AS r (edges)
	WHERE NOT inhdetachpending;

	INSERT INTO holes
	SELECT s.parent, hole, judge.label(s.parent, hole, judge.name_of(hole, s.held, s.parent, s.suffix, zone)), hole = s.held
	FROM slots s JOIN config USING (parent)
	CROSS JOIN LATERAL unnest(tstzmultirange(s.held) -
	                               (SELECT coalesce(range_agg(p.held), '{}') FROM partitions p WHERE p.parent = s.parent AND p.held IS NOT NULL)) AS hole;

	INSERT INTO checked
	SELECT parent, severity, code, partition, detail, hint, tstzrange(edges[1]::timestamp AT TIME ZONE zone, edges[2]::timestamp AT TIME ZONE zone)
	FROM ppm.check() JOIN config ON parent = table_name
	CROSS JOIN LATERAL (SELECT regexp_match(detail, '^No partition .* covers ([-0-9: ]+) to ([-0-9: ]+)[.,]')) AS r (edges);
END $$;

-- Whether check() says what is true, and all of it.
CREATE PROCEDURE judge.compare(at_time text) LANGUAGE plpgsql AS $$
BEGIN
	-- What no partition covers: in the window, and outside of it between the first partition and the last.
	INSERT INTO judge.wrong
	SELECT day, parent, format('%s: missing are %s, gaps %s; said: %s, %s', at_time, missing, gaps, said_missing, said_gaps)
	FROM config
	CROSS JOIN LATERAL (SELECT coalesce(range_agg(held), '{}') AS covered, coalesce(range_merge(range_agg(held)), 'empty') AS span
	                    FROM partitions p WHERE p.parent = config.parent AND held IS NOT NULL) AS c
	CROSS JOIN LATERAL (SELECT tstzmultirange(window_held) AS window_helds) AS w
	CROSS JOIN LATERAL (SELECT window_helds - covered AS missing, tstzmultirange(span) - covered - window_helds AS gaps) AS t
	CROSS JOIN LATERAL (SELECT coalesce(range_agg(held) FILTER (WHERE code = 'missing_partition'), '{}') * window_helds AS said_missing,
	                           coalesce(range_agg(held) FILTER (WHERE code = 'gap'), '{}') AS said_gaps, count(*) FILTER (WHERE code = 'gap') AS gap_rows
	                    FROM checked WHERE checked.parent = config.parent) AS s
	WHERE relation IS NOT NULL AND (missing <> said_missing OR gaps <> said_gaps OR gap_rows <> (SELECT count(*) FROM unnest(gaps)));

	-- Each partition, by its place, its bounds and its name; the default partition, by the rows that wait in it; the table.
	INSERT INTO judge.wrong
	WITH truth AS (
		SELECT parent, CASE WHEN code IN ('misnamed', 'off_grid', 'name_taken') OR code = 'wrong_bounds' AND is_moved THEN 'warning' ELSE 'error' END, code, name
		FROM (SELECT p.parent, p.name, judge.is_moved(p.held, zone, named.lower, named.upper) AS is_moved,
		             unnest(CASE WHEN upper(p.held) <= lower(window_held) AND retention IS NOT NULL THEN ARRAY['outdated_partition']
		                         WHEN lower(p.held) >= upper(window_held) THEN ARRAY['surplus_partition'] ELSE ARRAY[]::text[] END
		                    || CASE WHEN p.name = p.parent || has.suffix THEN ARRAY[]::text[]
		                            WHEN named.suffix IS NOT NULL THEN ARRAY['wrong_bounds']
		                            WHEN upper(p.held) <= lower(window_held) AND retention IS NOT NULL
		                              OR lower(p.held) >= upper(window_held) THEN ARRAY[]::text[]
		                            WHEN starts_with(p.name, p.parent || has.suffix || '_')
		                              AND EXISTS (SELECT FROM pg_class WHERE relname = p.parent || has.suffix AND relnamespace = 'public'::regnamespace) THEN ARRAY['name_taken']
		                            WHEN has.suffix IS NOT NULL THEN ARRAY['misnamed']
		                            WHEN p.held && window_held THEN ARRAY['off_grid'] ELSE ARRAY[]::text[] END) AS code
		      FROM partitions p JOIN config USING (parent)
		      LEFT JOIN judge.calendar has ON has.kind = config.kind AND has.lower = date_trunc('day', lower(p.held) AT TIME ZONE zone)
		                                  AND tstzrange(has.lower AT TIME ZONE zone, has.upper AT TIME ZONE zone) = p.held
		      LEFT JOIN judge.calendar named ON named.kind = config.kind AND named.suffix = substr(p.name, length(p.parent) + 1)
		      WHERE p.held IS NOT NULL) AS x
		WHERE code IS NOT NULL
		UNION ALL
		SELECT parent, 'error', 'default_has_rows', p.name FROM partitions p JOIN holes h USING (parent)
		WHERE p.held IS NULL AND EXISTS (SELECT FROM judge.rows r WHERE r.relation = p.relation AND r.at <@ h.held)
		UNION ALL
		SELECT parent, 'warning', 'name_taken', h.name::name FROM holes h
		WHERE is_slot AND h.name LIKE '%\_2'
		  AND NOT EXISTS (SELECT FROM checked WHERE checked.parent = h.parent AND partition || '_2' = h.name AND detail LIKE '%, which ppm detached, holds it.')
		UNION ALL
		SELECT parent, 'error', 'table_missing', NULL FROM config WHERE relation IS NULL
	), was_said AS (
		SELECT parent, severity, code, partition FROM checked WHERE code NOT IN ('missing_partition', 'gap', 'work_date_set')
	)
	SELECT current_setting('ppm.work_date')::date, parent, concat_ws(' ', at_time || ': not said:', severity, code, partition)
	FROM (TABLE truth EXCEPT ALL TABLE was_said) AS x (parent, severity, code, partition)
	UNION ALL
	SELECT current_setting('ppm.work_date')::date, parent, concat_ws(' ', at_time || ': said, but not so:', severity, code, partition)
	FROM (TABLE was_said EXCEPT ALL TABLE truth) AS x;

	INSERT INTO judge.wrong
	SELECT current_setting('ppm.work_date')::date, parent, format('%s: missing %s is called %s', at_time, h.name, c.partition)
	FROM checked c JOIN holes h USING (parent, held) WHERE c.partition <> h.name AND detail NOT LIKE '%, which ppm detached, holds it.';

	INSERT INTO judge.wrong
	SELECT day, parent, format('%s: %s %s of %s: %s', at_time, code, c.partition, judge.text(p.held, zone), detail)
	FROM checked c JOIN config USING (parent) JOIN partitions p USING (parent)
	WHERE p.name = c.partition AND p.held IS NOT NULL AND code <> 'missing_partition' AND strpos(detail, judge.text(p.held, zone)) = 0;
END $$;

CREATE PROCEDURE judge.morning() LANGUAGE plpgsql AS $$
BEGIN
	CALL judge.look();
	CALL judge.compare('morning');
	INSERT INTO judge.known SELECT relation, parent, held FROM partitions ON CONFLICT (relation) DO UPDATE SET parent = excluded.parent;
END $$;

-- What changed since the morning. The window's holes have their partitions; what went was outdated, or surplus and empty.
CREATE PROCEDURE judge.changes() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO judge.wrong
	SELECT day, p.parent, format('partition %s has other bounds', p.name)
	FROM partitions p JOIN judge.known k USING (relation) JOIN config ON config.parent = p.parent WHERE k.held <> p.held;

	INSERT INTO judge.wrong
	WITH needed AS (
		SELECT s.parent, hole, judge.label(s.parent, hole, judge.name_of(hole, s.held, s.parent, s.suffix, zone))
		FROM slots s JOIN config USING (parent)
		CROSS JOIN LATERAL unnest(tstzmultirange(s.held) - (SELECT coalesce(range_agg(p.held), '{}') FROM partitions p JOIN judge.known USING (relation)
		                                                    WHERE p.parent = s.parent AND p.held IS NOT NULL)) AS hole
		WHERE NOT EXISTS (SELECT FROM holes h WHERE h.parent = s.parent AND h.held = hole)
	), made AS (
		SELECT parent, held, name::text FROM partitions p WHERE NOT EXISTS (SELECT FROM judge.known k WHERE k.relation = p.relation)
	)
	SELECT current_setting('ppm.work_date')::date, parent, format('should have been made: %s for %s', name, held)
	FROM (TABLE needed EXCEPT TABLE made) AS x (parent, held, name)
	UNION ALL
	SELECT current_setting('ppm.work_date')::date, parent, format('should not have been made: %s for %s', name, held) FROM (TABLE made EXCEPT TABLE needed) AS x;

	INSERT INTO judge.wrong
	SELECT day, parent, format('bounds of %s: %s', name, bound) FROM partitions p JOIN config USING (parent)
	WHERE type = 'uuid' AND p.relation NOT IN (SELECT k.relation FROM judge.known k) AND bound !~ '(-7000-8000-0{12}''.*){2}';

	INSERT INTO judge.wrong
	SELECT day, parent, format('partition %s of %s went', coalesce(k.relation::regclass::text, '?'), held)
	FROM judge.known k JOIN config USING (parent)
	WHERE config.relation IS NOT NULL AND attached AND k.relation NOT IN (SELECT p.relation FROM partitions p)
	  AND NOT (upper(held) <= lower(window_held) AND retention IS NOT NULL)
	  AND (lower(held) < upper(window_held) OR EXISTS (SELECT FROM judge.rows r WHERE r.relation = k.relation));

	INSERT INTO judge.wrong
	SELECT day, parent, format('what was partition %s is %s', k.relation, coalesce(c.relname, 'no more'))
	FROM judge.known k JOIN config USING (parent) LEFT JOIN pg_class c ON c.oid = k.relation
	WHERE config.relation IS NOT NULL AND attached AND k.relation NOT IN (SELECT p.relation FROM partitions p)
	  AND (c.oid IS NULL) <> (policy = 'drop');

	UPDATE judge.known k SET attached = NOT attached, changed = day FROM config
	WHERE config.parent = k.parent AND config.relation IS NOT NULL AND attached <> (k.relation IN (SELECT p.relation FROM partitions p));
	INSERT INTO judge.known SELECT p.relation, parent, held, true, day FROM partitions p JOIN config USING (parent) ON CONFLICT DO NOTHING;
END $$;

-- The application inserts the day's rows, and what is wanting of the first and last ones of each slot up to today's.
CREATE PROCEDURE judge.insert_rows() LANGUAGE plpgsql AS $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT *, CASE type WHEN 'date' THEN interval '1 day' WHEN 'uuid' THEN '1 millisecond' ELSE '1 microsecond' END AS unit,
	                tstzrange(day::timestamp AT TIME ZONE zone, (day + 1)::timestamp AT TIME ZONE zone) AS today
	         FROM config
	         WHERE relation IS NOT NULL AND (parent NOT IN (SELECT holes.parent FROM holes) OR parent IN (SELECT p.parent FROM partitions p WHERE held IS NULL)) LOOP
		BEGIN
			EXECUTE format($f$
				WITH wanted AS MATERIALIZED (
					SELECT nextval('judge.rows_id_seq') AS id, at
					FROM (SELECT unnest(ARRAY[lower(held), upper(held) - $1]) AS at FROM slots WHERE parent = %1$L AND lower(held) < upper($2)
					      UNION SELECT unnest(ARRAY[lower($2), lower($2) + (upper($2) - lower($2)) / 2, upper($2) - $1])) AS x
					WHERE NOT EXISTS (SELECT FROM judge.rows r WHERE r.parent = %1$L AND r.at = x.at AND NOT gone)
				), inserted AS (
					INSERT INTO %1$I SELECT judge.key(%2$L, at, at = upper($2) - $1)::%2$s, id FROM wanted RETURNING id, tableoid
				)
				INSERT INTO judge.rows SELECT %1$L, id, at, tableoid FROM wanted JOIN inserted USING (id) $f$, c.parent, c.type) USING c.unit, c.today;
			-- It could insert the first and the last key of each slot of the window.
			CONTINUE WHEN NOT EXISTS (SELECT FROM judge.known k WHERE k.parent = c.parent AND changed = c.day);
			BEGIN
				EXECUTE format('INSERT INTO %1$I SELECT judge.key(%2$L, at, at <> lower(held))::%2$s, 0 FROM slots,
				                unnest(ARRAY[lower(held), upper(held) - $1]) AS at WHERE parent = %1$L',
				               c.parent, c.type) USING c.unit;
				RAISE SQLSTATE 'TRIED';
			EXCEPTION WHEN SQLSTATE 'TRIED' THEN
				NULL;
			END;
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO judge.wrong VALUES (c.day, c.parent, 'insert: ' || sqlerrm);
		END;
	END LOOP;
END $$;

-- Each row that was inserted is where it was, or in what was detached, or was outdated together with all that went with it.
CREATE PROCEDURE judge.count_rows() LANGUAGE plpgsql AS $$
DECLARE
	c record;
	d record;
BEGIN
	-- Where no partition came or went, once a month is enough.
	DELETE FROM config WHERE relation IS NULL OR NOT (extract(day FROM day) = 1 OR EXISTS (SELECT FROM judge.known k WHERE k.parent = config.parent AND changed = day));
	FOR c IN TABLE config LOOP
		EXECUTE format('INSERT INTO found SELECT %L, id, tableoid FROM %I', c.parent, c.parent);
		IF c.policy = 'detach' THEN
			FOR d IN SELECT k.relation FROM judge.known k JOIN pg_class ON oid = k.relation
			         WHERE parent = c.parent AND NOT attached AND (changed = c.day OR extract(day FROM c.day) = 1) LOOP
				EXECUTE format('INSERT INTO found SELECT %L, id, tableoid FROM %s', c.parent, d.relation::regclass);
			END LOOP;
		END IF;
	END LOOP;

	INSERT INTO judge.wrong
	SELECT current_setting('ppm.work_date')::date, parent, format('row %s of %s has moved', id, at)
	FROM found f JOIN judge.rows r USING (parent, id) WHERE f.relation <> r.relation;
	WITH lost AS (
		UPDATE judge.rows r SET gone = true FROM config
		WHERE config.parent = r.parent AND NOT gone
		  AND NOT EXISTS (SELECT FROM judge.known k WHERE k.relation = r.relation AND NOT attached AND changed < day AND extract(day FROM day) <> 1)
		  AND NOT EXISTS (SELECT FROM found f WHERE f.parent = r.parent AND f.id = r.id)
		RETURNING r.parent, id, at, r.relation, policy, retention, window_held
	)
	INSERT INTO judge.wrong
	SELECT current_setting('ppm.work_date')::date, l.parent, format('row %s of %s is lost', id, at)
	FROM lost l LEFT JOIN judge.known k USING (relation)
	WHERE (policy = 'drop' AND retention IS NOT NULL AND NOT attached AND upper(held) <= lower(window_held)) IS NOT TRUE;

	INSERT INTO judge.wrong
	SELECT day, r.parent, format('row %s of %s is not in the table', r.id, at)
	FROM judge.rows r JOIN config USING (parent) JOIN judge.known k ON k.relation = r.relation
	WHERE NOT gone AND NOT attached AND at >= lower(window_held) AND upper(held) > really_begins;
	INSERT INTO judge.wrong
	SELECT current_setting('ppm.work_date')::date, f.parent, format('row %s is there %s times', f.id, count(*))
	FROM found f LEFT JOIN judge.rows r USING (parent, id) GROUP BY f.parent, f.id HAVING count(*) > 1 OR bool_and(gone) IS NOT FALSE;
END $$;

CREATE PROCEDURE judge.evening(sqlstate text) LANGUAGE plpgsql AS $$
BEGIN
	CALL judge.look();
	CALL judge.compare('evening');
	INSERT INTO judge.evenings (day, sqlstate) VALUES (current_setting('ppm.work_date')::date, sqlstate);
	INSERT INTO judge.said SELECT current_setting('ppm.work_date')::date, parent, severity, code, partition, detail, hint FROM checked;
	CALL judge.changes();
	CALL judge.insert_rows();

	-- CALL ppm.run_all() fails exactly if check() has errors, by its tables, and has nothing left to do but what cannot be done.
	INSERT INTO judge.wrong
	SELECT current_setting('ppm.work_date')::date, NULL, 'run_all() ended with ' || sqlstate
	WHERE (sqlstate <> '00000') <> EXISTS (SELECT FROM checked WHERE severity = 'error');
	INSERT INTO judge.wrong
	SELECT day, parent, 'the last run is said to have been ' || coalesce(outcome, 'never')
	FROM config LEFT JOIN ppm.last_run ON table_name = parent
	WHERE outcome IS DISTINCT FROM CASE WHEN EXISTS (SELECT FROM checked c WHERE c.parent = config.parent AND severity = 'error') THEN 'failed' ELSE 'ok' END;
	-- Once a week is enough.
	IF extract(isodow FROM current_setting('ppm.work_date')::date) = 3 THEN
		INSERT INTO judge.wrong
		SELECT current_setting('ppm.work_date')::date, table_name, format('still planned: %s %s', action, partition)
		FROM ppm.plan() WHERE table_name NOT IN (SELECT parent FROM checked WHERE code = 'missing_partition');
	END IF;
	CALL judge.count_rows();
END $$;
