// Many networks with many members: what is read from the disk, when, and how often. Work is
// counted, not timed (docs/performance.md has times).
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "service/controller/controller.h"
#include "service/controller/json_values.h"
#include "service/controller/member.h"
#include "service/controller/network_definition.h"
#include "service/wire/messages/network_config_request.h"
#include "tests/sim/identities.h"
#include "tests/sim/participant.h"

namespace ztshim::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A disk that counts.
class CountingSource final : public RecordSource {
 public:
  std::vector<NetworkId> record_networks() const override {
    ++listings;
    std::vector<NetworkId> ids;
    for (const auto& [id, text] : networks) ids.push_back(id);
    return ids;
  }
  void read_network(NetworkId id, const Take& take) const override {
    ++network_reads;
    note(take(as_bytes(networks.at(id))));
  }
  void read_members(NetworkId id, const TakeMember& take) const override {
    ++member_listings;
    const auto found = members.find(id);
    if (found == members.end()) return;
    for (const auto& [address, text] : found->second) {
      ++member_reads;
      note(take(address, as_bytes(text)));
    }
  }

  std::map<NetworkId, std::string> networks;
  std::map<NetworkId, std::map<Address, std::string>> members;
  mutable int listings = 0, network_reads = 0, member_listings = 0, member_reads = 0;
  mutable std::vector<std::string> refused;

 private:
  void note(std::string why) const {
    if (!why.empty()) refused.push_back(std::move(why));
  }
};

