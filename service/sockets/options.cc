#include "service/sockets/options.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "service/sockets/constants.h"

// Newer than the C library's headers, or only in the kernel's.
#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif
#ifndef TCP_INQ
#define TCP_INQ 36
#endif
#ifndef TCP_ZEROCOPY_RECEIVE
#define TCP_ZEROCOPY_RECEIVE 35
#endif

namespace ztshim::sockets {

struct OptionTable {
  using Values = Options::Values;
  struct Number {
    int level, name;
    int Values::*value;
    int lowest, highest;  // EINVAL outside
    bool is_switch;       // stores whether it is not 0
    bool kernel_too;
  };
  static constexpr int kAny = std::numeric_limits<int>::max();
  static constexpr int kLeast = std::numeric_limits<int>::min();

  static constexpr Number kNumbers[] = {
      {SOL_SOCKET, SO_REUSEADDR, &Values::reuse_address, kLeast, kAny, true, false},
      {SOL_SOCKET, SO_REUSEPORT, &Values::reuse_port, kLeast, kAny, true, false},
      {SOL_SOCKET, SO_KEEPALIVE, &Values::keep_alive, kLeast, kAny, true, false},
      {SOL_SOCKET, SO_BROADCAST, &Values::broadcast, kLeast, kAny, true, false},
      {SOL_SOCKET, SO_OOBINLINE, &Values::oob_inline, kLeast, kAny, true, true},
      {SOL_SOCKET, SO_DONTROUTE, &Values::dont_route, kLeast, kAny, true, false},
      {SOL_SOCKET, SO_DEBUG, &Values::debug, kLeast, kAny, true, false},
      {SOL_SOCKET, SO_BUSY_POLL, &Values::busy_poll, 0, kAny, false, false},
      {SOL_SOCKET, SO_RCVLOWAT, &Values::receive_low_water, 0, kAny, false, true},
      {IPPROTO_TCP, TCP_NODELAY, &Values::no_delay, kLeast, kAny, true, false},
      {IPPROTO_TCP, TCP_CORK, &Values::cork, kLeast, kAny, true, false},
      {IPPROTO_TCP, TCP_KEEPIDLE, &Values::keep_idle, 1, 32767, false, false},
      {IPPROTO_TCP, TCP_KEEPINTVL, &Values::keep_interval, 1, 32767, false, false},
      {IPPROTO_TCP, TCP_KEEPCNT, &Values::keep_count, 1, 127, false, false},
      {IPPROTO_TCP, TCP_USER_TIMEOUT, &Values::user_timeout_ms, 0, kAny, false, false},
      {IPPROTO_TCP, TCP_SYNCNT, &Values::syn_count, 1, 127, false, false},
      {IPPROTO_TCP, TCP_MAXSEG, &Values::max_segment, 88, 32767, false, false},
      {IPPROTO_TCP, TCP_QUICKACK, &Values::quick_ack, kLeast, kAny, true, false},
      {IPPROTO_TCP, TCP_DEFER_ACCEPT, &Values::defer_accept, kLeast, kAny, false, false},
      {IPPROTO_TCP, TCP_FASTOPEN, &Values::fast_open, 0, kAny, false, false},
      {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &Values::fast_open_connect, 0, 1, false, false},
      {IPPROTO_TCP, TCP_LINGER2, &Values::linger2, kLeast, kAny, false, false},
      {IPPROTO_TCP, TCP_NOTSENT_LOWAT, &Values::not_sent_low_water, kLeast, kAny, false, false},
      {IPPROTO_TCP, TCP_WINDOW_CLAMP, &Values::window_clamp, 0, kAny, false, false},
      {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &Values::thin_linear, 0, 1, false, false},
      {IPPROTO_TCP, TCP_THIN_DUPACK, &Values::thin_dupack, 0, 1, false, false},
      {IPPROTO_IP, IP_TOS, &Values::tos, 0, 255, false, false},
      {IPPROTO_IP, IP_TTL, &Values::ttl, -1, 255, false, false},
      {IPPROTO_IP, IP_MTU_DISCOVER, &Values::mtu_discover, 0, 5, false, false},
      {IPPROTO_IP, IP_FREEBIND, &Values::free_bind, kLeast, kAny, true, false},
      {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &Values::bind_no_port, kLeast, kAny, true, false},
      // What they ask for comes with datagrams alone; TCP takes them and has nothing to say.
      {IPPROTO_IP, IP_RECVTOS, &Values::receive_tos, kLeast, kAny, true, false},
      {IPPROTO_IP, IP_RECVTTL, &Values::receive_ttl, kLeast, kAny, true, false},
      {IPPROTO_IP, IP_PKTINFO, &Values::packet_info, kLeast, kAny, true, false},
      {IPPROTO_IPV6, IPV6_RECVTCLASS, &Values::receive_traffic_class, kLeast, kAny, true, false},
      {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &Values::receive_hop_limit, kLeast, kAny, true, false},
      {IPPROTO_IPV6, IPV6_RECVPKTINFO, &Values::v6_packet_info, kLeast, kAny, true, false},
      {IPPROTO_IPV6, IPV6_V6ONLY, &Values::v6_only, kLeast, kAny, true, false},
      {IPPROTO_IPV6, IPV6_UNICAST_HOPS, &Values::unicast_hops, -1, 255, false, false},
      {IPPROTO_IPV6, IPV6_TCLASS, &Values::traffic_class, -1, 255, false, false},
      {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, &Values::auto_flow_label, kLeast, kAny, true, false},
      {IPPROTO_IPV6, IPV6_MTU_DISCOVER, &Values::v6_mtu_discover, 0, 5, false, false},
  };

