# Both sides of logical replication: whatever the publication's shape, and with ppm on either side or both, partitions come and go
# and the users' rows arrive. What cannot work fails as doc/operations.md says, and what it says to do there mends it.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = <<'EOC';
wal_retrieve_retry_interval = 100ms
max_worker_processes = 24
max_logical_replication_workers = 12
max_sync_workers_per_subscription = 6
EOC
my ($publisher, $subscriber) = map { new_node($_, allows_streaming => 'logical', conf => $conf) } qw(publisher subscriber);
my %node = (publisher => $publisher, subscriber => $subscriber);
# The subscriber keeps more, and is further ahead: its window contains the publisher's.
my %window = (publisher => '2, 2', subscriber => '3, 3');

# The database, of the same name on both sides, and which of them have ppm.
my ($database, %has_ppm);
my $databases = 0;

sub sql
{
	my ($side, $sql) = @_;
	return $node{$side}->safe_psql($database, $sql);
}

# A call of ppm on that day of March: psql's exit code and what it said.
sub call_on
{
	my ($side, $day, $call) = @_;
	my ($out, $messages) = ('', '');
	my $result = $node{$side}->psql($database, "SET ppm.work_date = '2026-03-$day'; $call", stdout => \$out, stderr => \$messages, on_error_stop => 1);
	note "$side, $call: $messages" if $messages ne '';
	return ($result, $messages);
}

sub succeeds_on
{
	my ($side, $day, $call, $name) = @_;
	my ($result, $messages) = call_on($side, $day, $call);
	is($result, 0, $name) or diag $messages;
	return;
}

# The SQL that makes a partition of each table for each of the days, as people do without ppm.
sub by_hand
{
	my @days = @_;
	return join ';', map {
		my ($day, $next) = ($_, $_ + 1);
		map { "CREATE TABLE ${_}_2026_03_$day PARTITION OF $_ FOR VALUES FROM ('2026-03-$day') TO ('2026-03-$next')" } qw(dropped kept)
	} @days;
}

# The rows of the tables together: "13/1 13/2changed", by day and id.
sub rows_of
{
	my ($side, @tables) = @_;
	my $union = join ' UNION ALL ', map { "SELECT * FROM $_" } @tables;
	return sql($side, "SELECT coalesce(string_agg(to_char(day, 'DD/') || id || coalesce(note, ''), ' ' ORDER BY day, id), '') FROM ($union) AS r");
}

# Those of the rows whose day is one of these.
sub of_days
{
	my ($rows, $from, $to) = @_;
	return join ' ', grep { my $day = substr $_, 0, 2; $from <= $day && $day <= $to } split / /, $rows;
}

sub changes
{
	my ($sql) = @_;
	sql('publisher', join ';', map { $sql =~ s/TABLE/$_/gr } qw(dropped kept));
	return;
}

sub catch_up
{
	$publisher->wait_for_catchup($database);
	return;
}

