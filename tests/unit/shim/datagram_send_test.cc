// Sending through the pair of a datagram socket, by every call there is; and what the data calls do
// on the other sockets of ours. No service: see datagram_receive_test.cc.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/unit/shim/datagram_pair.h"

namespace ztshim::test {
namespace {

ssize_t send_to(int fd, const std::string& text, const char* to, int flags = MSG_DONTWAIT) {
  const sockaddr_in address = address_of(to);
  return sendto(fd, text.data(), text.size(), flags, reinterpret_cast<const sockaddr*>(&address),
                sizeof address);
}

TEST(Sent, WithoutAPeerADestinationIsRequired) {
  DatagramPair pair;
  EXPECT_EQ(send(pair.fd(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EDESTADDRREQ);
  EXPECT_EQ(write(pair.fd(), "x", 1), -1);
  EXPECT_EQ(errno, EDESTADDRREQ);
  EXPECT_EQ(pair.sent(), std::nullopt);
}

TEST(Sent, ADestinationIsWrittenInFront) {
  DatagramPair pair;
  EXPECT_EQ(send_to(pair.fd(), "hello", "10.9.9.2:53"), 5);
  const std::string message = pair.sent().value();
  EXPECT_EQ(message.substr(DatagramHeader::kSize), "hello");
  const auto header = pair.header_of(message);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->remote, *Endpoint::parse("10.9.9.2:53"));
  EXPECT_FALSE(header->local);
  EXPECT_EQ(header->hop_limit, -1);
  EXPECT_EQ(header->traffic_class, -1);
}

TEST(Sent, ToThePeerBare) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  EXPECT_EQ(write(pair.fd(), "hello", 5), 5);
  EXPECT_EQ(pair.sent(), "hello");
  EXPECT_EQ(send(pair.fd(), "hello", 5, MSG_CONFIRM), 5);
  EXPECT_EQ(pair.sent(), "hello");
}

TEST(Sent, ByEveryCall) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  char text[] = "hello";
  iovec parts[] = {{text, 2}, {text + 2, 3}};
  EXPECT_EQ(writev(pair.fd(), parts, 2), 5);
  EXPECT_EQ(pwritev2(pair.fd(), parts, 2, -1, 0), 5);
  EXPECT_EQ(sendto(pair.fd(), text, 5, 0, nullptr, 0), 5);
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  EXPECT_EQ(sendmsg(pair.fd(), &message, 0), 5);
  mmsghdr several[2]{};
  for (mmsghdr& one : several) one.msg_hdr = message;
  EXPECT_EQ(sendmmsg(pair.fd(), several, 2, 0), 2);
  EXPECT_EQ(several[1].msg_len, 5U);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(pair.sent(), "hello");
  EXPECT_EQ(pair.sent(), std::nullopt);
}

TEST(Sent, WhatWouldBeMistakenHasAHeader) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  // Empty: the end of the pair. The mark: a header.
  EXPECT_EQ(write(pair.fd(), "", 0), 0);
  EXPECT_EQ(pair.sent()->size(), DatagramHeader::kSize);
  std::string forged(200, '\0');
  pair.header().write(std::span<std::uint8_t, DatagramHeader::kSize>(
      reinterpret_cast<std::uint8_t*>(forged.data()), DatagramHeader::kSize));
  EXPECT_EQ(send(pair.fd(), forged.data(), forged.size(), 0), 200);
  const std::string message = pair.sent().value();
  EXPECT_EQ(message.substr(DatagramHeader::kSize), forged);
  EXPECT_FALSE(pair.header_of(message)->remote);
}

TEST(Sent, WritevOfNothingSendsNothing) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  iovec part{nullptr, 0};
  EXPECT_EQ(writev(pair.fd(), &part, 1), 0);
  EXPECT_EQ(pair.sent(), std::nullopt);
  volatile int count = -1;  // the compiler warns of it otherwise
  EXPECT_EQ(writev(pair.fd(), &part, count), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Sent, InMorePartsThanTheFrameHolds) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  std::string text = pattern(1024);
  std::vector<iovec> parts;
  for (char& byte : text) parts.push_back({&byte, 1});
  EXPECT_EQ(writev(pair.fd(), parts.data(), 1024), 1024);
  EXPECT_EQ(pair.sent(), text);
}

