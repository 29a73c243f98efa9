# A clock that has jumped ahead: cleanup removes nothing that only that clock calls outdated, until somebody says that the
# clock is right.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('clock_jump', conf => "ppm.work_date = ''\ntimezone = 'UTC'\n");

# With a partition of 30 days ago; the window is of a week.
sub make
{
	my ($name, $policy, $more) = @_;
	$node->safe_psql('postgres', <<"EOF");
CREATE TABLE $name (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('$name', 'daily', 3, 3, '$policy');
CALL ppm.provision('$name');
CALL ppm.cleanup('$name');
SELECT format('CREATE TABLE ${name}_old PARTITION OF $name FOR VALUES FROM (%L) TO (%L)', current_date - 30, current_date - 29) \\gexec
INSERT INTO $name VALUES (current_date - 30);
@{[ $more // '' ]}
EOF
	return;
}

# As if the clock had jumped ahead since: by years.
sub jump
{
	my ($name) = @_;
	$node->safe_psql('postgres', "UPDATE ppm.last_run SET at = at - interval '5 years' WHERE table_name = '$name'");
	return;
}

sub last_cleanup
{
	my ($name) = @_;
	return $node->safe_psql('postgres',
		"SELECT CASE WHEN at < now() - interval '4 years' THEN 'then' ELSE 'now' END, outcome FROM ppm.last_run WHERE table_name = '$name' AND procedure = 'cleanup'");
}

sub there { return $node->safe_psql('postgres', "SELECT count(*) FROM pg_inherits WHERE inhrelid = to_regclass('$_[0]_old')") }

sub codes_of { return $node->safe_psql('postgres', "SELECT coalesce(string_agg(code, ' '), '') FROM ppm.check('$_[0]') WHERE severity = 'error'") }

my ($result, $output, $messages);

#
# Refused
#

make($_, $_) foreach qw(detach drop);
foreach my $name (qw(detach drop))
{
	jump($name);
	is(codes_of($name), 'clock_jump', "$name: check says so");
	is($node->safe_psql('postgres', "SELECT count(*) FROM ppm.plan('$name')"), 0, "$name: nothing is planned");
	foreach my $try (1, 2)
	{
		($result, $output, $messages) = run_sql($node, "CALL ppm.cleanup('$name')");
		like($messages, qr/ERROR:  PM008: could not clean up 1 of 1 table\nDETAIL:  table "public\.$name": The clock says 20\d\d-.*, more than a window after 20\d\d-.*, when the last cleanup ended: nothing outdated is removed\. \(clock_jump\)\nHINT:  If the clock is right, write the row again: UPDATE ppm\.config SET retention = retention WHERE schema_name = 'public' AND table_name = '$name';\n/,
			"$name: try $try is refused, with both times and how to confirm");
		is(there($name), 1, "$name: the partition is there");
		is(last_cleanup($name), 'then|failed', "$name: a refused cleanup does not move the time of the last one");
	}
	is($node->safe_psql('postgres', "SELECT errors FROM ppm.status WHERE table_name = '$name'"), 1, "$name: status counts it now");
	is($node->safe_psql('postgres', "SELECT DISTINCT sqlstate FROM ppm.history WHERE table_name = '$name' AND outcome = 'failed'"), 'PM008', "$name: history has it");

	# The newest rows do not help after a failure.
	$node->safe_psql('postgres', "INSERT INTO $name VALUES (current_date)");
	($result, $output, $messages) = run_sql($node, "SET ppm.work_date = '2020-01-01'; CALL ppm.cleanup('$name')");
	is($result, 0, "$name: with a work date by which nothing is outdated there is nothing to refuse");
	jump($name);
	$node->safe_psql('postgres', "UPDATE ppm.last_run SET outcome = 'failed' WHERE table_name = '$name'");
	is(codes_of($name), 'clock_jump', "$name: rows of today do not help after a failure");
}

# Provision goes on, and so do the other tables.
make('other', 'drop');
$node->safe_psql('postgres', "DROP TABLE drop_" . $node->safe_psql('postgres', q(SELECT to_char(current_date + 3, 'YYYY_MM_DD'))));
($result, $output, $messages) = run_sql($node, 'CALL ppm.run_all()');
like($messages, qr/ERROR:  PM008: could not clean up 2 of 3 tables, found errors in 2 of 3 tables\n/, 'run_all says it with the same code');
like($messages, qr/NOTICE:  00000: created partition "public\.drop_/, 'provision goes on');
like($messages, qr/NOTICE:  00000: dropped partition "public\.other_old"/, 'so do other tables');

# Any other failure has the code that it has without.
$node->safe_psql('postgres', q(INSERT INTO ppm.config (table_name, interval, pre_provisioned) VALUES ('nowhere', 'daily', 1)));
($result, $output, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/ERROR:  PM006: could not clean up 3 of 4 tables\n/, 'with another failure it is a failure like others');
$node->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'nowhere'));

# Nor is it about the clock where somebody's function raises the same code.
make('hooked', 'drop', <<'EOF');
CREATE FUNCTION raises(regclass, regclass, text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today' USING ERRCODE = 'PM008'; END $$;
INSERT INTO ppm.hooks (schema_name, table_name, event, function) VALUES ('public', 'hooked', 'before_detach', 'public.raises(regclass, regclass, text, text)');
UPDATE ppm.last_run SET at = at - interval '1 day' WHERE table_name = 'hooked';
EOF
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('hooked')));
like($messages, qr/ERROR:  PM006: could not clean up 1 of 1 table\n.*not today.*SQLSTATE PM008/, 'a hook that raises PM008 is a failure like others');
is($node->safe_psql('postgres', "SELECT at > now() - interval '1 hour', outcome FROM ppm.last_run WHERE table_name = 'hooked' AND procedure = 'cleanup'"), 't|failed', 'and the clock is in no doubt');
$node->safe_psql('postgres', q(DELETE FROM ppm.hooks; DELETE FROM ppm.config WHERE table_name = 'hooked'; DROP TABLE hooked));

# A cleanup that fails before it comes to look at the clock does not count as one that found it right.
make('lost', 'drop');
jump('lost');
$node->safe_psql('postgres', 'ALTER TABLE lost RENAME TO elsewhere');
($result) = run_sql($node, q(CALL ppm.run_all()));
is("$result " . last_cleanup('lost'), '3 then|failed', 'a table that is not found does not move the time of its last cleanup');
$node->safe_psql('postgres', 'ALTER TABLE elsewhere RENAME TO lost');
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('lost')));
like($messages, qr/ERROR:  PM008/, 'so that the clock is doubted when it is there again');
is(there('lost'), 1, 'and nothing is removed');
$node->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'lost'; DROP TABLE lost));

