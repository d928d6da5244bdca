// Who has which port: UDP's ports, and the identifiers of ICMP echoes, which sockets claim the same
// way. The rules of sharing and of choosing among several are Linux'.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/endpoint.h"
#include "common/result.h"
#include "service/stack/stack.h"

namespace ztshim::stack {

class DatagramReceiver;

// The datagrams that a socket wants.
struct Claim {
  bool takes_v4 = false, takes_v6 = false;
  IpAddress local;  // empty: sent to any address
  std::uint16_t port = 0;
  Endpoint peer;                         // empty: from anybody
  std::optional<InterfaceId> interface;  // the only one they may come in by
  bool reuse_address = false, reuse_port = false;
};

// Of one that has come.
struct DatagramNames {
  Endpoint from, to;
  InterfaceId interface {};
};

class PortTable {
 public:
  explicit PortTable(std::function<std::uint32_t()> random) : random_(std::move(random)) {}

  // Port 0: chooses one that nobody has. EADDRINUSE. The receiver outlives its claim.
  Result<std::uint16_t> enter(DatagramReceiver& receiver, Claim claim);
  // The same port in other words (a peer, say): never refused.
  void change(DatagramReceiver& receiver, const Claim& claim);
  void leave(DatagramReceiver& receiver, std::uint16_t port);
  bool is_free(const Claim& claim) const;

  // Whose a datagram to one of our own addresses is.
  DatagramReceiver* find(const DatagramNames& names) const;
  // All who take one to a group or a broadcast address.
  std::vector<DatagramReceiver*> find_all(const DatagramNames& names) const;

 private:
  struct Entry {
    DatagramReceiver* receiver;
    Claim claim;
  };
  const std::vector<Entry>* at(std::uint16_t port) const;

  std::function<std::uint32_t()> random_;
  std::unordered_map<std::uint16_t, std::vector<Entry>> ports_;  // in the order of claiming
};

}  // namespace ztshim::stack
