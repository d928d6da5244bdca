// What becomes of the environment at an exec, which programs would lose the library, and that the
// hooks run where libc's own do: in vfork children, with argument lists of any length.
#include <fcntl.h>
#include <linux/capability.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/real.h"
#include "common/rpc_capability.h"
#include "shim/capability.h"
#include "shim/exec_environment.h"
#include "shim/exec_target.h"
#include "tests/unit/shim/inet.h"

namespace ztshim::test {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kPreload = "LD_PRELOAD=/lib/other.so:/opt/libztshim.so";

std::vector<char*> pointers(const Lines& lines) {
  std::vector<char*> all;
  for (const std::string& line : lines) all.push_back(const_cast<char*>(line.c_str()));
  all.push_back(nullptr);
  return all;
}

// As a process that was started with the library and one setting sees them.
class Environment : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const char* const before = std::getenv("LD_PRELOAD")) before_ = before;
    setenv("LD_PRELOAD", kPreload + std::string("LD_PRELOAD=").size(), 1);
    setenv("ZTSHIM_RPC_FD", "4711", 1);
    remember_environment();
    unsetenv("ZTSHIM_RPC_FD");
    unsetenv("LD_PRELOAD");
    if (!before_.empty()) setenv("LD_PRELOAD", before_.c_str(), 1);
  }
  void TearDown() override { remember_environment(); }

  static Lines built(const Lines& given, int capability = -1) {
    const auto lines = pointers(given);
    std::vector<char*> storage(ExecEnvironment::room_for(lines.data()));
    ExecEnvironment environment;
    Lines result;
    for (char* const* line = environment.build(lines.data(), storage.data(), capability);
         *line != nullptr; ++line) {
      result.emplace_back(*line);
    }
    return result;
  }
  static bool has(const Lines& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }
  static std::string home_line() {
    return std::string("ZTSHIM_HOME=") + std::getenv("ZTSHIM_HOME");
  }

 private:
  std::string before_;
};

TEST_F(Environment, ThatIsWholeStaysAsItIs) {
  const Lines whole{kPreload, "A=b", "ZTSHIM_HOME=/else", "A=b"};
  EXPECT_EQ(built(whole), whole);
  EXPECT_EQ(built({kPreload}), Lines{kPreload}) << "settings that the program took out";
}

TEST_F(Environment, ThatWasCleanedGetsEverythingBack) {
  const Lines repaired = built({"PATH=/bin"});
  EXPECT_EQ(repaired.front(), "PATH=/bin");
  EXPECT_TRUE(has(repaired, "LD_PRELOAD=/opt/libztshim.so")) << "ours, not the other one";
  EXPECT_TRUE(has(repaired, home_line()));
  EXPECT_FALSE(has(repaired, "ZTSHIM_RPC_FD=4711")) << "that number was an earlier exec's";
  EXPECT_TRUE(has(built({}), home_line()));
}

TEST_F(Environment, WithAnotherListHasBoth) {
  EXPECT_TRUE(has(built({"LD_PRELOAD=/lib/mine.so", home_line()}),
                  "LD_PRELOAD=/opt/libztshim.so:/lib/mine.so"));
  EXPECT_TRUE(has(built({"LD_PRELOAD=/lib/mine.so"}), "LD_PRELOAD=/opt/libztshim.so:/lib/mine.so"));
}

TEST_F(Environment, OfSomebodyWhoStoppedUsIsObeyed) {
  const Lines without{"PATH=/bin", home_line()};
  EXPECT_EQ(built(without, 900), without) << "env -u LD_PRELOAD program";
  const Lines emptied{"LD_PRELOAD=", home_line()};
  EXPECT_EQ(built(emptied, 900), emptied);
  const Lines disabled{"PATH=/bin", "ZTSHIM_DISABLE=1"};
  EXPECT_EQ(built(disabled, 900), disabled);
}

TEST_F(Environment, TellsTheNumberOfTheCapability) {
  const Lines told = built({kPreload, "ZTSHIM_RPC_FD=7", "A=b"}, 900);
  EXPECT_EQ(told, (Lines{kPreload, "A=b", "ZTSHIM_RPC_FD=900"}));
}

TEST_F(Environment, MayBeNone) {
  std::vector<char*> storage(ExecEnvironment::room_for(nullptr));
  ExecEnvironment environment;
  EXPECT_NE(environment.build(nullptr, storage.data(), -1), nullptr);
}

