#include "service/host/physical.h"

#include <gtest/gtest.h>

#include "service/host/random.h"

namespace ztshim::host {
namespace {

const IpAddress kLocal = *IpAddress::parse("127.0.0.1");
const Surroundings kLoopback{true, false};

// A node's sockets on this machine, without the world outside.
struct Site {
  explicit Site(Physical::Options options) {
    auto opened =
        Physical::open(std::move(options), random, *loop,
                       {[](const Arrival&, MutableBytes) {}, [] {}, [this] { ++changes; }});
    if (opened) {
      physical = std::move(*opened);
    } else {
      error = opened.error();
    }
  }
  static Physical::Options on_loopback(std::optional<std::uint16_t> port = std::nullopt) {
    Physical::Options options;
    options.settings.bind = {{kLocal, 0}};
    options.settings.primary_port = port;
    options.around = kLoopback;
    return options;
  }
  // Bound to an address of loopback that is not treated as such: with a secondary port.
  static Physical::Options with_secondary() {
    Physical::Options options;
    options.settings.bind = {{IpAddress::v4(0), 0}};
    return options;
  }
  std::uint16_t primary() const { return physical->chosen_ports().primary; }

  SystemRandom random;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::make({}));
  int changes = 0;
  std::string error;
  std::unique_ptr<Physical> physical;
};

TEST(Physical, TakesAnyPortOfTheRangeWhereNoneIsAskedFor) {
  const Site site(Site::on_loopback());
  ASSERT_TRUE(site.physical) << site.error;
  EXPECT_GE(site.primary(), 20000);
  EXPECT_LE(site.primary(), 65499);
  EXPECT_EQ(site.physical->primary_endpoints(), (std::vector<Endpoint>{{kLocal, site.primary()}}));
}

TEST(Physical, AnOccupiedPortThatWasAskedForIsAnErrorThatNamesIt) {
  const Site first(Site::on_loopback());
  const Site second(Site::on_loopback(first.primary()));
  EXPECT_FALSE(second.physical);
  EXPECT_NE(second.error.find(Endpoint{kLocal, first.primary()}.text()), std::string::npos)
      << second.error;
  EXPECT_NE(second.error.find("in use"), std::string::npos) << second.error;
}

TEST(Physical, ThePreferredPortIsTakenWhenItIsFreeAndAnyWillDo) {
  Physical::Options options = Site::on_loopback();
  {
    const Site before(options);
    options.preferred_port = before.primary();
  }
  const Site again(options);
  EXPECT_EQ(again.primary(), options.preferred_port);
  const Site another(options);
  EXPECT_NE(another.primary(), options.preferred_port);
}

TEST(Physical, AnAddressThisMachineLacksIsAnError) {
  Physical::Options options;
  options.settings.bind = {{*IpAddress::parse("192.0.2.1"), 0}};
  const Site site(options);
  EXPECT_NE(site.error.find("192.0.2.1"), std::string::npos) << site.error;
}

TEST(Physical, OfflineForTwoMinutesItTakesAnotherSecondaryPort) {
  Site site(Site::with_secondary());
  ASSERT_TRUE(site.physical) << site.error;
  const ChosenPorts before = site.physical->chosen_ports();
  ASSERT_NE(before.secondary, 0);
  const Time start = site.loop->now();
  site.physical->on_deadline(start + Duration(119'000));
  EXPECT_EQ(site.physical->chosen_ports(), before);
  const int changes = site.changes;
  site.physical->on_deadline(start + Duration(120'000));
  EXPECT_NE(site.physical->chosen_ports().secondary, before.secondary);
  EXPECT_EQ(site.physical->chosen_ports().primary, before.primary);
  EXPECT_GT(site.changes, changes);
  for (const Endpoint& bound : site.physical->ports().local_endpoints()) {
    EXPECT_NE(bound.port, before.secondary);
  }
}

TEST(Physical, OnlineItKeepsItsSecondaryPort) {
  Site site(Site::with_secondary());
  ASSERT_TRUE(site.physical) << site.error;
  const ChosenPorts before = site.physical->chosen_ports();
  const Time start = site.loop->now();
  site.physical->set_online(start + Duration(60'000), true);
  site.physical->on_deadline(start + Duration(900'000));
  EXPECT_EQ(site.physical->chosen_ports(), before);
  site.physical->set_online(start + Duration(900'000), false);
  site.physical->on_deadline(start + Duration(1'019'000));
  EXPECT_EQ(site.physical->chosen_ports(), before);
  site.physical->on_deadline(start + Duration(1'020'000));
  EXPECT_NE(site.physical->chosen_ports().secondary, before.secondary);
}

TEST(Physical, AfterSleepItTakesAnotherSecondaryPort) {
  Site site(Site::with_secondary());
  ASSERT_TRUE(site.physical) << site.error;
  const ChosenPorts before = site.physical->chosen_ports();
  site.physical->on_resume(site.loop->now());
  EXPECT_NE(site.physical->chosen_ports().secondary, before.secondary);
}

TEST(Physical, AConfiguredSecondaryPortStays) {
  Physical::Options options = Site::with_secondary();
  options.settings.secondary_port = Site(Site::on_loopback()).primary();
  Site site(options);
  ASSERT_TRUE(site.physical) << site.error;
  EXPECT_EQ(site.physical->chosen_ports().secondary, options.settings.secondary_port);
  site.physical->on_resume(site.loop->now());
  EXPECT_EQ(site.physical->chosen_ports().secondary, options.settings.secondary_port);
}

TEST(Physical, SettingsChangeTheSocketsOfARunningNode) {
  Site site(Site::with_secondary());
  ASSERT_TRUE(site.physical) << site.error;
  PhysicalSettings settings = site.physical->settings();
  settings.allow_secondary_port = false;
  site.physical->change(site.loop->now(), settings, {});
  for (const Endpoint& bound : site.physical->ports().local_endpoints()) {
    EXPECT_EQ(bound.port, site.primary());
  }
  const auto kept = site.physical->sockets();
  settings.bind = {{kLocal, 0}};
  site.physical->change(site.loop->now(), settings, {});
  EXPECT_EQ(site.physical->ports().local_endpoints(),
            (std::vector<Endpoint>{{kLocal, site.primary()}}));
  EXPECT_GT(site.physical->sockets().front().socket, kept.front().socket);
}

TEST(Physical, APlanetOnLoopbackBringsTheSocketsThere) {
  Site site({});
  ASSERT_TRUE(site.physical) << site.error;
  site.physical->set_surroundings(site.loop->now(), kLoopback);
  for (const Endpoint& bound : site.physical->ports().local_endpoints()) {
    EXPECT_TRUE(bound.ip.is_loopback()) << bound.text();
  }
  EXPECT_GT(site.physical->ports().count(), 0U);
}

}  // namespace
}  // namespace ztshim::host
