// What we look like from outside: the addresses under which others received our packets.
// Notes: vl1-behaviour 8.
#pragma once

#include <vector>

#include "common/endpoint.h"
#include "common/time.h"
#include "service/crypto/address.h"
#include "service/vl1/outbox.h"
#include "service/wire/address_codec.h"

namespace ztshim::vl1 {

class SurfaceTable {
 public:
  struct Report {
    Address reporter;
    LocalSocket socket = kAnySocket;
    Endpoint reporter_at;
    Endpoint seen;         // our address as the reporter saw it
    bool trusted = false;  // the reporter is a root
  };

  // Takes a report in. True: a root says that our external address (of seen's scope and family) is
  // no longer what it was; paths of that kind must prove themselves again.
  bool note(const Report& report, bool loopback_allowed, Time now);
  // The distinct addresses reported within kSurfaceTime.
  std::vector<Endpoint> addresses(Time now) const;
  // The socket is gone, and with it what was seen of it.
  void forget(LocalSocket socket) {
    std::erase_if(entries_, [&](const Entry& e) { return e.report.socket == socket; });
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Report report;
    Scope scope = Scope::None;
    Time when = kLongAgo;
  };
  void make_room(Time now);

  std::vector<Entry> entries_;
};

}  // namespace ztshim::vl1
