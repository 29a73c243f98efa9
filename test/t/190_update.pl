# From one version to the next, and back: new libraries under old objects, old libraries under new objects, and sessions that
# have loaded what is not installed any more. In an installation of PostgreSQL of its own, whose files the test may exchange.
use strict;
use warnings;

use File::Basename;
use File::Copy;
use File::Path;
use FindBin;
use lib $FindBin::RealBin;
use PpmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %directory = map { $_ => (run_command([ 'pg_config', "--$_" ]))[0] } qw(bindir sharedir pkglibdir);
my $root = PostgreSQL::Test::Utils::tempdir();

# PostgreSQL finds its files by where its program is: programs are copied, the rest may be links.
sub private_installation
{
	foreach my $path (values %directory)
	{
		mkpath("$root$path");
		symlink($_, "$root$path/" . basename($_)) foreach (glob("$path/*"));
	}
	foreach my $program (qw(postgres initdb pg_ctl pg_config psql))
	{
		my $copy = "$root$directory{bindir}/$program";
		unlink $copy;
		copy("$directory{bindir}/$program", $copy) && chmod(0755, $copy) or die "$copy: $!";
	}
	my $extensions = "$root$directory{sharedir}/extension";
	unlink $extensions;
	mkdir $extensions;
	symlink($_, "$extensions/" . basename($_)) foreach (glob("$directory{sharedir}/extension/*"));
	copy("$FindBin::RealBin/../update/ppm--1.1.0--1.1.1.sql", $extensions) or die $!;
	return;
}

# As `make install` does: what sessions have loaded stays as it is for them.
sub install_library
{
	my ($library) = @_;
	my $file = "$root$directory{pkglibdir}/ppm.so";
	unlink $file;
	copy($library, $file) && chmod(0755, $file) or die "$file: $!";
	return;
}

my ($old, $new) = ("$directory{pkglibdir}/ppm.so", "$FindBin::RealBin/../module/ppm_next.so");
private_installation();
install_library($old);

