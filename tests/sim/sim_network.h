// A network on virtual clocks: hosts with UDP sockets, links with delay, jitter (hence reordering),
// loss and duplicates, boxes that translate addresses or guard them, partitions, machines that
// sleep and clocks that are set. Everything follows from the seed, bit for bit.
//
// How it works. One queue of events ordered by time, then by age. A host's deadline is an event; a
// datagram is two: it leaves through the boxes in front of its sender at once and arrives, after
// the sender's half of the way, in the network where both sides can be seen (the internet, or the
// LAN they share); after the receiver's half it meets the boxes in front of the receiver as they
// are then. run_for() takes events off the queue and lets the hosts react; what they send joins the
// queue. Nothing ever waits for real time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/endpoint.h"
#include "common/time.h"
#include "service/vl1/outbox.h"
#include "tests/sim/nat.h"
#include "tests/sim/participant.h"
#include "tests/sim/trace.h"

namespace ztshim::sim {

// A host's way to the middle of the internet. Within a LAN nothing of it applies.
struct Link {
  Duration delay{10};            // one way
  Duration jitter{0};            // at most so much more; later datagrams overtake earlier ones
  double loss = 0;               // 0 .. 1
  double duplicates = 0;         // share of datagrams that arrive twice
  std::size_t max_datagram = 0;  // larger ones are lost; 0: no limit
};

struct Traffic {
  std::size_t datagrams = 0;
  std::size_t bytes = 0;
};

// One machine: sockets, and what runs behind them.
class Host {
 public:
  Host(std::string label, std::vector<Endpoint> bound)
      : name(std::move(label)), sockets(std::move(bound)) {}

  std::string name;
  std::vector<Endpoint> sockets;  // change them through SimNetwork
  Link link;                      // from here, and also to here unless link_in says otherwise
  std::optional<Link> link_in;
  std::map<Endpoint, Link> links;  // of single sockets, where there are several interfaces

  bool is_up() const { return participant_ != nullptr; }
  Nat* nat() const { return nat_; }  // the box in front of it
  const std::vector<LocalSocket>& socket_ids() const { return ids_; }
  const Traffic& sent() const { return sent_; }    // on the wire: copies count
  const Traffic& heard() const { return heard_; }  // what reached the participant
  std::uint64_t wake_ups() const { return wake_ups_; }

 private:
  friend class SimNetwork;
  std::unique_ptr<Participant> participant_;
  std::vector<LocalSocket> ids_;  // of `sockets`; never used twice
  LocalSocket last_id_ = 0;
  Nat* nat_ = nullptr;
  Time armed_ = kNever;      // in network time
  std::uint64_t life_ = 0;   // counts restarts; events of an earlier life are void
  Time asleep_until_{};      // in network time
  Duration lag_{0};          // how far its monotonic clock is behind
  Duration wall_offset_{0};  // how far its wall clock is wrong
  Traffic sent_, heard_;
  std::uint64_t wake_ups_ = 0;
};

class SimNetwork {
 public:
  explicit SimNetwork(std::uint64_t seed) : seed_(seed), random_(seed) {}

  // ---- the world
  // A host with these addresses; `start` runs it.
  Host& add_host(const std::string& name, std::vector<Endpoint> sockets);
  void start(Host& host, std::unique_ptr<Participant> participant);
  // Stops what runs there, as a crash would; datagrams to it go nowhere.
  void stop(Host& host);
  // `behind`: another box between this one and the internet. A firewall has no address.
  Nat& add_nat(Nat::Kind kind, IpAddress outside, Nat* behind = nullptr);
  // The host is in the LAN of this box from now on (nullptr: on the internet).
  void put_behind(Host& host, Nat* nat);
  // The provider gives the box another address; all mappings are gone.
  void renumber(Nat& nat, IpAddress outside);
  // The host has these sockets from now on. One that stays keeps its number, others get new ones.
  void move(Host& host, std::vector<Endpoint> sockets);

  // Nothing gets from one to the other any more, until healed.
  void cut_one_way(const Host& from, const Host& to) { cuts_.insert({&from, &to}); }
  void cut(const Host& one, const Host& other) {
    cut_one_way(one, other);
    cut_one_way(other, one);
  }
  void heal(const Host& one, const Host& other) {
    cuts_.erase({&one, &other});
    cuts_.erase({&other, &one});
  }

  // ---- clocks
  enum class Clock { Stops, RunsOn };
  // The machine sleeps: it hears and does nothing until it wakes up. The monotonic clock of Linux
  // stops meanwhile; that of other systems runs on.
  void suspend(Host& host, Duration duration, Clock monotonic);
  // Somebody sets the wall clock, by so much.
  void set_wall_clock(Host& host, Duration by) { host.wall_offset_ += by; }
  Now now() const { return {time_, kWallStart + time_.time_since_epoch().count()}; }
  // As the host sees it.
  Now now(const Host& host) const {
    return {time_ - host.lag_, kWallStart + (time_.time_since_epoch() + host.wall_offset_).count()};
  }

