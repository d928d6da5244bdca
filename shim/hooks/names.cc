// getsockname(2) and getpeername(2).
#include <sys/socket.h>

#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// `without_service`: what the call says when nobody can tell any more.
int name_of(const SocketName& socket, rpc::Side side, sockaddr* address, socklen_t* length,
            std::errc without_service) noexcept {
  const NoCancel no_cancel;
  const auto answer = client::ask({socket, rpc::GetName{side}});
  if (!answer) return fail(without_service);
  // Before the pointers are looked at, as in the kernel: ENOTCONN comes first.
  if (answer->reply.kind == rpc::Reply::Kind::Failed) return fail(answer->reply.error);
  if (answer->reply.kind != rpc::Reply::Kind::Done) return fail(without_service);
  if (const auto checked = check_address_out(address, length); !checked) {
    return fail(checked.error());
  }
  put_address(answer->reply.endpoint, static_cast<int>(answer->reply.number), address, length);
  return 0;
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int getsockname(int fd, sockaddr* address, socklen_t* length) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().getsockname(fd, address, length);
  return name_of(*name, rpc::Side::Local, address, length, std::errc::no_buffer_space);
}

extern "C" ZTSHIM_HOOK int getpeername(int fd, sockaddr* address, socklen_t* length) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().getpeername(fd, address, length);
  return name_of(*name, rpc::Side::Peer, address, length, std::errc::not_connected);
}
