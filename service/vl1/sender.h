// From a verb and its payload to datagrams in the outbox: header, compression, seal, entry in the
// table of expected replies, division. Also which way a packet takes. Notes: vl1-behaviour 4.1,
// 4.4; vl1-packets 3.1; vl1-crypto 5.1, 5.2.
#pragma once

#include <optional>

#include "common/writer.h"
#include "service/vl1/core.h"

namespace ztshim::vl1 {

class Sender {
 public:
  explicit Sender(Core& core) : core_(core) {}

  // Begins a packet in the scratch buffer; the payload is then written to the Writer, and one of
  // the functions below sends it. One packet at a time.
  Writer begin(Address to, Verb verb);
  Writer begin_ok(Address to, Verb in_re_verb, PacketId in_re);
  Writer begin_error(Address to, Verb in_re_verb, PacketId in_re, ErrorCode code);

  enum class Compress { No, Try };
  // Straight to a place, known as a path or not. All of these give the ID on the wire, or nothing
  // when the packet was not sent: no way there, too large.
  std::optional<PacketId> send_to(Now now, Peer& peer, LocalSocket socket, const Endpoint& remote,
                                  Compress compress, Outbox& out);
  std::optional<PacketId> send_back(Now now, Peer& peer, const Arrival& arrival, Compress compress,
                                    Outbox& out) {
    return send_to(now, peer, arrival.socket, arrival.remote, compress, out);
  }
  // By the best path, or a root.
  std::optional<PacketId> send_best(Now now, Peer& peer, Compress compress, Outbox& out);
  // HELLO: suite 0 with the tail masked.
  std::optional<PacketId> send_hello(Now now, Peer& peer, LocalSocket socket,
                                     const Endpoint& remote, Outbox& out);
  // Sealed with the keys given instead of a peer's (a claimant to somebody's address).
  void send_sealed_with(const PacketKeys& keys, const Arrival& arrival, Outbox& out);

  // The best path of the peer, else of the best root, else a doubtful or expired one of the peer.
  Path* route_to(Peer& peer, Time now) const;

 private:
  // How a packet is sealed: by a suite, or not at all under a trusted path's number.
  struct Seal {
    Suite suite = Suite::Poly1305None;
    std::uint64_t trusted_path = 0;
  };
  Seal seal_for(Peer& peer, const PathKey& to) const;
  std::optional<PacketId> finish(Now now, Peer& peer, Seal seal, const PathKey& to, Path* path,
                                 Compress compress, Outbox& out);
  std::optional<PacketId> seal_and_write(const PacketKeys& keys, Seal seal, const PathKey& to,
                                         bool reads_fragments, Outbox& out);

  Core& core_;
  Bytes packet_;  // scratch: keeps its capacity
};

}  // namespace ztshim::vl1
