#include "service/vl1/surface.h"

#include <algorithm>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {

bool SurfaceTable::note(const Report& report, bool loopback_allowed, Time now) {
  const Scope scope = scope_of(report.seen.ip);
  if (scope != scope_of(report.reporter_at.ip))
    return false;  // seen across a NAT of the reporter's
  if (scope == Scope::None || scope == Scope::Multicast) return false;
  if (scope == Scope::Loopback && !loopback_allowed) return false;

  auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.report.reporter == report.reporter && e.report.socket == report.socket &&
           e.report.reporter_at == report.reporter_at && e.scope == scope;
  });
  const bool changed = entry != entries_.end() && report.trusted &&
                       now - entry->when < kSurfaceTime && entry->report.seen.ip != report.seen.ip;
  if (entry != entries_.end()) {
    *entry = {report, scope, now};
  } else {
    make_room(now);
    entries_.push_back({report, scope, now});
  }
  if (changed) {
    std::erase_if(entries_, [&](const Entry& e) {
      return e.scope == scope && e.report.reporter_at != report.reporter_at;
    });
  }
  return changed;
}

// Anybody who greets us may add an entry: when the table is full the oldest gives way, those of
// roots last.
void SurfaceTable::make_room(Time now) {
  if (entries_.size() < kSurfaceEntries) return;
  std::erase_if(entries_, [&](const Entry& e) { return now - e.when >= kSurfaceTime; });
  if (entries_.size() < kSurfaceEntries) return;
  entries_.erase(
      std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.report.trusted, a.when) < std::pair(b.report.trusted, b.when);
      }));
}

std::vector<Endpoint> SurfaceTable::addresses(Time now) const {
  std::vector<Endpoint> all;
  for (const Entry& e : entries_) {
    if (now - e.when >= kSurfaceTime) continue;
    if (std::find(all.begin(), all.end(), e.report.seen) == all.end()) all.push_back(e.report.seen);
  }
  return all;
}

}  // namespace ztshim::vl1
