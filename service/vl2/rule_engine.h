// What a network's rules make of a frame. Both ends ask: the sender before it sends, the receiver
// before it delivers, each with its own copy of the rules. Evaluation only; sending copies and
// redirected frames is the caller's part. Notes: vl2 7.2 to 7.8.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "service/crypto/random.h"
#include "service/vl2/credential_store.h"
#include "service/vl2/ethernet.h"
#include "service/wire/network_config_dictionary.h"
#include "service/wire/rules.h"

namespace ztshim::vl2 {

struct RuleInput {
  bool inbound = false;
  Address own;
  Address source;       // the node that sends; we, when outbound
  Address destination;  // reserved: not known yet (first pass of multicast and bridging)
  const EthernetFrame& frame;
  const NetworkConfig& config;    // our own
  const CredentialStore* remote;  // of the other node; null: nothing known
  RandomSource& random;           // for RANDOM
};

enum class RuleResult : std::uint8_t { NoMatch, Drop, Redirect, Accept, SuperAccept };

// A copy of the frame's beginning for somebody else (TEE, WATCH).
struct RuleCopy {
  Address target;
  std::uint16_t length = 0;  // of the payload
  bool watch = false;
  bool operator==(const RuleCopy&) const = default;
};

// The verdict of one list.
struct RuleOutcome {
  RuleResult result = RuleResult::NoMatch;
  Address redirect_to;
  std::optional<RuleCopy> copy;
  // Some rule asked whether the sender's address is its own, and it has not proved that.
  bool unproven_sender = false;
};
RuleOutcome evaluate_rules(const Rules& rules, const RuleInput& input);

// The verdict of the network's rules together with the sender's capabilities.
struct FilterDecision {
  enum class Verdict : std::uint8_t {
    Drop,
    Accept,
    SuperAccept,  // inbound: a copy meant for us, whatever its addresses
    Redirect,     // not to its destination but to `redirect_to`
  };
  Verdict verdict = Verdict::Drop;
  Address redirect_to;
  // Made only if the frame is accepted or redirected: the rules' and the capability's.
  std::array<RuleCopy, 2> copies{};
  std::size_t copy_count = 0;
  bool unproven_sender = false;  // only said of a drop

  bool passes() const { return verdict == Verdict::Accept || verdict == Verdict::SuperAccept; }
};
FilterDecision filter(const RuleInput& input);

// What EXT_FRAMEs of copies and redirected frames say about themselves (vl2 3.3).
std::uint8_t copy_flags(bool inbound, bool watch);
std::uint8_t redirect_flags(bool inbound);

}  // namespace ztshim::vl2
