#include "service/host/physical.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/log.h"

namespace ztshim::host {
namespace {

// vl1-behaviour 13.1, 19.
constexpr std::uint16_t kLowestRandomPort = 20000;
constexpr std::uint16_t kHighestPrimary = 65499;
constexpr std::uint16_t kHighestSecondary = 65535;
constexpr int kPortAttempts = 256;
constexpr Duration kRefresh{30'000};
constexpr Duration kOfflineNewPort{120'000};
// The kernel reports an address that comes up in several steps: one look for a few of them.
constexpr Duration kChangesTogether{250};
// Sockets may take this part of the descriptors that the program we live in is allowed.
constexpr rlim_t kShareOfDescriptors = 8;

std::string cannot_bind(const Endpoint& local, int error) {
  if (error == EADDRINUSE) {
    return fmt::format("UDP {} is in use by another program; choose another port, or 0 for any",
                       local.text());
  }
  if (error == EADDRNOTAVAIL) {
    return fmt::format("UDP {} cannot be bound: this machine does not have that address",
                       local.text());
  }
  return fmt::format("UDP {} cannot be bound: {}", local.text(), std::strerror(error));
}

std::size_t binding_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kMaxBindings;
  }
  return std::min<std::size_t>(kMaxBindings, limit.rlim_cur / kShareOfDescriptors);
}

}  // namespace

Result<std::unique_ptr<Physical>, std::string> Physical::open(Options options, RandomSource& random,
                                                              EventLoop& loop,
                                                              Callbacks callbacks) {
  std::unique_ptr<Physical> made(
      new Physical(std::move(options), random, loop, std::move(callbacks)));
  if (const auto chosen = made->choose_primary(); !chosen) return failure(chosen.error());
  made->choose_others();
  if (const auto bound = made->rebind(true); !bound) return failure(bound.error());
  made->watch_ = AddressWatch::open(loop, [physical = made.get()] {
    physical->refresh_due_ =
        std::min(physical->refresh_due_,
                 std::max(physical->loop_.now(), physical->refreshed_ + kChangesTogether));
  });
  made->renewed_ = made->refreshed_ = loop.now();
  made->refresh_due_ = loop.now() + kRefresh;
  made->told_ = made->sockets();
  made->supervise_mapper();
  return made;
}

Physical::Physical(Options options, RandomSource& random, EventLoop& loop, Callbacks callbacks)
    : options_(std::move(options)),
      random_(random),
      loop_(loop),
      on_datagram_(std::move(callbacks.on_datagram)),
      on_batch_(std::move(callbacks.on_batch)),
      on_change_(std::move(callbacks.on_change)),
      ports_(
          {}, loop,
          [this](const Arrival& from, MutableBytes datagram) {
            if (relay_ != nullptr) relay_->on_udp_received(from.remote, datagram.size());
            on_datagram_(from, datagram);
          },
          [this] { on_batch_(); }) {
  set_up_relay();
}

void Physical::set_up_relay() {
  relay_.reset();
  if (options_.tcp_fallback.mode == vl1::TcpFallback::Mode::Off) return;
  relay_ = std::make_unique<TcpRelay>(options_.tcp_fallback, loop_, on_datagram_, on_batch_);
}

void Physical::send(const Outbox& out) {
  if (relay_ != nullptr) relay_->send(out);
  if (uses_udp()) ports_.send(out);
}

// ---- ports

std::uint16_t Physical::unused_random(std::uint16_t highest) {
  std::uint16_t port = 0;
  do {
    port = static_cast<std::uint16_t>(kLowestRandomPort +
                                      random_.below(highest - kLowestRandomPort + 1U));
  } while (port == chosen_.primary || port == chosen_.secondary || port == chosen_.tertiary);
  return port;
}

// Binds the sockets of the primary port: which of the ports are free is known no other way.
Result<void, std::string> Physical::choose_primary() {
  const auto fixed = options_.settings.primary_port.value_or(0);
  chosen_ = {};
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    chosen_.primary = fixed != 0 ? fixed
                      : attempt == 0 && options_.preferred_port != 0
                          ? options_.preferred_port
                          : unused_random(kHighestPrimary);
    const auto wanted = plan();
    std::optional<std::pair<Endpoint, int>> refused;
    for (const UdpBinding& binding : wanted) {
      const int error = ports_.add(binding);
      if (error == EADDRINUSE || (error != 0 && binding.required)) {
        refused = {binding.local, error};
        break;
      }
    }
    if (!refused) return {};
    ports_.close_unless([](const Endpoint&) { return false; });
    const bool is_matter_of_port =
        refused->second == EADDRINUSE && fixed == 0 && refused->first.port == chosen_.primary;
    if (!is_matter_of_port) return failure(cannot_bind(refused->first, refused->second));
  }
  return failure(fmt::format("no free UDP port found in {} attempts", kPortAttempts));
}

// A port that is free on all addresses now; one that was asked for is taken as it is.
std::uint16_t Physical::choose_other(std::uint16_t configured) {
  return configured != 0 ? configured : unused_random(kHighestSecondary);
}

void Physical::choose_others() {
  const PhysicalSettings& settings = options_.settings;
  const auto decide = [&](bool wanted, std::uint16_t configured, std::uint16_t& port) {
    if (!wanted) {
      port = 0;
    } else if (port == 0 || (configured != 0 && port != configured)) {
      port = 0;
      port = choose_other(configured);
    }
  };
  decide(settings.allow_secondary_port, settings.secondary_port, chosen_.secondary);
  decide(wants_mapping(), settings.tertiary_port, chosen_.tertiary);
}

