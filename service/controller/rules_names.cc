#include "service/controller/rules_names.h"

#include <algorithm>
#include <array>

namespace ztshim::controller {
namespace {

template <typename Number>
struct Named {
  std::string_view name;
  Number number;
};

// IEEE 802 numbers.
constexpr std::array<Named<std::uint16_t>, 13> kEtherTypes{{{"ipv4", 0x0800},
                                                            {"arp", 0x0806},
                                                            {"wol", 0x0842},
                                                            {"rarp", 0x8035},
                                                            {"atalk", 0x809b},
                                                            {"aarp", 0x80f3},
                                                            {"vlan", 0x8100},
                                                            {"ipx_a", 0x8137},
                                                            {"ipx_b", 0x8138},
                                                            {"ipv6", 0x86dd},
                                                            {"mpls", 0x8847},
                                                            {"lldp", 0x88cc},
                                                            {"ptp", 0x88f7}}};

// IANA's protocol numbers, with the spellings that are in use.
constexpr std::array<Named<std::uint8_t>, 21> kProtocols{
    {{"icmp", 1},   {"icmp4", 1},  {"icmpv4", 1},   {"igmp", 2},    {"ipip", 4},  {"tcp", 6},
     {"egp", 8},    {"igp", 9},    {"udp", 17},     {"rdp", 27},    {"ipv6", 41}, {"gre", 47},
     {"esp", 50},   {"ah", 51},    {"icmp6", 58},   {"icmpv6", 58}, {"ospf", 89}, {"pim", 103},
     {"l2tp", 115}, {"sctp", 132}, {"udplite", 136}}};

// vl2 7.4.
constexpr std::array<Named<std::uint64_t>, 17> kCharacteristics{{{"inbound", 1ULL << 63},
                                                                 {"multicast", 1ULL << 62},
                                                                 {"broadcast", 1ULL << 61},
                                                                 {"ipauth", 1ULL << 60},
                                                                 {"macauth", 1ULL << 59},
                                                                 {"tcp_rs0", 0x800},
                                                                 {"tcp_rs1", 0x400},
                                                                 {"tcp_rs2", 0x200},
                                                                 {"tcp_ns", 0x100},
                                                                 {"tcp_cwr", 0x80},
                                                                 {"tcp_ece", 0x40},
                                                                 {"tcp_urg", 0x20},
                                                                 {"tcp_ack", 0x10},
                                                                 {"tcp_psh", 0x08},
                                                                 {"tcp_rst", 0x04},
                                                                 {"tcp_syn", 0x02},
                                                                 {"tcp_fin", 0x01}}};

template <typename Number, std::size_t kCount>
std::optional<Number> find(const std::array<Named<Number>, kCount>& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const auto& entry) { return entry.name == name; });
  return found == table.end() ? std::nullopt : std::optional(found->number);
}

}  // namespace

std::optional<std::uint16_t> ether_type_named(std::string_view name) {
  return find(kEtherTypes, name);
}
std::optional<std::uint8_t> ip_protocol_named(std::string_view name) {
  return find(kProtocols, name);
}
std::optional<std::uint64_t> characteristic_named(std::string_view name) {
  return find(kCharacteristics, name);
}

}  // namespace ztshim::controller
