// exchange.json, the cases that VL2 decides: one packet handed to a whole node, all that it sends,
// and the frames it delivers.
#include <gmock/gmock.h>

#include "service/node/node.h"
#include "service/vl1/peer_cache.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/messages/multicast_like.h"
#include "tests/vectors/vl1_case.h"

namespace ztshim::vectors {
namespace {

constexpr const char* kFile = "exchange.json";

bool is_vl2(const Json& data) {
  if (!data.contains("unarmored")) return false;
  const auto verb = static_cast<Verb>(hex_bytes(data.at("unarmored")).at(kVerbOffset) & 0x1f);
  return verb == Verb::Frame || verb == Verb::ExtFrame ||
         (verb >= Verb::MulticastLike && verb <= Verb::MulticastFrame);
}

std::vector<Case> vl2_cases() {
  std::vector<Case> all = cases(kFile, "cases");
  std::erase_if(all, [](const Case& c) { return c.trouble.empty() && !is_vl2(c.data); });
  if (all.empty()) return {{"empty", Json::object(), "exchange.json: no cases of VL2"}};
  return all;
}

// The node under test, whole.
class WholeNode final : public sim::Participant {
 public:
  WholeNode(Environment environment, std::vector<Endpoint> sockets, std::uint64_t seed)
      : random_(seed), node_(std::move(environment), random_), sockets_(std::move(sockets)) {}
  void start(Now now, Outbox& out) override {
    node_.vl1().set_sockets(now, {{kAnySocket, sockets_}}, out);
    node_.start(now, out);
  }
  void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) override {
    node_.on_datagram(now, arrival, datagram, out);
  }
  void on_deadline(Now now, Outbox& out) override { node_.on_deadline(now, out); }
  Time next_deadline() const override { return node_.next_deadline(); }
  void on_outbox(const Outbox&) override {}
  Node& node() { return node_; }

 private:
  sim::SeededRandom random_;
  Node node_;
  std::vector<Endpoint> sockets_;
};

class ExchangeVl2 : public CaseTest {
 protected:
  void SetUp() override {
    CaseTest::SetUp();
    if (HasFatalFailure()) return;
    for (const auto& [name, text] : file(kFile).at("identities").items()) {
      parties_.push_back(identity(text));
    }
    for (const Json& name : data().at("knows")) {
      known_.push_back(party_node(name.get<std::string>()));
      known_.back()->start();
    }
    start_receiver(text("receiver"));
    net_.run_for(std::chrono::seconds(12));  // one HELLO of a stranger per 2 s and /24
    for (const auto& other : known_) {
      ASSERT_TRUE(receiver_->node().vl1().is_reachable(net_.now().time, other->address()))
          << net_.trace_text();
    }
    join_as_the_name_says();
    net_.run_for(std::chrono::seconds(1));
    announce_as_the_name_says();
    for (const auto& other : known_) other->stop();
  }

  static Identity party(const std::string& name) {
    return identity(file(kFile).at("identities").at(name));
  }
  static World planet() { return World::parse(hex_bytes(file(kFile).at("planet"))).value(); }
  static Endpoint at(const std::string& name) {
    return endpoint(file(kFile).at("endpoints").at(name));
  }
  std::unique_ptr<sim::SimNode> party_node(const std::string& name) {
    sim::SimNode::Settings settings;
    settings.sockets = {at(name)};
    settings.planet = planet();
    return std::make_unique<sim::SimNode>(net_, name, party(name), settings);
  }
  void start_receiver(const std::string& name) {
    Environment environment;
    environment.vl1.identity = party(name);
    environment.vl1.planet = planet();
    for (const auto& other : known_) {
      environment.vl1.cached_peers.push_back(
          vl1::CachedPeer{other->identity(), 12, {1, 14, 1}, {other->endpoint()}}.bytes());
    }
    net_.trace().introduce(name, party(name));
    host_ = &net_.add_host(name, {at(name)});
    auto node =
        std::make_unique<WholeNode>(std::move(environment), std::vector<Endpoint>{at(name)}, 7);
    receiver_ = node.get();
    net_.start(*host_, std::move(node));
  }
  bool name_has(const char* words) const { return text("name").find(words) != std::string::npos; }

