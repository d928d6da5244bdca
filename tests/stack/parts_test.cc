// The parts of the stack that need no lwIP running: the receive window's growth, error numbers.
#include <gtest/gtest.h>

#include "service/stack/lwip_error.h"
#include "service/stack/receive_window.h"
#include "service/stack/token_bucket.h"

namespace ztshim::stack {
namespace {

using std::chrono::milliseconds;

// The application takes a full window in every round trip for as long as that makes the window
// grow.
std::size_t grown(Duration round_trip, std::size_t limit) {
  ReceiveWindow window;
  Time now{Duration{100}};
  window.open(now, round_trip, limit);
  for (int i = 0; i < 50; ++i) {
    now += std::max(round_trip, Duration{1});
    window.on_taken(now, window.size());
  }
  return window.size();
}

TEST(ReceiveWindow, GrowsToTheLimitOnALongPath) {
  EXPECT_EQ(grown(milliseconds{50}, ReceiveWindow::kMost), ReceiveWindow::kMost);
}

TEST(ReceiveWindow, StaysAtItsStartOnAPathShorterThanAMillisecond) {
  EXPECT_EQ(grown(milliseconds{0}, ReceiveWindow::kMost), ReceiveWindow::kStart);
}

TEST(ReceiveWindow, GrowsInProportionToAShortPath) {
  EXPECT_EQ(grown(milliseconds{3}, ReceiveWindow::kMost), ReceiveWindow::kStart * 4);
}

TEST(ReceiveWindow, NeverExceedsTheApplicationsBuffer) {
  EXPECT_EQ(grown(milliseconds{50}, 100'000), 100'000U);
  EXPECT_EQ(grown(milliseconds{50}, 700'000), 700'000U);
}

TEST(ReceiveWindow, DoesNotGrowForASlowReader) {
  ReceiveWindow window;
  Time now{Duration{100}};
  window.open(now, milliseconds{20}, ReceiveWindow::kMost);
  for (int i = 0; i < 100; ++i) {
    now += milliseconds{20};
    EXPECT_EQ(window.on_taken(now, 10'000), 0U);
  }
  EXPECT_EQ(window.size(), ReceiveWindow::kStart);
}

TEST(TokenBucket, GivesABurstAndThenItsRate) {
  TokenBucket bucket(1000, 50);
  Time now{Duration{5000}};
  const auto taken = [&] {
    int count = 0;
    while (bucket.take(now)) ++count;
    return count;
  };
  EXPECT_EQ(taken(), 50);
  now += Duration{3};
  EXPECT_EQ(taken(), 3);
  now += Duration{3'600'000};
  EXPECT_EQ(taken(), 50) << "idle time is not saved up";
}

TEST(LwipError, MeansRefusedOrResetByPhase) {
  EXPECT_EQ(errno_of(-14, Phase::Connecting), std::errc::connection_refused);
  EXPECT_EQ(errno_of(-14, Phase::Established), std::errc::connection_reset);
  EXPECT_EQ(errno_of(-13, Phase::Connecting), std::errc::timed_out);
  EXPECT_EQ(errno_of(-4, Phase::Connecting), std::errc::network_unreachable);
  EXPECT_EQ(errno_of(-8, Phase::Connecting), std::errc::address_in_use);
  EXPECT_EQ(errno_of(-1, Phase::Established), std::errc::no_buffer_space);
  EXPECT_EQ(errno_of(0, Phase::Established), std::errc{});
}

}  // namespace
}  // namespace ztshim::stack
