#include "service/vl1/peer_cache.h"

#include <gtest/gtest.h>

#include "tests/sim/identities.h"

namespace ztshim::vl1 {
namespace {

Endpoint at(const char* text) { return *Endpoint::parse(text); }

TEST(CachedPeer, comes_back_as_it_was_written) {
  const CachedPeer peer{
      sim::identity(1), 12, {1, 14, 1}, {at("9.0.0.1/9993"), at("[2001:db8::1]:5")}};
  const Bytes bytes = peer.bytes();
  // Format, identity without its private part, versions, count, addresses.
  EXPECT_EQ(bytes.size(), 1 + 71 + 2 + 6 + 2 + 7 + 19U);
  EXPECT_EQ(bytes[0], 2);
  const auto read = CachedPeer::parse(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity, peer.identity);
  EXPECT_FALSE(read->identity.has_secret());
  EXPECT_EQ(read->protocol, 12U);
  EXPECT_EQ(read->version, peer.version);
  EXPECT_EQ(read->addresses, peer.addresses);
}

TEST(CachedPeer, names_each_address_once_and_not_too_many) {
  CachedPeer peer{sim::identity(1), 12, {1, 14, 1}, {}};
  for (std::uint32_t i = 0; i < 100; ++i) {
    peer.addresses.push_back({IpAddress::v4(0x09000000 + i % 30), 9993});
  }
  const auto read = CachedPeer::parse(peer.bytes());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->addresses.size(), kCachedAddresses);
  EXPECT_EQ(std::adjacent_find(read->addresses.begin(), read->addresses.end()),
            read->addresses.end());
}

TEST(CachedPeer, damaged_records_are_ignored) {
  const CachedPeer peer{sim::identity(1), 12, {1, 14, 1}, {at("9.0.0.1/9993")}};
  const Bytes good = peer.bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(CachedPeer::parse(ByteView(good).first(size))) << size;
  }
  Bytes other_format = good;
  other_format[0] = 1;
  EXPECT_FALSE(CachedPeer::parse(other_format));
}

}  // namespace
}  // namespace ztshim::vl1
