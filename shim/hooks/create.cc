// socket(2): INET stream sockets become virtual; everything else stays the kernel's.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/settings.h"
#include "shim/socket_swap.h"

namespace ztshim {
namespace {

constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

bool is_stream(int domain, int type) noexcept {
  return (domain == AF_INET || domain == AF_INET6) && (type & ~kFlags) == SOCK_STREAM;
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
  return with_flags(std::move(fresh->descriptor), type);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int socket(int domain, int type, int protocol) noexcept {
  using namespace ztshim;
  if (Inside::active() || !is_stream(domain, type)) return real().socket(domain, type, protocol);
  const Mode wanted = mode();
  if (wanted == Mode::PassThrough) return real().socket(domain, type, protocol);
  if (wanted == Mode::Refuse) return fail(std::errc::network_down);
  // Programs that ask for MPTCP fall back to TCP where there is none, as here.
  if (protocol == IPPROTO_MPTCP) return fail(std::errc::protocol_not_supported);
  // Other protocols on a stream socket (SCTP, mistakes) are the kernel's to judge.
  if (protocol != 0 && protocol != IPPROTO_TCP) return real().socket(domain, type, protocol);
  return create(domain, type, protocol);
}
