// Files of one directory, written whole or not at all. Knows their names, not what is in them.
//
// How it works. A write goes to a temporary file in the same folder, is fsynced and renamed over
// the old one, and the folder is fsynced: whoever reads sees the old content or the new, also after
// a power failure. What cannot be understood is renamed to NAME.damaged, never overwritten. All
// access is relative to a descriptor of the directory, so that it keeps working when the program we
// live in changes its root, its working directory or its rights.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ztshim::host {

inline constexpr mode_t kSecretFile = 0600;
inline constexpr mode_t kPublicFile = 0644;

class HomeFiles {
 public:
  // Creates the directory (mode 0700, and what leads to it) when it is missing. An existing one
  // keeps its mode: it is the user's. The error is one sentence.
  static Result<HomeFiles, std::string> open(const std::string& directory);
  // The same, but a missing directory is an error: for those who only look.
  static Result<HomeFiles, std::string> open_existing(const std::string& directory);

  const std::string& directory() const { return directory_; }
  int descriptor() const { return fd_.get(); }
  std::string path_of(std::string_view name) const { return directory_ + "/" + std::string(name); }

  // Names are relative ("networks.d/0123456789abcdef.conf"); folders are made as needed, mode 0700.
  Result<void, std::string> write(const std::string& name, ByteView content, mode_t mode) const;
  // Nothing: no such file. An error: it is there and cannot be read, or is larger than `limit`.
  Result<std::optional<Bytes>, std::string> read(const std::string& name,
                                                 std::size_t limit = kDefaultLimit) const;
  void remove(const std::string& name) const;
  // With everything in it.
  void remove_folder(const std::string& name) const;
  // The names in a folder, sorted, without ".", ".." and our own temporary files.
  std::vector<std::string> list(const std::string& folder) const;
  // Renames it to NAME.damaged (or .damaged.2, …). The new name.
  std::string set_aside(const std::string& name) const;
  // The same for what can be done without; says so in the log.
  void discard(const std::string& name, std::string_view why) const;
  // Removes what an interrupted write left behind. Only while holding the lock of the home.
  void remove_leftovers() const;

  static constexpr std::size_t kDefaultLimit = std::size_t{4} << 20;

 private:
  HomeFiles(std::string directory, UniqueFd fd)
      : directory_(std::move(directory)), fd_(std::move(fd)) {}

  std::string directory_;
  UniqueFd fd_;
};

}  // namespace ztshim::host
