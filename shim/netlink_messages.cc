#include "shim/netlink_messages.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace ztshim::netlink {
namespace {

constexpr std::uint8_t kOperUp = 6;  // IF_OPER_UP
constexpr std::uint32_t kQueueLength = 1000;

template <typename Body>
std::optional<Body> body_of(ByteView message) {
  Body body{};
  if (message.size() < NLMSG_HDRLEN) return std::nullopt;
  // Old programs send a family and nothing else, padded to nothing.
  const ByteView rest = message.subspan(NLMSG_HDRLEN);
  if (rest.empty()) return std::nullopt;
  std::memcpy(&body, rest.data(), std::min(rest.size(), sizeof body));
  return body;
}

// Type and value of each attribute behind `offset`.
template <typename OnAttribute>
void each_attribute(ByteView message, std::size_t offset, OnAttribute on_attribute) {
  while (offset + sizeof(rtattr) <= message.size()) {
    rtattr attribute{};
    std::memcpy(&attribute, message.data() + offset, sizeof attribute);
    const std::size_t size = attribute.rta_len;
    if (size < sizeof attribute || offset + size > message.size()) return;
    on_attribute(attribute.rta_type,
                 message.subspan(offset + sizeof attribute, size - sizeof attribute));
    offset += (size + 3) & ~std::size_t{3};
  }
}

class Message {
 public:
  template <typename Body>
  Message(std::uint16_t type, const Question& question, std::uint32_t port, const Body& body) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = question.is_dump ? NLM_F_MULTI : 0;
    header.nlmsg_seq = question.sequence;
    header.nlmsg_pid = port;
    put(header);
    put(body);
  }
  template <typename Value>
  void attribute(std::uint16_t type, const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    attribute(type, ByteView(reinterpret_cast<const std::uint8_t*>(&value), sizeof value));
  }
  void attribute(std::uint16_t type, ByteView value) {
    rtattr head{};
    head.rta_type = type;
    head.rta_len = static_cast<std::uint16_t>(sizeof head + value.size());
    put(head);
    append(bytes_, value);
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
  }
  void text(std::uint16_t type, const std::string& value) {
    attribute(type,
              ByteView(reinterpret_cast<const std::uint8_t*>(value.c_str()), value.size() + 1));
  }
  Bytes finish() {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof size);
    return std::move(bytes_);
  }

 private:
  template <typename Value>
  void put(const Value& value) {
    const auto* const from = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof value);
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
  }

  Bytes bytes_;
};

Bytes link_message(const Question& question, std::uint32_t port,
                   const rpc::InterfaceRecord& interface) {
  ifinfomsg body{};
  body.ifi_type = ARPHRD_ETHER;
  body.ifi_index = static_cast<int>(interface.index);
  body.ifi_flags = interface.flags;
  Message message(RTM_NEWLINK, question, port, body);
  message.text(IFLA_IFNAME, interface.name);
  message.attribute(IFLA_TXQLEN, kQueueLength);
  message.attribute(IFLA_OPERSTATE, kOperUp);
  message.attribute(IFLA_LINKMODE, std::uint8_t{0});
  message.attribute(IFLA_MTU, interface.mtu);
  message.attribute(IFLA_GROUP, std::uint32_t{0});
  message.text(IFLA_QDISC, "noqueue");
  std::uint8_t mac[6];
  for (unsigned i = 0; i < 6; ++i) {
    mac[i] = static_cast<std::uint8_t>(interface.mac >> (40 - 8 * i));
  }
  message.attribute(IFLA_ADDRESS, ByteView(mac));
  std::fill(std::begin(mac), std::end(mac), 0xff);
  message.attribute(IFLA_BROADCAST, ByteView(mac));
  return message.finish();
}

