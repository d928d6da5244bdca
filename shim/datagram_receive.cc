// How it works. The kernel scatters a message into a header of our own and the application's
// buffers: no copy where there is a header. Bare bytes, which say nothing about where they end up,
// are moved to where they belong afterwards. MSG_TRUNC makes the kernel tell the whole length.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/datagram.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/ancillary.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/datagram_io.h"
#include "shim/hint.h"
#include "shim/no_cancel.h"
#include "shim/pending_error.h"
#include "shim/scatter.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

// More parts than this are rare, and they would make the frame large.
constexpr std::size_t kMaxParts = 63;
constexpr std::size_t kLargestDatagram = 65'536;

struct Incoming {
  std::array<std::uint8_t, DatagramHeader::kSize> header;
  std::array<iovec, kMaxParts + 1> parts;
  msghdr message;

  void prepare(Parts wanted) noexcept {
    parts[0] = {header.data(), header.size()};
    std::copy(wanted.begin(), wanted.end(), parts.begin() + 1);
    message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = wanted.size() + 1;
  }
};

enum class Next : unsigned char { Return, ReceiveAgain };
struct Outcome {
  Next next = Next::Return;
  ssize_t result = -1;
};

Outcome failed(std::errc error) noexcept { return {Next::Return, fail(error)}; }

// The pair has come to its end: the application has shut the socket down, or the service is gone.
Outcome at_end(int fd, const SocketName& name, msghdr& asked, int flags) noexcept {
  const auto alive = client::ask({name, rpc::GetName{rpc::Side::Local}});
  if (!alive || alive->reply.kind != rpc::Reply::Kind::Done) return failed(std::errc::network_down);
  if ((flags & MSG_DONTWAIT) != 0 || is_nonblocking(fd)) {
    return failed(std::errc::resource_unavailable_try_again);
  }
  if (asked.msg_name != nullptr) asked.msg_namelen = 0;
  asked.msg_controllen = 0;
  asked.msg_flags = 0;
  return {Next::Return, 0};
}

Outcome on_error(int fd, const SocketName& name, const DatagramHeader& header, int flags,
                 OnError on_error) noexcept {
  if (on_error == OnError::LeaveForNext) {
    // Peeked at, it is still there for the next call.
    if ((flags & MSG_PEEK) == 0) pending_error::leave_for_next(name);
    return failed(std::errc::resource_unavailable_try_again);
  }
  // An error is told once, to who peeks as well.
  const std::errc error = (flags & MSG_PEEK) != 0 ? pending_error::take_queued(fd, name)
                                                  : pending_error::take(name, header.error);
  if (error == std::errc{}) return {Next::ReceiveAgain, 0};
  return failed(error);
}

// Whom bare bytes are from.
void add_peer(DatagramHeader& header, const SocketName& name) noexcept {
  const auto answer = client::ask({name, rpc::GetName{rpc::Side::Peer}});
  if (!answer || answer->reply.kind != rpc::Reply::Kind::Done) return;
  header.remote = answer->reply.endpoint;
  header.domain = static_cast<std::int32_t>(answer->reply.number);
}

void put_name(const DatagramHeader& header, msghdr& asked) noexcept {
  if (asked.msg_name == nullptr) return;
  if (!header.remote) {
    asked.msg_namelen = 0;
    return;
  }
  put_address(header.remote, header.domain, static_cast<sockaddr*>(asked.msg_name),
              &asked.msg_namelen);
}

Outcome conclude(int fd, const SocketName& name, ssize_t size, const Incoming& incoming,
                 const Scatter& wanted, msghdr& asked, int flags, OnError on_error_do) noexcept {
  const NoCancel no_cancel;
  if (size < 0) {
    // The service ended while something of ours was on its way to it.
    return errno == ECONNRESET ? failed(std::errc::network_down) : Outcome{};
  }
  if (size == 0) return at_end(fd, name, asked, flags);
  const auto whole = static_cast<std::size_t>(size);
  const ByteView front = ByteView(incoming.header).first(std::min(whole, DatagramHeader::kSize));
  const auto found = DatagramHeader::read(front, name);
  if (found && found->kind == DatagramHeader::Kind::Error) {
    return on_error(fd, name, *found, flags, on_error_do);
  }
  const KeepErrno keep;
  DatagramHeader header = found.value_or(DatagramHeader{});
  const std::size_t length = found ? whole - DatagramHeader::kSize : whole;
  if (!found) {
    insert_in_front(wanted.parts, whole - front.size(), front);
    if (asked.msg_name != nullptr) add_peer(header, name);
  }
  int told = flags & MSG_CMSG_CLOEXEC;  // the kernel gives this one back
  if (length > wanted.size) told |= MSG_TRUNC;
  put_name(header, asked);
  put_ancillary(header, asked, told);
  asked.msg_flags = told;
  const std::size_t taken = (flags & MSG_TRUNC) != 0 ? length : std::min(length, wanted.size);
  return {Next::Return, static_cast<ssize_t>(taken)};
}

