// network_config.json: requests, signed chunks and the dictionary in them. Putting chunks together
// and deciding about a configuration is VL2's, issuing one the controller's.
#include "service/wire/messages/network_config.h"

#include "service/wire/compression.h"
#include "service/wire/dictionary.h"
#include "service/wire/messages/error.h"
#include "service/wire/messages/network_config_request.h"
#include "service/wire/messages/ok.h"
#include "tests/vectors/network_config_json.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

const Json& root() { return file("network_config.json"); }
Identity controller() { return identity(root().at("controller_secret")); }
PacketKeys keys() {
  return keys_between(root().at("member_secret"), root().at("controller_secret"));
}

// The packet on the wire, opened and decompressed; it must be what the file has as "clear".
Bytes opened(const Json& recorded) {
  Bytes packet = hex_bytes(recorded.at("wire"));
  EXPECT_TRUE(keys().open(packet));
  const auto header = *PacketHeader::read(packet);
  if (recorded.contains("compressed")) {
    EXPECT_EQ(header.is_compressed(), recorded.at("compressed").get<bool>());
    EXPECT_EQ(static_cast<int>(header.suite()), recorded.at("cipher_suite"));
  }
  EXPECT_TRUE(decompress_packet(packet));
  EXPECT_EQ(to_hex(packet), recorded.at("clear"));
  return packet;
}

// Checks a chunk against its description and appends its data to `dictionary` at the right place.
void expect_chunk(const Json& recorded, ByteView payload, Bytes& dictionary) {
  const auto chunk = ConfigChunk::parse(payload);
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->network.text(), recorded.at("network_id"));
  EXPECT_EQ(chunk->data.size(), recorded.at("chunk_length").get<std::size_t>());
  EXPECT_EQ(chunk->flags, recorded.at("flags"));
  EXPECT_EQ(to_hex(chunk->update_id, 16), recorded.at("config_update_id"));
  EXPECT_EQ(chunk->total_size, recorded.at("total_length").get<std::uint32_t>());
  EXPECT_EQ(chunk->offset, recorded.at("chunk_index").get<std::uint32_t>());
  ASSERT_TRUE(chunk->signature);
  if (recorded.contains("signed_region")) {
    const Json& region = recorded.at("signed_region");
    const std::size_t begin = kPacketHeaderSize + OkHeader::kSize;
    EXPECT_EQ(region, Json::array({begin, begin + chunk->signed_part.size()}));
    EXPECT_EQ(payload.size() - chunk->whole.size(), recorded.at("left_over").get<std::size_t>());
    // The only type and size of signature that parse() takes.
    EXPECT_EQ(recorded.at("signature_type"), 1);
    EXPECT_EQ(recorded.at("signature_length"), chunk->signature->size());
  }
  if (recorded.contains("signature")) {
    EXPECT_EQ(to_hex(*chunk->signature), recorded.at("signature"));
  }
  EXPECT_EQ(chunk->verify(controller()), recorded.at("signature_valid").get<bool>());
  EXPECT_EQ(to_hex(written(*chunk)), to_hex(chunk->whole));
  EXPECT_EQ(chunk->whole.size(), payload.size());
  dictionary.resize(chunk->total_size);
  std::copy(chunk->data.begin(), chunk->data.end(), dictionary.begin() + chunk->offset);
}

VECTOR_SUITE(ConfigCases, "network_config.json", "cases");

TEST_P(ConfigCases, requests_parse_and_are_rebuilt) {
  const Json& recorded = data().at("request");
  const Bytes packet = opened(recorded);
  const auto request = NetworkConfigRequest::parse(payload_of(packet));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->network.text(), recorded.at("network_id"));
  EXPECT_EQ(request->network.text(), text("network_id"));
  EXPECT_EQ(as_text(request->metadata), recorded.at("metadata").get<std::string>());
  EXPECT_EQ(request->revision_held, recorded.at("have_revision").get<std::uint64_t>());
  EXPECT_EQ(request->timestamp_held, recorded.at("have_timestamp").get<std::uint64_t>());
  EXPECT_EQ(as_text(RequestMetadata::parse(request->metadata).write()), as_text(request->metadata));
  EXPECT_EQ(to_hex(written(*request)), to_hex(payload_of(packet)));
  EXPECT_EQ(recorded.at("left_over"), 0) << "it would have been written again";
}

