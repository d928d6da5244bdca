// hello.json: HELLO and OK(HELLO) as bytes. What a node answers to unusual HELLOs ("behaviour")
// needs a node; here only that their bytes can be read is checked.
#include "service/wire/messages/hello.h"

#include "service/wire/compression.h"
#include "service/wire/messages/ok.h"
#include "service/wire/world.h"
#include "tests/vectors/world_json.h"

namespace ztshim::vectors {
namespace {

// What the two parties share, wherever the case keeps their secrets.
PacketKeys keys_of(const Json& data) {
  return keys_between(data.at("sender_secret"), data.at("receiver_secret"));
}

// Seals header and payload as the packet in `wire` was sealed, or would have been.
Bytes sealed_again(ByteView wire, Verb verb, ByteView payload, const PacketKeys& keys) {
  const auto header = *PacketHeader::read(wire);
  Bytes packet(kPacketHeaderSize);
  write_packet_header(packet, header.id, header.destination, header.source, verb);
  append(packet, payload);
  if (verb == Verb::Hello) {
    if (const auto tail = Hello::tail_offset(packet)) keys.crypt_hello_tail(packet, *tail);
  }
  keys.seal(packet, header.suite());
  return packet;
}

// The agreed key stands in the file as well.
void expect_agreed_key(const Json& data) {
  if (!data.contains("agreed_key_48")) return;
  const auto agreed =
      identity(data.at("sender_secret")).agree(identity(data.at("receiver_secret")));
  ASSERT_TRUE(agreed);
  EXPECT_EQ(to_hex(agreed->bytes()), data.at("agreed_key_48"));
}

VECTOR_SUITE(HelloPackets, "hello.json", "hello");

TEST_P(HelloPackets, open_and_parse_to_their_fields) {
  const Json& fields = data().at("fields");
  Bytes packet = bytes("wire");
  const auto header = PacketHeader::read(packet);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->id.text(), fields.at("packet_id"));
  EXPECT_EQ(header->destination.text(), fields.at("destination"));
  EXPECT_EQ(header->source.text(), fields.at("source"));
  EXPECT_EQ(to_hex(header->flags, 2), fields.at("flags_byte"));
  EXPECT_EQ(static_cast<int>(header->suite()), fields.at("cipher_suite"));
  EXPECT_EQ(header->hops(), fields.at("hops").get<unsigned>());
  EXPECT_EQ(static_cast<int>(header->verb()), fields.at("verb"));
  EXPECT_EQ(to_hex(ByteView(packet).subspan(19, 8)), fields.at("mac"));

  expect_agreed_key(data());
  const PacketKeys keys = keys_of(data());
  ASSERT_EQ(keys.open(packet), flag("dearmor_ok"));
  const auto tail = Hello::tail_offset(packet);
  ASSERT_TRUE(tail);
  EXPECT_EQ(*tail, fields.at("encrypted_tail_offset").get<std::size_t>());
  EXPECT_EQ(to_hex(ByteView(packet).subspan(*tail)), fields.at("encrypted_tail"));
  keys.crypt_hello_tail(packet, *tail);
  EXPECT_EQ(to_hex(ByteView(packet).subspan(*tail)), fields.at("decrypted_tail"));

  const auto hello = Hello::parse(payload_of(packet));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->protocol, fields.at("protocol_version"));
  EXPECT_EQ(hello->version.major, fields.at("major"));
  EXPECT_EQ(hello->version.minor, fields.at("minor"));
  EXPECT_EQ(hello->version.revision, fields.at("revision"));
  EXPECT_EQ(hello->timestamp, fields.at("timestamp").get<std::uint64_t>());
  EXPECT_EQ(hello->identity.text(), fields.at("identity"));
  EXPECT_EQ(hello->identity, identity(data().at("sender_secret")));
  EXPECT_EQ(Hello::identity_of(payload_of(packet)), hello->identity);
  EXPECT_EQ(address_text(hello->sent_to), address_text(fields.at("sent_to_address")));
  EXPECT_EQ(to_hex(hello->planet_id, 16), fields.at("planet_id"));
  EXPECT_EQ(hello->planet_timestamp, fields.at("planet_timestamp").get<std::uint64_t>());
  EXPECT_EQ(written(*hello).size() + fields.at("bytes_left_over").get<std::size_t>(),
            payload_of(packet).size());
  if (hello->sent_to) {
    EXPECT_EQ(address_text(hello->sent_to), text("sent_to"));
  }
  const Json& moons = fields.at("moons");
  ASSERT_EQ(hello->moons.size(), moons.size());
  for (std::size_t i = 0; i < moons.size(); ++i) {
    EXPECT_EQ(hello->moons[i].type, moons[i].at("type"));
    EXPECT_EQ(to_hex(hello->moons[i].id, 16), moons[i].at("id"));
    EXPECT_EQ(hello->moons[i].timestamp, moons[i].at("timestamp").get<std::uint64_t>());
  }
}