  // ---- acting
  // Calls into a participant go through here, so that what it wants done is done.
  void act(Host& host, const std::function<void(Now, Outbox&)>& call);
  // A datagram from anywhere on the internet, with any source address.
  void inject(const Endpoint& from, const Endpoint& to, ByteView bytes, Duration delay = {});
  // Sees every datagram when it is sent, with the source address the internet sees; false swallows
  // it.
  using Filter = std::function<bool(const Endpoint& from, const Endpoint& to, ByteView bytes)>;
  void set_filter(Filter filter) { filter_ = std::move(filter); }
  // Sees every datagram that some host sends, whatever becomes of it.
  using Observer = std::function<void(const Host& sender, const Endpoint& to, ByteView bytes)>;
  void add_observer(Observer observer) { observers_.push_back(std::move(observer)); }

  void run_for(Duration duration);
  // Until the condition holds, looking after every event; false when it does not within `limit`.
  bool run_until(const std::function<bool()>& condition, Duration limit);

  // ---- looking in
  SeededRandom& random() { return random_; }
  std::uint64_t seed() const { return seed_; }
  Trace& trace() { return trace_; }
  const Trace& trace() const { return trace_; }
  std::string trace_text() const { return trace_.text(seed_); }
  std::uint64_t wake_ups() const { return wake_ups_; }  // deadlines that came, of all hosts

 private:
  static constexpr std::int64_t kWallStart = 1'700'000'000'000;
  static constexpr unsigned kUsualTtl = 64;
  static constexpr unsigned kInternetHops = 6;  // routers between any two places on the internet
  static constexpr Duration kLanDelay{1};

  enum class Stage : std::uint8_t { Deadline, Middle, Arrival };
  struct Event {
    Time when;
    Stage stage = Stage::Deadline;
    Host* host = nullptr;      // whose deadline, or who sent
    std::uint64_t life = 0;    // Deadline
    const Nat* lan = nullptr;  // datagrams: the network where they are, nullptr for the internet
    unsigned ttl = kUsualTtl;
    Endpoint inside;  // the sender's socket
    Endpoint from, to;
    Bytes bytes;
  };
  // The order of events; the events themselves stay where they are.
  struct Turn {
    Time when;
    std::uint64_t number = 0;
    std::size_t slot = 0;
    bool operator>(const Turn& other) const {
      return std::pair(when, number) > std::pair(other.when, other.number);
    }
  };
  // What is in one network: hosts and boxes by address, and the boxes that lead out of it inwards.
  struct Lan {
    std::unordered_map<Endpoint, std::pair<Host*, LocalSocket>> hosts;
    std::unordered_map<IpAddress, Nat*> boxes;
    std::vector<Nat*> inner;
  };
  struct Target {
    Host* host = nullptr;
    LocalSocket socket = kAnySocket;
    Nat* box = nullptr;  // instead of a host: the box to go through
  };
  enum class Boxes { AsTheyAre, Transparent };
  struct Resolved {
    Target target;
    Trace::Fate fate = Trace::Fate::NobodyThere;  // when there is no host
    Endpoint inside{};                            // the receiver's socket
  };

  void bind(Host& host);
  void unbind(Host& host);
  std::optional<Target> find(const Nat* lan, const Endpoint& to) const;
  Resolved resolve(const Event& datagram, Boxes boxes) const;
  void push(Event event);
  Event take_first();
  void process(Event event);
  void process_deadline(const Event& event);
  void middle(Event event);
  void arrive(Event& event);
  void flush(Host& host, Outbox& out);
  void transmit(Host& from, const Endpoint& inside, const Endpoint& to, ByteView bytes,
                std::uint8_t ttl);
  Trace::Fate leave(Host& from, Event& datagram);
  static const Link& link_from(const Host& host, const Endpoint& socket);
  static const Link& link_to(const Host& host, const Endpoint& socket);
  bool happens(double share);
  Duration way(const Link& link);
  void arm(Host& host);

  std::uint64_t seed_;
  SeededRandom random_;
  Time time_{};
  std::uint64_t events_ = 0;
  std::uint64_t wake_ups_ = 0;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Nat>> nats_;
  std::unordered_map<const Nat*, Lan> lans_;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> queue_;
  std::vector<Event> slots_;
  std::vector<std::size_t> free_slots_;
  std::set<std::pair<const Host*, const Host*>> cuts_;
  Filter filter_;
  std::vector<Observer> observers_;
  Outbox outbox_;
  Trace trace_;
};

}  // namespace ztshim::sim