class Target : public ::testing::Test {
 protected:
  Target() {
    std::string pattern = "/tmp/ztshim-exec-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Target() override { std::filesystem::remove_all(folder_); }

  std::string copy_of_true(const char* name) {
    std::filesystem::copy_file("/bin/true", path(name));
    return path(name);
  }
  std::string file(const char* name, const std::string& text) {
    std::ofstream(path(name)) << text;
    chmod(path(name).c_str(), 0755);
    return path(name);
  }
  // A copy of /bin/true with other bytes in its header.
  std::string altered(const char* name, std::size_t at, char value) {
    std::ifstream from("/bin/true", std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(from)), {});
    bytes[at] = value;
    return file(name, bytes);
  }
  std::string path(const char* name) const { return folder_ + "/" + name; }
  static ExecTarget look(const std::string& at) { return exec_target(AT_FDCWD, at.c_str(), false); }

  std::string folder_;
};

TEST_F(Target, IsAnOrdinaryProgram) {
  EXPECT_EQ(look("/bin/true"), ExecTarget::Loads);
  EXPECT_EQ(exec_target_in_path("true"), ExecTarget::Loads);
}

TEST_F(Target, ThatDoesNotExistIsTheKernelsToJudge) {
  EXPECT_EQ(look(path("nothing")), ExecTarget::Loads);
  EXPECT_EQ(look(folder_), ExecTarget::Loads);
  EXPECT_EQ(look(file("text", "no program")), ExecTarget::Loads);
  EXPECT_EQ(look(file("empty", "")), ExecTarget::Loads);
  EXPECT_EQ(look(file("marks", "#!")), ExecTarget::Loads);
  EXPECT_EQ(look(file("blank", "#!  \n")), ExecTarget::Loads);
  EXPECT_EQ(look(file("short",
                      "\x7f"
                      "ELF")),
            ExecTarget::Loads);
  EXPECT_EQ(exec_target_in_path("no-such-program"), ExecTarget::Loads);
  EXPECT_EQ(exec_target(AT_FDCWD, nullptr, false), ExecTarget::Loads);
}

TEST_F(Target, ThatGainsPrivileges) {
  const std::string program = copy_of_true("su");
  if (geteuid() == 0 && chown(program.c_str(), 65'534, 65'534) != 0) GTEST_SKIP();
  chmod(program.c_str(), 04755);
  const bool is_own = geteuid() != 0;  // of our own user it gains nothing
  EXPECT_EQ(look(program), is_own ? ExecTarget::Loads : ExecTarget::RaisesPrivileges);
  chmod(program.c_str(), 02755);
  EXPECT_EQ(look(program), is_own ? ExecTarget::Loads : ExecTarget::RaisesPrivileges);
  chmod(program.c_str(), 02745);  // a mark for mandatory locking, not a right
  EXPECT_EQ(look(program), ExecTarget::Loads);
}

TEST_F(Target, WithCapabilitiesOfItsFile) {
  const std::string program = copy_of_true("capable");
  vfs_cap_data rights{};
  rights.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  rights.data[0].permitted = 1U << CAP_NET_BIND_SERVICE;
  if (setxattr(program.c_str(), "security.capability", &rights, XATTR_CAPS_SZ_2, 0) != 0) {
    GTEST_SKIP() << "not allowed here";
  }
  EXPECT_EQ(look(program), ExecTarget::Loads) << "root has them anyway";
  chmod(folder_.c_str(), 0755);
  const pid_t child = fork();
  if (child == 0) {
    if (setuid(65'534) != 0) _exit(2);
    _exit(look(program) == ExecTarget::RaisesPrivileges ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Target, OfAnotherMachine) {
  EXPECT_EQ(look(altered("class", 4, 1)), ExecTarget::OtherMachine);
  EXPECT_EQ(look(altered("machine", 18, 8)), ExecTarget::OtherMachine);
}

// The loader itself is the static program that every machine has.
TEST_F(Target, WithoutALoader) {
  const std::string loader = [] {
    for (const char* const at : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}) {
      if (access(at, X_OK) == 0) return std::string(at);
    }
    return std::string();
  }();
  if (loader.empty()) GTEST_SKIP() << "no loader at the known places";
  EXPECT_EQ(look(loader), ExecTarget::Loads) << "started by hand it loads what it is told";
  std::filesystem::copy_file(loader, path("static"));
  EXPECT_EQ(look(path("static")), ExecTarget::IsStatic);
}

TEST_F(Target, WithAnotherLibrarysLoader) {
  std::ifstream from("/bin/true", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(from)), {});
  const std::size_t at = bytes.find("/ld-linux");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 9, "/ld-musl-");
  EXPECT_EQ(look(file("musl", bytes)), ExecTarget::OtherLibrary);
}

TEST_F(Target, OfAScriptIsWhatInterpretsIt) {
  const std::string other = altered("other", 4, 1);
  EXPECT_EQ(look(file("one", "#!" + other + "\n")), ExecTarget::OtherMachine);
  EXPECT_EQ(look(file("two", "#! \t" + other + " -x\necho")), ExecTarget::OtherMachine);
  EXPECT_EQ(look(file("three", "#!" + path("two") + "\n")), ExecTarget::OtherMachine);
  EXPECT_EQ(look(file("four", "#!/bin/sh\n")), ExecTarget::Loads);
  EXPECT_EQ(look(file("endless", "#!" + path("endless") + "\n")), ExecTarget::Loads);
  const UniqueFd fd(open(path("two").c_str(), O_RDONLY));
  EXPECT_EQ(exec_target(fd.get(), "", true), ExecTarget::OtherMachine);
}

// ---- the calls themselves

struct Ended {
  int status = -1;
  std::string output;
};

// `start` turns the child into something that writes to standard output.
template <typename Start>
Ended in_vfork(Start start) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = vfork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    start();
    _exit(127);
  }
  close(ends[1]);
  Ended ended;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    ended.output.append(buffer, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  EXPECT_EQ(waitpid(child, &ended.status, 0), child);
  return ended;
}

