#include "shim/ancillary.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>

#include "shim/user_memory.h"

namespace ztshim {
namespace {

// ---- out

// Appends to a buffer as the kernel does: the last message may be cut, and the cut is told.
class Writer {
 public:
  Writer(msghdr& message, int& flags) noexcept : message_(message), flags_(flags) {
    next_ = static_cast<unsigned char*>(message.msg_control);
    left_ = next_ == nullptr ? 0 : message.msg_controllen;
  }
  ~Writer() { message_.msg_controllen = used_; }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  template <typename T>
  void put(int level, int type, const T& value) noexcept {
    if (left_ < sizeof(cmsghdr)) {
      flags_ |= MSG_CTRUNC;
      return;
    }
    std::size_t length = CMSG_LEN(sizeof value);
    if (left_ < length) {
      flags_ |= MSG_CTRUNC;
      length = left_;
    }
    cmsghdr head{};
    head.cmsg_level = level;
    head.cmsg_type = type;
    head.cmsg_len = length;
    std::memcpy(next_, &head, sizeof head);
    std::memcpy(next_ + CMSG_LEN(0), &value, length - CMSG_LEN(0));
    const std::size_t whole = std::min<std::size_t>(CMSG_SPACE(sizeof value), left_);
    next_ += whole;
    left_ -= whole;
    used_ += whole;
  }

