// The inside of Vl2: one class over several files, each a subject of its own.
//
//   engine.cc         joining, leaving, dispatch, deadlines
//   configuration.cc  asking the controller, taking its answers
//   membership.cc     the gate; credentials shown and seen
//   frames_out.cc     from the virtual interface
//   frames_in.cc      to the virtual interface
//   multicast.cc      announcing, gathering, spreading
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "service/vl1/rate_gate.h"
#include "service/vl2/ethernet.h"
#include "service/vl2/held_packets.h"
#include "service/vl2/multicast_queue.h"
#include "service/vl2/network.h"
#include "service/vl2/rule_engine.h"
#include "service/vl2/subscriptions.h"
#include "service/vl2/vl2.h"
#include "service/wire/messages/ext_frame.h"
#include "service/wire/messages/frame.h"
#include "service/wire/messages/multicast_frame.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/messages/network_config.h"
#include "service/wire/messages/network_credentials.h"

namespace ztshim::vl2 {

class Vl2::Engine {
 public:
  explicit Engine(RandomSource& random);
  void attach(vl1::Vl1& vl1, ConfigAuthority* authority);

  // ---- engine.cc
  void join(Now now, NetworkId id, ByteView cached, LocalSettings settings, Outbox& out);
  void leave(Now now, NetworkId id, Outbox& out);
  void set_settings(Now now, NetworkId id, LocalSettings settings, Outbox& out);
  vl1::Verdict on_packet(Now now, const vl1::Incoming& packet, Outbox& out);
  void on_identity_known(Now now, Address address, Outbox& out);
  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const { return deadline_; }
  std::vector<NetworkId> networks() const;
  void set_low_bandwidth(bool on) { low_bandwidth_ = on; }
  Network* find(NetworkId id);
  const Network* find(NetworkId id) const;
  bool is_virtual(const IpAddress& ip) const;
  Counters counters() const;  // of everything

  // ---- configuration.cc
  void apply_own_config(Now now, NetworkId id, ByteView dictionary, Outbox& out);
  void deny(NetworkId id, ErrorCode code, ByteView authentication, Outbox& out);

  // ---- membership.cc
  void accept_own_credentials(Now now, ByteView payload, Outbox& out);

  // ---- frames_out.cc
  void on_frame(Now now, NetworkId id, const EthernetFrame& frame, Outbox& out);

  // ---- multicast.cc
  void set_host_groups(Now now, NetworkId id, std::vector<MulticastGroup> groups, Outbox& out);

 private:
  using Verdict = vl1::Verdict;
  using Incoming = vl1::Incoming;

  // ---- engine.cc
  Verdict on_ok(Now now, const Incoming& packet, Outbox& out);
  Verdict on_error(Now now, const Incoming& packet, Outbox& out);
  void arm(Time when) { deadline_ = std::min(deadline_, when); }
  void housekeep(Now now);
  void retry(Now now, std::vector<HeldPacket> packets, Outbox& out);
  void hold(Now now, const Incoming& packet, NetworkId network, Address signer);
  Address own() const { return vl1_->address(); }
  bool send(Now now, Address to, Verb verb, ByteView payload, bool compress, Outbox& out);
  template <typename Message>
  ByteView write(const Message& message);  // valid until the next write

  // ---- configuration.cc
  void request_config(Now now, Network& network, Outbox& out);
  void synthesize_config(Now now, Network& network, Outbox& out);
  void use_cached_config(Network& network, ByteView cached);
  bool apply_config(Now now, Network& network, ByteView dictionary, bool from_controller,
                    Outbox& out);
  void on_config_changed(Now now, Network& network, Outbox& out);
  void set_failure(Network& network, NetworkStatus why, Outbox& out);
  void refresh_always_contact();
  Verdict on_config_request(Now now, const Incoming& packet, Outbox& out);
  Verdict on_config_chunk(Now now, const Incoming& packet, bool pushed, Outbox& out);

  // ---- membership.cc
  // Asks the gate and, when it opens, tells the peer our groups from time to time.
  bool gate(Now now, Network& network, const Identity& peer, Outbox& out);
  // The gate in front of frames: whatever may not pass is counted, and held if it may yet.
  bool let_in(Now now, const Incoming& packet, Network& network, Outbox& out);
  // A member whose certificate was revoked gets nothing from us; it is asked for a newer one.
  bool is_cut_off(Now now, Network& network, Address to, Outbox& out);
  bool may_complain(Now now, NetworkId network, Address to);
  void complain(Now now, NetworkId network, Address to, Verb about, PacketId id, Outbox& out);
  void complain_again(Now now, Outbox& out);
  // No sooner after the last ones to this receiver than `spacing`; was it time?
  bool show_credentials(Now now, const Network& network, Address to, Duration spacing, Outbox& out);
  void push_credentials_if_needed(Now now, Network& network, Address to, Outbox& out);
  Verdict on_need_credentials(Now now, NetworkId id, Address peer, Outbox& out);
  Verdict on_credentials(Now now, const Incoming& packet, bool is_retry, Outbox& out);
  struct Intake;  // what became of a packet of credentials
  bool may_look(Now now, Network& network, Intake& intake);
  template <typename Credential>
  void take(Now now, const Credential& credential, NetworkId id, Address holder, Intake& intake);
  void take_all(Now now, const NetworkCredentials& credentials, Intake& intake);
  void after_intake(Now now, const Intake& intake, Outbox& out);
  void accept_inline(Now now, Network& network, const Membership& membership, Outbox& out);
  void flood(Now now, Network& network, const Revocation& revocation, Address except, Outbox& out);
  IdentityLookup identities() const;