TEST_P(HelloPackets, are_rebuilt_byte_for_byte) {
  const PacketKeys keys = keys_of(data());
  Bytes packet = bytes("wire");
  ASSERT_TRUE(keys.open(packet));
  keys.crypt_hello_tail(packet, Hello::tail_offset(packet).value());
  const auto hello = Hello::parse(payload_of(packet));
  ASSERT_TRUE(hello);
  EXPECT_EQ(to_hex(sealed_again(bytes("wire"), Verb::Hello, written(*hello), keys)), text("wire"));
}

VECTOR_SUITE(OkHelloPackets, "hello.json", "ok_hello");

TEST_P(OkHelloPackets, open_and_parse_to_their_fields) {
  const Json& fields = data().at("fields");
  Bytes packet = bytes("wire");
  ASSERT_EQ(keys_of(data()).open(packet), flag("dearmor_ok"));
  const auto header = *PacketHeader::read(packet);
  EXPECT_EQ(static_cast<int>(header.suite()), fields.at("cipher_suite"));
  EXPECT_EQ(static_cast<int>(header.verb()), fields.at("verb"));
  EXPECT_EQ(header.is_compressed(), fields.at("compressed_on_wire").get<bool>());
  ASSERT_TRUE(decompress_packet(packet));
  EXPECT_EQ(to_hex(packet), text("clear"));

  const auto ok = OkHeader::parse(payload_of(packet));
  ASSERT_TRUE(ok);
  EXPECT_EQ(static_cast<int>(ok->in_re_verb), fields.at("in_re_verb"));
  EXPECT_EQ(ok->in_re.text(), fields.at("in_re_packet_id"));
  const auto hello = OkHello::parse(ok->body);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->timestamp, fields.at("timestamp_echo").get<std::uint64_t>());
  EXPECT_EQ(hello->protocol, fields.at("protocol_version"));
  EXPECT_EQ(hello->version.major, fields.at("major"));
  EXPECT_EQ(hello->version.minor, fields.at("minor"));
  EXPECT_EQ(hello->version.revision, fields.at("revision"));
  EXPECT_EQ(address_text(hello->seen_at), address_text(fields.at("observed_sender_address")));
  EXPECT_EQ(text("sent_to"), address_text(hello->seen_at));
  EXPECT_EQ(hello->worlds.size(), fields.at("world_updates_length").get<std::size_t>());
  EXPECT_EQ(
      OkHeader::kSize + written(*hello).size() + fields.at("bytes_left_over").get<std::size_t>(),
      payload_of(packet).size());
  const auto worlds = World::parse_all(hello->worlds);
  const Json& expected = fields.at("world_updates");
  ASSERT_EQ(worlds.size(), expected.size());
  for (std::size_t i = 0; i < worlds.size(); ++i) {
    Json described = world_json(worlds[i]);
    described["serialized"] = to_hex(worlds[i].bytes());
    EXPECT_EQ(described, expected[i]);
  }
}

TEST_P(OkHelloPackets, are_rebuilt_byte_for_byte) {
  const Bytes clear = bytes("clear");
  const auto ok = OkHeader::parse(payload_of(clear));
  ASSERT_TRUE(ok);
  const auto hello = OkHello::parse(ok->body);
  ASSERT_TRUE(hello);
  Bytes payload = written(*ok);
  append(payload, written(*hello));
  EXPECT_EQ(to_hex(payload), to_hex(payload_of(clear)));

  // With suite 3 the ID that was sealed cannot be read from the wire, so the seal is only undone
  // again.
  const PacketKeys keys = keys_of(data());
  Bytes packet = sealed_again(bytes("wire"), Verb::Ok, payload, keys);
  if (PacketHeader::read(packet)->suite() != Suite::AesGmacSiv) {
    EXPECT_EQ(to_hex(packet), text("wire"));
  } else {
    ASSERT_TRUE(keys.open(packet));
    EXPECT_EQ(to_hex(payload_of(packet)), to_hex(payload));
  }
}

VECTOR_SUITE(HelloBehaviour, "hello.json", "behaviour");

TEST_P(HelloBehaviour, whatever_was_answered_can_be_read) {
  const bool answered = has("wire") && number("replies") > 0;
  if (!answered) return;  // why a node stays silent is not a matter of layout
  Bytes packet = bytes("wire");
  EXPECT_TRUE(Hello::identity_of(payload_of(packet)));
  if (!has("sender_secret")) return;  // one of the packets above, changed in passing
  const PacketKeys keys = keys_of(data());
  ASSERT_TRUE(keys.open(packet));
  if (const auto tail = Hello::tail_offset(packet)) keys.crypt_hello_tail(packet, *tail);
  EXPECT_TRUE(Hello::parse(payload_of(packet)));
}

}  // namespace
}  // namespace ztshim::vectors
