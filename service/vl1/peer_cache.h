// What is remembered of a peer on disk: peers.d/<10 hex>.peer. Notes: vl1-behaviour 17.
//
//   format (1) = 2   identity (71)   protocol (2)   major, minor, revision (2 each)
//   number of addresses (2)   addresses (1, 7 or 19 each)
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "service/crypto/identity.h"
#include "service/vl1/constants.h"
#include "service/vl1/peer.h"

namespace ztshim::vl1 {

struct CachedPeer {
  Identity identity;
  unsigned protocol = 0;
  SoftwareVersion version;
  std::vector<Endpoint> addresses;  // each once, at most kCachedAddresses

  static CachedPeer of(const Peer& peer);
  // Nothing for another format or a damaged record.
  static std::optional<CachedPeer> parse(ByteView content);
  Bytes bytes() const;
};

// Records of peers that are not (or no longer) in memory, asked before any root is (vl1-behaviour
// 4.2). Bounded: the one put in first is forgotten first.
class PeerArchive {
 public:
  explicit PeerArchive(std::size_t capacity = kArchivedPeers) : capacity_(capacity) {}
  void put(const CachedPeer& peer);
  // The one put in first.
  std::optional<CachedPeer> take_first();
  std::optional<CachedPeer> take(Address address);
  std::optional<CachedPeer> find(Address address) const;
  std::size_t size() const { return records_.size(); }

 private:
  std::size_t capacity_;
  std::unordered_map<Address, Bytes> records_;
  std::deque<Address> order_;  // may name records that are gone
};

}  // namespace ztshim::vl1
