#include "service/wire/messages/network_credentials.h"

#include "common/reader.h"

namespace ztshim {
namespace {

// A count and as many items. A packet that ends before the count has no such list.
template <typename T>
std::optional<ParseError> read_counted(Reader& in, std::vector<T>& list) {
  if (in.at_end()) return std::nullopt;
  const auto count = in.be<std::uint16_t>();
  for (unsigned i = 0; i < count; ++i) {
    auto item = T::read(in);
    if (!item) return item.error();
    list.push_back(std::move(*item));
  }
  if (in.failed()) return ParseError::Truncated;
  return std::nullopt;
}

template <typename T>
void write_counted(Writer& out, const std::vector<T>& list) {
  out.be(static_cast<std::uint16_t>(list.size()));
  for (const T& item : list) item.write(out);
}

}  // namespace

Result<NetworkCredentials, ParseError> NetworkCredentials::parse(ByteView payload) {
  NetworkCredentials credentials;
  Reader in(payload);
  while (!in.at_end() && in.rest().front() != 0) {
    auto membership = Membership::read(in);
    if (!membership) return failure(membership.error());
    credentials.memberships.push_back(*membership);
  }
  in.take(1);
  if (in.failed()) return failure(ParseError::Truncated);
  if (const auto e = read_counted(in, credentials.capabilities)) return failure(*e);
  if (const auto e = read_counted(in, credentials.tags)) return failure(*e);
  if (const auto e = read_counted(in, credentials.revocations)) return failure(*e);
  if (const auto e = read_counted(in, credentials.ownerships)) return failure(*e);
  return credentials;
}

void NetworkCredentials::write(Writer& out) const {
  for (const Membership& membership : memberships) membership.write(out);
  out.be(std::uint8_t{0});
  write_counted(out, capabilities);
  write_counted(out, tags);
  write_counted(out, revocations);
  write_counted(out, ownerships);
}

}  // namespace ztshim
