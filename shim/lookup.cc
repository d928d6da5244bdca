#include "shim/lookup.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <memory>

#include "common/real.h"

namespace ztshim {
namespace {

// A server over a path that is still being found answers within the second try.
constexpr int kTimeoutMs = 4000;
constexpr int kTries = 2;

struct DestroyChannel {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, DestroyChannel>;

int eai_of(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return 0;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return EAI_NONAME;
    case ARES_ENODATA:
      return EAI_NODATA;
    case ARES_ENOMEM:
      return EAI_MEMORY;
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
      return EAI_AGAIN;
    default:
      return EAI_FAIL;
  }
}

// What c-ares would read from /etc/resolv.conf and the environment is said here, so that it is
// about the network and nothing else.
Channel make_channel(const rpc::ResolverRecord& resolver) {
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  options.ndots = 1;
  options.ndomains = 0;
  char lookups[] = "fb";
  options.lookups = lookups;
  ares_channel made = nullptr;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS;
  if (ares_init_options(&made, &options, mask) != ARES_SUCCESS) return {};
  Channel channel(made);
  std::vector<ares_addr_port_node> servers(resolver.servers.size());
  bool are_on_network = true;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto& [ip, is_on_network] = resolver.servers[i];
    are_on_network = are_on_network && is_on_network;
    servers[i].next = i + 1 < servers.size() ? &servers[i + 1] : nullptr;
    servers[i].family = ip.is_v4() ? AF_INET : AF_INET6;
    std::copy_n(ip.bytes().begin(), ip.bytes().size(),
                reinterpret_cast<std::uint8_t*>(&servers[i].addr));
  }
  if (ares_set_servers_ports(made, servers.data()) != ARES_SUCCESS) return {};
  // Two networks may have the same addresses.
  if (are_on_network) ares_set_local_dev(made, resolver.interface.c_str());
  return channel;
}

void run(ares_channel channel) {
  while (true) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int wanted = ares_getsock(channel, sockets.data(), sockets.size());
    std::array<pollfd, ARES_GETSOCK_MAXNUM> asked{};
    nfds_t count = 0;
    for (unsigned i = 0; i < sockets.size(); ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
      if (events != 0) asked[count++] = {sockets[i], events, 0};
    }
    if (count == 0) return;
    timeval left{};
    ares_timeout(channel, nullptr, &left);
    const int ready = real().poll(asked.data(), count,
                                  static_cast<int>(left.tv_sec * 1000 + left.tv_usec / 1000 + 1));
    if (ready <= 0) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (nfds_t i = 0; ready > 0 && i < count; ++i) {
      const bool has_failed = (asked[i].revents & (POLLERR | POLLHUP)) != 0;
      const bool may_read = (asked[i].revents & POLLIN) != 0 || has_failed;
      const bool may_write = (asked[i].revents & POLLOUT) != 0 || has_failed;
      ares_process_fd(channel, may_read ? asked[i].fd : ARES_SOCKET_BAD,
                      may_write ? asked[i].fd : ARES_SOCKET_BAD);
    }
  }
}

// c-ares calls back from its C code, which no exception may cross.
template <typename Take>
void note(LookedUp& to, int status, Take take) noexcept {
  to.error = eai_of(status);
  if (status != ARES_SUCCESS) return;
  try {
    take();
  } catch (const std::exception&) {
    to.error = EAI_MEMORY;
  }
}

void on_addresses(void* to, int status, int, ares_addrinfo* found) noexcept {
  auto& result = *static_cast<LookedUp*>(to);
  note(result, status, [&] {
    for (const auto* node = found->nodes; node != nullptr; node = node->ai_next) {
      const auto endpoint = Endpoint::from_sockaddr(node->ai_addr, node->ai_addrlen);
      if (endpoint) result.addresses.push_back(endpoint->ip);
    }
    for (const auto* alias = found->cnames; alias != nullptr; alias = alias->next) {
      if (alias->alias != nullptr) result.aliases.emplace_back(alias->alias);
      if (alias->name != nullptr) result.name = alias->name;
    }
    if (result.addresses.empty()) result.error = EAI_NODATA;
  });
  if (found != nullptr) ares_freeaddrinfo(found);
}

void on_host(void* to, int status, int, hostent* found) noexcept {
  auto& result = *static_cast<LookedUp*>(to);
  note(result, status, [&] {
    result.name = found->h_name;
    for (char** alias = found->h_aliases; alias != nullptr && *alias != nullptr; ++alias) {
      result.aliases.emplace_back(*alias);
    }
    // Of several reverse names the last one is given, and all of them as aliases; libc gives the
    // first and the others.
    auto& aliases = result.aliases;
    if (std::find(aliases.begin(), aliases.end(), result.name) != aliases.end()) {
      result.name = aliases.front();
      std::erase(aliases, result.name);
    }
  });
}

void on_message(void* to, int status, int, unsigned char* bytes, int size) noexcept {
  auto& result = *static_cast<RawAnswer*>(to);
  result.error = bytes == nullptr || size <= 0 ? eai_of(status) : 0;
  if (result.error != 0) return;
  try {
    result.message.assign(bytes, bytes + size);
  } catch (const std::exception&) {
    result.error = EAI_MEMORY;
  }
}

}  // namespace

LookedUp look_up(const rpc::ResolverRecord& resolver, const std::string& name, int family) {
  LookedUp result;
  const Channel channel = make_channel(resolver);
  if (!channel) return {EAI_MEMORY, {}, {}, {}};
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;  // each address once
  hints.ai_flags = ARES_AI_NOSORT | ARES_AI_CANONNAME;
  result.name = name;
  if (!result.name.empty() && result.name.back() == '.') result.name.pop_back();
  ares_getaddrinfo(channel.get(), name.c_str(), nullptr, &hints, on_addresses, &result);
  run(channel.get());
  return result;
}

LookedUp look_up(const rpc::ResolverRecord& resolver, const IpAddress& ip) {
  LookedUp result;
  const Channel channel = make_channel(resolver);
  if (!channel) return {EAI_MEMORY, {}, {}, {}};
  ares_gethostbyaddr(channel.get(), ip.bytes().data(), static_cast<int>(ip.bytes().size()),
                     ip.is_v4() ? AF_INET : AF_INET6, on_host, &result);
  run(channel.get());
  if (result.error == 0) result.addresses.push_back(ip);
  return result;
}

RawAnswer ask_raw(const rpc::ResolverRecord& resolver, const std::string& name, int dns_class,
                  int type) {
  RawAnswer result;
  const Channel channel = make_channel(resolver);
  if (!channel) return {EAI_MEMORY, {}};
  ares_query(channel.get(), name.c_str(), dns_class, type, on_message, &result);
  run(channel.get());
  return result;
}

}  // namespace ztshim
