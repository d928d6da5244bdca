// Who is let in and who is not: by what a request leaves behind in the records. What is sent is
// looked at by the scenarios of whole nodes and by the recorded answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/controller/controller.h"
#include "service/controller/json_values.h"
#include "service/wire/messages/network_config_request.h"
#include "tests/sim/identities.h"
#include "tests/sim/participant.h"

namespace ztshim::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Deciding : public ::testing::Test {
 protected:
  Deciding() : vl2_(random_), controller_(random_) {
    vl1::Config config;
    config.identity = sim::identity(0);
    vl1_ = std::make_unique<vl1::Vl1>(std::move(config), random_, vl2_);
    controller_.attach(*vl1_, vl2_);
    vl2_.attach(*vl1_, &controller_);
    network_ = NetworkId(vl1_->address().number() << 24 | 0x77);
  }
  void make(const char* json) {
    ASSERT_TRUE(controller_.change_network(now_, network_, json, out_));
  }
  void ask(const Identity& member, const char* authorization = "", NetworkId network = {}) {
    RequestMetadata metadata;
    metadata.protocol = 12;
    metadata.version = {1, minor_version_, 1};
    metadata.authorization = authorization;
    const Bytes bytes = metadata.write();
    controller_.on_config_request(
        now_, {network ? network : network_, member, PacketId(++packets_), bytes, std::nullopt},
        out_);
  }
  Json member(const Identity& who) const {
    const auto text = controller_.member_json(network_, who.address());
    return text ? Json::parse(*text) : Json();
  }
  void wait(std::int64_t ms) {
    now_.time += Duration{ms};
    now_.wall_ms += ms;
  }

  sim::SeededRandom random_{1};
  vl2::Vl2 vl2_;
  Controller controller_;
  std::unique_ptr<vl1::Vl1> vl1_;
  NetworkId network_;
  Now now_{Time{}, 1'700'000'000'000};
  Outbox out_;
  std::uint64_t packets_ = 0;
  std::uint8_t minor_version_ = 14;
  const Identity alice_ = sim::identity(1);
  const Identity bob_ = sim::identity(2);
};

TEST_F(Deciding, on_a_public_network_everybody_is_authorised) {
  make(R"({"private":false})");
  ask(alice_);
  const Json record = member(alice_);
  EXPECT_EQ(record["authorized"], true);
  EXPECT_EQ(record["lastAuthorizedCredentialType"], "public");
  EXPECT_EQ(record["lastAuthorizedTime"], now_.wall_ms);
  EXPECT_EQ(record["identity"], alice_.text());
  EXPECT_EQ(record["vMajor"], 1);
  EXPECT_EQ(record["vMinor"], 14);
  EXPECT_EQ(record["vProto"], 12);
  EXPECT_TRUE(controller_.is_authorized(now_, network_, alice_.address()));
}

TEST_F(Deciding, on_a_private_network_a_stranger_leaves_a_record_and_stays_out) {
  make("{}");
  ask(alice_);
  EXPECT_EQ(member(alice_)["authorized"], false);
  EXPECT_EQ(member(alice_)["vMajor"], -1);
  EXPECT_FALSE(controller_.is_authorized(now_, network_, alice_.address()));
}

