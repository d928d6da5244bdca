// Children that the home's socket is out of reach for: they talk through what they inherited.
#include "shim/capability.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <functional>

#include "common/internal_fds.h"
#include "common/real.h"
#include "common/rpc_capability.h"
#include "common/rpc_channel.h"
#include "shim/virtual_fd.h"
#include "tests/unit/shim/inet.h"
#include "tests/unit/shim/local_service.h"

namespace ztshim::test {
namespace {

constexpr uid_t kNobody = 65'534;
constexpr int kSkipped = 77;

// A child that does `leave` (false: not possible here) and then uses the network as anybody would.
class InChild : public ::testing::Test {
 protected:
  void talks_after(const std::function<bool()>& leave, bool is_cut_off = true) {
    const UniqueFd listener = listener_on(kOwnAddress);
    const int port = port_of(listener);
    const pid_t child = fork();
    if (child == 0) {
      if (!leave()) _exit(kSkipped);
      // What the test is about: there is no other way to the service.
      if (is_cut_off && rpc::connect_to_service(home().c_str())) _exit(2);
      const UniqueFd client = stream_socket();
      if (!virtual_socket(client.get())) _exit(3);
      if (connect_to(client, kOwnAddress, port) != 0) _exit(4);
      _exit(write(client.get(), "here", 4) == 4 ? 0 : 5);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "not allowed here";
    ASSERT_EQ(WEXITSTATUS(status), 0);
    const UniqueFd server = accepted_from(listener);
    EXPECT_EQ(read_all(server, 4), "here");
  }
};

bool write_file(const char* path, const char* text) {
  const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
  const std::string line(text);
  return write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

// An empty root, which has no name any more already.
bool leave_nothing_but(const char* folder) {
  return chdir(folder) == 0 && rmdir(folder) == 0 && chroot(".") == 0;
}

bool become_nobody() {
  return setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0;
}

TEST_F(InChild, ThatIsAnotherUser) { talks_after(become_nobody); }

TEST_F(InChild, InAnotherRoot) {
  talks_after([] {
    char folder[] = "/tmp/ztshim-root-XXXXXX";
    if (mkdtemp(folder) == nullptr) return false;
    return leave_nothing_but(folder);
  });
}

// The home is covered by an empty file system.
TEST_F(InChild, InAUserAndAMountNamespace) {
  talks_after([] {
    const std::string map = "0 " + std::to_string(geteuid()) + " 1";
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) return false;
    return write_file("/proc/self/uid_map", map.c_str()) &&
           mount("none", home().c_str(), "tmpfs", 0, nullptr) == 0;
  });
}

TEST_F(InChild, InAnotherRootAsNobodyInNamespaces) {
  talks_after([] {
    char folder[] = "/tmp/ztshim-root-XXXXXX";
    if (mkdtemp(folder) == nullptr) return false;
    return leave_nothing_but(folder) && unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0 &&
           become_nobody();
  });
}

TEST_F(InChild, ThatClosedEverything) {
  talks_after(
      [] {
        closefrom(3);
        return close_range(3, ~0U, 0) == 0;
      },
      false);
}

TEST_F(InChild, ThatIsTheGrandchildOfOneWhoHasLeft) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const int port = port_of(listener);
  int report[2];
  ASSERT_EQ(pipe2(report, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    // As daemons do, with the name of the home's socket gone as well.
    const UniqueFd mine = stream_socket();
    if (fork() != 0) _exit(0);
    const UniqueFd client = stream_socket();
    const bool works = connect_to(client, kOwnAddress, port) == 0;
    [[maybe_unused]] const ssize_t told = write(report[1], works ? "y" : "n", 1);
    _exit(0);
  }
  close(report[1]);
  waitpid(child, nullptr, 0);
  char answer = 0;
  EXPECT_EQ(read(report[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  close(report[0]);
}

TEST(Capability, IsTheOneThingAForkKeeps) {
  const UniqueFd fd = stream_socket();
  const int held = capability::current();
  ASSERT_GE(held, 64);
  const pid_t child = fork();
  if (child == 0) {
    const bool is_alone = next_internal_fd(0) == held && next_internal_fd(held + 1) == -1;
    _exit(is_alone && capability::current() == held ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Capability, MovesWhenItsNumberIsWanted) {
  const UniqueFd fd = stream_socket();
  const int held = capability::current();
  const auto name = rpc::CapabilityName::of(held);
  ASSERT_TRUE(name);
  ASSERT_EQ(dup2(0, held), held);
  EXPECT_NE(capability::current(), held);
  EXPECT_EQ(rpc::CapabilityName::of(capability::current()), name);
  EXPECT_EQ(close(held), 0);
}

TEST(Capability, IsOpenOverAnExecAloneAndOfManyThreadsLast) {
  const UniqueFd fd = stream_socket();
  const int held = capability::current();
  const auto flags = [&] { return real().fcntl(held, F_GETFD); };
  EXPECT_EQ(flags(), FD_CLOEXEC);
  {
    const capability::PassOn one;
    EXPECT_EQ(one.fd(), held);
    EXPECT_EQ(flags(), 0);
    { const capability::PassOn two; }
    EXPECT_EQ(flags(), 0);
  }
  EXPECT_EQ(flags(), FD_CLOEXEC);
}

// What else comes through it is dropped, and the service goes on.
TEST(Capability, BringsConnectionsAndNothingElse) {
  const UniqueFd fd = stream_socket();
  const int held = capability::current();
  const UniqueFd file(open("/dev/null", O_RDONLY));
  const std::uint8_t byte = 0;
  ASSERT_TRUE(rpc::send_message(held, ByteView(&byte, 1), file.get()));
  ASSERT_TRUE(rpc::send_message(held, ByteView(&byte, 1)));
  auto connection = rpc::mint(held);
  ASSERT_TRUE(connection);
  EXPECT_TRUE(rpc::send_message(connection->get(), as_bytes("no request at all")));
  std::uint8_t answer = 0;
  const auto got =
      rpc::receive_message(connection->get(), MutableBytes(&answer, 1), rpc::Descriptors::Refuse);
  EXPECT_TRUE(!got || got->size == 0) << "cut off";
  EXPECT_TRUE(rpc::mint(held));
  EXPECT_TRUE(virtual_socket(stream_socket().get()));
}

// A holder that breaks the rules of the capability itself loses it, for all who share it.
TEST(Capability, EndsWithLongMessages) {
  const pid_t child = fork();
  if (child == 0) {
    const UniqueFd fd = stream_socket();
    const auto name = rpc::CapabilityName::of(capability::current());
    _exit(name ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const UniqueFd fd = stream_socket();
  const int held = capability::current();
  ASSERT_TRUE(rpc::send_message(held, as_bytes("long")));
  // From the home's socket the next one comes.
  while (rpc::mint(held)) {
  }
  const pid_t other = fork();
  if (other == 0) _exit(virtual_socket(stream_socket().get()) ? 0 : 1);
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(virtual_socket(stream_socket().get()));
}

}  // namespace
}  // namespace ztshim::test
