// exchange.json, the cases that VL1 decides: one packet handed to a node, and all that it sends.
#include <gmock/gmock.h>

#include "tests/vectors/vl1_case.h"

namespace ztshim::vectors {
namespace {

constexpr const char* kFile = "exchange.json";

bool is_vl1(const Json& data) {
  if (!data.contains("unarmored")) return true;  // a fragment to be relayed
  const auto verb = static_cast<Verb>(hex_bytes(data.at("unarmored")).at(kVerbOffset) & 0x1f);
  const auto of_networks = {Verb::Frame,          Verb::ExtFrame,
                            Verb::MulticastLike,  Verb::NetworkCredentials,
                            Verb::NetworkConfig,  Verb::NetworkConfigRequest,
                            Verb::MulticastFrame, Verb::MulticastGather};
  return std::find(of_networks.begin(), of_networks.end(), verb) == of_networks.end();
}

std::vector<Case> vl1_cases() {
  std::vector<Case> all = cases(kFile, "cases");
  std::erase_if(all, [](const Case& c) { return c.trouble.empty() && !is_vl1(c.data); });
  if (all.empty()) return {{"empty", Json::object(), "exchange.json: no cases of VL1"}};
  return all;
}

// The node under test and those it has exchanged HELLO with, which are silent afterwards.
class Exchange : public CaseTest {
 protected:
  void SetUp() override {
    CaseTest::SetUp();
    if (HasFatalFailure()) return;
    for (const auto& [name, text] : file(kFile).at("identities").items()) {
      parties_.push_back(identity(text));
    }
    receiver_ = node(text("receiver"));
    // "RENDEZVOUS from the root, IPv4" is about a node that knows bob by WHOIS alone.
    const bool by_whois = text("name").starts_with("RENDEZVOUS from the root,");
    if (by_whois) receiver_->remember(party("bob"), 0, {});
    std::vector<std::unique_ptr<sim::SimNode>> known;
    for (const Json& name : data().at("knows")) {
      known.push_back(node(name.get<std::string>()));
      known.back()->start();
      receiver_->remember(party(name.get<std::string>()), 12, {known.back()->endpoint()});
    }
    receiver_->start();
    // They share a network, of which the root admits one stranger in 2 s; each tries every 5 s.
    net_.run_for(std::chrono::seconds(16));
    for (const auto& other : known) {
      ASSERT_EQ(receiver_->path_to(*other), sim::Via::Direct) << net_.trace_text();
      other->stop();
    }
    knows_ = std::move(known);
  }

  static Identity party(const std::string& name) {
    return identity(file(kFile).at("identities").at(name));
  }
  std::unique_ptr<sim::SimNode> node(const std::string& name) {
    sim::SimNode::Settings settings;
    // An address of each family, so that all parties reach each other; the first is the file's.
    settings.sockets = {endpoint(file(kFile).at("endpoints").at(name))};
    const bool is_v4 = settings.sockets[0].ip.is_v4();
    Bytes v6(16, 0);
    v6[0] = 0x20;
    v6[1] = static_cast<std::uint8_t>(name.at(0));
    settings.sockets.push_back(is_v4 ? Endpoint{IpAddress::v6(v6), 9993}
                                     : Endpoint{IpAddress::v4(0x09000000U + v6[1]), 9993});
    const auto planet = World::parse(hex_bytes(file(kFile).at("planet")));
    if (!planet) throw std::runtime_error("the planet does not parse");
    settings.planet = *planet;
    return std::make_unique<sim::SimNode>(net_, name, party(name), settings);
  }
  std::vector<SentPacket> expected() const {
    std::vector<SentPacket> all;
    for (const Json& sent : data().at("sends")) {
      if (sent.contains("note")) {
        const std::size_t size = hex_bytes(sent.at("wire")).size();
        all.push_back({sent.at("to_endpoint"), "junk of " + std::to_string(size)});
      } else if (!sent.contains("clear_from_verb")) {
        all.push_back({sent.at("to_endpoint"), sent.at("wire")});
      } else {
        const Bytes wire = hex_bytes(sent.at("wire"));
        const bool authentic = opened({}, wire, parties_).content != "not authentic";
        EXPECT_EQ(authentic, sent.at("authentic").get<bool>());
        const auto header = PacketHeader::read(wire);
        EXPECT_EQ(static_cast<int>(header->suite()), sent.at("cipher_suite").get<int>());
        EXPECT_EQ(header->hops(), sent.at("hops").get<unsigned>());
        all.push_back({sent.at("to_endpoint"),
                       described(*header, comparable(hex_bytes(sent.at("clear_from_verb"))))});
      }
    }
    return all;
  }

  sim::SimNetwork net_{1};
  std::vector<Identity> parties_;
  std::unique_ptr<sim::SimNode> receiver_;
  std::vector<std::unique_ptr<sim::SimNode>> knows_;
};

INSTANTIATE_TEST_SUITE_P(, Exchange, ::testing::ValuesIn(vl1_cases()),
                         [](const auto& c) { return c.param.name; });

TEST_P(Exchange, sends_what_the_reference_sends) {
  Outbox out;
  const std::uint64_t opened_before = receiver_->vl1().counters().packets_opened;
  const unsigned times = has("sent_times") ? static_cast<unsigned>(number("sent_times")) : 1;
  for (unsigned i = 0; i < times; ++i) {
    Bytes wire = bytes("wire");
    receiver_->vl1().on_datagram(net_.now(), Arrival{1, endpoint(data().at("arrives_from"))}, wire,
                                 out);
  }
  std::vector<SentPacket> sends = expected();
  // The optional cluster redirect: the reference drops the path the packet came on in favour of an
  // unproven one. We greet the new place, and it becomes a path when it has answered.
  if (text("name").find("(cluster redirect)") != std::string::npos) sends.resize(1);
  // Which party of an introduction is told first is random.
  EXPECT_THAT(opened(out, parties_), ::testing::UnorderedElementsAreArray(sends));
  // USER_MESSAGE goes nowhere here (docs/vl1-conformance.md), but it is heard as the message it is.
  if (has("user_messages")) {
    const Json& message = data().at("user_messages").at(0);
    Bytes packet = bytes("wire");
    ASSERT_TRUE(keys_between(file(kFile).at("identities").at(text("from")),
                             file(kFile).at("identities").at(text("receiver")))
                    .open(packet));
    EXPECT_EQ(receiver_->vl1().counters().packets_opened, opened_before + 1);
    EXPECT_EQ(PacketHeader::read(packet)->source.text(), message.at("origin"));
    EXPECT_EQ(to_hex(ByteView(packet).subspan(kPacketHeaderSize)),
              to_hex(message.at("type_id").get<std::uint64_t>(), 16) +
                  message.at("data").get<std::string>());
    EXPECT_TRUE(receiver_->upper().received.empty());
  }
  if (!sends.empty() && !out.datagrams().empty()) {
    EXPECT_EQ(opened(out, parties_).front(), sends.front()) << "relayed packets go first";
  }
}

}  // namespace
}  // namespace ztshim::vectors
