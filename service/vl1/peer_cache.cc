#include "service/vl1/peer_cache.h"

#include <algorithm>

#include "common/reader.h"
#include "common/writer.h"
#include "service/wire/address_codec.h"

namespace ztshim::vl1 {
namespace {

constexpr std::uint8_t kFormat = 2;

void add_once(std::vector<Endpoint>& all, const Endpoint& endpoint) {
  if (!endpoint || all.size() >= kCachedAddresses) return;
  if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
}

}  // namespace

CachedPeer CachedPeer::of(const Peer& peer) {
  CachedPeer cached{peer.identity, peer.protocol, peer.version, {}};
  for (const PeerPath& entry : peer.paths) add_once(cached.addresses, entry.path->key.remote);
  return cached;
}

std::optional<CachedPeer> CachedPeer::parse(ByteView content) {
  Reader in(content);
  if (in.be<std::uint8_t>() != kFormat) return std::nullopt;
  const auto identity = Identity::read(in);
  if (!identity) return std::nullopt;
  CachedPeer cached;
  cached.identity = *identity;
  cached.protocol = in.be<std::uint16_t>();
  cached.version.major = static_cast<std::uint8_t>(in.be<std::uint16_t>());
  cached.version.minor = static_cast<std::uint8_t>(in.be<std::uint16_t>());
  cached.version.revision = in.be<std::uint16_t>();
  const unsigned count = in.be<std::uint16_t>();
  for (unsigned i = 0; i < count && !in.failed(); ++i) add_once(cached.addresses, read_address(in));
  if (in.failed()) return std::nullopt;
  return cached;
}

void PeerArchive::put(const CachedPeer& peer) {
  const Address address = peer.identity.address();
  if (records_.insert_or_assign(address, peer.bytes()).second) order_.push_back(address);
  while (order_.size() > capacity_) {
    records_.erase(order_.front());
    order_.pop_front();
  }
}

std::optional<CachedPeer> PeerArchive::take_first() {
  while (!order_.empty()) {
    const Address first = order_.front();
    order_.pop_front();
    if (auto record = take(first)) return record;
  }
  return std::nullopt;
}

std::optional<CachedPeer> PeerArchive::find(Address address) const {
  const auto found = records_.find(address);
  return found == records_.end() ? std::nullopt : CachedPeer::parse(found->second);
}

std::optional<CachedPeer> PeerArchive::take(Address address) {
  const auto found = records_.find(address);
  if (found == records_.end()) return std::nullopt;
  const Bytes record = std::move(found->second);
  records_.erase(found);
  return CachedPeer::parse(record);
}

Bytes CachedPeer::bytes() const {
  Bytes content;
  Writer out(content);
  out.be(kFormat);
  identity.write(out);
  out.be(static_cast<std::uint16_t>(protocol));
  out.be(static_cast<std::uint16_t>(version.major));
  out.be(static_cast<std::uint16_t>(version.minor));
  out.be(version.revision);
  out.be(static_cast<std::uint16_t>(addresses.size()));
  for (const Endpoint& address : addresses) write_address(out, address);
  return content;
}

}  // namespace ztshim::vl1
