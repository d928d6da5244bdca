#include "service/wire/messages/ok.h"

#include "common/reader.h"

namespace ztshim {

Result<OkHeader, ParseError> OkHeader::parse(ByteView payload) {
  OkHeader header;
  Reader in(payload);
  header.in_re_verb = static_cast<Verb>(in.be<std::uint8_t>());
  header.in_re = PacketId(in.be<std::uint64_t>());
  header.body = in.rest();
  if (in.failed()) return failure(ParseError::Truncated);
  return header;
}

void OkHeader::write(Writer& out) const {
  out.be(static_cast<std::uint8_t>(in_re_verb)).be(in_re.number());
}

}  // namespace ztshim
