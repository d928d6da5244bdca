#include "service/wire/messages/network_config.h"

#include <algorithm>

#include "common/reader.h"
#include "service/wire/credentials/signature_field.h"
#include "service/wire/dictionary.h"

namespace ztshim {
namespace {

void write_signed_part(Writer& out, const ConfigChunk& chunk) {
  out.be(chunk.network.number());
  out.be(static_cast<std::uint16_t>(chunk.data.size())).bytes(chunk.data);
  out.be(chunk.flags).be(chunk.update_id).be(chunk.total_size).be(chunk.offset);
}

}  // namespace

Result<ConfigChunk, ParseError> ConfigChunk::parse(ByteView payload) {
  ConfigChunk chunk;
  Reader in(payload);
  chunk.network = NetworkId(in.be<std::uint64_t>());
  chunk.data = in.take(in.be<std::uint16_t>());
  if (in.failed()) return failure(ParseError::Truncated);
  if (in.at_end()) {  // the old form
    chunk.total_size = static_cast<std::uint32_t>(chunk.data.size());
    chunk.signed_part = chunk.whole = payload;
    return chunk;
  }
  chunk.flags = in.be<std::uint8_t>();
  chunk.update_id = in.be<std::uint64_t>();
  chunk.total_size = in.be<std::uint32_t>();
  chunk.offset = in.be<std::uint32_t>();
  chunk.signed_part = payload.first(payload.size() - in.remaining());
  if (in.failed()) return failure(ParseError::Truncated);
  if (chunk.total_size > Dictionary::kMaxNetworkConfig ||
      std::uint64_t{chunk.offset} + chunk.data.size() > chunk.total_size) {
    return failure(ParseError::BadValue);
  }
  const bool has_room = in.remaining() >= kSignatureFieldSize;
  chunk.signature = read_signature_field(in);
  if (in.failed()) return failure(has_room ? ParseError::BadValue : ParseError::Truncated);
  chunk.whole = payload.first(payload.size() - in.remaining());
  return chunk;
}

void ConfigChunk::write(Writer& out) const {
  if (!signature) {
    out.be(network.number()).be(static_cast<std::uint16_t>(data.size())).bytes(data);
    return;
  }
  write_signed_part(out, *this);
  write_signature_field(out, *signature);
}

bool ConfigChunk::verify(const Identity& controller) const {
  return signature && controller.verify(signed_part, *signature);
}

std::vector<Bytes> ConfigChunk::split(NetworkId network, ByteView dictionary,
                                      std::uint64_t update_id, const Identity& controller) {
  std::vector<Bytes> payloads;
  for (std::size_t at = 0; at < dictionary.size(); at += kMaxData) {
    ConfigChunk chunk;
    chunk.network = network;
    chunk.data = dictionary.subspan(at, std::min(kMaxData, dictionary.size() - at));
    chunk.update_id = update_id;
    chunk.total_size = static_cast<std::uint32_t>(dictionary.size());
    chunk.offset = static_cast<std::uint32_t>(at);
    Bytes payload;
    Writer out(payload);
    write_signed_part(out, chunk);
    const Signature signature = controller.sign(payload);
    write_signature_field(out, signature);
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

Result<ConfigAcknowledgement, ParseError> ConfigAcknowledgement::parse(ByteView body) {
  ConfigAcknowledgement acknowledgement;
  Reader in(body);
  acknowledgement.network = NetworkId(in.be<std::uint64_t>());
  acknowledgement.update_id = in.be<std::uint64_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  return acknowledgement;
}

void ConfigAcknowledgement::write(Writer& out) const { out.be(network.number()).be(update_id); }

}  // namespace ztshim
