// The right to talk to a service, as a descriptor instead of a path: one end of an AF_UNIX pair on
// which a process only ever sends. To open a connection it makes another pair and sends one end of
// that. Nothing is read from a capability, so any number of processes may share one: it comes along
// over fork and exec, and works in another root, user or namespace, where HOME/service.sock is out
// of reach. docs/rpc.md, "Capability".
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>

#include "common/fd_contract.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ztshim::rpc {

// Which number it has, told to the program that a process turns into.
inline constexpr char kCapabilityVariable[] = "ZTSHIM_RPC_FD";

// What the process's end is bound to: \0 "ztshim-rpc/" 16 hex digits of the service "/" 16 hex
// digits of the capability. A number in the environment is believed only if this name is found
// there.
struct CapabilityName {
  ServiceId service{};
  std::uint64_t number = 0;

  socklen_t to_sockaddr(sockaddr_un& address) const;
  static std::optional<CapabilityName> from_sockaddr(const sockaddr_un& address, socklen_t length);
  // Of an open descriptor; nothing for all that is no capability. errno is kept.
  static std::optional<CapabilityName> of(int fd) noexcept;
  auto operator<=>(const CapabilityName&) const = default;
};

// Both ends, close-on-exec; the process's is named and gives up sending after a while.
struct CapabilityPair {
  UniqueFd service_end, process_end;
};
Result<CapabilityPair> make_capability(const CapabilityName& name);

// A new connection to the service, still without Hello. EPIPE, ECONNRESET: the service has ended.
Result<UniqueFd> mint(int capability) noexcept;

}  // namespace ztshim::rpc
