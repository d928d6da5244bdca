#include "service/host/state_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ctime>

#include "service/host/local_settings.h"
#include "service/host/random.h"
#include "tests/unit/host/temporary_folder.h"

namespace ztshim::host {
namespace {

namespace fs = std::filesystem;

// "alice" of tests/vectors/identity.json: published, so a secret to nobody.
constexpr const char* kAlice =
    "01bcd7b70e:0:"
    "3ab9ed2c1fdeab7156ba1df0c26770a312b19641ecf2307031ed0cc0d25fb305ad1397d2c68114b293"
    "b29161ac0ae67c79ecfeac6d03a31c94dc5c563a445a05:"
    "8ed201e77538356035861a76e0d167c681d2f43290b9fe37"
    "0751d6554c2e9dd6f4f64a4339328ed05f315d70a7284d8aab3d331560b3ca30eb6a9acb06468580";

Identity alice() { return *Identity::parse(kAlice); }

World planet_of(const Identity& root, std::uint64_t timestamp) {
  return World::make(WorldType::Planet, 4711, timestamp,
                     {{root, {{IpAddress::v4(0x7f000001), 9993}}}}, root);
}

class StateStoreTest : public testing::Test {
 protected:
  std::string home(const std::string& name) const { return folder_ / ("home/" + name); }
  void put_world(const std::string& path, const World& world) const {
    put(path, std::string(as_text(world.bytes())));
  }

  TemporaryFolder folder_;
  SystemRandom random_;
  StateStore store_{std::move(*HomeFiles::open(folder_ / "home"))};
};

// ---- identity

TEST_F(StateStoreTest, AnIdentityIsKeptSecretAndComesBack) {
  ASSERT_TRUE(store_.save_identity(alice()));
  EXPECT_EQ(mode_of(home("identity.secret")), 0600U);
  EXPECT_EQ(content_of(home("identity.public")), alice().text());
  const auto loaded = store_.load_or_make_identity(random_);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(*loaded, alice());
  EXPECT_TRUE(loaded->has_secret());
}

TEST_F(StateStoreTest, ThePublicFileIsBroughtBackInStep) {
  put(home("identity.secret"), std::string(kAlice) + "\n");
  put(home("identity.public"), "something else");
  ASSERT_TRUE(store_.load_or_make_identity(random_));
  EXPECT_EQ(content_of(home("identity.public")), alice().text());
}

TEST_F(StateStoreTest, ADamagedIdentityIsSetAsideAndReported) {
  const std::string broken = std::string(kAlice).substr(0, 100);
  put(home("identity.secret"), broken);
  const auto loaded = store_.load_or_make_identity(random_);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().find("identity.secret.damaged"), std::string::npos) << loaded.error();
  EXPECT_EQ(loaded.error().find(broken.substr(0, 20)), std::string::npos) << "key material";
  EXPECT_EQ(content_of(home("identity.secret.damaged")), broken);
  EXPECT_FALSE(fs::exists(home("identity.secret")));
}

TEST_F(StateStoreTest, AnIdentityWhoseAddressWasChangedIsRefused) {
  put(home("identity.secret"), "01bcd7b70f" + std::string(kAlice).substr(10));
  EXPECT_FALSE(store_.load_identity());
}

// ---- planet

TEST_F(StateStoreTest, WithoutAnyPlanetTheBuiltInOneIsUsed) {
  const auto planet = store_.choose_planet("");
  ASSERT_TRUE(planet);
  EXPECT_EQ(planet->id, World::kPublicPlanetId);
}

TEST_F(StateStoreTest, ThePlanetOfTheHomeReplacesTheBuiltInOne) {
  put_world(home("planet"), planet_of(alice(), 1000));
  const auto planet = store_.choose_planet("");
  ASSERT_TRUE(planet) << planet.error();
  EXPECT_EQ(planet->id, 4711U);
}

TEST_F(StateStoreTest, AGivenPlanetComesFirstUnlessTheHomeHasANewerRevisionOfIt) {
  put_world(folder_ / "given", planet_of(alice(), 1000));
  put_world(home("planet"), World::default_planet());
  EXPECT_EQ(store_.choose_planet(folder_ / "given")->id, 4711U);
  put_world(home("planet"), planet_of(alice(), 2000));
  EXPECT_EQ(store_.choose_planet(folder_ / "given")->timestamp, 2000U);
  put_world(home("planet"), planet_of(alice(), 500));
  EXPECT_EQ(store_.choose_planet(folder_ / "given")->timestamp, 1000U);
}

TEST_F(StateStoreTest, AMissingOrWrongGivenPlanetIsAnErrorThatNamesIt) {
  const auto missing = store_.choose_planet(folder_ / "nowhere");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find(folder_ / "nowhere"), std::string::npos);
  put(folder_ / "text", "not a world");
  const auto wrong = store_.choose_planet(folder_ / "text");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(content_of(folder_ / "text"), "not a world") << "not ours to move";
}

