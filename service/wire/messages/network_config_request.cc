#include "service/wire/messages/network_config_request.h"

#include <algorithm>

#include "common/reader.h"
#include "service/wire/dictionary.h"

namespace ztshim {

Result<NetworkConfigRequest, ParseError> NetworkConfigRequest::parse(ByteView payload) {
  NetworkConfigRequest request;
  Reader in(payload);
  request.network = NetworkId(in.be<std::uint64_t>());
  request.metadata = in.take(in.be<std::uint16_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  if (in.remaining() >= 16) {  // genuine controllers answer without them, too
    request.revision_held = in.be<std::uint64_t>();
    request.timestamp_held = in.be<std::uint64_t>();
  }
  return request;
}

void NetworkConfigRequest::write(Writer& out) const {
  out.be(network.number());
  out.be(static_cast<std::uint16_t>(metadata.size())).bytes(metadata);
  out.be(revision_held).be(timestamp_held);
}

RequestMetadata RequestMetadata::parse(ByteView metadata) {
  const Dictionary in =
      Dictionary::parse(metadata.first(std::min(metadata.size(), Dictionary::kMaxRequestMetadata)));
  RequestMetadata read;
  read.config_version = in.get_number("v");
  read.vendor = in.get_number("vend");
  read.protocol = in.get_number("pv");
  read.version.major = static_cast<std::uint8_t>(in.get_number("majv"));
  read.version.minor = static_cast<std::uint8_t>(in.get_number("minv"));
  read.version.revision = static_cast<std::uint16_t>(in.get_number("revv"));
  read.max_rules = in.get_number("mr");
  read.max_capabilities = in.get_number("mc");
  read.max_capability_rules = in.get_number("mcr");
  read.max_tags = in.get_number("mt");
  read.flags = in.get_number("f");
  read.rules_engine_revision = in.get_number("revr");
  read.platform = in.get_text("o");
  read.authorization = in.get_text("a");
  return read;
}

Bytes RequestMetadata::write() const {
  DictionaryWriter out;
  out.add_number("v", config_version).add_number("vend", vendor).add_number("pv", protocol);
  out.add_number("majv", version.major).add_number("minv", version.minor);
  out.add_number("revv", version.revision);
  out.add_number("mr", max_rules).add_number("mc", max_capabilities);
  out.add_number("mcr", max_capability_rules).add_number("mt", max_tags);
  out.add_number("f", flags).add_number("revr", rules_engine_revision);
  if (!platform.empty()) out.add("o", platform);
  if (!authorization.empty()) out.add("a", authorization);
  return out.take();
}

}  // namespace ztshim
