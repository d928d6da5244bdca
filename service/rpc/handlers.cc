#include "service/rpc/handlers.h"

#include <netinet/in.h>
#include <sys/mman.h>

#include <string>

#include "common/internal_fds.h"
#include "common/real.h"

namespace ztshim::rpc {
namespace {

using Kind = Reply::Kind;
using sockets::Outcome;

Reply to_reply(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::Done:
      return Reply::of(Kind::Done);
    case Outcome::Kind::InProgress:
      return Reply::of(Kind::InProgress);
    case Outcome::Kind::Host:
      return Reply::of(Kind::Host);
    case Outcome::Kind::Failed:
      return Reply::failed(outcome.error);
  }
  return Reply::failed(std::errc::io_error);
}

Reply to_reply(const Result<void>& done) {
  return done ? Reply::of(Kind::Done) : Reply::failed(done.error());
}

// "Not on any network of ours", which may only mean "not yet".
bool says_elsewhere(const Outcome& outcome) {
  return outcome.kind == Outcome::Kind::Host ||
         (outcome.kind == Outcome::Kind::Failed &&
          (outcome.error == std::errc::network_unreachable ||
           outcome.error == std::errc::address_not_available));
}

// Loopback is the host's or ours (ZTSHIM_LOOPBACK), whatever the networks are doing. The wildcard
// means all addresses to bind(2) and loopback to connect(2).
bool may_be_of_a_network(const IpAddress& address) {
  const IpAddress ip = address.unmapped();
  return !ip.is_loopback() && !ip.is_unspecified();
}

// A memfd at its start, holding `text`.
Result<UniqueFd> to_memfd(const std::string& text) {
  UniqueFd file(keep_internal_fd(::memfd_create("ztshim-status", MFD_CLOEXEC)));
  if (!file) return failure(static_cast<std::errc>(errno));
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = real().write(file.get(), text.data() + at, text.size() - at);
    if (written < 0) return failure(static_cast<std::errc>(errno));
    at += static_cast<std::size_t>(written);
  }
  // The receiver shares our file position.
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return failure(static_cast<std::errc>(errno));
  return file;
}

// Those from number `first` on, as many as fit.
template <typename Record>
Reply page_of(const std::vector<Record>& records, std::size_t first, bool is_ready) {
  Reply reply = Reply::of(is_ready ? Kind::Done : Kind::NotReady);
  reply.number = records.size();
  Bytes payload;
  for (std::size_t i = first; i < records.size(); ++i) {
    Bytes one;
    records[i].append_to(one);
    if (payload.size() + one.size() > kMaxPayload) break;
    append(payload, one);
  }
  reply.payload.assign(payload);
  return reply;
}

// One overload per request.
class Handler {
 public:
  Handler(SocketId id, const Caller& caller, const Services& services)
      : id_(id),
        caller_(caller),
        sockets_(services.sockets),
        control_(services.control),
        capabilities_(services.capabilities) {}

  // The session answers it; a second one is out of turn.
  Answer operator()(const Hello&) const { return {Reply::failed(std::errc::protocol_error), {}}; }

  Answer operator()(const CreateSocket& request) const {
    auto created = sockets_.create({request.domain, request.type, request.protocol}, caller_.pid);
    if (!created) return {Reply::failed(created.error()), {}};
    Reply reply;
    reply.number = static_cast<std::uint64_t>(created->id);
    return {reply, std::move(created->application_end)};
  }

  Answer operator()(const Bind& request) const {
    if (const auto wrong = check_family(request.local)) return {*wrong, {}};
    const Outcome outcome = sockets_.bind(id_, request.local, caller_.policy);
    if (says_elsewhere(outcome) && may_be_of_a_network(request.local.ip) &&
        !control_.networks_ready()) {
      return {Reply::of(Kind::NotReady), {}};
    }
    return {to_reply(outcome), {}};
  }

  Answer operator()(const Connect& request) const {
    // Dissolves the connection of a datagram socket.
    if (!request.peer && is_datagram()) {
      return {to_reply(sockets_.connect(id_, {}, 0, caller_.policy)), {}};
    }
    if (const auto wrong = check_family(request.peer)) return {*wrong, {}};
    const Outcome outcome = sockets_.connect(id_, request.peer, request.gate_bytes, caller_.policy);
    if (says_elsewhere(outcome) && may_be_of_a_network(request.peer.ip) &&
        !control_.networks_ready()) {
      return {Reply::of(Kind::NotReady), {}};
    }
    return {to_reply(outcome), {}};
  }

