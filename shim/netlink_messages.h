// The kernel's messages about interfaces (rtnetlink(7)) for ours: RTM_NEWLINK and RTM_NEWADDR.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/rpc_records.h"

namespace ztshim::netlink {

// What a request asks for; only those about interfaces and addresses are looked at.
struct Question {
  std::uint32_t sequence = 0;
  std::uint16_t type = 0;       // RTM_GETLINK, RTM_GETADDR
  std::uint8_t family = 0;      // of addresses; 0: all
  bool is_dump = false;         // else one link
  bool wants_ack = false;       // NLM_F_ACK
  std::uint32_t index = 0;      // of the interface; 0: any
  std::array<char, 16> name{};  // likewise; ends with a NUL

  bool has_name() const { return name[0] != '\0'; }
  // Nothing for all other messages, those that ask for what no interface of ours is included.
  static std::optional<Question> parse(ByteView message);
};

// One message for each link, or each address, that answers the question, for the socket with this
// number.
std::vector<Bytes> answers(const Question& question, std::uint32_t port,
                           const std::vector<rpc::InterfaceRecord>& interfaces);

}  // namespace ztshim::netlink
