// rules.json, the verdicts: every rule table against every frame in three situations.
#include <map>

#include "service/vl2/rule_engine.h"
#include "service/wire/messages/ext_frame.h"
#include "tests/sim/participant.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

constexpr std::uint64_t kTime = 1'700'000'000'000;

const Json& root() { return file("rules.json"); }
Address address_in(const char* field) {
  return Address::parse(root().at(field).get<std::string>()).value();
}
Identity controller() { return identity(file("credentials.json").at("controller_secret")); }

class RuleVerdicts : public CaseTest {
 protected:
  void SetUp() override {
    CaseTest::SetUp();
    if (HasFatalFailure()) return;
    config_.network = NetworkId::parse(root().at("network_id").get<std::string>()).value();
    config_.issued_to = node_;
    config_.timestamp = kTime;
    config_.credential_max_delta = 7'200'000;
    config_.is_public = true;
    if (has("network_flags")) config_.flags = flags();
    config_.rules = parse_rules(bytes("rules_binary")).value();
    const Json& environment = root().at("environment");
    for (const Json& tag : environment.at("node_tags")) {
      config_.tags.push_back(make_tag(tag, node_));
    }
    for (const Json& tag : environment.at("peer_tags")) give(make_tag(tag, peer_));
    config_.ownerships.push_back(make_ownership(environment.at("node_owns"), node_));
    give(make_ownership(environment.at("peer_owns"), peer_));
    if (!has("capabilities")) return;
    std::uint32_t id = 0;
    for (const Json& entry : data().at("capabilities")) {
      Capability capability;
      capability.network = config_.network;
      capability.timestamp = kTime;
      capability.id = ++id;
      capability.rules = parse_rules(hex_bytes(entry.at("rules_binary"))).value();
      const bool ours = entry.at("holder") == "node";
      capability.sign(controller(), ours ? node_ : peer_);
      if (ours) {
        config_.capabilities.push_back(capability);
      } else {
        give(capability);
      }
    }
  }

  std::uint64_t flags() const {
    const Json& value = data().at("network_flags");
    return value.is_string() ? hex_number(value.get<std::string>()).value()
                             : value.get<std::uint64_t>();
  }

  template <typename Credential>
  void give(const Credential& credential) {
    const Identity signer = controller();
    ASSERT_EQ(
        peers_.accept(credential, config_.network.controller(), [&](Address) { return &signer; }),
        vl2::Acceptance::New);
  }
  Tag make_tag(const Json& pair, Address holder) const {
    Tag tag;
    tag.network = config_.network;
    tag.timestamp = kTime;
    tag.id = pair.at(0);
    tag.value = pair.at(1);
    tag.issued_to = holder;
    tag.sign(controller());
    return tag;
  }
  Ownership make_ownership(const Json& addresses, Address holder) const {
    Ownership ownership;
    ownership.network = config_.network;
    ownership.timestamp = kTime;
    ownership.id = 1;
    for (const Json& ip : addresses) {
      ownership.things.push_back(
          Ownership::Thing::of(IpAddress::parse(ip.get<std::string>()).value()));
    }
    ownership.issued_to = holder;
    ownership.sign(controller());
    return ownership;
  }

  enum class Situation { Outgoing, Incoming, Broadcast };
  vl2::FilterDecision judge(const Json& entry, Situation situation) {
    const MacAddress node = MacAddress::of_member(node_, config_.network);
    const MacAddress peer = MacAddress::of_member(peer_, config_.network);
    EXPECT_EQ(node.text(), root().at("node_mac"));
    EXPECT_EQ(peer.text(), root().at("peer_mac"));
    payload_ = hex_bytes(entry.at("frame"));
    const bool inbound = situation == Situation::Incoming;
    const bool broadcast = situation == Situation::Broadcast;
    const vl2::EthernetFrame frame{inbound     ? node
                                   : broadcast ? MacAddress::broadcast()
                                               : peer,
                                   inbound ? peer : node,
                                   entry.at("ethertype").get<std::uint16_t>(), payload_};
    const Address destination = inbound ? node_ : broadcast ? Address() : peer_;
    return vl2::filter({.inbound = inbound,
                        .own = node_,
                        .source = inbound ? peer_ : node_,
                        .destination = destination,
                        .frame = frame,
                        .config = config_,
                        .remote = broadcast ? nullptr : &peers_,
                        .random = random_});
  }
  // One digit per frame, as the file has them.
  std::string verdicts(Situation situation) {
    std::string digits;
    for (const Json& entry : root().at("frames")) {
      const vl2::FilterDecision decision = judge(entry, situation);
      const bool super = decision.verdict == vl2::FilterDecision::Verdict::SuperAccept;
      digits.push_back(super && situation == Situation::Incoming ? '2'
                       : decision.passes()                       ? '1'
                                                                 : '0');
    }
    return digits;
  }

  const Address node_ = address_in("node");
  const Address peer_ = address_in("peer");
  NetworkConfig config_;
  vl2::CredentialStore peers_;
  sim::SeededRandom random_{1};
  Bytes payload_;
};
INSTANTIATE_TEST_SUITE_P(, RuleVerdicts, ::testing::ValuesIn(cases("rules.json", "rule_sets")),
                         [](const auto& c) { return c.param.name; });

