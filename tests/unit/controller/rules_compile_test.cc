// The rules language: what administrators' files compile to, and what they are told of mistakes.
#include "service/controller/rules_compile.h"

#include <gtest/gtest.h>

#include "service/controller/network_definition.h"

namespace ztshim::controller {
namespace {

CompiledRules compiled(std::string_view source) {
  auto result = compile_rules(source);
  EXPECT_TRUE(result) << (result ? "" : result.error().text());
  return result ? *result : CompiledRules();
}
std::string rules(std::string_view source) { return compiled(source).rules.dump(); }
// The one match in front of an accept.
std::string match(const std::string& words) {
  const Json list = compiled("accept " + words + ";").rules;
  EXPECT_EQ(list.size(), 2U);
  return list[0].dump();
}
std::string mistake(std::string_view source) {
  const auto result = compile_rules(source);
  return result ? "no mistake" : result.error().text();
}

// ---- known rule sets

// What every network begins with at ZeroTier Central, and the JSON its controllers get.
TEST(RulesLanguage, compiles_the_well_known_default_rule_set) {
  const char* const source = R"(
# Allow only IPv4, IPv4 ARP, and IPv6 Ethernet frames.
drop
	not ethertype ipv4
	and not ethertype arp
	and not ethertype ipv6
;
# Accept anything else. This is required since default is 'drop'.
accept;
)";
  EXPECT_EQ(rules(source), R"([{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},)"
                           R"({"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},)"
                           R"({"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},)"
                           R"({"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}])");
}

TEST(RulesLanguage, compiles_client_isolation_with_a_tag) {
  const CompiledRules result = compiled(R"(
accept ethertype arp;
tag server
  id 2
  enum 0 No
  enum 1 Yes
  default No;
break not tor server 1;
accept;
)");
  EXPECT_EQ(result.rules.dump(),
            R"([{"etherType":2054,"not":false,"or":false,"type":"MATCH_ETHERTYPE"},)"
            R"({"type":"ACTION_ACCEPT"},)"
            R"({"id":2,"not":true,"or":false,"type":"MATCH_TAGS_BITWISE_OR","value":1},)"
            R"({"type":"ACTION_BREAK"},{"type":"ACTION_ACCEPT"}])");
  EXPECT_EQ(result.tags.dump(), R"([{"default":0,"id":2}])");
  EXPECT_EQ(result.tag_names.at("server").enums.at("Yes"), 1U);
}

TEST(RulesLanguage, compiles_tcp_whitelisting_with_macros_and_a_capability) {
  const CompiledRules result = compiled(R"(
macro tcp_to($port)
  accept ipprotocol tcp and dport $port and chr tcp_syn and not chr tcp_ack;
  accept ipprotocol tcp and sport $port and chr tcp_syn and chr tcp_ack;
;
include tcp_to(22)
include tcp_to(8000-8080)
accept ipprotocol tcp and not chr tcp_syn;
cap superuser
  id 1000
  accept;
;
drop;
)");
  ASSERT_EQ(result.rules.size(), 24U);
  EXPECT_EQ(result.rules[1].dump(),
            R"({"end":22,"not":false,"or":false,"start":22,"type":"MATCH_IP_DEST_PORT_RANGE"})");
  EXPECT_EQ(
      result.rules[11].dump(),
      R"({"end":8080,"not":false,"or":false,"start":8000,"type":"MATCH_IP_DEST_PORT_RANGE"})");
  EXPECT_EQ(result.capabilities.dump(),
            R"([{"default":false,"id":1000,"rules":[{"type":"ACTION_ACCEPT"}]}])");
  EXPECT_EQ(result.capability_ids.at("superuser"), 1000U);
}