TEST_F(Deciding, whoever_was_let_in_stays_in_when_the_network_becomes_private) {
  make(R"({"private":false})");
  ask(alice_);
  make(R"({"private":true})");
  wait(2'000);
  ask(alice_);
  EXPECT_TRUE(controller_.is_authorized(now_, network_, alice_.address()));
  ask(bob_);
  EXPECT_EQ(member(bob_)["authorized"], false);
}

TEST_F(Deciding, the_right_token_lets_in_until_it_expires) {
  make(R"({"authTokens":{"forever":0,"soon":1700000005000}})");
  ask(alice_, "token:wrong");
  EXPECT_EQ(member(alice_)["authorized"], false);
  wait(2'000);
  ask(alice_, "token:soon");
  EXPECT_EQ(member(alice_)["authorized"], true);
  EXPECT_EQ(member(alice_)["lastAuthorizedCredentialType"], "token");
  EXPECT_EQ(member(alice_)["lastAuthorizedCredential"], "soon");
  wait(10'000);
  ask(bob_, "token:soon");
  EXPECT_EQ(member(bob_)["authorized"], false);
  wait(2'000);
  ask(bob_, "token:forever");
  EXPECT_EQ(member(bob_)["authorized"], true);
}

TEST_F(Deciding, no_token_works_where_none_is_set) {
  make("{}");
  for (const char* authorization : {"token:", "token:null", "forever"}) {
    ask(alice_, authorization);
    EXPECT_EQ(member(alice_)["authorized"], false) << authorization;
    wait(2'000);
  }
}

TEST_F(Deciding, another_identity_under_a_known_address_is_refused_and_changes_nothing) {
  make(R"({"private":false})");
  ask(alice_);
  const Json before = member(alice_);
  // The keys of another under alice's address.
  std::string text = bob_.text();
  text.replace(0, 10, alice_.address().text());
  const auto impostor = Identity::parse(text);
  ASSERT_TRUE(impostor);
  wait(2'000);
  ask(*impostor);
  EXPECT_EQ(member(alice_), before);
}

TEST_F(Deciding, requests_within_a_second_are_ignored) {
  make(R"({"private":false})");
  ask(alice_);
  minor_version_ = 15;
  wait(1'000);
  ask(alice_);
  EXPECT_EQ(member(alice_)["vMinor"], 14);
  wait(1);
  ask(alice_);
  EXPECT_EQ(member(alice_)["vMinor"], 15);
}

TEST_F(Deciding, networks_of_other_controllers_are_none_of_our_business) {
  const NetworkId foreign(bob_.address().number() << 24 | 1);
  ASSERT_TRUE(controller_.change_network(now_, foreign, R"({"private":false})", out_));
  ask(alice_, "", foreign);
  EXPECT_THAT(controller_.members(foreign), IsEmpty());
}

TEST_F(Deciding, defaults_of_tags_are_given_for_good_and_of_capabilities_to_the_new_only) {
  make(R"({"private":false,"tags":[{"id":7,"default":70}],
           "capabilities":[{"id":3,"default":true,"rules":[]}]})");
  controller_.change_member(now_, network_, bob_.address(), R"({"tags":[[7,1]]})", out_);
  ask(alice_);
  ask(bob_);
  EXPECT_EQ(member(alice_)["tags"], Json::parse("[[7,70]]"));
  EXPECT_EQ(member(alice_)["capabilities"], Json::parse("[3]"));
  EXPECT_EQ(member(bob_)["tags"], Json::parse("[[7,1]]"));
  EXPECT_EQ(member(bob_)["capabilities"], Json::array());
}

TEST_F(Deciding, an_address_given_to_one_is_not_given_to_another) {
  make(R"({"private":false,"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.0.0/16"}],
           "ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.3"}]})");
  ask(alice_);
  ask(bob_);
  ask(sim::identity(3));
  const auto first = member(alice_)["ipAssignments"];
  const auto second = member(bob_)["ipAssignments"];
  ASSERT_EQ(first.size(), 1U);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(first, second);
  EXPECT_EQ(member(sim::identity(3))["ipAssignments"].size(), 0U);
  // Freed by an administrator it can be given again.
  controller_.delete_member(now_, network_, alice_.address(), out_);
  wait(2'000);
  ask(sim::identity(3));
  EXPECT_EQ(member(sim::identity(3))["ipAssignments"], first);
}

TEST_F(Deciding, service_is_remembered_for_three_minutes) {
  make(R"({"private":false})");
  ask(alice_);
  wait(179'000);
  EXPECT_TRUE(controller_.is_authorized(now_, network_, alice_.address()));
  wait(1'000);
  EXPECT_FALSE(controller_.is_authorized(now_, network_, alice_.address()));
}

TEST_F(Deciding, a_member_that_was_forgotten_and_is_admitted_again_need_not_ask_first) {
  make("{}");
  const char* const admitted = R"({"authorized":true})";
  ASSERT_TRUE(controller_.change_member(now_, network_, alice_.address(), admitted, out_));
  ask(alice_);
  ASSERT_TRUE(controller_.delete_member(now_, network_, alice_.address(), out_));
  EXPECT_FALSE(controller_.is_authorized(now_, network_, alice_.address()));
  ASSERT_TRUE(controller_.change_member(now_, network_, alice_.address(), admitted, out_));
  EXPECT_TRUE(controller_.is_authorized(now_, network_, alice_.address())) << "it was pushed";
  EXPECT_EQ(member(alice_)["identity"], alice_.text());
  // Who has not been heard for two minutes is offline.
  ASSERT_TRUE(controller_.delete_member(now_, network_, alice_.address(), out_));
  wait(120'000);
  ASSERT_TRUE(controller_.change_member(now_, network_, alice_.address(), admitted, out_));
  EXPECT_FALSE(controller_.is_authorized(now_, network_, alice_.address()));
}

TEST_F(Deciding, a_deleted_network_takes_its_members_with_it) {
  make(R"({"private":false})");
  ask(alice_);
  EXPECT_TRUE(controller_.delete_network(now_, network_, out_));
  EXPECT_FALSE(controller_.network_json(network_));
  EXPECT_FALSE(controller_.member_json(network_, alice_.address()));
  EXPECT_FALSE(controller_.delete_network(now_, network_, out_));
  EXPECT_THAT(controller_.networks(), IsEmpty());
}

TEST_F(Deciding, texts_that_are_no_records_are_refused_with_the_reason) {
  EXPECT_FALSE(controller_.change_network(now_, network_, "[]", out_));
  EXPECT_FALSE(controller_.change_member(now_, network_, alice_.address(), "{}", out_));
}

TEST_F(Deciding, unused_numbers_are_never_zero_and_never_used) {
  for (int i = 0; i < 100; ++i) {
    const NetworkId id = controller_.unused_network_id();
    EXPECT_EQ(id.controller(), vl1_->address());
    EXPECT_NE(id.number() & 0xffffff, 0U);
    EXPECT_FALSE(controller_.network_json(id));
    ASSERT_TRUE(controller_.change_network(now_, id, "{}", out_));
  }
  EXPECT_EQ(controller_.networks().size(), 100U);
}

TEST_F(Deciding, ten_thousand_networks_do_not_slow_a_request_down) {
  for (std::uint64_t n = 1; n <= 10'000; ++n) {
    const NetworkId id(vl1_->address().number() << 24 | n);
    ASSERT_TRUE(controller_.change_network(now_, id, R"({"private":false})", out_));
  }
  out_.clear();
  ask(alice_);
  // One record changed, so one file is written; nothing else was touched.
  ASSERT_EQ(out_.stored().size(), 1U);
  EXPECT_EQ(out_.stored()[0].owner, network_.number());
}

}  // namespace
}  // namespace ztshim::controller
