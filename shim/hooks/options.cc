// getsockopt(2) and setsockopt(2): the service answers for what TCP/IP knows, the kernel object for
// what lives in the fd (interposition 10).
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "common/datagram.h"
#include "common/fd_contract.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/checked_sends.h"
#include "shim/client.h"
#include "shim/datagram_io.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/lingering.h"
#include "shim/no_cancel.h"
#include "shim/pending_error.h"
#include "shim/stream_error.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

using Kind = rpc::Reply::Kind;

void put_value(ByteView value, void* to, socklen_t* size) noexcept {
  const std::size_t given = std::min<std::size_t>(value.size(), *size);
  if (given > 0) std::memcpy(to, value.data(), given);
  *size = static_cast<socklen_t>(given);
}

int put_number(int number, void* to, socklen_t* size) noexcept {
  std::uint8_t bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  put_value(bytes, to, size);
  return 0;
}

// Of a datagram socket only the service knows.
int take_datagram_error(int fd, const SocketName& name) noexcept {
  const std::errc error = pending_error::take(name, {});
  drop_queued_errors(fd, name);
  return static_cast<int>(error);
}

int take_error(int fd, const SocketName& name) noexcept {
  const KeepErrno keep;
  if (is_datagram_pair(fd)) return take_datagram_error(fd, name);
  return take_stream_error(fd, name);
}

int get_option(int fd, const SocketName& name, int level, int option, void* value,
               socklen_t* size) noexcept {
  const NoCancel no_cancel;
  if (is_bad_pointer(size)) return fail(std::errc::bad_address);
  if (static_cast<int>(*size) < 0) return fail(std::errc::invalid_argument);
  if (*size > 0 && is_bad_pointer(value)) return fail(std::errc::bad_address);
  if (level == SOL_SOCKET && option == SO_ERROR)
    return put_number(take_error(fd, name), value, size);
  const auto answer = client::ask({name, rpc::GetOption{level, option, *size}});
  if (answer && answer->reply.kind == Kind::Failed) return fail(answer->reply.error);
  if (answer && answer->reply.kind == Kind::Done) {
    put_value(answer->reply.payload.view(), value, size);
    return 0;
  }
  // The kernel object's own, or there is no service any more and this is the nearest thing.
  return real().getsockopt(fd, level, option, value, size);
}

// A larger send buffer would open the gate of a connecting or listening fd, which is seen as not
// being writable; the value is remembered by the service and reported all the same.
bool would_open_gate(int fd, int level, int option) noexcept {
  if (level != SOL_SOCKET || (option != SO_SNDBUF && option != SO_SNDBUFFORCE)) return false;
  const KeepErrno keep;
  pollfd asked{fd, POLLOUT, 0};
  return real().poll(&asked, 1, 0) == 0;
}

// The host's interfaces are known to the kernel object alone, ours to the service alone: a name
// that the kernel takes goes to the service as the number that it stands for.
rpc::SetOption device_request(int fd, const void* value, socklen_t size) noexcept {
  const KeepErrno keep;
  const ByteView given(static_cast<const std::uint8_t*>(value), size);
  rpc::SetOption request{SOL_SOCKET, SO_BINDTODEVICE, rpc::OptionValue(given)};
  if (size == 0 || given[0] == 0) return request;
  int index = 0;
  socklen_t index_size = sizeof index;
  if (real().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, value, size) != 0) return request;
  if (real().getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &index_size) != 0) return request;
  std::uint8_t bytes[sizeof index];
  std::memcpy(bytes, &index, sizeof index);
  request.name = SO_BINDTOIFINDEX;
  request.value.assign(bytes);
  return request;
}

int set_option(int fd, const SocketName& name, int level, int option, const void* value,
               socklen_t size) noexcept {
  const NoCancel no_cancel;
  if (static_cast<int>(size) < 0) return fail(std::errc::invalid_argument);
  if (size > 0 && is_bad_pointer(value)) return fail(std::errc::bad_address);
  rpc::SetOption request{level, option, {}};
  request.value.assign(ByteView(static_cast<const std::uint8_t*>(value), size));
  if (level == SOL_SOCKET && option == SO_BINDTODEVICE) request = device_request(fd, value, size);
  const auto answer = client::ask({name, request});
  if (answer && answer->reply.kind == Kind::Failed) return fail(answer->reply.error);
  if (level == SOL_SOCKET && option == SO_LINGER) note_linger(request.value.view());
  checked_sends::forget_all();
  if (answer && answer->reply.kind == Kind::Done) return 0;
  if (request.name != option) return 0;  // the kernel object has it already
  // On the kernel object these are the listener's mark (fd_contract.h) and that of a connected
  // datagram socket (datagram.h).
  if (level == SOL_SOCKET && (option == SO_DONTROUTE || option == SO_BROADCAST)) return 0;
  if (would_open_gate(fd, level, option)) return 0;
  return real().setsockopt(fd, level, option, value, size);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int getsockopt(int fd, int level, int option, void* value,
                                      socklen_t* size) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().getsockopt(fd, level, option, value, size);
  return get_option(fd, *name, level, option, value, size);
}

extern "C" ZTSHIM_HOOK int setsockopt(int fd, int level, int option, const void* value,
                                      socklen_t size) noexcept {
  using namespace ztshim;
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  if (!name) return real().setsockopt(fd, level, option, value, size);
  return set_option(fd, *name, level, option, value, size);
}
