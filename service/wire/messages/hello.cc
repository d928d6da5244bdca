#include "service/wire/messages/hello.h"

#include "service/wire/address_codec.h"
#include "service/wire/packet.h"

namespace ztshim {
namespace {

constexpr std::size_t kFixedSize = 13;  // protocol, version, timestamp
constexpr std::size_t kPlanetSize = 16;
constexpr std::size_t kMoonCountSize = 2;

SoftwareVersion read_version(Reader& in) {
  SoftwareVersion version;
  version.major = in.be<std::uint8_t>();
  version.minor = in.be<std::uint8_t>();
  version.revision = in.be<std::uint16_t>();
  return version;
}

void write_version(Writer& out, const SoftwareVersion& version) {
  out.be(version.major).be(version.minor).be(version.revision);
}

}  // namespace

std::optional<std::size_t> Hello::tail_offset(ByteView packet) {
  Reader in(packet);
  in.take(kPacketHeaderSize + kFixedSize);
  if (!Identity::read(in)) return std::nullopt;
  read_address(in);
  in.take(kPlanetSize);
  if (in.failed() || in.at_end()) return std::nullopt;
  return packet.size() - in.remaining();
}

std::optional<Identity> Hello::identity_of(ByteView payload) {
  Reader in(payload);
  in.take(kFixedSize);
  return Identity::read(in);
}

Result<Hello, ParseError> Hello::parse(ByteView payload) {
  Hello hello;
  Reader in(payload);
  hello.protocol = in.be<std::uint8_t>();
  hello.version = read_version(in);
  hello.timestamp = in.be<std::uint64_t>();
  auto identity = Identity::read(in);
  if (!identity) return failure(ParseError::Truncated);
  hello.identity = std::move(*identity);

  // Older versions end here, or after the address, or after the planet.
  if (!in.at_end()) hello.sent_to = read_address(in);
  if (in.remaining() >= kPlanetSize) {
    hello.planet_id = in.be<std::uint64_t>();
    hello.planet_timestamp = in.be<std::uint64_t>();
    if (in.remaining() >= kMoonCountSize) {
      const auto count = in.be<std::uint16_t>();
      for (unsigned i = 0; i < count && !in.failed(); ++i) {
        WorldRevision moon;
        moon.type = in.be<std::uint8_t>();
        moon.id = in.be<std::uint64_t>();
        moon.timestamp = in.be<std::uint64_t>();
        hello.moons.push_back(moon);
      }
    }
  }
  if (in.failed()) return failure(ParseError::Truncated);
  return hello;
}

void Hello::write(Writer& out) const {
  out.be(protocol);
  write_version(out, version);
  out.be(timestamp);
  identity.write(out);
  write_address(out, sent_to);
  out.be(planet_id).be(planet_timestamp);
  out.be(static_cast<std::uint16_t>(moons.size()));
  for (const WorldRevision& moon : moons) out.be(moon.type).be(moon.id).be(moon.timestamp);
}

Result<OkHello, ParseError> OkHello::parse(ByteView body) {
  OkHello ok;
  Reader in(body);
  ok.timestamp = in.be<std::uint64_t>();
  ok.protocol = in.be<std::uint8_t>();
  ok.version = read_version(in);
  // Root servers may end here, or after the address.
  if (!in.at_end()) ok.seen_at = read_address(in);
  if (!in.at_end()) ok.worlds = in.take(in.be<std::uint16_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  return ok;
}

void OkHello::write(Writer& out) const {
  out.be(timestamp).be(protocol);
  write_version(out, version);
  write_address(out, seen_at);
  out.be(static_cast<std::uint16_t>(worlds.size())).bytes(worlds);
}

}  // namespace ztshim