#
# Confirmed
#

foreach my $name (qw(detach drop))
{
	my ($statement) = $node->safe_psql('postgres', "SELECT hint FROM ppm.check('$name') WHERE code = 'clock_jump'") =~ /(UPDATE .*;)/;
	$node->safe_psql('postgres', $statement);
	is(last_cleanup($name), 'now|failed', "$name: the hint's statement confirms the clock");
	($result) = run_sql($node, "CALL ppm.cleanup('$name')");
	is($result . there($name), '00', "$name: then the partition is removed");
	is(last_cleanup($name), 'now|ok', "$name: all is well");
}

# Whoever may write the row may do that; he need not be able to write ppm.last_run.
$node->safe_psql('postgres', <<'EOF');
CREATE ROLE alice;
GRANT SELECT, UPDATE ON ppm.config TO alice;
EOF
make('hers', 'drop', 'ALTER TABLE hers OWNER TO alice; ALTER TABLE hers_old OWNER TO alice;');
jump('hers');
$node->safe_psql('postgres', q(SET ROLE alice; UPDATE ppm.config SET retention = retention WHERE table_name = 'hers'));
is(last_cleanup('hers'), 'now|ok', 'the owner of the table confirms it');

#
# Set back
#

# The partition of in ten days is beyond the window of the wrong clock, and the application needs it tomorrow.
make('back', 'drop', 'DROP TABLE back_old;');
$node->safe_psql('postgres', q(SELECT format('CREATE TABLE back_old PARTITION OF back FOR VALUES FROM (%L) TO (%L)', current_date + 10, current_date + 11) \gexec));
$node->safe_psql('postgres', q(UPDATE ppm.last_run SET at = at + interval '8 days' WHERE table_name = 'back'));
is(codes_of('back'), 'clock_jump', 'a clock that was set back: check says so');
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('back')));
like($messages, qr/ERROR:  PM008: .*\nDETAIL:  table "public\.back": The clock says 20\d\d-.*, before 20\d\d-.*, when the last cleanup ended: nothing surplus is removed\. \(clock_jump\)\nHINT:  If the clock is right, write the row again/, 'nothing surplus is removed');
is(there('back'), 1, 'the partition is there');
run_sql($node, q(CALL ppm.cleanup('back')));
is(there('back'), 1, 'also after the next call');
$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = retention WHERE table_name = 'back'));
($result) = run_sql($node, q(CALL ppm.cleanup('back')));
is("$result " . there('back'), '0 0', 'the clock is confirmed, and it goes');

