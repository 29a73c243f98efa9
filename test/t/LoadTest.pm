# Clients that write to and read from tables while days pass: processes of their own, each with a session that it opens anew
# whenever that is killed, and a log of what it tried, what was acknowledged, and what went wrong.
package LoadTest;

use strict;
use warnings;

use Exporter qw(import);
use IO::Handle;
use IO::Select;
use IPC::Open3;
use POSIX ();
use PostgreSQL::Test::Utils;
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(open_session ask start_clients tell wait_until_heard end_clients logged newly_logged);

my $pace = 0.02;    # seconds between what a client does and what it does next, on average
my $dir;
my @clients;

#
# Sessions
#

# A psql that ends with its first error.
sub open_session
{
	my ($connstr, $name) = @_;
	my %session = (connstr => $connstr, name => $name);
	$session{pid} = open3($session{to}, $session{from}, undef, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
		'-d', "$connstr application_name=$name", '-f', '-');
	return \%session;
}

# Whether all of it succeeded, and what was said.
sub ask
{
	my ($session, $sql) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $said = '';
	$session->{to}->print("$sql\n\\echo done\n");
	$session->{to}->flush;
	while (defined(my $line = readline $session->{from}))
	{
		return (1, $said) if $line eq "done\n";
		$said .= $line;
	}
	close $session->{$_} foreach ('to', 'from');
	waitpid $session->{pid}, 0;
	return (0, $said);
}

# Whether that is what a session says whose backend or server was killed, or that finds no server. We cancel no client's queries.
sub was_killed
{
	my ($said) = @_;
	return 0 if $said =~ /ERROR:/;
	$said =~ s/(?:FATAL|WARNING): +57P0[123]://g;
	$said =~ s/FATAL: +the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections)//g;
	return $said !~ /FATAL:|WARNING:|PANIC:/;
}

#
# A client's own process
#

# What day it is, and on which the tables were last seen to be provided for: the last that we were told of. Undefined when there will be no more.
sub hear
{
	my ($client) = @_;
	while (!defined $client->{now} || IO::Select->new($client->{main})->can_read(0))
	{
		sysread($client->{main}, $client->{heard}, 4096, length $client->{heard}) or return;
		next unless $client->{heard} =~ s/\A(?:.*\n)?(\d+) (\d+)\n//s;
		$client->{now} = [ $1, $2 ];
		# What we do from here on, we do in the knowledge of this.
		syswrite $client->{main}, "$1\n";
	}
	return $client->{now};
}

sub write_log
{
	my ($client, $log, $lines) = @_;
	syswrite $client->{$log}, $lines;
	return;
}

# The days that are in tomorrow's window, and in the one that was last provided for: whatever run_all() is doing, or fails to do, they
# are there.
sub safe_days
{
	my ($table, $today, $covered) = @_;
	return ($table->{windows}[ $today + 1 ][0], $table->{windows}[$covered][1] - 1);
}

# Often the first and the last of them, as they are next to what comes and goes.
sub some_day
{
	my ($table, $today, $covered) = @_;
	my ($first, $last) = safe_days($table, $today, $covered);
	return ($first, $last, $today, $first + int rand($last - $first + 1))[ rand 4 ];
}

# SQL of the key at a day's beginning (0), its end (1) or between.
sub key
{
	my ($table, $day, $part) = @_;
	return "load.key('$table->{type}', '$table->{zone}', $day, $part)::$table->{type}";
}

# Into one table or two, in a transaction, some rows each.
sub write_rows
{
	my ($client, $today, $covered) = @_;
	my ($sql, $log) = ('', '');
	my @tables = map { $client->{tables}[ rand @{ $client->{tables} } ] } 1 .. 1 + rand 2;
	foreach my $table (@tables)
	{
		my @rows;
		foreach (1 .. 1 + rand 3)
		{
			my $day = some_day($table, $today, $covered);
			my $id = ++$client->{id};
			push @rows, '(' . key($table, $day, (0, 1, rand)[ rand 3 ]) . ", $id)";
			$log .= "$table->{name}\t$id\t$day\n";
		}
		$sql .= "INSERT INTO $table->{name} VALUES " . join(', ', @rows) . ";\n";
	}
	$sql = "BEGIN;\n${sql}COMMIT;" if @tables > 1;
	write_log($client, 'tried', $log);
	my ($done, $said) = ask($client->{session}, $sql);
	write_log($client, 'acknowledged', $log) if $done;
	return ($done, $said);
}

# The rows of numbers in what was said: the news that the server is going down can come with the last of them.
sub rows_in
{
	my ($said) = @_;
	return $said =~ /^([\d|]+)$/mg;
}

