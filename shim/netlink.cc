// How it works. A question that goes out through one of these sockets is noted in a slot, known by
// the socket's cookie. The kernel has queued its own answer when the send returns, so the socket is
// readable; the next call that receives gets our messages first, in as many pieces as they need,
// and then the kernel's. A question about one interface of ours is answered by the kernel as well:
// that there is no such device. That answer is taken off the queue when ours has been read.
#include "shim/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/inside.h"
#include "shim/interfaces.h"
#include "shim/netlink_messages.h"
#include "shim/no_cancel.h"
#include "shim/settings.h"
#include "shim/user_memory.h"

namespace ztshim::netlink {
namespace {

// What a piece may hold: programs with small buffers have 4 KiB.
constexpr std::size_t kPiece = 3072;
// Programs ask one question at a time, of one socket or a few.
constexpr std::size_t kSlots = 32;

struct Slot {
  std::uint64_t cookie = 0;  // 0: free
  Question question;
  std::size_t told = 0;  // messages
};

// Never held across a call that may block or come back here.
constinit std::mutex lock;
constinit std::array<Slot, kSlots> slots{};

std::uint64_t cookie_of(int fd) noexcept {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return real().getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

bool is_route_socket(int fd) noexcept {
  int domain = 0, protocol = 0;
  socklen_t size = sizeof domain;
  if (real().getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  size = sizeof protocol;
  if (domain != AF_NETLINK) return false;
  return real().getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         protocol == NETLINK_ROUTE;
}

std::uint32_t port_of(int fd) noexcept {
  sockaddr_nl own{};
  socklen_t size = sizeof own;
  real().getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
  return own.nl_pid;
}

Bytes gathered(const msghdr& message) {
  Bytes bytes;
  for (std::size_t i = 0; i < message.msg_iovlen && bytes.size() < kPiece; ++i) {
    const iovec& part = message.msg_iov[i];
    const auto* const from = static_cast<const std::uint8_t*>(part.iov_base);
    append(bytes, ByteView(from, std::min(part.iov_len, kPiece)));
  }
  return bytes;
}

Slot* slot_of(std::uint64_t cookie) noexcept {
  const auto found = std::find_if(slots.begin(), slots.end(),
                                  [&](const Slot& slot) { return slot.cookie == cookie; });
  return found == slots.end() ? nullptr : found;
}

void release(std::uint64_t cookie) noexcept {
  const std::lock_guard guard(lock);
  Slot* const slot = slot_of(cookie);
  if (slot == nullptr) return;
  *slot = Slot{};
  open_questions.fetch_sub(1, std::memory_order_relaxed);
}

// A new question takes the place of the socket's last one; without a free slot the kernel answers
// alone.
void hold(std::uint64_t cookie, Question question) {
  const std::lock_guard guard(lock);
  Slot* slot = slot_of(cookie);
  if (slot == nullptr) {
    slot = slot_of(0);
    if (slot == nullptr) return;
    open_questions.fetch_add(1, std::memory_order_relaxed);
  }
  *slot = {cookie, std::move(question), 0};
}

// As much as recvmsg(2) would put there of one datagram.
ssize_t put(ByteView bytes, msghdr& message, int flags) noexcept {
  std::size_t done = 0;
  for (std::size_t i = 0; i < message.msg_iovlen && done < bytes.size(); ++i) {
    const std::size_t now = std::min(message.msg_iov[i].iov_len, bytes.size() - done);
    if (now > 0) std::memcpy(message.msg_iov[i].iov_base, bytes.data() + done, now);
    done += now;
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (message.msg_name != nullptr) {
    std::memcpy(message.msg_name, &kernel,
                std::min<std::size_t>(message.msg_namelen, sizeof kernel));
    message.msg_namelen = sizeof kernel;
  }
  message.msg_controllen = 0;
  message.msg_flags = done < bytes.size() ? MSG_TRUNC : 0;
  return static_cast<ssize_t>((flags & MSG_TRUNC) != 0 ? bytes.size() : done);
}

Bytes acknowledgement(const Question& question, std::uint32_t port) {
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = NLMSG_ERROR;
  message.header.nlmsg_flags = NLM_F_CAPPED;
  message.header.nlmsg_seq = question.sequence;
  message.header.nlmsg_pid = port;
  message.error.msg.nlmsg_len = sizeof(nlmsghdr);
  message.error.msg.nlmsg_type = question.type;
  message.error.msg.nlmsg_seq = question.sequence;
  message.error.msg.nlmsg_pid = port;
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&message);
  return Bytes(from, from + sizeof message);
}

// An NLMSG_DONE: the end of a list.
Bytes end_of_dump(const Question& question, std::uint32_t port) {
  struct {
    nlmsghdr header;
    int error;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = NLMSG_DONE;
  message.header.nlmsg_flags = NLM_F_MULTI;
  message.header.nlmsg_seq = question.sequence;
  message.header.nlmsg_pid = port;
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&message);
  return Bytes(from, from + sizeof message);
}

// Takes the kernel's whole answer off the queue: it knows no such device. What belongs to another
// question stays.
void drop_kernels_answer(int fd, const Question& question) {
  constexpr std::size_t kLargest = 32768;  // a piece of a dump
  Bytes piece(kLargest);
  for (bool is_over = false; !is_over;) {
    nlmsghdr header{};
    const ssize_t first = real().recv(fd, &header, sizeof header, MSG_PEEK | MSG_DONTWAIT);
    if (first < static_cast<ssize_t>(sizeof header)) return;
    if (header.nlmsg_seq != question.sequence) return;
    const ssize_t got = real().recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    ByteView rest = ByteView(piece).first(static_cast<std::size_t>(got));
    while (rest.size() >= sizeof header && !is_over) {
      std::memcpy(&header, rest.data(), sizeof header);
      is_over = header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
      const std::size_t size = std::max<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), sizeof header);
      rest = rest.subspan(std::min(size, rest.size()));
    }
  }
}

// The next piece of the answer, and how many messages are in it.
Bytes next_piece(const std::vector<Bytes>& messages, std::size_t told, std::size_t& count) {
  Bytes piece;
  for (count = 0; told + count < messages.size(); ++count) {
    const Bytes& next = messages[told + count];
    if (count > 0 && piece.size() + next.size() > kPiece) break;
    append(piece, next);
  }
  return piece;
}

bool knows(const std::vector<InterfaceRecord>& interfaces, const Question& question) noexcept {
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const InterfaceRecord& interface) {
    return interface.index == question.index || interface.name == question.name.data();
  });
}