TEST_P(RuleVerdicts, are_those_of_the_reference) {
  EXPECT_EQ(verdicts(Situation::Outgoing), text("outgoing_to_peer"));
  EXPECT_EQ(verdicts(Situation::Incoming), text("incoming_from_peer"));
  EXPECT_EQ(verdicts(Situation::Broadcast), text("outgoing_broadcast_no_destination"));
}

// One frame per characteristic, which has it and as little else as possible.
class Characteristics : public ::testing::Test {
 protected:
  Characteristics() {
    config_.network = NetworkId::parse(root().at("network_id").get<std::string>()).value();
    config_.timestamp = kTime;
    config_.credential_max_delta = 7'200'000;
  }
  // All characteristics of the frame, found out bit by bit.
  std::uint64_t of(const std::string& wanted) {
    const bool inbound = wanted == "INBOUND";
    MacAddress destination = MacAddress::of_member(peer_, config_.network);
    if (wanted == "MULTICAST") destination = MacAddress(0x01005e000105);
    if (wanted == "BROADCAST") destination = MacAddress::broadcast();
    const MacAddress source = MacAddress::of_member(inbound ? peer_ : node_, config_.network);
    Bytes packet(40, 0);
    packet[0] = 0x45;
    packet[9] = vl2::kProtocolTcp;
    packet[15] = 0x17;
    static const std::map<std::string, std::uint8_t> kTcp{
        {"TCP_FIN", 0x01}, {"TCP_SYN", 0x02}, {"TCP_RST", 0x04}, {"TCP_ACK", 0x10}};
    if (const auto tcp = kTcp.find(wanted); tcp != kTcp.end()) packet[33] = tcp->second;
    config_.ownerships.clear();
    Ownership ownership;
    if (wanted == "SENDER_IP_AUTHENTICATED") {
      ownership.things = {Ownership::Thing::of(IpAddress::v4(0x00000017))};
    } else if (wanted == "SENDER_MAC_AUTHENTICATED") {
      ownership.things = {Ownership::Thing::of(source)};
    }
    config_.ownerships.push_back(ownership);
    const vl2::EthernetFrame frame{destination, source, vl2::kEtherIpv4, packet};
    std::uint64_t found = 0;
    for (unsigned bit = 0; bit < 64; ++bit) {
      const Rules rules{
          Rule{RuleType::Characteristics, false, false, RuleCharacteristics{1ULL << bit}},
          Rule{RuleType::ActionAccept, false, false, {}}};
      const auto outcome = vl2::evaluate_rules(rules, {.inbound = inbound,
                                                       .own = node_,
                                                       .source = inbound ? peer_ : node_,
                                                       .destination = inbound ? node_ : peer_,
                                                       .frame = frame,
                                                       .config = config_,
                                                       .remote = nullptr,
                                                       .random = random_});
      if (outcome.result == vl2::RuleResult::Accept) found |= 1ULL << bit;
    }
    return found;
  }

  const Address node_ = address_in("node");
  const Address peer_ = address_in("peer");
  NetworkConfig config_;
  sim::SeededRandom random_{1};
};

TEST_F(Characteristics, have_the_recorded_bits) {
  const Json& bits = root().at("characteristics_bits");
  ASSERT_FALSE(bits.empty());
  const auto value = [&](const std::string& name) {
    return hex_number(bits.at(name).get<std::string>()).value();
  };
  for (const auto& entry : bits.items()) {
    const std::string& name = entry.key();
    const std::uint64_t also = name == "BROADCAST" ? value("MULTICAST") : 0;
    EXPECT_EQ(to_hex(of(name), 16), to_hex(value(name) | also, 16)) << name;
  }
}

// The packets as recorded, and what the node would send in their place.
TEST_P(RuleVerdicts, send_the_first_frame_elsewhere_as_recorded) {
  std::vector<Json> expected;
  if (has("forwarded_for_first_frame")) {
    for (const Json& entry : data().at("forwarded_for_first_frame")) expected.push_back(entry);
  }
  std::vector<Json> found;
  for (const Situation situation : {Situation::Outgoing, Situation::Incoming}) {
    const bool inbound = situation == Situation::Incoming;
    const vl2::FilterDecision decision = judge(root().at("frames").at(0), situation);
    if (decision.verdict == vl2::FilterDecision::Verdict::Drop) continue;
    const auto send = [&](Address to, std::uint8_t flags, std::size_t length) {
      ExtFrame packet;
      packet.network = config_.network;
      packet.flags = flags;
      packet.destination = MacAddress::of_member(inbound ? node_ : peer_, config_.network);
      packet.source = MacAddress::of_member(inbound ? peer_ : node_, config_.network);
      packet.ether_type = root().at("frames").at(0).at("ethertype").get<std::uint16_t>();
      packet.data = ByteView(payload_).first(length);
      EXPECT_EQ(to.text(), root().at("third_party"));
      found.push_back({{"direction", inbound ? "in" : "out"},
                       {"to", to.text()},
                       {"verb", static_cast<int>(Verb::ExtFrame)},
                       {"payload", to_hex(written(packet))}});
    };
    for (std::size_t i = 0; i < decision.copy_count; ++i) {
      const vl2::RuleCopy& copy = decision.copies.at(i);
      send(copy.target, vl2::copy_flags(inbound, copy.watch), copy.length);
    }
    if (decision.verdict == vl2::FilterDecision::Verdict::Redirect) {
      send(decision.redirect_to, vl2::redirect_flags(inbound), payload_.size());
    }
  }
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace ztshim::vectors
