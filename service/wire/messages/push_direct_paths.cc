#include "service/wire/messages/push_direct_paths.h"

#include "common/reader.h"

namespace ztshim {
namespace {

constexpr std::uint8_t kIpv4 = 4;
constexpr std::uint8_t kIpv6 = 6;
constexpr std::size_t kIpv4Size = 6;  // with port
constexpr std::size_t kIpv6Size = 18;

}  // namespace

Result<PushDirectPaths, ParseError> PushDirectPaths::parse(ByteView payload) {
  PushDirectPaths push;
  Reader in(payload);
  const auto count = in.be<std::uint16_t>();
  for (unsigned i = 0; i < count && !in.failed(); ++i) {
    PushedPath path;
    path.flags = in.be<std::uint8_t>();
    in.take(in.be<std::uint16_t>());  // extension
    const auto type = in.be<std::uint8_t>();
    Reader address(in.take(in.be<std::uint8_t>()));
    if (type == kIpv4 && address.remaining() == kIpv4Size) {
      path.endpoint.ip = IpAddress::v4(address.take(4));
    } else if (type == kIpv6 && address.remaining() == kIpv6Size) {
      path.endpoint.ip = IpAddress::v6(address.take(16));
    } else {
      continue;
    }
    path.endpoint.port = address.be<std::uint16_t>();
    push.paths.push_back(path);
  }
  if (in.failed()) return failure(ParseError::Truncated);
  return push;
}

void PushDirectPaths::write(Writer& out) const {
  out.be(static_cast<std::uint16_t>(paths.size()));
  for (const PushedPath& path : paths) {
    const IpAddress& ip = path.endpoint.ip;
    out.be(path.flags).be(std::uint16_t{0});
    out.be(ip.is_v4() ? kIpv4 : kIpv6);
    out.be(static_cast<std::uint8_t>(ip.bytes().size() + sizeof path.endpoint.port));
    out.bytes(ip.bytes()).be(path.endpoint.port);
  }
}

}  // namespace ztshim
