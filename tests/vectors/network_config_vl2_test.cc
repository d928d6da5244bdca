// network_config.json as a member sees it: chunks in any order and from anybody, answers, refusals.
#include <gmock/gmock.h>

#include "service/wire/messages/network_config.h"
#include "service/wire/messages/ok.h"
#include "tests/unit/vl2/lone_vl2.h"
#include "tests/vectors/network_config_json.h"

namespace ztshim::vectors {
namespace {

using vl2::LoneVl2;
using vl2::NetworkStatus;

const Json& root() { return file("network_config.json"); }
Identity controller() { return identity(root().at("controller_secret")); }
Identity member() { return identity(root().at("member_secret")); }
NetworkId network_in(const Json& text) { return NetworkId::parse(text.get<std::string>()).value(); }

// An identity that is neither: the reference's third party.
Identity third_party(const Json& address) {
  for (const Json& entry : file("exchange.json").at("identities")) {
    if (entry.get<std::string>().starts_with(address.get<std::string>())) return identity(entry);
  }
  throw std::runtime_error("no identity of " + address.dump());
}
Identity source_of(const Json& address) {
  return address == controller().address().text() ? controller() : third_party(address);
}

// The configuration that was stored for the network, if any.
std::optional<NetworkConfig> stored_config(const Outbox& out) {
  for (const StoredObject& object : out.stored()) {
    if (object.kind != StoredKind::NetworkConfig || object.content.size() < 2) continue;
    auto config = NetworkConfig::parse(object.content);
    if (config) return *config;
  }
  return std::nullopt;
}

VECTOR_SUITE(Assembly, "network_config.json", "chunk_handling");

TEST_P(Assembly, completes_exactly_when_the_reference_does) {
  LoneVl2 node(member(), {controller()});
  const NetworkId network = network_in(root().at("chunks_network_id"));
  node.vl2().join(node.now, network, {}, {}, node.out);
  const auto offset = root().at("chunk_offset_in_packet").get<std::size_t>();
  std::size_t rules = 0;
  for (const Json& step : data().at("steps")) {
    const auto index = step.at("chunk").get<std::size_t>();
    const bool damaged = has("tampered_chunk") && index == number("tampered_chunk");
    const Bytes packet =
        damaged ? bytes("tampered_clear") : hex_bytes(root().at("chunks_clear").at(index));
    node.out.clear();
    node.receive(source_of(data().at("source")), Verb::Ok, ByteView(packet).subspan(offset),
                 Verb::NetworkConfigRequest);
    EXPECT_EQ(stored_config(node.out).has_value(),
              !step.at("config_update_id_when_complete").is_null());
    if (const auto config = stored_config(node.out)) rules = config->rules.size();
  }
  EXPECT_EQ(rules, number("rule_count"));
  const bool configured = node.vl2().info(network)->status == NetworkStatus::Ok;
  EXPECT_EQ(configured, flag("configured"));
}

VECTOR_SUITE(OldForm, "network_config.json", "unsigned_single_chunk");

TEST_P(OldForm, is_taken_from_the_controller_alone_and_for_us_alone) {
  LoneVl2 node(member(), {controller()});
  const Bytes packet = bytes("clear");
  const ByteView payload =
      ByteView(packet).subspan(root().at("chunk_offset_in_packet").get<std::size_t>());
  const NetworkId network = ConfigChunk::parse(payload)->network;
  node.vl2().join(node.now, network, {}, {}, node.out);
  node.out.clear();
  node.receive(source_of(data().at("source")), Verb::Ok, payload, Verb::NetworkConfigRequest);
  EXPECT_EQ(node.vl2().info(network)->status == NetworkStatus::Ok, flag("configured"));
  // Never as a push.
  node.vl2().leave(node.now, network, node.out);
  node.vl2().join(node.now, network, {}, {}, node.out);
  node.receive(source_of(data().at("source")), Verb::NetworkConfig, payload);
  EXPECT_NE(node.vl2().info(network)->status, NetworkStatus::Ok);
}

VECTOR_SUITE(Answers, "network_config.json", "cases");

TEST_P(Answers, lead_to_the_recorded_status_and_configuration) {
  LoneVl2 node(member(), {controller()});
  const NetworkId network = network_in(data().at("network_id"));
  node.vl2().join(node.now, network, {}, {}, node.out);
  node.out.clear();
  for (const Json& reply : data().at("replies")) {
    const Bytes packet = hex_bytes(reply.at("clear"));
    const ByteView payload = payload_of(packet);
    if (reply.at("verb") == static_cast<int>(Verb::Ok)) {
      node.receive(controller(), Verb::Ok, payload.subspan(OkHeader::kSize),
                   Verb::NetworkConfigRequest);
      continue;
    }
    constexpr std::size_t kErrorHeader = 10;
    node.receive_error(controller(), static_cast<ErrorCode>(reply.at("error_code").get<int>()),
                       payload.subspan(kErrorHeader));
  }
  const std::string status = text("network_status");
  const NetworkStatus expected = status == "ok"              ? NetworkStatus::Ok
                                 : status == "access_denied" ? NetworkStatus::AccessDenied
                                                             : NetworkStatus::NotFound;
  EXPECT_EQ(node.vl2().info(network)->status, expected);
  if (!has("decoded")) return;
  const auto config = stored_config(node.out);
  ASSERT_TRUE(config);
  EXPECT_EQ(config_json(*config), data().at("decoded"));
}

TEST(Refusals, are_believed_from_the_controller_alone) {
  LoneVl2 node(member(), {controller()});
  const NetworkId network = network_in(root().at("chunks_network_id"));
  node.vl2().join(node.now, network, {}, {}, node.out);
  Bytes body;
  Writer(body).be(network.number());
  const Identity stranger = third_party(Json("218959bafc"));
  node.receive_error(stranger, ErrorCode::NetworkAccessDenied, body);
  EXPECT_EQ(node.vl2().info(network)->status, NetworkStatus::RequestingConfiguration);
}

}  // namespace
}  // namespace ztshim::vectors