TEST_P(ConfigCases, replies_carry_the_dictionary_or_the_refusal) {
  Bytes dictionary;
  for (const Json& recorded : data().at("replies")) {
    const Bytes packet = opened(recorded);
    const auto header = *PacketHeader::read(packet);
    ASSERT_EQ(static_cast<int>(header.verb()), recorded.at("verb"));
    if (header.verb() == Verb::Error) {
      const auto error = ErrorHeader::parse(payload_of(packet));
      ASSERT_TRUE(error);
      EXPECT_EQ(static_cast<int>(error->in_re_verb), recorded.at("in_re_verb"));
      EXPECT_EQ(error->in_re.text(), recorded.at("in_re_packet_id"));
      EXPECT_EQ(static_cast<int>(error->code), recorded.at("error_code"));
      const auto body = NetworkError::parse(error->body);
      ASSERT_TRUE(body);
      EXPECT_EQ(body->network.text(), recorded.at("network_id"));
      continue;
    }
    const auto ok = OkHeader::parse(payload_of(packet));
    ASSERT_TRUE(ok);
    EXPECT_EQ(static_cast<int>(ok->in_re_verb), recorded.at("in_re_verb"));
    EXPECT_EQ(ok->in_re.text(), recorded.at("in_re_packet_id"));
    expect_chunk(recorded, ok->body, dictionary);
  }
  if (has("dictionary_hex")) {
    EXPECT_EQ(to_hex(dictionary), text("dictionary_hex"));
  } else {
    EXPECT_TRUE(dictionary.empty());
  }
}

TEST_P(ConfigCases, dictionaries_decode_and_are_written_again) {
  if (!has("dictionary_hex")) return;
  const Bytes text = bytes("dictionary_hex");
  const Dictionary dictionary = Dictionary::parse(text);
  const Json& entries = data().at("dictionary_entries");
  ASSERT_EQ(dictionary.entries().size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Dictionary::Entry& entry = dictionary.entries()[i];
    EXPECT_EQ(entry.key, entries[i].at("key").get<std::string>());
    EXPECT_EQ(to_hex(entry.value),
              entries[i].contains("value_hex")
                  ? entries[i].at("value_hex").get<std::string>()
                  : to_hex(as_bytes(entries[i].at("text").get<std::string>())));
  }
  const auto config = NetworkConfig::parse(text);
  ASSERT_TRUE(config);
  EXPECT_EQ(config_json(*config), data().at("decoded"));

  // What we would write for the same configuration. Capabilities and tags were sorted on reading, a
  // name or MTU out of bounds was cut.
  const bool was_cut = dictionary.get("n")->size() > NetworkConfig::kMaxNameSize ||
                       dictionary.get_number("mtu") != config->mtu;
  EXPECT_EQ(NetworkConfig::parse(config->write()), *config);
  const Dictionary again = Dictionary::parse(config->write());
  ASSERT_EQ(again.entries().size(), dictionary.entries().size());
  for (std::size_t i = 0; i < entries.size() && !was_cut; ++i) {
    const Dictionary::Entry& entry = dictionary.entries()[i];
    EXPECT_EQ(again.entries()[i].key, entry.key);
    if (entry.key == "CAP" || entry.key == "TAG") continue;
    EXPECT_EQ(to_hex(again.entries()[i].value), to_hex(entry.value)) << entry.key;
  }
}

TEST_P(ConfigCases, chunks_are_cut_and_signed_the_same_way) {
  if (!has("dictionary_hex")) return;
  const Json& replies = data().at("replies");
  const auto id = hex_number(replies.at(0).at("config_update_id").get<std::string>());
  const auto network = NetworkId::parse(text("network_id"));
  ASSERT_TRUE(id && network);
  const auto payloads = ConfigChunk::split(*network, bytes("dictionary_hex"), *id, controller());
  ASSERT_EQ(payloads.size(), replies.size());
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    const Bytes clear = hex_bytes(replies[i].at("clear"));
    EXPECT_EQ(to_hex(payloads[i]), to_hex(payload_of(clear).subspan(OkHeader::kSize)));
  }
}

