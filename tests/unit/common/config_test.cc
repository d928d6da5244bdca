#include "common/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

namespace ztshim {
namespace {

using Environment = std::map<std::string, std::string>;

Config::Lookup lookup_in(const Environment& environment) {
  return [&environment](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
}

Result<Config, std::string> parse(Environment environment, bool is_root = false) {
  environment.emplace("HOME", "/home/user");
  return Config::parse(lookup_in(environment), is_root, "/place");
}

TEST(Config, HasTheDocumentedDefaults) {
  const auto config = parse({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->home, "/home/user/.local/state/ztshim");
  EXPECT_TRUE(config->networks.empty());
  EXPECT_EQ(config->port, 0);
  EXPECT_EQ(config->egress, Egress::Split);
  EXPECT_EQ(config->listen, ListenOn::Virtual);
  EXPECT_EQ(config->loopback, Loopback::Host);
  EXPECT_EQ(config->wait, std::chrono::seconds(30));
  EXPECT_EQ(config->planet, "");
  EXPECT_EQ(config->log_file, "");
  EXPECT_FALSE(config->disabled);
}

TEST(Config, ChoosesTheHomeByUserAndEnvironment) {
  EXPECT_EQ(parse({}, true)->home, "/var/lib/ztshim");
  EXPECT_EQ(parse({{"XDG_STATE_HOME", "/state"}})->home, "/state/ztshim");
  EXPECT_EQ(parse({{"XDG_STATE_HOME", "relative"}})->home, "/home/user/.local/state/ztshim");
  EXPECT_EQ(parse({{"ZTSHIM_HOME", "/a/b/"}}, true)->home, "/a/b");
  EXPECT_EQ(parse({{"ZTSHIM_HOME", "b"}})->home, "/place/b");
  EXPECT_EQ(parse({{"ZTSHIM_HOME", "/"}})->home, "/");
  EXPECT_EQ(parse({{"ZTSHIM_HOME", ""}})->home, "/home/user/.local/state/ztshim");
  const auto homeless = Config::parse([](const char*) { return nullptr; }, false, "/");
  ASSERT_FALSE(homeless);
  EXPECT_NE(homeless.error().find("ZTSHIM_HOME"), std::string::npos);
}

TEST(Config, ReadsEveryVariable) {
  const auto config = parse({{"ZTSHIM_NETWORK", "8056c2e21c000001"},
                             {"ZTSHIM_PLANET", "world"},
                             {"ZTSHIM_PORT", "9993"},
                             {"ZTSHIM_EGRESS", "virtual"},
                             {"ZTSHIM_LISTEN", "both"},
                             {"ZTSHIM_LOOPBACK", "virtual"},
                             {"ZTSHIM_WAIT", "0"},
                             {"ZTSHIM_LOG", "vl1=debug,shim=trace"},
                             {"ZTSHIM_LOG_FILE", "/tmp/log"},
                             {"ZTSHIM_CAPTURE", "frames.pcap"}});
  ASSERT_TRUE(config) << config.error();
  ASSERT_EQ(config->networks.size(), 1u);
  EXPECT_EQ(config->networks[0].id, 0x8056c2e21c000001u);
  EXPECT_EQ(config->planet, "/place/world");
  EXPECT_EQ(config->port, 9993);
  EXPECT_EQ(config->egress, Egress::Virtual);
  EXPECT_EQ(config->listen, ListenOn::Both);
  EXPECT_EQ(config->loopback, Loopback::Virtual);
  EXPECT_EQ(config->wait, Duration::zero());
  EXPECT_EQ(config->log, "vl1=debug,shim=trace");
  EXPECT_EQ(config->log_file, "/tmp/log");
  EXPECT_EQ(config->capture, "/place/frames.pcap");
}

TEST(Config, TakesSeveralNetworksWithSettings) {
  const auto config = parse(
      {{"ZTSHIM_NETWORK",
        "8056C2E21C000001:allowManaged=1:allowDefault=0,,a0cbf4b62a000002,8056c2e21c000001,"}});
  ASSERT_TRUE(config) << config.error();
  ASSERT_EQ(config->networks.size(), 2u);
  EXPECT_EQ(config->networks[0].settings,
            (std::vector<std::string>{"allowManaged=1", "allowDefault=0"}));
  EXPECT_EQ(config->networks[1].id, 0xa0cbf4b62a000002u);
}

struct Wrong {
  const char* variable;
  const char* value;
  const char* allowed;
};
class WrongValue : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongValue, IsNamedInOneLineWithWhatIsAllowed) {
  const auto config = parse({{GetParam().variable, GetParam().value}});
  ASSERT_FALSE(config) << GetParam().variable << "=" << GetParam().value;
  const std::string& line = config.error();
  EXPECT_NE(line.find(GetParam().variable), std::string::npos) << line;
  EXPECT_NE(line.find(GetParam().value), std::string::npos) << line;
  EXPECT_NE(line.find(GetParam().allowed), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}
INSTANTIATE_TEST_SUITE_P(
    Each, WrongValue,
    ::testing::Values(
        Wrong{"ZTSHIM_NETWORK", "8056c2e21c00001", "16 hexadecimal"},
        Wrong{"ZTSHIM_NETWORK", "0000000000000000", "16 hexadecimal"},
        Wrong{"ZTSHIM_NETWORK", "8056c2e21c00000g", "16 hexadecimal"},
        Wrong{"ZTSHIM_NETWORK", "8056c2e21c000001:auto", "16 hexadecimal"},
        Wrong{"ZTSHIM_PORT", "65536", "65535"}, Wrong{"ZTSHIM_PORT", "-1", "65535"},
        Wrong{"ZTSHIM_PORT", "9993x", "65535"}, Wrong{"ZTSHIM_EGRESS", "host", "split, virtual"},
        Wrong{"ZTSHIM_LISTEN", "all", "virtual, host, both"},
        Wrong{"ZTSHIM_LOOPBACK", "yes", "host, virtual"}, Wrong{"ZTSHIM_WAIT", "1.5", "seconds"},
        Wrong{"ZTSHIM_WAIT", "86401", "seconds"}, Wrong{"ZTSHIM_LOG", "loud", "debug"},
        Wrong{"ZTSHIM_LOG", "nowhere=debug", "debug"}, Wrong{"ZTSHIM_DISABLE", "yes", "1"}));

TEST(Config, IsNotReadFurtherWhenSwitchedOff) {
  const auto config = parse({{"ZTSHIM_DISABLE", "1"}, {"ZTSHIM_PORT", "nonsense"}});
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->disabled);
}

TEST(Config, StillKnowsThatNothingMayLeakWhenTheRestIsWrong) {
  EXPECT_EQ(Config::egress_or_split(lookup_in({{"ZTSHIM_EGRESS", "virtual"}})), Egress::Virtual);
  EXPECT_EQ(Config::egress_or_split(lookup_in({{"ZTSHIM_EGRESS", "Virtual"}})), Egress::Split);
  EXPECT_EQ(Config::egress_or_split(lookup_in({})), Egress::Split);
}

TEST(Config, AVirtualLoopbackIsEnoughToBeWanted) {
  Config config;
  config.home = "/nowhere";
  EXPECT_FALSE(config.is_wanted());
  config.loopback = Loopback::Virtual;
  EXPECT_TRUE(config.is_wanted());
  config = {};
  config.networks = {{1, {}}};
  EXPECT_TRUE(config.is_wanted());
}

TEST(Config, FindsNetworksInTheHome) {
  std::string home = "/tmp/ztshim-config-XXXXXX";
  ASSERT_NE(mkdtemp(home.data()), nullptr);
  Config config;
  config.home = home;
  EXPECT_FALSE(config.has_network());
  const std::string folder = home + "/networks.d";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  const std::string settings_only = folder + "/8056c2e21c000001.local.conf";
  std::ofstream(settings_only) << "allowManaged=1\n";
  EXPECT_FALSE(config.has_network());
  const std::string network = folder + "/8056c2e21c000001.conf";
  std::ofstream{network}.flush();
  EXPECT_TRUE(config.has_network());
  unlink(settings_only.c_str());
  unlink(network.c_str());
  rmdir(folder.c_str());
  rmdir(home.c_str());
  config.networks = {{1, {}}};
  EXPECT_TRUE(config.has_network());
}

}  // namespace
}  // namespace ztshim
