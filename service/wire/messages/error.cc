#include "service/wire/messages/error.h"

#include "common/reader.h"

namespace ztshim {

Result<ErrorHeader, ParseError> ErrorHeader::parse(ByteView payload) {
  ErrorHeader header;
  Reader in(payload);
  header.in_re_verb = static_cast<Verb>(in.be<std::uint8_t>());
  header.in_re = PacketId(in.be<std::uint64_t>());
  header.code = static_cast<ErrorCode>(in.be<std::uint8_t>());
  header.body = in.rest();
  if (in.failed()) return failure(ParseError::Truncated);
  return header;
}

void ErrorHeader::write(Writer& out) const {
  out.be(static_cast<std::uint8_t>(in_re_verb)).be(in_re.number());
  out.be(static_cast<std::uint8_t>(code));
}

Result<NetworkError, ParseError> NetworkError::parse(ByteView body) {
  NetworkError error;
  Reader in(body);
  error.network = NetworkId(in.be<std::uint64_t>());
  if (!in.at_end()) error.authentication = in.take(in.be<std::uint16_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  return error;
}

void NetworkError::write(Writer& out) const {
  out.be(network.number());
  if (authentication.empty()) return;
  out.be(static_cast<std::uint16_t>(authentication.size())).bytes(authentication);
}

Result<UnwantedMulticast, ParseError> UnwantedMulticast::parse(ByteView body) {
  UnwantedMulticast unwanted;
  Reader in(body);
  unwanted.network = NetworkId(in.be<std::uint64_t>());
  unwanted.group = MulticastGroup::read(in);
  if (in.failed()) return failure(ParseError::Truncated);
  return unwanted;
}

void UnwantedMulticast::write(Writer& out) const {
  out.be(network.number());
  group.write(out);
}

}  // namespace ztshim
