#include "common/rpc_capability.h"

#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "common/internal_fds.h"
#include "common/real.h"
#include "common/rpc_channel.h"

namespace ztshim::rpc {
namespace {

constexpr std::string_view kPrefix{"\0ztshim-rpc/", 12};
constexpr std::size_t kDigits = 16;
constexpr std::size_t kSize = kPrefix.size() + kDigits + 1 + kDigits;
// The queue is full only while the service hardly runs at all.
constexpr timeval kSendPatience{20, 0};

void put_hex(char* to, std::uint64_t value) {
  constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = kDigits; i-- > 0; value >>= 4) to[i] = kHex[value & 15];
}

std::errc last_error() { return static_cast<std::errc>(errno); }

}  // namespace

socklen_t CapabilityName::to_sockaddr(sockaddr_un& address) const {
  std::memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  char* const at = std::copy(kPrefix.begin(), kPrefix.end(), address.sun_path);
  put_hex(at, static_cast<std::uint64_t>(service));
  at[kDigits] = '/';
  put_hex(at + kDigits + 1, number);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kSize);
}

std::optional<CapabilityName> CapabilityName::from_sockaddr(const sockaddr_un& address,
                                                            socklen_t length) {
  if (length != offsetof(sockaddr_un, sun_path) + kSize) return std::nullopt;
  if (address.sun_family != AF_UNIX) return std::nullopt;
  std::string_view path(address.sun_path, kSize);
  if (!path.starts_with(kPrefix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  const auto service = hex_number(path.substr(0, kDigits));
  const auto number = hex_number(path.substr(kDigits + 1));
  if (!service || !number || path[kDigits] != '/') return std::nullopt;
  return CapabilityName{ServiceId{*service}, *number};
}

std::optional<CapabilityName> CapabilityName::of(int fd) noexcept {
  if (fd < 0) return std::nullopt;
  const int saved = errno;
  sockaddr_un address{};
  socklen_t length = sizeof address;
  const int known = real().getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  errno = saved;
  return known == 0 ? from_sockaddr(address, length) : std::nullopt;
}

Result<CapabilityPair> make_capability(const CapabilityName& name) {
  int ends[2] = {-1, -1};
  if (real().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return failure(last_error());
  }
  CapabilityPair pair{UniqueFd(keep_internal_fd(ends[0])), UniqueFd(keep_internal_fd(ends[1]))};
  sockaddr_un address;
  const socklen_t length = name.to_sockaddr(address);
  if (real().bind(pair.process_end.get(), reinterpret_cast<const sockaddr*>(&address), length) !=
          0 ||
      real().setsockopt(pair.process_end.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendPatience,
                        sizeof kSendPatience) != 0) {
    return failure(last_error());
  }
  return pair;
}

Result<UniqueFd> mint(int capability) noexcept {
  int ends[2] = {-1, -1};
  if (real().socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return failure(last_error());
  }
  UniqueFd mine(ends[0]);
  const UniqueFd theirs(ends[1]);
  constexpr std::uint8_t kNothingToSay = 0;  // a message needs a byte to carry a descriptor
  const auto sent = send_message(capability, ByteView(&kNothingToSay, 1), theirs.get());
  if (!sent) return failure(sent.error());
  return mine;
}

}  // namespace ztshim::rpc
