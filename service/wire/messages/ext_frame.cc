#include "service/wire/messages/ext_frame.h"

#include "common/reader.h"

namespace ztshim {

Result<ExtFrame, ParseError> ExtFrame::parse(ByteView payload) {
  ExtFrame frame;
  Reader in(payload);
  frame.network = NetworkId(in.be<std::uint64_t>());
  frame.flags = in.be<std::uint8_t>();
  if ((frame.flags & kFlagMembership) != 0) {
    const auto membership = Membership::read(in);
    if (!membership) return failure(membership.error());
    frame.membership = *membership;
  }
  frame.destination = MacAddress::read(in);
  frame.source = MacAddress::read(in);
  frame.ether_type = in.be<std::uint16_t>();
  frame.data = in.rest();
  if (in.failed()) return failure(ParseError::Truncated);
  return frame;
}

void ExtFrame::write(Writer& out) const {
  const unsigned others = flags & ~unsigned{kFlagMembership};
  out.be(network.number());
  out.be(static_cast<std::uint8_t>(others | (membership ? kFlagMembership : 0U)));
  if (membership) membership->write(out);
  destination.write(out);
  source.write(out);
  out.be(ether_type).bytes(data);
}

Result<OkExtFrame, ParseError> OkExtFrame::parse(ByteView body) {
  Reader in(body);
  OkExtFrame ok;
  ok.network = NetworkId(in.be<std::uint64_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  return ok;
}

void OkExtFrame::write(Writer& out) const { out.be(network.number()); }

}  // namespace ztshim
