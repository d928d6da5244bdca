// The exec family and posix_spawn. What the process turns into shall be on the network as well: its
// environment is repaired (shim/exec_environment), the capability stays open, and under
// ZTSHIM_EGRESS=virtual a program that would drop the library is refused. A service in this process
// goes on in a copy. Runs in vfork children:
// no allocation, no lock; the arrays are on the stack, as libc's own are.
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "common/real.h"
#include "shim/answer.h"
#include "shim/capability.h"
#include "shim/exec_environment.h"
#include "shim/exec_target.h"
#include "shim/hook.h"
#include "shim/inside.h"
#include "shim/leaving.h"
#include "shim/settings.h"

namespace ztshim {
namespace {

// Nothing may leak: a program without the library would be on the host's network. One line says so,
// at once and to standard error: nobody would look for the reason of EPERM in a log.
bool is_refused(const char* name, ExecTarget target) noexcept {
  if (target == ExecTarget::Loads) return false;
  const KeepErrno keep;
  char line[512];
  const int size = std::snprintf(
      line, sizeof line,
      "ztshim: %.200s %s, would not be on the network and is not started (ZTSHIM_EGRESS=virtual)\n",
      name, describe(target));
  if (size > 0) [[maybe_unused]]
    const ssize_t written = real().write(2, line, static_cast<std::size_t>(size));
  return true;
}

// `call` gets the environment to use and returns what the hook returns.
template <typename Call>
int exec_with(char* const* given, Call call) noexcept {
  auto** const storage =
      static_cast<char**>(__builtin_alloca(ExecEnvironment::room_for(given) * sizeof(char*)));
  ExecEnvironment environment;
  if (!ExecEnvironment::is_shimmed(given)) return call(given);
  const capability::PassOn passed;
  return call(environment.build(given, storage, passed.fd()));
}

bool must_look(char* const* given) noexcept {
  return is_strict() && !Inside::active() && ExecEnvironment::is_shimmed(given);
}

int exec_path(const char* path, char* const* argv, char* const* envp) noexcept {
  if (Inside::active()) return real().execve(path, argv, envp);
  if (must_look(envp) && is_refused(path, exec_target(AT_FDCWD, path, false))) {
    return fail(std::errc::operation_not_permitted);
  }
  if (::access(path, X_OK) == 0) leave_service();
  return exec_with(envp, [&](char* const* lines) { return real().execve(path, argv, lines); });
}

int exec_name(const char* name, char* const* argv, char* const* envp) noexcept {
  if (Inside::active()) return real().execvpe(name, argv, envp);
  if (must_look(envp) && is_refused(name, exec_target_in_path(name))) {
    return fail(std::errc::operation_not_permitted);
  }
  leave_service();
  return exec_with(envp, [&](char* const* lines) { return real().execvpe(name, argv, lines); });
}

// How many arguments there are from `first` on, the closing NULL not counted.
std::size_t count_arguments(const char* first, va_list list) noexcept {
  std::size_t count = 0;
  for (const char* argument = first; argument != nullptr; argument = va_arg(list, const char*)) {
    ++count;
  }
  return count;
}

void take_arguments(char** to, const char* first, va_list list) noexcept {
  for (const char* argument = first; argument != nullptr; argument = va_arg(list, const char*)) {
    *to++ = const_cast<char*>(argument);
  }
  *to = nullptr;
}

template <typename Call>
int spawn_with(const char* name, ExecTarget target, char* const* envp, Call call) noexcept {
  if (is_refused(name, target)) return EPERM;
  return exec_with(envp, call);
}

}  // namespace
}  // namespace ztshim

