// One running ZeroTier node with its TCP/IP stack, its physical sockets and its clients: puts the
// parts together and owns the loop that turns them. Belongs to one thread but for what is named
// "from any thread".
//
// How it works. A turn of the loop serves the physical sockets first; datagrams go into the node,
// the frames that come out of it into the stack, what the stack answers back into the node. Then
// clients and virtual sockets are served, then whatever timers are due. All datagrams that came up
// on the way leave at the end of the turn, so that they can leave together; files are written later
// still.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/config.h"
#include "service/administration.h"
#include "service/host/event_loop.h"
#include "service/host/home_lock.h"
#include "service/host/local_conf.h"
#include "service/host/physical.h"
#include "service/host/random.h"
#include "service/host/rpc_server.h"
#include "service/host/state_store.h"
#include "service/host/store_queue.h"
#include "service/life_line.h"
#include "service/network_bridge.h"
#include "service/node/node.h"
#include "service/reachability.h"
#include "service/rpc/control.h"
#include "service/sockets/sockets.h"
#include "service/stack/stack.h"

namespace ztshim {

struct ServiceOptions {
  std::string home;    // absolute
  std::string planet;  // file; empty: the home's or the built-in one
  // Instead of `planet`: the world for a node that is a root itself, whose ports are known only
  // now.
  std::function<Result<World, std::string>(const Identity&, const std::vector<Endpoint>&)>
      make_planet;
  // Physical addresses to use and no others, on one port, without asking routers; empty: all.
  std::vector<Endpoint> bind;
  std::uint16_t port = 0;                // physical UDP port; 0: any
  std::vector<NetworkSetting> networks;  // joined for good
  std::vector<uid_t> allowed_uids;       // whose programs may use this node, besides our own user's
  bool run_controller = false;           // also when the home has no controller's records yet
};

struct ServiceFailure {
  bool is_hosted_elsewhere = false;  // another process holds the home's lock
  std::string reason;                // one sentence
};

// Do the bytes that are left get fewer?
struct UnsentProgress {
  std::uint64_t bytes = 0;
  Time since = kLongAgo;  // the last change
  void note(Time now, std::uint64_t unsent) {
    if (since == kLongAgo || unsent != bytes) since = now;
    bytes = unsent;
  }
};

class Service final : public rpc::Control {
 public:
  // Everything up to the point where clients can connect. May take a second or two when the home
  // has no identity yet.
  static Result<std::unique_ptr<Service>, ServiceFailure> start(ServiceOptions options);
  ~Service() override;

  // Turns the loop until stop(); then writes what is to be kept. An error ends it too, and is
  // returned.
  Result<void, std::string> run();

  // ---- from any thread
  void stop() noexcept;
  // Waits until nothing is left to send for descriptors that applications have closed; gives up
  // when nothing at all was acknowledged for `patience`. True: everything arrived.
  bool drain(Duration patience);
  // For a process that is about to end or to become another program.
  enum class Departure : std::uint8_t {
    Idle,        // nobody needs the service: stop() it
    HandedOver,  // it lives on in a copy of the process, and run() returns here: this object is
                 // dead and must not even be destroyed, its descriptors being the copy's
    Refused,     // it is needed, and no copy can be made
    Stuck,       // the loop does not turn
  };
  Departure leave() noexcept;
  // A fork of this process exists or existed: it cannot host a service and may need this one.
  void note_fork() noexcept { has_forked_.store(true, std::memory_order_relaxed); }
  // The program may end with its last thread, unnoticed: look from time to time. When only ours are
  // left, the service leaves as above and run() returns.
  void watch_threads() noexcept;
  bool is_last_thread() const noexcept { return is_last_thread_; }
  // Handed over: the copy, and nobody else, has the service.
  bool has_left() const noexcept { return has_left_; }
  // In a fork handler, on the thread that forks: is it the hand-over that forks?
  bool is_leaving_here() const noexcept;
  // Lets `work` run on the loop's thread, between two turns, and waits for it. False: the loop has
  // ended, and `work` has not run.
  bool call(const std::function<void(Node&, Now, Outbox&)>& work);
  // The application wants the number `fd` for itself: what we have there moves to another one.
  void vacate(int fd);

  // ---- for whoever runs the loop, between start() and run()
  Node& node() { return *node_; }
  const host::StateStore& store() const { return store_; }
  const host::LocalConf& local_conf() const { return conf_; }
  std::vector<Endpoint> endpoints() const { return physical_->primary_endpoints(); }
  // Lets `change` work on the node, carries out what it wants and writes its files at once.
  void change(const std::function<void(Node&, Now, Outbox&)>& change);

