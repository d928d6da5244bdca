#include "service/wire/messages/multicast_gather.h"

namespace ztshim {

Result<MulticastGather, ParseError> MulticastGather::parse(ByteView payload) {
  MulticastGather gather;
  Reader in(payload);
  gather.network = NetworkId(in.be<std::uint64_t>());
  const auto flags = in.be<std::uint8_t>();
  gather.group = MulticastGroup::read(in);
  gather.limit = in.be<std::uint32_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  if ((flags & kFlagMembership) != 0) {
    const auto membership = Membership::read(in);
    if (!membership) return failure(membership.error());
    gather.membership = *membership;
  }
  return gather;
}

void MulticastGather::write(Writer& out) const {
  out.be(network.number()).be(membership ? kFlagMembership : std::uint8_t{0});
  group.write(out);
  out.be(limit);
  if (membership) membership->write(out);
}

Result<GatherResults, ParseError> GatherResults::read(Reader& in) {
  GatherResults results;
  results.total_known = in.be<std::uint32_t>();
  const auto count = in.be<std::uint16_t>();
  Reader members(in.take(count * Address::kSize));
  if (in.failed()) return failure(ParseError::Truncated);
  while (!members.at_end()) results.members.push_back(Address::read(members));
  return results;
}

void GatherResults::write(Writer& out) const {
  out.be(total_known).be(static_cast<std::uint16_t>(members.size()));
  for (const Address member : members) member.write(out);
}

Result<OkMulticastGather, ParseError> OkMulticastGather::parse(ByteView body) {
  OkMulticastGather ok;
  Reader in(body);
  ok.network = NetworkId(in.be<std::uint64_t>());
  ok.group = MulticastGroup::read(in);
  auto results = GatherResults::read(in);
  if (!results) return failure(results.error());
  ok.results = std::move(*results);
  return ok;
}

void OkMulticastGather::write(Writer& out) const {
  out.be(network.number());
  group.write(out);
  results.write(out);
}

}  // namespace ztshim
