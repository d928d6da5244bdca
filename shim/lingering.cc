#include "shim/lingering.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstring>

#include "common/inside.h"
#include "common/internal_fds.h"
#include "common/real.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/no_cancel.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

constinit std::atomic<bool> was_asked_for{false};

linger parse(ByteView value) noexcept {
  linger parsed{};
  if (value.size() >= sizeof parsed) std::memcpy(&parsed, value.data(), sizeof parsed);
  return parsed;
}

// How long close waits at most, in milliseconds for poll; 0: not at all.
int patience_of(const SocketName& name) noexcept {
  const auto answer =
      client::ask({name, rpc::GetOption{SOL_SOCKET, SO_LINGER, sizeof(struct linger)}});
  if (!answer || answer->reply.kind != rpc::Reply::Kind::Done) return 0;
  const linger set = parse(answer->reply.payload.view());
  if (set.l_onoff == 0 || set.l_linger <= 0) return 0;
  return static_cast<int>(std::min<long>(long{set.l_linger} * 1000, INT_MAX));
}

}  // namespace

void note_linger(ByteView value) noexcept {
  const linger set = parse(value);
  if (set.l_onoff != 0 && set.l_linger > 0) was_asked_for.store(true, std::memory_order_relaxed);
}

bool may_linger() noexcept { return was_asked_for.load(std::memory_order_relaxed); }

int close_lingering(int fd) noexcept {
  const NoCancel no_cancel;
  const auto name = virtual_socket(fd);
  const int patience = name ? patience_of(*name) : 0;
  const int closed = real().close(fd);
  if (closed != 0 || patience == 0) return closed;
  const KeepErrno keep;
  // The service has seen the close before this question; if others hold the socket there is none.
  auto answer = client::ask({*name, rpc::AwaitSent{}});
  if (!answer || answer->reply.kind != rpc::Reply::Kind::NotReady || !answer->descriptor) return 0;
  const UniqueFd sent(keep_internal_fd(answer->descriptor.release(), FdUse::Program));
  pollfd waited{sent.get(), POLLIN, 0};
  // A signal ends the wait, as in the kernel; what is left is sent all the same.
  real().poll(&waited, 1, patience);
  return 0;
}

}  // namespace ztshim
