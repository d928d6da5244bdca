// What reaches the virtual interface and what does not, and that every refusal is counted under one
// reason. Notes: vl2 6, 8.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/wire/messages/ext_frame.h"
#include "service/wire/messages/frame.h"
#include "service/wire/messages/multicast_frame.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/messages/multicast_like.h"
#include "service/wire/messages/network_config.h"
#include "service/wire/messages/network_credentials.h"
#include "tests/sim/identities.h"
#include "tests/unit/vl2/lone_vl2.h"

namespace ztshim::vl2 {
namespace {

constexpr std::uint64_t kTime = 1'700'000'000'000;

template <typename Message>
Bytes written(const Message& message) {
  Bytes bytes;
  Writer out(bytes);
  message.write(out);
  return bytes;
}

class Frames : public ::testing::Test {
 protected:
  Frames() : node_(alice_, {controller_, bob_}) {
    node_.vl2().join(node_.now, network_, {}, {}, node_.out);
    node_.out.clear();
  }
  NetworkConfig config(bool is_public) const {
    NetworkConfig config;
    config.network = network_;
    config.issued_to = alice_.address();
    config.timestamp = kTime;
    config.credential_max_delta = 1'800'000;
    config.is_public = is_public;
    config.flags = NetworkConfig::kFlagBroadcast;
    config.multicast_limit = 32;
    config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
    config.managed_addresses = {IpPrefix::parse("10.147.17.5/24").value()};
    config.membership = membership(alice_, kTime);
    return config;
  }
  Membership membership(const Identity& member, std::uint64_t time) const {
    Membership made = Membership::make(time, 1'800'000, network_, member);
    made.sign(controller_);
    return made;
  }
  void configure(const NetworkConfig& config) {
    node_.vl2().apply_own_config(node_.now, network_, config.write(), node_.out);
    node_.out.clear();
  }
  vl1::Verdict show(const Identity& by, const NetworkCredentials& credentials) {
    return node_.receive(by, Verb::NetworkCredentials, written(credentials));
  }
  vl1::Verdict show_membership(std::uint64_t time = kTime) {
    NetworkCredentials credentials;
    credentials.memberships = {membership(bob_, time)};
    return show(bob_, credentials);
  }
  Revocation revocation(std::uint64_t threshold) const {
    Revocation made;
    made.network = network_;
    made.threshold = threshold;
    made.target = bob_.address();
    made.type = CredentialType::Membership;
    made.sign(controller_);
    return made;
  }
  vl1::Verdict send_frame(const Identity& from, ByteView data) {
    return node_.receive(from, Verb::Frame, written(Frame{network_, 0x0800, data}));
  }
  vl1::Verdict send_ext(MacAddress destination, MacAddress source) {
    ExtFrame frame;
    frame.network = network_;
    frame.destination = destination;
    frame.source = source;
    frame.ether_type = 0x0800;
    frame.data = data_;
    return node_.receive(bob_, Verb::ExtFrame, written(frame));
  }
  vl1::Verdict send_multicast(MacAddress group, std::optional<MacAddress> source = {}) {
    MulticastFrame frame;
    frame.network = network_;
    frame.group = {group, 0};
    frame.source = source;
    frame.ether_type = 0x0800;
    frame.data = data_;
    return node_.receive(bob_, Verb::MulticastFrame, written(frame));
  }
  std::size_t delivered() const { return node_.out.frames().size(); }
  Counters counters() { return node_.vl2().counters(); }