TEST(Sent, TooLongOrInWaysThereAreNot) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  const std::string text(65'536, 'x');
  EXPECT_EQ(send(pair.fd(), text.data(), text.size(), 0), -1);
  EXPECT_EQ(errno, EMSGSIZE);
  EXPECT_EQ(send(pair.fd(), "x", 1, MSG_OOB), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(send(pair.fd(), "x", 1, MSG_MORE), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_EQ(pair.sent(), std::nullopt);
}

TEST(Sent, AddressesMustBeWhole) {
  DatagramPair pair;
  sockaddr_in address = address_of("10.9.9.2:53");
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  EXPECT_EQ(sendto(pair.fd(), "x", 1, 0, any, 15), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(sendto(pair.fd(), "x", 1, 0, any, 1), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(sendto(pair.fd(), "x", 1, 0, reinterpret_cast<const sockaddr*>(8), 16), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(pair.sent(), std::nullopt);
}

struct Control {
  alignas(cmsghdr) unsigned char bytes[256] = {};
  std::size_t used = 0;
  void add(int level, int type, const auto& value) {
    auto* const item = reinterpret_cast<cmsghdr*>(bytes + used);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(item), &value, sizeof value);
    used += CMSG_SPACE(sizeof value);
  }
};

ssize_t send_with(int fd, Control& control) {
  char text[] = "x";
  iovec part{text, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = control.used;
  return sendmsg(fd, &message, MSG_DONTWAIT);
}

TEST(SentControlMessages, GoIntoTheHeader) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  Control control;
  in_pktinfo info{};
  info.ipi_ifindex = 7;
  info.ipi_spec_dst = address_of("10.9.9.1:0").sin_addr;
  control.add(IPPROTO_IP, IP_PKTINFO, info);
  control.add(IPPROTO_IP, IP_TTL, 3);
  control.add(IPPROTO_IP, IP_TOS, 0x20);
  EXPECT_EQ(send_with(pair.fd(), control), 1);
  const auto header = pair.header_of(pair.sent().value());
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->remote);
  EXPECT_EQ(header->local.ip, *IpAddress::parse("10.9.9.1"));
  EXPECT_EQ(header->interface_index, 7U);
  EXPECT_EQ(header->hop_limit, 3);
  EXPECT_EQ(header->traffic_class, 0x20);
}

// RFC 3542 means "the default"; Linux takes the value.
TEST(SentControlMessages, ATrafficClassOfMinusOneIs255) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  Control control;
  control.add(IPPROTO_IPV6, IPV6_TCLASS, -1);
  EXPECT_EQ(send_with(pair.fd(), control), 1);
  EXPECT_EQ(pair.header_of(pair.sent().value())->traffic_class, 255);
}

TEST(SentControlMessages, ThatAreWrongAreRefused) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  const auto refused = [&](int level, int type, const auto& value) {
    Control control;
    control.add(level, type, value);
    return send_with(pair.fd(), control) == -1 && errno == EINVAL;
  };
  EXPECT_TRUE(refused(IPPROTO_IP, IP_TTL, 0));
  EXPECT_TRUE(refused(IPPROTO_IP, IP_TTL, 256));
  EXPECT_TRUE(refused(IPPROTO_IP, IP_TTL, char{1}));
  EXPECT_TRUE(refused(IPPROTO_IP, IP_TOS, 256));
  EXPECT_TRUE(refused(IPPROTO_IP, 99, 1));
  EXPECT_TRUE(refused(IPPROTO_IPV6, IPV6_HOPLIMIT, 256));
  EXPECT_TRUE(refused(IPPROTO_UDP, 103 /* UDP_SEGMENT */, std::uint16_t{100}));
  EXPECT_TRUE(refused(SOL_SOCKET, 4711, 1));
  Control broken;
  broken.add(IPPROTO_IP, IP_TTL, 1);
  reinterpret_cast<cmsghdr*>(broken.bytes)->cmsg_len = 200;
  EXPECT_EQ(send_with(pair.fd(), broken), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(pair.sent(), std::nullopt);
}

TEST(SentControlMessages, DescriptorsStayHere) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  Control control;
  control.add(SOL_SOCKET, SCM_RIGHTS, pair.fd());
  EXPECT_EQ(send_with(pair.fd(), control), 1);
  EXPECT_EQ(pair.sent(), "x");
}

TEST(Sent, AnErrorThatIsWaitingIsToldFirst) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  pair.deliver_error(std::errc::connection_refused);
  EXPECT_EQ(write(pair.fd(), "x", 1), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(write(pair.fd(), "x", 1), 1);
}

TEST(Sent, AFullPairIsTryAgain) {
  DatagramPair pair(SOCK_NONBLOCK);
  mark_connected(pair.fd(), true);
  const std::string text(60'000, 'x');
  int sent = 0;
  while (send(pair.fd(), text.data(), text.size(), 0) > 0) ASSERT_LT(++sent, 1000);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GT(sent, 0);
}

TEST(Sent, AServiceThatEndedIsANetworkThatIsDown) {
  DatagramPair pair;
  mark_connected(pair.fd(), true);
  pair.service().reset();
  EXPECT_EQ(write(pair.fd(), "x", 1), -1);  // and no SIGPIPE
  EXPECT_EQ(errno, ENETDOWN);
}

TEST(Sent, SuccessLeavesErrnoAlone) {
  DatagramPair pair;
  errno = 4711;
  EXPECT_EQ(send_to(pair.fd(), "x", "10.9.9.2:53"), 1);
  EXPECT_EQ(errno, 4711);
}

// ---- the hint

TEST(Hint, IsGoneAfterClose) {
  DatagramPair pair;
  const int fd = pair.app().release();
  EXPECT_TRUE(hint::perhaps(fd));
  EXPECT_EQ(close(fd), 0);
  EXPECT_FALSE(hint::perhaps(fd));
}

TEST(Hint, ComesWithDescriptorsFromOthers) {
  DatagramPair pair;
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Control control;
  control.add(SOL_SOCKET, SCM_RIGHTS, pair.fd());
  ASSERT_EQ(send_with(ends[0], control), 1);
  char text[4];
  iovec part{text, sizeof text};
  alignas(cmsghdr) unsigned char room[64];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  ASSERT_EQ(recvmsg(ends[1], &message, 0), 1);
  int came = -1;
  std::memcpy(&came, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof came);
  EXPECT_TRUE(hint::perhaps(came));
  pair.deliver("hello");
  EXPECT_EQ(read(came, text, sizeof text), 4);
  EXPECT_EQ(std::string(text, 4), "hell");
  close(came);
  close(ends[0]);
  close(ends[1]);
}

TEST(Hint, GoesWithDuplicates) {
  DatagramPair pair;
  const int high = fcntl(pair.fd(), F_DUPFD_CLOEXEC, 100);
  const int numbers[] = {dup(pair.fd()), high, dup2(pair.fd(), high + 1),
                         dup3(pair.fd(), high + 2, O_CLOEXEC)};
  for (const int number : numbers) {
    pair.deliver("hello");
    char text[8];
    EXPECT_EQ(read(number, text, sizeof text), 5) << number;
    close(number);
  }
}

// A number that was closed on a way no hook sees and is something else by now.
TEST(Hint, ThatIsWrongChangesNothing) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  hint::note(ends[0]);
  hint::note(ends[1]);
  char text[4];
  EXPECT_EQ(write(ends[1], "abcd", 4), 4);
  EXPECT_EQ(read(ends[0], text, 4), 4);
  EXPECT_EQ(std::string(text, 4), "abcd");
  close(ends[0]);
  close(ends[1]);
}

TEST(Hint, OfAVforkChildsCloseIsNotTheParents) {
  DatagramPair pair;
  const int fd = pair.fd();
  const pid_t child = vfork();
  if (child == 0) {
    close(fd);
    _exit(0);
  }
  EXPECT_TRUE(hint::perhaps(fd));
}

}  // namespace
}  // namespace ztshim::test
