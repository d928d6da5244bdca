// The state of one network: what strangers and members can make it keep is bounded, and our own
// credentials go out whole. Notes: vl2 1.5, 6.1, 6.5, 8.3, 9.3, 15.7.
#include "service/vl2/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "service/wire/managed_ip.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/messages/network_credentials.h"
#include "service/wire/packet.h"
#include "tests/sim/identities.h"
#include "tests/unit/vl2/lone_vl2.h"

namespace ztshim::vl2 {
namespace {

using std::chrono::milliseconds;
using ::testing::SizeIs;

constexpr std::uint64_t kTime = 1'700'000'000'000;

class OneNetwork : public ::testing::Test {
 protected:
  NetworkConfig config() const {
    NetworkConfig config;
    config.network = id_;
    config.issued_to = own_.address();
    config.timestamp = kTime;
    config.credential_max_delta = 1'800'000;
    config.membership = ::ztshim::Membership::make(kTime, 1'800'000, id_, own_);
    config.membership->sign(controller_);
    config.managed_addresses = {IpPrefix::parse("10.147.17.5/24").value(),
                                IpPrefix::parse("fd00:1::5/64").value()};
    config.multicast_limit = 32;
    config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
    return config;
  }
  Revocation revocation(Address target) const {
    Revocation made;
    made.network = id_;
    made.threshold = kTime;
    made.target = target;
    made.type = CredentialType::Membership;
    made.sign(controller_);
    return made;
  }

