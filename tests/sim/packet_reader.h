// Opens what crosses a simulated network: it knows the keys of everybody who takes part. For traces
// and for counting.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/bytes.h"
#include "service/crypto/identity.h"
#include "service/crypto/suites.h"
#include "service/wire/verb.h"

namespace ztshim::sim {

// One packet. A packet in several datagrams is not looked into: `verb` is nothing then.
struct ReadPacket {
  Address source;
  Address destination;
  unsigned hops = 0;
  int suite = 0;
  bool is_fragmented = false;
  bool is_authentic = false;
  std::optional<Verb> verb;
  std::optional<Verb> in_re;      // of OK and ERROR
  std::string verb_text() const;  // "ECHO", "OK(HELLO)", "head", "not authentic", "?"
};

class PacketReader {
 public:
  void introduce(const std::string& name, const Identity& identity);
  std::string name_of(Address address) const;
  // Nothing: not the (first) datagram of a packet.
  std::optional<ReadPacket> read(ByteView datagram) const;

 private:
  // nullptr unless both are known.
  const PacketKeys* keys(Address source, Address destination) const;

  std::map<Address, std::pair<std::string, Identity>> parties_;
  mutable std::map<std::pair<Address, Address>, std::unique_ptr<PacketKeys>> keys_;
};

}  // namespace ztshim::sim
