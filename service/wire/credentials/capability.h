// A capability: rules that let its holder send what the network's rules would drop. Notes: vl2 5.3.
//
//   network (8)  timestamp (8)  id (4)  rule count (2)  rules  max custody chain length (1)
//   per link: to (5)  from (5)  signature field (99)     then to = 0 (5)  additional fields (2)
//
// Every link signs the same bytes: all but the chain. The recipient is not among them.
#pragma once

#include <cstdint>
#include <vector>

#include "common/reader.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/crypto/identity.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"
#include "service/wire/rules.h"

namespace ztshim {

struct Capability {
  struct Link {
    Address to;
    Address from;
    Signature signature{};
    bool operator==(const Link&) const = default;
  };
  static constexpr std::size_t kMaxRules = 64;
  static constexpr std::size_t kMaxCustodyChain = 7;

  NetworkId network;
  std::uint64_t timestamp = 0;
  std::uint32_t id = 0;
  Rules rules;
  std::uint8_t max_custody_chain_length = 1;
  std::vector<Link> custody;

  static Result<Capability, ParseError> read(Reader& in);
  void write(Writer& out) const;
  Bytes signed_bytes() const;
  // Adds the link by which `from` hands the capability to `to`; false when the chain is full.
  bool sign(const Identity& from, Address to);
  // The last link's recipient, or none.
  Address issued_to() const { return custody.empty() ? Address() : custody.back().to; }

  // Is the chain 1..7 links long, does it begin at the controller, is each link from the holder
  // before?
  bool is_chain_well_formed() const;
  // Is link `index` signed by this identity? All links must be asked for.
  bool verify_link(std::size_t index, const Identity& from) const;
  // The usual case: one link, from the controller.
  bool verify(const Identity& controller) const;
  bool operator==(const Capability&) const = default;
};

}  // namespace ztshim