  const Identity controller_ = sim::identity(0);
  const Identity alice_ = sim::identity(1);
  const Identity bob_ = sim::identity(2);
  const NetworkId network_{sim::identity(0).address().number() << 24 | 0x77};
  const MacAddress alices_ = MacAddress::of_member(alice_.address(), network_);
  const MacAddress bobs_ = MacAddress::of_member(bob_.address(), network_);
  const Bytes data_ = Bytes(40, 0x45);
  LoneVl2 node_;
};

TEST_F(Frames, of_a_network_we_are_not_in_are_dropped) {
  node_.receive(bob_, Verb::Frame, written(Frame{NetworkId(0x1111), 0x0800, data_}));
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().not_joined, 1U);
}

TEST_F(Frames, wait_for_our_own_configuration) {
  EXPECT_EQ(send_frame(bob_, data_), vl1::Verdict::Done);
  EXPECT_EQ(delivered(), 0U);
  configure(config(true));
  // Delivered when the configuration came; that outbox is cleared, so look at the counter.
  EXPECT_EQ(counters().frames_in, 1U);
}

TEST_F(Frames, of_everybody_pass_on_a_public_network) {
  configure(config(true));
  EXPECT_EQ(send_frame(bob_, data_), vl1::Verdict::Trusted);
  ASSERT_EQ(delivered(), 1U);
  EXPECT_EQ(node_.out.frames()[0].source, bobs_);
  EXPECT_EQ(node_.out.frames()[0].destination, alices_);
}

// The genuine node pushes its addresses to nobody who only announces groups (10 idle minutes,
// counted).
TEST_F(Frames, establish_trust_and_announcements_do_not) {
  configure(config(true));
  const MulticastLike like{{{network_, {MacAddress::broadcast(), 7}}}};
  EXPECT_EQ(node_.receive(bob_, Verb::MulticastLike, written(like)), vl1::Verdict::Done);
  MulticastGather gather;
  gather.network = network_;
  gather.group = {MacAddress::broadcast(), 7};
  gather.limit = 10;
  EXPECT_EQ(node_.receive(bob_, Verb::MulticastGather, written(gather)), vl1::Verdict::Done);
  gather.membership = membership(bob_, kTime);
  EXPECT_EQ(node_.receive(bob_, Verb::MulticastGather, written(gather)), vl1::Verdict::Trusted);
  EXPECT_EQ(send_frame(bob_, data_), vl1::Verdict::Trusted);
}

TEST_F(Frames, on_a_private_network_need_a_certificate_and_come_late_when_it_does) {
  configure(config(false));
  EXPECT_EQ(send_frame(bob_, data_), vl1::Verdict::Done);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().no_certificate, 1U);
  node_.wait(std::chrono::seconds(4));
  EXPECT_EQ(show_membership(), vl1::Verdict::Trusted);
  EXPECT_EQ(delivered(), 1U);
  EXPECT_EQ(send_frame(bob_, data_), vl1::Verdict::Trusted);
  EXPECT_EQ(delivered(), 2U);
}

TEST_F(Frames, that_waited_five_seconds_are_gone) {
  configure(config(false));
  send_frame(bob_, data_);
  node_.wait(std::chrono::seconds(5));
  show_membership();
  EXPECT_EQ(delivered(), 0U);
}

TEST_F(Frames, are_refused_from_whoever_shows_anothers_certificate) {
  configure(config(false));
  const Identity mallory = sim::identity(3);
  NetworkCredentials credentials;
  credentials.memberships = {membership(bob_, kTime)};
  show(mallory, credentials);
  send_frame(mallory, data_);
  EXPECT_EQ(delivered(), 0U);
}

TEST_F(Frames, are_refused_when_the_certificate_is_of_other_keys) {
  configure(config(false));
  show_membership();
  std::string text = sim::identity(3).text();
  text.replace(0, 10, bob_.address().text());
  const Identity impostor = Identity::parse(text).value();
  send_frame(impostor, data_);
  EXPECT_EQ(delivered(), 0U);
  // And bob is not shut out by the attempt.
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, are_refused_when_certificates_are_too_far_apart) {
  configure(config(false));
  show_membership(kTime + 1'800'001);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 0U);
  // Our own renewal brings us together again, and what waited is delivered.
  NetworkConfig renewed = config(false);
  renewed.timestamp = kTime + 60'000;
  renewed.membership = membership(alice_, renewed.timestamp);
  node_.vl2().apply_own_config(node_.now, network_, renewed.write(), node_.out);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, stop_with_a_revocation_and_start_with_a_newer_certificate) {
  configure(config(false));
  show_membership();
  send_frame(bob_, data_);
  ASSERT_EQ(delivered(), 1U);
  NetworkCredentials credentials;
  credentials.revocations = {revocation(kTime + 10)};
  show(sim::identity(4), credentials);  // anybody may bring it
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 1U);
  node_.wait(std::chrono::seconds(6));
  show_membership(kTime + 10);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 1U);
  node_.wait(std::chrono::seconds(6));
  show_membership(kTime + 11);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 2U);
}