  Answer operator()(const Listen& request) const {
    return {to_reply(sockets_.listen(id_, request.backlog, request.gate_bytes, caller_.policy)),
            {}};
  }

  Answer operator()(const ReturnConnection& request) const {
    return {to_reply(sockets_.return_connection(id_, request.connection)), {}};
  }

  Answer operator()(const Shutdown& request) const {
    return {to_reply(sockets_.shutdown(id_, request.how)), {}};
  }

  Answer operator()(const GetName& request) const {
    const auto name =
        request.side == Side::Local ? sockets_.local_name(id_) : sockets_.peer_name(id_);
    if (!name) return {Reply::failed(name.error()), {}};
    Reply reply;
    reply.endpoint = *name;
    reply.number = static_cast<std::uint64_t>(domain());
    return {reply, {}};
  }

  Answer operator()(const TakeError&) const {
    Reply reply;
    reply.number = static_cast<std::uint64_t>(sockets_.take_error(id_));
    return {reply, {}};
  }

  Answer operator()(const TakeErrorMessage&) const {
    const auto message = sockets_.take_error_message(id_);
    if (!message) return {Reply::failed(std::errc::resource_unavailable_try_again), {}};
    Reply reply;
    reply.payload.assign(*message);
    return {reply, {}};
  }

  Answer operator()(const GetOption& request) const {
    const std::size_t size = std::min<std::size_t>(request.size, kMaxOptionSize);
    auto value = sockets_.get_option(id_, request.level, request.name, size);
    if (!value) return {Reply::failed(value.error()), {}};
    if (!*value) return {Reply::of(Kind::NotOurs), {}};
    Reply reply;
    reply.payload.assign(**value);
    return {reply, {}};
  }

  Answer operator()(const SetOption& request) const {
    const auto is_done =
        sockets_.set_option(id_, request.level, request.name, request.value.view());
    if (!is_done) return {Reply::failed(is_done.error()), {}};
    return {Reply::of(*is_done ? Kind::Done : Kind::NotOurs), {}};
  }

  Answer operator()(const RememberedOptions& request) const {
    const auto options = sockets_.remembered_options(id_);
    const auto local = sockets_.local_name(id_);
    Reply reply;
    reply.number = options.size();
    if (local) reply.endpoint = *local;
    std::array<std::uint8_t, kMaxPayload> payload{};
    std::size_t used = 0;
    for (std::size_t i = request.first; i < options.size(); ++i) {
      const auto& option = options[i];
      if (!append_option(payload, used, {option.level, option.name, option.value})) break;
    }
    reply.payload.assign(ByteView(payload).first(used));
    return {reply, {}};
  }

  Answer operator()(const UnsentBytes&) const {
    Reply reply;
    reply.number = sockets_.unsent_bytes(id_);
    return {reply, {}};
  }

  Answer operator()(const AwaitSent&) const {
    auto waiting = sockets_.await_sent(id_);
    if (!waiting) return {Reply::failed(waiting.error()), {}};
    if (!*waiting) return {Reply::of(Kind::Done), {}};
    return {Reply::of(Kind::NotReady), std::move(**waiting)};
  }

  Answer operator()(const WaitReady&) const {
    if (control_.networks_ready()) return {Reply::of(Kind::Done), {}};
    auto ready = control_.make_ready_fd();
    if (!ready) return {Reply::failed(ready.error()), {}};
    return {Reply::of(Kind::NotReady), std::move(*ready)};
  }

  Answer operator()(const Status& request) const {
    auto file = to_memfd(control_.status_json(request.section));
    if (!file) return {Reply::failed(file.error()), {}};
    return {Reply::of(Kind::Done), std::move(*file)};
  }

  Answer operator()(const GetCapability&) const {
    if (capabilities_ == nullptr) return {Reply::failed(std::errc::operation_not_supported), {}};
    auto given = capabilities_->give(caller_);
    if (!given) return {Reply::failed(given.error()), {}};
    return {Reply::of(Kind::Done), std::move(*given)};
  }

