#include "tests/sim/nat.h"

namespace ztshim::sim {

Endpoint Nat::outbound(const Endpoint& inside, const Endpoint& to, Time now) {
  std::erase_if(mappings_, [&](const auto& m) { return now - m.second.used >= lifetime_; });
  for (auto& [port, mapping] : mappings_) {
    if (mapping.inside != inside) continue;
    if (kind_ == Kind::Symmetric && mapping.destination != to) continue;
    mapping.used = now;
    mapping.sent_to[to] = now;
    return {outside_, port};
  }
  const std::uint16_t port = next_port_++;
  mappings_[port] = {inside, to, {{to, now}}, now};
  return {outside_, port};
}

std::optional<Endpoint> Nat::inbound(std::uint16_t port, const Endpoint& from, Time now) const {
  const auto found = mappings_.find(port);
  if (found == mappings_.end() || now - found->second.used >= lifetime_) return std::nullopt;
  const Mapping& mapping = found->second;
  if (kind_ == Kind::FullCone) return mapping.inside;
  const auto sent = mapping.sent_to.find(from);
  if (sent == mapping.sent_to.end() || now - sent->second >= lifetime_) return std::nullopt;
  return mapping.inside;
}

}  // namespace ztshim::sim
