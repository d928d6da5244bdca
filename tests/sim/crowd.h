// One node that knows many peers, all of them played by hand: to measure and count what a node does
// per peer. The peers share the keys of a few identities, so that a hundred thousand of them cost
// the player nothing.
#pragma once

#include <memory>
#include <vector>

#include "service/vl1/vl1.h"
#include "tests/sim/identities.h"
#include "tests/sim/participant.h"

namespace ztshim::sim {

class Crowd {
 public:
  // The node knows `peers` peers, has a direct path to each, and they are active (vl1-behaviour 1):
  // each has just sent a frame.
  explicit Crowd(std::size_t peers);

  std::size_t size() const { return size_; }
  vl1::Vl1& node() { return *node_; }
  Now now() const { return now_; }
  Outbox& out() { return out_; }
  Address address(std::size_t n) const { return Address(kFirst + n); }
  Arrival arrival(std::size_t n) const;
  // A FRAME of peer n for the node, or for peer `to`, sealed.
  Bytes frame(std::size_t n, ByteView payload) const;
  Bytes frame_for(std::size_t n, std::size_t to, ByteView payload) const;

  // Lets the node do what is due until then, one deadline after the other. Peers answer as real
  // ones do, or not at all.
  enum class Answers { Yes, No };
  void run_for(Duration duration, Answers answers);

  std::size_t wake_ups() const { return wake_ups_; }         // calls of on_deadline
  std::size_t probes() const { return probes_; }             // datagrams these brought about
  std::int64_t nanoseconds() const { return nanoseconds_; }  // of processor time in these calls
  std::size_t reachable() const;

 private:
  // Nothing else has addresses from here on.
  static constexpr std::uint64_t kFirst = 0x3000000000ULL;
  class Upper;

  Identity identity_of(std::size_t n) const;
  const PacketKeys& keys(std::size_t n) const { return keys_[n % keys_.size()]; }
  Bytes seal(std::size_t n, Address to, Verb verb, ByteView payload, const PacketKeys& with) const;
  Bytes hello(std::size_t n) const;
  void meet(std::size_t n);
  // Answers to HELLO and ECHO among the datagrams of the outbox.
  std::vector<std::pair<std::size_t, Bytes>> answers() const;

  std::size_t size_;
  mutable SeededRandom random_{1};
  SeededRandom node_random_{2};
  Identity own_;
  std::vector<PacketKeys> keys_;
  std::unique_ptr<vl1::UpperLayer> upper_;
  std::unique_ptr<vl1::Vl1> node_;
  Now now_{Time(Duration(1'000'000)), 1'700'000'000'000};
  Outbox out_;
  std::size_t wake_ups_ = 0;
  std::size_t probes_ = 0;
  std::int64_t nanoseconds_ = 0;
};

}  // namespace ztshim::sim