# (Up to 14 a second argument that is not empty is taken for a host.)
my $node = PostgreSQL::Test::Cluster->new('update', '' => '', install_path => $root . dirname($directory{bindir}));
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$ENV{PGOPTIONS} = '-c ppm.work_date=2026-03-15';    # every session's own
$node->start;
is($node->safe_psql('postgres', q(SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR')),
	"$root$directory{pkglibdir}", 'the server is of the private installation');

$node->safe_psql('postgres', <<'EOF');
CREATE EXTENSION ppm;
CREATE TABLE a (day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE a_old PARTITION OF a FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
INSERT INTO a VALUES ('2020-01-01', 'kept');
INSERT INTO ppm.config (table_name, interval, pre_provisioned, retention) VALUES ('a', 'daily', 2, 1);
CALL ppm.run_all();
EOF

sub version
{
	return $node->safe_psql('postgres', q(SELECT extversion FROM pg_extension WHERE extname = 'ppm'));
}

# What an update must keep.
sub records
{
	return $node->safe_psql('postgres', <<'EOF');
SELECT schema_name, table_name, interval, pre_provisioned, retention, cleanup_policy, timezone FROM ppm.config;
TABLE ppm.detached;
TABLE ppm.history;
EOF
}

# A session that stays: what it has loaded it keeps.
sub session
{
	return $node->background_psql('postgres', on_error_stop => 0);
}

# Runs a statement in it; returns its output, or the error.
sub in_session
{
	my ($session, $sql) = @_;
	my $output = $session->query($sql);
	my $error = $session->{stderr};
	$session->{stderr} = '';
	note "$sql\n$output\n$error";
	return $error =~ /ERROR:/ ? $error : $output;
}

my $is_refused = qr/ERROR:  (?:55000: )?extension "ppm" is newer than its library
DETAIL:  The extension in this database is of version 1\.1\.1, the library that this session has loaded of version 1\.1\.0\.
HINT:  Install version 1\.1\.1 or newer, and open a new session\./;

# Every routine but those that look at nothing of ppm's refuses.
sub is_refused_everywhere
{
	my ($session, $name) = @_;
	foreach my $sql (
		'SELECT count(*) FROM ppm.validate()', 'SELECT count(*) FROM ppm.check()', 'SELECT count(*) FROM ppm.plan()',
		'TABLE ppm.status', 'TABLE ppm.partitions', 'CALL ppm.provision()', 'CALL ppm.cleanup()', 'CALL ppm.run_all()',
		'UPDATE ppm.config SET retention = 5')
	{
		like(in_session($session, "$sql;"), $is_refused, "$name: $sql");
	}
	is(in_session($session, q(SELECT ppm.uuidv7_timestamp(ppm.uuidv7_lower_bound('epoch')) = 'epoch';)), 't', "$name: no more than necessary");
	return;
}

#
# The update before the library
#

my $records = records();
like($records, qr/a_old.*created partition/s, 'there is something to keep');
my ($result, undef, $messages) = run_sql($node, q(ALTER EXTENSION ppm UPDATE TO '1.1.1'));
is($result, 3, 'an update needs the new library');
like($messages, $is_refused, 'which it says');
is(version(), '1.1.0', 'and does nothing');
$node->safe_psql('postgres', 'CREATE DATABASE new');
(undef, undef, $messages) = run_sql($node, "\\c new\nCREATE EXTENSION ppm VERSION '1.1.1'");
like($messages, $is_refused, 'so does a new database');
is($node->safe_psql('postgres', 'CALL ppm.run_all(); SELECT count(*) FROM ppm.check()'), '0', 'what was there goes on');

#
# The library before the update
#

my $session = session();
is(in_session($session, 'SELECT count(*) FROM ppm.check();'), '0', 'a session has loaded the old library');
install_library($new);

$node->safe_psql('postgres', "SET ppm.work_date = '2026-03-16'; CALL ppm.run_all();");
is(partitions_of($node, 'a'), '15 16 17 18', 'the new library serves the old objects');

my $log = -s $node->logfile;
in_session($session, q(SET ppm.work_date = '2026-03-17';));
like(
	in_session($session, 'CALL ppm.run_all();'),
	qr/could not clean up 1 of 1 table.*the background worker of ppm has ended unexpectedly.*open a new session/s,
	'a session with the old library cannot use a worker with the new one');
like(
	slurp_file($node->logfile, $log),
	qr/ERROR:  the session that started the ppm worker has loaded another version of ppm's library/,
	'the log says why');
unlike(slurp_file($node->logfile, $log), qr/PANIC|terminated by signal/, 'and nothing crashes');
is(partitions_of($node, 'a'), '15 16 17 18 19', 'what needs no worker is done');
is($node->safe_psql('postgres', q(SET ppm.work_date = '2026-03-17'; CALL ppm.run_all(); SELECT count(*) FROM ppm.check())), '0', 'a new session does the rest');
is(partitions_of($node, 'a'), '16 17 18 19', 'of what there was to do');

#
# The update
#

$records = records();
$node->safe_psql('postgres', q(ALTER EXTENSION ppm UPDATE TO '1.1.1'));
is(version(), '1.1.1', 'with the new library it can be updated');
is(records(), $records, 'all that was configured and done is still there');
is($node->safe_psql('postgres', q(UPDATE ppm.config SET note = 'new'; SELECT ppm.is_valid('a'), count(*) > 0 FROM ppm.failures)), 't|t', 'and what is new');
is($node->safe_psql('postgres', q(SET ppm.work_date = '2026-03-18'; CALL ppm.run_all(); SELECT count(*) FROM ppm.check())), '0', 'it goes on');
is(partitions_of($node, 'a'), '17 18 19 20', 'to the next day');
is($node->safe_psql('postgres', 'SELECT note FROM a_old'), 'kept', 'with all rows');
is($node->safe_psql('new', q(CREATE EXTENSION ppm VERSION '1.1.1'; CALL ppm.run_all(); SELECT count(*) FROM ppm.check())), '0', 'a new database can have it, too');
is_refused_everywhere($session, 'a session with the old library');
$session->quit;

#
# And back
#

$records = records();
install_library($old);
$session = session();
is_refused_everywhere($session, 'the library of before the update');
$session->quit;
is(records() . partitions_of($node, 'a'), $records . '17 18 19 20', 'nothing is changed');
install_library($new);
is($node->safe_psql('postgres', q(SET ppm.work_date = '2026-03-19'; CALL ppm.run_all(); SELECT count(*) FROM ppm.check())), '0', 'with its library it goes on');

$node->stop;
done_testing();