Bytes address_message(const Question& question, std::uint32_t port,
                      const rpc::InterfaceRecord& interface, const IpPrefix& address) {
  ifaddrmsg body{};
  body.ifa_family = address.ip.is_v4() ? AF_INET : AF_INET6;
  body.ifa_prefixlen = static_cast<std::uint8_t>(address.bits);
  body.ifa_flags = IFA_F_PERMANENT;
  body.ifa_scope = address.ip.is_link_local() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  body.ifa_index = interface.index;
  Message message(RTM_NEWADDR, question, port, body);
  message.attribute(IFA_ADDRESS, address.ip.bytes());
  if (address.ip.is_v4()) {
    message.attribute(IFA_LOCAL, address.ip.bytes());
    if (const auto broadcast = address.broadcast()) {
      message.attribute(IFA_BROADCAST, broadcast.bytes());
    }
    message.text(IFA_LABEL, interface.name);
  }
  ifa_cacheinfo for_ever{};
  for_ever.ifa_prefered = for_ever.ifa_valid = ~0U;
  message.attribute(IFA_CACHEINFO, for_ever);
  message.attribute(IFA_FLAGS, std::uint32_t{IFA_F_PERMANENT});
  return message.finish();
}

bool fits(const Question& question, const IpAddress& ip) {
  if (question.family == AF_INET) return ip.is_v4();
  if (question.family == AF_INET6) return ip.is_v6();
  return question.family == AF_UNSPEC;
}

}  // namespace

std::optional<Question> Question::parse(ByteView message) {
  nlmsghdr header{};
  if (message.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  if (header.nlmsg_type != RTM_GETLINK && header.nlmsg_type != RTM_GETADDR) return std::nullopt;
  if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > message.size()) return std::nullopt;
  message = message.first(header.nlmsg_len);
  Question question;
  question.sequence = header.nlmsg_seq;
  question.type = header.nlmsg_type;
  question.is_dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  question.wants_ack = (header.nlmsg_flags & NLM_F_ACK) != 0;
  if (question.type == RTM_GETADDR) {
    const auto body = body_of<ifaddrmsg>(message);
    if (!body || !question.is_dump) return std::nullopt;
    question.family = body->ifa_family;
    question.index = body->ifa_index;
    return question;
  }
  const auto body = body_of<ifinfomsg>(message);
  if (!body) return std::nullopt;
  // AF_BRIDGE asks for ports of bridges.
  if (body->ifi_family != AF_UNSPEC && body->ifi_family != AF_PACKET &&
      body->ifi_family != AF_INET && body->ifi_family != AF_INET6) {
    return std::nullopt;
  }
  if (!question.is_dump) question.index = static_cast<std::uint32_t>(body->ifi_index);
  bool is_elsewhere = false;
  each_attribute(message, NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(ifinfomsg)),
                 [&](std::uint16_t type, ByteView value) {
                   if ((type == IFLA_IFNAME || type == IFLA_ALT_IFNAME) && !value.empty())
                     std::memcpy(question.name.data(), value.data(),
                                 std::min(value.size(), question.name.size() - 1));
                   // What has a master, a kind or another namespace is none of ours.
                   if (type == IFLA_MASTER || type == IFLA_LINKINFO || type == IFLA_TARGET_NETNSID)
                     is_elsewhere = true;
                 });
  if (is_elsewhere) return std::nullopt;
  if (!question.is_dump && question.index == 0 && !question.has_name()) return std::nullopt;
  return question;
}

std::vector<Bytes> answers(const Question& question, std::uint32_t port,
                           const std::vector<rpc::InterfaceRecord>& interfaces) {
  std::vector<Bytes> messages;
  for (const rpc::InterfaceRecord& interface : interfaces) {
    if (question.index != 0 && question.index != interface.index) continue;
    if (question.has_name() && interface.name != question.name.data()) continue;
    if (question.type == RTM_GETLINK) {
      messages.push_back(link_message(question, port, interface));
      continue;
    }
    for (const IpPrefix& address : interface.addresses) {
      if (fits(question, address.ip))
        messages.push_back(address_message(question, port, interface, address));
    }
  }
  return messages;
}

}  // namespace ztshim::netlink
