// close, dup, fcntl and their like: what programs do to descriptors without knowing that some of
// them are ours.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <vector>

#include "common/internal_fds.h"
#include "shim/virtual_fd.h"
#include "tests/unit/shim/inet.h"

namespace ztshim::test {
namespace {

std::vector<int> internal_fds() {
  std::vector<int> found;
  for (int fd = next_internal_fd(0); fd >= 0; fd = next_internal_fd(fd + 1)) found.push_back(fd);
  return found;
}

// Everything an application may do with the network, once.
void expect_everything_works() {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  const UniqueFd server = accepted_from(listener);
  ASSERT_EQ(write(client.get(), "works", 5), 5);
  EXPECT_EQ(read_all(server, 5), "works");
}

// In the process that hosts the service: most of what is ours belongs to it.
class Descriptors : public ::testing::Test {
 protected:
  void SetUp() override {
    expect_everything_works();
    ASSERT_FALSE(internal_fds().empty());
  }
};

TEST_F(Descriptors, OfOursLookFree) {
  for (const int fd : internal_fds()) {
    SCOPED_TRACE(fd);
    EXPECT_GE(fd, 64);
    const auto expect_bad = [](int result) {
      EXPECT_EQ(result, -1);
      EXPECT_EQ(errno, EBADF);
    };
    expect_bad(close(fd));
    expect_bad(dup(fd));
    expect_bad(dup2(fd, 50));
    expect_bad(dup2(fd, fd));
    expect_bad(dup3(fd, 50, O_CLOEXEC));
    expect_bad(fcntl(fd, F_GETFD));
    expect_bad(fcntl(fd, F_GETFL));
    expect_bad(fcntl(fd, F_SETFD, 0));
    expect_bad(fcntl(fd, F_DUPFD, 3));
  }
  expect_everything_works();
}

TEST_F(Descriptors, SurviveALoopThatClosesEverything) {
  const UniqueFd mine(open("/dev/null", O_RDONLY));
  for (int fd = 3; fd < 65'536; ++fd) close(fd);
  EXPECT_EQ(fcntl(mine.get(), F_GETFD), -1);
  expect_everything_works();
}

TEST_F(Descriptors, SurviveCloseRange) {
  const int mine = open("/dev/null", O_RDONLY);
  const int high = fcntl(mine, F_DUPFD, internal_fds().back() + 1);
  errno = 4711;
  EXPECT_EQ(close_range(static_cast<unsigned>(mine), ~0U, 0), 0);
  EXPECT_EQ(errno, 4711);
  EXPECT_EQ(fcntl(mine, F_GETFD), -1);
  if (high >= 0) {
    EXPECT_EQ(fcntl(high, F_GETFD), -1);
  }
  expect_everything_works();
}

TEST_F(Descriptors, SurviveCloseRangeOfOneOfThem) {
  const auto one = static_cast<unsigned>(internal_fds().front());
  EXPECT_EQ(close_range(one, one, 0), 0);
  expect_everything_works();
}

TEST_F(Descriptors, SurviveCloseRangeThatMarks) {
  const UniqueFd mine(open("/dev/null", O_RDONLY));
  EXPECT_EQ(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
  EXPECT_EQ(fcntl(mine.get(), F_GETFD), FD_CLOEXEC);
  expect_everything_works();
}

TEST_F(Descriptors, SurviveCloseRangeInATableOfItsOwn) {
  const pid_t child = fork();
  if (child == 0) {
    const UniqueFd before = stream_socket();
    const int error = close_range(3, ~0U, CLOSE_RANGE_UNSHARE);
    const bool is_closed = fcntl(before.get(), F_GETFD) == -1;
    const UniqueFd after = stream_socket();
    _exit(error == 0 && is_closed && virtual_socket(after.get()) ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Descriptors, LeaveWrongRangesToTheKernel) {
  EXPECT_EQ(close_range(9, 3, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(close_range(3, 9, 1 << 20), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(Descriptors, SurviveCloseFrom) {
  const int mine = open("/dev/null", O_RDONLY);
  closefrom(mine);
  EXPECT_EQ(fcntl(mine, F_GETFD), -1);
  expect_everything_works();
}

// Every file of the service and of our connections is pushed away from its number, and then again
// from the next one.
TEST_F(Descriptors, MoveAwayFromWhatIsPutInTheirPlace) {
  const UniqueFd mine(open("/dev/null", O_RDONLY));
  for (int round = 0; round < 2; ++round) {
    std::vector<int> taken;
    for (const int fd : internal_fds()) {
      SCOPED_TRACE(fd);
      ASSERT_EQ(round == 0 ? dup2(mine.get(), fd) : dup3(mine.get(), fd, 0), fd);
      EXPECT_EQ(fcntl(fd, F_GETFD), 0) << "the application's now";
      taken.push_back(fd);
    }
    expect_everything_works();
    for (const int fd : taken) EXPECT_EQ(close(fd), 0);
    expect_everything_works();
  }
}

TEST_F(Descriptors, StayWhenTheCallFailsAnyway) {
  const UniqueFd ours(keep_internal_fd(open("/dev/null", O_RDONLY)));
  const int number = ours.get();
  EXPECT_EQ(dup2(1 << 20, number), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(ours.get(), number);
  EXPECT_TRUE(is_internal_fd(number));
}

// The way of sandboxes: not one new descriptor from here on, but what there is goes on.
TEST_F(Descriptors, AreNotNeededAnewUnderALimitOfNothing) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit nothing{0, 0};
    if (setrlimit(RLIMIT_NOFILE, &nothing) != 0) _exit(1);
    if (port_of(listener) == 0) _exit(2);
    const int on = 1;
    if (setsockopt(listener.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) _exit(3);
    _exit(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EMFILE ? 0 : 4);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Descriptors, MayBeDuplicatedIfTheyAreVirtual) {
  const UniqueFd fd = stream_socket();
  const auto name = virtual_socket(fd.get());
  const UniqueFd copies[] = {UniqueFd(dup(fd.get())), UniqueFd(dup2(fd.get(), 60)),
                             UniqueFd(dup3(fd.get(), 61, O_CLOEXEC)),
                             UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 62))};
  for (const UniqueFd& copy : copies) EXPECT_EQ(virtual_socket(copy.get()), name);
  EXPECT_EQ(fcntl(copies[2].get(), F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace ztshim::test
