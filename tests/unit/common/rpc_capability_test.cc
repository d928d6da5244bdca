#include "common/rpc_capability.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "common/rpc_channel.h"

namespace ztshim::rpc {
namespace {

constexpr CapabilityName kName{ServiceId{0xfedcba9876543210}, 0x1f};

TEST(CapabilityName, IsReadAsItWasWritten) {
  sockaddr_un address;
  const socklen_t length = kName.to_sockaddr(address);
  EXPECT_EQ(CapabilityName::from_sockaddr(address, length), kName);
  EXPECT_EQ(address.sun_path[0], '\0') << "abstract: no file, nothing to clean up";
}

TEST(CapabilityName, IsNothingElse) {
  sockaddr_un address;
  const socklen_t length = kName.to_sockaddr(address);
  EXPECT_FALSE(CapabilityName::from_sockaddr(address, length - 1));
  for (const int at : {0, 1, 5, 12, 28, 29}) {
    sockaddr_un other = address;
    other.sun_path[at] = '!';
    EXPECT_FALSE(CapabilityName::from_sockaddr(other, length)) << at;
  }
  const socklen_t virtual_length = SocketName{ServiceId{1}, SocketId{2}}.to_sockaddr(address);
  EXPECT_FALSE(CapabilityName::from_sockaddr(address, virtual_length));
  EXPECT_FALSE(CapabilityName::of(0));
  EXPECT_FALSE(CapabilityName::of(-1));
}

TEST(Capability, CarriesConnections) {
  auto pair = make_capability(kName);
  ASSERT_TRUE(pair);
  EXPECT_EQ(CapabilityName::of(pair->process_end.get()), kName);
  const auto mine = mint(pair->process_end.get());
  ASSERT_TRUE(mine);
  std::uint8_t byte = 0;
  const auto got =
      receive_message(pair->service_end.get(), MutableBytes(&byte, 1), Descriptors::Allow);
  ASSERT_TRUE(got && got->descriptor);
  ASSERT_EQ(write(mine->get(), "a", 1), 1);
  EXPECT_EQ(read(got->descriptor.get(), &byte, 1), 1);
}

TEST(Capability, EndsWithItsService) {
  auto pair = make_capability(kName);
  ASSERT_TRUE(pair);
  pair->service_end.reset();
  const auto minted = mint(pair->process_end.get());
  ASSERT_FALSE(minted);
  EXPECT_EQ(minted.error(), std::errc::broken_pipe);
}

// Two of a service have numbers of their own: a name is bound once.
TEST(Capability, HasANameOfItsOwn) {
  const auto pair = make_capability(kName);
  ASSERT_TRUE(pair);
  EXPECT_FALSE(make_capability(kName));
}

}  // namespace
}  // namespace ztshim::rpc
