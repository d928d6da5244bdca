# Perl's IO::Socket as server or client, with IO::Select.
# usage: perl net.pl serve TCP_PORT UDP_PORT | perl net.pl ask ADDRESS TCP_PORT UDP_PORT
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::IP;

sub serve {
  my ($tcp_port, $udp_port) = @_;
  my $listener = IO::Socket::IP->new(LocalPort => $tcp_port, Listen => 5, ReuseAddr => 1) or die "listen: $@";
  my $datagrams = IO::Socket::INET->new(LocalPort => $udp_port, Proto => 'udp') or die "udp: $@";
  $| = 1;
  print "serving\n";
  my $select = IO::Select->new($listener, $datagrams);
  while (my @ready = $select->can_read) {
    for my $one (@ready) {
      if ($one == $listener) {
        $select->add($listener->accept);
      } elsif ($one == $datagrams) {
        my $from = $datagrams->recv(my $message, 2000);
        $datagrams->send("echo $message", 0, $from);
      } elsif (defined(my $line = <$one>)) {
        print $one "perl $line";
        $one->flush;
      } else {
        $select->remove($one);
        close $one;
      }
    }
  }
}

sub ask {
  my ($host, $tcp_port, $udp_port) = @_;
  my $stream = IO::Socket::IP->new(PeerHost => $host, PeerPort => $tcp_port) or die "connect: $@";
  print $stream "hello\n";
  print 'stream ', scalar <$stream>;
  print 'peer ', ($stream->peerhost eq $host ? 'right' : 'wrong'), "\n";
  my $datagram = IO::Socket::INET->new(PeerHost => $host, PeerPort => $udp_port, Proto => 'udp') or die "udp: $@";
  for (1 .. 30) {  # datagrams may be lost
    $datagram->send('hello');
    next unless IO::Select->new($datagram)->can_read(1);
    $datagram->recv(my $message, 2000);
    print "datagram $message\n";
    return;
  }
}

my $role = shift;
$role eq 'serve' ? serve(@ARGV) : ask(@ARGV);
