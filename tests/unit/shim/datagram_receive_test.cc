// Receiving from the pair of a datagram socket, by every call there is. There is no service here:
// what would have to be asked is answered as in a child whose sandbox forbids it.
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <thread>

#include "tests/unit/shim/datagram_pair.h"

namespace ztshim::test {
namespace {

using ::testing::ElementsAre;

std::string received(int fd, std::size_t room = 100, int flags = MSG_DONTWAIT) {
  std::string text(room, '?');
  const ssize_t size = recv(fd, text.data(), room, flags);
  if (size < 0) return "errno " + std::to_string(errno);
  text.resize(std::min(room, static_cast<std::size_t>(size)));
  return text;
}

TEST(Received, HeadersAreTakenOff) {
  DatagramPair pair;
  pair.deliver("hello");
  EXPECT_EQ(received(pair.fd()), "hello");
  EXPECT_EQ(received(pair.fd()), "errno " + std::to_string(EAGAIN));
}

TEST(Received, BareBytesAreMovedWhereTheyBelong) {
  for (const std::size_t size : {1U, 95U, 96U, 97U, 192U, 1472U, 65'507U}) {
    DatagramPair pair;
    pair.deliver_bare(pattern(size));
    EXPECT_EQ(received(pair.fd(), 70'000), pattern(size)) << size;
  }
}

TEST(Received, BareBytesAreCutToTheRoomThereIs) {
  for (const std::size_t room : {0U, 1U, 50U, 96U, 97U, 150U, 299U}) {
    DatagramPair pair;
    pair.deliver_bare(pattern(300));
    EXPECT_EQ(received(pair.fd(), room), pattern(room)) << room;
    EXPECT_EQ(received(pair.fd()), "errno " + std::to_string(EAGAIN));
  }
}

TEST(Received, ByEveryCall) {
  DatagramPair pair;
  for (int i = 0; i < 8; ++i) pair.deliver("hello");
  char text[16];
  iovec parts[] = {{text, 2}, {text + 2, 14}};
  EXPECT_EQ(read(pair.fd(), text, sizeof text), 5);
  EXPECT_EQ(readv(pair.fd(), parts, 2), 5);
  EXPECT_EQ(preadv2(pair.fd(), parts, 2, -1, 0), 5);
  EXPECT_EQ(recv(pair.fd(), text, sizeof text, 0), 5);
  EXPECT_EQ(recvfrom(pair.fd(), text, sizeof text, 0, nullptr, nullptr), 5);
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  EXPECT_EQ(recvmsg(pair.fd(), &message, 0), 5);
  mmsghdr several[3]{};
  for (mmsghdr& one : several) one.msg_hdr = message;
  EXPECT_EQ(recvmmsg(pair.fd(), several, 3, MSG_DONTWAIT, nullptr), 2);
  EXPECT_EQ(several[1].msg_len, 5U);
  EXPECT_EQ(std::string(text, 5), "hello");
}

TEST(Received, OffsetsAreForFiles) {
  DatagramPair pair;
  pair.deliver("hello");
  char text[16];
  iovec part{text, sizeof text};
  EXPECT_EQ(preadv2(pair.fd(), &part, 1, 0, 0), -1);
  EXPECT_EQ(errno, ESPIPE);
}

TEST(Received, ReadTakesNothingWithoutRoomAndRecvDoes) {
  DatagramPair pair;
  pair.deliver("hello");
  char text[16];
  EXPECT_EQ(read(pair.fd(), text, 0), 0);
  EXPECT_EQ(received(pair.fd(), 100, MSG_PEEK), "hello");
  EXPECT_EQ(recv(pair.fd(), text, 0, 0), 0);
  EXPECT_EQ(received(pair.fd()), "errno " + std::to_string(EAGAIN));
}

TEST(Received, WithMorePartsThanTheFrameHolds) {
  for (const bool is_bare : {false, true}) {
    DatagramPair pair;
    const std::string text = pattern(1000);
    is_bare ? pair.deliver_bare(text) : pair.deliver(text);
    std::string got(1024, '?');
    std::vector<iovec> parts;
    for (char& byte : got) parts.push_back({&byte, 1});
    EXPECT_EQ(readv(pair.fd(), parts.data(), 1024), 1000);
    EXPECT_EQ(got.substr(0, 1000), text);
    EXPECT_EQ(got.substr(1000), std::string(24, '?'));
  }
}

TEST(Received, BareIntoManyOddParts) {
  DatagramPair pair;
  const std::string text = pattern(500);
  pair.deliver_bare(text);
  std::string got(600, '?');
  std::vector<iovec> parts;
  std::size_t at = 0;
  for (const std::size_t length : {0U, 1U, 3U, 0U, 95U, 1U, 200U, 0U, 300U}) {
    parts.push_back({got.data() + at, length});
    at += length;
  }
  EXPECT_EQ(readv(pair.fd(), parts.data(), static_cast<int>(parts.size())), 500);
  EXPECT_EQ(got.substr(0, 500), text);
}

TEST(Received, AreCutAndTheCutIsTold) {
  DatagramPair pair;
  pair.deliver("hello");
  pair.deliver("hello");
  pair.deliver("hello");
  char text[2];
  iovec part{text, sizeof text};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(recvmsg(pair.fd(), &message, MSG_TRUNC | MSG_PEEK), 5);
  EXPECT_EQ(message.msg_flags, MSG_TRUNC);
  EXPECT_EQ(recvmsg(pair.fd(), &message, MSG_CMSG_CLOEXEC), 2);
  EXPECT_EQ(message.msg_flags, MSG_TRUNC | MSG_CMSG_CLOEXEC);
  EXPECT_EQ(recv(pair.fd(), nullptr, 0, MSG_TRUNC), 5);
  EXPECT_EQ(received(pair.fd()), "hello");
}

TEST(Received, EmptyDatagramsAreDatagrams) {
  DatagramPair pair;
  pair.deliver("");
  pair.deliver("next");
  char text[4];
  EXPECT_EQ(recv(pair.fd(), text, sizeof text, 0), 0);
  EXPECT_EQ(received(pair.fd()), "next");
}

TEST(Received, TheSenderIsNamedInTheRoomThereIs) {
  DatagramPair pair;
  for (int i = 0; i < 4; ++i) pair.deliver("x");
  char text[4];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  EXPECT_EQ(recvfrom(pair.fd(), text, 4, 0, reinterpret_cast<sockaddr*>(&from), &size), 1);
  EXPECT_EQ(size, sizeof from);
  const sockaddr_in expected = address_of("10.9.9.2:4711");
  EXPECT_EQ(std::memcmp(&from, &expected, sizeof expected), 0);
  unsigned char some[16] = {9, 9, 9, 9, 9};
  size = 4;
  EXPECT_EQ(recvfrom(pair.fd(), text, 4, 0, reinterpret_cast<sockaddr*>(some), &size), 1);
  EXPECT_EQ(size, sizeof from);
  EXPECT_EQ(some[3], 4711 % 256);
  EXPECT_EQ(some[4], 9);
  EXPECT_EQ(recvfrom(pair.fd(), text, 4, 0, nullptr, &size), 1);
  EXPECT_EQ(recvfrom(pair.fd(), text, 4, 0, reinterpret_cast<sockaddr*>(some), nullptr), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(received(pair.fd()), "x");
}

TEST(Received, TheSizeOfTheNextIsAskedForWithoutItsHeader) {
  DatagramPair pair;
  int size = -1;
  EXPECT_EQ(ioctl(pair.fd(), FIONREAD, &size), 0);
  EXPECT_EQ(size, 0);
  pair.deliver("hello");
  pair.deliver_bare("others");
  EXPECT_EQ(ioctl(pair.fd(), FIONREAD, &size), 0);
  EXPECT_EQ(size, 5);
  received(pair.fd());
  EXPECT_EQ(ioctl(pair.fd(), FIONREAD, &size), 0);
  EXPECT_EQ(size, 6);
}

TEST(Received, AnErrorEndsOneCall) {
  DatagramPair pair;
  pair.deliver_error(std::errc::connection_refused);
  pair.deliver("next");
  EXPECT_EQ(received(pair.fd(), 100, MSG_PEEK), "errno " + std::to_string(ECONNREFUSED));
  EXPECT_EQ(received(pair.fd()), "next");
}

TEST(Received, AServiceThatEndedIsANetworkThatIsDown) {
  DatagramPair pair;
  pair.service().reset();
  EXPECT_EQ(received(pair.fd()), "errno " + std::to_string(ENETDOWN));
}

TEST(Received, NothingIsQueuedInTheErrorQueue) {
  DatagramPair pair;
  pair.deliver("hello");
  EXPECT_EQ(received(pair.fd(), 100, MSG_ERRQUEUE), "errno " + std::to_string(EAGAIN));
  EXPECT_EQ(received(pair.fd()), "hello");
}

// ---- recvmmsg

struct Several {
  explicit Several(unsigned count) : texts(count), parts(count), messages(count) {
    for (unsigned i = 0; i < count; ++i) {
      texts[i].resize(10);
      parts[i] = {texts[i].data(), texts[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::vector<std::string> texts;
  std::vector<iovec> parts;
  std::vector<mmsghdr> messages;
};

TEST(ReceivedTogether, WaitsForAllUnlessToldForOne) {
  DatagramPair pair;
  Several three(3);
  pair.deliver("1");
  EXPECT_EQ(recvmmsg(pair.fd(), three.messages.data(), 3, MSG_WAITFORONE, nullptr), 1);
  std::thread sender([&] {
    for (int i = 0; i < 3; ++i) pair.deliver("2");
  });
  EXPECT_EQ(recvmmsg(pair.fd(), three.messages.data(), 3, 0, nullptr), 3);
  sender.join();
}

TEST(ReceivedTogether, TheTimeIsLookedAtBetweenTwo) {
  DatagramPair pair;
  Several three(3);
  pair.deliver("1");
  timespec limit{0, 1};
  EXPECT_EQ(recvmmsg(pair.fd(), three.messages.data(), 3, 0, &limit), 1);
  EXPECT_EQ(limit.tv_sec, 0);
  EXPECT_EQ(limit.tv_nsec, 0);
  limit = {0, 1'000'000'000};
  EXPECT_EQ(recvmmsg(pair.fd(), three.messages.data(), 3, 0, &limit), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(ReceivedTogether, AnErrorAfterTheFirstEndsTheCallEarly) {
  DatagramPair pair;
  Several three(3);
  pair.deliver("1");
  pair.deliver_error(std::errc::connection_refused);
  pair.deliver("2");
  EXPECT_EQ(recvmmsg(pair.fd(), three.messages.data(), 3, MSG_DONTWAIT, nullptr), 1);
  EXPECT_EQ(three.texts[0][0], '1');
  // The service would say ECONNREFUSED to the next call here; with none it is just the next.
  EXPECT_EQ(recvmmsg(pair.fd(), three.messages.data(), 3, MSG_DONTWAIT, nullptr), 1);
  EXPECT_EQ(three.texts[0][0], '2');
}

// ---- control messages

struct Item {
  int level, type;
  std::string data;
  bool operator==(const Item&) const = default;
};

struct WithControl {
  std::vector<Item> items;
  std::size_t used = 0;
  int flags = 0;
};

WithControl receive_with_control(int fd, std::size_t room) {
  char text[16];
  iovec part{text, sizeof text};
  alignas(cmsghdr) unsigned char control[512] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = room;
  EXPECT_GE(recvmsg(fd, &message, MSG_DONTWAIT), 0) << errno;
  WithControl got;
  got.used = message.msg_controllen;
  got.flags = message.msg_flags;
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    got.items.push_back({item->cmsg_level, item->cmsg_type,
                         std::string(reinterpret_cast<const char*>(CMSG_DATA(item)),
                                     item->cmsg_len - CMSG_LEN(0))});
  }
  return got;
}

std::string raw(const auto& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(ControlMessages, ComeInTheKernelsOrder) {
  DatagramPair pair;
  DatagramHeader header = pair.header();
  header.wanted = DatagramHeader::kWantsPacketInfo4 | DatagramHeader::kWantsTtl |
                  DatagramHeader::kWantsTos | DatagramHeader::kWantsTimestamp |
                  DatagramHeader::kWantsOriginalDestination;
  pair.deliver(header, "x");
  const WithControl got = receive_with_control(pair.fd(), 512);
  in_pktinfo info{};
  info.ipi_ifindex = 7;
  info.ipi_addr = info.ipi_spec_dst = address_of("10.9.9.1:0").sin_addr;
  EXPECT_THAT(got.items,
              ElementsAre(Item{SOL_SOCKET, SO_TIMESTAMP, raw(timeval{1'234'567'890, 123'456})},
                          Item{IPPROTO_IP, IP_PKTINFO, raw(info)},
                          Item{IPPROTO_IP, IP_TTL, raw(63)}, Item{IPPROTO_IP, IP_TOS, "\x10"},
                          Item{IPPROTO_IP, IP_ORIGDSTADDR, raw(address_of("10.9.9.1:53"))}));
  EXPECT_EQ(got.flags, 0);
}

TEST(ControlMessages, OfSix) {
  DatagramPair pair;
  DatagramHeader header = pair.header();
  header.domain = AF_INET6;
  header.remote = *Endpoint::parse("[fd09::2]:4711");
  header.local = *Endpoint::parse("[fd09::1]:53");
  header.wanted = DatagramHeader::kWantsPacketInfo6 | DatagramHeader::kWantsHopLimit |
                  DatagramHeader::kWantsTrafficClass | DatagramHeader::kWantsTimestampNs |
                  DatagramHeader::kWantsTtl;
  pair.deliver(header, "x");
  const WithControl got = receive_with_control(pair.fd(), 512);
  in6_pktinfo info{};
  info.ipi6_ifindex = 7;
  std::memcpy(&info.ipi6_addr, header.local.ip.bytes().data(), 16);
  EXPECT_THAT(got.items, ElementsAre(Item{SOL_SOCKET, SO_TIMESTAMPNS,
                                          raw(timespec{1'234'567'890, 123'456'789})},
                                     Item{IPPROTO_IPV6, IPV6_PKTINFO, raw(info)},
                                     Item{IPPROTO_IPV6, IPV6_HOPLIMIT, raw(63)},
                                     Item{IPPROTO_IPV6, IPV6_TCLASS, raw(0x10)}));
}

TEST(ControlMessages, AreCutAndTheCutIsTold) {
  DatagramPair pair;
  DatagramHeader header = pair.header();
  header.wanted = DatagramHeader::kWantsTtl | DatagramHeader::kWantsTos;
  for (int i = 0; i < 4; ++i) pair.deliver(header, "x");
  // One fits.
  WithControl got = receive_with_control(pair.fd(), CMSG_SPACE(sizeof(int)));
  EXPECT_THAT(got.items, ElementsAre(Item{IPPROTO_IP, IP_TTL, raw(63)}));
  EXPECT_EQ(got.flags, MSG_CTRUNC);
  EXPECT_EQ(got.used, CMSG_SPACE(sizeof(int)));
  // Half of one.
  got = receive_with_control(pair.fd(), CMSG_LEN(2));
  EXPECT_THAT(got.items, ElementsAre(Item{IPPROTO_IP, IP_TTL, raw(63).substr(0, 2)}));
  EXPECT_EQ(got.flags, MSG_CTRUNC);
  EXPECT_EQ(got.used, CMSG_LEN(2));
  // None.
  got = receive_with_control(pair.fd(), sizeof(cmsghdr) - 1);
  EXPECT_THAT(got.items, ElementsAre());
  EXPECT_EQ(got.flags, MSG_CTRUNC);
  EXPECT_EQ(got.used, 0U);
  got = receive_with_control(pair.fd(), 512);
  EXPECT_EQ(got.items.size(), 2U);
  EXPECT_EQ(got.flags, 0);
}

TEST(ControlMessages, OfThePairItselfDoNotShow) {
  DatagramPair pair;
  const int on = 1;
  real().setsockopt(pair.fd(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  pair.deliver("x");
  const WithControl got = receive_with_control(pair.fd(), 512);
  EXPECT_THAT(got.items, ElementsAre());
  EXPECT_EQ(got.flags, 0);
}

}  // namespace
}  // namespace ztshim::test
