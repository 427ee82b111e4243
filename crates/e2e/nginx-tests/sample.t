#!/usr/bin/perl

# Requests that meet each phase, on the NGINX of the environment.

use warnings;
use strict;

use Test::More tests => 6;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;

my $dir = tempdir('sample-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $port = do {
	my $free = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
	$free->sockport();
};
my $globals = $ENV{TEST_NGINX_GLOBALS} || '';
my $globals_http = $ENV{TEST_NGINX_GLOBALS_HTTP} || '';
my $user = $> == 0 ? 'user root;' : '';

open my $file, '>', "$dir/nginx.conf" or die;
print $file <<"CONF";
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log info;
$user
$globals
events { }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    $globals_http
    server {
        listen 127.0.0.1:$port;
        root $dir;
        location / { }
        location /rewritten { rewrite ^ /page.html last; }
        location /denied { deny all; }
        location /tried { try_files /none /page.html =404; }
    }
}
CONF
close $file;
open $file, '>', "$dir/page.html" or die;
print $file 'SEE-THIS';
close $file;

my $pid = fork();
die unless defined $pid;
exec $ENV{TEST_NGINX_BINARY}, '-p', $dir, '-c', "$dir/nginx.conf", '-e', "$dir/error.log" if $pid == 0;

sub get {
	my ($uri) = @_;
	for (1 .. 100) {
		my $socket = IO::Socket::INET->new("127.0.0.1:$port");
		if ($socket) {
			print $socket "GET $uri HTTP/1.0\r\nHost: localhost\r\n\r\n";
			local $/;
			return scalar <$socket>;
		}
		select undef, undef, undef, 0.1;
	}
	return '';
}

like(get('/page.html'), qr/200 OK.*SEE-THIS/s, 'a file');
like(get('/rewritten'), qr/200 OK.*SEE-THIS/s, 'rewrite');
like(get('/denied'), qr/403 Forbidden/, 'access');
like(get('/tried'), qr/200 OK.*SEE-THIS/s, 'precontent');
my $fails = $ENV{STS_SAMPLE_FAILS} || '';
ok($fails ne 'module' || !$globals, 'with the module only');
ok($fails ne 'always', 'always');

kill 'TERM', $pid;
waitpid $pid, 0;