// What is compiled is in the record's normal form: setting it changes nothing but the fields.
TEST(RulesLanguage, compiles_to_the_records_own_form) {
  const CompiledRules result = compiled(R"(
tag a id 5 default none; tag b id 3 flag 4 x default x;
cap one id 9 default drop tand b x and icmp 8 -1; ;
cap two id 4 accept chr ipauth; ;
tee 128 1234567890 random 0.5; watch -1 1234567890; redirect 1234567890 iptos 255 16-32;
accept;)");
  Json record = new_network_record(NetworkId(0x8ade799c30900c55), 0);
  merge_network(record, result.fields());
  EXPECT_EQ(record["rules"], result.rules);
  EXPECT_EQ(record["capabilities"], result.capabilities);
  EXPECT_EQ(record["tags"], result.tags);
  EXPECT_EQ(result.tags.dump(), R"([{"default":16,"id":3},{"default":null,"id":5}])");
  EXPECT_EQ(result.capabilities[0]["id"], 4);
  EXPECT_EQ(result.capabilities[1]["default"], true);
}

// ---- actions and matches, one by one

TEST(RulesLanguage, knows_every_action) {
  EXPECT_EQ(rules("accept; drop; break;"),
            R"([{"type":"ACTION_ACCEPT"},{"type":"ACTION_DROP"},{"type":"ACTION_BREAK"}])");
  EXPECT_EQ(rules("tee 64 deadbeef00;"),
            R"([{"address":"deadbeef00","flags":0,"length":64,"type":"ACTION_TEE"}])");
  EXPECT_EQ(rules("watch -1 deadbeef00;"),
            R"([{"address":"deadbeef00","flags":0,"length":0,"type":"ACTION_WATCH"}])");
  EXPECT_EQ(rules("redirect deadbeef00;"),
            R"([{"address":"deadbeef00","flags":0,"type":"ACTION_REDIRECT"}])");
  EXPECT_EQ(rules(""), "[]");
}

TEST(RulesLanguage, knows_every_match) {
  const std::pair<const char*, const char*> cases[] = {
      {"ztsrc 1234567890", R"("type":"MATCH_SOURCE_ZEROTIER_ADDRESS","zt":"1234567890")"},
      {"ztdest 1234567890", R"("type":"MATCH_DEST_ZEROTIER_ADDRESS","zt":"1234567890")"},
      {"vlan 4095", R"("type":"MATCH_VLAN_ID","vlanId":4095)"},
      {"vlanpcp 7", R"("type":"MATCH_VLAN_PCP","vlanPcp":7)"},
      {"vlandei 1", R"("type":"MATCH_VLAN_DEI","vlanDei":1)"},
      {"macsrc 32:0c:6b:00:00:01", R"("type":"MATCH_MAC_SOURCE")"},
      {"macdest 320c6b000001", R"("mac":"32:0c:6b:00:00:01")"},
      {"ipsrc 10.1.0.0/16",
       R"("ip":"10.1.0.0/16","not":false,"or":false,"type":"MATCH_IPV4_SOURCE")"},
      {"ipdest 10.1.2.3", R"("ip":"10.1.2.3/32","not":false,"or":false,"type":"MATCH_IPV4_DEST")"},
      {"ipsrc fd00::/8", R"("ip":"fd00::/8","not":false,"or":false,"type":"MATCH_IPV6_SOURCE")"},
      {"ipdest fd00::1", R"("ip":"fd00::1/128","not":false,"or":false,"type":"MATCH_IPV6_DEST")"},
      {"iptos 0xfc 8-16",
       R"("end":16,"mask":252,"not":false,"or":false,"start":8,"type":"MATCH_IP_TOS")"},
      {"iptos 255 8", R"("end":8,"mask":255)"},
      {"ipprotocol tcp", R"("ipProtocol":6)"},
      {"ipprotocol icmp6", R"("ipProtocol":58)"},
      {"ipprotocol 0x11", R"("ipProtocol":17)"},
      {"ethertype ipv6", R"("etherType":34525)"},
      {"ethertype 0x88f7", R"("etherType":35063)"},
      {"icmp 8 0", R"("icmpCode":0,"icmpType":8,"not":false,"or":false,"type":"MATCH_ICMP")"},
      {"icmp 8 -1", R"("icmpCode":null,"icmpType":8)"},
      {"icmp 8", R"("icmpCode":null,"icmpType":8)"},
      {"sport 80",
       R"("end":80,"not":false,"or":false,"start":80,"type":"MATCH_IP_SOURCE_PORT_RANGE")"},
      {"dport 0-1023",
       R"("end":1023,"not":false,"or":false,"start":0,"type":"MATCH_IP_DEST_PORT_RANGE")"},
      {"dport 80 90", R"("end":90,"not":false,"or":false,"start":80)"},
      {"framesize 0-64",
       R"("end":64,"not":false,"or":false,"start":0,"type":"MATCH_FRAME_SIZE_RANGE")"},
      {"chr inbound", R"("mask":"8000000000000000")"},
      {"chr multicast", R"("mask":"4000000000000000")"},
      {"chr broadcast", R"("mask":"2000000000000000")"},
      {"chr ipauth", R"("mask":"1000000000000000")"},
      {"chr macauth", R"("mask":"0800000000000000")"},
      {"chr tcp_syn", R"("mask":"0000000000000002")"},
      {"chr tcp_ns", R"("mask":"0000000000000100")"},
      {"chr 63", R"("mask":"8000000000000000")"},
      {"random 1", R"("probability":4294967295)"},
      {"random 0.5", R"("probability":2147483647)"},
      {"random 0", R"("probability":0)"},
      {"tand 5 1", R"("id":5,"not":false,"or":false,"type":"MATCH_TAGS_BITWISE_AND","value":1)"},
      {"tor 5 1", R"("type":"MATCH_TAGS_BITWISE_OR")"},
      {"txor 5 1", R"("type":"MATCH_TAGS_BITWISE_XOR")"},
      {"tdiff 5 1", R"("type":"MATCH_TAGS_DIFFERENCE")"},
      {"teq 5 1", R"("type":"MATCH_TAGS_EQUAL")"},
      {"tseq 5 1", R"("type":"MATCH_TAG_SENDER")"},
      {"treq 5 0xffffffff",
       R"("id":5,"not":false,"or":false,"type":"MATCH_TAG_RECEIVER","value":4294967295)"},
  };
  for (const auto& [words, expected] : cases) {
    EXPECT_NE(match(words).find(expected), std::string::npos) << words << " -> " << match(words);
  }
}

