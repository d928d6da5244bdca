// What we know about one other node: its identity and keys, its version, the paths that lead to it
// and when it was last heard. Plain state; the rules are in path_selection, dispatch and keepalive.
// Notes: vl1-behaviour 1.
#pragma once

#include <algorithm>
#include <vector>

#include "common/time.h"
#include "service/crypto/identity.h"
#include "service/crypto/suites.h"
#include "service/vl1/constants.h"
#include "service/vl1/path.h"
#include "service/vl1/rate_gate.h"
#include "service/wire/messages/hello.h"

namespace ztshim::vl1 {

// A path as this peer uses it.
struct PeerPath {
  Path* path = nullptr;
  Time last_authentic = kLongAgo;  // last direct packet of this peer on it
  Time asked = kLongAgo;           // whether it still leads anywhere (path_watch)
  Time doubted = kLongAgo;         // since then it seems not to

  bool is_usable(Time now) const { return now - last_authentic < kPathExpiry; }
  // It was asked, and has had time to answer.
  bool leaves_unanswered(Time now) const {
    return asked > last_authentic && now - asked >= kAnswerTime;
  }
  // A probe goes out over it.
  void ask(Time now) {
    if (leaves_unanswered(now)) doubted = now;
    asked = now;
  }
  // Nothing has come over it since it was doubted, or asked.
  bool is_doubtful(Time now) const { return doubted > last_authentic || leaves_unanswered(now); }
};

struct Peer {
  Peer(const Identity& who, const AgreedKey& key, Time now)
      : identity(who), keys(key), created(now) {}

  Identity identity;
  PacketKeys keys;
  unsigned protocol = 0;  // 0: not known, and then `version` is not either
  SoftwareVersion version;
  std::vector<PeerPath> paths;  // at most kMaxPaths; changed through Topology only

  Time created;
  Time last_receive = kLongAgo;     // anything authentic, direct or relayed
  Time last_nontrivial = kLongAgo;  // of the verbs that carry virtual networks
  Time last_trust = kLongAgo;
  Time last_full_hello = kLongAgo;  // of the scheduled ones
  Time last_attempt = kLongAgo;     // to reach it without having a path (roots, always-contact)
  Time last_memorized = kLongAgo;   // when a place the operator named was tried
  Time last_push = kLongAgo;        // of PUSH_DIRECT_PATHS to it
  Time last_question = kLongAgo;    // to this root: ECHO or HELLO, to see whether it answers
  Time asked_since = kNever;        // the oldest question to this root that it left unanswered
  Time reassure_at = kNever;        // when this root should hear from us once more
  Time deadline = kNever;           // what keepalive has armed
  RateGate whois_gate;
  BurstGate push_gate;
  QuotaGate confirmations;  // of its new places
  QuotaGate worlds;         // sent to it

  Address address() const { return identity.address(); }
  bool is_alive(Time now) const { return now - last_receive < kPeerTimeout; }
  bool is_active(Time now) const { return now - last_nontrivial < kPeerTimeout; }
  bool has_trust(Time now) const { return now - last_trust < kTrustTime; }
  // Something was asked of this root that it should have answered by now.
  void asked(Time now) {
    last_question = now;
    asked_since = std::min(asked_since, now);
  }
  bool leaves_unanswered(Time now) const { return now - asked_since >= kAnswerTime; }
  // Software 1.1.0 announces the protocol with ECHO but does not answer it (vl1-packets 7.6).
  bool answers_echo() const {
    return protocol >= kEchoProtocol && version != SoftwareVersion{1, 1, 0};
  }
  // The suite for everything but HELLO (vl1-crypto 5.1).
  Suite suite() const { return choose_suite(true, protocol >= kSivProtocol); }
};

}  // namespace ztshim::vl1
