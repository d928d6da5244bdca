#include "service/vl1/local_sockets.h"

#include <algorithm>
#include <utility>

namespace ztshim::vl1 {
namespace {

bool has(const std::vector<BoundSocket>& sockets, LocalSocket socket) {
  return std::any_of(sockets.begin(), sockets.end(),
                     [&](const BoundSocket& s) { return s.socket == socket; });
}

}  // namespace

LocalSockets::Change LocalSockets::set(std::vector<BoundSocket> sockets) {
  // In an order of our own: that in which the kernel lists them means nothing.
  std::sort(sockets.begin(), sockets.end(),
            [](const BoundSocket& a, const BoundSocket& b) { return a.socket < b.socket; });
  for (BoundSocket& socket : sockets) std::sort(socket.addresses.begin(), socket.addresses.end());
  Change change;
  change.moved = sockets != sockets_;
  const std::vector<BoundSocket> before = std::exchange(sockets_, std::move(sockets));
  for (const BoundSocket& old : before) {
    if (old.socket != kAnySocket && !has(sockets_, old.socket)) change.gone.push_back(old.socket);
  }
  for (const BoundSocket& now : sockets_) {
    if (now.socket != kAnySocket && !has(before, now.socket)) change.added.push_back(now.socket);
  }
  return change;
}

bool LocalSockets::set_external(std::vector<Endpoint> mapped) {
  std::sort(mapped.begin(), mapped.end());
  if (mapped == external_) return false;
  external_ = std::move(mapped);
  return true;
}

bool LocalSockets::are_siblings(LocalSocket one, LocalSocket other) const {
  const auto find = [&](LocalSocket socket) {
    return std::find_if(sockets_.begin(), sockets_.end(),
                        [&](const BoundSocket& s) { return s.socket == socket; });
  };
  const auto a = find(one);
  const auto b = find(other);
  if (a == b || a == sockets_.end() || b == sockets_.end()) return false;
  return std::equal(a->addresses.begin(), a->addresses.end(), b->addresses.begin(),
                    b->addresses.end(),
                    [](const Endpoint& x, const Endpoint& y) { return x.ip == y.ip; });
}

std::vector<Endpoint> LocalSockets::endpoints() const {
  std::vector<Endpoint> all;
  for (const BoundSocket& socket : sockets_) {
    all.insert(all.end(), socket.addresses.begin(), socket.addresses.end());
  }
  all.insert(all.end(), external_.begin(), external_.end());
  return all;
}

}  // namespace ztshim::vl1
