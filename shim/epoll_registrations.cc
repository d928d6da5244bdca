#include "shim/epoll_registrations.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "common/internal_fds.h"
#include "common/real.h"
#include "common/unique_fd.h"

namespace ztshim {
namespace {

// Reads a file line by line through a fixed buffer: stdio would allocate, and fdinfo of a set with
// thousands of descriptors is long.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}

  std::optional<std::string_view> next() noexcept {
    while (true) {
      const std::string_view rest(buffer_ + start_, end_ - start_);
      if (const auto newline = rest.find('\n'); newline != std::string_view::npos) {
        start_ += newline + 1;
        return rest.substr(0, newline);
      }
      if (start_ == 0 && end_ == sizeof buffer_) return std::nullopt;  // no line is as long
      std::memmove(buffer_, rest.data(), rest.size());
      start_ = 0;
      end_ = rest.size();
      const ssize_t size = real().read(fd_, buffer_ + end_, sizeof buffer_ - end_);
      if (size <= 0) return std::nullopt;
      end_ += static_cast<std::size_t>(size);
    }
  }

 private:
  int fd_;
  char buffer_[1024];
  std::size_t start_ = 0, end_ = 0;
};

// The number after `key` in a line such as "tfd:        5 events:       19 data: 1f  pos:0 ino:2a".
std::optional<std::uint64_t> field(std::string_view line, std::string_view key, int base) noexcept {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + key.size());
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), value, base);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

bool is_epoll_set(int fd) noexcept {
  char path[32];
  char target[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(path, target, sizeof target);
  return size > 0 &&
         std::string_view(target, static_cast<std::size_t>(size)) == "anon_inode:[eventpoll]";
}

void read_set(int set, int fd, ino_t inode, EpollRegistrations& to) noexcept {
  char path[40];
  std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", set);
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return;
  Lines lines(file.get());
  while (const auto line = lines.next()) {
    const auto watched = field(*line, "tfd:", 10);
    if (!watched || *watched != static_cast<std::uint64_t>(fd)) continue;
    // A number can stand in a set twice: for the file now behind it and for an earlier one that
    // lives on in a duplicate.
    const auto number = field(*line, "ino:", 16);
    if (number && *number != inode) continue;
    const auto events = field(*line, "events:", 16);
    const auto data = field(*line, "data:", 16);
    if (!events || !data || to.count == kMaxRegistrations) continue;
    auto& found = to.found[to.count++];
    found.set = set;
    found.event.events = static_cast<std::uint32_t>(*events);
    found.event.data.u64 = *data;
  }
}

}  // namespace

EpollRegistrations EpollRegistrations::of(int fd) noexcept {
  EpollRegistrations registrations;
  struct stat target {};
  if (::fstat(fd, &target) != 0) return registrations;
  const UniqueFd directory(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return registrations;
  alignas(dirent64) char buffer[1024];
  while (true) {
    // Not readdir: it allocates.
    const long size = ::syscall(SYS_getdents64, directory.get(), buffer, sizeof buffer);
    if (size <= 0) return registrations;
    for (long at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      int set = -1;
      const char* const name = entry->d_name;
      if (std::from_chars(name, name + std::strlen(name), set).ec != std::errc{}) continue;
      // The service's own loop never watches the application's end.
      if (!is_internal_fd(set) && is_epoll_set(set))
        read_set(set, fd, target.st_ino, registrations);
    }
  }
}

void EpollRegistrations::remove(int fd) const noexcept {
  for (std::size_t i = 0; i < count; ++i) ::epoll_ctl(found[i].set, EPOLL_CTL_DEL, fd, nullptr);
}

void EpollRegistrations::add(int fd) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    epoll_event event = found[i].event;
    ::epoll_ctl(found[i].set, EPOLL_CTL_ADD, fd, &event);
  }
}

}  // namespace ztshim