// A private node must not turn to the public roots because of a bad disk.
TEST_F(StateStoreTest, ADamagedPlanetIsSetAsideAndNotSilentlyReplaced) {
  put(home("planet"), "rubbish");
  const auto planet = store_.choose_planet("");
  ASSERT_FALSE(planet);
  EXPECT_EQ(content_of(home("planet.damaged")), "rubbish");
}

// ---- port

TEST_F(StateStoreTest, ThePortOfTheLastRunIsRemembered) {
  EXPECT_EQ(store_.load_port(), 0);
  ASSERT_TRUE(store_.save_port(23456));
  EXPECT_EQ(content_of(home("zerotier-one.port")), "23456");
  EXPECT_EQ(store_.load_port(), 23456);
  put(home("zerotier-one.port"), "nonsense");
  EXPECT_EQ(store_.load_port(), 0);
}

// ---- networks

TEST_F(StateStoreTest, JoiningIsAFileAndLeavingRemovesIt) {
  const NetworkId id(0x8056c2e21c000001);
  ASSERT_TRUE(store_.add_network(id));
  EXPECT_EQ(content_of(home("networks.d/8056c2e21c000001.conf")), "\n");
  ASSERT_TRUE(store_.apply({StoredKind::NetworkConfig, id.number(), 0, false, {'n', '=', 'x'}}));
  ASSERT_TRUE(store_.add_network(id)) << "joining again";
  auto networks = store_.load_networks();
  ASSERT_EQ(networks.size(), 1U);
  EXPECT_EQ(networks[0].id, id);
  EXPECT_EQ(as_text(networks[0].config), "n=x") << "the configuration survives joining again";
  EXPECT_EQ(mode_of(home("networks.d/8056c2e21c000001.conf")), 0600U);

  vl2::LocalSettings settings;
  settings.allow_global = true;
  ASSERT_TRUE(store_.save_settings(id, settings));
  EXPECT_TRUE(store_.load_networks()[0].settings.allow_global);
  store_.remove_network(id);
  EXPECT_TRUE(store_.load_networks().empty());
  EXPECT_FALSE(fs::exists(home("networks.d/8056c2e21c000001.local.conf")));
}

TEST_F(StateStoreTest, FilesThatAreNoNetworksAreSkipped) {
  for (const char* name :
       {"readme", "8056c2e21c00000.conf", "8056c2e21c00000g.conf", "8056c2e21c000001.local.conf"}) {
    put(home(std::string("networks.d/") + name), "");
  }
  EXPECT_TRUE(store_.load_networks().empty());
}

TEST(LocalSettings, FlagsAndRangesRoundTrip) {
  vl2::LocalSettings settings;
  settings.allow_dns = true;
  settings.managed_within = {*IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("fd00::/16")};
  const std::string text = format_local_settings(settings);
  EXPECT_EQ(text, "allowManaged=10.0.0.0/8,fd00::/16\nallowGlobal=0\nallowDefault=0\nallowDNS=1\n");
  const auto parsed = parse_local_settings(as_bytes(text));
  EXPECT_TRUE(parsed.allow_dns);
  EXPECT_TRUE(parsed.allow_managed);
  EXPECT_EQ(parsed.managed_within, settings.managed_within);
}

TEST(LocalSettings, AnAssignmentChangesOneSettingAndUnknownKeysNone) {
  vl2::LocalSettings settings;
  EXPECT_TRUE(apply_local_setting(settings, "allowDefault=1"));
  EXPECT_TRUE(apply_local_setting(settings, "allowManaged=false"));
  EXPECT_TRUE(settings.allow_default);
  EXPECT_FALSE(settings.allow_managed);
  EXPECT_FALSE(apply_local_setting(settings, "allowAll=1"));
  EXPECT_FALSE(apply_local_setting(settings, "allowGlobal"));
  EXPECT_FALSE(settings.allow_global);
}

TEST(LocalSettings, OneUnknownAssignmentAmongGoodOnesChangesNothing) {
  vl2::LocalSettings settings;
  const auto refused =
      apply_local_settings(settings, {"allowDNS=1", "allowAll=1", "allowManaged=0"});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("\"allowAll=1\""), std::string::npos) << refused.error();
  EXPECT_FALSE(settings.allow_dns);
  EXPECT_TRUE(settings.allow_managed);
  EXPECT_TRUE(apply_local_settings(settings, {"allowDNS=1", "allowManaged=0"}));
  EXPECT_TRUE(settings.allow_dns);
  EXPECT_FALSE(settings.allow_managed);
}

TEST(LocalSettings, AnUnreadableListAdmitsNothing) {
  EXPECT_FALSE(parse_local_settings(as_bytes("allowManaged=nonsense\n")).allow_managed);
  EXPECT_TRUE(parse_local_settings(as_bytes("")).allow_managed);
}

