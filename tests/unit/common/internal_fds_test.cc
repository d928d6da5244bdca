#include "common/internal_fds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "common/unique_fd.h"

namespace ztshim {
namespace {

int open_null() { return ::open("/dev/null", O_RDONLY); }

TEST(InternalFds, LiveHighAndLeaveTheLowNumberFree) {
  const int low = open_null();
  const int kept = keep_internal_fd(low);
  const UniqueFd owner(kept);
  EXPECT_GE(kept, 64);
  EXPECT_TRUE(is_internal_fd(kept));
  EXPECT_FALSE(is_internal_fd(low));
  EXPECT_EQ(fcntl(kept, F_GETFD), FD_CLOEXEC);
  const UniqueFd again(open_null());
  EXPECT_EQ(again.get(), low);
}

TEST(InternalFds, AreForgottenWithTheirOwner) {
  int kept = -1;
  {
    const UniqueFd owner(keep_internal_fd(open_null()));
    kept = owner.get();
  }
  EXPECT_FALSE(is_internal_fd(kept));
  EXPECT_EQ(fcntl(kept, F_GETFD), -1);
}

TEST(InternalFds, PassErrorsOn) {
  errno = EMFILE;
  EXPECT_EQ(keep_internal_fd(-1), -1);
  EXPECT_EQ(errno, EMFILE);
  EXPECT_FALSE(is_internal_fd(-1));
  EXPECT_FALSE(is_internal_fd(1 << 30));
}

TEST(InternalFds, StayWhereTheyAreUnderALowLimit) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int fd = open_null();
  const rlimit low{static_cast<rlim_t>(fd) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const UniqueFd kept(keep_internal_fd(fd));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(kept.get(), fd);
  EXPECT_TRUE(is_internal_fd(fd));
}

TEST(InternalFds, StayOutOfTheFirstTenUnderALowLimit) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int fd = open_null();
  const rlimit low{48, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const UniqueFd kept(keep_internal_fd(fd));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_GE(kept.get(), 10);
  EXPECT_LT(kept.get(), 48);
}

TEST(InternalFds, AreFoundInOrder) {
  const UniqueFd one(keep_internal_fd(open_null()));
  const UniqueFd two(keep_internal_fd(open_null()));
  const int low = std::min(one.get(), two.get()), high = std::max(one.get(), two.get());
  EXPECT_EQ(next_internal_fd(0), low);
  EXPECT_EQ(next_internal_fd(low), low);
  EXPECT_EQ(next_internal_fd(low + 1), high);
  EXPECT_EQ(next_internal_fd(high + 1), -1);
}

TEST(InternalFds, MoveAndAreNoLongerOursAtTheOldNumber) {
  UniqueFd first(keep_internal_fd(open_null()));
  const int before = first.get();
  UniqueFd owner(std::move(first));  // the note about the holder follows it
  ASSERT_NE(holder_of(before), nullptr);
  const int moved = move_internal_fd(before);
  ASSERT_GE(moved, 0);
  EXPECT_FALSE(is_internal_fd(before));
  EXPECT_TRUE(is_internal_fd(moved));
  EXPECT_EQ(fcntl(before, F_GETFD), FD_CLOEXEC) << "still open: nobody else can get the number";
  close(before);
  const UniqueFd other(moved);
  EXPECT_EQ(owner.release(), before);
}

TEST(InternalFds, AreClosedInAForkedChildAndNothingElseIs) {
  const UniqueFd kept(keep_internal_fd(open_null()));
  const UniqueFd other(open_null());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close_internal_fds_after_fork();
    const bool is_right = fcntl(kept.get(), F_GETFD) == -1 && fcntl(other.get(), F_GETFD) != -1 &&
                          !is_internal_fd(kept.get());
    _exit(is_right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(is_internal_fd(kept.get()));
}

}  // namespace
}  // namespace ztshim
