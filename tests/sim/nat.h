// An address translator between some hosts and the rest of the simulated network.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "common/endpoint.h"
#include "common/time.h"

namespace ztshim::sim {

class Nat {
 public:
  enum class Kind {
    FullCone,        // one mapping per inner endpoint, open to everybody
    PortRestricted,  // one mapping per inner endpoint, open to endpoints that were sent to
    Symmetric,       // one mapping per inner endpoint and destination, open to that alone
  };

  Nat(Kind kind, IpAddress outside, Duration lifetime = Duration{60'000})
      : kind_(kind), outside_(outside), lifetime_(lifetime) {}

  const IpAddress& outside() const { return outside_; }
  // A datagram goes out: from where it appears to come.
  Endpoint outbound(const Endpoint& inside, const Endpoint& to, Time now);
  // A datagram has come to one of our ports: whom it is for, if it may pass.
  std::optional<Endpoint> inbound(std::uint16_t port, const Endpoint& from, Time now) const;
  // All mappings are gone, as after a restart of the box; later ones have other ports.
  void forget() { mappings_.clear(); }

 private:
  struct Mapping {
    Endpoint inside;
    Endpoint destination;  // Symmetric
    std::map<Endpoint, Time> sent_to;
    Time used;
  };

  Kind kind_;
  IpAddress outside_;
  Duration lifetime_;
  std::uint16_t next_port_ = 30'000;
  std::map<std::uint16_t, Mapping> mappings_;  // by outer port
};

}  // namespace ztshim::sim
