#include "service/wire/credentials/capability.h"

#include "service/wire/credentials/signature_field.h"

namespace ztshim {
namespace {

void write_body(Writer& out, const Capability& capability) {
  out.be(capability.network.number()).be(capability.timestamp).be(capability.id);
  out.be(static_cast<std::uint16_t>(capability.rules.size()));
  write_rules(out, capability.rules);
  out.be(capability.max_custody_chain_length);
}

}  // namespace

Result<Capability, ParseError> Capability::read(Reader& in) {
  Capability capability;
  capability.network = NetworkId(in.be<std::uint64_t>());
  capability.timestamp = in.be<std::uint64_t>();
  capability.id = in.be<std::uint32_t>();
  const auto count = in.be<std::uint16_t>();
  if (count > kMaxRules) return failure(ParseError::TooMany);
  for (unsigned i = 0; i < count; ++i) {
    auto rule = Rule::read(in);
    if (!rule) return failure(rule.error());
    capability.rules.push_back(std::move(*rule));
  }
  capability.max_custody_chain_length = in.be<std::uint8_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  if (capability.max_custody_chain_length < 1 ||
      capability.max_custody_chain_length > kMaxCustodyChain) {
    return failure(ParseError::BadValue);
  }
  while (true) {
    Link link;
    link.to = Address::read(in);
    if (in.failed()) return failure(ParseError::Truncated);
    if (!link.to) break;
    if (capability.custody.size() == kMaxCustodyChain) return failure(ParseError::TooMany);
    link.from = Address::read(in);
    link.signature = read_signature_field(in);
    capability.custody.push_back(link);
  }
  skip_additional_fields(in);
  if (in.failed()) return failure(ParseError::Truncated);
  return capability;
}

void Capability::write(Writer& out) const {
  write_body(out, *this);
  for (const Link& link : custody) {
    link.to.write(out);
    link.from.write(out);
    write_signature_field(out, link.signature);
  }
  Address().write(out);  // ends the chain
  out.be(std::uint16_t{0});
}

Bytes Capability::signed_bytes() const {
  Bytes bytes;
  Writer out(bytes);
  out.be(kSignedPadding);
  write_body(out, *this);
  out.be(std::uint16_t{0}).be(kSignedPadding);
  return bytes;
}

bool Capability::sign(const Identity& from, Address to) {
  if (custody.size() >= max_custody_chain_length || !to) return false;
  custody.push_back(Link{to, from.address(), from.sign(signed_bytes())});
  return true;
}

bool Capability::is_chain_well_formed() const {
  if (custody.empty() || custody.size() > max_custody_chain_length) return false;
  Address holder = network.controller();
  for (const Link& link : custody) {
    if (link.from != holder) return false;
    holder = link.to;
  }
  return true;
}

bool Capability::verify_link(std::size_t index, const Identity& from) const {
  return index < custody.size() && custody[index].from == from.address() &&
         from.verify(signed_bytes(), custody[index].signature);
}

bool Capability::verify(const Identity& controller) const {
  return custody.size() == 1 && is_chain_well_formed() && verify_link(0, controller);
}

}  // namespace ztshim
