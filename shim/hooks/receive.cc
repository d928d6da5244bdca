// The calls that receive: read(2), recv(2), recvmsg(2) and their forms. Streams and files go
// straight to libc after one load from memory; datagrams carry a header that is taken off here, and
// a listener's messages are connections, which no data call may take.
//
// All are cancellation points, so nothing with a destructor is alive while they wait.
#undef _FILE_OFFSET_BITS  // the headers would rename preadv2 to preadv64v2; both are defined here
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/datagram_io.h"
#include "shim/hint.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/netlink.h"
#include "shim/stream_error.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

// AF_UNIX ignores MSG_ERRQUEUE and would hand out data, and copies what TCP drops for MSG_TRUNC.
constexpr int kSpecialFlags = MSG_ERRQUEUE | MSG_TRUNC;

bool is_for_libc(int fd, int flags) noexcept {
  return !hint::perhaps(fd) && (flags & kSpecialFlags) == 0;
}

// The pair's error stands for TCP's, which the service knows. `got` is what libc's call returned.
ssize_t explained(int fd, ssize_t got) noexcept {
  return got >= 0 || errno != ECONNRESET ? got : explain_reset(fd);
}

// After is_for_libc() said no. Plain: libc's after all.
Carrier receiver(int fd) noexcept { return Inside::active() ? Carrier{} : carrier_of(fd); }

bool is_ours(const Carrier& carrier, int flags) noexcept {
  if (carrier.carries == Carries::Plain || carrier.carries == Carries::Handshake)
    return (flags & kSpecialFlags) != 0 && carrier.name != SocketName{};
  return true;
}

// MSG_TRUNC on a stream: like a receive, with nobody to give the bytes to.
ssize_t drop_bytes(int fd, const msghdr& wanted, int flags) {
  constexpr std::size_t kPieces = 64;
  std::uint8_t scratch[4096];
  iovec parts[kPieces];
  std::size_t left = 0, count = 0;
  for (std::size_t i = 0; i < wanted.msg_iovlen; ++i) left += wanted.msg_iov[i].iov_len;
  for (; count < kPieces && left > 0; left -= parts[count++].iov_len)
    parts[count] = {scratch, std::min(left, sizeof scratch)};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  return explained(fd, real().recvmsg(fd, &message, flags & ~MSG_TRUNC));
}

// Of a socket that is ours.
ssize_t receive(int fd, const Carrier& carrier, msghdr* message, int flags,
                OnError on_error = OnError::Fail) {
  if (carrier.carries == Carries::Datagrams) {
    return receive_datagram(fd, carrier.name, message, flags, on_error);
  }
  // Nothing is ever queued there, on connections as on listeners.
  if ((flags & MSG_ERRQUEUE) != 0) return fail(std::errc::resource_unavailable_try_again);
  const bool is_stream = carrier.carries == Carries::Plain || carrier.carries == Carries::Handshake;
  if (is_stream && (flags & MSG_TRUNC) != 0) return drop_bytes(fd, *message, flags);
  return fail(std::errc::not_connected);
}

