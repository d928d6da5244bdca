// The rule engine against an obvious slow one, on random rule lists and frames; and a few cases
// that people get wrong (vl2 7.2).
#include "service/vl2/rule_engine.h"

#include <gtest/gtest.h>

#include <array>

#include "service/wire/managed_ip.h"
#include "tests/sim/identities.h"
#include "tests/sim/participant.h"
#include "tests/unit/vl2/rule_oracle.h"

namespace ztshim::vl2 {
namespace {

constexpr std::uint64_t kTime = 1'700'000'000'000;

class RandomWorld {
 public:
  explicit RandomWorld(std::uint64_t seed) : random_(seed) {
    const Identity controller = sim::identity(0);
    config_.network = NetworkId(controller.address().number() << 24 | 0x77);
    config_.timestamp = kTime;
    config_.credential_max_delta = 7'200'000;
    config_.issued_to = own_;
    config_.managed_addresses = {six_plane_address(config_.network, own_),
                                 rfc4193_address(config_.network, own_)};
    for (std::uint32_t id = 1; id <= 3; ++id) {
      Tag tag;
      tag.network = config_.network;
      tag.timestamp = kTime;
      tag.id = id;
      tag.value = id * 5;
      config_.tags.push_back(tag);
    }
    for (std::uint32_t id = 2; id <= 4; ++id) {
      Tag tag;
      tag.network = config_.network;
      tag.timestamp = id == 3 ? kTime - 8'000'000 : kTime;  // one is too old
      tag.id = id;
      tag.value = id * 6;
      tag.issued_to = peer_;
      tag.sign(controller);
      remote_.accept(tag, controller.address(), [&](Address) { return &controller; });
    }
    for (const Address holder : {own_, peer_}) {
      Ownership ownership;
      ownership.network = config_.network;
      ownership.timestamp = kTime;
      ownership.id = 1;
      ownership.things = {
          Ownership::Thing::of(IpAddress::v4(holder == own_ ? 0x0a010203U : 0x0a010204U)),
          Ownership::Thing::of(MacAddress::of_member(holder, config_.network))};
      ownership.issued_to = holder;
      ownership.sign(controller);
      if (holder == own_) {
        config_.ownerships.push_back(ownership);
      } else {
        remote_.accept(ownership, controller.address(), [&](Address) { return &controller; });
      }
    }
    // Capabilities with fixed random rules; of the other's, one is too old and one is revoked.
    for (const Address holder : {own_, peer_}) {
      for (std::uint32_t id = 1; id <= 4; ++id) {
        Capability capability;
        capability.network = config_.network;
        capability.timestamp = id == 2 ? kTime - 8'000'000 : kTime;
        capability.id = id;
        capability.rules = list(4);
        capability.sign(controller, holder);
        if (holder == own_) {
          config_.capabilities.push_back(capability);
        } else {
          remote_.accept(capability, controller.address(), [&](Address) { return &controller; });
        }
      }
    }
    Revocation revocation;
    revocation.network = config_.network;
    revocation.credential_id = 3;
    revocation.threshold = kTime;
    revocation.target = peer_;
    revocation.type = CredentialType::Capability;
    revocation.sign(controller);
    remote_.accept(revocation, controller.address(), [&](Address) { return &controller; });
  }

  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  bool chance(std::uint64_t in) { return below(in) == 0; }

  Address node() {
    const std::array<Address, 4> nodes{own_, peer_, Address(0xaff233e0d6), Address()};
    return nodes[below(nodes.size())];
  }

  Rule rule() {
    Rule rule;
    static constexpr std::array<int, 12> kActions{0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15};
    if (chance(3)) {
      rule.type = static_cast<RuleType>(kActions[below(kActions.size())]);
      const int type = static_cast<int>(rule.type);
      if (type >= 2 && type <= 4) {
        rule.operand = RuleForward{node(), 0, static_cast<std::uint16_t>(below(80))};
      }
      return rule;
    }
    int type = static_cast<int>(24 + below(28));
    if (chance(16)) type = static_cast<int>(chance(2) ? 16 + below(8) : 52 + below(12));  // unknown
    rule.type = static_cast<RuleType>(type);
    rule.negated = chance(3);
    rule.is_or = chance(3);
    rule.operand = operand(type);
    return rule;
  }

