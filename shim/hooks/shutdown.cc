// shutdown(2): the service says what TCP or UDP would, then the pair does it.
#include <sys/socket.h>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/checked_sends.h"
#include "shim/client.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// Threads that wait for datagrams are woken by it whether or not there is a peer; it is the result
// that differs. Only the service ends sending (its CheckSend says EPIPE): a pair that is shut down
// both ways looks to it as if it had been closed.
int shut_down_datagrams(int fd, int how, const Result<client::Answer>& answer) noexcept {
  checked_sends::forget_all();
  if (how != SHUT_WR) real().shutdown(fd, SHUT_RD);
  const bool is_refused = answer && answer->reply.kind == rpc::Reply::Kind::Failed;
  return is_refused ? fail(answer->reply.error) : 0;
}

int shut_down(int fd, const SocketName& name, int how) noexcept {
  const NoCancel no_cancel;
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
    return fail(std::errc::invalid_argument);
  }
  const auto answer = client::ask({name, rpc::Shutdown{how}});
  if (is_datagram_pair(fd)) return shut_down_datagrams(fd, how, answer);
  // Without a service the fd still closes: an established connection needs nobody's permission.
  if (answer && answer->reply.kind == rpc::Reply::Kind::Failed) return fail(answer->reply.error);
  if (!is_listener(fd)) return real().shutdown(fd, how);
  // Ending a listener wakes its acceptors (they read an end of file); TCP ignores SHUT_WR on it.
  return how == SHUT_WR ? 0 : real().shutdown(fd, SHUT_RD);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int shutdown(int fd, int how) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().shutdown(fd, how);
  return shut_down(fd, *name, how);
}
