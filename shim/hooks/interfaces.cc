// getifaddrs(3) and the names and numbers of interfaces: the host's, and ours behind them.
// if_freenameindex(3) needs no hook: ours are laid out as libc's are.
#include "shim/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <cstdlib>
#include <cstring>

#include "shim/answer.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/no_cancel.h"
#include "shim/real_names.h"

namespace ztshim {
namespace {

int append_ours(ifaddrs** list) noexcept try {
  const KeepErrno keep;
  const auto ours = virtual_interfaces();
  if (ours.empty()) return 0;
  ifaddrs* const merged = merge_interfaces(*list, ours);
  if (merged == nullptr) throw std::bad_alloc();
  *list = merged;
  return 0;
} catch (const std::exception&) {
  real_names().freeifaddrs(*list);
  *list = nullptr;
  return fail(std::errc::not_enough_memory);
}

struct if_nameindex* append_names(struct if_nameindex* list) noexcept try {
  const KeepErrno keep;
  const auto ours = virtual_interfaces();
  if (ours.empty()) return list;
  std::size_t count = 0;
  while (list[count].if_index != 0 || list[count].if_name != nullptr) ++count;
  auto* const longer = static_cast<struct if_nameindex*>(
      std::realloc(list, (count + ours.size() + 1) * sizeof *list));
  if (longer == nullptr) return list;
  for (const InterfaceRecord& interface : ours) {
    char* const name = ::strdup(interface.name.c_str());
    if (name != nullptr) longer[count++] = {interface.index, name};
  }
  longer[count] = {0, nullptr};
  return longer;
} catch (const std::exception&) {
  return list;
}

}  // namespace
}  // namespace ztshim

extern "C" ZTSHIM_HOOK int getifaddrs(ifaddrs** list) noexcept {
  using namespace ztshim;
  const int done = real_names().getifaddrs(list);
  if (done != 0 || Inside::active()) return done;
  const NoCancel no_cancel;
  return append_ours(list);
}

extern "C" ZTSHIM_HOOK void freeifaddrs(ifaddrs* list) noexcept {
  using namespace ztshim;
  if (!free_merged(list, real_names().freeifaddrs)) real_names().freeifaddrs(list);
}

extern "C" ZTSHIM_HOOK struct if_nameindex* if_nameindex() noexcept {
  using namespace ztshim;
  struct if_nameindex* const list = real_names().if_nameindex();
  if (list == nullptr || Inside::active()) return list;
  const NoCancel no_cancel;
  return append_names(list);
}

extern "C" ZTSHIM_HOOK unsigned if_nametoindex(const char* name) noexcept {
  using namespace ztshim;
  const unsigned index = real_names().if_nametoindex(name);
  if (index != 0 || Inside::active()) return index;
  const int error = errno;
  const NoCancel no_cancel;
  try {
    if (const auto ours = virtual_interface(name)) return ours->index;
  } catch (const std::exception&) {
  }
  errno = error;
  return 0;
}

extern "C" ZTSHIM_HOOK char* if_indextoname(unsigned index, char* name) noexcept {
  using namespace ztshim;
  char* const found = real_names().if_indextoname(index, name);
  if (found != nullptr || Inside::active()) return found;
  const int error = errno;
  const NoCancel no_cancel;
  try {
    if (const auto ours = virtual_interface(index)) {
      std::memcpy(name, ours->name.c_str(), ours->name.size() + 1);
      return name;
    }
  } catch (const std::exception&) {
  }
  errno = error;
  return nullptr;
}