TEST_F(Frames, with_nothing_in_them_or_damaged_are_counted) {
  configure(config(true));
  send_frame(bob_, {});
  EXPECT_EQ(counters().malformed, 1U);
  node_.receive(bob_, Verb::Frame, Bytes(9, 1));
  EXPECT_EQ(counters().malformed, 2U);
  for (const Verb verb : {Verb::ExtFrame, Verb::MulticastFrame, Verb::MulticastGather,
                          Verb::NetworkConfig, Verb::NetworkConfigRequest}) {
    node_.receive(bob_, verb, Bytes(5, 1));
  }
  EXPECT_EQ(counters().malformed, 7U);
  EXPECT_EQ(delivered(), 0U);
}

TEST_F(Frames, against_the_rules_are_refused_although_the_sender_let_them_pass) {
  NetworkConfig strict = config(true);
  strict.rules = {Rule{RuleType::EtherType, false, false, RuleNumber{0x0806}},
                  Rule{RuleType::ActionAccept, false, false, {}}};
  configure(strict);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().filtered_in, 1U);
}

TEST_F(Frames, with_a_foreign_source_need_a_bridge) {
  configure(config(true));
  const MacAddress foreign(0x02abcdef0001);
  send_ext(alices_, foreign);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().bad_mac, 1U);
  NetworkConfig bridged = config(true);
  bridged.timestamp = kTime + 1;
  bridged.specialists = {{Specialist::kActiveBridge | bob_.address().number()}};
  configure(bridged);
  send_ext(alices_, foreign);
  ASSERT_EQ(delivered(), 1U);
  EXPECT_EQ(node_.out.frames()[0].source, foreign);
}

TEST_F(Frames, for_foreign_destinations_need_us_to_be_a_bridge) {
  configure(config(true));
  const MacAddress foreign(0x02abcdef0001);
  send_ext(foreign, bobs_);
  EXPECT_EQ(delivered(), 0U);
  NetworkConfig bridge = config(true);
  bridge.timestamp = kTime + 1;
  bridge.specialists = {{Specialist::kActiveBridge | alice_.address().number()}};
  configure(bridge);
  send_ext(foreign, bobs_);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, with_no_source_or_ours_are_refused) {
  configure(config(true));
  send_ext(alices_, MacAddress());
  send_ext(alices_, alices_);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().bad_mac, 2U);
  send_ext(alices_, bobs_);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, to_a_group_pass_without_subscription_but_not_where_multicast_is_off) {
  configure(config(true));
  send_multicast(MacAddress(0x01005e000105));
  EXPECT_EQ(delivered(), 1U);
  NetworkConfig none = config(true);
  none.timestamp = kTime + 1;
  none.multicast_limit = 0;
  configure(none);
  send_multicast(MacAddress(0x01005e000105));
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().no_multicast, 1U);
}

TEST_F(Frames, to_a_group_are_refused_with_unicast_destinations_and_foreign_sources) {
  configure(config(true));
  send_multicast(alices_);
  send_multicast(MacAddress::broadcast(), MacAddress(0x02abcdef0001));
  send_multicast(MacAddress::broadcast(), MacAddress::broadcast());
  send_multicast(MacAddress::broadcast(), alices_);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().bad_mac, 4U);
}

