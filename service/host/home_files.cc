#include "service/host/home_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"

namespace ztshim::host {
namespace {

constexpr std::string_view kTemporaryPrefix = ".ztshim-";
constexpr mode_t kFolderMode = 0700;
// Folders nest three deep in this layout.
constexpr int kMaxDepth = 8;

std::string folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? "." : name.substr(0, slash);
}

std::string reason(std::string_view what, const std::string& path) {
  return fmt::format("{} {}: {}", what, path, std::strerror(errno));
}

bool make_folders(int base, const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    if (mkdirat(base, path.substr(0, at).c_str(), kFolderMode) != 0 && errno != EEXIST)
      return false;
  }
  return mkdirat(base, path.c_str(), kFolderMode) == 0 || errno == EEXIST;
}

bool write_all(int fd, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = real().write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

std::unique_ptr<DIR, CloseFolder> open_folder(int base, const std::string& name) {
  UniqueFd fd(openat(base, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return nullptr;
  std::unique_ptr<DIR, CloseFolder> folder(fdopendir(fd.get()));
  if (folder != nullptr) static_cast<void>(fd.release());
  return folder;
}

template <typename Visit>
void for_each_entry(int base, const std::string& name, Visit visit) {
  const auto folder = open_folder(base, name);
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view entry_name = entry->d_name;
    if (entry_name != "." && entry_name != "..") visit(std::string(entry_name));
  }
}

bool is_folder(int base, const std::string& name) {
  struct stat info {};
  return fstatat(base, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

void remove_tree(int base, const std::string& name, int depth) {
  if (depth > kMaxDepth) return;
  std::vector<std::string> entries;
  for_each_entry(base, name, [&](std::string entry) { entries.push_back(name + "/" + entry); });
  for (const std::string& entry : entries) {
    if (is_folder(base, entry)) {
      remove_tree(base, entry, depth + 1);
    } else {
      unlinkat(base, entry.c_str(), 0);
    }
  }
  unlinkat(base, name.c_str(), AT_REMOVEDIR);
}

void remove_temporaries(int base, const std::string& name, int depth) {
  if (depth > kMaxDepth) return;
  std::vector<std::string> folders, temporaries;
  for_each_entry(base, name, [&](std::string entry) {
    const std::string path = name + "/" + entry;
    if (entry.starts_with(kTemporaryPrefix)) {
      temporaries.push_back(path);
    } else if (entry.ends_with(".d") || depth > 0) {
      if (is_folder(base, path)) folders.push_back(path);
    }
  });
  for (const std::string& path : temporaries) unlinkat(base, path.c_str(), 0);
  for (const std::string& path : folders) remove_temporaries(base, path, depth + 1);
}

}  // namespace

Result<HomeFiles, std::string> HomeFiles::open(const std::string& directory) {
  if (directory.empty()) return failure(std::string("the home directory has an empty name"));
  if (!make_folders(AT_FDCWD, directory)) {
    return failure(reason("cannot make the home directory", directory));
  }
  return open_existing(directory);
}

Result<HomeFiles, std::string> HomeFiles::open_existing(const std::string& directory) {
  UniqueFd fd(keep_internal_fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!fd) return failure(reason("cannot open the home directory", directory));
  return HomeFiles(directory, std::move(fd));
}

Result<void, std::string> HomeFiles::write(const std::string& name, ByteView content,
                                           mode_t mode) const {
  static std::atomic<unsigned> counter{0};
  const std::string folder = folder_of(name);
  if (folder != "." && !make_folders(fd_.get(), folder)) {
    return failure(reason("cannot make", path_of(folder)));
  }
  const std::string temporary =
      fmt::format("{}/{}{}-{}", folder, kTemporaryPrefix, getpid(), counter.fetch_add(1));
  UniqueFd fd(openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return failure(reason("cannot write", path_of(name)));
  // fchmod because the program we live in has a umask of its own.
  const bool written = fchmod(fd.get(), mode) == 0 && write_all(fd.get(), content) &&
                       fsync(fd.get()) == 0 &&
                       renameat(fd_.get(), temporary.c_str(), fd_.get(), name.c_str()) == 0;
  if (!written) {
    std::string error = reason("cannot write", path_of(name));
    unlinkat(fd_.get(), temporary.c_str(), 0);
    return failure(std::move(error));
  }
  const UniqueFd folder_fd(openat(fd_.get(), folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd) fsync(folder_fd.get());
  return {};
}

Result<std::optional<Bytes>, std::string> HomeFiles::read(const std::string& name,
                                                          std::size_t limit) const {
  const UniqueFd fd(openat(fd_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<Bytes>();
    return failure(reason("cannot read", path_of(name)));
  }
  Bytes content;
  for (;;) {
    const std::size_t have = content.size();
    content.resize(have + 16384);
    const ssize_t got = real().read(fd.get(), content.data() + have, content.size() - have);
    content.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(reason("cannot read", path_of(name)));
    if (got == 0) return std::optional(std::move(content));
    if (content.size() > limit) {
      return failure(
          fmt::format("{} is larger than the {} bytes it may have", path_of(name), limit));
    }
  }
}

void HomeFiles::remove(const std::string& name) const { unlinkat(fd_.get(), name.c_str(), 0); }

void HomeFiles::remove_folder(const std::string& name) const { remove_tree(fd_.get(), name, 0); }

std::vector<std::string> HomeFiles::list(const std::string& folder) const {
  std::vector<std::string> names;
  for_each_entry(fd_.get(), folder, [&](std::string entry) {
    if (!entry.starts_with(kTemporaryPrefix)) names.push_back(std::move(entry));
  });
  std::sort(names.begin(), names.end());
  return names;
}

std::string HomeFiles::set_aside(const std::string& name) const {
  std::string kept = name + ".damaged";
  // RENAME_NOREPLACE: an earlier damaged file may be the one worth having.
  for (int number = 2;
       renameat2(fd_.get(), name.c_str(), fd_.get(), kept.c_str(), RENAME_NOREPLACE) != 0 &&
       errno == EEXIST && number < 1000;
       ++number) {
    kept = fmt::format("{}.damaged.{}", name, number);
  }
  return kept;
}

void HomeFiles::discard(const std::string& name, std::string_view why) const {
  const std::string kept = set_aside(name);
  log(LogArea::Host, LogLevel::Warn, "{} is damaged ({}) and is not used; kept as {}",
      path_of(name), why, path_of(kept));
}

void HomeFiles::remove_leftovers() const { remove_temporaries(fd_.get(), ".", 0); }

}  // namespace ztshim::host
