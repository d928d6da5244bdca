// A system call by its own instruction, for the moments when no function of libc's may be called:
// its syscall() is one of our hooks.
#pragma once

#include <cerrno>

namespace ztshim {

// -1 and errno, as libc's.
inline long raw_syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                        long f = 0) noexcept {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long result __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(result)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
#else
#error "ztshim knows the system calls of x86-64 and aarch64 only"
#endif
  constexpr long kHighestErrno = 4095;
  if (result < 0 && result >= -kHighestErrno) {
    errno = static_cast<int>(-result);
    return -1;
  }
  return result;
}

}  // namespace ztshim