  Answer operator()(const CheckSend& request) const {
    if (request.destination) {
      if (const auto wrong = check_family(request.destination)) return {*wrong, {}};
    }
    const Outcome outcome = sockets_.check_send(id_, request.destination, request.size,
                                                request.interface_index, caller_.policy);
    if (says_elsewhere(outcome) && !request.destination.ip.is_loopback() &&
        !control_.networks_ready()) {
      return {Reply::of(Kind::NotReady), {}};
    }
    return {to_reply(outcome), {}};
  }

  Answer operator()(const Join& request) const {
    if (request.network == 0) return {Reply::failed(std::errc::invalid_argument), {}};
    return {to_reply(control_.join(request.network)), {}};
  }
  Answer operator()(const Leave& request) const {
    return {to_reply(control_.leave(request.network)), {}};
  }
  Answer operator()(const Ping& request) const {
    auto answers = control_.ping(as_text(request.target.view()), request);
    if (!answers) return {Reply::failed(answers.error()), {}};
    return {Reply::of(Kind::Done), std::move(*answers)};
  }
  Answer operator()(const Why& request) const {
    auto file = to_memfd(control_.why(request.peer, caller_.policy));
    if (!file) return {Reply::failed(file.error()), {}};
    return {Reply::of(Kind::Done), std::move(*file)};
  }
  Answer operator()(const Interfaces& request) const {
    return {page_of(control_.interfaces(caller_.policy), request.first, control_.networks_ready()),
            {}};
  }
  Answer operator()(const Resolvers& request) const {
    return {page_of(control_.resolvers(request.about.ip.unmapped()), request.first,
                    control_.resolvers_ready()),
            {}};
  }
  Answer operator()(const Source& request) const {
    const sockets::Decision decision =
        sockets_.decide(request.peer.ip.unmapped(), caller_.policy, request.peer.scope);
    if (decision.way == sockets::Decision::Way::Host) return {Reply::of(Kind::Host), {}};
    if (!decision.hop) return {Reply::failed(std::errc::network_unreachable), {}};
    Reply reply;
    reply.endpoint.ip = decision.hop->source;
    return {reply, {}};
  }
  Answer operator()(const Administer& request) const {
    auto file = to_memfd(control_.administer(as_text(request.request.view())));
    if (!file) return {Reply::failed(file.error()), {}};
    return {Reply::of(Kind::Done), std::move(*file)};
  }

 private:
  int domain() const {
    const auto kind = sockets_.kind(id_);
    return kind ? kind->domain : AF_INET;
  }
  bool is_datagram() const {
    const auto kind = sockets_.kind(id_);
    return kind && kind->type == SOCK_DGRAM;
  }
  // An AF_INET socket takes IPv4 addresses alone, an AF_INET6 socket IPv6 (mapped ones included).
  std::optional<Reply> check_family(const Endpoint& address) const {
    const bool fits = domain() == AF_INET6 ? address.ip.is_v6() : address.ip.is_v4();
    if (fits) return std::nullopt;
    return Reply::failed(std::errc::address_family_not_supported);
  }

  SocketId id_;
  const Caller& caller_;
  sockets::Sockets& sockets_;
  Control& control_;
  Capabilities* capabilities_;
};

// Requests about one socket of ours; the others carry zeroes.
bool is_about_socket(const Body& body) {
  return !std::holds_alternative<Hello>(body) && !std::holds_alternative<CreateSocket>(body) &&
         !std::holds_alternative<WaitReady>(body) && !std::holds_alternative<Status>(body) &&
         !std::holds_alternative<Join>(body) && !std::holds_alternative<Leave>(body) &&
         !std::holds_alternative<Administer>(body) && !std::holds_alternative<Ping>(body) &&
         !std::holds_alternative<Why>(body) && !std::holds_alternative<Interfaces>(body) &&
         !std::holds_alternative<Resolvers>(body) && !std::holds_alternative<Source>(body) &&
         !std::holds_alternative<GetCapability>(body);
}

}  // namespace

Answer handle(const Request& request, const Caller& caller, const Services& services) {
  // The name on an fd outlives the service that made it.
  if (is_about_socket(request.body) &&
      (request.socket.service != services.id || !services.sockets.exists(request.socket.socket))) {
    return {Reply::of(Kind::Gone), {}};
  }
  return std::visit(Handler(request.socket.socket, caller, services), request.body);
}

}  // namespace ztshim::rpc