  RuleOperand operand(int type) {
    const auto small = [&](std::uint64_t n) { return static_cast<std::uint8_t>(below(n)); };
    const auto number = [&](std::uint64_t n) { return static_cast<std::uint16_t>(below(n)); };
    static constexpr std::array<std::uint16_t, 4> kTypes{0x0800, 0x86dd, 0x0806, 0x1234};
    static constexpr std::array<std::uint8_t, 8> kProtocols{1, 6, 17, 58, 0, 43, 132, 136};
    if (type < 24 || type > 51) return {};
    if (type == 43) return RuleProbability{static_cast<std::uint32_t>(random_.number())};
    if (type <= 25) return RuleNode{node()};
    if (type <= 28) return RuleNumber{number(2)};
    if (type <= 30) return RuleMac{mac()};
    if (type <= 32) {
      return RuleIp{IpAddress::v4(0x0a010200U + static_cast<std::uint32_t>(below(8))), small(33)};
    }
    if (type <= 34) {
      const IpAddress ip = v6_address();
      const auto bits = small(129);
      return RuleIp{chance(2) ? IpPrefix{ip, bits}.network() : ip, bits};
    }
    if (type == 35) return RuleTos{small(256), small(64), small(255)};
    if (type == 36) return RuleNumber{kProtocols[below(kProtocols.size())]};
    if (type == 37) return RuleNumber{kTypes[below(kTypes.size())]};
    if (type == 38) return RuleIcmp{small(9), small(2), small(2)};
    if (type <= 40) return RuleRange{number(30), number(60)};
    if (type == 41) return RuleCharacteristics{chance(2) ? 1ULL << below(64) : random_.number()};
    if (type == 42) return RuleRange{number(60), number(120)};
    if (type >= 44 && type <= 50) {
      return RuleTag{static_cast<std::uint32_t>(1 + below(5)),
                     static_cast<std::uint32_t>(below(20))};
    }
    if (type == 51) {
      return RuleInteger{below(64), static_cast<std::uint32_t>(below(70'000)), number(70),
                         small(256)};
    }
    return {};
  }

  Rules list(std::size_t max) {
    Rules rules;
    const std::size_t size = below(max + 1);
    for (std::size_t i = 0; i < size; ++i) rules.push_back(rule());
    return rules;
  }

  MacAddress mac() {
    switch (below(5)) {
      case 0:
        return MacAddress::of_member(own_, config_.network);
      case 1:
        return MacAddress::of_member(peer_, config_.network);
      case 2:
        return MacAddress::broadcast();
      case 3:
        return MacAddress(0x3333ff000001);
      default:
        return MacAddress(0x020102030405);
    }
  }

  IpAddress v6_address() {
    switch (below(4)) {
      case 0:
        return six_plane_address(config_.network, chance(2) ? own_ : peer_).ip;
      case 1:
        return rfc4193_address(config_.network, chance(2) ? own_ : peer_).ip;
      default:
        Bytes bytes(16, 0);
        bytes[0] = 0xfd;
        bytes[15] = static_cast<std::uint8_t>(below(4));
        return IpAddress::v6(bytes);
    }
  }

  // Mostly well-formed, cut anywhere.
  void frame() {
    payload_.clear();
    Writer out(payload_);
    static constexpr std::array<std::uint8_t, 8> kProtocols{1, 6, 17, 58, 0, 43, 60, 132};
    const auto protocol = kProtocols[below(kProtocols.size())];
    const std::uint64_t kind = below(4);
    std::uint16_t ether_type = 0x1234;
    if (kind == 0) {
      ether_type = 0x0800;
      out.be(static_cast<std::uint8_t>(0x40 + (chance(4) ? below(16) : 5)));
      out.be(static_cast<std::uint8_t>(below(64))).zeroes(7).be(protocol).zeroes(2);
      out.be(static_cast<std::uint32_t>(0x0a010200 + below(8)));
      out.be(static_cast<std::uint32_t>(0x0a010200 + below(8)));
    } else if (kind == 1) {
      ether_type = 0x86dd;
      out.be(static_cast<std::uint16_t>(0x6000 + below(0x1000))).zeroes(4).be(protocol).zeroes(1);
      out.bytes(v6_address().bytes()).bytes(v6_address().bytes());
      if (chance(2)) {
        static constexpr std::array<std::uint8_t, 4> kNd{0x87, 0x88, 0, 8};
        out.be(kNd[below(kNd.size())]);
      }
    } else if (kind == 2) {
      ether_type = 0x0806;
      out.zeroes(14).be(static_cast<std::uint32_t>(0x0a010200 + below(8))).zeroes(10);
    }
    const std::size_t more = below(70);
    for (std::size_t i = 0; i < more; ++i) {
      out.be(static_cast<std::uint8_t>(chance(2) ? below(4) : below(256)));
    }
    if (chance(5)) payload_.resize(below(payload_.size() + 1));
    frame_ = {mac(), mac(), ether_type, payload_};
  }

  void compare() {
    config_.rules = list(8);
    config_.flags = (chance(2) ? 8U : 0U) | (chance(2) ? 4U : 0U);
    for (int i = 0; i < 4; ++i) {
      frame();
      dice_.value = random_.number();
      const bool inbound = chance(2);
      const RuleInput input{.inbound = inbound,
                            .own = own_,
                            .source = inbound ? peer_ : own_,
                            .destination = inbound     ? own_
                                           : chance(3) ? Address()
                                                       : peer_,
                            .frame = frame_,
                            .config = config_,
                            .remote = chance(4) ? nullptr : &remote_,
                            .random = dice_};
      const FilterDecision fast = filter(input);
      const FilterDecision slow = slow_filter(input);
      ++seen_[static_cast<std::size_t>(slow.verdict)];
      copies_ += slow.copy_count;
      ASSERT_EQ(fast.verdict, slow.verdict) << describe(input);
      if (slow.verdict == FilterDecision::Verdict::Drop) continue;
      ASSERT_EQ(fast.redirect_to, slow.redirect_to) << describe(input);
      ASSERT_EQ(fast.copy_count, slow.copy_count) << describe(input);
      for (std::size_t n = 0; n < slow.copy_count; ++n) {
        ASSERT_EQ(fast.copies[n], slow.copies[n]) << describe(input);
      }
    }
  }
  std::string describe(const RuleInput& input) const {
    Bytes rules;
    Writer out(rules);
    write_rules(out, config_.rules);
    return std::string(input.inbound ? "inbound" : "outbound") + " rules " + to_hex(rules) +
           " frame " + to_hex(input.frame.ether_type, 4) + " " + to_hex(payload_);
  }

  std::array<std::size_t, 4> seen_{};
  std::size_t copies_ = 0;

 private:
  const Address own_{0x01bcd7b70e};
  const Address peer_{0x218959bafc};
  // Falls the same for both engines, as often as they throw it.
  class Dice final : public RandomSource {
   public:
    void fill(MutableBytes bytes) override {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(value >> (56 - 8 * (i % 8)));
      }
    }
    std::uint64_t value = 0;
  };

  sim::SeededRandom random_;
  Dice dice_;
  NetworkConfig config_;
  CredentialStore remote_;
  Bytes payload_;
  EthernetFrame frame_;
};

TEST(RuleEngine, agrees_with_the_obvious_slow_one_on_random_rules_and_frames) {
  RandomWorld world(7);
  for (int i = 0; i < 30'000; ++i) {
    SCOPED_TRACE("list " + std::to_string(i));
    world.compare();
    if (::testing::Test::HasFatalFailure()) return;
  }
  // The comparison means something only if all verdicts occur, and often.
  for (const std::size_t count : world.seen_) EXPECT_GT(count, 1'000U);
  EXPECT_GT(world.copies_, 1'000U);
}

class OneList : public ::testing::Test {
 protected:
  RuleResult result(Rules rules) {
    const EthernetFrame frame{MacAddress(2), MacAddress(1), 0x0800, payload_};
    return evaluate_rules(rules, {.inbound = false,
                                  .own = Address(1),
                                  .source = Address(1),
                                  .destination = Address(2),
                                  .frame = frame,
                                  .config = config_,
                                  .remote = nullptr,
                                  .random = random_})
        .result;
  }
  static Rule action(RuleType type, Address target = {}) {
    Rule rule;
    rule.type = type;
    if (target) rule.operand = RuleForward{target, 0, 0};
    return rule;
  }
  static Rule ether(std::uint16_t type, bool is_or = false) {
    Rule rule;
    rule.type = RuleType::EtherType;
    rule.is_or = is_or;
    rule.operand = RuleNumber{type};
    return rule;
  }
  const Rule accept_ = action(RuleType::ActionAccept);
  const Rule drop_ = action(RuleType::ActionDrop);
  Bytes payload_ = Bytes(20, 0x45);
  NetworkConfig config_;
  sim::SeededRandom random_{1};
};

TEST_F(OneList, that_is_empty_decides_nothing) { EXPECT_EQ(result({}), RuleResult::NoMatch); }

TEST_F(OneList, whose_first_match_carries_or_is_always_true) {
  EXPECT_EQ(result({ether(0x1234, true), accept_}), RuleResult::Accept);
}

TEST_F(OneList, combines_strictly_from_left_to_right) {
  // (false and …) or true
  EXPECT_EQ(result({ether(0x1234), ether(0x0800, true), accept_}), RuleResult::Accept);
  // (true or …) and false
  EXPECT_EQ(result({ether(0x0800), ether(0x1234, true), ether(0x1234), drop_, accept_}),
            RuleResult::Accept);
}

TEST_F(OneList, goes_on_with_the_bit_set_after_a_copy_was_ordered) {
  EXPECT_EQ(result({ether(0x0800), action(RuleType::ActionTee, Address(9)), drop_}),
            RuleResult::Drop);
}

}  // namespace
}  // namespace ztshim::vl2
