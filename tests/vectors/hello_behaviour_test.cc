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

}  // namespace
}  // namespace ztshim::vectors
