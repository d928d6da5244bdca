// Verb and error numbers. Notes: vl1-packets 6 and 7.2.
#pragma once

#include <cstdint>
#include <string_view>

namespace ztshim {

enum class Verb : std::uint8_t {
  Nop = 0x00,
  Hello = 0x01,
  Error = 0x02,
  Ok = 0x03,
  Whois = 0x04,
  Rendezvous = 0x05,
  Frame = 0x06,
  ExtFrame = 0x07,
  Echo = 0x08,
  MulticastLike = 0x09,
  NetworkCredentials = 0x0a,
  NetworkConfigRequest = 0x0b,
  NetworkConfig = 0x0c,
  MulticastGather = 0x0d,
  MulticastFrame = 0x0e,
  PushDirectPaths = 0x10,
  Ack = 0x12,
  QosMeasurement = 0x13,
  UserMessage = 0x14,
  RemoteTrace = 0x15,
  PathNegotiationRequest = 0x16,
};

enum class ErrorCode : std::uint8_t {
  None = 0x00,
  InvalidRequest = 0x01,
  BadProtocolVersion = 0x02,
  ObjectNotFound = 0x03,
  IdentityCollision = 0x04,
  UnsupportedOperation = 0x05,
  NeedMembershipCertificate = 0x06,
  NetworkAccessDenied = 0x07,
  UnwantedMulticast = 0x08,
  NetworkAuthenticationRequired = 0x09,
};

// "HELLO", "EXT_FRAME", …; "unknown verb" for all other numbers.
std::string_view name_of(Verb verb);

}  // namespace ztshim