char sh[] = "sh", dash_c[] = "-c";

TEST(Exec, EveryFormStartsItsProgram) {
  char say[] = "echo \"$0|$1|$X\"";
  char a[] = "a", b[] = "b", x[] = "X=y";
  char* const argv[] = {sh, dash_c, say, a, b, nullptr};
  char* const envp[] = {x, nullptr};
  const auto says = [](const char* text, auto start) {
    const Ended ended = in_vfork(start);
    EXPECT_EQ(ended.status, 0);
    EXPECT_EQ(ended.output, text);
  };
  unsetenv("X");
  says("a|b|\n", [&] { execv("/bin/sh", argv); });
  says("a|b|y\n", [&] { execve("/bin/sh", argv, envp); });
  says("a|b|\n", [&] { execvp("sh", argv); });
  says("a|b|y\n", [&] { execvpe("sh", argv, envp); });
  says("a|b|\n", [&] { execl("/bin/sh", sh, dash_c, say, a, b, nullptr); });
  says("a|b|\n", [&] { execlp("sh", sh, dash_c, say, a, b, nullptr); });
  says("a|b|y\n", [&] { execle("/bin/sh", sh, dash_c, say, a, b, nullptr, envp); });
  const UniqueFd shell(open("/bin/sh", O_PATH | O_CLOEXEC));
  says("a|b|y\n", [&] { fexecve(shell.get(), argv, envp); });
  says("a|b|y\n", [&] { execveat(shell.get(), "", argv, envp, AT_EMPTY_PATH); });
}

TEST(Exec, TakesArgumentListsOfAnyLength) {
  char say[] = "echo $#";
#define TEN sh, sh, sh, sh, sh, sh, sh, sh, sh, sh
  const Ended ended =
      in_vfork([&] { execl("/bin/sh", sh, dash_c, say, TEN, TEN, TEN, TEN, nullptr); });
#undef TEN
  EXPECT_EQ(ended.output, "39\n");
}

TEST(Exec, FailsAsTheKernelSays) {
  errno = 0;
  EXPECT_EQ(execl("/nonexistent", "x", nullptr), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(execl("/tmp", "x", nullptr), -1);
  EXPECT_EQ(errno, EACCES);
  char* const argv[] = {sh, nullptr};
  EXPECT_EQ(execve("/nonexistent", argv, nullptr), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(execvp("no-such-program", argv), -1);
  EXPECT_EQ(errno, ENOENT);
}

// The unit tests have the hooks in them and no library to preload, so the environment names one.
class Passing : public Environment {
 protected:
  static constexpr const char* kSee =
      "echo \"$ZTSHIM_RPC_FD\"; test -e /proc/self/fd/$ZTSHIM_RPC_FD && echo open";
};

TEST_F(Passing, ThroughExecAndClosedAgainHere) {
  const UniqueFd fd = stream_socket();
  const int held = capability::current();
  ASSERT_GE(held, 0);
  char see[256];
  std::snprintf(see, sizeof see, "%s", kSee);
  // The loader of the child complains about a library that is not there, on standard error.
  char preload[] = "LD_PRELOAD=/nonexistent/libztshim.so";
  char* const envp[] = {preload, nullptr};
  char* const argv[] = {sh, dash_c, see, nullptr};
  const std::string expected = std::to_string(held) + "\nopen\n";
  EXPECT_EQ(in_vfork([&] { execve("/bin/sh", argv, envp); }).output, expected);
  EXPECT_EQ(real().fcntl(held, F_GETFD), FD_CLOEXEC) << "the child's own table";

  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, "/bin/sh", &actions, nullptr, argv, envp), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  char buffer[64] = "";
  std::string output;
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    output.append(buffer, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(output, expected);
  EXPECT_EQ(real().fcntl(held, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(posix_spawn(&child, "/nonexistent", nullptr, nullptr, argv, envp), ENOENT);
  EXPECT_EQ(real().fcntl(held, F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace ztshim::test
