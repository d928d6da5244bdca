// A network on a virtual clock: hosts with UDP sockets, links with delay, jitter (hence reordering)
// and loss, NATs. Everything follows from the seed, bit for bit.
//
// How it works. One queue of events ordered by time, then by age. A datagram in flight is an event;
// so is a host's deadline. run_for() takes events off the queue and lets the hosts react; what they
// send joins the queue. Nothing ever waits for real time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
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

struct Link {
  Duration delay{10};  // one way
  Duration jitter{0};  // at most so much more; later datagrams overtake earlier ones
  double loss = 0;     // 0 .. 1
};

// One machine: sockets, and what runs behind them.
class Host {
 public:
  Host(std::string label, std::vector<Endpoint> bound)
      : name(std::move(label)), sockets(std::move(bound)) {}

  std::string name;
  std::vector<Endpoint> sockets;  // LocalSocket n is the n-1st
  Link link;                      // of this host to everybody
  Nat* nat = nullptr;  // in front of it; hosts behind the same one see each other directly
  bool is_up() const { return participant_ != nullptr; }

 private:
  friend class SimNetwork;
  std::unique_ptr<Participant> participant_;
  Time armed_ = kNever;
  std::uint64_t life_ = 0;  // counts restarts; events of an earlier life are void
};

class SimNetwork {
 public:
  explicit SimNetwork(std::uint64_t seed) : seed_(seed), random_(seed) {}

  // A host with these addresses; `start` runs it.
  Host& add_host(const std::string& name, std::vector<Endpoint> sockets);
  void start(Host& host, std::unique_ptr<Participant> participant);
  Nat& add_nat(Nat::Kind kind, IpAddress outside);
  // The host's sockets are elsewhere from now on.
  void move(Host& host, std::vector<Endpoint> sockets);
  // Stops what runs there, as a crash would; datagrams to it go nowhere.
  void stop(Host& host);

  // Calls into a participant go through here, so that what it wants done is done.
  void act(Host& host, const std::function<void(Now, Outbox&)>& call);
  // A datagram from anywhere, with any source address.
  void inject(const Endpoint& from, const Endpoint& to, ByteView bytes, Duration delay = {});
  // Sees every datagram when it is sent; false swallows it.
  using Filter = std::function<bool(const Endpoint& from, const Endpoint& to, ByteView bytes)>;
  void set_filter(Filter filter) { filter_ = std::move(filter); }

  void run_for(Duration duration);
  // Until the condition holds, looking after every event; false when it does not within `limit`.
  bool run_until(const std::function<bool()>& condition, Duration limit);

  Now now() const { return {time_, kWallStart + time_.time_since_epoch().count()}; }
  SeededRandom& random() { return random_; }
  std::uint64_t seed() const { return seed_; }
  Trace& trace() { return trace_; }
  std::string trace_text() const { return trace_.text(seed_); }
  std::uint64_t wake_ups() const { return wake_ups_; }  // deadlines that came

 private:
  static constexpr std::int64_t kWallStart = 1'700'000'000'000;
  struct Event {
    Time when;
    std::uint64_t number = 0;
    Host* deadline_of = nullptr;  // or else a datagram:
    std::uint64_t life = 0;
    Endpoint from, to;
    Bytes bytes;
    bool operator>(const Event& other) const {
      return std::pair(when, number) > std::pair(other.when, other.number);
    }
  };

  void bind(Host& host);
  Nat* nat_at(const IpAddress& outside) const;
  void push(Event event);
  void process(Event event);
  void deliver(Event& event);
  void flush(Host& host, Outbox& out);
  void transmit(const Host& from, const Endpoint& inside, const Endpoint& to, ByteView bytes,
                std::uint8_t ttl);
  void arm(Host& host);

  std::uint64_t seed_;
  SeededRandom random_;
  Time time_{};
  std::uint64_t events_ = 0;
  std::uint64_t wake_ups_ = 0;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::unordered_map<Endpoint, std::pair<Host*, LocalSocket>> bound_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::vector<std::unique_ptr<Nat>> nats_;
  Filter filter_;
  Outbox outbox_;
  Trace trace_;
};

}  // namespace ztshim::sim