TEST(ConfigPush, carries_chunks_and_is_acknowledged_in_re_echo) {
  const Json& push = root().at("pushed_update");
  Bytes dictionary;
  Bytes last;
  for (const Json& recorded : push.at("pushed")) {
    last = opened(recorded);
    EXPECT_EQ(PacketHeader::read(last)->verb(), Verb::NetworkConfig);
    expect_chunk(recorded, payload_of(last), dictionary);
  }
  const auto config = NetworkConfig::parse(dictionary);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->name, push.at("name_after"));

  for (const Json& recorded : push.at("acknowledgement")) {
    const Bytes packet = opened(recorded);
    const auto ok = OkHeader::parse(payload_of(packet));
    ASSERT_TRUE(ok);
    EXPECT_EQ(static_cast<int>(ok->in_re_verb), recorded.at("in_re_verb"));
    EXPECT_EQ(ok->in_re, packet_id_of(last));
    const auto acknowledgement = ConfigAcknowledgement::parse(ok->body);
    ASSERT_TRUE(acknowledgement);
    EXPECT_EQ(acknowledgement->network, config->network);
    EXPECT_EQ(acknowledgement->update_id, ConfigChunk::parse(payload_of(last))->update_id);
    EXPECT_EQ(to_hex(written(*acknowledgement)), to_hex(ok->body));
  }
}

std::size_t chunk_offset() { return root().at("chunk_offset_in_packet").get<std::size_t>(); }

TEST(LargeConfig, is_cut_at_the_same_places) {
  Bytes dictionary;
  std::vector<Bytes> payloads;
  std::uint64_t update_id = 0;
  for (const Json& clear : root().at("chunks_clear")) {
    const Bytes packet = hex_bytes(clear);
    const auto chunk = ConfigChunk::parse(ByteView(packet).subspan(chunk_offset()));
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->network.text(), root().at("chunks_network_id"));
    EXPECT_TRUE(chunk->verify(controller()));
    EXPECT_EQ(chunk->offset, dictionary.size());
    update_id = chunk->update_id;
    append(dictionary, chunk->data);
    payloads.push_back(to_bytes(chunk->whole));
  }
  const auto config = NetworkConfig::parse(dictionary);
  ASSERT_TRUE(config);
  const auto again = ConfigChunk::split(config->network, dictionary, update_id, controller());
  ASSERT_EQ(again.size(), payloads.size());
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(to_hex(again[i]), to_hex(payloads[i]));
}

VECTOR_SUITE(ChunkHandling, "network_config.json", "chunk_handling");

TEST_P(ChunkHandling, damaged_chunks_are_refused_or_do_not_verify) {
  const bool tampered = has("tampered_chunk");
  const Json& chunks = root().at("chunks_clear");
  for (const Json& step : data().at("steps")) {
    const auto index = step.at("chunk").get<std::size_t>();
    const bool damaged = tampered && index == number("tampered_chunk");
    const Bytes packet = damaged ? bytes("tampered_clear") : hex_bytes(chunks.at(index));
    const auto chunk = ConfigChunk::parse(ByteView(packet).subspan(chunk_offset()));
    const bool is_good = chunk && chunk->verify(controller());
    EXPECT_EQ(is_good, !damaged);
  }
}

VECTOR_SUITE(UnsignedChunk, "network_config.json", "unsigned_single_chunk");

TEST_P(UnsignedChunk, is_a_whole_configuration_in_the_old_form) {
  const Bytes packet = bytes("clear");
  const auto chunk = ConfigChunk::parse(ByteView(packet).subspan(chunk_offset()));
  ASSERT_TRUE(chunk);
  EXPECT_FALSE(chunk->signature);
  EXPECT_FALSE(chunk->verify(controller()));
  EXPECT_EQ(chunk->total_size, chunk->data.size());
  EXPECT_EQ(to_hex(written(*chunk)), to_hex(chunk->whole));
  EXPECT_TRUE(NetworkConfig::parse(chunk->data));
}

VECTOR_SUITE(ConfigDecode, "network_config.json", "dictionary_decode");

TEST_P(ConfigDecode, accepts_and_understands_as_recorded) {
  const auto config = NetworkConfig::parse(bytes("dictionary_hex"));
  ASSERT_EQ(config.has_value(), flag("accepted"));
  if (config) {
    EXPECT_EQ(config_json(*config), data().at("decoded"));
  }
}

}  // namespace
}  // namespace ztshim::vectors
