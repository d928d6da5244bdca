#include "shim/exec_environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/rpc_capability.h"

namespace ztshim {
namespace {

constexpr std::string_view kPreload = "LD_PRELOAD=";
constexpr std::string_view kOurs = "ZTSHIM_";
constexpr std::string_view kDisabled = "ZTSHIM_DISABLE=1";
constexpr std::string_view kLibrary = "libztshim.so";

// Leaked on purpose: children of other threads may read it while the process exits.
struct Remembered {
  std::string library;             // as it stood in LD_PRELOAD; empty: we came another way
  std::vector<std::string> lines;  // "ZTSHIM_…=…"
};
constinit const Remembered* remembered = nullptr;

// The entry of a list (separated by colons or blanks) that names the library.
std::string_view find_library(std::string_view list) noexcept {
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find_first_of(": "));
    if (entry.substr(entry.rfind('/') + 1) == kLibrary) return entry;
    list.remove_prefix(std::min(list.size(), entry.size() + 1));
  }
  return {};
}

bool is_capability(std::string_view line) noexcept {
  const std::string_view name = rpc::kCapabilityVariable;
  return line.starts_with(name) && line.substr(name.size()).starts_with('=');
}

// What is to be seen of us in an environment.
struct Traces {
  const char* preload = nullptr;  // the list
  bool has_library = false;
  bool has_settings = false;  // any ZTSHIM_*
  bool is_disabled = false;
  std::size_t count = 0;  // lines in all

  explicit Traces(char* const* lines) noexcept {
    for (; lines != nullptr && lines[count] != nullptr; ++count) {
      const std::string_view line(lines[count]);
      has_settings = has_settings || line.starts_with(kOurs);
      is_disabled = is_disabled || line == kDisabled;
      if (!line.starts_with(kPreload)) continue;
      preload = lines[count] + kPreload.size();
      has_library = !find_library(preload).empty();
    }
  }
};

// What a user does to stop us is obeyed; what a program does to everything is not meant for us.
enum class Repair { Nothing, Library, Everything };
Repair repair_of(const Traces& seen) noexcept {
  if (remembered == nullptr || remembered->library.empty() || seen.has_library) {
    return Repair::Nothing;
  }
  // Cleaned: not one of our settings is left.
  if (!seen.has_settings) return Repair::Everything;
  // Another list in place of ours (`LD_PRELOAD=other.so program`): both. Our settings are there and
  // the list is gone or empty: somebody took the library out and nothing else.
  const bool is_replaced = seen.preload != nullptr && *seen.preload != '\0';
  return is_replaced ? Repair::Library : Repair::Nothing;
}

}  // namespace

void remember_environment() noexcept {
  try {
    auto copy = std::make_unique<Remembered>();
    for (char* const* line = environ; line != nullptr && *line != nullptr; ++line) {
      const std::string_view text(*line);
      if (text.starts_with(kPreload)) copy->library = find_library(text.substr(kPreload.size()));
      if (text.starts_with(kOurs) && !is_capability(text)) copy->lines.emplace_back(text);
    }
    remembered = copy.release();
  } catch (...) {  // out of memory: environments stay as programs make them
  }
}

std::size_t ExecEnvironment::room_for(char* const* given) noexcept {
  const std::size_t added = remembered == nullptr ? 0 : remembered->lines.size();
  return Traces(given).count + added + 3;  // the library, the number, the end
}

bool ExecEnvironment::is_shimmed(char* const* given) noexcept {
  const Traces seen(given);
  return !seen.is_disabled && (seen.has_library || repair_of(seen) != Repair::Nothing);
}

char* const* ExecEnvironment::build(char* const* given, char** storage, int capability) noexcept {
  const Traces seen(given);
  if (seen.is_disabled) return given;
  const Repair repair = repair_of(seen);
  const bool will_have_us = seen.has_library || repair != Repair::Nothing;
  if (repair == Repair::Nothing && (!will_have_us || capability < 0)) return given;

  const char* preload = nullptr;
  if (repair != Repair::Nothing) {
    const char* const theirs = seen.preload == nullptr ? "" : seen.preload;
    const int size = std::snprintf(preload_.data(), preload_.size(), "LD_PRELOAD=%s%s%s",
                                   remembered->library.c_str(), *theirs == '\0' ? "" : ":", theirs);
    if (size < 0 || static_cast<std::size_t>(size) >= preload_.size()) return given;
    preload = preload_.data();
  }
  char** to = storage;
  for (std::size_t i = 0; i < seen.count; ++i) {
    const std::string_view line(given[i]);
    if (preload != nullptr && line.starts_with(kPreload)) continue;
    if (!is_capability(line)) *to++ = given[i];
  }
  if (preload != nullptr) *to++ = const_cast<char*>(preload);
  if (repair == Repair::Everything) {
    for (const std::string& line : remembered->lines) *to++ = const_cast<char*>(line.c_str());
  }
  if (capability >= 0) {
    std::snprintf(number_.data(), number_.size(), "%s=%d", rpc::kCapabilityVariable, capability);
    *to++ = number_.data();
  }
  *to = nullptr;
  return storage;
}

}  // namespace ztshim
