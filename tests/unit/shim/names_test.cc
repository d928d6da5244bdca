// The parts of name and interface calls that need no service: what lists and entries look like, and
// what comes first.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "shim/address_order.h"
#include "shim/host_entry.h"
#include "shim/interfaces.h"
#include "shim/resolvers.h"

namespace ztshim {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(Within, IsTheDomainAndWhatIsBelowIt) {
  EXPECT_TRUE(is_within("corp.example", "corp.example"));
  EXPECT_TRUE(is_within("a.b.CORP.Example.", "corp.example"));
  EXPECT_FALSE(is_within("notcorp.example", "corp.example"));
  EXPECT_FALSE(is_within("example", "corp.example"));
  EXPECT_FALSE(is_within("corp.example.org", "corp.example"));
  EXPECT_FALSE(is_within("", "corp.example"));
  EXPECT_FALSE(is_within("anything", ""));
  EXPECT_FALSE(is_within(".", ""));
}

TEST(HostEntry, FitsExactlyOrNotAtAll) {
  const HostEntry entry{AF_INET6, "web.corp.example", {"alias"}, {ip("10.1.2.3"), ip("fd00::1")}};
  alignas(16) std::array<char, 512> buffer{};
  hostent host{};
  std::size_t least = 0;
  while (!entry.put(host, buffer.data(), least)) ASSERT_LT(++least, buffer.size());
  // Behind the end nothing is touched.
  std::fill(buffer.begin(), buffer.end(), '\x5a');
  ASSERT_TRUE(entry.put(host, buffer.data(), least));
  EXPECT_TRUE(std::all_of(buffer.begin() + static_cast<std::ptrdiff_t>(least), buffer.end(),
                          [](char byte) { return byte == '\x5a'; }));
  EXPECT_STREQ(host.h_name, "web.corp.example");
  EXPECT_STREQ(host.h_aliases[0], "alias");
  EXPECT_EQ(host.h_aliases[1], nullptr);
  EXPECT_EQ(host.h_length, 16);
  EXPECT_EQ(IpAddress::v6(ByteView(reinterpret_cast<std::uint8_t*>(host.h_addr_list[0]), 16)),
            ip("::ffff:10.1.2.3"));
  EXPECT_EQ(host.h_addr_list[2], nullptr);
}

TEST(HostEntry, AlignsWhateverTheBufferIs) {
  const HostEntry entry{AF_INET, "x", {}, {ip("10.1.2.3")}};
  alignas(16) std::array<char, 128> buffer{};
  for (std::size_t offset = 0; offset < 8; ++offset) {
    hostent host{};
    ASSERT_TRUE(entry.put(host, buffer.data() + offset, 100));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(host.h_addr_list) % alignof(char*), 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(host.h_addr_list[0]) % 4, 0U);
  }
}

TEST(Order, FollowsTheRules) {
  const Candidate nowhere{ip("10.1.0.1"), {}, false};
  const Candidate four{ip("10.1.0.1"), ip("10.1.0.9"), true};
  const Candidate ula{ip("fd00::1"), ip("fd00::9"), true};
  const Candidate global{ip("2001:db8::1"), ip("2001:db8::9"), false};
  const Candidate mismatch{ip("2001:db8::1"), ip("fd00::9"), false};
  EXPECT_TRUE(is_before(four, nowhere));  // 1
  EXPECT_TRUE(is_before(ula, mismatch));  // 5
  EXPECT_TRUE(is_before(four, mismatch));
  EXPECT_TRUE(is_before(ula, four));  // 6, libc's table
  EXPECT_TRUE(is_before(global, four));
  const Candidate link{ip("fe80::1"), ip("fe80::9"), true};
  EXPECT_TRUE(is_before(link, global));  // 8
  const Candidate nearer{ip("2001:db8::8"), ip("2001:db8::9"), false};
  EXPECT_TRUE(is_before(nearer, global));  // 9
  EXPECT_FALSE(is_before(four, four));
  const Candidate other_four{ip("10.1.0.8"), ip("10.1.0.9"), true};
  EXPECT_FALSE(is_before(other_four, four));  // not for IPv4
  EXPECT_FALSE(is_before(four, other_four));
}

