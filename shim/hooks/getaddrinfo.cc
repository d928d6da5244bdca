// getaddrinfo(3) and getnameinfo(3). libc does everything that needs no name server: numbers,
// services, the layout of the answer (each node is one allocation, so that lists can be joined and
// freed as its own). Names below a network's domain are asked of its resolvers, the others of the
// system's, or under ZTSHIM_EGRESS=virtual of nobody.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "shim/address_order.h"
#include "shim/answer.h"
#include "shim/families.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/interfaces.h"
#include "shim/lookup.h"
#include "shim/no_cancel.h"
#include "shim/real_names.h"
#include "shim/resolvers.h"
#include "shim/settings.h"

namespace ztshim {
namespace {

// "fe80::1%zt…" with the interface's number in place of a name that libc does not know.
std::string with_numeric_scope(const char* node) {
  const std::string text(node);
  const auto percent = text.find('%');
  if (percent == std::string::npos) return text;
  const auto interface = virtual_interface(std::string_view(text).substr(percent + 1));
  return interface ? text.substr(0, percent + 1) + std::to_string(interface->index) : text;
}

class List {
 public:
  List() = default;
  ~List() { ::freeaddrinfo(first_); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  void append(addrinfo* more) {
    addrinfo** end = &first_;
    while (*end != nullptr) end = &(*end)->ai_next;
    *end = more;
  }
  addrinfo* first() const { return first_; }
  addrinfo* release() { return std::exchange(first_, nullptr); }

 private:
  addrinfo* first_ = nullptr;
};

// The addresses that go into the answer, and in which form.
LookedUp look_up_for(const rpc::ResolverRecord& resolver, const char* node, const addrinfo& hints) {
  if (hints.ai_family != AF_INET6 || (hints.ai_flags & AI_V4MAPPED) == 0)
    return look_up(resolver, node, hints.ai_family);
  LookedUp found = look_up(resolver, node, AF_UNSPEC);
  const auto is_v6 = [](const IpAddress& ip) { return ip.is_v6(); };
  const bool has_v6 = std::any_of(found.addresses.begin(), found.addresses.end(), is_v6);
  if (has_v6 && (hints.ai_flags & AI_ALL) == 0) {
    std::erase_if(found.addresses, [&](const IpAddress& ip) { return !is_v6(ip); });
  }
  return found;
}

int answer_from(const rpc::ResolverRecord& resolver, const char* node, const char* service,
                const addrinfo& hints, addrinfo** result) {
  const LookedUp found = look_up_for(resolver, node, hints);
  if (found.error != 0) return found.error;
  List list;
  for (const IpAddress& ip : in_order(found.addresses)) {
    addrinfo one = hints;
    one.ai_family = hints.ai_family == AF_INET6 || ip.is_v6() ? AF_INET6 : AF_INET;
    one.ai_flags = (hints.ai_flags & (AI_PASSIVE | AI_NUMERICSERV)) | AI_NUMERICHOST;
    const std::string text = one.ai_family == AF_INET6 ? ip.mapped().text() : ip.text();
    addrinfo* more = nullptr;
    const int error = real_names().getaddrinfo(text.c_str(), service, &one, &more);
    if (error != 0) return error;
    list.append(more);
  }
  if (list.first() == nullptr) return EAI_NODATA;
  if ((hints.ai_flags & AI_CANONNAME) != 0) {
    list.first()->ai_canonname = ::strdup(found.name.c_str());
    if (list.first()->ai_canonname == nullptr) return EAI_MEMORY;
  }
  *result = list.release();
  return 0;
}

// libc has sorted by the host's routes, to which virtual addresses are far away.
void sort_again(addrinfo** list) {
  std::vector<IpAddress> addresses;
  for (const addrinfo* at = *list; at != nullptr; at = at->ai_next) {
    const auto endpoint = Endpoint::from_sockaddr(at->ai_addr, at->ai_addrlen);
    if (!endpoint) return;
    if (std::find(addresses.begin(), addresses.end(), endpoint->ip) == addresses.end())
      addresses.push_back(endpoint->ip);
  }
  if (addresses.size() < 2) return;
  std::vector<Candidate> ranked = candidates(addresses);
  const auto is_virtual = [](const Candidate& c) { return c.is_virtual; };
  if (std::none_of(ranked.begin(), ranked.end(), is_virtual)) return;
  std::stable_sort(ranked.begin(), ranked.end(), is_before);
  std::vector<std::pair<std::size_t, addrinfo*>> nodes;
  for (addrinfo* at = *list; at != nullptr; at = at->ai_next) {
    const IpAddress ip = Endpoint::from_sockaddr(at->ai_addr, at->ai_addrlen)->ip;
    const auto rank = std::find_if(ranked.begin(), ranked.end(),
                                   [&](const Candidate& c) { return c.destination == ip; });
    nodes.emplace_back(rank - ranked.begin(), at);
  }
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  char* const name = std::exchange((*list)->ai_canonname, nullptr);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].second->ai_next = i + 1 < nodes.size() ? nodes[i + 1].second : nullptr;
  }
  *list = nodes.front().second;
  (*list)->ai_canonname = name;
}

constexpr int kDefaultFlags = AI_V4MAPPED | AI_ADDRCONFIG;

int get_address_info(const char* node, const char* service, const addrinfo* asked,
                     addrinfo** result) {
  addrinfo hints{};
  hints.ai_flags = kDefaultFlags;
  if (asked != nullptr) hints = *asked;
  const auto libc = real_names().getaddrinfo;
  if (node == nullptr) {
    const bool is_passive = (hints.ai_flags & AI_PASSIVE) != 0;
    if (const int none = is_passive ? resolve_families(hints) : 0; none != 0) return none;
    return libc(node, service, &hints, result);
  }
  // Numbers, and what is wrong with the question itself.
  const std::string text = with_numeric_scope(node);
  addrinfo numeric = hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  int error = libc(text.c_str(), service, &numeric, result);
  if (error == EAI_ADDRFAMILY && (hints.ai_flags & AI_ADDRCONFIG) != 0) {
    if (const int none = resolve_families(numeric); none != 0) return none;
    error = libc(text.c_str(), service, &numeric, result);
  }
  if (error != EAI_NONAME || (hints.ai_flags & AI_NUMERICHOST) != 0) return error;
  // A name.
  const bool asks_nobody = keep_libc_from_asking();
  if (const auto resolver = resolver_for(node)) {
    if (const int none = resolve_families(hints); none != 0) return none;
    return answer_from(*resolver, node, service, hints, result);
  }
  // Which is on every host, whatever the networks are doing.
  if (!is_within(node, "localhost")) {
    if (const int none = resolve_families(hints); none != 0) return none;
  }
  error = libc(node, service, &hints, result);
  // Nobody was asked, so nobody has said that there is no such name.
  if (asks_nobody && (error == EAI_NONAME || error == EAI_NODATA)) return EAI_AGAIN;
  if (error == 0) sort_again(result);
  return error;
}

int put_host(std::string_view name, char* host, socklen_t size) {
  if (name.size() + 1 > size) return EAI_OVERFLOW;
  std::memcpy(host, name.data(), name.size());
  host[name.size()] = '\0';
  return 0;
}

// libc writes the number of a scope whose name it does not know.
int name_scope(const Endpoint& endpoint, char* host, socklen_t size) {
  const auto interface = virtual_interface(endpoint.scope);
  if (!interface) return 0;
  return put_host(endpoint.ip.text() + '%' + interface->name, host, size);
}

int get_name_info(const sockaddr* address, socklen_t length, char* host, socklen_t host_size,
                  char* service, socklen_t service_size, int flags) {
  const auto libc = real_names().getnameinfo;
  const auto endpoint = Endpoint::from_sockaddr(address, length);
  const bool wants_host = host != nullptr && host_size > 0;
  const bool asks_nobody = keep_libc_from_asking();
  if (!endpoint || !wants_host)
    return libc(address, length, host, host_size, service, service_size, flags);
  if ((flags & NI_NUMERICHOST) == 0) {
    const IpAddress ip = endpoint->ip.unmapped();
    for (const rpc::ResolverRecord& resolver : resolvers_about(ip)) {
      const LookedUp found = look_up(resolver, ip);
      if (found.error != 0) continue;
      std::string_view name = found.name;
      // What is left of the domain, where that is the node's own.
      if ((flags & NI_NOFQDN) != 0 && is_within(name, resolver.domain) &&
          name.size() > resolver.domain.size() + 1) {
        name.remove_suffix(resolver.domain.size() + 1);
      }
      const int named = put_host(name, host, host_size);
      if (named != 0 || service == nullptr || service_size == 0) return named;
      return libc(address, length, nullptr, 0, service, service_size, flags & ~NI_NAMEREQD);
    }
  }
  const int error = libc(address, length, host, host_size, service, service_size, flags);
  if (error == EAI_NONAME && asks_nobody && (flags & NI_NUMERICHOST) == 0) return EAI_AGAIN;
  if (error != 0 || endpoint->scope < rpc::kFirstInterfaceIndex) return error;
  return name_scope(*endpoint, host, host_size);
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                                       addrinfo** result) {
  using namespace ztshim;
  if (Inside::active() || mode() == Mode::PassThrough)
    return real_names().getaddrinfo(node, service, hints, result);
  const NoCancel no_cancel;
  const int before = errno;
  try {
    const int error = get_address_info(node, service, hints, result);
    if (error != EAI_SYSTEM) errno = before;
    return error;
  } catch (const std::exception&) {
    return EAI_MEMORY;
  }
}

extern "C" ZTSHIM_HOOK int getnameinfo(const sockaddr* address, socklen_t length, char* host,
                                       socklen_t host_size, char* service, socklen_t service_size,
                                       int flags) {
  using namespace ztshim;
  if (Inside::active() || mode() == Mode::PassThrough)
    return real_names().getnameinfo(address, length, host, host_size, service, service_size, flags);
  const NoCancel no_cancel;
  try {
    return get_name_info(address, length, host, host_size, service, service_size, flags);
  } catch (const std::exception&) {
    return EAI_MEMORY;
  }
}
