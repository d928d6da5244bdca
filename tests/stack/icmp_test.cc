// ICMP: pings are answered, errors reach the connection they are about and nobody else.
#include <cerrno>

#include "service/stack/icmp_error.h"
#include "tests/stack/six_world.h"

namespace ztshim::stack {
namespace {

class Icmp6 : public SixWorld {};
class Icmp4 : public SixWorld {
 protected:
  Icmp4() : SixWorld("10.1.0.2") {}
};

TEST_F(Icmp6, PingIsAnsweredWithItsBytes) {
  partner.send_ping(stack, kOurMac, ip("fd00:1::1"), as_bytes("hello, six"));
  turn();
  const Bytes answer = last_packet();
  ASSERT_GE(answer.size(), 58U);
  EXPECT_EQ(answer[40], 129);
  EXPECT_EQ(as_text(ByteView(answer).subspan(48)), "hello, six");
  EXPECT_EQ(IpAddress::v6(ByteView(answer).subspan(8, 16)), ip("fd00:1::1"));
}

TEST_F(Icmp6, PingToAllNodesIsAnsweredFromAnAddressOfOurOwn) {
  Bytes request{128, 0, 0, 0, 0, 1, 0, 1};
  const Bytes whole = ip_packet(partner.ip, ip("ff02::1"), 58, request);
  std::uint32_t sum = 58 + 8;
  for (std::size_t i = 8; i < whole.size(); i += 2) {
    sum += static_cast<std::uint32_t>(whole[i] << 8 | whole[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  request[2] = static_cast<std::uint8_t>(~sum >> 8);
  request[3] = static_cast<std::uint8_t>(~sum);
  stack.input(kNet, 0x33'33'00'00'00'01, kPartnerMac, Partner::kIpv6,
              ip_packet(partner.ip, ip("ff02::1"), 58, request));
  turn();
  const Bytes answer = last_packet();
  ASSERT_GE(answer.size(), 48U);
  EXPECT_EQ(answer[40], 129);
  EXPECT_EQ(IpAddress::v6(ByteView(answer).subspan(8, 16)), ip("fd00:1::1"));
  EXPECT_EQ(IpAddress::v6(ByteView(answer).subspan(24, 16)), partner.ip);
}

TEST_F(Icmp4, PingToTheBroadcastAddressOrAGroupIsNotAnswered) {
  const Bytes request{8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
  for (const char* const to : {"10.1.0.255", "255.255.255.255", "224.0.0.1"}) {
    stack.input(kNet, Partner::kBroadcast, kPartnerMac, Partner::kIp,
                ip_packet(partner.ip, ip(to), 1, request));
    turn();
    EXPECT_TRUE(partner.seen.empty()) << to;
  }
  stack.input(kNet, kOurMac, kPartnerMac, Partner::kIp,
              ip_packet(partner.ip, ip("10.1.0.1"), 1, request));
  turn();
  EXPECT_FALSE(partner.seen.empty());
}

// What whoever sends a datagram to a host without a program for it hears.
TEST_F(Icmp4, DatagramToAClosedPortIsPortUnreachable) {
  const Bytes datagram{0x12, 0x34, 0, 53, 0, 8, 0, 0};  // without a checksum
  partner.send_packet(stack, kOurMac, ip_packet(partner.ip, ip("10.1.0.1"), 17, datagram));
  turn();
  const Bytes answer = last_packet();
  ASSERT_GE(answer.size(), 28U);
  EXPECT_EQ(answer[20], 3);
  EXPECT_EQ(answer[21], 3);
  partner.seen.clear();
  stack.input(kNet, Partner::kBroadcast, kPartnerMac, Partner::kIp,
              ip_packet(partner.ip, ip("10.1.0.255"), 17, datagram));
  turn();
  EXPECT_TRUE(partner.seen.empty()) << "nobody answers what was for everybody";
}

// What the listener was told.
class Ping : public SixWorld {
 protected:
  Ping() {
    stack.set_echo_listener([this](const EchoReply& reply) { replies.push_back(reply); });
  }
  void answer_with(std::uint8_t type) {
    const Bytes request = last_packet();
    Bytes icmp = to_bytes(ByteView(request).subspan(40));
    icmp[0] = type;
    icmp[2] = icmp[3] = 0;
    const IpAddress us = IpAddress::v6(ByteView(request).subspan(8, 16));
    const Bytes whole = ip_packet(partner.ip, us, 58, icmp);
    std::uint32_t sum = 58 + static_cast<std::uint32_t>(icmp.size());
    for (std::size_t i = 8; i + 1 < whole.size(); i += 2) {
      sum += static_cast<std::uint32_t>(whole[i] << 8 | whole[i + 1]);
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    icmp[2] = static_cast<std::uint8_t>(~sum >> 8);
    icmp[3] = static_cast<std::uint8_t>(~sum);
    partner.send_packet(stack, kOurMac, ip_packet(partner.ip, us, 58, icmp));
    turn();
  }
  std::vector<EchoReply> replies;
};

TEST_F(Ping, AnswerBringsItsNumbers) {
  const auto hop = stack.route(partner.ip);
  ASSERT_EQ(stack.send_echo(*hop, {partner.ip, 77, 3, as_bytes("12345678")}), std::errc{});
  turn();
  ASSERT_EQ(last_packet()[40], 128);
  answer_with(129);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].from, partner.ip);
  EXPECT_EQ(replies[0].identifier, 77);
  EXPECT_EQ(replies[0].sequence, 3);
  EXPECT_EQ(replies[0].size, 8U);
  EXPECT_EQ(replies[0].hops, 64);
  EXPECT_EQ(stack.neighbour(*hop), kPartnerMac);
}

TEST_F(Ping, OurOwnAddressAnswersToo) {
  for (const char* const own : {"fd00:1::1", "10.1.0.1"}) {
    const auto hop = stack.route(ip(own));
    ASSERT_EQ(stack.send_echo(*hop, {ip(own), 5, 1, {}}), std::errc{});
    turn();
    ASSERT_FALSE(replies.empty()) << own;
    EXPECT_EQ(replies.back().from, ip(own));
  }
  EXPECT_TRUE(partner.seen.empty());
}

TEST_F(Ping, GroupIsReachedThroughOneNetworkFromItsLinkLocalAddress) {
  const auto hop = stack.route_on(kNet, ip("ff02::1"));
  ASSERT_TRUE(hop.has_value());
  EXPECT_TRUE(hop->source.is_link_local());
  ASSERT_EQ(stack.send_echo(*hop, {ip("ff02::1"), 5, 1, {}}), std::errc{});
  turn();
  ASSERT_FALSE(partner.seen.empty());
  EXPECT_EQ(partner.seen.back().destination, 0x33'33'00'00'00'01U);
  answer_with(129);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].from, partner.ip);
  EXPECT_FALSE(stack.route_on(InterfaceId{99}, ip("ff02::1")).has_value());
}

TEST_F(Ping, ErrorNamesTheRequestsIdentifier) {
  ASSERT_EQ(stack.send_echo(*stack.route(partner.ip), {partner.ip, 77, 3, {}}), std::errc{});
  turn();
  partner.send_error(stack, kOurMac, partner.ip, 1, 3, 0, last_packet());
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].identifier, 77);
  EXPECT_EQ(replies[0].error, std::errc::host_unreachable);
}

TEST_F(Ping, LargeOnesTravelInFragments) {
  const Bytes payload(20'000, 'p');
  ASSERT_EQ(stack.send_echo(*stack.route(ip("fd00:1::1")), {ip("fd00:1::1"), 1, 1, payload}),
            std::errc{});
  turn();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].size, payload.size());
  EXPECT_EQ(stack.send_echo(*stack.route(partner.ip), {partner.ip, 1, 1, Bytes(65'536)}),
            std::errc::message_size);
}

struct Unreachable {
  const char* peer;
  std::uint8_t type, code;
  int error;
};
class UnreachableWhileConnecting : public SixWorld,
                                   public testing::WithParamInterface<Unreachable> {
 protected:
  UnreachableWhileConnecting() : SixWorld(GetParam().peer[0] == '[' ? "fd00:1::2" : "10.1.0.2") {}
};

TEST_P(UnreachableWhileConnecting, IsTold) {
  begin(at(GetParam().peer));
  const Bytes about = last_packet();
  partner.send_error(stack, kOurMac, partner.ip, GetParam().type, GetParam().code, 0, about);
  ASSERT_EQ(notes.unreachable.size(), 1U);
  EXPECT_EQ(static_cast<int>(notes.unreachable[0]), GetParam().error);
  EXPECT_FALSE(notes.ending.has_value());
}

INSTANTIATE_TEST_SUITE_P(Table, UnreachableWhileConnecting,
                         testing::Values(Unreachable{"10.1.0.2:80", 3, 0, ENETUNREACH},
                                         Unreachable{"10.1.0.2:80", 3, 1, EHOSTUNREACH},
                                         Unreachable{"10.1.0.2:80", 3, 2, ENOPROTOOPT},
                                         Unreachable{"10.1.0.2:80", 3, 3, ECONNREFUSED},
                                         Unreachable{"10.1.0.2:80", 3, 5, EOPNOTSUPP},
                                         Unreachable{"10.1.0.2:80", 3, 7, EHOSTDOWN},
                                         Unreachable{"10.1.0.2:80", 3, 8, ENONET},
                                         Unreachable{"10.1.0.2:80", 3, 13, EHOSTUNREACH},
                                         Unreachable{"10.1.0.2:80", 11, 0, EHOSTUNREACH},
                                         Unreachable{"10.1.0.2:80", 12, 0, EPROTO},
                                         Unreachable{"[fd00:1::2]:80", 1, 0, ENETUNREACH},
                                         Unreachable{"[fd00:1::2]:80", 1, 1, EACCES},
                                         Unreachable{"[fd00:1::2]:80", 1, 3, EHOSTUNREACH},
                                         Unreachable{"[fd00:1::2]:80", 1, 4, ECONNREFUSED},
                                         Unreachable{"[fd00:1::2]:80", 1, 6, EACCES},
                                         Unreachable{"[fd00:1::2]:80", 3, 0, EHOSTUNREACH},
                                         Unreachable{"[fd00:1::2]:80", 4, 1, EPROTO}));

TEST_F(Icmp4, ErrorAboutWhatWasNeverSentIsIgnored) {
  begin(at("10.1.0.2:80"));
  Bytes about = last_packet();
  about[20 + 4] ^= 0x55;  // another sequence number: a guess
  partner.send_error(stack, kOurMac, partner.ip, 3, 3, 0, about);
  about = last_packet();
  about[21] ^= 1;  // another port
  partner.send_error(stack, kOurMac, partner.ip, 3, 3, 0, about);
  EXPECT_TRUE(notes.unreachable.empty());
}

TEST_F(Icmp6, DamagedErrorsAreIgnored) {
  begin(at("[fd00:1::2]:80"));
  const Bytes about = last_packet();
  const Bytes body = [&] {
    Bytes message{1, 4, 0x12, 0x34, 0, 0, 0, 0};  // the checksum is wrong
    append(message, about);
    return message;
  }();
  for (std::size_t size = 0; size <= body.size(); ++size) {
    partner.send_packet(stack, kOurMac,
                        ip_packet(partner.ip, ip("fd00:1::1"), 58, ByteView(body).first(size)));
  }
  EXPECT_TRUE(notes.unreachable.empty());
}

// What leaves as one packet may be this long; fragments count by themselves.
std::size_t longest(const std::vector<Frame>& seen) {
  std::size_t most = 0;
  for (const Frame& frame : seen) most = std::max(most, frame.payload.size());
  return most;
}

TEST_F(Icmp6, PacketTooBigMakesSmallerOnes) {
  establish(at("[fd00:1::2]:80"));
  pcb.write(Bytes(2000, 'x'));
  pcb.push();
  turn();
  ASSERT_FALSE(partner.seen.empty());
  const Bytes about = last_packet();
  EXPECT_GT(about.size(), 1500U);
  partner.send_error(stack, kOurMac, partner.ip, 2, 0, 1400, about);
  partner.seen.clear();
  EXPECT_EQ(pcb.mss(), 1340U);
  pass(Duration{2'000});  // it is repeated, in fragments
  ASSERT_FALSE(partner.seen.empty());
  EXPECT_LE(longest(partner.seen), 1400U);
}

TEST_F(Icmp6, PacketTooBigFromAStrangerIsNotBelieved) {
  establish(at("[fd00:1::2]:80"));
  pcb.write(Bytes(2000, 'x'));
  pcb.push();
  turn();
  Bytes about = last_packet();
  about[41] ^= 1;  // about a connection that does not exist
  partner.send_error(stack, kOurMac, partner.ip, 2, 0, 1280, about);
  partner.seen.clear();
  pass(Duration{2'000});
  EXPECT_GT(longest(partner.seen), 1500U);
}

TEST_F(Icmp4, FragmentationNeededMakesSmallerSegments) {
  establish(at("10.1.0.2:80"));
  pcb.write(Bytes(2000, 'x'));
  pcb.push();
  turn();
  partner.send_error(stack, kOurMac, partner.ip, 3, 4, 1400, last_packet());
  EXPECT_EQ(pcb.mss(), 1360U);
  // A router that claims less than any link carries is humoured only so far.
  partner.send_error(stack, kOurMac, partner.ip, 3, 4, 20, last_packet());
  EXPECT_EQ(pcb.mss(), 512U);
  EXPECT_TRUE(notes.unreachable.empty());
}

TEST(IcmpErrors, RandomPacketsDoNoHarm) {
  std::mt19937 engine(3);
  for (int i = 0; i < 20000; ++i) {
    Bytes packet(20 + engine() % 120);
    for (std::uint8_t& byte : packet) byte = static_cast<std::uint8_t>(engine());
    packet[9] = 1;
    packet[6] = 58;
    packet[0] = static_cast<std::uint8_t>(0x45 + engine() % 10);
    if (packet.size() >= 40) parse_icmp_error(packet, true);
    EXPECT_FALSE(parse_icmp_error(packet, false) && packet.size() < 36);
  }
}

}  // namespace
}  // namespace ztshim::stack