TEST(RulesLanguage, combines_matches_with_and_or_and_not) {
  const Json list =
      compiled("drop sport 1 dport 2 and sport 3 or dport 4 or not sport 5 and not dport 6;").rules;
  ASSERT_EQ(list.size(), 7U);
  const std::pair<bool, bool> expected[] = {{false, false}, {false, false}, {false, false},
                                            {false, true},  {true, true},   {true, false}};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(list[i]["not"], expected[i].first) << i;
    EXPECT_EQ(list[i]["or"], expected[i].second) << i;
  }
  EXPECT_FALSE(list[6].contains("not"));
}

TEST(RulesLanguage, does_not_care_for_line_breaks_and_takes_comments_anywhere) {
  EXPECT_EQ(rules("accept # why\n ethertype#here\narp\r\n;# end"), rules("accept ethertype arp;"));
}

// ---- tags

TEST(RulesLanguage, takes_tags_and_their_values_by_name_also_before_they_are_defined) {
  const CompiledRules result = compiled(R"(
accept tseq department sales or treq 1000 engineering or tand department vip or teq department 7;
tag department
  id 1000
  enum 100 sales
  enum 200 engineering
  flag 3 vip
  default sales
;)");
  EXPECT_EQ(result.rules[0]["value"], 100);
  EXPECT_EQ(result.rules[1]["value"], 200);
  EXPECT_EQ(result.rules[2]["value"], 8);
  EXPECT_EQ(result.rules[3]["value"], 7);
  EXPECT_EQ(result.tags[0]["default"], 100);
  const Json names = result.with_names();
  EXPECT_EQ(names["tagsByName"]["department"]["enums"]["engineering"], 200);
  EXPECT_EQ(names["tagsByName"]["department"]["flags"]["vip"], 8);
}

