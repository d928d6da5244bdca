// UDP sockets as an application sees them: names, peers, what arrives where.
#include "tests/unit/sockets/udp_world.h"

namespace ztshim::sockets {
namespace {

class UdpTest : public testing::Test {
 protected:
  UdpWorld world;
};

class UdpOfEachFamily : public UdpTest, public testing::WithParamInterface<int> {
 protected:
  Endpoint own(std::uint16_t port) const {
    return GetParam() == AF_INET ? World::own(port) : UdpWorld::six(port);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, UdpOfEachFamily, testing::Values(AF_INET, AF_INET6));

TEST_P(UdpOfEachFamily, DatagramCrossesWithItsNames) {
  const App server = world.bound(UdpWorld::any(53, GetParam()), GetParam());
  const App client = world.udp(GetParam());
  const std::size_t frames = world.frames;
  ASSERT_EQ(world.send(client, own(53), "question"), std::errc{});
  world.settle();
  const auto got = world.receive(server);
  ASSERT_TRUE(got && got->header);
  EXPECT_EQ(got->bytes, "question");
  EXPECT_EQ(got->header->remote.ip, own(0).ip);
  EXPECT_EQ(got->header->remote.port, world.sockets->local_name(client.id)->port);
  EXPECT_EQ(got->header->local, own(53));
  EXPECT_EQ(got->header->domain, GetParam());
  ASSERT_EQ(world.send(server, got->header->remote, "answer"), std::errc{});
  world.settle();
  EXPECT_EQ(world.text(client), "answer");
  EXPECT_EQ(world.frames, frames);
}

TEST_P(UdpOfEachFamily, ConnectedSocketSpeaksInBareBytesAndHearsItsPeerAlone) {
  const App server = world.bound(own(53), GetParam());
  const App client = world.udp(GetParam());
  ASSERT_EQ(world.connect(client, own(53)), std::errc{});
  EXPECT_EQ(world.sockets->peer_name(client.id), own(53));
  const Endpoint name = *world.sockets->local_name(client.id);
  EXPECT_EQ(name.ip, own(0).ip);
  ASSERT_NE(name.port, 0);
  EXPECT_EQ(client.write("bare"), 4);
  world.settle();
  EXPECT_EQ(world.text(server), "bare");

  const App stranger = world.udp(GetParam());
  ASSERT_EQ(world.send(stranger, name, "from a stranger"), std::errc{});
  ASSERT_EQ(world.send(server, name, "from the peer"), std::errc{});
  world.settle();
  const auto got = world.receive(client);
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->header) << "nothing is to be said about it";
  EXPECT_EQ(got->bytes, "from the peer");
  EXPECT_FALSE(world.receive(client));
}

TEST_P(UdpOfEachFamily, LargestDatagramsCross) {
  const App server = world.bound(own(53), GetParam());
  const App client = world.udp(GetParam());
  const std::string large(GetParam() == AF_INET ? 65507 : 65487, 'L');
  ASSERT_EQ(world.send(client, own(53), large), std::errc{});
  world.settle();
  EXPECT_EQ(world.text(server), large);
  EXPECT_EQ(world.check(client, own(53), large.size() + 41), std::errc::message_size);
}

TEST_F(UdpTest, EmptyDatagramAndBytesThatLookLikeAHeaderComeWithOne) {
  const App server = world.bound(World::own(53));
  const App client = world.bound(World::own(1000));
  ASSERT_EQ(world.connect(server, World::own(1000)), std::errc{});
  ASSERT_EQ(world.send(client, World::own(53), ""), std::errc{});
  std::string mark(16, '\0');
  const SocketName name = world.name(server);
  std::memcpy(mark.data(), &name.service, 8);
  std::memcpy(mark.data() + 8, &name.socket, 8);
  ASSERT_EQ(world.send(client, World::own(53), mark), std::errc{});
  world.settle();
  const auto empty = world.receive(server);
  ASSERT_TRUE(empty && empty->header);
  EXPECT_EQ(empty->bytes, "");
  const auto marked = world.receive(server);
  ASSERT_TRUE(marked && marked->header);
  EXPECT_EQ(marked->bytes, mark);
}

TEST_F(UdpTest, DissolvedConnectionHearsEverybodyAgain) {
  const App socket = world.udp();
  ASSERT_EQ(world.connect(socket, World::own(7)), std::errc{});
  ASSERT_EQ(world.connect(socket, {}), std::errc{});
  EXPECT_EQ(world.sockets->local_name(socket.id), UdpWorld::any(0)) << "as Linux forgets it";
  EXPECT_FALSE(world.sockets->peer_name(socket.id));
  EXPECT_EQ(world.check(socket, {}), std::errc::destination_address_required);

  const App bound = world.bound(World::own(99));
  ASSERT_EQ(world.connect(bound, World::own(7)), std::errc{});
  ASSERT_EQ(world.connect(bound, {}), std::errc{});
  EXPECT_EQ(world.sockets->local_name(bound.id), World::own(99));
  ASSERT_EQ(world.send(socket, World::own(99), "hello"), std::errc{});
  world.settle();
  EXPECT_EQ(world.text(bound), "hello");
}

TEST_P(UdpOfEachFamily, PortOfOurOwnThatNobodyHasRefusesOnce) {
  const App client = world.udp(GetParam());
  ASSERT_EQ(world.connect(client, own(54)), std::errc{});
  EXPECT_EQ(client.write("anybody?"), 8);
  world.settle();
  const auto told = world.receive(client);
  ASSERT_TRUE(told && told->header);
  EXPECT_EQ(told->header->kind, DatagramHeader::Kind::Error);
  EXPECT_EQ(told->header->error, std::errc::connection_refused);
  EXPECT_EQ(world.sockets->take_error(client.id), ECONNREFUSED);
  EXPECT_EQ(world.sockets->take_error(client.id), 0);
  EXPECT_FALSE(world.receive(client));
}

TEST_P(UdpOfEachFamily, UnconnectedSocketIsNotToldOfRefusals) {
  const App client = world.udp(GetParam());
  ASSERT_EQ(world.send(client, own(54), "anybody?"), std::errc{});
  world.settle();
  EXPECT_FALSE(world.receive(client));
  EXPECT_EQ(world.sockets->take_error(client.id), 0);
}

TEST_F(UdpTest, ConnectedSocketMayTurnToTheHost) {
  const App client = world.udp();
  ASSERT_EQ(world.connect(client, World::own(53)), std::errc{});
  const Endpoint host{*IpAddress::parse("127.0.0.1"), 53};
  EXPECT_EQ(world.sockets->connect(client.id, host, 0, world.policy).kind, Outcome::Kind::Host);
  // But not one that was bound to an address of ours.
  const App bound = world.bound(World::own(99));
  const Outcome refused = world.sockets->connect(bound.id, host, 0, world.policy);
  EXPECT_EQ(refused.kind, Outcome::Kind::Failed);
  EXPECT_EQ(refused.error, std::errc::network_unreachable);
}

TEST_F(UdpTest, PortIsTakenUntilItsSocketIsClosed) {
  App first = world.bound(World::own(53));
  const App second = world.udp();
  EXPECT_EQ(world.bind(second, UdpWorld::any(53)), std::errc::address_in_use);
  const App six = world.udp(AF_INET6);
  EXPECT_EQ(world.bind(six, UdpWorld::any(53, AF_INET6)), std::errc::address_in_use)
      << "it takes IPv4 as well";
  first.fd.reset();
  world.settle();
  EXPECT_EQ(world.bind(second, UdpWorld::any(53)), std::errc{});
  EXPECT_EQ(world.bind(second, UdpWorld::any(54)), std::errc::invalid_argument);
}

TEST_F(UdpTest, WhatWasWrittenBeforeTheCloseStillLeaves) {
  const App server = world.bound(World::own(53));
  App client = world.udp();
  ASSERT_EQ(world.send(client, World::own(53), "last words"), std::errc{});
  client.fd.reset();
  world.settle();
  EXPECT_EQ(world.text(server), "last words");
}

TEST_F(UdpTest, SendsAreToldWhatTheyOwe) {
  const App socket = world.udp();
  EXPECT_EQ(world.check(socket, {}), std::errc::destination_address_required);
  EXPECT_EQ(world.check(socket, World::own(0)), std::errc::invalid_argument);
  EXPECT_EQ(world.check(socket, World::own(1), 65'508), std::errc::message_size);
  EXPECT_EQ(world.check(socket, UdpWorld::six(1)), std::errc::address_family_not_supported);
  world.policy.egress = Policy::Egress::Virtual;
  EXPECT_EQ(world.check(socket, {*IpAddress::parse("192.0.2.1"), 1}),
            std::errc::network_unreachable);
  EXPECT_EQ(world.sockets->local_name(socket.id)->port, 0);
  EXPECT_EQ(world.check(socket, World::own(1)), std::errc{});
  EXPECT_NE(world.sockets->local_name(socket.id)->port, 0) << "the first send binds";
}

TEST_F(UdpTest, MappedAddressesReachIpv4) {
  const App server = world.bound(UdpWorld::any(53, AF_INET6), AF_INET6);
  const App client = world.udp();
  ASSERT_EQ(world.send(client, World::own(53), "four"), std::errc{});
  world.settle();
  const auto got = world.receive(server);
  ASSERT_TRUE(got && got->header);
  EXPECT_EQ(got->header->remote.ip, World::own(0).ip.mapped());
  ASSERT_EQ(world.send(server, got->header->remote, "and back"), std::errc{});
  world.settle();
  EXPECT_EQ(world.text(client), "and back");
}

}  // namespace
}  // namespace ztshim::sockets