std::optional<ssize_t> answer_slot(int fd, std::uint64_t cookie, msghdr* message, int flags) {
  Slot slot;
  {
    const std::lock_guard guard(lock);
    const Slot* const found = slot_of(cookie);
    if (found == nullptr) return std::nullopt;
    slot = *found;
  }
  const std::uint32_t port = port_of(fd);
  const auto interfaces = virtual_interfaces();
  auto messages = answers(slot.question, port, interfaces);
  // About one of ours the kernel has nothing to say, and ours is the whole answer.
  const bool is_whole = slot.question.index != 0 || slot.question.has_name();
  if (is_whole && slot.question.is_dump && knows(interfaces, slot.question)) {
    messages.push_back(end_of_dump(slot.question, port));
  } else if (is_whole && slot.question.wants_ack && !messages.empty()) {
    append(messages.back(), acknowledgement(slot.question, port));
  }
  std::size_t count = 0;
  const Bytes piece = next_piece(messages, slot.told, count);
  const bool is_last = slot.told + count >= messages.size();
  const bool is_taken = (flags & MSG_PEEK) == 0;
  if (piece.empty() || (is_taken && is_last)) {
    release(cookie);
  } else if (is_taken) {
    const std::lock_guard guard(lock);
    if (Slot* const found = slot_of(cookie)) found->told = slot.told + count;
  }
  if (piece.empty()) return std::nullopt;
  if (is_taken && is_last && is_whole) drop_kernels_answer(fd, slot.question);
  return put(piece, *message, flags);
}

}  // namespace

void note_request(int fd, const msghdr& message) noexcept {
  if (Inside::active() || message.msg_iovlen == 0 || is_bad_pointer(message.msg_iov)) return;
  const KeepErrno keep;
  const NoCancel no_cancel;
  try {
    auto question = Question::parse(gathered(message));
    if (!question || !is_route_socket(fd) || mode() != Mode::Virtual) return;
    // Names and numbers that cannot be ours are the kernel's alone.
    const bool is_named = question->index != 0 || question->has_name();
    if (is_named && question->index < rpc::kFirstInterfaceIndex &&
        std::string_view(question->name.data()).rfind(rpc::kInterfaceNamePrefix, 0) != 0) {
      return;
    }
    if (const std::uint64_t cookie = cookie_of(fd); cookie != 0) hold(cookie, std::move(*question));
  } catch (const std::exception&) {  // without memory the kernel answers alone
  }
}

void forget_questions() noexcept {
  new (&lock) std::mutex;
  slots.fill({});
  open_questions.store(0, std::memory_order_relaxed);
}

std::optional<ssize_t> answer(int fd, msghdr* message, int flags) noexcept {
  if (Inside::active()) return std::nullopt;
  const KeepErrno keep;
  const NoCancel no_cancel;
  try {
    const std::uint64_t cookie = cookie_of(fd);
    return cookie == 0 ? std::nullopt : answer_slot(fd, cookie, message, flags);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace ztshim::netlink
