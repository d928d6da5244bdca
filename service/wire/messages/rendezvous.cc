#include "service/wire/messages/rendezvous.h"

#include "common/reader.h"

namespace ztshim {

Result<Rendezvous, ParseError> Rendezvous::parse(ByteView payload) {
  Rendezvous rendezvous;
  Reader in(payload);
  in.take(1);  // flags: none defined
  rendezvous.peer = Address::read(in);
  rendezvous.endpoint.port = in.be<std::uint16_t>();
  const ByteView ip = in.take(in.be<std::uint8_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  rendezvous.endpoint.ip = ip.size() == 4 ? IpAddress::v4(ip) : IpAddress::v6(ip);
  if (!rendezvous.endpoint.ip) return failure(ParseError::BadValue);  // neither 4 nor 16 bytes
  return rendezvous;
}

void Rendezvous::write(Writer& out) const {
  out.be(std::uint8_t{0});
  peer.write(out);
  out.be(endpoint.port);
  out.be(static_cast<std::uint8_t>(endpoint.ip.bytes().size())).bytes(endpoint.ip.bytes());
}

}  // namespace ztshim
