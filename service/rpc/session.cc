#include "service/rpc/session.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/log.h"
#include "common/real.h"
#include "common/rpc_channel.h"

namespace ztshim::rpc {
namespace {

int peer_pid(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (real().getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
  return peer.pid;
}

sockets::Policy policy_of(const Hello& hello) {
  sockets::Policy policy;
  switch (hello.egress) {
    case Egress::Split:
      policy.egress = sockets::Policy::Egress::Split;
      break;
    case Egress::Virtual:
      policy.egress = sockets::Policy::Egress::Virtual;
      break;
  }
  switch (hello.listen) {
    case ListenOn::Virtual:
      policy.listen = sockets::Policy::Listen::Virtual;
      break;
    case ListenOn::Host:
      policy.listen = sockets::Policy::Listen::Host;
      break;
    case ListenOn::Both:
      policy.listen = sockets::Policy::Listen::Both;
      break;
  }
  switch (hello.loopback) {
    case Loopback::Host:
      policy.loopback = sockets::Policy::Loopback::Host;
      break;
    case Loopback::Virtual:
      policy.loopback = sockets::Policy::Loopback::Virtual;
      break;
  }
  return policy;
}

// An application that has closed a listener expects its port to be free, and a connect to it to be
// refused, in its very next call. The close was noted before this request (events come in order),
// but sockets act on their notes once a turn only.
bool depends_on_closes(const Body& body) {
  return std::holds_alternative<Bind>(body) || std::holds_alternative<Connect>(body) ||
         std::holds_alternative<Listen>(body) || std::holds_alternative<AwaitSent>(body);
}

}  // namespace

Session::Session(UniqueFd connection, const Services& services, Poller& poller,
                 std::function<void(Session&)> ended)
    : connection_(std::move(connection)),
      services_(services),
      poller_(poller),
      ended_(std::move(ended)) {
  caller_.pid = peer_pid(connection_.get());
  // Edge-triggered: an event per request, in the order in which things happened. Level-triggered,
  // the connection would keep its old place in epoll's list, ahead of a socket closed before the
  // request.
  watch_ = poller_.watch(connection_.get(), EPOLLIN | EPOLLRDHUP | EPOLLET, *this);
}

Session::~Session() { poller_.unwatch(watch_); }

void Session::on_ready(std::uint32_t epoll_events) {
  // A client that has closed gets no second event: what it left is served, or its end found, now.
  const bool has_closed = (epoll_events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0;
  while (serve_one() && has_closed) {
  }
  if (is_over_) ended_(*this);  // may have destroyed this object
}

bool Session::serve_one() {
  std::array<std::uint8_t, kMaxRequestSize> buffer;
  const auto message = receive_message(connection_.get(), buffer, Descriptors::Refuse);
  if (message && message->size > 0) {
    is_over_ = !answer(ByteView(buffer).first(message->size));
    return !is_over_;
  }
  if (!message && message.error() == std::errc::resource_unavailable_try_again) return false;
  is_over_ = true;
  return false;
}

bool Session::answer(ByteView message) {
  const auto request = parse_request(message);
  if (!request) {
    log(LogArea::Rpc, LogLevel::Warn, "pid={} sent a request that cannot be read (reason {})",
        caller_.pid, static_cast<int>(request.error()));
    return false;
  }
  Answer reply;
  const auto* const hello = std::get_if<Hello>(&request->body);
  if (!has_said_hello_) {
    if (hello == nullptr) return false;
    if (hello->version == kVersion) {
      has_said_hello_ = true;
      caller_.policy = policy_of(*hello);
      if (caller_.pid == 0) caller_.pid = hello->pid;  // not visible in our pid namespace
      reply.reply.number = static_cast<std::uint64_t>(services_.id);
    } else {
      // The number tells the other side which version would have been understood.
      reply.reply = Reply::failed(std::errc::protocol_not_supported);
      reply.reply.number = kVersion;
    }
  } else {
    if (depends_on_closes(request->body)) services_.sockets.on_deadline(poller_.now());
    reply = handle(*request, caller_, services_);
  }
  std::array<std::uint8_t, kMaxReplySize> buffer;
  const std::size_t size = serialize(reply.reply, buffer);
  const auto sent = send_message(connection_.get(), ByteView(buffer).first(size),
                                 reply.descriptor ? reply.descriptor.get() : -1);
  // A full queue means a client that asks without reading the answers.
  return sent && has_said_hello_;
}

}  // namespace ztshim::rpc
