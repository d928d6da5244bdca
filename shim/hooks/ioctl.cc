// ioctl(2): how much TCP has still to send, how long the next datagram is, which interfaces
// there are. All other requests are about the kernel object and its own business, FIONREAD on a
// connection included.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <climits>
#include <cstdarg>
#include <optional>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "common/inside.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/datagram_io.h"
#include "shim/hook.h"
#include "shim/interface_ioctl.h"
#include "shim/no_cancel.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

int unsent_bytes(const SocketName& name, int* count) noexcept {
  const NoCancel no_cancel;
  if (is_bad_pointer(count)) return fail(std::errc::bad_address);
  const auto answer = client::ask({name, rpc::UnsentBytes{}});
  const bool is_known = answer && answer->reply.kind == rpc::Reply::Kind::Done;
  // Without a service nothing is on its way any more.
  *count = is_known ? static_cast<int>(std::min<std::uint64_t>(answer->reply.number, INT_MAX)) : 0;
  return 0;
}

// Of the first datagram alone, not of all that are queued.
int next_size(int fd, const SocketName& name, int* size) noexcept {
  if (is_bad_pointer(size)) return fail(std::errc::bad_address);
  *size = next_datagram_size(fd, name);
  return 0;
}

bool is_about_queues(unsigned long request) noexcept {
  return request == SIOCOUTQ || request == SIOCOUTQNSD || request == FIONREAD;
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int ioctl(int fd, unsigned long request, ...) noexcept {
  using namespace ztshim;
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (is_about_interfaces(request) && !Inside::active()) {
    return interface_ioctl(fd, request, argument);
  }
  const auto name =
      !is_about_queues(request) || Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().ioctl(fd, request, argument);
  // What is queued on a listener is no data.
  if (is_listener(fd)) return fail(std::errc::invalid_argument);
  if (request == FIONREAD && is_datagram_pair(fd)) {
    return next_size(fd, *name, static_cast<int*>(argument));
  }
  if (request == FIONREAD) return real().ioctl(fd, request, argument);
  return unsent_bytes(*name, static_cast<int*>(argument));
}