TEST(RulesLanguage, gives_a_tag_no_default_unless_there_is_one) {
  EXPECT_EQ(compiled("tag a id 1;").tags.dump(), R"([{"default":null,"id":1}])");
  EXPECT_EQ(compiled("tag a id 1 default none;").tags.dump(), R"([{"default":null,"id":1}])");
  EXPECT_EQ(compiled("tag a id 1 default 0;").tags.dump(), R"([{"default":0,"id":1}])");
}

// ---- macros

TEST(RulesLanguage, puts_arguments_into_words) {
  EXPECT_EQ(rules("macro m($a,$b) drop dport $a-$b and ipsrc 10.0.0.$a; ; include m(3,9)"),
            rules("drop dport 3-9 and ipsrc 10.0.0.3;"));
}

TEST(RulesLanguage, includes_macros_in_macros_and_in_capabilities) {
  EXPECT_EQ(rules("macro a accept; ; macro b($p) drop dport $p; include a ; include b(5)"),
            rules("drop dport 5; accept;"));
  EXPECT_EQ(compiled("cap c id 1 include a drop; ; macro a accept sport 1; ;").capabilities.dump(),
            compiled("cap c id 1 accept sport 1; drop; ;").capabilities.dump());
}

// ---- mistakes

TEST(RulesLanguage, says_where_a_mistake_is_and_what_was_expected) {
  EXPECT_EQ(mistake("accept\n  ethertype ipv5;"),
            "2:13: expected an ethertype's name or number (0 to 65535), found \"ipv5\"");
  EXPECT_EQ(mistake("accept ethertype ipv4"),
            "1:22: expected a match (ethertype, ipprotocol, "
            "dport, chr, ipsrc, tseq, …) or \";\", found the end");
  EXPECT_EQ(mistake("accept dport 70000;"),
            "1:14: expected a port (0 to 65535), or two with a \"-\" between, found \"70000\"");
  EXPECT_EQ(mistake("accept dport 9-3;"), "1:14: the range ends before it begins");
  EXPECT_EQ(mistake("permit;"),
            "1:1: expected an action (accept, drop, break, tee, watch, "
            "redirect), macro, include, tag or cap, found \"permit\"");
  EXPECT_EQ(mistake("\n\n   or accept;").substr(0, 5), "3:4: ");
  EXPECT_EQ(mistake("drop or sport 1;"), "1:6: nothing stands before \"or\"");
  EXPECT_EQ(mistake("drop and sport 1;"), "1:6: nothing stands before \"and\"");
  EXPECT_EQ(mistake("accept; ;").substr(0, 16), "1:9: expected an");
}

TEST(RulesLanguage, finds_every_kind_of_mistake) {
  for (const char* source : {"accept sport;",
                             "accept not;",
                             "accept not not sport 1;",
                             "accept sport 1 and;",
                             "accept sport 1 or or sport 2;",
                             "accept vlan 4096;",
                             "accept vlanpcp 8;",
                             "accept vlandei 2;",
                             "accept macsrc 1:2:3;",
                             "accept macsrc 32:0c:6b:00:00:0g;",
                             "accept ipsrc 10.0.0.0/33;",
                             "accept ipsrc 10.0.0;",
                             "accept ipsrc fd00::/129;",
                             "accept ipsrc 10.0.0.0/;",
                             "accept ipprotocol 256;",
                             "accept ipprotocol tpc;",
                             "accept icmp 256;",
                             "accept icmp 8 256;",
                             "accept iptos 256 1;",
                             "accept iptos 255 256;",
                             "accept chr tcp_sin;",
                             "accept chr 64;",
                             "accept random 1.5;",
                             "accept random -1;",
                             "accept random nan;",
                             "accept random x;",
                             "accept ztsrc 12345;",
                             "accept ztsrc 123456789g;",
                             "accept tseq nobody 1;",
                             "accept tseq 5 x;",
                             "accept tseq 5;",
                             "tee 1234567890;",
                             "tee -2 1234567890;",
                             "tee 65536 1234567890;",
                             "redirect;",
                             "accept framesize -1;",
                             "tag;",
                             "tag a;",
                             "tag a id;",
                             "tag a id 4294967296;",
                             "tag a id 1 default x;",
                             "tag a id 1 enum x 1;",
                             "tag a id 1 flag 32 x;",
                             "tag a id 1",
                             "tag a id 1 accept;",
                             "tag a id 1; tag a id 2;",
                             "tag a id 1; tag b id 1;",
                             "tag 1a id 1;",
                             "tag accept id 1;",
                             "cap a;",
                             "cap a id 1",
                             "cap a id 1 accept;",
                             "cap a id 1 tag b id 2; ;",
                             "cap a id 1; cap a id 2;",
                             "cap a id 1; cap b id 1;",
                             "macro",
                             "macro a accept;",
                             "macro a accept; ; macro a drop; ;",
                             "macro a(port) accept; ;",
                             "macro a($) accept; ;",
                             "macro a($p accept; ;",
                             "macro a macro b ; ;",
                             "include nothing",
                             "include",
                             "macro a($p) accept; ; include a",
                             "macro a accept; ; include a(1)",
                             "macro a($p) accept; ; include a(1,2)",
                             "macro a($p) accept; ; include a()",
                             "macro a($p) accept; ; include a(1"}) {
    EXPECT_NE(mistake(source), "no mistake") << source;
  }
}

