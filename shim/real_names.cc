#include "shim/real_names.h"

#include <dlfcn.h>

#include <atomic>

namespace ztshim {
namespace {

constinit RealNames resolved{};
constinit std::atomic<bool> is_resolved{false};

template <typename Function>
void find(const char* name, Function& slot) noexcept {
  const auto found = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
  __atomic_store_n(&slot, found, __ATOMIC_RELAXED);
}

template <typename Function>
void find_either(const char* name, const char* other, Function& slot) noexcept {
  find(name, slot);
  if (slot == nullptr) find(other, slot);
}

}  // namespace

// Several threads may do this at once; all of them write the same pointers.
const RealNames& real_names() noexcept {
  if (is_resolved.load(std::memory_order_acquire)) return resolved;
  find("getifaddrs", resolved.getifaddrs);
  find("freeifaddrs", resolved.freeifaddrs);
  find("if_nameindex", resolved.if_nameindex);
  find("if_nametoindex", resolved.if_nametoindex);
  find("if_indextoname", resolved.if_indextoname);
  find("getaddrinfo", resolved.getaddrinfo);
  find("getnameinfo", resolved.getnameinfo);
  find("gethostbyname", resolved.gethostbyname);
  find("gethostbyname2", resolved.gethostbyname2);
  find("gethostbyaddr", resolved.gethostbyaddr);
  find("gethostbyname_r", resolved.gethostbyname_r);
  find("gethostbyname2_r", resolved.gethostbyname2_r);
  find("gethostbyaddr_r", resolved.gethostbyaddr_r);
  // Libraries of before 2.34 export the second name alone.
  find_either("res_query", "__res_query", resolved.res_query);
  find_either("res_search", "__res_search", resolved.res_search);
  find_either("res_querydomain", "__res_querydomain", resolved.res_querydomain);
  find_either("res_send", "__res_send", resolved.res_send);
  find_either("res_nquery", "__res_nquery", resolved.res_nquery);
  find_either("res_nsearch", "__res_nsearch", resolved.res_nsearch);
  find_either("res_nquerydomain", "__res_nquerydomain", resolved.res_nquerydomain);
  find_either("res_nsend", "__res_nsend", resolved.res_nsend);
  is_resolved.store(true, std::memory_order_release);
  return resolved;
}

}  // namespace ztshim
