// network_config.json and rules.json as a controller: the same settings at the same time must give
// the same configuration, down to its signatures.
#include <gmock/gmock.h>

#include "service/controller/rules_json.h"
#include "service/node/node.h"
#include "service/wire/dictionary.h"
#include "service/wire/messages/network_config.h"
#include "service/wire/messages/network_config_request.h"
#include "tests/sim/sim_node.h"
#include "tests/vectors/network_config_json.h"

namespace ztshim::vectors {
namespace {

const Json& root() { return file("network_config.json"); }
NetworkId network_in(const Json& text) { return NetworkId::parse(text.get<std::string>()).value(); }

// What a member is told.
class Listener final : public vl1::UpperLayer {
 public:
  vl1::Verdict on_packet(Now, const vl1::Incoming& packet, Outbox&) override {
    if (packet.in_re_verb != Verb::NetworkConfigRequest) return vl1::Verdict::Done;
    verb = packet.verb;
    error = packet.error;
    if (verb == Verb::Ok) {
      const auto chunk = ConfigChunk::parse(packet.payload);
      if (chunk) append(dictionary, chunk->data);
    }
    return vl1::Verdict::Done;
  }
  void on_identity_known(Now, Address, Outbox&) override {}
  bool is_virtual(const IpAddress&) const override { return false; }

  Verb verb = Verb::Nop;
  ErrorCode error = ErrorCode::None;
  Bytes dictionary;
};

// The controller, which is the only root as well, and one member. Time stands still at the moment
// that the file's configuration names.
class Issued : public CaseTest {
 protected:
  void SetUp() override {
    CaseTest::SetUp();
    if (HasFatalFailure()) return;
    const Identity controller = identity(root().at("controller_secret"));
    const World planet = sim::planet_of({{controller, {kControllerAt}}});
    now_.wall_ms = has("decoded") ? data().at("decoded").at("timestamp").get<std::int64_t>()
                                  : 1'795'000'000'000;
    Environment environment;
    environment.vl1.identity = controller;
    environment.vl1.planet = planet;
    environment.run_controller = true;
    controller_ = std::make_unique<Node>(std::move(environment), random_);
    vl1::Config config;
    config.identity = identity(root().at("member_secret"));
    config.planet = planet;
    member_ = std::make_unique<vl1::Vl1>(std::move(config), random_, listener_);
    controller_->start(now_, to_member_);
    member_->start(now_, to_controller_);
    exchange();
    ASSERT_TRUE(member_->is_online(now_.time));
  }
  // Carries datagrams until there are none.
  void exchange() {
    while (!to_member_.empty() || !to_controller_.empty()) {
      Outbox for_member;
      std::swap(for_member, to_member_);
      Outbox for_controller;
      std::swap(for_controller, to_controller_);
      for (const auto& sent : for_member.datagrams()) {
        Bytes bytes = to_bytes(for_member.bytes_of(sent));
        member_->on_datagram(now_, {1, kControllerAt}, bytes, to_controller_);
      }
      for (const auto& sent : for_controller.datagrams()) {
        Bytes bytes = to_bytes(for_controller.bytes_of(sent));
        controller_->on_datagram(now_, {1, kMemberAt}, bytes, to_member_);
      }
    }
  }
  void configure() {
    const NetworkId network = network_in(data().at("network_id"));
    if (!has("controller_network_settings")) return;
    controller::Controller& records = *controller_->controller();
    ASSERT_TRUE(records.change_network(
        now_, network, data().at("controller_network_settings").dump(), to_member_));
    if (!has("controller_member_settings")) return;
    ASSERT_TRUE(records.change_member(now_, network, member_->address(),
                                      data().at("controller_member_settings").dump(), to_member_));
  }
  void ask() {
    NetworkConfigRequest request;
    request.network = network_in(data().at("network_id"));
    const std::string metadata = data().at("request").at("metadata");
    request.metadata = as_bytes(metadata);
    member_->send(now_, member_->roots().at(0), Verb::NetworkConfigRequest, written(request), {},
                  {.compress = true}, to_controller_);
    exchange();
  }

  static inline const Endpoint kControllerAt{IpAddress::v4(0x09000001), 9993};
  static inline const Endpoint kMemberAt{IpAddress::v4(0x09000101), 9993};
  Now now_{Time{}, 0};
  sim::SeededRandom random_{1};
  Listener listener_;
  std::unique_ptr<Node> controller_;
  std::unique_ptr<vl1::Vl1> member_;
  Outbox to_member_;
  Outbox to_controller_;
};
INSTANTIATE_TEST_SUITE_P(, Issued, ::testing::ValuesIn(cases("network_config.json", "cases")),
                         [](const auto& c) { return c.param.name; });

TEST_P(Issued, configurations_and_refusals_are_those_of_the_reference) {
  configure();
  ask();
  const Json& reply = data().at("replies").at(0);
  ASSERT_EQ(static_cast<int>(listener_.verb), reply.at("verb").get<int>());
  if (listener_.verb == Verb::Error) {
    EXPECT_EQ(static_cast<int>(listener_.error), reply.at("error_code").get<int>());
    return;
  }
  const auto config = NetworkConfig::parse(listener_.dictionary);
  ASSERT_TRUE(config);
  EXPECT_EQ(config_json(*config), data().at("decoded"));
  // Byte for byte, except where the reference writes values that every reader then cuts: names
  // longer than 127 bytes, and MTUs below 1280.
  const Dictionary expected = Dictionary::parse(bytes("dictionary_hex"));
  const bool is_cut = expected.get("n")->size() > NetworkConfig::kMaxNameSize ||
                      expected.get_number("mtu") != config->mtu;
  if (!is_cut) {
    EXPECT_EQ(to_hex(listener_.dictionary), text("dictionary_hex"));
  }
}

// Making rules of the controller's JSON.
VECTOR_SUITE(RuleFromJson, "rules.json", "encoding");

TEST_P(RuleFromJson, gives_the_recorded_bytes_and_normal_form) {
  const auto rule = controller::rule_from_json(data().at("json_in"));
  ASSERT_EQ(rule.has_value(), flag("accepted_by_controller"));
  if (!rule) return;
  EXPECT_EQ(to_hex(written(*rule)), text("binary"));
  EXPECT_EQ(controller::rule_to_json(*rule), data().at("json_out"));
}

VECTOR_SUITE(RuleTableFromJson, "rules.json", "rule_sets");

TEST_P(RuleTableFromJson, gives_the_recorded_bytes) {
  const Rules rules = controller::rules_from_json(data().at("rules"), kMaxNetworkRules);
  if (rules.size() != data().at("rules").size()) return;  // has rules no controller issues
  Bytes binary;
  Writer out(binary);
  write_rules(out, rules);
  EXPECT_EQ(to_hex(binary), text("rules_binary"));
}

}  // namespace
}  // namespace ztshim::vectors