#
# What else the clock decides
#

# Keys that count: how long a detached table waits for its drop.
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE counts (id bigint NOT NULL PRIMARY KEY) PARTITION BY RANGE (id);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy, drop_delay) VALUES ('counts', '100', 2, 1, 'drop', '30 days');
CALL ppm.provision('counts');
INSERT INTO counts SELECT generate_series(0, 250);
CALL ppm.run_all('counts');
INSERT INTO counts SELECT generate_series(251, 450);
CALL ppm.run_all('counts');
EOF
my $waiting = 'SELECT count(*) FROM ppm.detached WHERE table_name = $$counts$$';
my $number = $node->safe_psql('postgres', $waiting);
cmp_ok($number, '>', 0, 'tables wait for drop_delay');
jump('counts');
$node->safe_psql('postgres', q(UPDATE ppm.detached SET drop_after = drop_after - interval '5 years' WHERE table_name = 'counts'));
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('counts')));
like($messages, qr/ERROR:  PM008: .*\nDETAIL:  table "public\.counts": The clock says .*, more than 35 days after .*: no table that waited for drop_delay is dropped\. \(clock_jump\)/, 'a clock that has jumped does not end their wait');
is($node->safe_psql('postgres', $waiting), $number, 'they are there');
is(codes_of('counts'), 'clock_jump', 'and check says so');
$node->safe_psql('postgres', q(INSERT INTO counts SELECT generate_series(451, 550); UPDATE ppm.config SET retention = retention WHERE table_name = 'counts'));
$node->safe_psql('postgres', q(UPDATE ppm.detached SET drop_after = drop_after - interval '5 years' WHERE table_name = 'counts'));
run_sql($node, q(CALL ppm.cleanup('counts')));
is($node->safe_psql('postgres', "$waiting AND drop_after < now()"), 0, 'the clock is confirmed, and they are dropped');
$node->safe_psql('postgres', q(UPDATE ppm.detached SET drop_after = 'infinity' WHERE table_name = 'counts'));
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.plan('counts') WHERE action = 'drop' AND step IS NOT NULL)), 0, 'one that waits for ever is not dropped');

# Where nothing waits, the clock decides nothing for such keys.
$node->safe_psql('postgres', q(DELETE FROM ppm.last_run; DELETE FROM ppm.detached; UPDATE ppm.config SET cleanup_policy = 'detach' WHERE table_name = 'counts'; INSERT INTO counts SELECT generate_series(551, 650)));
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('counts')));
like($messages, qr/^psql:<stdin>:2: NOTICE:  00000: detached partition "public\.counts_400"/, 'the first cleanup');
is($result, 0, 'does not doubt the clock');
jump('counts');
$node->safe_psql('postgres', q(CALL ppm.provision('counts'); INSERT INTO counts SELECT generate_series(651, 750)));
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('counts')));
is($result, 0, 'nor does a cleanup after years without one') or diag($messages);
$node->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'counts'));