std::vector<InterfaceRecord> two_interfaces() {
  return {{1'000'000,
           0x11043,
           2800,
           0x020000000001,
           "ztaaaaaaaaaa",
           {*IpPrefix::parse("10.1.0.1/24"), *IpPrefix::parse("fe80::1/64")}},
          {1'000'001,
           0x11043,
           1400,
           0x020000000002,
           "ztbbbbbbbbbb",
           {*IpPrefix::parse("10.2.0.1/31")}}};
}

std::string names_of(const ifaddrs* list) {
  std::string names;
  for (; list != nullptr; list = list->ifa_next) {
    names += std::string(list->ifa_name) + '/' +
             (list->ifa_addr == nullptr ? "-" : std::to_string(list->ifa_addr->sa_family)) + ' ';
  }
  return names;
}

int freed = 0;
void count_free(ifaddrs* list) {
  ++freed;
  std::free(list);
}

TEST(MergedList, HasLinksThenAddressesBehindTheHosts) {
  freed = 0;
  for (const int hosts : {0, 1, 3}) {
    // As libc makes them: all nodes in one block.
    auto* const host = static_cast<ifaddrs*>(
        hosts == 0 ? nullptr : std::calloc(static_cast<std::size_t>(hosts), 512));
    std::string expected;
    char name[] = "eth0";
    for (int i = 0; i < hosts; ++i) {
      host[i].ifa_name = name;
      host[i].ifa_next = i + 1 < hosts ? &host[i + 1] : nullptr;
      expected += "eth0/- ";
    }
    ifaddrs* const merged = merge_interfaces(host, two_interfaces());
    EXPECT_EQ(names_of(merged), expected +
                                    "ztaaaaaaaaaa/17 ztbbbbbbbbbb/17 ztaaaaaaaaaa/2 "
                                    "ztaaaaaaaaaa/10 ztbbbbbbbbbb/2 ");
    EXPECT_TRUE(free_merged(merged, count_free));
  }
  EXPECT_EQ(freed, 2);
}

TEST(MergedList, TellsAddressesAsTheKernelDoes) {
  ifaddrs* const merged = merge_interfaces(nullptr, two_interfaces());
  const auto endpoint = [](const sockaddr* address) {
    return *Endpoint::from_sockaddr(
        address, address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  };
  const ifaddrs* at = merged;
  const auto* const link = reinterpret_cast<const sockaddr_ll*>(at->ifa_addr);
  EXPECT_EQ(link->sll_ifindex, 1'000'000);
  EXPECT_EQ(link->sll_addr[5], 1);
  EXPECT_NE(at->ifa_data, nullptr);
  at = at->ifa_next->ifa_next;
  EXPECT_EQ(endpoint(at->ifa_addr).ip, ip("10.1.0.1"));
  EXPECT_EQ(endpoint(at->ifa_netmask).ip, ip("255.255.255.0"));
  EXPECT_EQ(endpoint(at->ifa_broadaddr).ip, ip("10.1.0.255"));
  at = at->ifa_next;
  EXPECT_EQ(endpoint(at->ifa_addr).scope, 1'000'000U);
  EXPECT_EQ(endpoint(at->ifa_netmask).ip, ip("ffff:ffff:ffff:ffff::"));
  EXPECT_EQ(at->ifa_broadaddr, nullptr);
  at = at->ifa_next;
  EXPECT_EQ(at->ifa_broadaddr, nullptr);  // a /31
  EXPECT_TRUE(free_merged(merged, count_free));
}

TEST(MergedList, KnowsTheListsOfOthers) {
  auto* const host = static_cast<ifaddrs*>(std::calloc(1, 512));
  EXPECT_FALSE(free_merged(host, count_free));
  EXPECT_FALSE(free_merged(nullptr, count_free));
  std::free(host);
}

}  // namespace
}  // namespace ztshim
