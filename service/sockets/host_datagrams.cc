#include "service/sockets/host_datagrams.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"
#include "common/real.h"

namespace ztshim::sockets {
namespace {

// In one turn: a flood on the host must not keep the networks waiting.
constexpr int kMostPerTurn = 64;

void set_number(int fd, int level, int name, int value) {
  real().setsockopt(fd, level, name, &value, sizeof value);
}

template <typename T>
T content(const cmsghdr& header) {
  T value{};
  std::memcpy(&value, CMSG_DATA(&header), sizeof value);
  return value;
}

void read_control(msghdr& message, HostDatagrams::Incoming& to) {
  for (const cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr;
       at = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(at))) {
    if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
      const auto info = content<in_pktinfo>(*at);
      to.to.ip = IpAddress::v4(ntohl(info.ipi_addr.s_addr));
      to.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
      const auto info = content<in6_pktinfo>(*at);
      to.to.ip = IpAddress::v6(ByteView(info.ipi6_addr.s6_addr, 16)).unmapped();
      to.interface_index = info.ipi6_ifindex;
    } else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL) {
      to.hop_limit = static_cast<std::uint8_t>(content<int>(*at));
    } else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_HOPLIMIT) {
      to.hop_limit = static_cast<std::uint8_t>(content<int>(*at));
    } else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TOS) {
      to.traffic_class = content<std::uint8_t>(*at);
    } else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_TCLASS) {
      to.traffic_class = static_cast<std::uint8_t>(content<int>(*at));
    }
  }
}

