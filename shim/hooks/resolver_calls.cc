// res_query(3) and its kin, which mail servers and the like use: questions about names below a
// network's domain are asked of its servers; with ZTSHIM_EGRESS=virtual others are asked of nobody.
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/lookup.h"
#include "shim/no_cancel.h"
#include "shim/real_names.h"
#include "shim/resolvers.h"
#include "shim/settings.h"

// Headers of older programs call them by the second of their names; both are hooked.
#undef res_query
#undef res_search
#undef res_querydomain
#undef res_send
#undef res_nquery
#undef res_nsearch
#undef res_nquerydomain
#undef res_nsend

using State = struct __res_state*;

namespace ztshim {
namespace {

using Room = std::span<unsigned char>;

Room room_of(unsigned char* answer, int size) {
  return {answer, static_cast<std::size_t>(std::max(size, 0))};
}

// Nothing: libc may ask. An error where nobody answered, or nobody was to be asked.
std::optional<RawAnswer> ask(const std::string& name, int dns_class, int type) noexcept {
  if (Inside::active() || mode() == Mode::PassThrough) return std::nullopt;
  const NoCancel no_cancel;
  const int before = errno;
  try {
    if (const auto resolver = resolver_for(name)) {
      RawAnswer found = ask_raw(*resolver, name, dns_class, type);
      errno = found.error == 0 ? before : ETIMEDOUT;
      return found;
    }
  } catch (const std::exception&) {
    errno = ENOMEM;
    return RawAnswer{EAI_MEMORY, {}};
  }
  if (!keep_libc_from_asking()) return std::nullopt;
  errno = ECONNREFUSED;  // as without a name server
  return RawAnswer{EAI_AGAIN, {}};
}

void put(ByteView message, Room room) {
  const std::size_t fits = std::min(message.size(), room.size());
  if (fits > 0) std::memcpy(room.data(), message.data(), fits);
}

// What res_query(3) makes of an answer: 0, or h_errno's value.
int h_error_of(const RawAnswer& answer) {
  if (answer.error != 0) return answer.error == EAI_AGAIN ? TRY_AGAIN : NO_RECOVERY;
  if (answer.message.size() < HFIXEDSZ) return NO_RECOVERY;
  const int code = answer.message[3] & 0x0f;
  const bool has_answers = (answer.message[6] | answer.message[7]) != 0;
  if (code == ns_r_noerror) return has_answers ? 0 : NO_DATA;
  if (code == ns_r_nxdomain) return HOST_NOT_FOUND;
  return code == ns_r_servfail ? TRY_AGAIN : NO_RECOVERY;
}

// `state` is none for the functions without one. The size of the answer, or -1.
std::optional<int> query(State state, const std::string& name, int dns_class, int type,
                         Room room) noexcept {
  const auto answer = ask(name, dns_class, type);
  if (!answer) return std::nullopt;
  put(answer->message, room);
  const int error = h_error_of(*answer);
  h_errno = error;
  if (state != nullptr) state->res_h_errno = error;
  return error == 0 ? static_cast<int>(answer->message.size()) : -1;
}

// "name.domain", as res_querydomain(3) makes it; the domain may be null.
std::optional<int> query_domain(State state, const char* name, const char* domain, int dns_class,
                                int type, Room room) noexcept try {
  std::string whole = name;
  if (domain != nullptr && *domain != '\0') {
    if (!whole.empty() && whole.back() != '.') whole += '.';
    whole += domain;
  }
  return query(state, whole, dns_class, type, room);
} catch (const std::exception&) {
  return std::nullopt;
}

// A question that the program has written itself; whatever the answer says, it is one.
std::optional<int> send(const unsigned char* message, int size, Room room) noexcept try {
  char name[NS_MAXDNAME] = "";
  if (size < HFIXEDSZ + QFIXEDSZ) return std::nullopt;  // libc says what is wrong
  const unsigned char* const end = message + size;
  const int length = ::dn_expand(message, end, message + HFIXEDSZ, name, sizeof name);
  if (length < 0 || end - message < HFIXEDSZ + length + QFIXEDSZ) return std::nullopt;
  const unsigned char* const fixed = message + HFIXEDSZ + length;
  auto answer = ask(name, fixed[2] << 8 | fixed[3], fixed[0] << 8 | fixed[1]);
  if (!answer) return std::nullopt;
  if (answer->error != 0 || answer->message.size() < HFIXEDSZ) return -1;
  std::copy_n(message, 2, answer->message.begin());  // the program's own number for it
  put(answer->message, room);
  return static_cast<int>(answer->message.size());
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace
}  // namespace ztshim

// One hook for each of libc's two names of a function.
#define ZTSHIM_RESOLVER_HOOK(name, parameters, ours, arguments) \
  extern "C" ZTSHIM_HOOK int name parameters noexcept {         \
    using namespace ztshim;                                     \
    if (const auto done = ours) return *done;                   \
    return real_names().name arguments;                         \
  }                                                             \
  extern "C" ZTSHIM_HOOK int __##name parameters noexcept { return name arguments; }

ZTSHIM_RESOLVER_HOOK(res_query,
                     (const char* question, int dns_class, int type, unsigned char* answer,
                      int size),
                     query(nullptr, question, dns_class, type, room_of(answer, size)),
                     (question, dns_class, type, answer, size))
// A name below a network's domain is whole already; the system's search list is libc's business.
ZTSHIM_RESOLVER_HOOK(res_search,
                     (const char* question, int dns_class, int type, unsigned char* answer,
                      int size),
                     query(nullptr, question, dns_class, type, room_of(answer, size)),
                     (question, dns_class, type, answer, size))
ZTSHIM_RESOLVER_HOOK(res_querydomain,
                     (const char* question, const char* domain, int dns_class, int type,
                      unsigned char* answer, int size),
                     query_domain(nullptr, question, domain, dns_class, type,
                                  room_of(answer, size)),
                     (question, domain, dns_class, type, answer, size))
ZTSHIM_RESOLVER_HOOK(res_send,
                     (const unsigned char* message, int length, unsigned char* answer, int size),
                     send(message, length, room_of(answer, size)), (message, length, answer, size))
ZTSHIM_RESOLVER_HOOK(res_nquery,
                     (State state, const char* question, int dns_class, int type,
                      unsigned char* answer, int size),
                     query(state, question, dns_class, type, room_of(answer, size)),
                     (state, question, dns_class, type, answer, size))
ZTSHIM_RESOLVER_HOOK(res_nsearch,
                     (State state, const char* question, int dns_class, int type,
                      unsigned char* answer, int size),
                     query(state, question, dns_class, type, room_of(answer, size)),
                     (state, question, dns_class, type, answer, size))
ZTSHIM_RESOLVER_HOOK(res_nquerydomain,
                     (State state, const char* question, const char* domain, int dns_class,
                      int type, unsigned char* answer, int size),
                     query_domain(state, question, domain, dns_class, type, room_of(answer, size)),
                     (state, question, domain, dns_class, type, answer, size))
ZTSHIM_RESOLVER_HOOK(res_nsend,
                     (State state, const unsigned char* message, int length, unsigned char* answer,
                      int size),
                     send(message, length, room_of(answer, size)),
                     (state, message, length, answer, size))
