// socket(2): INET stream, datagram and ping sockets become virtual; everything else stays the
// kernel's, unless nothing may leave this machine past the networks.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/hint.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/netlink.h"
#include "shim/no_cancel.h"
#include "shim/settings.h"
#include "shim/socket_swap.h"

namespace ztshim {
namespace {

constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

bool is_inet(int domain) noexcept { return domain == AF_INET || domain == AF_INET6; }

// What becomes of a socket with this type and protocol.
enum class Fate : unsigned char {
  Virtual,
  VirtualIfPermitted,  // raw: only for those whom the kernel gives one
  Refused,             // with EPROTONOSUPPORT
  Kernel               // the host's, or a mistake that the kernel judges
};

Fate fate_of(int domain, int type, int protocol) noexcept {
  const bool is_ping = protocol == (domain == AF_INET ? IPPROTO_ICMP : int{IPPROTO_ICMPV6});
  switch (type & ~kFlags) {
    case SOCK_STREAM:
      // Programs that ask for MPTCP fall back to TCP where there is none, as here.
      if (protocol == IPPROTO_MPTCP) return Fate::Refused;
      return protocol == 0 || protocol == IPPROTO_TCP ? Fate::Virtual : Fate::Kernel;
    case SOCK_DGRAM:
      return protocol == 0 || protocol == IPPROTO_UDP || is_ping ? Fate::Virtual : Fate::Kernel;
    case SOCK_RAW:
      return is_ping ? Fate::VirtualIfPermitted : Fate::Kernel;
    default:
      return Fate::Kernel;
  }
}

// The pair's end comes close-on-exec and blocking.
int with_flags(UniqueFd fd, int type) noexcept {
  if ((type & SOCK_NONBLOCK) != 0) {
    const int flags = real().fcntl(fd.get(), F_GETFL);
    real().fcntl(fd.get(), F_SETFL, static_cast<long>(flags | O_NONBLOCK));
  }
  if ((type & SOCK_CLOEXEC) == 0) real().fcntl(fd.get(), F_SETFD, 0L);
  return fd.release();
}

int create(int domain, int type, int protocol) noexcept {
  const NoCancel no_cancel;
  auto fresh = create_socket(domain, type & ~kFlags, protocol);
  if (!fresh) return fail(fresh.error());
  const KeepErrno keep;
  hint::note(fresh->descriptor.get());
  return with_flags(std::move(fresh->descriptor), type);
}

int create_if_permitted(int domain, int type, int protocol) noexcept {
  const NoCancel no_cancel;
  const UniqueFd tried(real().socket(domain, type | SOCK_CLOEXEC, protocol));
  if (!tried) return -1;
  return create(domain, type, protocol);
}

// Other protocols have no way through the networks; the host's would be a way past them.
int leave_to_kernel(int domain, int type, int protocol) noexcept {
  const NoCancel no_cancel;
  if (config().egress != Egress::Virtual) return real().socket(domain, type, protocol);
  const UniqueFd tried(real().socket(domain, type | SOCK_CLOEXEC, protocol));
  return tried ? fail(std::errc::protocol_not_supported) : -1;  // the kernel's own complaint
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int socket(int domain, int type, int protocol) noexcept {
  using namespace ztshim;
  if (domain == AF_NETLINK) netlink::has_sockets.store(true, std::memory_order_relaxed);
  if (Inside::active() || !is_inet(domain)) return real().socket(domain, type, protocol);
  const Mode wanted = mode();
  if (wanted == Mode::PassThrough) return real().socket(domain, type, protocol);
  if (wanted == Mode::Refuse) return fail(std::errc::network_down);
  switch (fate_of(domain, type, protocol)) {
    case Fate::Virtual:
      return create(domain, type, protocol);
    case Fate::VirtualIfPermitted:
      return create_if_permitted(domain, type, protocol);
    case Fate::Refused:
      return fail(std::errc::protocol_not_supported);
    case Fate::Kernel:
      return leave_to_kernel(domain, type, protocol);
  }
  return fail(std::errc::protocol_not_supported);
}
