// What the payloads of Interfaces and Resolvers replies are made of: one record after the other, as
// many as fit. docs/rpc.md has the layouts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/ip_prefix.h"

namespace ztshim::rpc {

// How programs' calls about interfaces tell ours from the host's without a question: the kernel
// numbers its own from 1 and never gets there, and nobody else names interfaces so.
inline constexpr std::uint32_t kFirstInterfaceIndex = 1'000'000;
inline constexpr std::string_view kInterfaceNamePrefix = "zt";

// An interface as programs see it.
struct InterfaceRecord {
  std::uint32_t index = 0;
  std::uint32_t flags = 0;  // IFF_UP, …
  std::uint32_t mtu = 0;
  std::uint64_t mac = 0;  // 48 bits, first octet most significant
  std::string name;       // at most 15 characters
  std::vector<IpPrefix> addresses;

  void append_to(Bytes& payload) const;
  // Takes the first record off; nothing at the end or when it is damaged.
  static std::optional<InterfaceRecord> next(ByteView& payload);
  bool operator==(const InterfaceRecord&) const = default;
};

// Who answers for the names below a network's domain.
struct ResolverRecord {
  struct Server {
    IpAddress ip;
    bool is_on_network = false;  // asked by that network alone; others go where connect() goes
    bool operator==(const Server&) const = default;
  };
  std::string domain;     // without a dot at either end
  std::string interface;  // the network's
  std::vector<Server> servers;

  void append_to(Bytes& payload) const;
  static std::optional<ResolverRecord> next(ByteView& payload);
  bool operator==(const ResolverRecord&) const = default;
};

// Records are cut to these bounds, so that each fits into a payload: a controller assigns a
// handful.
inline constexpr std::size_t kMostAddresses = 40;
inline constexpr std::size_t kMostServers = 8;

}  // namespace ztshim::rpc
