// VL1 as its users see it: authentic packets between nodes, wherever they are. Sans-I/O.
//
// How it works. A datagram is a packet or a fragment (defragment); a packet for somebody else is
// relayed (router); one for us is opened with the sender's key, or waits while the sender's
// identity is asked for (whois); its verb is handled here (dispatch: HELLO, WHOIS, …) or handed to
// the UpperLayer. What goes out takes the peer's best confirmed path, else a root relays it, else
// it waits. A path is confirmed only by an OK that answered us and came directly from it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/time.h"
#include "service/crypto/identity.h"
#include "service/crypto/random.h"
#include "service/vl1/outbox.h"
#include "service/vl1/settings.h"
#include "service/wire/packet.h"
#include "service/wire/verb.h"
#include "service/wire/world.h"

namespace ztshim::vl1 {

// An authentic packet of a verb that VL1 does not own (or an OK or ERROR about one).
struct Incoming {
  const Identity& source;
  PacketId id;                  // as it was on the wire: what replies quote
  Verb verb;                    // Ok and Error too, with in_re below
  ByteView payload;             // after the verb byte, or after the OK/ERROR header; decompressed
  Verb in_re_verb = Verb::Nop;  // Ok, Error
  PacketId in_re_id;            // Ok (checked against what we sent), Error (unchecked)
  ErrorCode error = ErrorCode::None;  // Error
  Arrival arrival;                    // the reply goes back there
  unsigned hops = 0;
};

// What the upper layer made of a packet, for VL1's bookkeeping (vl1-behaviour 1, 6).
enum class Verdict {
  Done,     // counts as received
  Trusted,  // the same, and establishes trust: from a member of a common network
  Ignored,  // does not count (rate limited)
};

// VL2, seen from below.
class UpperLayer {
 public:
  virtual ~UpperLayer() = default;
  virtual Verdict on_packet(Now now, const Incoming& packet, Outbox& out) = 0;
  // The identity of `address` has become known: whatever waited for it may go on.
  virtual void on_identity_known(Now now, Address address, Outbox& out) = 0;
  // No physical path may lead into a virtual network (vl1-behaviour 5.1, 4).
  virtual bool is_virtual(const IpAddress& ip) const = 0;
};

struct PathInfo {
  Endpoint remote;
  LocalSocket socket = kAnySocket;
  Time last_receive = kLongAgo;
  Time last_send = kLongAgo;
  int latency_ms = -1;  // -1 unknown
  bool preferred = false;
};
struct PeerInfo {
  Address address;
  int version_major = -1, version_minor = -1, version_revision = -1;  // -1 unknown
  int protocol = 0;                                                   // 0 unknown
  int latency_ms = -1;
  bool is_root = false;
  Time last_receive = kLongAgo;
  std::vector<PathInfo> paths;
};

// Counted by reason; every datagram that is not processed raises exactly one.
struct Counters {
  std::uint64_t datagrams_in = 0, packets_opened = 0, packets_sent = 0, relayed = 0;
  std::uint64_t malformed = 0, not_authentic = 0, unexpected_ok = 0, rate_limited = 0,
                hop_limit = 0, not_relayed = 0, invalid_identity = 0, unknown_verb = 0,
                identity_collision = 0, queue_overflow = 0;
  std::uint64_t peers_tended = 0;  // looked at because their deadline had come
};

// How much is held at this moment. All of it can be grown by strangers, up to the bounds in
// constants.h.
struct Sizes {
  std::size_t peers = 0, paths = 0, deadlines = 0, archived = 0;
  std::size_t lookups = 0, waiting_in = 0, waiting_out = 0, incomplete = 0, surface = 0;
};

struct Config {
  Identity identity;  // with the private part
  // Worlds held; the built-in planet is the caller's to choose. Nothing: no roots at all.
  std::optional<World> planet;
  std::vector<World> moons;
  // Cached peers (identity, protocol version, addresses) from peers.d, contents of the files.
  std::vector<Bytes> cached_peers;
  Settings settings;  // local.conf
  // Divide packets as genuine nodes do (head as long as possible) instead of into equal datagrams.
  bool classic_fragments = false;
};

class Vl1 {
 public:
  // `random` and `upper` outlive this object; `upper` is called only from within the calls below.
  Vl1(Config config, RandomSource& random, UpperLayer& upper);
  ~Vl1();
  Vl1(const Vl1&) = delete;
  Vl1& operator=(const Vl1&) = delete;