class Loading : public ::testing::Test {
 protected:
  Loading() : vl2_(random_), controller_(random_) {
    vl1::Config config;
    config.identity = sim::identity(0);
    vl1_ = std::make_unique<vl1::Vl1>(std::move(config), random_, vl2_);
    controller_.attach(*vl1_, vl2_);
    vl2_.attach(*vl1_, &controller_);
  }
  NetworkId id(std::uint32_t number) const {
    return NetworkId(vl1_->address().number() << 24 | number);
  }
  void put_network(NetworkId id, bool is_private = false) {
    Json record = new_network_record(id, 1'000);
    record["revision"] = 1;
    record["private"] = is_private;
    source_.networks[id] = write_text(record);
  }
  void put_member(NetworkId id, Address address, const char* ip = nullptr) {
    Json record = new_member_record(id, address, 1'000);
    record["revision"] = 7;
    record["authorized"] = true;
    if (ip != nullptr) record["ipAssignments"].push_back(ip);
    source_.members[id][address] = write_text(record);
  }
  void ask(NetworkId network, const Identity& member) {
    RequestMetadata metadata;
    metadata.protocol = 12;
    metadata.version = {1, 14, 1};
    const Bytes bytes = metadata.write();
    controller_.on_config_request(
        now_, {network, member, PacketId(++packets_), bytes, std::nullopt}, out_);
    now_.time += Duration{2'000};
    now_.wall_ms += 2'000;
  }

  sim::SeededRandom random_{1};
  vl2::Vl2 vl2_;
  Controller controller_;
  std::unique_ptr<vl1::Vl1> vl1_;
  CountingSource source_;
  Now now_{Time{}, 1'700'000'000'000};
  Outbox out_;
  std::uint64_t packets_ = 0;
};

TEST_F(Loading, ten_thousand_networks_cost_one_listing_at_the_start) {
  for (std::uint32_t n = 1; n <= 10'000; ++n) put_network(id(n));
  controller_.set_records(source_);
  EXPECT_EQ(source_.listings, 1);
  EXPECT_EQ(source_.network_reads + source_.member_listings, 0);
  EXPECT_THAT(controller_.networks(), SizeIs(10'000));
  EXPECT_EQ(source_.network_reads, 0) << "their numbers are known from the names";
}

TEST_F(Loading, a_request_reads_its_network_once_and_no_other) {
  for (std::uint32_t n = 1; n <= 10'000; ++n) put_network(id(n));
  for (std::uint64_t m = 1; m <= 1'000; ++m) put_member(id(77), Address(0x1000000000 + m));
  controller_.set_records(source_);
  for (std::size_t i = 1; i <= 20; ++i) ask(id(77), sim::identity(i));
  EXPECT_EQ(source_.network_reads, 1);
  EXPECT_EQ(source_.member_listings, 1);
  EXPECT_EQ(source_.member_reads, 1'000);
  EXPECT_THAT(out_.stored(), SizeIs(20)) << "each new member's record, nothing else";
  EXPECT_THAT(controller_.members(id(77)), SizeIs(1'020));
}

TEST_F(Loading, requests_for_networks_that_are_not_there_read_nothing) {
  put_network(id(1));
  controller_.set_records(source_);
  for (std::size_t i = 1; i <= 20; ++i) ask(id(2), sim::identity(i));
  EXPECT_EQ(source_.network_reads + source_.member_listings, 0);
}

TEST_F(Loading, asking_whether_a_stranger_was_served_reads_nothing) {
  put_network(id(1));
  controller_.set_records(source_);
  EXPECT_FALSE(controller_.is_authorized(now_, id(1), Address(0x1000000001)));
  EXPECT_EQ(source_.network_reads, 0);
}

TEST_F(Loading, records_are_what_they_were) {
  put_network(id(1));
  put_member(id(1), Address(0x205a3384be), "10.1.2.3");
  controller_.set_records(source_);
  EXPECT_EQ(controller_.network_json(id(1)), source_.networks[id(1)]);
  EXPECT_EQ(controller_.member_json(id(1), Address(0x205a3384be)),
            source_.members[id(1)][Address(0x205a3384be)]);
  EXPECT_EQ(controller_.member_revisions_json(id(1)), R"({"205a3384be":7})");
  EXPECT_EQ(controller_.member_count(id(1)).authorized, 1U);
}

TEST_F(Loading, addresses_of_members_on_the_disk_are_taken) {
  put_network(id(1));
  const Identity asker = sim::identity(1);
  // The pool has one address, and a member that has not been heard of for years has it.
  Json record = Json::parse(source_.networks[id(1)]);
  record["routes"] = Json::parse(R"([{"target":"10.1.0.0/16","via":null}])");
  record["ipAssignmentPools"] =
      Json::parse(R"([{"ipRangeStart":"10.1.2.3","ipRangeEnd":"10.1.2.3"}])");
  record["v4AssignMode"] = Json::parse(R"({"zt":true})");
  source_.networks[id(1)] = write_text(record);
  put_member(id(1), Address(0x205a3384be), "10.1.2.3");
  controller_.set_records(source_);
  ask(id(1), asker);
  const Json member = Json::parse(*controller_.member_json(id(1), asker.address()));
  EXPECT_EQ(member["authorized"], true);
  EXPECT_THAT(member["ipAssignments"], IsEmpty());
}

TEST_F(Loading, a_damaged_network_is_refused_once_and_then_gone) {
  source_.networks[id(1)] = "{";
  source_.networks[id(2)] = R"({"id":"0123456789abcdef"})";
  controller_.set_records(source_);
  EXPECT_FALSE(controller_.network_json(id(1)));
  EXPECT_FALSE(controller_.network_json(id(1)));
  EXPECT_FALSE(controller_.has_network(id(2)));
  EXPECT_THAT(source_.refused,
              ElementsAre("not a JSON object", "field \"id\" is not " + id(2).text()));
  EXPECT_THAT(controller_.networks(), IsEmpty());
  EXPECT_EQ(source_.member_listings, 0);
}

TEST_F(Loading, a_damaged_member_costs_only_itself) {
  put_network(id(1));
  put_member(id(1), Address(0x205a3384be));
  source_.members[id(1)][Address(0x0000000001)] = "[]";
  source_.members[id(1)][Address(0x0000000002)] = source_.members[id(1)][Address(0x205a3384be)];
  controller_.set_records(source_);
  EXPECT_THAT(controller_.members(id(1)), ElementsAre(Address(0x205a3384be)));
  EXPECT_THAT(source_.refused, SizeIs(2));
}

TEST_F(Loading, a_network_can_be_deleted_that_nobody_has_looked_at) {
  put_network(id(1), true);
  put_member(id(1), Address(0x205a3384be));
  controller_.set_records(source_);
  EXPECT_TRUE(controller_.delete_network(now_, id(1), out_));
  ASSERT_THAT(out_.stored(), SizeIs(2));
  EXPECT_TRUE(out_.stored()[0].remove);
  EXPECT_TRUE(out_.stored()[1].remove);
  EXPECT_THAT(controller_.networks(), IsEmpty());
  EXPECT_FALSE(controller_.network_json(id(1))) << "and is not read again";
  EXPECT_EQ(source_.network_reads, 1);
}

TEST_F(Loading, unused_numbers_are_none_that_only_the_disk_knows) {
  for (std::uint32_t n = 1; n <= 200; ++n) put_network(id(n));
  controller_.set_records(source_);
  for (int i = 0; i < 200; ++i) {
    EXPECT_FALSE(source_.networks.contains(controller_.unused_network_id()));
  }
  EXPECT_EQ(source_.network_reads, 0);
}

}  // namespace
}  // namespace ztshim::controller