 private:
  msghdr& message_;
  int& flags_;
  unsigned char* next_ = nullptr;
  std::size_t left_ = 0, used_ = 0;
};

in_addr to_in_addr(const IpAddress& ip) noexcept {
  in_addr out{};
  const IpAddress four = ip.unmapped();
  if (four.is_v4()) std::memcpy(&out, four.bytes().data(), sizeof out);
  return out;
}

in6_addr to_in6_addr(const IpAddress& ip) noexcept {
  in6_addr out{};
  const IpAddress six = ip.mapped();
  if (six.is_v6()) std::memcpy(&out, six.bytes().data(), sizeof out);
  return out;
}

void put_time(Writer& out, const DatagramHeader& header) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const timespec time{header.received_ns / kSecond, header.received_ns % kSecond};
  if ((header.wanted & DatagramHeader::kWantsTimestampNs) != 0) {
    out.put(SOL_SOCKET, SO_TIMESTAMPNS, time);
  } else if ((header.wanted & DatagramHeader::kWantsTimestamp) != 0) {
    out.put(SOL_SOCKET, SO_TIMESTAMP, timeval{time.tv_sec, time.tv_nsec / 1000});
  }
}

void put_four(Writer& out, const DatagramHeader& header) noexcept {
  const auto wants = [&](DatagramHeader::Wanted what) { return (header.wanted & what) != 0; };
  if (wants(DatagramHeader::kWantsPacketInfo4)) {
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(header.interface_index);
    info.ipi_addr = to_in_addr(header.local.ip);
    // For a group or a broadcast the kernel gives the interface's address here; "any" leads a
    // program that answers with it to the same source.
    if (!header.local.ip.unmapped().is_multicast()) info.ipi_spec_dst = info.ipi_addr;
    out.put(IPPROTO_IP, IP_PKTINFO, info);
  }
  if (wants(DatagramHeader::kWantsTtl)) out.put(IPPROTO_IP, IP_TTL, int{header.hop_limit});
  if (wants(DatagramHeader::kWantsTos)) {
    out.put(IPPROTO_IP, IP_TOS, static_cast<std::uint8_t>(header.traffic_class));
  }
  if (wants(DatagramHeader::kWantsOriginalDestination) && header.domain == AF_INET) {
    sockaddr_storage address{};
    header.local.to_sockaddr(address, AF_INET);
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    out.put(IPPROTO_IP, IP_ORIGDSTADDR, in);
  }
}

void put_six(Writer& out, const DatagramHeader& header) noexcept {
  const auto wants = [&](DatagramHeader::Wanted what) { return (header.wanted & what) != 0; };
  const bool is_four = header.remote.ip.unmapped().is_v4();
  if (wants(DatagramHeader::kWantsPacketInfo6)) {
    in6_pktinfo info{};
    info.ipi6_ifindex = header.interface_index;
    info.ipi6_addr = to_in6_addr(header.local.ip);
    out.put(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  // An IPv4 datagram on a socket of both families is told about as on one of IPv4.
  if (is_four) return put_four(out, header);
  if (wants(DatagramHeader::kWantsHopLimit)) {
    out.put(IPPROTO_IPV6, IPV6_HOPLIMIT, int{header.hop_limit});
  }
  if (wants(DatagramHeader::kWantsTrafficClass)) {
    out.put(IPPROTO_IPV6, IPV6_TCLASS, int{header.traffic_class});
  }
  if (wants(DatagramHeader::kWantsOriginalDestination)) {
    sockaddr_storage address{};
    header.local.to_sockaddr(address, AF_INET6);
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    out.put(IPPROTO_IPV6, IPV6_ORIGDSTADDR, in);
  }
}

// ---- in

Result<int> number_in(const cmsghdr& item) noexcept {
  if (item.cmsg_len != CMSG_LEN(sizeof(int))) return failure(std::errc::invalid_argument);
  int value = 0;
  std::memcpy(&value, CMSG_DATA(&item), sizeof value);
  return value;
}

Result<int> number_between(const cmsghdr& item, int lowest, int highest) noexcept {
  const auto value = number_in(item);
  if (value && (*value < lowest || *value > highest)) return failure(std::errc::invalid_argument);
  return value;
}

// The types of SOL_SOCKET that sendmsg takes on INET sockets.
bool is_known_to_sockets(int type) noexcept {
  switch (type) {
    case SCM_RIGHTS:
    case SCM_CREDENTIALS:
    case SO_MARK:
    case SO_PRIORITY:
    case SO_TIMESTAMPING:
      return true;
    default:
      return false;
  }
}

Result<bool> read_four(const cmsghdr& item, DatagramHeader& header) noexcept {
  switch (item.cmsg_type) {
    case IP_PKTINFO: {
      in_pktinfo info{};
      if (item.cmsg_len != CMSG_LEN(sizeof info)) return failure(std::errc::invalid_argument);
      std::memcpy(&info, CMSG_DATA(&item), sizeof info);
      header.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
      if (info.ipi_spec_dst.s_addr != 0) {
        header.local.ip = IpAddress::v4(ntohl(info.ipi_spec_dst.s_addr));
      }
      return true;
    }
    case IP_TTL: {
      const auto value = number_between(item, 1, 255);
      if (!value) return failure(value.error());
      header.hop_limit = static_cast<std::int16_t>(*value);
      return true;
    }
    case IP_TOS: {
      int tos = 0;
      if (item.cmsg_len == CMSG_LEN(1)) {
        tos = *CMSG_DATA(&item);
      } else {
        const auto value = number_between(item, 0, 255);
        if (!value) return failure(value.error());
        tos = *value;
      }
      header.traffic_class = static_cast<std::int16_t>(tos);
      return true;
    }
    default:
      return failure(std::errc::invalid_argument);
  }
}

constexpr int kFlowInfo =
    11;  // IPV6_FLOWINFO: in Linux's header only, which does not go with libc's

Result<bool> read_six(const cmsghdr& item, DatagramHeader& header) noexcept {
  switch (item.cmsg_type) {
    case IPV6_PKTINFO: {
      in6_pktinfo info{};
      if (item.cmsg_len < CMSG_LEN(sizeof info)) return failure(std::errc::invalid_argument);
      std::memcpy(&info, CMSG_DATA(&item), sizeof info);
      header.interface_index = info.ipi6_ifindex;
      std::uint8_t bytes[sizeof info.ipi6_addr];
      std::memcpy(bytes, &info.ipi6_addr, sizeof bytes);
      const IpAddress source = IpAddress::v6(bytes);
      if (!source.is_unspecified()) header.local.ip = source;
      return true;
    }
    case IPV6_HOPLIMIT: {
      const auto value = number_between(item, -1, 255);
      if (!value) return failure(value.error());
      header.hop_limit = static_cast<std::int16_t>(*value);
      return true;
    }
    case IPV6_TCLASS: {
      const auto value = number_between(item, -1, 255);
      if (!value) return failure(value.error());
      // RFC 3542 means the default by -1; Linux takes its last eight bits.
      header.traffic_class = static_cast<std::uint8_t>(*value);
      return true;
    }
    case IPV6_DONTFRAG:
    case kFlowInfo:
      return false;
    default:
      return failure(std::errc::invalid_argument);
  }
}

// Does the item lie within the buffer?
bool is_whole(const msghdr& message, const cmsghdr& item) noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(message.msg_control);
  const auto at = reinterpret_cast<std::uintptr_t>(&item);
  return item.cmsg_len >= sizeof(cmsghdr) && item.cmsg_len <= message.msg_controllen - (at - begin);
}

template <typename Take>
Result<void> for_each_item(const msghdr& message, Take take) noexcept {
  if (message.msg_controllen == 0) return {};
  if (is_bad_pointer(message.msg_control)) return failure(std::errc::bad_address);
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(const_cast<msghdr*>(&message), item)) {
    if (!is_whole(message, *item)) return failure(std::errc::invalid_argument);
    const Result<void> taken = take(*item);
    if (!taken) return taken;
  }
  return {};
}

}  // namespace

