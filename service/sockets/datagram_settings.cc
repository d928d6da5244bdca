// A datagram socket's options and groups.
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/real.h"
#include "service/sockets/constants.h"
#include "service/sockets/datagram_socket.h"

namespace ztshim::sockets {

Options::Facts DatagramSocket::facts() const {
  Options::Facts facts;
  facts.domain = kind_.domain;
  facts.type = kind_.type;
  facts.protocol = protocol_->number();
  facts.is_bound = port_ != 0;
  facts.stack = &hub_.stack();
  return facts;
}

Result<std::optional<Bytes>> DatagramSocket::get_option(int level, int name,
                                                        std::size_t size) const {
  DatagramOptions::Facts own{kind_.domain, protocol_->number(), 0};
  if (peer_) {
    if (const auto way = way_to(peer_, {}))
      own.path_mtu = hub_.stack().path_mtu(way->packet.interface, peer_.ip);
  }
  if (auto got = protocol_->get_option(level, name, size)) return *std::move(got);
  if (auto got = datagram_options_.get(level, name, size, own)) return *std::move(got);
  return options_.get(level, name, size, facts());
}

Result<bool> DatagramSocket::set_option(int level, int name, ByteView value) {
  send_waiting();
  if (const auto membership = parse_membership(level, name, value)) {
    if (kind_.domain == AF_INET && level == IPPROTO_IPV6)
      return failure(std::errc::no_protocol_option);
    if (!*membership) return failure(membership->error());
    if (const auto changed = change_membership(**membership); !changed)
      return failure(changed.error());
    return true;
  }
  if (const auto set = protocol_->set_option(level, name, value)) {
    if (!*set) return failure(set->error());
    if (host_ != nullptr) host_->set_option(level, name, value);
    options_.remember(level, name, value);
    return true;
  }
  const DatagramOptions::Facts own{kind_.domain, protocol_->number(), 0};
  if (const auto set = datagram_options_.set(level, name, value, own, hub_.stack())) {
    if (!*set) return failure(set->error());
    options_.remember(level, name, value);
    if (host_ != nullptr) host_->set_option(level, name, value);
    // Who wants no errors any more has none, as on Linux.
    std::erase_if(errors_, [this](const stack::IcmpError& error) {
      return !datagram_options_.wants_errors(error.remote.ip.is_v6());
    });
    return true;
  }
  const auto done = options_.set(level, name, value, facts());
  if (!done) return failure(done.error());
  change_claim();
  if (host_ != nullptr) host_->set_option(level, name, value);
  if (level == SOL_SOCKET && name == SO_RCVBUF && fd_) {
    // More than the pair would hold by itself.
    const int size = static_cast<int>(options_.receive_limit() / 2);
    if (size > kLeastSendBuffer)
      real().setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  return *done == Options::Set::Done;
}

// Nothing: an interface of the host.
Result<std::optional<stack::InterfaceId>> DatagramSocket::membership_interface(
    const MembershipOption& option) const {
  const bool may_be_host = policy_.egress == Policy::Egress::Split;
  std::optional<stack::InterfaceId> found;
  if (option.index != 0) {
    found = interface_of(option.index);
  } else if (option.interface_address) {
    found = hub_.stack().owner_of(option.interface_address);
    if (found == stack::kLoopback && policy_.loopback == Policy::Loopback::Host) found.reset();
  } else if (options_.interface_index() != 0) {
    found = interface_of(options_.interface_index());
  } else {
    found = hub_.stack().group_interface(option.group.family());
  }
  if (!found && !may_be_host) return failure(std::errc::no_such_device);
  return found;
}

Result<void> DatagramSocket::change_membership(const MembershipOption& option) {
  using Verb = MembershipOption::Verb;
  if (option.verb == Verb::Leave && option.index == 0 && !option.interface_address &&
      memberships_.leave(std::nullopt, option.group)) {
    return {};
  }
  const auto interface = membership_interface(option);
  if (!interface) return failure(interface.error());
  if (!*interface) {
    if (const std::errc error = open_host({}); error != std::errc{}) return failure(error);
    const std::errc error = host_->change_membership(option);
    return error == std::errc{} ? Result<void>{} : failure(error);
  }
  switch (option.verb) {
    case Verb::Join:
      return memberships_.join(**interface, option.group);
    case Verb::Leave:
      return memberships_.leave(**interface, option.group);
    case Verb::JoinSource:
      return memberships_.join_source(**interface, option.group, option.source);
    case Verb::LeaveSource:
      return memberships_.leave_source(**interface, option.group, option.source);
    case Verb::Block:
      return memberships_.block(**interface, option.group, option.source);
    case Verb::Unblock:
      return memberships_.unblock(**interface, option.group, option.source);
  }
  return failure(std::errc::invalid_argument);
}

}  // namespace ztshim::sockets
