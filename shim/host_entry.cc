#include "shim/host_entry.h"

#include <sys/socket.h>

#include <cstring>
#include <memory>

namespace ztshim {
namespace {

// Gives away a buffer from front to back; null when it is used up.
class Room {
 public:
  Room(char* buffer, std::size_t size) : at_(buffer), left_(size) {}

  char* bytes(const void* from, std::size_t size) {
    char* const to = take(size, 1);
    if (to != nullptr) std::memcpy(to, from, size);
    return to;
  }
  char* text(const std::string& from) { return bytes(from.c_str(), from.size() + 1); }
  char** pointers(std::size_t count) {
    return reinterpret_cast<char**>(take(count * sizeof(char*), alignof(char*)));
  }
  char* aligned(const void* from, std::size_t size) {
    char* const to = take(size, alignof(std::uint32_t));
    if (to != nullptr) std::memcpy(to, from, size);
    return to;
  }

 private:
  char* take(std::size_t size, std::size_t alignment) {
    void* at = at_;
    if (std::align(alignment, size, at, left_) == nullptr) return nullptr;
    at_ = static_cast<char*>(at) + size;
    left_ -= size;
    return static_cast<char*>(at);
  }

  char* at_;
  std::size_t left_;
};

}  // namespace

bool HostEntry::put(hostent& to, char* buffer, std::size_t size) const noexcept {
  Room room(buffer, size);
  const std::size_t length = family == AF_INET ? 4 : 16;
  char** const address_list = room.pointers(addresses.size() + 1);
  char** const alias_list = room.pointers(aliases.size() + 1);
  if (address_list == nullptr || alias_list == nullptr) return false;
  char** next = address_list;
  for (const IpAddress& address : addresses) {
    const IpAddress written = family == AF_INET6 ? address.mapped() : address;
    if (written.bytes().size() != length) continue;
    *next = room.aligned(written.bytes().data(), length);
    if (*next++ == nullptr) return false;
  }
  *next = nullptr;
  next = alias_list;
  for (const std::string& alias : aliases) {
    *next = room.text(alias);
    if (*next++ == nullptr) return false;
  }
  *next = nullptr;
  char* const official = room.text(name);
  if (official == nullptr) return false;
  to.h_name = official;
  to.h_aliases = alias_list;
  to.h_addrtype = family;
  to.h_length = static_cast<int>(length);
  to.h_addr_list = address_list;
  return true;
}

}  // namespace ztshim
