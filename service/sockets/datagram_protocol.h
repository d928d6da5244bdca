// What UDP, ICMP echo and raw ICMP sockets do differently; all else is DatagramSocket's.
#pragma once

#include <memory>
#include <optional>

#include "common/bytes.h"
#include "service/sockets/sockets.h"
#include "service/stack/datagram.h"
#include "service/stack/port_table.h"
#include "service/stack/stack.h"

namespace ztshim::sockets {

class DatagramProtocol {
 public:
  virtual ~DatagramProtocol() = default;
  // Nothing: there is no such kind of socket.
  static std::unique_ptr<DatagramProtocol> of(const SocketKind& kind, stack::Stack& stack);

  virtual int number() const = 0;  // IPPROTO_…
  // Of bytes that an application writes, the transport's header not among them.
  virtual std::size_t largest(bool is_v6) const = 0;
  virtual std::size_t header_size() const = 0;  // put in front of them
  virtual bool has_ports() const = 0;           // that a destination must name
  // Claims as in PortTable; 0 chooses.
  virtual Result<std::uint16_t> enter(stack::DatagramReceiver& receiver,
                                      const stack::Claim& claim) = 0;
  virtual void change(stack::DatagramReceiver& receiver, const stack::Claim& claim) = 0;
  virtual void leave(stack::DatagramReceiver& receiver, std::uint16_t port) = 0;
  // EINVAL: no application may send that.
  virtual std::errc send(std::uint16_t from_port, const Endpoint& to, const stack::PacketWay& way,
                         ByteView payload) = 0;
  // Does the application want to hear of it (ICMP_FILTER)?
  virtual bool wants(const stack::Datagram&) const { return true; }
  // Options of this protocol alone. Nothing: another one.
  virtual std::optional<Result<std::optional<Bytes>>> get_option(int, int, std::size_t) const {
    return std::nullopt;
  }
  virtual std::optional<Result<void>> set_option(int, int, ByteView) { return std::nullopt; }
};

}  // namespace ztshim::sockets