# What is detached by a clock that is behind does not wait for less.
make('waits', 'drop', q(UPDATE ppm.config SET drop_delay = '10 days' WHERE table_name = 'waits'; UPDATE ppm.last_run SET at = at + interval '12 days' WHERE table_name = 'waits';));
run_sql($node, q(CALL ppm.cleanup('waits')));
is($node->safe_psql('postgres', q(SELECT detached, drop_after > now() + interval '21 days' FROM ppm.detached WHERE table_name = 'waits')), 'waits_old|t', 'drop_delay begins where the last cleanup ended');
$node->safe_psql('postgres', q(UPDATE ppm.last_run SET at = at + interval '12 days' WHERE table_name = 'waits'));
is(codes_of('waits'), 'clock_jump', 'a clock that is behind while a table waits: check says that it might be for too long');
$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = retention WHERE table_name = 'waits'));
is($node->safe_psql('postgres', q(SELECT drop_after < now() + interval '11 days' FROM ppm.detached WHERE table_name = 'waits')), 't', 'and whoever confirms the clock corrects it');
$node->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'waits'));

# The history is not old only because the clock has jumped.
$node->safe_psql('postgres', q(INSERT INTO ppm.history (run_id, at, schema_name, table_name, action, outcome, message, duration, executed_by) VALUES (0, now() - interval '100 days', 'public', 'old', 'create', 'ok', 'created', '0', 'me')));
make('remembered', 'drop');
jump('remembered');
run_sql($node, q(CALL ppm.run_all('remembered')));
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.history WHERE table_name = 'old')), 1, 'the history is kept while the clock is in doubt');
$node->safe_psql('postgres', q(UPDATE ppm.config SET retention = retention WHERE table_name = 'remembered'));
run_sql($node, q(CALL ppm.run_all('remembered')));
$node->safe_psql('postgres', q(DROP TABLE remembered));
run_sql($node, q(CALL ppm.run_all()));
is($node->safe_psql('postgres', q(SELECT count(*) FROM ppm.history WHERE table_name = 'old')), 0, 'and no longer, also if a table is missing');
$node->safe_psql('postgres', q(DELETE FROM ppm.config WHERE table_name = 'remembered'));

#
# No jump
#

# Who did not call for years has rows of now.
make('rested', 'drop', 'INSERT INTO rested VALUES (current_date);');
jump('rested');
is(codes_of('rested'), 'outdated_partition', 'rows of today say that the clock is right');
($result) = run_sql($node, q(CALL ppm.cleanup('rested')));
is($result . there('rested'), '00', 'so the partition is removed');
is(last_cleanup('rested'), 'now|ok', 'and the time moves on');

# Nothing is outdated: nothing is asked.
make('idle', 'drop', 'DROP TABLE idle_old;');
jump('idle');
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('idle')));
is("$result $messages", '0 ', 'where nothing is outdated the clock does not matter');

# An empty surplus partition goes.
make('surplus', 'drop');
jump('surplus');
$node->safe_psql('postgres', q(SELECT format('CREATE TABLE surplus_far PARTITION OF surplus FOR VALUES FROM (%L) TO (%L)', current_date + 30, current_date + 31) \gexec));
($result, $output, $messages) = run_sql($node, q(CALL ppm.cleanup('surplus')));
like($messages, qr/NOTICE:  00000: dropped partition "public\.surplus_far".*ERROR:  PM008/s, 'an empty surplus partition is no concern of the clock');
is(there('surplus'), 1, 'the outdated one is');

# The first cleanup of a server that was just started needs nobody to confirm anything.
make('first', 'drop');
$node->safe_psql('postgres', 'TRUNCATE ppm.last_run');
($result) = run_sql($node, q(CALL ppm.cleanup('first')));
is($result . there('first'), '00', 'the first cleanup goes by the start of the server');

$node->stop;
done_testing();
