#include "service/service.h"

#include <unistd.h>

#include <algorithm>

#include "common/log.h"
#include "service/crypto/hash.h"
#include "service/host/local_settings.h"
#include "service/stack/groups.h"

namespace ztshim {
namespace {

// Waking this much later than planned, or a calendar that runs ahead of the clock by as much: the
// machine was asleep (vl1-behaviour 12).
constexpr Duration kAsleep{10'000};
// How often is looked whether local.conf is another (vl1-behaviour 12).
constexpr Duration kLocalConfCheck{10'000};
// How often known peers are written and forgotten ones removed (vl1-behaviour 12, 17): a crash
// costs the addresses of an hour.
constexpr Duration kPeerTidying{3'600'000};
// Two full segmented sends: waiting for more saves nothing and keeps the receiver idle.
constexpr std::size_t kEarlyFlush = 90;
// Frames that cause frames that cause frames: a loop between our own parts must not hang the
// thread.
constexpr int kMaxSettleRounds = 64;

// Known to all processes that are this node one after the other, and to nobody else.
Bytes sequence_secret_of(const Identity& identity) {
  const std::string text = "TCP sequence numbers of " + identity.secret_text();
  const Sha512 digest = sha512(as_bytes(text));
  return Bytes(digest.begin(), digest.begin() + 16);
}

}  // namespace

// ---- start

Result<std::unique_ptr<Service>, ServiceFailure> Service::start(ServiceOptions options) {
  const auto fail = [](std::string reason) {
    return failure(ServiceFailure{false, std::move(reason)});
  };
  auto files = host::HomeFiles::open(options.home);
  if (!files) return fail(files.error());
  auto lock = host::HomeLock::acquire(*files);
  if (!lock) return fail(lock.error());
  if (!*lock) {
    return failure(ServiceFailure{
        true, fmt::format("{} is in use: another process hosts this node", options.home)});
  }
  files->remove_leftovers();
  auto loop = host::EventLoop::make({});
  if (!loop) return fail(loop.error());
  std::unique_ptr<Service> service(new Service(std::move(options),
                                               host::StateStore(std::move(*files)),
                                               std::move(**lock), std::move(*loop)));
  if (const auto opened = service->open(); !opened) return fail(opened.error());
  return service;
}

Service::Service(ServiceOptions options, host::StateStore store, host::HomeLock lock,
                 std::unique_ptr<host::EventLoop> loop)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      store_(std::move(store)),
      loop_(std::move(loop)) {}

// Sockets speak to the stack, and the stack to the node, while they are taken down.
Service::~Service() {
  rpc_.reset();
  reachability_.reset();
  sockets_.reset();
  stack_.reset();
}

Result<void, std::string> Service::open() {
  auto identity = store_.load_or_make_identity(random_);
  if (!identity) return failure(identity.error());
  loop_->refresh_clocks();
  auto conf = host::load_local_conf(store_.files());
  if (!conf) return failure(conf.error());
  conf_ = std::move(*conf);
  conf_watch_.has_changed(store_.files());
  conf_due_ = now().time + kLocalConfCheck;
  store_.remove_old_peers(now().wall_ms);
  peers_due_ = now().time + kPeerTidying;
  report_useless_settings();
  // A root's planet lists the ports it has; all others need to know where the roots are first.
  Result<World, std::string> planet = failure(std::string());
  if (!options_.make_planet) {
    planet = store_.choose_planet(options_.planet);
    if (!planet) return failure(planet.error());
  }
  const auto opened = open_ports(*identity, planet ? std::optional(*planet) : std::nullopt);
  if (!opened) return opened;
  if (options_.make_planet) planet = options_.make_planet(*identity, endpoints());
  if (!planet) return failure(planet.error());
  if (const auto stored = store_wanted_networks(); !stored) return stored;

  node_ = std::make_unique<Node>(load_environment(*identity, std::move(*planet)), random_);
  node_->vl2().set_low_bandwidth(conf_.vl1.low_bandwidth);
  stack_ = std::make_unique<stack::Stack>(
      [this](const stack::OutgoingFrame& frame) {
        bridge_->send(now(), frame, out_);
        if (out_.datagrams().size() >= kEarlyFlush && out_.frames().empty() &&
            out_.stored().empty() && out_.events().empty()) {
          physical_->send(out_);
          out_.clear();
        }
      },
      [this](MutableBytes bytes) { random_.fill(bytes); });
  stack_->set_sequence_secret(sequence_secret_of(*identity));
  bridge_ = std::make_unique<NetworkBridge>(*node_, *stack_);
  stack_->set_time(now().time);
  stack_->groups().set_listener(
      [this](stack::InterfaceId interface, const std::vector<IpAddress>& groups) {
        bridge_->set_groups(now(), interface, groups, out_);
      });
  const ServiceId id{random_.number()};
  sockets_ = std::make_unique<sockets::Sockets>(*stack_, *loop_, id);
  reachability_ = std::make_unique<Reachability>(*node_, *stack_, *sockets_);
  auto server = host::RpcServer::open(store_.files(), *loop_, rpc::Services{*sockets_, *this, id},
                                      options_.allowed_uids);
  if (!server) return failure(server.error());
  rpc_ = std::move(*server);

  life_line_.open();
  loop_->set_turn_hook([this] { stack_->set_time(now().time); });
  tell_sockets();
  node_->start(now(), out_);
  for (const NetworkId network : node_->vl2().networks()) bridge_->update(network);
  flush();
  log(LogArea::Service, LogLevel::Info, "node {} runs, home {}", identity->address().text(),
      options_.home);
  return {};
}

Result<void, std::string> Service::open_ports(const Identity& identity,
                                              const std::optional<World>& planet) {
  host::Physical::Options options;
  options.settings = physical_settings();
  options.tcp_fallback = conf_.tcp_fallback;
  options.around = host::Surroundings::of(planet);
  options.preferred_port = store_.load_port();
  options.node = identity.address().text();
  auto opened = host::Physical::open(std::move(options), random_, *loop_,
                                     {[this](const Arrival& from, MutableBytes datagram) {
                                        node_->on_datagram(now(), from, datagram, out_);
                                      },
                                      [this] { settle(); }, [this] { tell_sockets(); }});
  if (!opened) return failure(opened.error());
  physical_ = std::move(*opened);
  return store_.save_port(physical_->chosen_ports().primary);
}

// What the command line and the environment say goes before local.conf.
host::PhysicalSettings Service::physical_settings() const {
  host::PhysicalSettings settings = conf_.physical;
  if (options_.port != 0) settings.primary_port = options_.port;
  if (!options_.bind.empty()) settings.bind = options_.bind;
  // Whoever names addresses here, or is found by them, wants these and no others.
  if (!options_.bind.empty() || options_.make_planet) {
    settings.allow_secondary_port = false;
    settings.map_ports = false;
  }
  return settings;
}

void Service::report_useless_settings() const {
  for (const std::string& key : conf_.unknown) {
    log(LogArea::Service, LogLevel::Warn, "local.conf: unknown key {}", key);
  }
  for (const std::string& key : conf_.meaningless) {
    log(LogArea::Service, LogLevel::Info, "local.conf: {} has no meaning here", key);
  }
}

void Service::tidy_peers() {
  peers_due_ = now().time + kPeerTidying;
  node_->vl1().store_peers(out_);
  store_.remove_old_peers(now().wall_ms);
}

void Service::reread_local_conf() {
  conf_due_ = now().time + kLocalConfCheck;
  if (!conf_watch_.has_changed(store_.files())) return;
  auto conf = host::load_local_conf(store_.files());
  if (!conf) {
    log(LogArea::Service, LogLevel::Error, "{}; what was in effect stays", conf.error());
    return;
  }
  conf_ = std::move(*conf);
  report_useless_settings();
  log(LogArea::Service, LogLevel::Info, "local.conf was read again");
  physical_->change(now().time, physical_settings(), conf_.tcp_fallback);
  node_->vl1().configure(now(), conf_.vl1, out_);
  node_->vl2().set_low_bandwidth(conf_.vl1.low_bandwidth);
}

Result<void, std::string> Service::store_wanted_networks() {
  for (const NetworkSetting& wanted : options_.networks) {
    const NetworkId id(wanted.id);
    if (auto stored = store_.add_network(id); !stored) return stored;
    if (wanted.settings.empty()) continue;
    vl2::LocalSettings settings;
    for (const auto& network : store_.load_networks()) {
      if (network.id == id) settings = network.settings;
    }
    if (auto applied = host::apply_local_settings(settings, wanted.settings); !applied) {
      return failure(fmt::format("network {}: {}", id.text(), applied.error()));
    }
    if (auto saved = store_.save_settings(id, settings); !saved) return saved;
  }
  return {};
}

Environment Service::load_environment(const Identity& identity, World planet) {
  Environment environment;
  environment.vl1.identity = identity;
  environment.vl1.planet = std::move(planet);
  environment.vl1.moons = store_.load_moons();
  environment.vl1.cached_peers = store_.load_peers();
  environment.vl1.settings = conf_.vl1;
  for (auto& network : store_.load_networks()) {
    settings_[network.id] = network.settings;
    environment.networks.push_back({network.id, std::move(network.config), network.settings});
  }
  environment.controller_records = &store_;
  environment.run_controller = options_.run_controller || !store_.record_networks().empty();
  return environment;
}

// ---- the loop

Result<void, std::string> Service::run() {
  try {
    while (!stop_.load(std::memory_order_acquire) && fatal_.empty() && !has_left()) turn();
    if (!has_left()) finish();
  } catch (const std::exception& e) {  // out of memory, mostly
    fatal_ = e.what();
  }
  {
    const std::lock_guard lock(calls_.mutex);
    calls_.has_ended = true;
    calls_.changed.notify_all();
  }
  end_departure();
  if (!fatal_.empty()) return failure(fatal_);
  return {};
}

void Service::turn() {
  const Time planned = next_deadline();
  loop_->turn(planned);
  notice_sleep(planned);
  run_timers();
  serve_calls();
  flush();
  check_departure();
}

Time Service::next_deadline() const {
  return std::min({node_->next_deadline(), stack_->next_deadline(), sockets_->next_deadline(),
                   reachability_->next_deadline(), writes_.next_deadline(),
                   physical_->next_deadline(), departure_deadline(), conf_due_, peers_due_});
}

void Service::run_timers() {
  const Now time = now();
  if (time.time >= node_->next_deadline()) node_->on_deadline(time, out_);
  settle();
  // In this order: the sockets act once on all that fds, frames and timers have told them.
  if (time.time >= stack_->next_deadline()) stack_->run_timers();
  if (time.time >= sockets_->next_deadline()) sockets_->on_deadline(time.time);
  if (time.time >= reachability_->next_deadline()) reachability_->on_deadline(time.time);
  physical_->on_deadline(time.time);
  if (time.time >= conf_due_) reread_local_conf();
  if (time.time >= peers_due_) tidy_peers();
  writes_.on_deadline(time.time);
}

// Carries out everything but datagrams that nothing else depends on: those wait for company.
void Service::settle() {
  for (int round = 0; round < kMaxSettleRounds; ++round) {
    if (out_.frames().empty() && out_.events().empty() && out_.stored().empty()) return;
    std::swap(out_, settling_);
    bridge_->deliver(settling_);
    for (const Event& event : settling_.events()) handle(event);
    for (const StoredObject& object : settling_.stored()) keep(object);
    physical_->send(settling_);
    settling_.clear();
  }
}

void Service::flush() {
  settle();
  physical_->send(out_);
  // Left over after more rounds than settle() allows: frames are dropped, as a network would.
  for (const StoredObject& object : out_.stored()) keep(object);
  out_.clear();
}

void Service::change(const std::function<void(Node&, Now, Outbox&)>& change) {
  loop_->refresh_clocks();
  stack_->set_time(now().time);
  change(*node_, now(), out_);
  flush();
  writes_.flush();
}

void Service::handle(const Event& event) {
  if (const auto* changed = std::get_if<NetworkChanged>(&event)) {
    on_network_changed(changed->network);
  } else if (const auto* online = std::get_if<OnlineChanged>(&event)) {
    log(LogArea::Service, LogLevel::Info, "{}",
        online->online ? "online" : "offline: no root answers");
    physical_->set_online(now().time, online->online);
  } else if (std::holds_alternative<IdentityCollision>(event)) {
    on_identity_collision();
  }
}

void Service::on_network_changed(NetworkId network) {
  bridge_->update(network);
  bridge_->renew_groups(now(), network, out_);
  if (const auto info = node_->vl2().info(network)) {
    log(LogArea::Service, LogLevel::Info, "net={} status {}", network.text(),
        vl2::name_of(info->status));
  }
  release_waiters();
}

// vl1-behaviour 9: the address belongs to whoever was there first.
void Service::on_identity_collision() {
  const auto replaced = store_.replace_identity(random_);
  fatal_ = fmt::format(
      "another node has the address {}; {}", node_->vl1().address().text(),
      replaced ? fmt::format("this home is {} from now on: start again", replaced->address().text())
               : replaced.error());
  log(LogArea::Service, LogLevel::Error, "{}", fatal_);
}

void Service::tell_sockets() {
  node_->vl1().set_sockets(now(), physical_->sockets(), out_);
  node_->vl1().set_external_endpoints(now(), physical_->mapped_endpoints(), out_);
}

void Service::notice_sleep(Time planned) {
  const Now last = std::exchange(last_turn_, now());
  if (last.time == kLongAgo) return;
  const Duration elapsed = now().time - last.time;
  const Duration jump = Duration(now().wall_ms - last.wall_ms) - elapsed;
  if (planned != kNever && now().time - std::max(planned, last.time) > kAsleep) {
    log(LogArea::Service, LogLevel::Info, "asleep for {} s", elapsed.count() / 1000);
  } else if (jump > kAsleep) {
    log(LogArea::Service, LogLevel::Info, "the calendar went forward by {} s", jump.count() / 1000);
  } else {
    return;
  }
  physical_->on_resume(now().time);
  node_->vl1().on_resume(now(), out_);
}

void Service::finish() {
  rpc_.reset();
  node_->vl1().store_peers(out_);
  flush();
  writes_.flush();
}

// A planet given by the user is not made the home's own where that is another world.
void Service::keep(const StoredObject& object) {
  if (object.kind == StoredKind::Planet && !options_.planet.empty()) {
    const auto offered = World::parse(object.content);
    const auto content = store_.files().read("planet");
    const auto present = content && *content
                             ? World::parse(**content)
                             : Result<World, ParseError>(failure(ParseError::Truncated));
    if (offered && present && present->id != offered->id) return;
  }
  writes_.add(now().time, object);
  // Roots may have moved onto loopback, or away from it.
  if (object.kind == StoredKind::Planet && !options_.make_planet) {
    physical_->set_surroundings(now().time, host::Surroundings::of(node_->vl1().planet()));
  }
}

// ---- calls from other threads

bool Service::call(const std::function<void(Node&, Now, Outbox&)>& work) {
  Call call{&work};
  std::unique_lock lock(calls_.mutex);
  if (calls_.has_ended) return false;
  calls_.waiting.push_back(&call);
  loop_->wake();
  calls_.changed.wait(lock, [&] { return call.is_done || calls_.has_ended; });
  if (!call.is_done) std::erase(calls_.waiting, &call);
  return call.is_done;
}

void Service::vacate(int fd) {
  call([this, fd](Node&, Now, Outbox&) { loop_->vacate(fd); });
}

void Service::serve_calls() {
  const std::lock_guard lock(calls_.mutex);
  if (calls_.waiting.empty()) return;
  for (Call* const call : calls_.waiting) {
    (*call->work)(*node_, now(), out_);
    call->is_done = true;
  }
  calls_.waiting.clear();
  calls_.changed.notify_all();
}

void Service::stop() noexcept {
  stop_.store(true, std::memory_order_release);
  loop_->wake();
}

}  // namespace ztshim
