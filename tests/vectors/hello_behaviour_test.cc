// hello.json, "behaviour": what a root answers to unusual HELLOs. The cases build on each other:
// one node hears them all, from one address after the other.
#include <gmock/gmock.h>

#include "common/log.h"
#include "service/wire/messages/ok.h"
#include "tests/vectors/vl1_case.h"

namespace ztshim::vectors {
namespace {

const Json& behaviour() { return file("hello.json").at("behaviour"); }

// The node under test is the root of a planet like the one the replies name.
std::unique_ptr<vl1::Vl1> receiver(const Json& secret, RandomSource& random,
                                   vl1::UpperLayer& upper) {
  constexpr std::uint64_t kPlanet = 0xabcdef01;
  constexpr std::uint64_t kPlanetTimestamp = 1'700'000'002'000;
  vl1::Config config;
  config.identity = identity(secret);
  config.planet = World::make(WorldType::Planet, kPlanet, kPlanetTimestamp, {{config.identity, {}}},
                              config.identity);
  return std::make_unique<vl1::Vl1>(std::move(config), random, upper);
}

// Each HELLO came from another network, always from port 9993; the answer says from which.
Endpoint source_of(const Json& data, unsigned n) {
  constexpr std::uint16_t kPort = 9993;
  for (const Json& reply : data.at("reply_packets")) {
    const Bytes clear = hex_bytes(reply.at("clear"));
    const auto ok = OkHeader::parse(ByteView(clear).subspan(kPacketHeaderSize));
    if (clear[kVerbOffset] != static_cast<unsigned>(Verb::Ok) || !ok) continue;
    const auto hello = OkHello::parse(ok->body);
    if (hello) return {hello->seen_at.ip, kPort};
  }
  return {IpAddress::v4(0x09000001 + (n << 8)), kPort};
}

TEST(HelloBehaviourOfANode, answers_unusual_hellos_as_the_reference_does) {
  sim::SeededRandom random(1);
  sim::TextLayer upper;
  std::unique_ptr<vl1::Vl1> node;
  std::vector<Identity> parties;
  Now now{Time{Duration{1000}}, 1'700'000'400'000};
  unsigned cases = 0;
  for (const Json& data : behaviour()) {
    if (!data.contains("reply_packets")) continue;
    SCOPED_TRACE(data.at("name").get<std::string>());
    if (!node) {
      node = receiver(data.at("receiver_secret"), random, upper);
      parties.push_back(identity(data.at("receiver_secret")));
    }
    now.time += Duration{3000};
    const Identity sender = identity(data.at("sender_secret"));
    const auto twin = std::find_if(parties.begin(), parties.end(), [&](const Identity& p) {
      return p.address() == sender.address();
    });
    if (twin == parties.end()) parties.push_back(sender);

    Outbox out;
    Bytes wire = hex_bytes(data.at("wire"));
    configure_log("off");  // a claim to another's address is a warning
    node->on_datagram(now, Arrival{1, source_of(data, ++cases)}, wire, out);
    configure_log("warn");
    std::vector<std::string> replies;
    for (const SentPacket& sent : opened(out, parties)) replies.push_back(sent.content);
    // The answer to who claims another's address is under the claimant's key, in the file's
    // "clear".
    if (data.at("name").get<std::string>().find("collision") != std::string::npos) {
      replies.clear();
      for (const Outbox::Datagram& sent : out.datagrams()) {
        Bytes bytes = to_bytes(out.bytes_of(sent));
        const auto key = keys_between(data.at("receiver_secret"), data.at("sender_secret"));
        const auto header = PacketHeader::read(bytes);
        EXPECT_TRUE(key.open(bytes));
        replies.push_back(
            described(*header, comparable(to_bytes(ByteView(bytes).subspan(kVerbOffset)))));
      }
    }
    std::vector<std::string> expected;
    for (const Json& reply : data.at("reply_packets")) {
      const Bytes clear = hex_bytes(reply.at("clear"));
      EXPECT_EQ(static_cast<int>(PacketHeader::read(clear)->suite()), reply.at("cipher_suite"));
      expected.push_back(described(*PacketHeader::read(clear),
                                   comparable(to_bytes(ByteView(clear).subspan(kVerbOffset)))));
    }
    EXPECT_EQ(replies, expected);
    EXPECT_EQ(replies.size(), data.at("replies").get<std::size_t>());
  }
  EXPECT_GE(cases, 10U);
}

TEST(HelloBehaviourOfANode, damage_is_noticed_and_hops_are_not_damage) {
  const Json& exchange = file("hello.json").at("hello").at(0);
  unsigned cases = 0;
  for (const Json& data : behaviour()) {
    if (!data.contains("wire") || data.contains("reply_packets")) continue;
    SCOPED_TRACE(data.at("name").get<std::string>());
    ++cases;
    sim::SeededRandom random(1);
    sim::TextLayer upper;
    const auto node = receiver(exchange.at("receiver_secret"), random, upper);
    Outbox out;
    Bytes wire = hex_bytes(data.at("wire"));
    node->on_datagram({Time{}, 0}, Arrival{1, {IpAddress::v4(0xc6336407), 9993}}, wire, out);
    EXPECT_EQ(out.datagrams().size(), data.at("replies").get<std::size_t>());
  }
  EXPECT_GE(cases, 2U);
}

const Json& case_of(const Json& list, const std::string& name) {
  for (const Json& data : list) {
    if (data.at("name") == name) return data;
  }
  throw std::runtime_error("hello.json has no " + name);
}

// The HELLOs of the file's exchanges, heard by the node they were sent to: what the reference said
// of the sender afterwards is what our node says.
TEST(HelloBehaviourOfANode, the_version_in_a_hello_is_known_afterwards) {
  const Json& hello = case_of(file("hello.json").at("hello"), "cold start, no moons");
  const Json& expected = case_of(behaviour(), "state after exchange").at("remote_version");
  sim::SeededRandom random(1);
  sim::TextLayer upper;
  const auto node = receiver(hello.at("receiver_secret"), random, upper);
  Outbox out;
  Bytes wire = hex_bytes(hello.at("wire"));
  const Now now{Time{Duration{1000}}, 1'700'000'100'000};
  node->on_datagram(now, Arrival{1, {IpAddress::v4(0xc6336407), 41000}}, wire, out);
  const auto peers = node->peers(now.time);
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].version_major, expected.at(0));
  EXPECT_EQ(peers[0].version_minor, expected.at(1));
  EXPECT_EQ(peers[0].version_revision, expected.at(2));
  EXPECT_EQ(peers[0].protocol, hello.at("fields").at("protocol_version"));
}

