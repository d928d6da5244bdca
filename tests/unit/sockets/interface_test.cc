// One network by its number or its name: scopes of link-local addresses, SO_BINDTODEVICE and
// SO_BINDTOIFINDEX, and what an interface of the host means to a virtual socket.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {
namespace {

constexpr auto kDone = Outcome::Kind::Done;
constexpr auto kHost = Outcome::Kind::Host;
constexpr auto kInProgress = Outcome::Kind::InProgress;
constexpr std::uint32_t kHosts = 2;  // eth0, say
constexpr std::uint32_t kSecond = 1'000'007;

Endpoint at(const char* ip, std::uint16_t port, std::uint32_t scope = 0) {
  return {*IpAddress::parse(ip), port, scope};
}

Endpoint own_link_local(const World& world, std::uint16_t port) {
  return {world.stack->interfaces().front().link_local, port, World::kIndex};
}

Result<bool> bind_to_device(const World& world, const App& app, const std::string& name) {
  return world.sockets->set_option(app.id, SOL_SOCKET, SO_BINDTODEVICE, as_bytes(name));
}

Result<bool> bind_to_index(const World& world, const App& app, int index) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&index);
  return world.sockets->set_option(app.id, SOL_SOCKET, SO_BINDTOIFINDEX, {bytes, sizeof index});
}

std::string device_of(const World& world, const App& app) {
  const auto name = world.sockets->get_option(app.id, SOL_SOCKET, SO_BINDTODEVICE, IFNAMSIZ);
  if (!name) return "error " + std::to_string(static_cast<int>(name.error()));
  return *name ? std::string(as_text(**name)) : "the kernel's";
}

// A second network with an address range that the first one has, too.
void add_second(World& world) {
  stack::InterfaceConfig config;
  config.name = "ztother";
  config.index = kSecond;
  config.mac = 0x0200'0000'0002;
  config.addresses = {*IpPrefix::parse("10.9.8.107/24"), *IpPrefix::parse("10.77.0.1/24")};
  world.stack->set_interface(stack::InterfaceId{2}, config);
}

TEST(LinkLocal, IsReachedWithItsScopeAndNamesCarryIt) {
  World world;
  const App listening = world.listener(80, 10, AF_INET6);
  const Endpoint target = own_link_local(world, 80);
  App client = world.connected(target, AF_INET6);
  AcceptMessage message;
  const App server = world.accept(listening, &message);
  ASSERT_TRUE(server.fd);
  EXPECT_EQ(*world.sockets->peer_name(client.id), target);
  EXPECT_EQ(world.sockets->local_name(client.id)->scope, World::kIndex);
  EXPECT_EQ(message.local, target);
  EXPECT_EQ(message.peer, *world.sockets->local_name(client.id));
  EXPECT_EQ(*world.sockets->local_name(server.id), target);
  EXPECT_EQ(device_of(world, client), std::string("zttest") + '\0');  // as in the kernel
  client.write("data");
  world.settle();
  EXPECT_EQ(server.read(), "data");
}

TEST(LinkLocal, IsOnNoNetworkWithoutAScopeAndTheHostsWithAScopeOfTheHost) {
  World world;
  App client = world.create(AF_INET6);
  EXPECT_EQ(world.connect(client, at("fe80::1", 80)).kind, kHost);
  EXPECT_EQ(world.connect(client, at("fe80::1", 80, kHosts)).kind, kHost);
  EXPECT_EQ(world.sockets->bind(client.id, at("fe80::1", 80, kHosts), world.policy).kind, kHost);
  world.policy.egress = Policy::Egress::Virtual;
  EXPECT_EQ(world.connect(client, at("fe80::1", 80, kHosts)).error, std::errc::network_unreachable);
  EXPECT_EQ(world.sockets->bind(client.id, at("fe80::1", 80, kHosts), world.policy).error,
            std::errc::address_not_available);
}

TEST(LinkLocal, CanBeBoundAndListenedOn) {
  World world;
  const Endpoint own = own_link_local(world, 80);
  App listening = world.create(AF_INET6);
  ASSERT_EQ(world.sockets->bind(listening.id, own, world.policy).kind, kDone);
  EXPECT_EQ(*world.sockets->local_name(listening.id), own);
  ASSERT_EQ(world.sockets->listen(listening.id, 5, 0, world.policy).kind, kDone);
  world.connected(own, AF_INET6);
  EXPECT_TRUE(world.accept(listening).fd);
  App wrong = world.create(AF_INET6);
  EXPECT_EQ(world.sockets->bind(wrong.id, at("fe80::77", 81, World::kIndex), world.policy).error,
            std::errc::address_not_available);
}

TEST(Device, GoesByItsNetworkAloneAndNowhereElse) {
  World world;
  App client = world.create();
  ASSERT_EQ(bind_to_device(world, client, "zttest"), true);
  EXPECT_EQ(device_of(world, client), std::string("zttest") + '\0');
  // Not to the host, though ZTSHIM_EGRESS is split.
  EXPECT_EQ(world.connect(client, at("192.0.2.1", 80)).error, std::errc::network_unreachable);
  ASSERT_TRUE(bind_to_device(world, client, ""));
  EXPECT_EQ(device_of(world, client), "");
  EXPECT_EQ(world.connect(client, at("192.0.2.1", 80)).kind, kHost);
}

