#include "shim/stream_error.h"

#include <sys/socket.h>

#include <cerrno>

#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/inside.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

int ask_for_error(const SocketName& name, int otherwise) noexcept {
  const auto answer = client::ask({name, rpc::TakeError{}});
  const bool is_known =
      answer && answer->reply.kind == rpc::Reply::Kind::Done && answer->reply.number != 0;
  return is_known ? static_cast<int>(answer->reply.number) : otherwise;
}

}  // namespace

int take_stream_error(int fd, const SocketName& name) noexcept {
  const KeepErrno keep;
  int error = 0;
  socklen_t size = sizeof error;
  real().getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? 0 : ask_for_error(name, error);
}

ssize_t explain_reset(int fd) noexcept {
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  const int error = name ? ask_for_error(*name, ECONNRESET) : ECONNRESET;
  // What broke is the way out, after the peer's end: a reader has come to that end.
  if (error == EPIPE) return 0;
  errno = error;
  return -1;
}

ssize_t explain_broken_pipe(int fd) noexcept {
  const auto name = Inside::active() ? std::nullopt : virtual_socket(fd);
  const int error = name ? take_stream_error(fd, *name) : 0;
  errno = error != 0 ? error : EPIPE;
  return -1;
}

}  // namespace ztshim
