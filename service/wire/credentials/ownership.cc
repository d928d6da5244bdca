#include "service/wire/credentials/ownership.h"

#include <algorithm>

#include "service/wire/credentials/signature_field.h"

namespace ztshim {
namespace {

void write_body(Writer& out, const Ownership& ownership) {
  out.be(ownership.network.number()).be(ownership.timestamp).be(ownership.flags).be(ownership.id);
  out.be(static_cast<std::uint16_t>(ownership.things.size()));
  for (const Ownership::Thing& thing : ownership.things) {
    out.be(static_cast<std::uint8_t>(thing.type)).bytes(thing.value);
  }
  ownership.issued_to.write(out);
  ownership.signed_by.write(out);
}

}  // namespace

Ownership::Thing Ownership::Thing::of(const IpAddress& ip) {
  Thing thing;
  thing.type = ip.is_v4() ? ThingType::Ipv4 : ThingType::Ipv6;
  std::copy(ip.bytes().begin(), ip.bytes().end(), thing.value.begin());
  return thing;
}

Ownership::Thing Ownership::Thing::of(MacAddress mac) {
  Thing thing;
  thing.type = ThingType::Mac;
  Bytes octets;
  Writer out(octets);
  mac.write(out);
  std::copy(octets.begin(), octets.end(), thing.value.begin());
  return thing;
}

Result<Ownership, ParseError> Ownership::read(Reader& in) {
  Ownership ownership;
  ownership.network = NetworkId(in.be<std::uint64_t>());
  ownership.timestamp = in.be<std::uint64_t>();
  ownership.flags = in.be<std::uint64_t>();
  ownership.id = in.be<std::uint32_t>();
  const auto count = in.be<std::uint16_t>();
  if (count > kMaxThings) return failure(ParseError::TooMany);
  for (unsigned i = 0; i < count; ++i) {
    Thing thing;
    thing.type = static_cast<ThingType>(in.be<std::uint8_t>());
    in.fill(thing.value);
    ownership.things.push_back(thing);
  }
  ownership.issued_to = Address::read(in);
  ownership.signed_by = Address::read(in);
  ownership.signature = read_signature_field(in);
  skip_additional_fields(in);
  if (in.failed()) return failure(ParseError::Truncated);
  return ownership;
}

void Ownership::write(Writer& out) const {
  write_body(out, *this);
  write_signature_field(out, signature);
  out.be(std::uint16_t{0});
}

Bytes Ownership::signed_bytes() const {
  Bytes bytes;
  Writer out(bytes);
  out.be(kSignedPadding);
  write_body(out, *this);
  out.be(std::uint16_t{0}).be(kSignedPadding);
  return bytes;
}

void Ownership::sign(const Identity& signer) {
  signed_by = signer.address();
  signature = signer.sign(signed_bytes());
}

bool Ownership::verify(const Identity& signer) const {
  return signed_by == signer.address() && signer.verify(signed_bytes(), signature);
}

bool Ownership::owns(const IpAddress& ip) const {
  if (!ip) return false;
  const std::size_t size = ip.bytes().size();
  const ThingType wanted = ip.is_v4() ? ThingType::Ipv4 : ThingType::Ipv6;
  return std::any_of(things.begin(), things.end(), [&](const Thing& thing) {
    return thing.type == wanted &&
           std::equal(ip.bytes().begin(), ip.bytes().end(), thing.value.begin(),
                      thing.value.begin() + static_cast<std::ptrdiff_t>(size));
  });
}

bool Ownership::owns(MacAddress mac) const {
  return std::any_of(things.begin(), things.end(), [&](const Thing& thing) {
    if (thing.type != ThingType::Mac) return false;
    Reader in(thing.value);
    return MacAddress::read(in) == mac;
  });
}

}  // namespace ztshim