  // Those whose success would change what the application waits for afterwards, or that would act
  // on the wrong bytes.
  struct Refusal {
    int level, name;
    std::errc error;
  };
  static constexpr Refusal kRefusals[] = {
      {SOL_SOCKET, SO_ZEROCOPY, std::errc::operation_not_supported},
      {SOL_SOCKET, SO_ATTACH_FILTER, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_ATTACH_BPF, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_LOCK_FILTER, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_TXTIME, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_TIMESTAMPING, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_SNDBUFFORCE, std::errc::operation_not_permitted},
      {SOL_SOCKET, SO_RCVBUFFORCE, std::errc::operation_not_permitted},
      {SOL_SOCKET, SO_PEERSEC, std::errc::no_protocol_option},
      {SOL_SOCKET, SO_PEERCRED, std::errc::no_protocol_option},
      {IPPROTO_TCP, TCP_ULP, std::errc::no_such_file_or_directory},
      {IPPROTO_TCP, TCP_REPAIR, std::errc::operation_not_permitted},
      {IPPROTO_TCP, TCP_MD5SIG, std::errc::operation_not_permitted},
      {IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, std::errc::operation_not_supported},
      {IPPROTO_TCP, TCP_INQ, std::errc::no_protocol_option},
      {IPPROTO_TCP, TCP_TX_DELAY, std::errc::no_protocol_option},
      {IPPROTO_IP, IP_TRANSPARENT, std::errc::operation_not_permitted},
      {IPPROTO_IP, IP_HDRINCL, std::errc::no_protocol_option},
      {IPPROTO_IP, IP_RECVERR, std::errc::no_protocol_option},
      {IPPROTO_IPV6, IPV6_RECVERR, std::errc::no_protocol_option},
  };

  static const Number* find(int level, int name) {
    const auto* const found =
        std::find_if(std::begin(kNumbers), std::end(kNumbers),
                     [&](const Number& row) { return row.level == level && row.name == name; });
    return found == std::end(kNumbers) ? nullptr : found;
  }

