// The environment that a program is given when this process turns into it: LD_PRELOAD and ZTSHIM_*
// come back where a program has cleaned its environment without meaning us, and the capability's
// number is told. No allocation: it runs in vfork children.
#pragma once

#include <array>
#include <cstddef>

namespace ztshim {

// Takes a private copy of what concerns us, at start: the environment itself is the program's.
void remember_environment() noexcept;

class ExecEnvironment {
 public:
  // How many pointers build() may write.
  static std::size_t room_for(char* const* given) noexcept;

  // What to pass instead of `given`: itself when it is right as it is, else `storage` filled.
  // `capability`: its number, -1: none. The texts in it are this object's, `given`'s and the
  // private copy's.
  char* const* build(char* const* given, char** storage, int capability) noexcept;

  // Whether the program will have the library (as far as the environment decides it).
  static bool is_shimmed(char* const* given) noexcept;

 private:
  std::array<char, 32> number_{};
  std::array<char, 4096> preload_{};  // longer lists than this are left alone
};

}  // namespace ztshim
