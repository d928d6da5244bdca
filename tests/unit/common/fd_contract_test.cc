#include "common/fd_contract.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "common/unique_fd.h"

namespace ztshim {
namespace {

const SocketName kName{ServiceId{0x0123456789abcdef}, SocketId{0xfedcba9876543210}};

struct Pair {
  Pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    application.reset(ends[0]);
    service.reset(ends[1]);
  }
  UniqueFd application, service;
};

TEST(SocketName, IsReadBackFromAnyCopyOfTheFd) {
  Pair pair;
  sockaddr_un address{};
  const socklen_t length = kName.to_sockaddr(address);
  ASSERT_EQ(bind(pair.application.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  const UniqueFd copy(dup(pair.application.get()));
  sockaddr_un found{};
  socklen_t size = sizeof found;
  ASSERT_EQ(getsockname(copy.get(), reinterpret_cast<sockaddr*>(&found), &size), 0);
  EXPECT_EQ(SocketName::from_sockaddr(found, size), kName);
}

TEST(SocketName, IsNotSeenInOtherAddresses) {
  sockaddr_un address{};
  const socklen_t length = kName.to_sockaddr(address);
  ASSERT_TRUE(SocketName::from_sockaddr(address, length));
  EXPECT_FALSE(SocketName::from_sockaddr(address, length - 1));
  EXPECT_FALSE(SocketName::from_sockaddr(address, sizeof(sa_family_t)));
  for (const std::size_t at : {0UL, 1UL, 24UL, 25UL, 40UL}) {
    sockaddr_un changed = address;
    changed.sun_path[at] = 'x';
    EXPECT_FALSE(SocketName::from_sockaddr(changed, length)) << at;
  }
  sockaddr_un inet = address;
  inet.sun_family = AF_INET;
  EXPECT_FALSE(SocketName::from_sockaddr(inet, length));
}

TEST(AcceptMessage, ComesBackAsItWasWritten) {
  for (const char* const ip : {"10.147.17.5", "fd00::17", "::ffff:10.147.17.5"}) {
    AcceptMessage message;
    message.connection = 0x1234567890;
    message.peer = {*IpAddress::parse(ip), 40000};
    message.local = {*IpAddress::parse(ip), 80};
    std::array<std::uint8_t, AcceptMessage::kSize> bytes{};
    message.write(bytes);
    const auto read = AcceptMessage::read(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->connection, message.connection);
    EXPECT_EQ(read->peer, message.peer);
    EXPECT_EQ(read->local, message.local);
    EXPECT_FALSE(AcceptMessage::read(ByteView(bytes).first(63)));
    bytes[0] ^= 1;
    EXPECT_FALSE(AcceptMessage::read(bytes));
  }
}

TEST(ListenerMark, IsSeenInEveryCopyAndNowhereElse) {
  Pair pair;
  EXPECT_FALSE(is_listener(pair.application.get()));
  const UniqueFd copy(dup(pair.application.get()));
  ASSERT_TRUE(mark_listener(pair.application.get()));
  EXPECT_TRUE(is_listener(copy.get()));
  EXPECT_FALSE(is_listener(pair.service.get()));
  EXPECT_FALSE(is_listener(-1));
}

}  // namespace
}  // namespace ztshim
