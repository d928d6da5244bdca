#include "service/wire/messages/whois.h"

#include "common/reader.h"

namespace ztshim {

Result<Whois, ParseError> Whois::parse(ByteView payload) {
  Whois whois;
  Reader in(payload);
  while (in.remaining() >= Address::kSize) whois.addresses.push_back(Address::read(in));
  if (whois.addresses.empty()) return failure(ParseError::Truncated);
  return whois;
}

void Whois::write(Writer& out) const {
  for (const Address address : addresses) address.write(out);
}

Result<OkWhois, ParseError> OkWhois::parse(ByteView body) {
  OkWhois ok;
  Reader in(body);
  while (!in.at_end()) {
    auto identity = Identity::read(in);
    if (!identity) break;
    ok.identities.push_back(std::move(*identity));
  }
  if (ok.identities.empty()) return failure(ParseError::Truncated);
  return ok;
}

void OkWhois::write(Writer& out) const {
  for (const Identity& identity : identities) identity.write(out);
}

}  // namespace ztshim
