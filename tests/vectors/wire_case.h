// What several tests of wire formats need from a vector file: identities, keys and texts of fields.
#pragma once

#include <stdexcept>
#include <string>

#include "common/endpoint.h"
#include "service/crypto/identity.h"
#include "service/crypto/suites.h"
#include "service/wire/packet.h"
#include "tests/vectors/vector_file.h"

namespace ztshim::vectors {

inline Identity identity(const Json& text) {
  auto parsed = Identity::parse(text.get<std::string>());
  if (!parsed) throw std::runtime_error("not an identity: " + text.dump());
  return *parsed;
}

inline PacketKeys keys_between(const Json& secret, const Json& peer) {
  const auto agreed = identity(secret).agree(identity(peer));
  if (!agreed) throw std::runtime_error("no agreement");
  return PacketKeys(*agreed);
}

// "" for the null address, otherwise "ip/number".
inline std::string address_text(const Endpoint& endpoint) {
  return endpoint ? endpoint.protocol_text() : std::string();
}

// A socket address of a file: null and "" are the null address.
inline std::string address_text(const Json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

template <typename T>
Bytes written(const T& value) {
  Bytes bytes;
  Writer out(bytes);
  value.write(out);
  return bytes;
}

inline ByteView payload_of(ByteView packet) { return packet.subspan(kPacketHeaderSize); }

}  // namespace ztshim::vectors
