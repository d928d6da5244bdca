#include "service/host/local_conf.h"

#include <gtest/gtest.h>

#include "tests/unit/host/temporary_folder.h"

namespace ztshim::host {
namespace {

using Mode = vl1::TcpFallback::Mode;

LocalConf parsed(const std::string& text) {
  const auto conf = parse_local_conf(as_bytes(text));
  EXPECT_TRUE(conf) << conf.error();
  return conf.value_or(LocalConf{});
}

TEST(LocalConf, EveryKeyThatMeansSomethingArrives) {
  const LocalConf conf = parsed(R"({
    "physical": {
      "10.0.0.0/8": {"blacklist": true},
      "192.168.1.0/24": {"trustedPathId": 4711, "mtu": 2800}
    },
    "virtual": {
      "01bcd7b70e": {"try": ["192.0.2.1/9993", "2001:db8::1/9993"], "blacklist": ["172.16.0.0/12"]}
    },
    "settings": {
      "primaryPort": 9994, "secondaryPort": 20001, "tertiaryPort": 20002,
      "allowSecondaryPort": false, "portMappingEnabled": false,
      "bind": ["192.168.1.5", "fd00::5"], "interfacePrefixBlacklist": ["docker"],
      "allowManagementFrom": ["192.168.1.0/24"], "lowBandwidthMode": true,
      "allowTcpFallbackRelay": true, "tcpFallbackRelay": "192.0.2.9/443"
    }
  })");
  ASSERT_EQ(conf.vl1.physical.size(), 2U);
  EXPECT_EQ(conf.vl1.physical[0].network.text(), "10.0.0.0/8");
  EXPECT_TRUE(conf.vl1.physical[0].blacklisted);
  EXPECT_EQ(conf.vl1.physical[1].trusted_path, 4711U);
  EXPECT_EQ(conf.vl1.physical[1].mtu, 2800U);
  const vl1::PeerSettings& peer = conf.vl1.peers.at(*Address::parse("01bcd7b70e"));
  ASSERT_EQ(peer.hints.size(), 2U);
  EXPECT_EQ(peer.hints[1].text(), "[2001:db8::1]:9993");
  EXPECT_EQ(peer.blacklist.at(0).text(), "172.16.0.0/12");
  EXPECT_TRUE(conf.vl1.low_bandwidth);
  EXPECT_EQ(conf.physical.primary_port, 9994);
  EXPECT_EQ(conf.physical.secondary_port, 20001);
  EXPECT_EQ(conf.physical.tertiary_port, 20002);
  EXPECT_FALSE(conf.physical.allow_secondary_port);
  EXPECT_FALSE(conf.physical.map_ports);
  ASSERT_EQ(conf.physical.bind.size(), 2U);
  EXPECT_EQ(conf.physical.bind[1].ip.text(), "fd00::5");
  EXPECT_EQ(conf.physical.excluded_interfaces, std::vector<std::string>{"docker"});
  ASSERT_EQ(conf.physical.excluded_networks.size(), 1U);  // local addresses there as well
  EXPECT_EQ(conf.allow_management_from.at(0).text(), "192.168.1.0/24");
  EXPECT_EQ(conf.tcp_fallback.mode, Mode::WhenNeeded);
  EXPECT_EQ(conf.tcp_fallback.relay.text(), "192.0.2.9:443");
  EXPECT_TRUE(conf.unknown.empty());
  EXPECT_TRUE(conf.meaningless.empty());
}

TEST(LocalConf, WithoutAFileTheDefaultsHold) {
  for (const char* text : {"", " \n", "{}", R"({"settings": {}})"}) {
    const LocalConf conf = parsed(text);
    EXPECT_EQ(conf.physical, PhysicalSettings{});
    EXPECT_TRUE(conf.physical.allow_secondary_port);
    EXPECT_TRUE(conf.physical.map_ports);
    EXPECT_FALSE(conf.physical.primary_port);
    EXPECT_EQ(conf.tcp_fallback.mode, Mode::Off);
    EXPECT_FALSE(conf.vl1.low_bandwidth);
  }
}

TEST(LocalConf, TheTcpRelayIsUsedOnlyWhenAskedFor) {
  EXPECT_EQ(parsed(R"({"settings":{"allowTcpFallbackRelay":false}})").tcp_fallback.mode, Mode::Off);
  EXPECT_EQ(parsed(R"({"settings":{"forceTcpRelay":true}})").tcp_fallback.mode, Mode::Forced);
  EXPECT_EQ(parsed(R"({"settings":{"forceTcpRelay":true}})").tcp_fallback.relay,
            vl1::TcpFallback::default_relay());
}

TEST(LocalConf, KeysOfGenuineNodesWithoutMeaningHereAreToldApartFromUnknownOnes) {
  const LocalConf conf = parsed(R"({"settings": {"softwareUpdate": "apply", "concurrency": 2,
      "primaryport": 9993}, "extra": 1, "physical": {"10.0.0.0/8": {"black": true}}})");
  EXPECT_EQ(conf.meaningless,
            (std::vector<std::string>{"settings.concurrency", "settings.softwareUpdate"}));
  EXPECT_EQ(conf.unknown, (std::vector<std::string>{"extra", "physical.\"10.0.0.0/8\".black",
                                                    "settings.primaryport"}));
}

