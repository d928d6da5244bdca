// The box between some hosts and the rest of the simulated network: an address translator, or a
// stateful firewall that translates nothing. Boxes may stand behind boxes (a CGN). What it leaves
// out: anything but UDP, and port mapping protocols.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "common/endpoint.h"
#include "common/time.h"

namespace ztshim::sim {

class Nat {
 public:
  // Mapping and filtering as RFC 4787 tells them apart.
  enum class Kind {
    FullCone,           // one mapping per inner endpoint, open to everybody
    AddressRestricted,  // one mapping per inner endpoint, open to addresses that were sent to
    PortRestricted,     // one mapping per inner endpoint, open to endpoints that were sent to
    Symmetric,          // one mapping per inner endpoint and destination, open to that alone
    // As Linux does it: like Symmetric, but the inner port is kept wherever it is free for this
    // destination, which to two hosts behind different boxes looks like PortRestricted.
    Masquerade,
    Firewall,  // nothing is translated; open to endpoints that were sent to
  };

  Nat(Kind kind, IpAddress outside, Nat* behind = nullptr)
      : kind_(kind), outside_(outside), behind_(behind) {}

  // ---- settings, for before and during a run
  void set_lifetime(Duration lifetime) { lifetime_ = lifetime; }  // of an idle mapping
  void set_hairpin(bool hairpin) { hairpin_ = hairpin; }
  // All mappings are gone, as after a restart of the box; later ones have other ports.
  void forget();
  // The provider gives it another address.
  void set_outside(IpAddress outside) {
    outside_ = outside;
    forget();
  }

  Kind kind() const { return kind_; }
  const IpAddress& outside() const { return outside_; }
  Nat* behind() const { return behind_; }  // the next box on the way out
  bool hairpin() const { return hairpin_; }
  // IPv6 is never translated, only guarded.
  bool translates(IpFamily family) const {
    return kind_ != Kind::Firewall && family == IpFamily::V4;
  }

  // A datagram goes out: from where it appears to come.
  Endpoint outbound(const Endpoint& inside, const Endpoint& to, Time now);
  // A datagram has come to one of our ports: whom it is for, if it may pass.
  std::optional<Endpoint> inbound(std::uint16_t port, const Endpoint& from, Time now) const;
  // Whose port this is, whether or not anybody may send there.
  std::optional<Endpoint> owner(std::uint16_t port, Time now) const;
  // A datagram has come for an inner endpoint that is not translated: may it pass?
  bool admits(const Endpoint& inside, const Endpoint& from, Time now) const;

  std::size_t mappings(Time now) const;  // that are alive

 private:
  // The inner endpoint; for kinds that make one mapping per destination, that as well.
  using Key = std::pair<Endpoint, Endpoint>;
  struct Mapping {
    Key key;
    std::map<Endpoint, Time> sent_to;
    Time used;
  };

  bool is_per_destination() const { return kind_ == Kind::Symmetric || kind_ == Kind::Masquerade; }
  bool is_dead(Time used, Time now) const { return now - used >= lifetime_; }
  bool is_open(const std::map<Endpoint, Time>& sent_to, const Endpoint& from, Time now) const;
  Mapping& mapping_for(const Key& key, Time now);
  std::uint16_t choose_port(const Key& key, Time now);
  const Mapping* mapping_at(std::uint16_t port, const Endpoint& from, Time now) const;

  Kind kind_;
  IpAddress outside_;
  Nat* behind_;
  Duration lifetime_{60'000};
  bool hairpin_ = false;
  std::uint16_t next_port_ = 30'000;
  // By outer port; with per-destination mappings several may share a port, one per destination.
  std::map<std::pair<std::uint16_t, Endpoint>, Mapping> mappings_;
  std::map<Key, std::uint16_t> ports_;
  std::map<Endpoint, std::map<Endpoint, Time>> untranslated_;  // inner endpoint: sent to, when
};

}  // namespace ztshim::sim