bool Physical::wants_mapping() const {
  return uses_udp() && options_.settings.map_ports && options_.settings.bind.empty() &&
         options_.around.elsewhere;
}

// ---- sockets

std::vector<UdpBinding> Physical::plan() const {
  if (!uses_udp()) return {};
  return plan_bindings(local_addresses(), options_.settings, chosen_, options_.around,
                       binding_limit());
}

Result<void, std::string> Physical::rebind(bool is_start) {
  const auto wanted = plan();
  ports_.close_unless([&](const Endpoint& local) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const UdpBinding& binding) { return binding.local == local; });
  });
  for (const UdpBinding& binding : wanted) {
    if (ports_.has(binding.local)) continue;
    const int error = ports_.add(binding);
    if (error == 0) continue;
    if (is_start && binding.required) return failure(cannot_bind(binding.local, error));
    // A family this machine lacks, a port that others have on this address: the other sockets do.
    log(LogArea::Host, LogLevel::Debug, "{}", cannot_bind(binding.local, error));
  }
  return {};
}

void Physical::refresh(Time now) {
  refreshed_ = now;
  refresh_due_ = refreshed_ + kRefresh;
  static_cast<void>(rebind(false));
  supervise_mapper();
  tell();
}

void Physical::tell() {
  auto present = sockets();
  if (present == told_) return;
  told_ = std::move(present);
  if (mapper_ != nullptr) mapper_->ask_again();
  on_change_();
}

void Physical::supervise_mapper() {
  if (!wants_mapping()) {
    mapper_.reset();
    if (!std::exchange(mapped_, {}).empty()) on_change_();
    return;
  }
  if (mapper_ != nullptr && mapper_->port() == chosen_.tertiary) return;
  mapper_ = PortMapper::start(
      loop_,
      {chosen_.tertiary, fmt::format("ZeroTier/{}@{}", options_.node, chosen_.tertiary),
       options_.places},
      [this](std::vector<Endpoint> mapped) {
        mapped_ = std::move(mapped);
        on_change_();
      });
}

void Physical::continue_in_copy() {
  if (mapper_ == nullptr) return;
  mapper_->forget_thread();
  mapper_.reset();
  supervise_mapper();
}

void Physical::abandon() {
  if (mapper_ != nullptr) mapper_->end_thread();
}

// ---- what happens

Time Physical::renewal_due() const {
  const bool may_renew =
      !online_ && chosen_.secondary != 0 && options_.settings.secondary_port == 0;
  return may_renew ? renewed_ + kOfflineNewPort : kNever;
}

Time Physical::next_deadline() const {
  return std::min(
      {refresh_due_, renewal_due(), relay_ == nullptr ? kNever : relay_->next_deadline()});
}

void Physical::on_deadline(Time now) {
  if (now >= renewal_due()) renew_secondary(now, "offline");
  if (now >= refresh_due_) refresh(now);
  if (relay_ != nullptr) relay_->on_deadline(now);
}

void Physical::renew_secondary(Time now, const char* why) {
  renewed_ = now;
  if (chosen_.secondary == 0 || options_.settings.secondary_port != 0) return;
  chosen_.secondary = unused_random(kHighestSecondary);
  log(LogArea::Host, LogLevel::Info, "{}: another secondary port, {}", why, chosen_.secondary);
  refresh(now);
}

void Physical::set_online(Time now, bool online) {
  if (online == online_) return;
  online_ = online;
  renewed_ = now;
}

void Physical::on_resume(Time now) {
  if (relay_ != nullptr) relay_->on_resume();
  renew_secondary(now, "resumed");
  refresh(now);
  if (mapper_ != nullptr) mapper_->ask_again();
}

void Physical::change(Time now, PhysicalSettings settings,
                      const vl1::TcpFallback::Settings& tcp_fallback) {
  const bool same_relay = tcp_fallback.mode == options_.tcp_fallback.mode &&
                          tcp_fallback.relay == options_.tcp_fallback.relay;
  if (same_relay && settings == options_.settings) return;
  if (!same_relay) {
    options_.tcp_fallback = tcp_fallback;
    set_up_relay();
  }
  const std::uint16_t wanted = settings.primary_port.value_or(0);
  const bool moves = wanted != 0 && wanted != chosen_.primary;
  options_.settings = std::move(settings);
  if (moves) chosen_.primary = wanted;
  choose_others();
  refresh(now);
}

void Physical::set_surroundings(Time now, const Surroundings& around) {
  if (around == options_.around) return;
  options_.around = around;
  choose_others();
  refresh(now);
}

// ---- looking in

std::vector<Endpoint> Physical::primary_endpoints() const {
  auto endpoints = ports_.local_endpoints();
  std::erase_if(endpoints, [&](const Endpoint& endpoint) {
    return endpoint.port == chosen_.secondary || endpoint.port == chosen_.tertiary;
  });
  return endpoints;
}

std::vector<vl1::BoundSocket> Physical::sockets() const {
  auto sockets = ports_.sockets();
  for (vl1::BoundSocket& socket : sockets) socket.addresses = reachable_endpoints(socket.addresses);
  return sockets;
}

}  // namespace ztshim::host