struct Wrong {
  const char* name;
  const char* text;
  const char* says;  // part of the sentence: which key
};
class LocalConfRefuses : public testing::TestWithParam<Wrong> {};

TEST_P(LocalConfRefuses, AndNamesTheKey) {
  const auto conf = parse_local_conf(as_bytes(GetParam().text));
  ASSERT_FALSE(conf);
  EXPECT_NE(conf.error().find(GetParam().says), std::string::npos) << conf.error();
  EXPECT_EQ(conf.error().find('\n'), std::string::npos) << conf.error();
}

std::string many_networks() {
  std::string text = R"({"physical":{)";
  for (int i = 0; i < 33; ++i) {
    text += (i == 0 ? "\"" : ",\"") + std::string("10.") + std::to_string(i) + R"(.0.0/16":{})";
  }
  return text + "}}";
}
const std::string kManyNetworks = many_networks();

INSTANTIATE_TEST_SUITE_P(
    All, LocalConfRefuses,
    testing::Values(
        Wrong{"NoJson", "{", "not JSON"}, Wrong{"NoObject", "[]", "object"},
        Wrong{"PortTooLarge", R"({"settings":{"primaryPort":65536}})",
              "settings.primaryPort is 65536"},
        Wrong{"PortNegative", R"({"settings":{"primaryPort":-1}})", "settings.primaryPort"},
        Wrong{"PortAsText", R"({"settings":{"secondaryPort":"9993"}})", "settings.secondaryPort"},
        Wrong{"PortTwice", R"({"settings":{"primaryPort":9993,"tertiaryPort":9993}})",
              "port of its own"},
        Wrong{"FlagAsNumber", R"({"settings":{"portMappingEnabled":0}})",
              "settings.portMappingEnabled"},
        Wrong{"BindWithPort", R"({"settings":{"bind":["10.0.0.1/24"]}})", "settings.bind"},
        Wrong{"BindNoList", R"({"settings":{"bind":"10.0.0.1"}})", "settings.bind"},
        Wrong{"EmptyPrefix", R"({"settings":{"interfacePrefixBlacklist":[""]}})",
              "interfacePrefixBlacklist"},
        Wrong{"Management", R"({"settings":{"allowManagementFrom":["lan"]}})",
              "allowManagementFrom"},
        Wrong{"RelayV6", R"({"settings":{"tcpFallbackRelay":"fd00::1/443"}})", "tcpFallbackRelay"},
        Wrong{"RelayWithoutPort", R"({"settings":{"tcpFallbackRelay":"10.0.0.1"}})",
              "tcpFallbackRelay"},
        Wrong{"ForcedAndForbidden",
              R"({"settings":{"forceTcpRelay":true,"allowTcpFallbackRelay":false}})",
              "forceTcpRelay"},
        Wrong{"PhysicalKey", R"({"physical":{"10.0.0.0":{}}})", "physical"},
        Wrong{"PhysicalValue", R"({"physical":{"10.0.0.0/8":true}})", "physical.\"10.0.0.0/8\""},
        Wrong{"TrustedPath", R"({"physical":{"10.0.0.0/8":{"trustedPathId":"x"}}})",
              "trustedPathId"},
        Wrong{"Mtu", R"({"physical":{"10.0.0.0/8":{"mtu":-5}}})", "mtu"},
        Wrong{"TooManyNetworks", kManyNetworks.c_str(), "no more than 32"},
        Wrong{"PeerKey", R"({"virtual":{"01bcd7b7":{}}})", "virtual"},
        Wrong{"TryWithoutPort", R"({"virtual":{"01bcd7b70e":{"try":["10.0.0.1"]}}})", "try"},
        Wrong{"PeerBlacklist", R"({"virtual":{"01bcd7b70e":{"blacklist":["10.0.0.1/99"]}}})",
              "blacklist"},
        Wrong{"NoText", "{\"settings\":{\"bind\":[\"\xff\xfe\"]}}", ""}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(LocalConf, TheErrorOfAFileNamesIt) {
  const TemporaryFolder folder;
  const auto files = HomeFiles::open(folder / "home");
  ASSERT_TRUE(load_local_conf(*files));
  put(folder / "home/local.conf", R"({"settings":{"bind":7}})");
  const auto conf = load_local_conf(*files);
  ASSERT_FALSE(conf);
  EXPECT_NE(conf.error().find(folder / "home/local.conf"), std::string::npos) << conf.error();
}

TEST(LocalConf, AChangeIsNoticedAlsoWhenTheFileComesOrGoes) {
  const TemporaryFolder folder;
  const auto files = HomeFiles::open(folder / "home");
  LocalConfWatch watch;
  EXPECT_FALSE(watch.has_changed(*files));
  EXPECT_FALSE(watch.has_changed(*files));
  put(folder / "home/local.conf", "{}");
  EXPECT_TRUE(watch.has_changed(*files));
  EXPECT_FALSE(watch.has_changed(*files));
  put(folder / "home/local.conf", "{ }");
  EXPECT_TRUE(watch.has_changed(*files));
  std::filesystem::remove(folder / "home/local.conf");
  EXPECT_TRUE(watch.has_changed(*files));
  EXPECT_FALSE(watch.has_changed(*files));
}

}  // namespace
}  // namespace ztshim::host