# Waits until the initial copies have ended, and until the subscriber has all that the publisher did.
sub synchronize
{
	$subscriber->poll_query_until($database, q(SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')))
	  or die 'the initial copy does not end';
	catch_up();
	return;
}

sub refresh
{
	my ($options) = @_;
	my $messages = '';
	my $result = $subscriber->psql($database, "ALTER SUBSCRIPTION $database REFRESH PUBLICATION " . ($options // ''), stderr => \$messages, on_error_stop => 1);
	return ($result, $messages);
}

# Waits until the subscriber's log has it, in what was written since.
my $log = 0;

sub wait_until_subscriber_logs
{
	my ($expected) = @_;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if slurp_file($subscriber->logfile, $log) =~ $expected;
		select undef, undef, undef, 0.1;
	}
	return 0;
}

# Both sides in a new database, with two tables: one whose outdated partitions are dropped, one whose are kept.
sub begin
{
	my ($publication, $root, @sides) = @_;
	$database = 'shape_' . ++$databases;
	%has_ppm = map { $_ => 1 } @sides;
	# FOR ALL TABLES publishes ppm's tables, which the subscriber must have then.
	my %installed = (%has_ppm, $publication =~ /ALL TABLES/ ? (subscriber => 1) : ());
	foreach my $side (qw(subscriber publisher))
	{
		$node{$side}->safe_psql('postgres', "CREATE DATABASE $database");
		my $partitioned = $has_ppm{$side} || $side eq 'publisher' || $root eq 'false';
		# Via the root, a subscriber needs no partitions at all.
		my $by = $partitioned ? 'PARTITION BY RANGE (day)' : '';
		sql($side, join ';', ($installed{$side} ? 'CREATE EXTENSION ppm' : ()),
			(map { "CREATE TABLE $_ (id int, day date NOT NULL, note text, PRIMARY KEY (id, day)) $by" } qw(dropped kept)),
			($has_ppm{$side}
				? map { "INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy)
				         VALUES ('$_->[0]', 'daily', $window{$side}, '$_->[1]')" } [ 'dropped', 'drop' ], [ 'kept', 'detach' ]
				: $partitioned ? by_hand(13 .. 17)
				: ()));
		succeeds_on($side, 15, 'CALL ppm.run_all()', "$side: the first call") if $has_ppm{$side};
	}
	return;
}

sub subscribe
{
	my ($publication, $root) = @_;
	my $connection = $publisher->connstr($database) =~ s/'/''/gr;
	sql('publisher', "CREATE PUBLICATION pub $publication WITH (publish_via_partition_root = $root)");
	sql('subscriber', "CREATE SUBSCRIPTION $database CONNECTION '$connection' PUBLICATION pub");
	synchronize();
	return;
}

sub end
{
	sql('subscriber', "DROP SUBSCRIPTION $database");
	return;
}

# What ppm's own tables hold on a side.
sub own
{
	my ($side) = @_;
	return sql($side, <<'EOS');
SELECT (SELECT coalesce(string_agg(table_name || ' ' || retention, ', ' ORDER BY table_name), 'none') FROM ppm.config)
	|| '; created ' || (SELECT count(*) FROM ppm.history WHERE action = 'create')
	|| '; detached ' || (SELECT coalesce(string_agg(right(detached, 2), ' ' ORDER BY detached), 'none') FROM ppm.detached)
EOS
}

#
# What works in each shape
#

my $before = 'INSERT INTO TABLE SELECT 1, generate_series(date \'2026-03-13\', \'2026-03-16\', \'1 day\')';
my $early = <<'EOS';
INSERT INTO TABLE SELECT 2, generate_series(date '2026-03-13', '2026-03-17', '1 day');
UPDATE TABLE SET note = 'changed' WHERE id = 1 AND day = '2026-03-14';
DELETE FROM TABLE WHERE id = 1 AND day = '2026-03-15';
INSERT INTO TABLE VALUES (5, '2026-03-15'); UPDATE TABLE SET day = '2026-03-17' WHERE id = 5
EOS
my $early_rows = '13/1 13/2 14/1changed 14/2 15/2 16/1 16/2 17/2 17/5';
my $later = q(INSERT INTO TABLE SELECT 3, generate_series(date '2026-03-16', '2026-03-20', '1 day'));
my $later_rows = '13/1 13/2 14/1changed 14/2 15/2 16/1 16/2 16/3 17/2 17/3 17/5 18/3 19/3 20/3';
my $last = <<'EOS';
INSERT INTO TABLE VALUES (4, '2026-03-20');
UPDATE TABLE SET note = 'again' WHERE id = 3 AND day = '2026-03-18';
DELETE FROM TABLE WHERE id = 1 AND day = '2026-03-16'
EOS
my $last_rows = '13/1 13/2 14/1changed 14/2 15/2 16/2 16/3 17/2 17/3 17/5 18/3again 19/3 20/3 20/4';

sub lives
{
	my ($publication, $root, $shape) = @_;
	changes($before);
	subscribe($publication, $root);
	changes($early);
	catch_up();
	is(rows_of('subscriber', $_), $early_rows, "$shape: rows of $_ arrive") foreach qw(dropped kept);

	# Three days later. First the subscriber has the new partitions, then the publisher, then rows come.
	if ($has_ppm{subscriber}) { succeeds_on('subscriber', 18, 'CALL ppm.provision()', 'the subscriber provisions') }
	elsif ($root eq 'false')  { sql('subscriber', by_hand(18 .. 20)) }
	if ($has_ppm{publisher})  { succeeds_on('publisher', 18, 'CALL ppm.run_all()', 'the publisher provisions and cleans up') }
	else                      { sql('publisher', by_hand(18 .. 20) . join '', map { "; DROP TABLE dropped_2026_03_$_; ALTER TABLE kept DETACH PARTITION kept_2026_03_$_" } 13 .. 15) }
	changes($later);
	if ($root eq 'false')
	{
		my ($result, $said) = refresh();
		is($result, 0, 'new partitions are subscribed') or diag $said;
	}
	synchronize();
	is(rows_of('subscriber', $_), $later_rows, "$shape: rows of $_ arrive in new partitions, and none goes with the publisher's") foreach qw(dropped kept);
	is(rows_of('publisher', $_), of_days($later_rows, 16, 20), "the publisher has its window of $_") foreach qw(dropped kept);
	is(rows_of('publisher', map { "kept_2026_03_$_" } 13 .. 15), of_days($later_rows, 13, 15), 'and what it keeps');

	# The subscriber cleans up after the publisher.
	succeeds_on('subscriber', 18, 'CALL ppm.run_all()', 'the subscriber cleans up') if $has_ppm{subscriber};
	changes($last);
	if ($root eq 'false')
	{
		my ($result, $said) = refresh();
		is($result, 0, 'the publication can be refreshed again') or diag $said;
	}
	synchronize();
	my $first = $has_ppm{subscriber} ? 15 : 13;
	is(rows_of('subscriber', $_), of_days($last_rows, $first, 20), "$shape: rows of $_ arrive after all that") foreach qw(dropped kept);
	is(rows_of('subscriber', map { "kept_2026_03_$_" } 13, 14), of_days($last_rows, 13, 14), 'the subscriber has what it keeps') if $has_ppm{subscriber};
	is(own('publisher'), 'dropped 2, kept 2; created 16; detached 13 14 15', "the publisher's ppm has its own") if $has_ppm{publisher};
	is(own('subscriber'), 'dropped 3, kept 3; created 20; detached 12 13 14', "the subscriber's ppm has its own") if $has_ppm{subscriber};
	is(own('subscriber'), 'none; created 0; detached none', "the subscriber's ppm, which is only there to be published to, has nothing") if !$has_ppm{subscriber} && $publication =~ /ALL TABLES/;
	return;
}

# Via the root a detached table, which was not published by itself before, is now: to be copied again.
sub refresh_copies
{
	my ($publication, $shape) = @_;
	$log = -s $subscriber->logfile;
	my ($result, $said) = refresh();
	if (!$has_ppm{subscriber})
	{
		like($said, qr/relation "public\.kept_2026_03_1[345]" does not exist/, "$shape: to refresh fails for a detached table that the subscriber does not have");
	}
	else
	{
		is($result, 0, "$shape: a detached table that the subscriber has is subscribed");
		ok(wait_until_subscriber_logs(qr/duplicate key value violates unique constraint "kept_2026_03_1[345]_pkey"/), 'and copied again');
	}
	changes(q(INSERT INTO TABLE VALUES (6, '2026-03-19')));
	catch_up();
	my $first = $has_ppm{subscriber} ? 15 : 13;
	is(rows_of('subscriber', $_), of_days($last_rows =~ s{19/3}{19/3 19/6}r, $first, 20), "other rows of $_ arrive all the same") foreach qw(dropped kept);

	return;
}

# What is kept moves out of what is published. FOR ALL TABLES publishes the archive, too: there it must be dropped.
sub move_out
{
	my ($publication, $shape) = @_;
	my $rows = rows_of('subscriber', 'kept');
	if ($has_ppm{publisher})
	{
		sql('publisher', q(CREATE SCHEMA archive; UPDATE ppm.config SET archive_schema = 'archive' WHERE table_name = 'kept'));
		succeeds_on('publisher', 18, 'CALL ppm.run_all()', "$shape: what is detached moves to the archive");
	}
	else { sql('publisher', join ';', 'CREATE SCHEMA archive', map { "ALTER TABLE kept_2026_03_$_ SET SCHEMA archive" } 13 .. 15) }
	my ($result, $said) = refresh();
	if ($publication =~ /ALL TABLES/)
	{
		like($said, qr/ERROR: .*archive.* does not exist/, "$shape: the archive is published, too");
		sql('publisher', join ';', map { "DROP TABLE archive.kept_2026_03_$_" } 13 .. 15);
		($result, $said) = refresh();
	}
	is($result, 0, "$shape: what is not published any more is not asked for") or diag $said;
	synchronize();
	is(rows_of('subscriber', 'kept'), $rows, 'and no row is there twice');
	return;
}

my $has_schemas = $publisher->safe_psql('postgres', "SELECT current_setting('server_version_num')::int >= 150000") eq 't';

foreach my $publication ('FOR ALL TABLES', 'FOR TABLES IN SCHEMA public', 'FOR TABLE dropped, kept')
{
	next if $publication =~ /SCHEMA/ && !$has_schemas;
	foreach my $root ('true', 'false')
	{
		foreach my $sides ([qw(publisher subscriber)], ['publisher'], ['subscriber'])
		{
			my $shape = "$publication, via root $root, ppm on " . join ' and ', @$sides;
			note $shape;
			begin($publication, $root, @$sides);
			lives($publication, $root, $shape);
			refresh_copies($publication, $shape) if $root eq 'true' && $publication !~ /FOR TABLE /;
			move_out($publication, $shape) if $publication !~ /FOR TABLE /;
			end();
		}
	}
}

#
# What cannot work, and what helps
#

# A row has come for which the subscriber has no partition: nothing arrives any more.
sub stops
{
	my ($root, $table, $day, $change, $name) = @_;
	my $before = rows_of('subscriber', 'dropped');
	$log = -s $subscriber->logfile;
	sql('publisher', "$change; INSERT INTO dropped VALUES (8, '2026-03-17'); DELETE FROM dropped WHERE id = 8");
	my $expected = $root eq 'true' ? qr/ERROR:  no partition of relation "$table" found for row/ : qr/ERROR:  logical replication target relation "public\.${table}_2026_03_$day" does not exist/;
	ok(wait_until_subscriber_logs($expected), $name);
	is(rows_of('subscriber', 'dropped'), $before, 'and has the subscription stop');
	return;
}

# The subscriber has its partitions: the rows arrive, those published by partition once it is subscribed.
sub goes_on
{
	my ($root, $name) = @_;
	if ($root eq 'false')
	{
		my ($result, $said) = refresh();
		is($result, 0, 'the partitions are subscribed') or diag $said;
	}
	synchronize();
	is(rows_of('subscriber', $_), rows_of('publisher', $_), "$name: $_") foreach qw(dropped kept);
	return;
}

foreach my $root ('true', 'false')
{
	begin('FOR TABLE dropped, kept', $root, qw(publisher subscriber));
	changes($before);
	subscribe('FOR TABLE dropped, kept', $root);
	changes($early);
	catch_up();

	# The publisher is ahead of the subscriber.
	succeeds_on('publisher', 18, 'CALL ppm.provision()', 'the publisher alone provisions');
	stops($root, 'dropped', 20, q(INSERT INTO dropped VALUES (3, '2026-03-20')), "via root $root: a row for a partition that the subscriber does not have yet");
	succeeds_on('subscriber', 18, 'CALL ppm.provision()', 'the subscriber provisions, too');
	goes_on($root, 'once it has the partition, all rows arrive');

	# The subscriber has cleaned up before the publisher. What it keeps takes rows still, if they come by its name.
	succeeds_on('subscriber', 18, 'CALL ppm.cleanup()', 'the subscriber alone cleans up');
	if ($root eq 'false')
	{
		my (undef, $said) = refresh();
		like($said, qr/relation "public\.dropped_2026_03_1[34]" does not exist/, 'to refresh fails for what the subscriber has dropped');
		sql('publisher', q(INSERT INTO kept VALUES (7, '2026-03-13')));
		catch_up();
		is(rows_of('subscriber', 'kept_2026_03_13'), '13/1 13/2 13/7', 'a row for a table that the subscriber has detached is in it');
	}
	stops($root, 'dropped', 13, q(DELETE FROM dropped WHERE day = '2026-03-13' AND id = 1), "via root $root: a DELETE in a partition that the subscriber has dropped");
	sql('publisher', q(INSERT INTO dropped VALUES (7, '2026-03-13'); UPDATE dropped SET note = 'late' WHERE day = '2026-03-14'));
	sql('subscriber', 'SET client_min_messages = error; UPDATE ppm.config SET retention = 5');
	succeeds_on('subscriber', 18, 'CALL ppm.provision()', 'with more retention the subscriber has the partitions again');
	if ($root eq 'true')
	{
		catch_up();
		is(rows_of('subscriber', 'dropped'), of_days(rows_of('publisher', 'dropped'), 15, 20) =~ s/^/13\/7 /r, 'via root true: all that comes from then on arrives, without the rows that it had dropped');
		is(rows_of('subscriber', 'kept'), rows_of('publisher', 'kept'), 'and kept partitions are attached again');
	}
	else { goes_on($root, 'and all of their rows') }
	end();
}

$subscriber->stop;
$publisher->stop;
done_testing();
