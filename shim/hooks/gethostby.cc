// gethostbyname(3) and its kin: names below a network's domain, and the addresses of networks that
// have resolvers, are looked up there; the rest as libc does it, or by nobody (getaddrinfo.cc).
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "shim/address_order.h"
#include "shim/hook.h"
#include "shim/host_entry.h"
#include "shim/inside.h"
#include "shim/lookup.h"
#include "shim/no_cancel.h"
#include "shim/real_names.h"
#include "shim/resolvers.h"
#include "shim/settings.h"

namespace ztshim {
namespace {

// What came of asking a network's resolvers.
struct Verdict {
  int error = 0;  // HOST_NOT_FOUND, …; 0: `entry`
  HostEntry entry;
};

int h_error_of(int eai_error) {
  switch (eai_error) {
    case 0:
      return 0;
    case EAI_NONAME:
      return HOST_NOT_FOUND;
    case EAI_NODATA:
      return NO_DATA;
    case EAI_AGAIN:
      return TRY_AGAIN;
    default:
      return NO_RECOVERY;
  }
}

bool is_numeric(const char* name) {
  unsigned char ignored[16];
  in_addr old_forms{};
  return ::inet_aton(name, &old_forms) != 0 || ::inet_pton(AF_INET6, name, ignored) == 1;
}

bool is_ours_to_answer() noexcept { return !Inside::active() && mode() != Mode::PassThrough; }

// Nothing: libc answers.
std::optional<Verdict> by_name(const char* name, int family) noexcept try {
  if (is_numeric(name) || (family != AF_INET && family != AF_INET6)) return std::nullopt;
  keep_libc_from_asking();
  const auto resolver = resolver_for(name);
  if (!resolver) return std::nullopt;
  LookedUp found = look_up(*resolver, name, family);
  if (found.error != 0) return Verdict{h_error_of(found.error), {}};
  return Verdict{
      0, {family, std::move(found.name), std::move(found.aliases), in_order(found.addresses)}};
} catch (const std::exception&) {
  return Verdict{NO_RECOVERY, {}};
}

std::optional<Verdict> by_address(const void* address, socklen_t length, int family) noexcept try {
  const bool is_v4 = family == AF_INET && length == 4;
  if (!is_v4 && !(family == AF_INET6 && length == 16)) return std::nullopt;
  const ByteView bytes(static_cast<const std::uint8_t*>(address), length);
  const IpAddress ip = is_v4 ? IpAddress::v4(bytes) : IpAddress::v6(bytes);
  keep_libc_from_asking();
  for (const rpc::ResolverRecord& resolver : resolvers_about(ip.unmapped())) {
    LookedUp found = look_up(resolver, ip.unmapped());
    if (found.error != 0) continue;
    return Verdict{0, {family, std::move(found.name), std::move(found.aliases), {ip}}};
  }
  return std::nullopt;
} catch (const std::exception&) {
  return Verdict{NO_RECOVERY, {}};
}

// The forms without a buffer own one for each thread.
hostent* put_static(const Verdict& verdict) noexcept {
  constexpr std::size_t kSize = 16384;
  thread_local std::unique_ptr<char[]> buffer;
  thread_local hostent entry;
  if (verdict.error == 0 && buffer == nullptr) buffer.reset(new (std::nothrow) char[kSize]);
  h_errno = verdict.error;
  if (verdict.error != 0) return nullptr;
  if (buffer != nullptr && verdict.entry.put(entry, buffer.get(), kSize)) return &entry;
  h_errno = NETDB_INTERNAL;
  return nullptr;
}

int put(const Verdict& verdict, hostent* to, char* buffer, std::size_t size, hostent** result,
        int* h_error) noexcept {
  *result = nullptr;
  *h_error = h_errno = verdict.error;
  if (verdict.error == TRY_AGAIN) return EAGAIN;
  if (verdict.error != 0) return verdict.error == NO_RECOVERY ? EBADMSG : 0;
  if (!verdict.entry.put(*to, buffer, size)) {
    *h_error = h_errno = NETDB_INTERNAL;
    errno = ERANGE;
    return ERANGE;
  }
  *result = to;
  return 0;
}

// Nobody was asked, so nobody has said that there is no such host.
int as_unasked(int h_error) noexcept {
  const bool is_final = h_error == HOST_NOT_FOUND || h_error == NO_DATA;
  return is_final && keep_libc_from_asking() ? TRY_AGAIN : h_error;
}

hostent* unless_unasked(hostent* found) noexcept {
  if (found == nullptr) h_errno = as_unasked(h_errno);
  return found;
}

int unless_unasked(int done, hostent** result, int* h_error) noexcept {
  if (*result != nullptr || done == ERANGE) return done;
  const int unasked = as_unasked(*h_error);
  if (unasked == *h_error) return done;
  *h_error = h_errno = unasked;  // libc sets both, and programs look at either
  return EAGAIN;
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK hostent* gethostbyname2(const char* name, int family) {
  using namespace ztshim;
  if (!is_ours_to_answer()) return real_names().gethostbyname2(name, family);
  const NoCancel no_cancel;
  const auto verdict = by_name(name, family);
  return verdict ? put_static(*verdict) : unless_unasked(real_names().gethostbyname2(name, family));
}

extern "C" ZTSHIM_HOOK hostent* gethostbyname(const char* name) {
  using namespace ztshim;
  if (!is_ours_to_answer()) return real_names().gethostbyname(name);
  const NoCancel no_cancel;
  const auto verdict = by_name(name, AF_INET);
  return verdict ? put_static(*verdict) : unless_unasked(real_names().gethostbyname(name));
}

extern "C" ZTSHIM_HOOK hostent* gethostbyaddr(const void* address, socklen_t length, int family) {
  using namespace ztshim;
  if (!is_ours_to_answer()) return real_names().gethostbyaddr(address, length, family);
  const NoCancel no_cancel;
  const auto verdict = by_address(address, length, family);
  return verdict ? put_static(*verdict)
                 : unless_unasked(real_names().gethostbyaddr(address, length, family));
}

extern "C" ZTSHIM_HOOK int gethostbyname2_r(const char* name, int family, hostent* to, char* buffer,
                                            std::size_t size, hostent** result, int* h_error) {
  using namespace ztshim;
  const auto libc = real_names().gethostbyname2_r;
  if (!is_ours_to_answer()) return libc(name, family, to, buffer, size, result, h_error);
  const NoCancel no_cancel;
  if (const auto verdict = by_name(name, family))
    return put(*verdict, to, buffer, size, result, h_error);
  return unless_unasked(libc(name, family, to, buffer, size, result, h_error), result, h_error);
}

extern "C" ZTSHIM_HOOK int gethostbyname_r(const char* name, hostent* to, char* buffer,
                                           std::size_t size, hostent** result, int* h_error) {
  using namespace ztshim;
  const auto libc = real_names().gethostbyname_r;
  if (!is_ours_to_answer()) return libc(name, to, buffer, size, result, h_error);
  const NoCancel no_cancel;
  if (const auto verdict = by_name(name, AF_INET))
    return put(*verdict, to, buffer, size, result, h_error);
  return unless_unasked(libc(name, to, buffer, size, result, h_error), result, h_error);
}

extern "C" ZTSHIM_HOOK int gethostbyaddr_r(const void* address, socklen_t length, int family,
                                           hostent* to, char* buffer, std::size_t size,
                                           hostent** result, int* h_error) {
  using namespace ztshim;
  const auto libc = real_names().gethostbyaddr_r;
  if (!is_ours_to_answer()) return libc(address, length, family, to, buffer, size, result, h_error);
  const NoCancel no_cancel;
  if (const auto verdict = by_address(address, length, family))
    return put(*verdict, to, buffer, size, result, h_error);
  return unless_unasked(libc(address, length, family, to, buffer, size, result, h_error), result,
                        h_error);
}