  // ---- frames_out.cc
  // Passes for one destination do not count: a multicast is one frame.
  static void count_refused(const FilterDecision& decision, Counters& counters, bool inbound) {
    if (decision.verdict != FilterDecision::Verdict::Drop) return;
    if (decision.unproven_sender) {
      ++counters.not_owned;
    } else {
      ++(inbound ? counters.filtered_in : counters.filtered_out);
    }
  }
  FilterDecision filter_out(Network& network, const EthernetFrame& frame, Address destination);
  void send_copies(Now now, Network& network, const EthernetFrame& frame,
                   const FilterDecision& decision, bool inbound, bool with_copies, Outbox& out);
  void send_unicast(Now now, Network& network, const EthernetFrame& frame, Outbox& out);
  void send_bridged(Now now, Network& network, const EthernetFrame& frame, Outbox& out);
  void send_multicast(Now now, Network& network, const EthernetFrame& frame, Outbox& out);
  void send_ext_frame(Now now, Network& network, const EthernetFrame& frame, ByteView payload,
                      Address to, std::uint8_t flags, bool compress, Outbox& out);

  // ---- frames_in.cc
  Verdict on_frame_packet(Now now, const Incoming& packet, Outbox& out);
  Verdict on_ext_frame(Now now, const Incoming& packet, Outbox& out);
  Verdict on_multicast_frame(Now now, const Incoming& packet, Outbox& out);
  FilterDecision filter_in(Now now, Network& network, const EthernetFrame& frame, Address source,
                           Outbox& out);
  bool admit_addresses(Network& network, const EthernetFrame& frame, Address source);
  void deliver(Network& network, const EthernetFrame& frame, Outbox& out);

  // ---- multicast.cc
  struct Spread {  // one multicast on its way out
    GroupKey key;
    EthernetFrame frame;
    bool explicit_source = false;
    Address origin;  // of a frame we replicate for somebody
  };
  void spread(Now now, Network& network, const Spread& what, Outbox& out);
  bool spread_by_replicator(Now now, Network& network, const Spread& what, Outbox& out);
  void send_multicast_to(Now now, Network& network, const Spread& what, std::uint32_t gather_limit,
                         Address to, Outbox& out);
  void gather(Now now, Network& network, const GroupKey& key, std::uint32_t limit, Outbox& out);
  void learn_subscription(Now now, const GroupKey& key, Address member, Outbox& out);
  Verdict on_multicast_like(Now now, const Incoming& packet, Outbox& out);
  Verdict on_multicast_gather(Now now, const Incoming& packet, Outbox& out);
  bool collect(const GroupKey& key, std::uint32_t limit, Address asker, GatherResults& results);
  void on_gather_results(Now now, const GroupKey& key, const GatherResults& results, Outbox& out);
  void count_outsider(NetworkId id);
  bool may_use_database(Now now, NetworkId id, const Identity& peer, Outbox& out);
  std::vector<Address> always_told(const Network& network) const;
  // False when VL1 had no way to send it at once.
  bool announce(Now now, Network& network, Address to, const std::vector<MulticastGroup>& groups,
                Outbox& out);
  bool announce_all(Now now, Network& network, Address to, Outbox& out);
  void tell_all(Now now, Network& network, Address to, Outbox& out);
  void announce_new(Now now, Network& network, const std::vector<MulticastGroup>& groups,
                    Outbox& out);
  void announce_due(Now now, Network& network, Outbox& out);
  template <typename T>
  void shuffle(std::vector<T>& items);
  template <typename Visit>
  void visit_random(std::span<const Subscriptions::Entry> members, std::size_t wanted, Visit visit);

  RandomSource& random_;
  vl1::Vl1* vl1_ = nullptr;
  ConfigAuthority* authority_ = nullptr;
  bool low_bandwidth_ = false;
  Bytes metadata_;  // what we say about ourselves in requests

  std::unordered_map<NetworkId, std::unique_ptr<Network>> networks_;
  Subscriptions subscriptions_;
  MulticastQueue queue_;
  HeldPackets held_;
  vl1::GateTable<vl1::OnCollision::Forget> credentials_gate_;
  vl1::GateTable<vl1::OnCollision::Forget> complaint_gate_;
  vl1::GateTable<vl1::OnCollision::Forget> shown_gate_;  // our credentials, per receiver
  std::uint64_t gate_salt_;
  Counters counters_;  // of what belongs to no network that we are in

  Time deadline_ = kNever;
  Time next_like_check_ = kNever;
  Time next_housekeeping_ = kNever;
  Time next_complaint_ = kNever;
  // Reused buffers: the steady state allocates nothing.
  Bytes scratch_;
  std::vector<Address> candidates_;
};

template <typename Message>
ByteView Vl2::Engine::write(const Message& message) {
  scratch_.clear();
  Writer out(scratch_);
  message.write(out);
  return scratch_;
}

}  // namespace ztshim::vl2