TEST(Device, HasNoNamesButOurs) {
  World world;
  App client = world.create();
  ASSERT_TRUE(bind_to_device(world, client, "zttest"));
  EXPECT_EQ(bind_to_device(world, client, "eth0").error(), std::errc::no_such_device);
  EXPECT_EQ(device_of(world, client), std::string("zttest") + '\0');
  // Longer names than there can be are cut, as in the kernel.
  EXPECT_EQ(bind_to_device(world, client, std::string(40, 'x')).error(), std::errc::no_such_device);
  EXPECT_EQ(bind_to_index(world, client, -1).error(), std::errc::invalid_argument);
}

TEST(Device, OfTheHostMakesTheSocketTheHosts) {
  World world;
  App client = world.create();
  EXPECT_EQ(bind_to_index(world, client, kHosts), false);  // the kernel object, too
  EXPECT_EQ(device_of(world, client), "the kernel's");
  EXPECT_EQ(world.connect(client, World::own(80)).kind, kHost);
  const auto remembered = world.sockets->remembered_options(client.id);
  ASSERT_EQ(remembered.size(), 1U);
  EXPECT_EQ(remembered[0].name, SO_BINDTOIFINDEX);
  const Endpoint any{IpAddress::v4(0), 80};
  EXPECT_EQ(world.sockets->bind(client.id, any, world.policy).kind, kHost);
  EXPECT_EQ(world.sockets->listen(client.id, 5, 0, world.policy).kind, kHost);
  // Back to us: nothing of it is left for a kernel socket.
  EXPECT_TRUE(bind_to_index(world, client, World::kIndex));
  EXPECT_TRUE(world.sockets->remembered_options(client.id).empty());
  EXPECT_EQ(world.connect(client, World::own(80)).kind, kInProgress);
}

TEST(Device, AndScopeMustAgree) {
  World world;
  add_second(world);
  App client = world.create(AF_INET6);
  ASSERT_TRUE(bind_to_device(world, client, "ztother"));
  EXPECT_EQ(world.connect(client, own_link_local(world, 80)).error, std::errc::invalid_argument);
}

TEST(Device, TellsTwoNetworksOfOneRangeApart) {
  World world;
  add_second(world);
  for (const auto& [name, source] : {std::pair{"zttest", "10.9.8.7"}, {"ztother", "10.9.8.107"}}) {
    App client = world.create();
    ASSERT_TRUE(bind_to_device(world, client, name));
    ASSERT_EQ(world.connect(client, at("10.9.8.50", 80)).kind, kInProgress);
    EXPECT_EQ(world.sockets->local_name(client.id)->ip, *IpAddress::parse(source)) << name;
  }
}

TEST(Device, AListenerHearsItsNetworkAlone) {
  World world;
  add_second(world);
  App listening = world.create();
  ASSERT_TRUE(bind_to_device(world, listening, "zttest"));
  const Endpoint any{IpAddress::v4(0), 80};
  ASSERT_EQ(world.sockets->bind(listening.id, any, world.policy).kind, kDone);
  ASSERT_EQ(world.sockets->listen(listening.id, 5, 0, world.policy).kind, kDone);
  App near = world.connected(World::own(80));
  EXPECT_TRUE(world.accept(listening).fd);
  App far = world.create();
  ASSERT_EQ(world.connect(far, at("10.77.0.1", 80)).kind, kInProgress);
  world.settle();
  EXPECT_EQ(world.sockets->take_error(far.id), ECONNREFUSED);
}

// The kernel lets both have it (docs/differences.md).
TEST(Device, TwoOfThemCannotShareAPort) {
  World world;
  add_second(world);
  std::vector<App> listeners;
  for (const auto& [name, kind] :
       {std::pair{"zttest", kDone}, {"ztother", Outcome::Kind::Failed}}) {
    App& listening = listeners.emplace_back(world.create());
    ASSERT_TRUE(bind_to_device(world, listening, name));
    const Outcome bound = world.sockets->bind(listening.id, {IpAddress::v4(0), 80}, world.policy);
    EXPECT_EQ(bound.kind, kind) << name;
    EXPECT_EQ(bound.error, kind == kDone ? std::errc{} : std::errc::address_in_use) << name;
  }
}

TEST(Device, CountsWhenSetBetweenBindAndListen) {
  World world;
  add_second(world);
  App listening = world.create();
  ASSERT_EQ(world.sockets->bind(listening.id, {IpAddress::v4(0), 80}, world.policy).kind, kDone);
  ASSERT_TRUE(bind_to_device(world, listening, "ztother"));
  ASSERT_EQ(world.sockets->listen(listening.id, 5, 0, world.policy).kind, kDone);
  App far = world.create();
  ASSERT_EQ(world.connect(far, World::own(80)).kind, kInProgress);
  world.settle();
  EXPECT_EQ(world.sockets->take_error(far.id), ECONNREFUSED);
}

}  // namespace
}  // namespace ztshim::sockets