ssize_t receive_into(int fd, const Carrier& carrier, void* buffer, std::size_t size, int flags,
                     sockaddr* address, socklen_t* length) {
  iovec part{buffer, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (address != nullptr) {
    if (is_bad_pointer(length)) return fail(std::errc::bad_address);
    message.msg_name = address;
    message.msg_namelen = *length;
  }
  const ssize_t got = receive(fd, carrier, &message, flags);
  if (got >= 0 && address != nullptr) *length = message.msg_namelen;
  return got;
}

// Unlike recv, read takes nothing off the queue when there is no room for it.
ssize_t read_into(int fd, const Carrier& carrier, const iovec* parts, int count, int flags) {
  if (count < 0) return fail(std::errc::invalid_argument);
  if (count > 1024) return fail(std::errc::invalid_argument);
  std::size_t room = 0;
  if (count > 0 && is_bad_pointer(parts)) return fail(std::errc::bad_address);
  for (int i = 0; i < count; ++i) room |= parts[i].iov_len;
  if (room == 0) return 0;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return receive(fd, carrier, &message, flags);
}

// Of a netlink socket that may owe an answer of ours. Nothing: libc's after all.
std::optional<ssize_t> netlink_answer(int fd, void* buffer, std::size_t size, int flags,
                                      sockaddr* address, socklen_t* length) noexcept {
  iovec part{buffer, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = address;
  message.msg_namelen = address == nullptr ? 0 : *length;
  const auto got = netlink::answer(fd, &message, flags);
  if (got && address != nullptr) *length = message.msg_namelen;
  return got;
}

bool may_owe_netlink() noexcept {
  return netlink::open_questions.load(std::memory_order_relaxed) > 0;
}

// ---- recvmmsg(2)

class Patience {
 public:
  explicit Patience(timespec* limit) noexcept : limit_(limit) {
    if (limit_ != nullptr) end_ = now() + to_ns(*limit_);
  }
  // Looked at between two messages only, as in the kernel; the rest is given back.
  bool has_ended() const noexcept {
    if (limit_ == nullptr) return false;
    std::int64_t rest = end_ - now();
    if (rest < 0) rest = 0;
    *limit_ = {rest / kSecond, rest % kSecond};
    return rest == 0;
  }

 private:
  static constexpr std::int64_t kSecond = 1'000'000'000;
  static std::int64_t to_ns(const timespec& time) noexcept {
    constexpr std::int64_t kLongest = std::int64_t{1} << 32;
    return std::min<std::int64_t>(time.tv_sec, kLongest) * kSecond + time.tv_nsec;
  }
  static std::int64_t now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return to_ns(time);
  }
  timespec* limit_;
  std::int64_t end_ = 0;
};

bool is_wrong(const timespec& limit) noexcept {
  return limit.tv_sec < 0 || limit.tv_nsec < 0 || limit.tv_nsec >= 1'000'000'000;
}

int receive_many(int fd, const Carrier& carrier, mmsghdr* messages, unsigned count, int flags,
                 timespec* limit) {
  if (limit != nullptr && is_bad_pointer(limit)) return fail(std::errc::bad_address);
  if (limit != nullptr && is_wrong(*limit)) return fail(std::errc::invalid_argument);
  if (count > 0 && is_bad_pointer(messages)) return fail(std::errc::bad_address);
  const Patience patience(limit);
  const bool waits_for_one = (flags & MSG_WAITFORONE) != 0;
  flags &= ~MSG_WAITFORONE;
  unsigned done = 0;
  while (done < count) {
    const OnError on_error = done == 0 ? OnError::Fail : OnError::LeaveForNext;
    const ssize_t got = receive(fd, carrier, &messages[done].msg_hdr, flags, on_error);
    if (got < 0) break;
    messages[done++].msg_len = static_cast<unsigned>(got);
    if (waits_for_one) flags |= MSG_DONTWAIT;
    if (patience.has_ended()) break;
  }
  return done == 0 && count > 0 ? -1 : static_cast<int>(done);
}

// Descriptors may have come that are sockets of ours.
void look_at(int result, const msghdr* message) noexcept {
  if (result < 0 || message->msg_controllen < CMSG_LEN(sizeof(int))) return;
  hint::note_received(*message);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK ssize_t read(int fd, void* buffer, std::size_t size) {
  using namespace ztshim;
  if (is_for_libc(fd, 0)) return explained(fd, real().read(fd, buffer, size));
  const Carrier carrier = receiver(fd);
  if (!is_ours(carrier, 0)) return explained(fd, real().read(fd, buffer, size));
  const iovec part{buffer, size};
  return read_into(fd, carrier, &part, 1, 0);
}

extern "C" ZTSHIM_HOOK ssize_t __read(int fd, void* buffer, std::size_t size) {
  return read(fd, buffer, size);
}

// The _chk forms end the program when the buffer is too small; libc's own do that.
extern "C" ZTSHIM_HOOK ssize_t __read_chk(int fd, void* buffer, std::size_t size,
                                          std::size_t room) {
  using namespace ztshim;
  if (size > room || is_for_libc(fd, 0)) return real().read_chk(fd, buffer, size, room);
  return read(fd, buffer, size);
}

extern "C" ZTSHIM_HOOK ssize_t readv(int fd, const iovec* parts, int count) {
  using namespace ztshim;
  if (is_for_libc(fd, 0)) return explained(fd, real().readv(fd, parts, count));
  const Carrier carrier = receiver(fd);
  if (!is_ours(carrier, 0)) return explained(fd, real().readv(fd, parts, count));
  return read_into(fd, carrier, parts, count, 0);
}

// With offset -1 it is readv. Other offsets are ESPIPE on every socket, which the kernel says.
extern "C" ZTSHIM_HOOK ssize_t preadv2(int fd, const iovec* parts, int count, off_t offset,
                                       int flags) {
  using namespace ztshim;
  const bool is_readv = offset == -1 && (flags & ~(RWF_HIPRI | RWF_NOWAIT)) == 0;
  if (!is_readv || is_for_libc(fd, 0)) return real().preadv2(fd, parts, count, offset, flags);
  const Carrier carrier = receiver(fd);
  if (!is_ours(carrier, 0)) return real().preadv2(fd, parts, count, offset, flags);
  return read_into(fd, carrier, parts, count, (flags & RWF_NOWAIT) != 0 ? MSG_DONTWAIT : 0);
}

extern "C" ZTSHIM_HOOK ssize_t preadv64v2(int fd, const iovec* parts, int count, off64_t offset,
                                          int flags) {
  return preadv2(fd, parts, count, offset, flags);
}

extern "C" ZTSHIM_HOOK ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
  using namespace ztshim;
  if (may_owe_netlink()) {
    const auto got = netlink_answer(fd, buffer, size, flags, nullptr, nullptr);
    if (got) return *got;
  }
  if (is_for_libc(fd, flags)) return explained(fd, real().recv(fd, buffer, size, flags));
  const Carrier carrier = receiver(fd);
  if (!is_ours(carrier, flags)) return explained(fd, real().recv(fd, buffer, size, flags));
  return receive_into(fd, carrier, buffer, size, flags, nullptr, nullptr);
}

extern "C" ZTSHIM_HOOK ssize_t __recv_chk(int fd, void* buffer, std::size_t size, std::size_t room,
                                          int flags) {
  using namespace ztshim;
  if (size > room || is_for_libc(fd, flags)) return real().recv_chk(fd, buffer, size, room, flags);
  return recv(fd, buffer, size, flags);
}

extern "C" ZTSHIM_HOOK ssize_t recvfrom(int fd, void* buffer, std::size_t size, int flags,
                                        sockaddr* address, socklen_t* length) {
  using namespace ztshim;
  if (may_owe_netlink()) {
    const auto got = netlink_answer(fd, buffer, size, flags, address, length);
    if (got) return *got;
  }
  if (is_for_libc(fd, flags))
    return explained(fd, real().recvfrom(fd, buffer, size, flags, address, length));
  const Carrier carrier = receiver(fd);
  if (!is_ours(carrier, flags))
    return explained(fd, real().recvfrom(fd, buffer, size, flags, address, length));
  return receive_into(fd, carrier, buffer, size, flags, address, length);
}

extern "C" ZTSHIM_HOOK ssize_t __recvfrom_chk(int fd, void* buffer, std::size_t size,
                                              std::size_t room, int flags, sockaddr* address,
                                              socklen_t* length) {
  using namespace ztshim;
  if (size > room || is_for_libc(fd, flags)) {
    return real().recvfrom_chk(fd, buffer, size, room, flags, address, length);
  }
  return recvfrom(fd, buffer, size, flags, address, length);
}

extern "C" ZTSHIM_HOOK ssize_t recvmsg(int fd, msghdr* message, int flags) {
  using namespace ztshim;
  if (may_owe_netlink()) {
    if (const auto got = netlink::answer(fd, message, flags)) return *got;
  }
  if (!is_for_libc(fd, flags)) {
    const Carrier carrier = receiver(fd);
    if (is_ours(carrier, flags)) return receive(fd, carrier, message, flags);
  }
  const ssize_t size = explained(fd, real().recvmsg(fd, message, flags));
  look_at(size < 0 ? -1 : 0, message);
  return size;
}

extern "C" ZTSHIM_HOOK int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags,
                                    timespec* limit) {
  using namespace ztshim;
  if (!is_for_libc(fd, flags)) {
    const Carrier carrier = receiver(fd);
    if (is_ours(carrier, flags)) {
      return receive_many(fd, carrier, messages, count, flags, limit);
    }
  }
  const int done = real().recvmmsg(fd, messages, count, flags, limit);
  for (int i = 0; i < done; ++i) look_at(0, &messages[i].msg_hdr);
  return done;
}