  // ---- rpc::Control
  bool networks_ready() const override;
  Result<UniqueFd> make_ready_fd() override;
  std::string status_json(rpc::Section section) const override;
  Result<void> join(std::uint64_t network) override;
  // Of a joined network; stored and in effect at once, unless `change` fails. The error is one
  // sentence.
  Result<void, std::string> change_settings(
      NetworkId network,
      const std::function<Result<void, std::string>(vl2::LocalSettings&)>& change);
  Result<void> leave(std::uint64_t network) override;
  std::string administer(std::string_view request) override;
  Result<UniqueFd> ping(std::string_view target, const rpc::Ping& request) override;
  std::string why(const Endpoint& peer, const sockets::Policy& policy) override;
  std::vector<rpc::InterfaceRecord> interfaces(const sockets::Policy& policy) const override;
  std::vector<rpc::ResolverRecord> resolvers(const IpAddress& about) const override;
  bool resolvers_ready() const override;

 private:
  Service(ServiceOptions options, host::StateStore store, host::HomeLock lock,
          std::unique_ptr<host::EventLoop> loop);
  Result<void, std::string> open();
  Result<void, std::string> open_ports(const Identity& identity,
                                       const std::optional<World>& planet);
  Result<void, std::string> store_wanted_networks();
  Environment load_environment(const Identity& identity, World planet);

  void turn();
  Time next_deadline() const;
  void run_timers();
  void settle();
  void flush();
  void handle(const Event& event);
  void on_network_changed(NetworkId network);
  void on_identity_collision();
  void tell_sockets();
  void notice_sleep(Time planned);
  host::PhysicalSettings physical_settings() const;
  void report_useless_settings() const;
  void reread_local_conf();
  void tidy_peers();
  void release_waiters();
  void check_departure();
  void check_drain();
  void check_leave();
  void check_threads();
  void check_need();
  Time departure_deadline() const;
  void end_departure();
  bool is_needed_after_us() const;
  Departure hand_over();
  void continue_in_copy();
  void serve_calls();
  void finish();
  void keep(const StoredObject& object);
  nlohmann::json networks_json() const;
  Now now() const { return loop_->clocks(); }

  ServiceOptions options_;
  host::HomeLock lock_;
  host::StateStore store_;
  host::StoreQueue writes_{store_};
  host::SystemRandom random_;
  std::unique_ptr<host::EventLoop> loop_;
  std::unique_ptr<host::Physical> physical_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<stack::Stack> stack_;
  std::unique_ptr<NetworkBridge> bridge_;
  std::unique_ptr<sockets::Sockets> sockets_;
  std::unique_ptr<Reachability> reachability_;
  std::unique_ptr<host::RpcServer> rpc_;
  Administration administration_;

  Outbox out_;       // filled by everybody
  Outbox settling_;  // what is being carried out
  std::map<NetworkId, vl2::LocalSettings> settings_;
  host::LocalConf conf_;  // local.conf, the last that made sense
  host::LocalConfWatch conf_watch_;
  Time conf_due_ = kLongAgo;
  Time peers_due_ = kLongAgo;
  Now last_turn_{kLongAgo, 0};
  std::vector<UniqueFd> waiters_;  // closed when the networks are ready
  std::string fatal_;              // why the loop ends

  // The door to other threads.
  struct Drain {
    enum class State : std::uint8_t { Idle, Wanted, Done, GivenUp };
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<State> state{State::Idle};
    Duration patience{};
    int turns = 0;  // since it was wanted
    UnsentProgress progress;
    bool has_ended = false;  // nobody turns the loop any more
  };
  Drain drain_;
  struct Leave {
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<bool> is_wanted{false};
    Departure outcome{};
    bool has_ended = false;
  };
  Leave leave_;
  struct Call {
    const std::function<void(Node&, Now, Outbox&)>* work;
    bool is_done = false;
  };
  struct Calls {  // as many as there are threads that call
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Call*> waiting;
    bool has_ended = false;
  };
  Calls calls_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> has_forked_{false};
  LifeLine life_line_;
  std::atomic<pthread_t> leaving_thread_{};  // while it forks
  // A pipe; the copy closes its writing end when it has given back what it is not to have.
  UniqueFd moving_, has_moved_;
  bool has_left_ = false;
  std::atomic<bool> watches_threads_{false};
  Time threads_due_ = kLongAgo;
  bool is_last_thread_ = false;
  bool ends_unneeded_ = false;  // nobody will stop it: it ends when nobody needs it
  UnsentProgress last_progress_;
};

}  // namespace ztshim
