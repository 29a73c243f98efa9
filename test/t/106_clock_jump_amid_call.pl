# A clock that jumps ahead in the middle of a call: the next cleanup is not judged by what that call saw at its end. The server's time is
# that of libfaketime.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($library) = grep { -e } glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' unless $library;

# What is in the file is added to the time.
my $file = PostgreSQL::Test::Utils::tempdir() . '/offset';
sub shift_clock
{
	my ($offset) = @_;
	open my $out, '>', $file or die "$file: $!";
	print $out $offset;
	close $out or die "$file: $!";
	return;
}

shift_clock('+0');
my $node;
{
	# The clients, the test among them, keep their own time.
	local @ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE DONT_FAKE_MONOTONIC)} = ($library, $file, 1, 1);
	$node = new_node('clock_jump_amid_call', conf => "ppm.work_date = ''\ntimezone = 'UTC'\n");
}
$node->safe_psql('postgres', <<'EOF');
CREATE TABLE t (day date NOT NULL) PARTITION BY RANGE (day);
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention, cleanup_policy) VALUES ('t', 'daily', 3, 3, 'drop');
CALL ppm.run_all();
INSERT INTO t VALUES (current_date);
UPDATE ppm.config SET pre_provisioned = 4;
EOF
my $partitions = partitions_of($node, 't');

my $holder = hold($node, 'LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE');
my $call = start_sql($node, 'call', "$patience CALL ppm.run_all()");
wait_until_waits($node, 'call', 'relation');
shift_clock('+5y');
is($node->safe_psql('postgres', "SELECT now() > (SELECT max(at) FROM ppm.last_run) + interval '4 years'"), 't', 'the clock jumps while a call waits');
$holder->query_safe('COMMIT');
$holder->quit;
finish_sql($call);
is($node->safe_psql('postgres', "SELECT bool_and(at < now() - interval '4 years') FROM ppm.last_run WHERE procedure = 'cleanup'"), 't', 'the call goes by the clock that it began with');

my ($result, undef, $messages) = run_sql($node, 'CALL ppm.cleanup()');
like($messages, qr/ERROR:  PM008/, 'so the next cleanup sees that the clock has jumped');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 1, 'and removes nothing');
like(partitions_of($node, 't'), qr/^\Q$partitions\E/, 'no partition either');

$node->stop;
done_testing();
