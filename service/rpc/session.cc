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

// Requests served per turn of the loop: a client in a tight loop must not keep the others waiting,
// and one turn must be worth its epoll_wait.
constexpr int kRequestsPerTurn = 16;

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
  return policy;
}

}  // namespace

Session::Session(UniqueFd connection, const Services& services, Poller& poller,
                 std::function<void(Session&)> ended)
    : connection_(std::move(connection)),
      services_(services),
      poller_(poller),
      ended_(std::move(ended)) {
  caller_.pid = peer_pid(connection_.get());
  watch_ = poller_.watch(connection_.get(), EPOLLIN, *this);
}

Session::~Session() { poller_.unwatch(watch_); }

void Session::on_ready(std::uint32_t) {
  for (int i = 0; i < kRequestsPerTurn && serve_one(); ++i) {
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
  // Level-triggered: whatever is left for later comes back as an event.
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
