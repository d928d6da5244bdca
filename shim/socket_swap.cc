#include "shim/socket_swap.h"

#include <sys/socket.h>

#include <cstring>

#include "common/datagram.h"
#include "common/real.h"
#include "common/rpc_messages.h"
#include "shim/answer.h"
#include "shim/client.h"
#include "shim/hint.h"
#include "shim/replace_fd.h"
#include "shim/user_memory.h"
#include "shim/virtual_fd.h"

namespace ztshim {
namespace {

using Kind = rpc::Reply::Kind;

// Calls `apply` with every option set on the socket so far, in order. Returns the local name.
template <typename Apply>
Result<Endpoint> for_each_option(const SocketName& name, Apply apply) noexcept {
  std::uint32_t first = 0;
  while (true) {
    const auto answer = client::ask({name, rpc::RememberedOptions{first}});
    if (!answer || answer->reply.kind != Kind::Done) return failure(std::errc::network_down);
    ByteView payload = answer->reply.payload.view();
    const std::uint32_t before = first;
    while (!payload.empty()) {
      const auto option = rpc::next_option(payload);
      if (!option) return failure(std::errc::network_down);
      apply(*option);
      ++first;
    }
    if (first >= answer->reply.number || first == before) return answer->reply.endpoint;
  }
}

// The wildcard with port 0 is what a socket has that was never bound.
bool is_bound(const Endpoint& local) noexcept {
  return local.port != 0 || (local.ip && !local.ip.unmapped().is_unspecified());
}

// AF_INET or AF_INET6, and the type and protocol that socket() was called with.
struct Origin {
  int domain = AF_INET, type = SOCK_STREAM, protocol = 0;
};

int number_of(const SocketName& name, int option, int otherwise) noexcept {
  const auto answer = client::ask({name, rpc::GetOption{SOL_SOCKET, option, sizeof(int)}});
  if (!answer || answer->reply.kind != Kind::Done) return otherwise;
  int value = otherwise;
  const ByteView given = answer->reply.payload.view();
  if (given.size() == sizeof value) std::memcpy(&value, given.data(), sizeof value);
  return value;
}

Result<Origin> origin_of(int fd, const SocketName& name) noexcept {
  const auto domain = domain_of(name);
  if (!domain) return failure(domain.error());
  if (!is_datagram_pair(fd)) return Origin{*domain};
  return Origin{*domain, number_of(name, SO_TYPE, SOCK_DGRAM), number_of(name, SO_PROTOCOL, 0)};
}

// A datagram socket that is for the host has no address of a network but one that connect chose for
// its last peer, so only its port is carried; and that may have been chosen, too, by the first
// send.
Result<void> carry_address(int to, const Origin& origin, Endpoint local) noexcept {
  constexpr std::uint16_t kFirstChosenPort = 32768;  // Linux' default range
  const bool is_stream = origin.type == SOCK_STREAM;
  if (!is_stream) local.ip = {};
  sockaddr_storage address{};
  const socklen_t length = local.to_sockaddr(address, origin.domain);
  if (real().bind(to, reinterpret_cast<const sockaddr*>(&address), length) == 0) return {};
  if (!is_stream && local.port >= kFirstChosenPort) return {};
  return failure(last_error());
}

}  // namespace

Result<int> domain_of(const SocketName& name) noexcept {
  const auto answer = client::ask({name, rpc::GetName{rpc::Side::Local}});
  if (!answer || answer->reply.kind != Kind::Done) return failure(std::errc::network_down);
  return static_cast<int>(answer->reply.number);
}

std::errc address_error(std::errc error, const SocketName& name, socklen_t length) noexcept {
  if (error != std::errc::address_family_not_supported || !is_short_for_ipv6(length)) return error;
  const auto domain = domain_of(name);
  return domain && *domain == AF_INET6 ? std::errc::invalid_argument : error;
}

Result<FreshSocket> create_socket(int domain, int type, int protocol) noexcept {
  auto answer = client::ask({{}, rpc::CreateSocket{domain, type, protocol}});
  if (!answer) return failure(answer.error());
  if (answer->reply.kind == Kind::Failed) return failure(answer->reply.error);
  if (answer->lost_descriptor) return failure(std::errc::too_many_files_open);
  if (answer->reply.kind != Kind::Done || !answer->descriptor) {
    return failure(std::errc::network_down);
  }
  const auto name = virtual_socket(answer->descriptor.get());
  if (!name) return failure(std::errc::network_down);
  if (type == SOCK_STREAM) mark_fresh(answer->descriptor.get(), true);
  return FreshSocket{*name, std::move(answer->descriptor)};
}

Result<void> become_host_socket(int fd, const SocketName& name, BoundAddress bound) noexcept {
  const KeepErrno keep;
  const auto origin = origin_of(fd, name);
  if (!origin) return failure(origin.error());
  UniqueFd fresh(real().socket(origin->domain, origin->type | SOCK_CLOEXEC, origin->protocol));
  if (!fresh) return failure(last_error());
  const auto local = for_each_option(name, [&](const rpc::RememberedOption& option) {
    // What the host does not allow to this user, or does not know, is not worth failing for: the
    // application was told that it is set.
    real().setsockopt(fresh.get(), option.level, option.name, option.value.data(),
                      static_cast<socklen_t>(option.value.size()));
  });
  if (!local) return failure(local.error());
  if (bound == BoundAddress::Carry && is_bound(*local)) {
    const auto done = carry_address(fresh.get(), *origin, *local);
    if (!done) return done;
  }
  return replace_fd(fd, std::move(fresh));
}

Result<SocketName> become_fresh_socket(int fd, const SocketName& name, OldConnection old) noexcept {
  const KeepErrno keep;
  const auto origin = origin_of(fd, name);
  if (!origin) return failure(origin.error());
  auto fresh = create_socket(origin->domain, origin->type, origin->protocol);
  if (!fresh) return failure(fresh.error());
  const auto local = for_each_option(name, [&](const rpc::RememberedOption& option) {
    rpc::SetOption set{option.level, option.name, rpc::OptionValue(option.value)};
    const auto answer = client::ask({fresh->name, set});
    if (answer && answer->reply.kind == Kind::NotOurs) {
      real().setsockopt(fresh->descriptor.get(), option.level, option.name, option.value.data(),
                        static_cast<socklen_t>(option.value.size()));
    }
  });
  if (!local) return failure(local.error());
  if (old == OldConnection::Reset) {
    // Closing it is a reset then.
    const linger at_once{1, 0};
    rpc::SetOption set{SOL_SOCKET, SO_LINGER, {}};
    set.value.assign(ByteView(reinterpret_cast<const std::uint8_t*>(&at_once), sizeof at_once));
    client::ask({name, set});
  }
  hint::note(fd);
  const SocketName fresh_name = fresh->name;
  if (const auto done = replace_fd(fd, std::move(fresh->descriptor)); !done) {
    return failure(done.error());
  }
  return fresh_name;
}

}  // namespace ztshim