# The rows of a day never become fewer.
sub count_day
{
	my ($client, $today, $covered) = @_;
	my $table = $client->{tables}[ rand @{ $client->{tables} } ];
	my $day = some_day($table, $today, $covered);
	my ($done, $said) = ask($client->{session},
		"SELECT count(*) FROM $table->{name} WHERE at >= (SELECT " . key($table, $day, 0) . ') AND at < (SELECT ' . key($table, $day + 1, 0) . ');');
	return (0, $said) unless $done;
	my ($count) = rows_in($said);
	my $before = \$client->{counts}{ $table->{name} }{$day};
	write_log($client, 'wrong', "of day $day in $table->{name} there were $$before rows, and then $count\n") if $count < ($$before // 0);
	$$before = $count;
	return (1, $said);
}

# Nor does a transaction see a partition go. It keeps cleanup waiting for a moment.
sub count_twice
{
	my ($client) = @_;
	my $table = $client->{tables}[ rand @{ $client->{tables} } ];
	my $count = "SELECT count(*), min(id), max(id) FROM $table->{name};";
	my $pause = "DO 'BEGIN PERFORM pg_sleep(0.005); END';";
	my ($done, $said) = ask($client->{session}, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n$count\n$pause\n$count\nCOMMIT;");
	return (0, $said) unless $done;
	my ($first, $second) = rows_in($said);
	write_log($client, 'wrong', "a transaction saw of $table->{name} first $first and then $second\n") if $first ne $second;
	return (1, $said);
}

my %work = (writer => [ \&write_rows ], reader => [ \&count_day, \&count_day, \&count_twice ]);

# With limits to its waiting that are never to be reached.
sub connect_anew
{
	my ($client) = @_;
	$client->{session} = open_session($client->{connstr}, $client->{name});
	return ask($client->{session}, "SET lock_timeout = '3s'; SET statement_timeout = '30s'; SET client_min_messages = warning;");
}

# Works until there is nothing more to hear.
sub live
{
	my ($client) = @_;
	my $work = $work{ $client->{kind} };
	my ($slowest, $times) = (0, 0);
	while (my $now = hear($client))
	{
		my $is_connected = defined $client->{session};
		my $start = time;
		my ($done, $said) = $is_connected ? $work->[ $times++ % @$work ]->($client, @$now) : connect_anew($client);
		if ($done)
		{
			$slowest = time - $start if $is_connected && time - $start > $slowest;
		}
		else
		{
			write_log($client, !was_killed($said) ? 'wrong' : $is_connected ? 'killed' : 'refused', "$client->{name}: " . $said =~ s/\n/ /gr . "\n");
			delete $client->{session};
		}
		sleep($pace * 2 * rand);
	}
	write_log($client, 'slowest', sprintf "%.0f\n", $slowest * 1000);
	return;
}

#
# Those who start them
#

my @logs = qw(tried acknowledged wrong killed refused slowest);

sub start_client
{
	my ($connstr, $kind, $tables, $seed) = @_;
	my $number = @clients + 1;
	my %client = (number => $number, kind => $kind, name => "$kind$number", tables => $tables, connstr => $connstr, heard => '',
		id => $number * 1_000_000);
	socketpair($client{ours}, $client{main}, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
	open $client{$_}, '>>', "$dir/$_.$number" or die "$dir/$_.$number: $!" foreach @logs;
	$client{pid} = fork // die "fork: $!";
	if ($client{pid} == 0)
	{
		# Ends when the test does, however that ends.
		close $_->{ours} foreach (@clients, \%client);
		srand $seed + $number;
		my $lived = eval { live(\%client); 1 };
		write_log(\%client, 'wrong', "$client{name}: $@") unless $lived;
		POSIX::_exit(0);
	}
	close $client{main};
	push @clients, \%client;
	return;
}

# So many of a kind.
sub start_clients
{
	my ($node, $tables, $seed, %numbers) = @_;
	$dir = PostgreSQL::Test::Utils::tempdir();
	foreach my $kind (sort keys %numbers)
	{
		start_client($node->connstr('postgres'), $kind, $tables, $seed) foreach 1 .. $numbers{$kind};
	}
	return;
}

# Tells all clients what day it is, and on which the tables were last seen to be provided for.
sub tell
{
	my ($today, $covered) = @_;
	local $SIG{PIPE} = 'IGNORE';
	syswrite $_->{ours}, "$today $covered\n" foreach @clients;
	return;
}

# Waits until none does anything any more that it began before that day.
sub wait_until_heard
{
	my ($day) = @_;
	foreach my $client (@clients)
	{
		while (($client->{knows} // -1) < $day)
		{
			IO::Select->new($client->{ours})->can_read($PostgreSQL::Test::Utils::timeout_default) or die "$client->{name} is stuck";
			sysread($client->{ours}, $client->{heard}, 4096, length $client->{heard}) or die "$client->{name} has ended: " . logged('wrong');
			$client->{knows} = $1 if $client->{heard} =~ s/\A(?:.*\n)?(\d+)\n//s;
		}
	}
	return;
}

sub end_clients
{
	shutdown $_->{ours}, SHUT_WR foreach @clients;
	waitpid $_->{pid}, 0 foreach @clients;
	return;
}

# What the clients, or those of a kind, have written to that log by now.
sub logged
{
	my ($log, $kind) = @_;
	return join '', map { slurp_file("$dir/$log.$_->{number}") } grep { !$kind || $_->{kind} eq $kind } @clients;
}

# What all of them have since this was last asked, but for a line that is just being written.
sub newly_logged
{
	my ($log) = @_;
	my $all = '';
	foreach my $client (@clients)
	{
		my $lines = slurp_file("$dir/$log.$client->{number}", $client->{read}{$log} // 0) =~ s/[^\n]+\z//r;
		$client->{read}{$log} += length $lines;
		$all .= $lines;
	}
	return $all;
}

1;