  // "on a private network", "from a bridge", …: joined, with a configuration that accepts
  // everything.
  void join_as_the_name_says() {
    if (name_has("not joined") || text("receiver") != "alice") return;
    NetworkConfig config;
    config.network = network_;
    config.issued_to = party("alice").address();
    config.timestamp = 1'700'000'000'000;
    config.is_public = !name_has("private");
    config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
    if (name_has("from a bridge")) {
      config.specialists.push_back({Specialist::kActiveBridge | party("bob").address().number()});
    }
    net_.act(*host_, [&](Now now, Outbox& out) {
      receiver_->node().join(now, network_, out);
      receiver_->node().vl2().apply_own_config(now, network_, config.write(), out);
    });
  }
  // "after bob announced the group", "three members known": by MULTICAST_LIKEs of those it knows.
  void announce_as_the_name_says() {
    if (!name_has("announced") && !name_has("known (")) return;
    const auto wanted =
        MulticastGather::parse(ByteView(bytes("unarmored")).subspan(kPacketHeaderSize));
    ASSERT_TRUE(wanted);
    for (const auto& other : known_) {
      if (name_has("after bob") && !(other->identity() == party("bob"))) continue;
      const MulticastLike like{{{network_, wanted->group}}};
      net_.act(other->host(), [&](Now now, Outbox& out) {
        other->vl1().send(now, party(text("receiver")).address(), Verb::MulticastLike,
                          written(like), {}, {}, out);
      });
    }
    net_.run_for(std::chrono::seconds(1));
  }

  const NetworkId network_{0x274e575f01000001};
  sim::SimNetwork net_{1};
  std::vector<Identity> parties_;
  std::vector<std::unique_ptr<sim::SimNode>> known_;
  sim::Host* host_ = nullptr;
  WholeNode* receiver_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(, ExchangeVl2, ::testing::ValuesIn(vl2_cases()),
                         [](const auto& c) { return c.param.name; });

TEST_P(ExchangeVl2, sends_and_delivers_what_the_reference_does) {
  Outbox out;
  Bytes wire = bytes("wire");
  receiver_->on_datagram(net_.now(), Arrival{1, endpoint(data().at("arrives_from"))}, wire, out);

  std::vector<SentPacket> expected;
  for (const Json& sent : data().at("sends")) {
    const auto header = PacketHeader::read(hex_bytes(sent.at("wire")));
    expected.push_back({sent.at("to_endpoint"),
                        described(*header, comparable(hex_bytes(sent.at("clear_from_verb"))))});
  }
  std::vector<SentPacket> sends = opened(out, parties_);
  if (name_has("limit 1, three members")) {
    // Which of the two others is named is random: both are right.
    const std::string bob = party("bob").address().text();
    const std::string carol = party("carol").address().text();
    ASSERT_EQ(sends.size(), 1U);
    std::string& content = sends[0].content;
    if (content.ends_with(carol)) content.replace(content.size() - carol.size(), 10, bob);
  }
  EXPECT_THAT(sends, ::testing::UnorderedElementsAreArray(expected));

  const Json frames = data().value("frames_delivered", Json::array());
  ASSERT_EQ(out.frames().size(), frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Outbox::Frame& frame = out.frames()[i];
    EXPECT_EQ(frame.network.text(), frames[i].at("nwid"));
    EXPECT_EQ(frame.source.text(), frames[i].at("src_mac"));
    EXPECT_EQ(frame.destination.text(), frames[i].at("dst_mac"));
    EXPECT_EQ(frame.ether_type, frames[i].at("ethertype"));
    EXPECT_EQ(to_hex(out.bytes_of(frame)), frames[i].at("frame"));
  }
}

}  // namespace
}  // namespace ztshim::vectors
