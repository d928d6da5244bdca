// What is remembered of a peer on disk: peers.d/<10 hex>.peer. Notes: vl1-behaviour 17.
//
//   format (1) = 2   identity (71)   protocol (2)   major, minor, revision (2 each)
//   number of addresses (2)   addresses (1, 7 or 19 each)
#pragma once

#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "service/crypto/identity.h"
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

}  // namespace ztshim::vl1
