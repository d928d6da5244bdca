#include "shim/exec_target.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/real.h"
#include "common/unique_fd.h"
#include "shim/answer.h"

namespace ztshim {
namespace {

// The kernel follows as many "#!" lines.
constexpr int kMaxScripts = 4;
// The kernel reads as much of a file to see what it is.
constexpr std::size_t kHead = 256;
constexpr unsigned kMaxSegments = 64;

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

constexpr unsigned char kOwnClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
#if defined(__x86_64__)
constexpr unsigned kOwnMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kOwnMachine = EM_AARCH64;
#else
#error "this machine's number in an ELF header is not known here"
#endif

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// glibc's loaders: ld-linux-x86-64.so.2, ld-linux-aarch64.so.1.
bool is_own_loader(std::string_view path) { return base_name(path).starts_with("ld-linux"); }

// With these the kernel sets AT_SECURE, and the loader takes no library from the environment.
bool raises_privileges(int fd, const struct stat& file) {
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return false;
  if ((file.st_mode & S_ISUID) != 0 && file.st_uid != ::getuid()) return true;
  const bool has_group = (file.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if (has_group && file.st_gid != ::getgid()) return true;
  // An O_PATH descriptor has no attributes of its own; the real user root gains nothing by them.
  return ::getuid() != 0 && ::fgetxattr(fd, "security.capability", nullptr, 0) > 0;
}

ExecTarget of_elf(int fd, const Header& header, std::string_view path) {
  if (header.e_ident[EI_CLASS] != kOwnClass || header.e_machine != kOwnMachine) {
    return ExecTarget::OtherMachine;
  }
  const unsigned count = std::min<unsigned>(header.e_phnum, kMaxSegments);
  for (unsigned i = 0; i < count; ++i) {
    Segment segment;
    const auto at = static_cast<off_t>(header.e_phoff + i * sizeof segment);
    if (::pread(fd, &segment, sizeof segment, at) != sizeof segment) return ExecTarget::Loads;
    if (segment.p_type != PT_INTERP) continue;
    std::array<char, kHead> loader{};
    const std::size_t size = std::min<std::size_t>(segment.p_filesz, loader.size() - 1);
    if (::pread(fd, loader.data(), size, static_cast<off_t>(segment.p_offset)) < 0) {
      return ExecTarget::Loads;
    }
    return is_own_loader(loader.data()) ? ExecTarget::Loads : ExecTarget::OtherLibrary;
  }
  // The loader started by hand (`ld-linux-x86-64.so.2 program`) has none itself.
  return is_own_loader(path) ? ExecTarget::Loads : ExecTarget::IsStatic;
}

// "#! /path argument" -> "/path", ended by a zero. False: it is no script.
bool interpreter_of(std::array<char, kHead>& head, std::size_t size) {
  if (size < 3 || head[0] != '#' || head[1] != '!') return false;
  const std::string_view line(head.data() + 2, std::min(size, head.size() - 1) - 2);
  const std::size_t from = line.find_first_not_of(" \t");
  if (from == std::string_view::npos || line[from] == '\n') return false;
  const std::size_t length = std::min(line.find_first_of(" \t\n\0", from, 4), line.size()) - from;
  std::memmove(head.data(), line.data() + from, length);
  head[length] = '\0';
  return true;
}

}  // namespace

ExecTarget exec_target(int directory, const char* path, bool is_descriptor) noexcept {
  const KeepErrno keep;
  if (path == nullptr) return ExecTarget::Loads;
  std::array<char, kHead> head{};
  UniqueFd opened;
  for (int script = 0; script <= kMaxScripts; ++script) {
    // A file that may be executed and not read cannot be looked into; fexecve's may be O_PATH.
    int fd = directory;
    if (!is_descriptor) {
      opened.reset(::openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
      fd = opened.get();
    }
    struct stat file {};
    if (fd < 0 || ::fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return ExecTarget::Loads;
    if (raises_privileges(fd, file)) return ExecTarget::RaisesPrivileges;
    const ssize_t size = ::pread(fd, head.data(), head.size(), 0);
    Header header;
    if (size >= static_cast<ssize_t>(sizeof header) &&
        std::memcmp(head.data(), ELFMAG, SELFMAG) == 0) {
      std::memcpy(&header, head.data(), sizeof header);
      return of_elf(fd, header, is_descriptor ? std::string_view() : path);
    }
    if (size < 0 || !interpreter_of(head, static_cast<std::size_t>(size))) break;
    // (A script's own privilege bits mean nothing; those of its interpreter count.)
    path = head.data();
    directory = AT_FDCWD;
    is_descriptor = false;
  }
  return ExecTarget::Loads;
}

ExecTarget exec_target_in_path(const char* name) noexcept {
  const KeepErrno keep;
  if (name == nullptr || std::strchr(name, '/') != nullptr) {
    return exec_target(AT_FDCWD, name, false);
  }
  const char* const list = std::getenv("PATH");
  std::string_view rest = list != nullptr ? list : "/bin:/usr/bin";
  std::array<char, 1024> path{};
  const std::size_t length = std::strlen(name);
  while (true) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    if (folder.size() + length + 2 <= path.size()) {
      char* at = std::copy(folder.begin(), folder.end(), path.data());
      if (!folder.empty()) *at++ = '/';
      std::memcpy(at, name, length + 1);
      if (::access(path.data(), X_OK) == 0) return exec_target(AT_FDCWD, path.data(), false);
    }
    if (folder.size() == rest.size()) return ExecTarget::Loads;
    rest.remove_prefix(folder.size() + 1);
  }
}

const char* describe(ExecTarget target) noexcept {
  switch (target) {
    case ExecTarget::Loads:
      return "loads the library";
    case ExecTarget::RaisesPrivileges:
      return "gains privileges (set-user-ID, set-group-ID or capabilities)";
    case ExecTarget::IsStatic:
      return "is statically linked";
    case ExecTarget::OtherLibrary:
      return "uses another C library";
    case ExecTarget::OtherMachine:
      return "is for another machine or word size";
  }
  return "";
}

}  // namespace ztshim
