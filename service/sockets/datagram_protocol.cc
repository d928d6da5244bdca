#include "service/sockets/datagram_protocol.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/datagram.h"
#include "service/stack/udp.h"

namespace ztshim::sockets {
namespace {

class UdpProtocol final : public DatagramProtocol {
 public:
  explicit UdpProtocol(stack::Udp& udp) : udp_(udp) {}
  int number() const override { return IPPROTO_UDP; }
  std::size_t largest(bool is_v6) const override { return is_v6 ? kMaxDatagram6 : kMaxDatagram4; }
  std::size_t header_size() const override { return 8; }
  bool has_ports() const override { return true; }
  Result<std::uint16_t> enter(stack::DatagramReceiver& receiver,
                              const stack::Claim& claim) override {
    return udp_.ports().enter(receiver, claim);
  }
  void change(stack::DatagramReceiver& receiver, const stack::Claim& claim) override {
    udp_.ports().change(receiver, claim);
  }
  void leave(stack::DatagramReceiver& receiver, std::uint16_t port) override {
    udp_.ports().leave(receiver, port);
  }
  std::errc send(std::uint16_t from_port, const Endpoint& to, const stack::PacketWay& way,
                 ByteView payload) override {
    return udp_.send(from_port, to, way, payload);
  }

 private:
  stack::Udp& udp_;
};

}  // namespace

std::unique_ptr<DatagramProtocol> DatagramProtocol::of(const SocketKind& kind,
                                                       stack::Stack& stack) {
  if (kind.type == SOCK_DGRAM && (kind.protocol == 0 || kind.protocol == IPPROTO_UDP))
    return std::make_unique<UdpProtocol>(stack.udp());
  return nullptr;
}

}  // namespace ztshim::sockets
