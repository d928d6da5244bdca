#include "service/wire/messages/multicast_frame.h"

#include "common/reader.h"

namespace ztshim {

Result<MulticastFrame, ParseError> MulticastFrame::parse(ByteView payload) {
  MulticastFrame frame;
  Reader in(payload);
  frame.network = NetworkId(in.be<std::uint64_t>());
  const auto flags = in.be<std::uint8_t>();
  frame.replicate = (flags & kFlagReplicate) != 0;
  if ((flags & kFlagMembership) != 0) {
    const auto membership = Membership::read(in);
    if (!membership) return failure(membership.error());
    frame.membership = *membership;
  }
  if ((flags & kFlagGatherLimit) != 0) frame.gather_limit = in.be<std::uint32_t>();
  if ((flags & kFlagSource) != 0) frame.source = MacAddress::read(in);
  frame.group = MulticastGroup::read(in);
  frame.ether_type = in.be<std::uint16_t>();
  frame.data = in.rest();
  if (in.failed()) return failure(ParseError::Truncated);
  return frame;
}

void MulticastFrame::write(Writer& out) const {
  unsigned flags = 0;
  if (membership) flags |= kFlagMembership;
  if (gather_limit) flags |= kFlagGatherLimit;
  if (source) flags |= kFlagSource;
  if (replicate) flags |= kFlagReplicate;
  out.be(network.number()).be(static_cast<std::uint8_t>(flags));
  if (membership) membership->write(out);
  if (gather_limit) out.be(*gather_limit);
  if (source) source->write(out);
  group.write(out);
  out.be(ether_type).bytes(data);
}

Result<OkMulticastFrame, ParseError> OkMulticastFrame::parse(ByteView body) {
  OkMulticastFrame ok;
  Reader in(body);
  ok.network = NetworkId(in.be<std::uint64_t>());
  ok.group = MulticastGroup::read(in);
  const auto flags = in.be<std::uint8_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  if ((flags & kFlagMembership) != 0) {
    const auto membership = Membership::read(in);
    if (!membership) return failure(membership.error());
    ok.membership = *membership;
  }
  if ((flags & kFlagResults) != 0) {
    auto results = GatherResults::read(in);
    if (!results) return failure(results.error());
    ok.results = std::move(*results);
  }
  return ok;
}

void OkMulticastFrame::write(Writer& out) const {
  out.be(network.number());
  group.write(out);
  out.be(static_cast<std::uint8_t>((membership ? kFlagMembership : 0U) |
                                   (results ? kFlagResults : 0U)));
  if (membership) membership->write(out);
  if (results) results->write(out);
}

}  // namespace ztshim
