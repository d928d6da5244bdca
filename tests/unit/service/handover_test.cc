// The copy of a process: what the original notices of it (nothing), and what the copy keeps.
#include "service/handover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "common/internal_fds.h"
#include "common/unique_fd.h"
#include "service/host/event_loop.h"
#include "service/life_line.h"

namespace ztshim::test {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  UniqueFd reading, writing;
};

std::atomic<int> children_that_ended{0};

// What the copy finds out about itself goes through the pipe.
struct Report {
  pid_t session, self;
  bool has_foreign_fd, has_own_fd;
};
struct Told {
  int report, foreign, own;
};

void tell(void* argument) {
  const auto& told = *static_cast<Told*>(argument);
  settle_in_copy([](int) {});
  const Report report{getsid(0), getpid(), fcntl(told.foreign, F_GETFD) >= 0,
                      fcntl(told.own, F_GETFD) >= 0};
  [[maybe_unused]] const ssize_t written = write(told.report, &report, sizeof report);
  _exit(0);
}

TEST(Copy, IsNobodysChildAndKeepsWhatIsOursAlone) {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) { ++children_that_ended; };
  ASSERT_EQ(sigaction(SIGCHLD, &action, &before), 0);
  Pipe pipe, foreign;
  const UniqueFd own(keep_internal_fd(dup(foreign.reading.get())));
  const UniqueFd report_fd(keep_internal_fd(pipe.writing.release()));
  Told told{report_fd.get(), foreign.writing.get(), own.get()};
  const auto copy = make_copy(tell, &told);
  ASSERT_TRUE(copy);
  Report report{};
  ASSERT_EQ(read(pipe.reading.get(), &report, sizeof report), static_cast<ssize_t>(sizeof report));
  EXPECT_EQ(report.self, *copy);
  EXPECT_EQ(report.session, *copy);
  EXPECT_FALSE(report.has_foreign_fd);
  EXPECT_TRUE(report.has_own_fd);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(children_that_ended, 0);
  sigaction(SIGCHLD, &before, nullptr);
}

TEST(LifeLine, HangsUpWhenTheLastForkHasEnded) {
  const auto loop = *host::EventLoop::make({});
  LifeLine line;
  line.open();
  Pipe until;
  const pid_t fork_of_host = fork();
  if (fork_of_host == 0) {
    close_internal_fds_after_fork();
    until.writing.reset();
    char byte;
    [[maybe_unused]] const ssize_t got = read(until.reading.get(), &byte, 1);
    _exit(0);
  }
  close_internal_fds_of(FdUse::LifeLine);  // as the copy does
  line.watch(*loop);
  loop->turn(loop->now());
  EXPECT_TRUE(line.is_held());
  until.writing.reset();
  while (line.is_held()) loop->turn(loop->now() + Duration(10'000));
  ASSERT_EQ(waitpid(fork_of_host, nullptr, 0), fork_of_host);
}

TEST(LifeLine, IsNotHeldByNobody) {
  const auto loop = *host::EventLoop::make({});
  LifeLine line;
  line.open();
  close_internal_fds_of(FdUse::LifeLine);
  line.watch(*loop);
  loop->turn(loop->now() + Duration(10'000));
  EXPECT_FALSE(line.is_held());
}

}  // namespace
}  // namespace ztshim::test
