// Will a program that this process turns into load the library? The loader drops it where a program
// gains privileges, there is no loader in a static one, and another libc's does not take it.
#pragma once

#include <cstdint>

namespace ztshim {

enum class ExecTarget : std::uint8_t {
  Loads,  // or cannot be told: whatever the kernel says about it is the answer
  RaisesPrivileges,
  IsStatic,
  OtherLibrary,  // another libc's loader
  OtherMachine,  // 32 bits, say
};

// `path` from the descriptor `directory` as execveat(2) takes them; scripts are followed to what
// interprets them. No allocation, errno is kept.
ExecTarget exec_target(int directory, const char* path, bool is_descriptor) noexcept;
// The same for a name without a slash, as execvp(3) finds it.
ExecTarget exec_target_in_path(const char* name) noexcept;

// For people: "/bin/ping: gains privileges".
const char* describe(ExecTarget target) noexcept;

}  // namespace ztshim
