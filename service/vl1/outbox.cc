#include "service/vl1/outbox.h"

#include <cstring>

namespace ztshim {

MutableBytes Outbox::extend(std::size_t size) {
  const std::size_t offset = arena_.size();
  arena_.resize(offset + size);
  return MutableBytes(arena_).subspan(offset, size);
}

MutableBytes Outbox::datagram(LocalSocket socket, const Endpoint& remote, std::size_t size,
                              std::uint8_t ttl) {
  datagrams_.push_back({socket, remote, static_cast<std::uint32_t>(arena_.size()),
                        static_cast<std::uint32_t>(size), ttl});
  return extend(size);
}

void Outbox::frame(NetworkId network, MacAddress destination, MacAddress source,
                   std::uint16_t ether_type, ByteView payload) {
  frames_.push_back({network, destination, source, ether_type,
                     static_cast<std::uint32_t>(arena_.size()),
                     static_cast<std::uint32_t>(payload.size())});
  const MutableBytes room = extend(payload.size());
  if (!payload.empty()) std::memcpy(room.data(), payload.data(), payload.size());
}

void Outbox::clear() {
  arena_.clear();
  datagrams_.clear();
  frames_.clear();
  stored_.clear();
  events_.clear();
}

}  // namespace ztshim