// Into a buffer of our own, and from there into the many parts.
__attribute__((noinline)) ssize_t receive_bounced(int fd, const SocketName& name, msghdr* asked,
                                                  const Scatter& wanted, int flags,
                                                  OnError on_error) {
  std::array<std::uint8_t, kLargestDatagram> buffer;
  iovec part{buffer.data(), std::min(buffer.size(), wanted.size)};
  msghdr inner = *asked;
  inner.msg_iov = &part;
  inner.msg_iovlen = 1;
  const ssize_t size = receive_datagram(fd, name, &inner, flags, on_error);
  if (size < 0) return size;
  copy_to(wanted.parts,
          ByteView(buffer).first(std::min(static_cast<std::size_t>(size), part.iov_len)));
  asked->msg_namelen = inner.msg_namelen;
  asked->msg_controllen = inner.msg_controllen;
  asked->msg_flags = inner.msg_flags;
  return size;
}

// Everything that can be said before a datagram is taken.
Result<Scatter> check(const msghdr* asked) noexcept {
  if (is_bad_pointer(asked)) return failure(std::errc::bad_address);
  const auto wanted = scatter_of(asked->msg_iov, asked->msg_iovlen);
  if (!wanted) return wanted;
  if (asked->msg_name != nullptr) {
    const auto checked =
        check_address_out(static_cast<const sockaddr*>(asked->msg_name), &asked->msg_namelen);
    if (!checked) return failure(checked.error());
  }
  if (asked->msg_controllen > 0 && asked->msg_control != nullptr &&
      is_bad_pointer(asked->msg_control)) {
    return failure(std::errc::bad_address);
  }
  return wanted;
}

// MSG_ERRQUEUE, which never waits: the datagram that failed, where it was to go, and why.
ssize_t receive_error(const SocketName& name, const Scatter& wanted, msghdr& asked) noexcept {
  const NoCancel no_cancel;
  const auto answer = client::ask({name, rpc::TakeErrorMessage{}});
  // Nothing there, or nobody who could know: no queue has anything.
  if (!answer || answer->reply.kind != rpc::Reply::Kind::Done)
    return fail(std::errc::resource_unavailable_try_again);
  const ByteView payload = answer->reply.payload.view();
  const auto error = DatagramError::read(payload);
  if (!error) return fail(std::errc::resource_unavailable_try_again);
  const ByteView quoted = payload.subspan(DatagramError::kSize);
  const std::size_t taken = std::min(quoted.size(), wanted.size);
  copy_to(wanted.parts, quoted.first(taken));
  if (asked.msg_name != nullptr) {
    put_address(error->destination, error->domain, static_cast<sockaddr*>(asked.msg_name),
                &asked.msg_namelen);
  }
  int told = MSG_ERRQUEUE | (quoted.size() > taken ? MSG_TRUNC : 0);
  put_error_message(*error, asked, told);
  asked.msg_flags = told;
  return static_cast<ssize_t>(taken);
}

}  // namespace

ssize_t receive_datagram(int fd, const SocketName& name, msghdr* message, int flags,
                         OnError on_error) {
  const auto wanted = check(message);
  if (!wanted) return fail(wanted.error());
  if ((flags & MSG_ERRQUEUE) != 0) return receive_error(name, *wanted, *message);
  const std::errc left = pending_error::take_left(name);
  if (left != std::errc{}) return fail(left);
  if (wanted->parts.size() > kMaxParts) {
    return receive_bounced(fd, name, message, *wanted, flags, on_error);
  }
  while (true) {
    Incoming incoming;
    incoming.prepare(wanted->parts);
    const ssize_t size =
        real().recvmsg(fd, &incoming.message, (flags & (MSG_PEEK | MSG_DONTWAIT)) | MSG_TRUNC);
    const Outcome outcome = conclude(fd, name, size, incoming, *wanted, *message, flags, on_error);
    if (outcome.next == Next::Return) return outcome.result;
  }
}

int next_datagram_size(int fd, const SocketName& name) noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  std::array<std::uint8_t, DatagramHeader::kSize> bytes;
  const ssize_t size =
      real().recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
  if (size <= 0) return 0;
  const auto whole = static_cast<std::size_t>(size);
  const auto header =
      DatagramHeader::read(ByteView(bytes).first(std::min(whole, bytes.size())), name);
  return static_cast<int>(header ? whole - DatagramHeader::kSize : whole);
}

Carrier carrier_of(int fd) noexcept {
  const auto name = virtual_socket(fd);
  if (!name) return {};
  if (is_datagram_pair(fd)) return {Carries::Datagrams, *name};
  if (is_listener(fd)) return {Carries::Accepts, *name};
  if (is_fresh(fd)) return {Carries::Nothing, *name};
  const KeepErrno keep;
  const NoCancel no_cancel;
  pollfd asked{fd, POLLOUT, 0};
  if (hint::perhaps(fd) && real().poll(&asked, 1, 0) == 0) return {Carries::Handshake, *name};
  // From here on it is libc's business at the cost of one load.
  hint::forget(fd);
  return {Carries::Plain, *name};
}

}  // namespace ztshim