TEST(RulesLanguage, shows_the_way_to_a_mistake_in_a_macro) {
  EXPECT_EQ(mistake("macro m($p)\n  drop dport $p;\n;\ninclude m(http)"),
            "2:14: expected a port (0 to 65535), or two with a \"-\" between, found \"http\" (in "
            "macro m, included at 4:9)");
}

TEST(RulesLanguage, ends_macros_that_include_each_other) {
  for (const char* source : {"macro a include b ; macro b include a ; include a",
                             "macro a include b accept; ; macro b include a accept; ; include a",
                             "macro a include a include a ; include a"}) {
    EXPECT_NE(mistake(source).find("macros"), std::string::npos) << source;
  }
}

TEST(RulesLanguage, holds_the_limits_of_networks_and_capabilities) {
  std::string many;
  for (int i = 0; i < 1024; ++i) many += "accept;\n";
  EXPECT_EQ(compiled(many).rules.size(), 1024U);
  EXPECT_EQ(mistake(many + "drop;"), "1025:1: more than 1024 rules here");
  std::string some;
  for (int i = 0; i < 64; ++i) some += "accept;";
  EXPECT_EQ(compiled("cap a id 1 " + some + ";").capabilities[0]["rules"].size(), 64U);
  EXPECT_NE(mistake("cap a id 1 " + some + "drop; ;").find("more than 64"), std::string::npos);
  std::string doubling = "macro m0 accept; ;";
  for (int i = 1; i <= 15; ++i) {
    const std::string n = std::to_string(i), before = "include m" + std::to_string(i - 1) + " ";
    doubling += "macro m" + n + " " + before + before + before + before + ";";
  }
  EXPECT_NE(mistake(doubling + "include m15"), "no mistake");
}

// Whatever the bytes, there is an answer.
TEST(RulesLanguage, survives_any_shuffling_of_its_words) {
  const char* const words[] = {"accept", "drop",  "tee",        "macro",   "include", "tag", "cap",
                               "id",     "enum",  "flag",       "default", "not",     "and", "or",
                               "sport",  "1",     "a",          "$p",      "(",       ")",   ",",
                               ";",      "dport", "chr",        "tcp_syn", "-1",      "0x",  "1-2",
                               "\xff",   "none",  "1234567890", "icmp",    "tseq"};
  std::uint64_t state = 7;
  for (int round = 0; round < 3'000; ++round) {
    std::string source;
    for (int i = 0; i < 30; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      source += words[(state >> 33) % std::size(words)];
      source += (state >> 60) % 4 == 0 ? "\n" : " ";
    }
    const auto result = compile_rules(source);
    if (!result) {
      EXPECT_GE(result.error().place.line, 1U);
    }
  }
}

}  // namespace
}  // namespace ztshim::controller
