// shutdown(2): the service says what TCP would, then the pair does it.
#include <sys/socket.h>

#include "common/fd_contract.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

int shut_down(int fd, const SocketName& name, int how) noexcept {
  const NoCancel no_cancel;
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
    return fail(std::errc::invalid_argument);
  }
  const auto answer = client::ask({name, rpc::Shutdown{how}});
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
