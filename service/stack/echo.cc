#include "service/stack/echo.h"

#include "common/reader.h"
#include "lwip/prot/icmp.h"
#include "lwip/prot/icmp6.h"
#include "service/stack/icmp.h"

namespace ztshim::stack {

std::errc Echo::send(const Stack::Hop& hop, const EchoRequest& request) {
  const bool is_v6 = request.to.is_v6();
  Bytes message(Icmp::kHeader);
  message[0] = static_cast<std::uint8_t>(is_v6 ? ICMP6_TYPE_EREQ : ICMP_ECHO);
  message[4] = static_cast<std::uint8_t>(request.identifier >> 8);
  message[5] = static_cast<std::uint8_t>(request.identifier);
  message[6] = static_cast<std::uint8_t>(request.sequence >> 8);
  message[7] = static_cast<std::uint8_t>(request.sequence);
  append(message, request.payload);
  PacketWay way;
  way.interface = hop.interface;
  way.source = hop.source;
  return icmp_.send(request.to, way, message, Icmp::Checksum::Make);
}

void Echo::on_answer(const IpAddress& from, ByteView message, std::uint8_t hops) {
  if (!listener_) return;
  Reader in(message.subspan(4));
  EchoReply reply;
  reply.from = from;
  reply.identifier = in.be<std::uint16_t>();
  reply.sequence = in.be<std::uint16_t>();
  reply.size = message.size() - Icmp::kHeader;
  reply.hops = hops;
  listener_(reply);
}

void Echo::on_error(const IcmpError& error) {
  if (!listener_ || error.error == std::errc{}) return;
  EchoReply reply;
  reply.from = error.remote.ip;
  reply.identifier = error.local.port;
  reply.error = error.error;
  listener_(reply);
}

}  // namespace ztshim::stack
