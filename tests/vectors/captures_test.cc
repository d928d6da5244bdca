// captures/: every packet recorded between running nodes is opened, parsed and written again.
#include "service/wire/compression.h"
#include "service/wire/fragment.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/ext_frame.h"
#include "service/wire/messages/frame.h"
#include "service/wire/messages/hello.h"
#include "service/wire/messages/multicast_frame.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/messages/multicast_like.h"
#include "service/wire/messages/network_config.h"
#include "service/wire/messages/network_config_request.h"
#include "service/wire/messages/network_credentials.h"
#include "service/wire/messages/ok.h"
#include "service/wire/messages/push_direct_paths.h"
#include "service/wire/messages/rendezvous.h"
#include "service/wire/messages/user_message.h"
#include "service/wire/messages/whois.h"
#include "tests/vectors/recording.h"

namespace ztshim::vectors {
namespace {

struct Recorded {
  std::string name;
  Json packet;
  Json agreed_keys;
  friend void PrintTo(const Recorded& r, std::ostream* out) { *out << r.name; }
};

std::vector<Recorded> recordings() {
  std::vector<Recorded> all;
  for (const auto& [file, capture] : recording_files()) {
    for (const Json& packet : capture.at("packets")) {
      if (!packet.contains("clear")) continue;  // not a packet: the datagram before a first contact
      all.push_back(
          {test_name(file + '_' + packet.at("number").dump()), packet, capture.at("agreed_keys")});
    }
  }
  return all;
}

class RecordedPackets : public ::testing::TestWithParam<Recorded> {
 protected:
  const Json& packet() const { return GetParam().packet; }
  PacketKeys keys() const {
    for (const Json& entry : GetParam().agreed_keys) {
      const Json& pair = entry.at("pair");
      const bool forth = pair[0] == packet().at("source") && pair[1] == packet().at("destination");
      const bool back = pair[1] == packet().at("source") && pair[0] == packet().at("destination");
      if (!forth && !back) continue;
      return PacketKeys(AgreedKey(ByteView(hex_bytes(entry.at("agreed_key_48"))).first<48>()));
    }
    throw std::runtime_error("no key for this pair");
  }
};
INSTANTIATE_TEST_SUITE_P(, RecordedPackets, ::testing::ValuesIn(recordings()),
                         [](const auto& r) { return r.param.name; });

TEST_P(RecordedPackets, open_to_what_was_meant) {
  const Json& datagrams = packet().at("datagrams");
  Bytes bytes = hex_bytes(datagrams.at(0));
  for (std::size_t i = 1; i < datagrams.size(); ++i) {
    append(bytes, ByteView(hex_bytes(datagrams[i])).subspan(kFragmentHeaderSize));
  }
  const auto header = PacketHeader::read(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->id.text(), packet().at("packet_id"));
  EXPECT_EQ(header->hops(), packet().at("hops").get<unsigned>());
  EXPECT_EQ(header->is_fragmented(), packet().at("fragmented").get<bool>());
  EXPECT_EQ(static_cast<int>(header->suite()), packet().at("cipher_suite"));
  const PacketKeys shared = keys();
  ASSERT_TRUE(shared.open(bytes));
  const Verb verb = PacketHeader::read(bytes)->verb();  // before, it was under the seal
  EXPECT_EQ(name_of(verb), packet().at("verb").get<std::string>());
  EXPECT_EQ(PacketHeader::read(bytes)->is_compressed(), packet().at("compressed").get<bool>());
  ASSERT_TRUE(decompress_packet(bytes));
  const Bytes clear = hex_bytes(packet().at("clear"));
  if (verb != Verb::Hello) {
    EXPECT_EQ(to_hex(ByteView(bytes).subspan(kVerbOffset)), to_hex(clear));
    return;
  }
  // The file leaves the tail masked here and gives it in clear among the fields.
  const auto tail = Hello::tail_offset(bytes);
  ASSERT_TRUE(tail);
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(kVerbOffset)), to_hex(clear));
  shared.crypt_hello_tail(bytes, *tail);
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(*tail)),
            packet().at("fields").at("encrypted_tail_clear"));
}