// ---- moons, peers, controller

TEST_F(StateStoreTest, MoonsAreLoadedAndFalseOnesSetAside) {
  const World moon = World::make(WorldType::Moon, 0x01bcd7b70e, 1, {{alice(), {}}}, alice());
  ASSERT_TRUE(store_.apply({StoredKind::Moon, moon.id, 0, false, moon.bytes()}));
  put(home("moons.d/0000000000000001.moon"), "not a moon");
  const auto moons = store_.load_moons();
  ASSERT_EQ(moons.size(), 1U);
  EXPECT_EQ(moons[0], moon);
  EXPECT_TRUE(fs::exists(home("moons.d/0000000000000001.moon.damaged")));
}

TEST_F(StateStoreTest, PeersComeBackAsTheyWereStored) {
  ASSERT_TRUE(store_.apply({StoredKind::Peer, 0x01bcd7b70e, 0, false, {2, 3, 4}}));
  EXPECT_EQ(store_.load_peers(), (std::vector<Bytes>{{2, 3, 4}}));
  ASSERT_TRUE(store_.apply({StoredKind::Peer, 0x01bcd7b70e, 0, true, {}}));
  EXPECT_TRUE(store_.load_peers().empty());
}

TEST_F(StateStoreTest, ControllerRecordsComeBackAndDamagedOnesAreSetAside) {
  const auto store = [&](StoredKind kind, std::uint64_t key, const std::string& json) {
    return store_.apply({kind, key, 0x8056c2e21c000001, false, to_bytes(as_bytes(json))});
  };
  const std::string network = R"({"id":"8056c2e21c000001"})";
  const std::string member = R"({"id":"01bcd7b70e"})";
  ASSERT_TRUE(store(StoredKind::ControllerNetwork, 0x8056c2e21c000001, network));
  ASSERT_TRUE(store(StoredKind::ControllerMember, 0x01bcd7b70e, member));
  const std::string folder = home("controller.d/network/8056c2e21c000001/member/");
  put(folder + "0000000001.json", "{\"id\":");
  put(folder + "0000000002.json", member);  // somebody else's record

  const NetworkId id(0x8056c2e21c000001);
  ASSERT_EQ(store_.record_networks(), std::vector<NetworkId>{id});
  std::string found;
  store_.read_network(id, [&](ByteView content) {
    found = as_text(content);
    return std::string();
  });
  EXPECT_EQ(found, network);
  std::vector<std::pair<Address, std::string>> members;
  store_.read_members(id, [&](Address address, ByteView content) {
    members.emplace_back(address, as_text(content));
    return address == Address(0x01bcd7b70e) ? std::string() : std::string("not what it should be");
  });
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[2], std::pair(Address(0x01bcd7b70e), member));
  EXPECT_TRUE(fs::exists(folder + "0000000001.json.damaged"));
  EXPECT_TRUE(fs::exists(folder + "0000000002.json.damaged"));

  ASSERT_TRUE(store_.apply({StoredKind::ControllerNetwork, 0x8056c2e21c000001, 0, true, {}}));
  EXPECT_FALSE(fs::exists(home("controller.d/network/8056c2e21c000001")));
  EXPECT_TRUE(store_.record_networks().empty());
}

TEST_F(StateStoreTest, ACollidingIdentityIsKeptAndReplaced) {
  put(home("identity.secret"), kAlice);
  const auto replaced = store_.replace_identity(random_);
  ASSERT_TRUE(replaced) << replaced.error();
  EXPECT_NE(replaced->address(), alice().address());
  EXPECT_EQ(content_of(home("identity.secret.saved_after_collision")), kAlice);
  EXPECT_EQ(mode_of(home("identity.secret.saved_after_collision")), 0600U);
  const auto loaded = store_.load_identity();
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->address(), replaced->address());
  EXPECT_EQ(content_of(home("identity.public")), replaced->text());
}

TEST_F(StateStoreTest, PeersThatWereNotSeenForAMonthAreForgotten) {
  const std::string old = home("peers.d/01bcd7b70e.peer"), fresh = home("peers.d/01bcd7b70f.peer");
  put(old, "record");
  put(fresh, "record");
  constexpr std::int64_t kDay = 24 * 3600;
  const std::int64_t now = time(nullptr);
  const auto age = [](const std::string& path, std::int64_t seconds) {
    const timespec times[2]{{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  };
  age(old, now - 31 * kDay);
  age(fresh, now - 29 * kDay);
  store_.remove_old_peers(now * 1000);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh));
  // Written again as it is, it counts as seen.
  const std::string text = "record";
  ASSERT_TRUE(store_.apply({StoredKind::Peer, 0x01bcd7b70f, 0, false, to_bytes(as_bytes(text))}));
  store_.remove_old_peers((now + 2 * kDay) * 1000);
  EXPECT_TRUE(fs::exists(fresh));
}

}  // namespace
}  // namespace ztshim::host