void put_error_message(const DatagramError& error, msghdr& message, int& flags) noexcept {
  sock_extended_err extended{};
  extended.ee_errno = static_cast<std::uint32_t>(error.error);
  extended.ee_origin = error.origin;
  extended.ee_type = error.type;
  extended.ee_code = error.code;
  extended.ee_info = error.info;
  Writer out(message, flags);
  if (error.domain == AF_INET) {
    struct {
      sock_extended_err error;
      sockaddr_in offender;
    } told{extended, {}};
    if (error.offender) {
      told.offender.sin_family = AF_INET;
      told.offender.sin_addr = to_in_addr(error.offender.ip);
    }
    return out.put(IPPROTO_IP, IP_RECVERR, told);
  }
  struct {
    sock_extended_err error;
    sockaddr_in6 offender;
  } told{extended, {}};
  if (error.offender) {
    told.offender.sin6_family = AF_INET6;
    told.offender.sin6_addr = to_in6_addr(error.offender.ip);
    told.offender.sin6_scope_id = error.offender.scope;
  }
  out.put(IPPROTO_IPV6, IPV6_RECVERR, told);
}

void put_ancillary(const DatagramHeader& header, msghdr& message, int& flags) noexcept {
  Writer out(message, flags);
  put_time(out, header);
  if (header.domain == AF_INET6) {
    put_six(out, header);
  } else {
    put_four(out, header);
  }
}

Result<Asked> read_ancillary(const msghdr& message, DatagramHeader& header) noexcept {
  Asked asked;
  const auto done = for_each_item(message, [&](const cmsghdr& item) -> Result<void> {
    Result<bool> taken = false;
    switch (item.cmsg_level) {
      case SOL_SOCKET:
        if (!is_known_to_sockets(item.cmsg_type)) return failure(std::errc::invalid_argument);
        break;
      case IPPROTO_IP:
        taken = read_four(item, header);
        break;
      case IPPROTO_IPV6:
        taken = read_six(item, header);
        break;
      case IPPROTO_UDP:  // UDP_SEGMENT: as kernels that cannot cut a buffer into datagrams
        return failure(std::errc::invalid_argument);
      default:
        break;
    }
    if (!taken) return failure(taken.error());
    asked.anything = asked.anything || *taken;
    return {};
  });
  if (!done) return failure(done.error());
  return asked;
}

Result<void> check_stream_ancillary(const msghdr& message) noexcept {
  return for_each_item(message, [](const cmsghdr& item) -> Result<void> {
    if (item.cmsg_level != SOL_SOCKET || is_known_to_sockets(item.cmsg_type)) return {};
    return failure(std::errc::invalid_argument);
  });
}

}  // namespace ztshim