// The answer is recorded, but it quotes a packet of the reference's: its content goes into an
// answer to ours.
TEST(HelloBehaviourOfANode, a_newer_planet_in_the_answer_becomes_ours) {
  const Json& change = case_of(behaviour(), "planet update through OK(HELLO)");
  const Json& answer = case_of(file("hello.json").at("ok_hello"), "reply carrying a newer planet");
  const auto before = World::parse(hex_bytes(file("exchange.json").at("planet")));
  ASSERT_TRUE(before);
  ASSERT_EQ(before->timestamp, change.at("planet_timestamp_before").get<std::uint64_t>());

  sim::SeededRandom random(1);
  sim::TextLayer upper;
  vl1::Config config;
  config.identity = identity(answer.at("receiver_secret"));
  config.planet = *before;
  vl1::Vl1 node(std::move(config), random, upper);
  const Now now{Time{Duration{1000}}, 1'700'000'300'000};
  Outbox out;
  node.start(now, out);
  const Identity root = identity(answer.at("sender_secret"));
  const auto keys = keys_between(answer.at("sender_secret"), answer.at("receiver_secret"));
  ASSERT_FALSE(out.datagrams().empty());
  const Bytes clear = hex_bytes(answer.at("clear"));
  for (const Outbox::Datagram sent : std::vector(out.datagrams())) {
    Bytes packet = clear;
    write_packet_header(packet, PacketId(random.number()), node.address(), root.address(),
                        Verb::Ok);
    const Bytes hello = to_bytes(out.bytes_of(sent));
    constexpr std::size_t kInRe = kPacketHeaderSize + 1;
    std::copy_n(hello.begin(), 8, packet.begin() + kInRe);
    keys.seal(packet, Suite::AesGmacSiv);
    node.on_datagram(now, Arrival{1, sent.remote}, packet, out);
  }
  EXPECT_EQ(node.planet()->timestamp, change.at("planet_timestamp_after").get<std::uint64_t>());
  ASSERT_FALSE(out.stored().empty());
  EXPECT_EQ(to_hex(out.stored()[0].content),
            answer.at("fields").at("world_updates").at(0).at("serialized"));
}

}  // namespace
}  // namespace ztshim::vectors
