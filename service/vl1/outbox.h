// What the sans-I/O core wants done. The caller hands an Outbox in, empties it afterwards, and
// nobody is called back in the middle of a change.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/writer.h"
#include "service/crypto/address.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"

namespace ztshim {

// One of the node's bound UDP sockets. kAnySocket in an outgoing datagram: one copy from each
// socket of the right family (vl1-behaviour 13.2, "send from all sockets").
using LocalSocket = std::uint32_t;
inline constexpr LocalSocket kAnySocket = 0;

// Where a datagram came from and on which of our sockets it landed.
struct Arrival {
  LocalSocket socket = kAnySocket;
  Endpoint remote;
};

// What the core keeps on disk; `key` is the file's stem where there are several of a kind.
enum class StoredKind : std::uint8_t {
  Planet,             // planet
  Moon,               // moons.d/<16 hex>.moon
  Peer,               // peers.d/<10 hex>.peer
  NetworkConfig,      // networks.d/<16 hex>.conf
  ControllerNetwork,  // controller.d/network/<16 hex>.json
  ControllerMember,   // controller.d/network/<16 hex>/member/<10 hex>.json
};
struct StoredObject {
  StoredKind kind;
  std::uint64_t key = 0;    // world ID, address or network ID
  std::uint64_t owner = 0;  // ControllerMember: the network ID (key is then the member's address)
  bool remove = false;      // delete it instead
  Bytes content;
};

// Something an outsider may want to know. Names of states and reasons are for people.
struct NetworkChanged {  // configuration, status or membership changed: look at
                         // Node::network_info()
  NetworkId network;
};
struct OnlineChanged {
  bool online = false;
};
struct IdentityCollision {
};  // a root says that our address belongs to another: fatal (vl1-behaviour 9)
using Event = std::variant<NetworkChanged, OnlineChanged, IdentityCollision>;

class Outbox {
 public:
  // Bytes of all datagrams and frames of this round, one after the other: consecutive datagrams of
  // one path are contiguous, which is what UDP_SEGMENT wants.
  struct Datagram {
    LocalSocket socket = kAnySocket;
    Endpoint remote;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::uint8_t ttl = 0;  // 0: the socket's own
  };
  struct Frame {  // an Ethernet frame for the virtual interface of `network`
    NetworkId network;
    MacAddress destination;
    MacAddress source;
    std::uint16_t ether_type = 0;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
  };

  // Room for one datagram of `size` bytes, to be filled by the caller before the next call.
  MutableBytes datagram(LocalSocket socket, const Endpoint& remote, std::size_t size,
                        std::uint8_t ttl = 0);
  // The same for one whose size is not known beforehand: `write` appends it to a Writer.
  template <typename Write>
  void write_datagram(LocalSocket socket, const Endpoint& remote, Write write,
                      std::uint8_t ttl = 0) {
    const std::size_t offset = arena_.size();
    Writer writer(arena_);
    write(writer);
    datagrams_.push_back({socket, remote, static_cast<std::uint32_t>(offset),
                          static_cast<std::uint32_t>(arena_.size() - offset), ttl});
  }
  void frame(NetworkId network, MacAddress destination, MacAddress source, std::uint16_t ether_type,
             ByteView payload);
  void store(StoredObject object) { stored_.push_back(std::move(object)); }
  void event(Event event) { events_.push_back(event); }

  const std::vector<Datagram>& datagrams() const { return datagrams_; }
  const std::vector<Frame>& frames() const { return frames_; }
  const std::vector<StoredObject>& stored() const { return stored_; }
  const std::vector<Event>& events() const { return events_; }
  ByteView bytes_of(const Datagram& d) const { return ByteView(arena_).subspan(d.offset, d.size); }
  ByteView bytes_of(const Frame& f) const { return ByteView(arena_).subspan(f.offset, f.size); }
  bool empty() const {
    return datagrams_.empty() && frames_.empty() && stored_.empty() && events_.empty();
  }
  // Keeps the capacity: the steady state allocates nothing.
  void clear();

 private:
  MutableBytes extend(std::size_t size);

  Bytes arena_;
  std::vector<Datagram> datagrams_;
  std::vector<Frame> frames_;
  std::vector<StoredObject> stored_;
  std::vector<Event> events_;
};

}  // namespace ztshim
