#include "service/host/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "service/host/clock.h"

namespace ztshim::host {
namespace {

class Calls final : public Watcher {
 public:
  explicit Calls(std::function<void()> then = [] {}) : then_(std::move(then)) {}
  void on_ready(std::uint32_t events) override {
    ++count;
    last_events = events;
    then_();
  }
  int count = 0;
  std::uint32_t last_events = 0;

 private:
  std::function<void()> then_;
};

struct Pair {
  Pair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0) {
      near.reset(fds[0]);
      far.reset(fds[1]);
    }
  }
  void make_readable() const { EXPECT_EQ(write(far.get(), "x", 1), 1); }
  UniqueFd near, far;
};

std::unique_ptr<EventLoop> make_loop(std::chrono::microseconds spin = {}) {
  auto loop = EventLoop::make({spin});
  EXPECT_TRUE(loop) << loop.error();
  return std::move(*loop);
}

TEST(EventLoop, CallsTheWatcherOfAReadyDescriptor) {
  const auto loop = make_loop();
  const Pair pair;
  Calls calls;
  ASSERT_NE(loop->watch(pair.near.get(), EPOLLIN, calls), 0U);
  pair.make_readable();
  EXPECT_EQ(loop->turn(kNever), 1U);
  EXPECT_EQ(calls.count, 1);
  EXPECT_EQ(calls.last_events, static_cast<std::uint32_t>(EPOLLIN));
}

// Both are ready in the same batch; whoever comes first ends the other's watch, whose event has
// been collected already and must not arrive.
TEST(EventLoop, DeliversNothingForAWatchEndedEarlierInTheSameTurn) {
  const auto loop = make_loop();
  const Pair one, two;
  Poller::WatchId first = 0, second = 0;
  Calls on_first([&] { loop->unwatch(second); });
  Calls on_second([&] { loop->unwatch(first); });
  first = loop->watch(one.near.get(), EPOLLIN, on_first);
  second = loop->watch(two.near.get(), EPOLLIN, on_second);
  one.make_readable();
  two.make_readable();
  EXPECT_EQ(loop->turn(kNever), 1U);
  EXPECT_EQ(on_first.count + on_second.count, 1);
}

// The descriptor's number is taken by another one within the turn: the old event must not reach the
// new watcher.
TEST(EventLoop, DoesNotMistakeAReusedDescriptorForTheOldOne) {
  const auto loop = make_loop();
  const Pair trigger;
  Pair old;
  const Pair fresh;
  Calls on_new, on_old;
  Poller::WatchId old_watch = 0;
  Calls on_trigger([&] {
    loop->unwatch(old_watch);
    const int number = old.near.get();
    ASSERT_EQ(dup2(fresh.near.get(), number), number);
    ASSERT_NE(loop->watch(number, EPOLLIN, on_new), 0U);
  });
  // Served first, so that the old event is surely still pending.
  loop->watch_first(trigger.near.get(), EPOLLIN, on_trigger);
  old_watch = loop->watch(old.near.get(), EPOLLIN, on_old);
  trigger.make_readable();
  old.make_readable();
  EXPECT_EQ(loop->turn(kNever), 1U);
  EXPECT_EQ(on_old.count, 0);
  EXPECT_EQ(on_new.count, 0);
}

TEST(EventLoop, ServesUrgentWatchersBeforeAllOthers) {
  const auto loop = make_loop();
  const Pair one, two;
  std::string order;
  Calls ordinary([&] { order += 'o'; });
  Calls urgent([&] { order += 'u'; });
  loop->watch(one.near.get(), EPOLLIN, ordinary);
  loop->watch_first(two.near.get(), EPOLLIN, urgent);
  one.make_readable();
  two.make_readable();
  EXPECT_EQ(loop->turn(kNever), 2U);
  EXPECT_EQ(order, "uo");
}

TEST(EventLoop, ChangedInterestTakesEffect) {
  const auto loop = make_loop();
  const Pair pair;
  Calls calls;
  const auto id = loop->watch(pair.near.get(), EPOLLIN, calls);
  loop->change(id, EPOLLOUT);
  EXPECT_EQ(loop->turn(kNever), 1U);
  EXPECT_EQ(calls.last_events, static_cast<std::uint32_t>(EPOLLOUT));
}

TEST(EventLoop, ReturnsAtTheDeadlineAndNotBefore) {
  const auto loop = make_loop();
  const Time deadline = loop->now() + Duration(20);
  while (loop->now() < deadline) EXPECT_EQ(loop->turn(deadline), 0U);
  EXPECT_GE(read_clocks().time, deadline);
}

TEST(EventLoop, PollsOnlyAsLongAsItMayAndStillMeetsTheDeadline) {
  const auto loop = make_loop(std::chrono::microseconds(2000));
  const Pair pair;
  Calls calls;
  const auto id = loop->watch(pair.near.get(), EPOLLIN, calls);
  pair.make_readable();
  EXPECT_EQ(loop->turn(kNever), 1U);
  loop->unwatch(id);
  const Time deadline = loop->now() + Duration(10);
  while (loop->now() < deadline) loop->turn(deadline);
  EXPECT_EQ(calls.count, 1);
}

TEST(EventLoop, AnotherThreadEndsTheWait) {
  const auto loop = make_loop();
  std::thread other([&] { loop->wake(); });
  EXPECT_EQ(loop->turn(kNever), 0U);
  other.join();
}

TEST(EventLoop, AWakeUpBeforeTheTurnIsNotLostAndNotRepeated) {
  const auto loop = make_loop();
  loop->wake();
  loop->wake();
  EXPECT_EQ(loop->turn(kNever), 0U);
  const Time deadline = loop->now() + Duration(5);
  while (loop->now() < deadline) loop->turn(deadline);
  EXPECT_GE(read_clocks().time, deadline);
}

TEST(EventLoop, RefusesWhatEpollCannotWaitFor) {
  const auto loop = make_loop();
  Calls calls;
  EXPECT_EQ(loop->watch(-1, EPOLLIN, calls), 0U);
  loop->change(12345, EPOLLIN);  // unknown ids are harmless
  loop->unwatch(12345);
}

}  // namespace
}  // namespace ztshim::host