  // ---- what the outside reports
  void start(Now now, Outbox& out);
  // May change `datagram` (packets are opened in place).
  void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out);
  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const;
  // The sockets now bound, all of them, whenever they or the addresses behind them have changed.
  // Paths over sockets that are missing go at once, peers are greeted from what is there, and the
  // roots learn of it. kAnySocket: where nobody tells sockets apart.
  void set_sockets(Now now, std::vector<BoundSocket> sockets, Outbox& out);
  // What a port mapper has opened for us outside; takes the place of an earlier list.
  void set_external_endpoints(Now now, std::vector<Endpoint> mapped, Outbox& out);
  // local.conf was read again.
  void configure(Now now, Settings settings, Outbox& out);
  // The machine slept, or the clock of `now.time` jumped (vl1-behaviour 12): whether paths still
  // lead anywhere is asked at once.
  void on_resume(Now now, Outbox& out);
  // Writes every peer worth remembering (vl1-behaviour 17).
  void store_peers(Outbox& out) const;

  // ---- what the upper layer asks
  struct SendOptions {
    bool compress = false;  // try LZ4 (vl1-packets 4)
  };
  // Sends `head` followed by `body` as one payload to `to`, by its best path, a root, or later when
  // its identity is known (queue of 32, 5 s). The ID on the wire when it was sent at once, else
  // nothing. Larger than kMaxSendablePacketSize: not sent.
  std::optional<PacketId> send(Now now, Address to, Verb verb, ByteView head, ByteView body,
                               SendOptions options, Outbox& out);
  // An OK or ERROR for `request`, straight back where it came from.
  void reply_ok(Now now, const Incoming& request, Verb in_re, ByteView payload, SendOptions options,
                Outbox& out);
  void reply_error(Now now, const Incoming& request, ErrorCode code, ByteView payload, Outbox& out);
  // OK or ERROR by the best path instead (controllers' answers: vl1-behaviour 4.4).
  void send_ok(Now now, Address to, Verb in_re, PacketId request, ByteView payload,
               SendOptions options, Outbox& out);
  void send_error(Now now, Address to, Verb in_re, PacketId request, ErrorCode code,
                  ByteView payload, Outbox& out);

  const Identity& identity() const;
  Address address() const { return identity().address(); }
  // The identity of a known peer (or our own); nullptr for unknown ones. Stable until the peer is
  // forgotten: use it at once.
  const Identity* identity_of(Address address) const;
  // Asks a root for an identity, at most once per address and 500 ms (vl1-behaviour 4.2).
  void request_identity(Now now, Address address, Outbox& out);
  bool is_root() const;  // we are one
  bool is_root(Address address) const;
  std::vector<Address> roots() const;  // without ourselves
  // The root that relays for us now; reserved address when there is none.
  Address best_root(Time now) const;
  bool is_reachable(Time now, Address address) const;  // alive, with a usable direct path
  int latency_ms(Address address) const;               // the lowest of its paths; -1 unknown
  // Nodes to stay in touch with besides the roots: anchors, replicators (vl1-behaviour 3.1).
  void set_always_contact(std::vector<Address> addresses);

  // ---- worlds (vl1-packets 8). What is accepted is stored by way of the outbox.
  // A moon we do not hold yet, to be had from `seed`, one of its roots (8.6). Wanted until it is
  // here or deorbit() is called; not remembered over a restart.
  void orbit(Now now, std::uint64_t moon, Address seed, Outbox& out);
  // A moon from a file: believed as it is, unless it is older than the one held. False: no moon.
  bool orbit(Now now, const World& moon, Outbox& out);
  void deorbit(Now now, std::uint64_t moon, Outbox& out);
  // A new revision of the planet from a file, under the rules of 8.4. False: not accepted.
  bool offer_planet(Now now, const World& planet, Outbox& out);
  std::vector<World> moons() const;
  std::map<std::uint64_t, Address> wanted_moons() const;  // seeds by ID

  // ---- looking in
  bool is_online(Time now) const;
  std::vector<PeerInfo> peers(Time now) const;
  const Counters& counters() const;
  Sizes sizes() const;
  const std::optional<World>& planet() const;
  // What others say we look like from outside.
  std::vector<Endpoint> surface(Time now) const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace ztshim::vl1