  const Identity controller_ = sim::identity(0);
  const Identity own_ = sim::identity(1);
  const NetworkId id_{sim::identity(0).address().number() << 24 | 0x77};
  Network network_{id_, own_.address(), {}};
};

TEST_F(OneNetwork, knows_a_bounded_number_of_members_and_forgets_idle_ones) {
  const Time start{};
  for (std::size_t i = 0; i < kMaxMembers; ++i) {
    ASSERT_NE(network_.member(start, Address(0x1000000000 + i)), nullptr);
  }
  EXPECT_EQ(network_.member(start, Address(0x2000000000)), nullptr);
  EXPECT_NE(network_.member(start, Address(0x1000000000)), nullptr) << "one that is known";
  const Address revoked(0x1000000007);
  network_.find(revoked)->credentials.accept(revocation(revoked), controller_.address(),
                                             [&](Address) { return &controller_; });

  network_.forget_idle_members(start + kForgetMember - milliseconds(1));
  EXPECT_THAT(network_.members(), SizeIs(kMaxMembers));
  network_.forget_idle_members(start + kForgetMember);
  // What was revoked outlives every certificate that it concerns.
  EXPECT_THAT(network_.members(), SizeIs(1));
  EXPECT_NE(network_.find(revoked), nullptr);
  EXPECT_GT(kForgetRevoked, Duration(7'200'000));
}

TEST_F(OneNetwork, knows_a_bounded_number_of_hosts_behind_bridges) {
  const Address chatty(0x1000000001), modest(0x1000000002);
  network_.learn_route(MacAddress(0x0016cb000000), modest);
  for (std::size_t i = 0; i < kMaxBridgeRoutes; ++i) {
    network_.learn_route(MacAddress(0x0017cb000000 + i), chatty);
  }
  EXPECT_LE(network_.known_routes(), kMaxBridgeRoutes);
  // Whoever made the table overflow has lost its hosts, not the others.
  EXPECT_EQ(network_.bridge_of(MacAddress(0x0016cb000000)), modest);
  EXPECT_EQ(network_.bridge_of(MacAddress(0x0017cb000000)), Address());
  EXPECT_EQ(network_.bridge_of(MacAddress(0x0017cb000000 + kMaxBridgeRoutes - 1)), chatty);
}

TEST_F(OneNetwork, announces_a_bounded_number_of_groups_of_hosts_behind_us) {
  network_.apply(Time{}, config(), true);
  std::size_t fresh = 0;
  for (std::size_t i = 0; i < kMaxBridgedGroups + 100; ++i) {
    fresh += network_.learn_bridged_group(Time{}, {MacAddress(0x333300000000 + i), 0}).size();
  }
  EXPECT_LE(network_.groups().size(), kMaxBridgedGroups + 10);
  EXPECT_GE(fresh, kMaxBridgedGroups);
  network_.expire_bridged_groups(Time{} + kBridgedGroupExpiry);
  EXPECT_LE(network_.groups().size(), 10U);
}

TEST_F(OneNetwork, listens_for_each_of_its_addresses_and_to_all_hosts) {
  NetworkConfig with_broadcast = config();
  with_broadcast.flags = NetworkConfig::kFlagBroadcast;
  network_.apply(Time{}, with_broadcast, true);
  network_.refresh_groups();
  EXPECT_THAT(
      network_.groups(),
      ::testing::UnorderedElementsAre(
          MulticastGroup{MacAddress::broadcast(), 0x0a931105},
          MulticastGroup::for_resolving(IpAddress::parse("fd00:1::5").value()),
          MulticastGroup::for_resolving(link_local_address(network_.mac()).ip),
          MulticastGroup{MacAddress(0x01005e000001), 0},
          MulticastGroup{MacAddress(0x333300000001), 0}, MulticastGroup::plain_broadcast()));
  // The automatic broadcast group does not count for whoever gathers (vl2 9.4).
  EXPECT_FALSE(network_.listens_to(MulticastGroup::plain_broadcast()));
  EXPECT_TRUE(network_.listens_to(MulticastGroup{MacAddress::broadcast(), 0x0a931105}));
}

TEST_F(OneNetwork, listens_to_all_ipv6_nodes_without_an_ipv6_address_of_the_controllers) {
  NetworkConfig plain = config();
  plain.managed_addresses = {IpPrefix::parse("10.147.17.5/24").value()};
  network_.apply(Time{}, plain, true);
  network_.refresh_groups();
  EXPECT_TRUE(network_.listens_to(MulticastGroup{MacAddress(0x333300000001), 0}));
}

TEST_F(OneNetwork, passes_a_bounded_number_of_urgent_chunks_on) {
  for (std::size_t i = 0; i < kMaxChunks; ++i) EXPECT_TRUE(network_.may_pass_on(Time{}));
  EXPECT_FALSE(network_.may_pass_on(Time{} + kPassOnPeriod - milliseconds(1)));
  EXPECT_TRUE(network_.may_pass_on(Time{} + kPassOnPeriod));
}

struct Hopeless {
  const char* name;
  std::uint64_t network;
  NetworkStatus status;
  const char* reason;
};
class HopelessNetworks : public ::testing::TestWithParam<Hopeless> {};
INSTANTIATE_TEST_SUITE_P(
    , HopelessNetworks,
    ::testing::Values(Hopeless{"ports_the_wrong_way_round", 0xff00500016000000,
                               NetworkStatus::NotFound, "last port"},
                      Hopeless{"no_such_form", 0xff00160016000002,
                               NetworkStatus::RequestingConfiguration, "no form"},
                      Hopeless{"a_controller_that_cannot_be", 0x0000000000000001,
                               NetworkStatus::NotFound, "no node can have"},
                      Hopeless{"a_controller_nobody_knows", 0x1122334455000001,
                               NetworkStatus::RequestingConfiguration, "1122334455"}),
    [](const auto& c) { return c.param.name; });

TEST_P(HopelessNetworks, say_what_is_wrong_with_them) {
  LoneVl2 node(sim::identity(1));
  const NetworkId network(GetParam().network);
  node.vl2().join(node.now, network, {}, {}, node.out);
  node.wait(std::chrono::seconds(6));
  const NetworkInfo info = node.vl2().info(network).value();
  EXPECT_EQ(info.status, GetParam().status);
  EXPECT_THAT(info.reason, ::testing::HasSubstr(GetParam().reason));
}

// Every credential of the configuration, each once, in packets that fit.
void expect_all_pushed(const Network& network, const NetworkConfig& config, std::size_t packets) {
  NetworkCredentials all;
  ASSERT_THAT(network.credential_packets(), SizeIs(packets));
  for (const Bytes& payload : network.credential_packets()) {
    EXPECT_LE(payload.size() + kPacketHeaderSize, kMaxSendablePacketSize);
    const auto part = NetworkCredentials::parse(payload);
    ASSERT_TRUE(part);
    const auto add = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    add(all.memberships, part->memberships);
    add(all.capabilities, part->capabilities);
    add(all.tags, part->tags);
    add(all.ownerships, part->ownerships);
  }
  EXPECT_EQ(all.memberships.size(), config.membership ? 1U : 0U);
  EXPECT_EQ(all.capabilities, config.capabilities);
  EXPECT_EQ(all.tags, config.tags);
  EXPECT_EQ(all.ownerships, config.ownerships);
}

TEST_F(OneNetwork, pushes_all_credentials_in_one_packet_if_they_fit) {
  NetworkConfig some = config();
  for (std::uint32_t id = 1; id <= 3; ++id) {
    Tag tag;
    tag.network = id_;
    tag.id = id;
    tag.issued_to = own_.address();
    tag.sign(controller_);
    some.tags.push_back(tag);
  }
  network_.apply(Time{}, some, true);
  expect_all_pushed(network_, some, 1);
  NetworkConfig bare = some;
  bare.membership.reset();
  network_.apply(Time{}, bare, true);
  expect_all_pushed(network_, bare, 1);
}

TEST_F(OneNetwork, pushes_as_many_packets_as_the_largest_configuration_needs) {
  NetworkConfig full = config();
  for (std::uint32_t id = 0; id < NetworkConfig::kMaxTags; ++id) {
    Tag tag;
    tag.network = id_;
    tag.id = id;
    tag.issued_to = own_.address();
    tag.sign(controller_);
    full.tags.push_back(tag);
  }
  for (std::uint32_t id = 0; id < NetworkConfig::kMaxCapabilities; ++id) {
    Capability capability;
    capability.network = id_;
    capability.id = id;
    capability.rules.assign(Capability::kMaxRules,
                            Rule{RuleType::IntegerRange, false, false, RuleInteger{}});
    capability.sign(controller_, own_.address());
    full.capabilities.push_back(capability);
  }
  for (std::uint32_t id = 0; id < NetworkConfig::kMaxOwnerships; ++id) {
    Ownership ownership;
    ownership.network = id_;
    ownership.id = id;
    ownership.things.assign(Ownership::kMaxThings, Ownership::Thing::of(IpAddress::v4(id)));
    ownership.issued_to = own_.address();
    ownership.sign(controller_);
    full.ownerships.push_back(ownership);
  }
  network_.apply(Time{}, full, true);
  expect_all_pushed(network_, full, network_.credential_packets().size());
  EXPECT_GT(network_.credential_packets().size(), 10U);
}

TEST_F(OneNetwork, of_ten_thousand_listeners_costs_a_multicast_no_more_than_its_limit) {
  LoneVl2 node(own_, {controller_});
  node.vl2().join(node.now, id_, {}, {}, node.out);
  NetworkConfig open = config();
  open.is_public = true;
  node.vl2().apply_own_config(node.now, id_, open.write(), node.out);
  const MulticastGroup group{MacAddress(0x01005e000105), 0};
  constexpr std::size_t kListeners = 10'000;
  // Gather results bring them 274 at a time.
  for (std::size_t i = 0; i < kListeners;) {
    OkMulticastGather ok;
    ok.network = id_;
    ok.group = group;
    ok.results.total_known = kListeners;
    for (int k = 0; k < 250; ++k, ++i) ok.results.members.emplace_back(0x1000000000 + i);
    Bytes payload;
    Writer out(payload);
    ok.write(out);
    node.receive(controller_, Verb::Ok, payload, Verb::MulticastGather);
  }
  node.out.clear();
  const std::size_t before = node.draws();
  node.vl2().on_frame(node.now, id_, group.mac, network_.mac(), 0x0800, Bytes(64, 0x45), node.out);
  EXPECT_GE(node.draws() - before, 32U) << "they are chosen at random";
  EXPECT_LT(node.draws() - before, 1'000U);
}

}  // namespace
}  // namespace ztshim::vl2