// argv on the stack; the macro because va_list and alloca belong to the function that has them.
#define ZTSHIM_TAKE_ARGUMENTS(argv, list, first)                                                 \
  va_list list;                                                                                  \
  va_start(list, first);                                                                         \
  const std::size_t list##_count = ztshim::count_arguments(first, list);                         \
  va_end(list);                                                                                  \
  auto** const argv = static_cast<char**>(__builtin_alloca((list##_count + 1) * sizeof(char*))); \
  va_start(list, first);                                                                         \
  ztshim::take_arguments(argv, first, list)

extern "C" ZTSHIM_HOOK int execve(const char* path, char* const argv[],
                                  char* const envp[]) noexcept {
  return ztshim::exec_path(path, argv, envp);
}

extern "C" ZTSHIM_HOOK int execv(const char* path, char* const argv[]) noexcept {
  return ztshim::exec_path(path, argv, environ);
}

extern "C" ZTSHIM_HOOK int execvp(const char* name, char* const argv[]) noexcept {
  return ztshim::exec_name(name, argv, environ);
}

extern "C" ZTSHIM_HOOK int execvpe(const char* name, char* const argv[],
                                   char* const envp[]) noexcept {
  return ztshim::exec_name(name, argv, envp);
}

extern "C" ZTSHIM_HOOK int execl(const char* path, const char* first, ...) noexcept {
  ZTSHIM_TAKE_ARGUMENTS(argv, list, first);
  va_end(list);
  return ztshim::exec_path(path, argv, environ);
}

extern "C" ZTSHIM_HOOK int execlp(const char* name, const char* first, ...) noexcept {
  ZTSHIM_TAKE_ARGUMENTS(argv, list, first);
  va_end(list);
  return ztshim::exec_name(name, argv, environ);
}

extern "C" ZTSHIM_HOOK int execle(const char* path, const char* first, ...) noexcept {
  ZTSHIM_TAKE_ARGUMENTS(argv, list, first);
  char* const* const envp = va_arg(list, char* const*);  // after the NULL that ends the arguments
  va_end(list);
  return ztshim::exec_path(path, argv, envp);
}

extern "C" ZTSHIM_HOOK int fexecve(int fd, char* const argv[], char* const envp[]) noexcept {
  using namespace ztshim;
  if (Inside::active()) return real().fexecve(fd, argv, envp);
  if (must_look(envp) && is_refused("a program", exec_target(fd, "", true))) {
    return fail(std::errc::operation_not_permitted);
  }
  leave_service();
  return exec_with(envp, [&](char* const* lines) { return real().fexecve(fd, argv, lines); });
}

extern "C" ZTSHIM_HOOK int execveat(int directory, const char* path, char* const argv[],
                                    char* const envp[], int flags) noexcept {
  using namespace ztshim;
  if (Inside::active()) return real().execveat(directory, path, argv, envp, flags);
  const bool is_descriptor = (flags & AT_EMPTY_PATH) != 0 && path != nullptr && *path == '\0';
  if (must_look(envp) && is_refused(path, exec_target(directory, path, is_descriptor))) {
    return fail(std::errc::operation_not_permitted);
  }
  leave_service();
  return exec_with(envp, [&](char* const* lines) {
    return real().execveat(directory, path, argv, lines, flags);
  });
}

// These answer with an errno and leave errno alone.
extern "C" ZTSHIM_HOOK int posix_spawn(pid_t* pid, const char* path,
                                       const posix_spawn_file_actions_t* actions,
                                       const posix_spawnattr_t* attributes, char* const argv[],
                                       char* const envp[]) {
  using namespace ztshim;
  if (Inside::active()) return real().posix_spawn(pid, path, actions, attributes, argv, envp);
  const ExecTarget target =
      must_look(envp) ? exec_target(AT_FDCWD, path, false) : ExecTarget::Loads;
  return spawn_with(path, target, envp, [&](char* const* lines) {
    return real().posix_spawn(pid, path, actions, attributes, argv, lines);
  });
}

extern "C" ZTSHIM_HOOK int posix_spawnp(pid_t* pid, const char* name,
                                        const posix_spawn_file_actions_t* actions,
                                        const posix_spawnattr_t* attributes, char* const argv[],
                                        char* const envp[]) {
  using namespace ztshim;
  if (Inside::active()) return real().posix_spawnp(pid, name, actions, attributes, argv, envp);
  const ExecTarget target = must_look(envp) ? exec_target_in_path(name) : ExecTarget::Loads;
  return spawn_with(name, target, envp, [&](char* const* lines) {
    return real().posix_spawnp(pid, name, actions, attributes, argv, lines);
  });
}
