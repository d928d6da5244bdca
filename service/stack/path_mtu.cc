#include "service/stack/path_mtu.h"

#include <algorithm>

namespace ztshim::stack {
namespace {

// Routes get better again; Linux forgets after as long (mtu_expires).
constexpr Duration kLifetime{600'000};
// Only destinations of our own datagrams get here; a program may still send to very many.
constexpr std::size_t kMost = 1024;

}  // namespace

void PathMtus::note(const IpAddress& destination, unsigned mtu, Time now) {
  if (entries_.size() >= kMost && !entries_.contains(destination)) entries_.clear();
  Entry& entry = entries_[destination];
  // An error may be an old one: within its time a value only shrinks.
  entry.mtu = entry.until > now ? std::min(entry.mtu, mtu) : mtu;
  entry.until = now + kLifetime;
}

unsigned PathMtus::find(const IpAddress& destination, unsigned link, Time now) const {
  const auto found = entries_.find(destination);
  if (found == entries_.end() || found->second.until <= now) return link;
  return std::min(found->second.mtu, link);
}

}  // namespace ztshim::stack