  static const Refusal* refusal(int level, int name) {
    const auto* const found =
        std::find_if(std::begin(kRefusals), std::end(kRefusals),
                     [&](const Refusal& row) { return row.level == level && row.name == name; });
    return found == std::end(kRefusals) ? nullptr : found;
  }
};

namespace {

// RFC 879; what is said of a segment's size before there is a connection.
constexpr int kDefaultSegment = 536;
constexpr std::uint32_t kDuplicatesThatMeanLoss = 3;  // RFC 5681, and lwIP's
constexpr std::uint32_t kTcpHeader = 20, kIpv4Header = 20, kIpv6Header = 40;

template <typename T>
Bytes bytes_of(const T& value, std::size_t size) {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&value);
  return Bytes(from, from + std::min(size, sizeof value));
}

// The kernel doubles what it is asked for, within its limits.
int effective_buffer(int asked, int least) {
  return std::max(std::min(asked, kMaxBuffer) * 2, least);
}

// Linux' numbers for lwIP's states, which count in another order.
std::uint8_t linux_state(std::uint8_t lwip_state) {
  constexpr std::array<std::uint8_t, 11> kStates = {
      TCP_CLOSE,     TCP_LISTEN,     TCP_SYN_SENT, TCP_SYN_RECV, TCP_ESTABLISHED, TCP_FIN_WAIT1,
      TCP_FIN_WAIT2, TCP_CLOSE_WAIT, TCP_CLOSING,  TCP_LAST_ACK, TCP_TIME_WAIT};
  return lwip_state < kStates.size() ? kStates[lwip_state] : static_cast<std::uint8_t>(TCP_CLOSE);
}

tcp_info info_of(const Options::Facts& facts) {
  tcp_info info{};
  if (facts.pcb == nullptr || !*facts.pcb) {
    info.tcpi_state = facts.is_listening ? TCP_LISTEN : TCP_CLOSE;
    return info;
  }
  const stack::Pcb::Numbers numbers = facts.pcb->numbers();
  const std::uint32_t mss = std::max<std::uint32_t>(numbers.send_mss, 1);
  info.tcpi_state = linux_state(numbers.state);
  info.tcpi_retransmits = numbers.retransmits;
  info.tcpi_options = static_cast<std::uint8_t>((numbers.scales ? TCPI_OPT_WSCALE : 0) |
                                                (numbers.selective ? TCPI_OPT_SACK : 0));
  info.tcpi_snd_wscale = numbers.send_scale & 0xf;
  info.tcpi_rcv_wscale = numbers.receive_scale & 0xf;
  info.tcpi_rto = numbers.rto_us;
  info.tcpi_rtt = numbers.rtt_us;
  info.tcpi_rttvar = numbers.rtt_variance_us;
  info.tcpi_snd_mss = info.tcpi_rcv_mss = info.tcpi_advmss = numbers.send_mss;
  info.tcpi_snd_cwnd = numbers.congestion_window / mss;
  info.tcpi_snd_ssthresh = numbers.slow_start_threshold / mss;
  info.tcpi_unacked = (numbers.unacknowledged_bytes + mss - 1) / mss;
  info.tcpi_rcv_space = numbers.receive_space;
  info.tcpi_reordering = kDuplicatesThatMeanLoss;
  info.tcpi_pmtu = mss + kTcpHeader + (facts.pcb->peer().ip.is_v6() ? kIpv6Header : kIpv4Header);
  return info;
}

// Nothing for an interface of the host: the kernel object was bound to it and knows its name.
Result<std::optional<Bytes>> device_name(std::uint32_t index, std::size_t size,
                                         const Options::Facts& facts) {
  if (index == 0) return Bytes{};
  const auto id = facts.stack == nullptr ? std::nullopt : facts.stack->find_interface(index);
  if (!id) return std::nullopt;
  // The kernel wants room for the longest name there can be, however short this one is.
  if (size < IFNAMSIZ) return failure(std::errc::invalid_argument);
  Bytes name = to_bytes(as_bytes(facts.stack->name_of(*id)));
  name.push_back(0);
  return name;
}

bool is_connected(const Options::Facts& facts) {
  return facts.pcb != nullptr && *facts.pcb && facts.pcb->peer().port != 0;
}

bool is_known_level(int level) {
  return level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6;
}

}  // namespace

std::size_t Options::window_limit() const {
  if (values_.receive_buffer == 0) return stack::ReceiveWindow::kMost;
  return static_cast<std::size_t>(effective_buffer(values_.receive_buffer, kMinReceiveBuffer));
}

std::size_t Options::receive_limit() const {
  if (values_.receive_buffer == 0) return 0;
  return static_cast<std::size_t>(effective_buffer(values_.receive_buffer, kMinReceiveBuffer));
}