TEST_F(Frames, carry_a_certificate_in_the_old_way) {
  configure(config(false));
  ExtFrame frame;
  frame.network = network_;
  frame.membership = membership(bob_, kTime);
  frame.destination = alices_;
  frame.source = bobs_;
  frame.ether_type = 0x0800;
  frame.data = data_;
  node_.receive(bob_, Verb::ExtFrame, written(frame));
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, of_our_own_with_a_foreign_source_stay_here) {
  configure(config(true));
  node_.vl2().on_frame(node_.now, network_, bobs_, MacAddress(0x02abcdef0001), 0x0800, data_,
                       node_.out);
  EXPECT_EQ(counters().bad_mac, 1U);
  node_.vl2().on_frame(node_.now, network_, alices_, alices_, 0x0800, data_, node_.out);
  EXPECT_EQ(delivered(), 1U) << "to ourselves";
  node_.vl2().on_frame(node_.now, NetworkId(0x1111), bobs_, alices_, 0x0800, data_, node_.out);
  EXPECT_EQ(counters().not_joined, 1U);
  node_.vl2().on_frame(node_.now, network_, bobs_, alices_, 0x0800, Bytes(9'900, 0), node_.out);
  EXPECT_EQ(counters().too_big, 1U);
}

TEST_F(Frames, of_our_own_to_everybody_stay_here_where_broadcast_is_off) {
  NetworkConfig quiet = config(true);
  quiet.flags = 0;
  configure(quiet);
  node_.vl2().on_frame(node_.now, network_, MacAddress::broadcast(), alices_, 0x0800, data_,
                       node_.out);
  EXPECT_EQ(counters().no_multicast, 1U);
}

TEST_F(Frames, are_counted_per_network_and_kept_in_the_total_after_leaving) {
  configure(config(true));
  send_frame(bob_, data_);
  send_ext(MacAddress(0x02abcdef0001), bobs_);
  node_.receive(bob_, Verb::Frame, written(Frame{NetworkId(0x1111), 0x0800, data_}));
  const Counters own = node_.vl2().counters(network_).value();
  EXPECT_EQ(own.frames_in, 1U);
  EXPECT_EQ(own.bad_mac, 1U);
  EXPECT_EQ(own.not_joined, 0U);
  EXPECT_FALSE(node_.vl2().counters(NetworkId(0x1111)));
  node_.vl2().leave(node_.now, network_, node_.out);
  EXPECT_EQ(counters().frames_in, 1U);
  EXPECT_EQ(counters().not_joined, 1U);
}

TEST_F(Frames, of_somebody_revoked_and_of_somebody_unknown_are_told_apart) {
  configure(config(false));
  show_membership();
  NetworkCredentials credentials;
  credentials.revocations = {revocation(kTime + 10)};
  show(sim::identity(4), credentials);
  send_frame(bob_, data_);
  EXPECT_EQ(counters().revoked, 1U);
  EXPECT_EQ(counters().no_certificate, 0U);
  node_.vl2().on_frame(node_.now, network_, bobs_, alices_, 0x0800, data_, node_.out);
  EXPECT_EQ(counters().revoked, 2U) << "nothing goes to it either";
  EXPECT_EQ(counters().frames_out, 0U);
  node_.wait(std::chrono::seconds(1));
  credentials = {};
  credentials.memberships = {membership(bob_, kTime + 11)};
  show(bob_, credentials);
  EXPECT_EQ(counters().late, 1U);
  EXPECT_EQ(delivered(), 1U);
  node_.vl2().on_frame(node_.now, network_, bobs_, alices_, 0x0800, data_, node_.out);
  EXPECT_EQ(counters().frames_out, 1U);
}

TEST_F(Frames, that_do_not_prove_whose_address_they_bear_are_counted_as_such) {
  NetworkConfig strict = config(true);
  constexpr std::uint64_t kSenderIpAuthentic = 1ULL << 60;
  strict.rules = {
      Rule{RuleType::Characteristics, true, false, RuleCharacteristics{kSenderIpAuthentic}},
      Rule{RuleType::ActionDrop, false, false, {}}, Rule{RuleType::ActionAccept, false, false, {}}};
  configure(strict);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().not_owned, 1U);
  EXPECT_EQ(counters().filtered_in, 0U);
  NetworkCredentials credentials;
  Ownership ownership;
  ownership.network = network_;
  ownership.timestamp = kTime;
  ownership.id = 1;
  ownership.things = {Ownership::Thing::of(IpAddress::v4(0x45454545))};  // what data_ bears
  ownership.issued_to = bob_.address();
  ownership.sign(controller_);
  credentials.ownerships = {ownership};
  show(bob_, credentials);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, pass_no_more_when_the_controller_has_shut_us_out) {
  configure(config(true));
  Bytes body;
  Writer(body).be(network_.number());
  node_.receive_error(controller_, ErrorCode::NetworkAccessDenied, body);
  send_frame(bob_, data_);
  node_.vl2().on_frame(node_.now, network_, bobs_, alices_, 0x0800, data_, node_.out);
  EXPECT_EQ(delivered(), 0U);
  EXPECT_EQ(counters().access_denied, 2U);
  // Nobody but the controller opens again by repeating what we know.
  const auto chunks = ConfigChunk::split(network_, config(true).write(), 79, controller_);
  node_.receive(bob_, Verb::NetworkConfig, chunks.at(0));
  EXPECT_EQ(node_.vl2().info(network_)->status, NetworkStatus::AccessDenied);
  const auto again = ConfigChunk::split(network_, config(true).write(), 80, controller_);
  node_.receive(controller_, Verb::NetworkConfig, again.at(0));
  EXPECT_EQ(node_.vl2().info(network_)->status, NetworkStatus::Ok);
  send_frame(bob_, data_);
  EXPECT_EQ(delivered(), 1U);
}

TEST_F(Frames, a_login_page_is_shown_until_there_is_a_configuration) {
  Bytes body;
  Writer out(body);
  out.be(network_.number());
  const std::string dictionary = "aV=0\naU=https://login.example/?n\\e1";
  out.be(static_cast<std::uint16_t>(dictionary.size())).bytes(as_bytes(dictionary));
  node_.receive_error(controller_, ErrorCode::NetworkAuthenticationRequired, body);
  const NetworkInfo info = node_.vl2().info(network_).value();
  EXPECT_EQ(info.status, NetworkStatus::AuthenticationRequired);
  EXPECT_EQ(info.authentication_url, "https://login.example/?n=1");
  EXPECT_NE(info.reason.find(info.authentication_url), std::string::npos);
  configure(config(true));
  EXPECT_EQ(node_.vl2().info(network_)->authentication_url, "");
}

TEST_F(Frames, credentials_are_looked_at_once_a_second_and_sender) {
  configure(config(false));
  NetworkCredentials forged;
  forged.memberships = {membership(bob_, kTime)};
  forged.memberships[0].sign(bob_);
  EXPECT_EQ(show(bob_, forged), vl1::Verdict::Done);
  EXPECT_EQ(counters().bad_credential, 1U);
  EXPECT_EQ(show_membership(), vl1::Verdict::Ignored);
  EXPECT_EQ(counters().rate_limited, 1U);
  node_.wait(std::chrono::seconds(1));
  EXPECT_EQ(show_membership(), vl1::Verdict::Trusted);
}

// The genuine node does not space what it shows of several networks.
TEST_F(Frames, credentials_of_two_networks_are_looked_at_within_a_second) {
  configure(config(false));
  const NetworkId other(network_.number() + 1);
  node_.vl2().join(node_.now, other, {}, {}, node_.out);
  NetworkConfig second = config(false);
  second.network = other;
  node_.vl2().apply_own_config(node_.now, other, second.write(), node_.out);
  EXPECT_EQ(show_membership(), vl1::Verdict::Trusted);
  NetworkCredentials credentials;
  credentials.memberships = {Membership::make(kTime, 1'800'000, other, bob_)};
  credentials.memberships[0].sign(controller_);
  EXPECT_EQ(show(bob_, credentials), vl1::Verdict::Trusted);
  EXPECT_EQ(show(bob_, credentials), vl1::Verdict::Ignored);
  EXPECT_EQ(counters().rate_limited, 1U);
}

TEST_F(Frames, credentials_of_unknown_signers_prove_nothing_yet) {
  LoneVl2 node(alice_, {bob_});  // has never heard of the controller
  node.vl2().join(node.now, network_, {}, {}, node.out);
  node.vl2().apply_own_config(node.now, network_, config(false).write(), node.out);
  NetworkCredentials credentials;
  credentials.memberships = {membership(bob_, kTime)};
  EXPECT_EQ(node.receive(bob_, Verb::NetworkCredentials, written(credentials)), vl1::Verdict::Done);
  node.out.clear();
  node.receive(bob_, Verb::Frame, written(Frame{network_, 0x0800, data_}));
  EXPECT_EQ(node.out.frames().size(), 0U);
}

TEST_F(Frames, an_older_configuration_is_not_played_back_by_others) {
  configure(config(true));
  NetworkConfig old = config(true);
  old.timestamp = kTime - 1;
  old.name = "old";
  const auto chunks = ConfigChunk::split(network_, old.write(), 77, controller_);
  node_.receive(bob_, Verb::NetworkConfig, chunks.at(0));
  EXPECT_EQ(node_.vl2().info(network_)->name, "");
  EXPECT_EQ(counters().stale_config, 1U);
  // The controller itself may: its clock may have been set back.
  const auto again = ConfigChunk::split(network_, old.write(), 78, controller_);
  node_.receive(controller_, Verb::NetworkConfig, again.at(0));
  EXPECT_EQ(node_.vl2().info(network_)->name, "old");
}

}  // namespace
}  // namespace ztshim::vl2