// The control messages of one outgoing datagram.
class Control {
 public:
  template <typename T>
  void add(int level, int type, const T& value) {
    auto* const header = reinterpret_cast<cmsghdr*>(bytes_.data() + size_);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(header), &value, sizeof value);
    size_ += CMSG_SPACE(sizeof value);
  }
  void attach_to(msghdr& message) {
    if (size_ == 0) return;
    message.msg_control = bytes_.data();
    message.msg_controllen = size_;
  }

 private:
  alignas(cmsghdr) std::array<char, 256> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<HostDatagrams>> HostDatagrams::open(Poller& poller, const SocketKind& kind,
                                                           const Options& options,
                                                           const Endpoint& local,
                                                           std::function<void()> ready) {
  UniqueFd fd(keep_internal_fd(
      real().socket(kind.domain, kind.type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind.protocol)));
  if (!fd) return failure(static_cast<std::errc>(errno));
  for (const Options::Remembered& option : options.remembered()) {
    real().setsockopt(fd.get(), option.level, option.name, option.value.data(),
                      static_cast<socklen_t>(option.value.size()));
  }
  // The header says all of it; the application is told what it has asked for.
  if (kind.domain == AF_INET6) {
    set_number(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_number(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    set_number(fd.get(), IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  } else {
    set_number(fd.get(), IPPROTO_IP, IP_PKTINFO, 1);
  }
  set_number(fd.get(), IPPROTO_IP, IP_RECVTTL, 1);
  set_number(fd.get(), IPPROTO_IP, IP_RECVTOS, 1);
  if (local) {
    sockaddr_storage address;
    const socklen_t length = local.to_sockaddr(address, kind.domain);
    if (real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
      return failure(static_cast<std::errc>(errno));
  }
  std::unique_ptr<HostDatagrams> opened(
      new HostDatagrams(poller, kind, std::move(fd), std::move(ready)));
  if (opened->watch_ == 0) return failure(std::errc::no_buffer_space);
  return opened;
}

HostDatagrams::HostDatagrams(Poller& poller, const SocketKind& kind, UniqueFd fd,
                             std::function<void()> ready)
    : poller_(poller),
      kind_(kind),
      fd_(std::move(fd)),
      ready_(std::move(ready)),
      watch_(poller.watch(fd_.get(), EPOLLIN, *this)) {}

HostDatagrams::~HostDatagrams() { poller_.unwatch(watch_); }

void HostDatagrams::on_ready(std::uint32_t events) {
  if ((events & EPOLLERR) != 0) {  // would wake us again and again
    int error = 0;
    socklen_t size = sizeof error;
    real().getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  ready_();
}

std::errc HostDatagrams::send(const Outgoing& datagram) {
  sockaddr_storage address;
  msghdr message{};
  message.msg_namelen = datagram.to.to_sockaddr(address, kind_.domain);
  message.msg_name = &address;
  iovec part{const_cast<std::uint8_t*>(datagram.payload.data()), datagram.payload.size()};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control;
  const bool is_v4 = datagram.to.ip.is_v4();
  if (datagram.source || datagram.interface_index != 0) {
    if (is_v4) {
      in_pktinfo info{};
      info.ipi_ifindex = static_cast<int>(datagram.interface_index);
      info.ipi_spec_dst.s_addr = htonl(datagram.source.v4_number());
      control.add(IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      info.ipi6_ifindex = datagram.interface_index;
      if (datagram.source) std::memcpy(info.ipi6_addr.s6_addr, datagram.source.bytes().data(), 16);
      control.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  if (datagram.hop_limit >= 0)
    control.add(is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TTL : IPV6_HOPLIMIT,
                datagram.hop_limit);
  if (datagram.traffic_class >= 0)
    control.add(is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TOS : IPV6_TCLASS,
                datagram.traffic_class);
  control.attach_to(message);
  for (;;) {
    if (real().sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return static_cast<std::errc>(errno);
  }
}

std::errc HostDatagrams::check(const Endpoint& to, std::uint32_t interface_index) const {
  // Connecting looks for the way and sends nothing.
  const UniqueFd probe(
      keep_internal_fd(real().socket(kind_.domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  if (!probe) return {};
  int value = 0;
  socklen_t size = sizeof value;
  if (real().getsockopt(fd_.get(), SOL_SOCKET, SO_BROADCAST, &value, &size) == 0)
    set_number(probe.get(), SOL_SOCKET, SO_BROADCAST, value);
  if (interface_index != 0)
    set_number(probe.get(), SOL_SOCKET, SO_BINDTOIFINDEX, static_cast<int>(interface_index));
  sockaddr_storage address;
  const socklen_t length = to.to_sockaddr(address, kind_.domain);
  if (real().connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0)
    return {};
  return static_cast<std::errc>(errno);
}

std::vector<HostDatagrams::Incoming> HostDatagrams::receive() {
  std::vector<Incoming> list;
  std::array<std::uint8_t, 0xffff> bytes;
  sockaddr_storage local_address{};
  socklen_t local_size = sizeof local_address;
  real().getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&local_address), &local_size);
  const auto local =
      Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&local_address), local_size);
  for (int i = 0; i < kMostPerTurn; ++i) {
    sockaddr_storage address{};
    alignas(cmsghdr) std::array<char, 256> control;
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = real().recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    const auto from =
        Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), message.msg_namelen);
    if (!from) continue;
    Incoming incoming;
    incoming.from = {from->ip.unmapped(), from->port, from->scope};
    if (local) incoming.to = {local->ip.unmapped(), local->port};
    read_control(message, incoming);
    incoming.payload =
        stack::PbufHandle::copy_of(ByteView(bytes).first(static_cast<std::size_t>(size)));
    if (incoming.payload) list.push_back(std::move(incoming));
  }
  return list;
}

// In the one form that can say everything.
std::errc HostDatagrams::change_membership(const MembershipOption& option) {
  using Verb = MembershipOption::Verb;
  const int family = option.group.is_v4() ? AF_INET : AF_INET6;
  const int level = option.group.is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
  if (option.interface_address && option.verb <= Verb::Leave) {
    ip_mreqn request{};
    request.imr_multiaddr.s_addr = htonl(option.group.v4_number());
    request.imr_address.s_addr = htonl(option.interface_address.v4_number());
    const int name = option.verb == Verb::Join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
    return set_option(level, name,
                      ByteView(reinterpret_cast<const std::uint8_t*>(&request), sizeof request));
  }
  group_source_req request{};
  request.gsr_interface = option.index;
  Endpoint{option.group, 0}.to_sockaddr(request.gsr_group, family);
  Endpoint{option.source, 0}.to_sockaddr(request.gsr_source, family);
  if (option.verb <= Verb::Leave) {
    group_req plain{};
    plain.gr_interface = request.gsr_interface;
    plain.gr_group = request.gsr_group;
    const int name = option.verb == Verb::Join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
    return set_option(level, name,
                      ByteView(reinterpret_cast<const std::uint8_t*>(&plain), sizeof plain));
  }
  const int name = option.verb == Verb::JoinSource    ? MCAST_JOIN_SOURCE_GROUP
                   : option.verb == Verb::LeaveSource ? MCAST_LEAVE_SOURCE_GROUP
                   : option.verb == Verb::Block       ? MCAST_BLOCK_SOURCE
                                                      : MCAST_UNBLOCK_SOURCE;
  return set_option(level, name,
                    ByteView(reinterpret_cast<const std::uint8_t*>(&request), sizeof request));
}

std::errc HostDatagrams::set_option(int level, int name, ByteView value) {
  const int result =
      real().setsockopt(fd_.get(), level, name, value.data(), static_cast<socklen_t>(value.size()));
  return result == 0 ? std::errc{} : static_cast<std::errc>(errno);
}

}  // namespace ztshim::sockets