Result<std::optional<Bytes>> Options::get(int level, int name, std::size_t size,
                                          const Facts& facts) const {
  const auto number = [&](int value) {
    return Result<std::optional<Bytes>>(bytes_of(value, size));
  };
  if (level == IPPROTO_IPV6 && facts.domain == AF_INET)
    return failure(std::errc::operation_not_supported);
  const bool is_stream = facts.type == SOCK_STREAM;
  if (level == SOL_SOCKET) {
    switch (name) {
      case SO_DOMAIN:
        return number(facts.domain);
      case SO_TYPE:
        return number(facts.type);
      case SO_PROTOCOL:
        return number(facts.protocol);
      case SO_ACCEPTCONN:
        return number(facts.is_listening ? 1 : 0);
      case SO_LINGER:
        return bytes_of(linger_, size);
      case SO_BINDTODEVICE:
        return device_name(interface_index_, size, facts);
      case SO_BINDTOIFINDEX:
        return number(static_cast<int>(interface_index_));
      case SO_SNDBUF:
        return number(values_.send_buffer == 0
                          ? (is_stream ? kReportedSendBuffer : kReportedDatagramBuffer)
                          : effective_buffer(values_.send_buffer, kMinSendBuffer));
      case SO_RCVBUF:
        return number(values_.receive_buffer == 0
                          ? (is_stream ? kReportedReceiveBuffer : kReportedDatagramBuffer)
                          : effective_buffer(values_.receive_buffer, kMinReceiveBuffer));
      default:
        break;
    }
  }
  if (level == IPPROTO_TCP) {
    if (name == TCP_INFO) return bytes_of(info_of(facts), size);
    if (name == TCP_CONGESTION) {
      std::array<char, 16> text{};  // the kernel's TCP_CA_NAME_MAX
      std::copy_n(congestion_.begin(), std::min(congestion_.size(), text.size() - 1), text.begin());
      return bytes_of(text, size);
    }
    if (name == TCP_MAXSEG) {
      if (is_connected(facts)) return number(static_cast<int>(facts.pcb->mss()));
      return number(values_.max_segment != 0 ? values_.max_segment : kDefaultSegment);
    }
  }
  if (const auto* const refused = OptionTable::refusal(level, name)) return failure(refused->error);
  if (const auto* const row = OptionTable::find(level, name)) return number(values_.*row->value);
  if (is_known_level(level)) return failure(std::errc::no_protocol_option);
  // The kernel object says EOPNOTSUPP, as TCP over IPv4 does; over IPv6 it has another word for it.
  if (level != SOL_SOCKET && facts.domain == AF_INET6)
    return failure(std::errc::no_protocol_option);
  return std::nullopt;
}

Result<Options::Set> Options::set(int level, int name, ByteView value, const Facts& facts) {
  if (const auto* const refused = OptionTable::refusal(level, name)) return failure(refused->error);
  if (level == IPPROTO_IPV6 && facts.domain == AF_INET)
    return failure(std::errc::no_protocol_option);
  if (level == SOL_SOCKET && name == SO_LINGER) {
    if (value.size() < sizeof(Linger)) return failure(std::errc::invalid_argument);
    std::memcpy(&linger_, value.data(), sizeof linger_);
    remember(level, name, value);
    return Set::Done;
  }
  if (level == SOL_SOCKET && name == SO_BINDTODEVICE) return set_device(value, facts);
  if (level == SOL_SOCKET && name == SO_BINDTOIFINDEX) return set_device_index(value, facts);
  if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
    // lwIP has one algorithm; asking for one by name must not look as if it were there.
    const std::string wanted(as_text(value).substr(0, as_text(value).find('\0')));
    if (wanted != congestion_) return failure(std::errc::no_such_file_or_directory);
    return Set::Done;
  }
  int number = 0;
  if (value.size() >= sizeof number) {
    std::memcpy(&number, value.data(), sizeof number);
  } else if (level == IPPROTO_IP && !value.empty()) {
    number = value[0];  // these take a single byte as well
  } else if (level == SOL_SOCKET || is_known_level(level)) {
    const bool is_ours = OptionTable::find(level, name) != nullptr || is_known_level(level);
    if (is_ours) return failure(std::errc::invalid_argument);
  }
  if (level == SOL_SOCKET) {
    switch (name) {
      case SO_DOMAIN:
      case SO_TYPE:
      case SO_PROTOCOL:
      case SO_ERROR:
      case SO_ACCEPTCONN:
        return failure(std::errc::no_protocol_option);
      case SO_SNDBUF:
      case SO_RCVBUF: {
        if (value.size() < sizeof number) return failure(std::errc::invalid_argument);
        int& slot = name == SO_SNDBUF ? values_.send_buffer : values_.receive_buffer;
        slot = std::clamp(number, 1, kMaxBuffer);
        remember(level, name, value);
        // Smaller ones are only reported: the kernel object needs its size.
        return name == SO_SNDBUF && slot > kLeastSendBuffer ? Set::KernelToo : Set::Done;
      }
      default:
        break;
    }
  }
  // Only before the handshake, and of listeners.
  if (level == IPPROTO_TCP && name == TCP_FASTOPEN && is_connected(facts))
    return failure(std::errc::invalid_argument);
  const auto* const row = OptionTable::find(level, name);
  if (row == nullptr) {
    if (is_known_level(level)) return failure(std::errc::no_protocol_option);
    remember(level, name, value);
    return Set::KernelToo;
  }
  if (number < row->lowest || number > row->highest) return failure(std::errc::invalid_argument);
  if (level == IPPROTO_IP && name == IP_TTL && number == 0)
    return failure(std::errc::invalid_argument);
  if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY && facts.is_bound) {
    return failure(std::errc::invalid_argument);
  }
  if (number == -1 && row->lowest == -1) number = name == IPV6_TCLASS ? 0 : 64;  // the default
  values_.*row->value = row->is_switch ? (number != 0 ? 1 : 0) : number;
  remember(level, name, value);
  return row->kernel_too ? Set::KernelToo : Set::Done;
}