// Nothing when it does not parse, otherwise what we write for the parsed message.
template <typename Message>
std::optional<Bytes> again(ByteView payload) {
  const auto message = Message::parse(payload);
  return message ? std::optional(written(*message)) : std::nullopt;
}

std::optional<Bytes> ok_again(ByteView payload) {
  const auto ok = OkHeader::parse(payload);
  if (!ok) return std::nullopt;
  std::optional<Bytes> body = to_bytes(ok->body);
  if (ok->in_re_verb == Verb::Hello) body = again<OkHello>(ok->body);
  if (ok->in_re_verb == Verb::Whois) body = again<OkWhois>(ok->body);
  if (ok->in_re_verb == Verb::NetworkConfigRequest) body = again<ConfigChunk>(ok->body);
  if (ok->in_re_verb == Verb::MulticastGather) body = again<OkMulticastGather>(ok->body);
  if (ok->in_re_verb == Verb::MulticastFrame) body = again<OkMulticastFrame>(ok->body);
  if (ok->in_re_verb == Verb::Echo && !ok->body.empty()) {
    body = again<ConfigAcknowledgement>(ok->body);
  }
  if (!body) return std::nullopt;
  Bytes bytes = written(*ok);
  append(bytes, *body);
  return bytes;
}

std::optional<Bytes> error_again(ByteView payload) {
  const auto error = ErrorHeader::parse(payload);
  if (!error) return std::nullopt;
  const auto body = again<NetworkError>(error->body);
  if (!body) return std::nullopt;
  Bytes bytes = written(*error);
  append(bytes, *body);
  return bytes;
}

std::optional<Bytes> message_again(Verb verb, ByteView payload) {
  switch (verb) {
    case Verb::Hello:
      return again<Hello>(payload);
    case Verb::Error:
      return error_again(payload);
    case Verb::Ok:
      return ok_again(payload);
    case Verb::Whois:
      return again<Whois>(payload);
    case Verb::Rendezvous:
      return again<Rendezvous>(payload);
    case Verb::Frame:
      return again<Frame>(payload);
    case Verb::ExtFrame:
      return again<ExtFrame>(payload);
    case Verb::MulticastLike:
      return again<MulticastLike>(payload);
    case Verb::NetworkCredentials:
      return again<NetworkCredentials>(payload);
    case Verb::NetworkConfigRequest:
      return again<NetworkConfigRequest>(payload);
    case Verb::NetworkConfig:
      return again<ConfigChunk>(payload);
    case Verb::MulticastGather:
      return again<MulticastGather>(payload);
    case Verb::MulticastFrame:
      return again<MulticastFrame>(payload);
    case Verb::PushDirectPaths:
      return again<PushDirectPaths>(payload);
    case Verb::UserMessage:
      return again<UserMessage>(payload);
    case Verb::Nop:
    case Verb::Echo:
    case Verb::Ack:
    case Verb::QosMeasurement:
    case Verb::RemoteTrace:
    case Verb::PathNegotiationRequest:
      break;  // bytes that we do not look into
  }
  return to_bytes(payload);
}

TEST_P(RecordedPackets, parse_and_are_written_again_byte_for_byte) {
  Bytes clear = hex_bytes(packet().at("clear"));
  const auto verb = static_cast<Verb>(clear.at(0) & 0x1f);
  if (verb == Verb::Hello) {
    const Bytes tail = hex_bytes(packet().at("fields").at("encrypted_tail_clear"));
    std::copy(tail.begin(), tail.end(), clear.end() - static_cast<std::ptrdiff_t>(tail.size()));
  }
  const ByteView payload = ByteView(clear).subspan(1);
  const auto bytes = message_again(verb, payload);
  ASSERT_TRUE(bytes) << packet().at("summary");
  EXPECT_EQ(to_hex(*bytes), to_hex(payload)) << packet().at("summary");
}

}  // namespace
}  // namespace ztshim::vectors