// By name: ours, or none at all. (The shim asks for the host's by their number, which needs no
// knowledge of the host's names here.)
Result<Options::Set> Options::set_device(ByteView value, const Facts& facts) {
  const std::string_view text = as_text(value.first(std::min<std::size_t>(value.size(), IFNAMSIZ)));
  const std::string_view wanted = text.substr(0, text.find('\0'));
  if (wanted.empty()) {
    interface_index_ = 0;
    forget(SOL_SOCKET, SO_BINDTOIFINDEX);
    return Set::KernelToo;
  }
  const auto id = facts.stack == nullptr ? std::nullopt : facts.stack->find_interface(wanted);
  if (!id) return failure(std::errc::no_such_device);
  interface_index_ = facts.stack->index_of(*id);
  forget(SOL_SOCKET, SO_BINDTOIFINDEX);
  return Set::Done;
}

Result<Options::Set> Options::set_device_index(ByteView value, const Facts& facts) {
  int index = 0;
  if (value.size() < sizeof index) return failure(std::errc::invalid_argument);
  std::memcpy(&index, value.data(), sizeof index);
  if (index < 0) return failure(std::errc::invalid_argument);
  interface_index_ = static_cast<std::uint32_t>(index);
  const bool is_ours = facts.stack != nullptr && facts.stack->find_interface(interface_index_);
  if (is_ours || index == 0) {
    forget(SOL_SOCKET, SO_BINDTOIFINDEX);
  } else {
    remember(SOL_SOCKET, SO_BINDTOIFINDEX, value);  // for the kernel socket it will become
  }
  return is_ours ? Set::Done : Set::KernelToo;
}

void Options::forget(int level, int name) {
  std::erase_if(remembered_, [&](const Remembered& known) {
    return known.level == level && known.name == name;
  });
}

void Options::remember(int level, int name, ByteView value) {
  for (Remembered& known : remembered_) {
    if (known.level == level && known.name == name) {
      known.value = to_bytes(value);
      return;
    }
  }
  // More names than that do not exist; an application making them up gains nothing.
  constexpr std::size_t kMostRemembered = 64;
  if (remembered_.size() == kMostRemembered || value.size() > 256) return;
  remembered_.push_back({level, name, to_bytes(value)});
}

void Options::apply_to(stack::Pcb& pcb) const {
  pcb.set_no_delay(values_.no_delay != 0);
  stack::KeepAlive keep_alive;
  keep_alive.enabled = values_.keep_alive != 0;
  keep_alive.idle_s = static_cast<unsigned>(values_.keep_idle);
  keep_alive.interval_s = static_cast<unsigned>(values_.keep_interval);
  keep_alive.count = static_cast<unsigned>(values_.keep_count);
  pcb.set_keep_alive(keep_alive);
  const bool is_v6 = pcb.peer().ip.is_v6();
  pcb.set_type_of_service(static_cast<std::uint8_t>(is_v6 ? values_.traffic_class : values_.tos));
  pcb.set_time_to_live(static_cast<std::uint8_t>(is_v6 ? values_.unicast_hops : values_.ttl));
  pcb.limit_window(window_limit());
}

}  // namespace ztshim::sockets
