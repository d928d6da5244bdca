// Hooks in children, signal handlers, threads that are cancelled, and after the service has ended.
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "common/internal_fds.h"
#include "common/raw_syscall.h"
#include "common/rpc_channel.h"
#include "common/service_entry.h"
#include "shim/capability.h"
#include "shim/virtual_fd.h"
#include "tests/unit/shim/inet.h"

#ifdef __has_feature
#define ZTSHIM_HAS_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define ZTSHIM_HAS_ASAN 1
#else
#define ZTSHIM_HAS_ASAN 0
#endif

namespace ztshim::test {
namespace {

// Runs `body` in a child made by fork(); true when it returned true there.
template <typename Body>
bool in_fork(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ForkedChild, UsesTheParentsService) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const int port = port_of(listener);
  EXPECT_TRUE(in_fork([&] {
    const UniqueFd client = stream_socket();
    return connect_to(client, kOwnAddress, port) == 0 && write(client.get(), "child", 5) == 5 &&
           !is_hosting_service();
  }));
  const UniqueFd server = accepted_from(listener);
  EXPECT_EQ(read_all(server, 5), "child");
}

TEST(ForkedChild, HoldsTheParentsSocketsAsWithTcp) {
  const UniqueFd listener = listener_on(kOwnAddress);
  UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  const std::string name = name_by(getsockname, client);
  UniqueFd server = accepted_from(listener);
  EXPECT_TRUE(in_fork(
      [&] { return name_by(getsockname, client) == name && write(client.get(), "fork", 4) == 4; }));
  EXPECT_EQ(read_all(server, 4), "fork");
  client.reset();
  EXPECT_EQ(read_all(server, 1), "");  // the child's copy is gone, too
}

// Made by a raw system call, so that no fork handler runs.
TEST(RawFork, IsNoticedAtTheNextUse) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const int port = port_of(listener);
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    const UniqueFd client = stream_socket();
    _exit(connect_to(client, kOwnAddress, port) == 0 && !is_hosting_service() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(static_cast<pid_t>(child), &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(is_hosting_service());
  EXPECT_TRUE(virtual_socket(stream_socket().get()));
}

TEST(VforkChild, MayCallHooksAndLeavesTheParentIntact) {
  const UniqueFd fd = stream_socket();
  const std::string before = name_by(getsockname, fd);
  const pid_t child = vfork();
  if (child == 0) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    const int made = socket(AF_INET, SOCK_STREAM, 0);
    close(made);
    for (int number = 3; number < 4096; ++number) {
      if (number != fd.get()) close(number);
    }
    _exit(made >= 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(name_by(getsockname, fd), before);
  EXPECT_TRUE(virtual_socket(stream_socket().get()));
}

TEST(InternalDescriptors, AreOutOfReachOfClose) {
  const UniqueFd fd = stream_socket();
  int found = -1;
  for (int number = 0; number < 1 << 20 && found < 0; ++number) {
    if (is_internal_fd(number)) found = number;
  }
  ASSERT_GE(found, 64);
  EXPECT_EQ(close(found), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_NE(raw_syscall(SYS_fcntl, found, F_GETFD), -1);
}

// Somebody closed them all the same, and the numbers came back as other files.
TEST(InternalDescriptors, AreReplacedWhenTheyWereClosedBehindOurBack) {
  const UniqueFd fd = stream_socket();
  const std::string before = name_by(getsockname, fd);
  EXPECT_TRUE(in_fork([&] {
    const UniqueFd mine = stream_socket();
    std::vector<UniqueFd> others;
    for (int number = 0; number < 1 << 20; ++number) {
      if (!is_internal_fd(number)) continue;
      raw_syscall(SYS_close, number);
      raw_syscall(SYS_dup3, 0, number);
    }
    return name_by(getsockname, fd) == before && virtual_socket(stream_socket().get()).has_value();
  }));
}

std::atomic<int> handled{0};
std::atomic<int> wrong_in_handler{0};
int fd_for_handler = -1;

void call_hooks(int) {
  const int saved = errno;
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(fd_for_handler, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    ++wrong_in_handler;
  ++handled;
  errno = saved;
}

TEST(SignalHandler, MayCallHooksInTheMiddleOfHooks) {
  const UniqueFd fd = stream_socket();
  ASSERT_EQ(bind_to(fd, kOwnAddress, 0), 0);
  fd_for_handler = fd.get();
  const int port = port_of(fd);
  struct sigaction action {};
  action.sa_handler = call_hooks;
  action.sa_flags = SA_RESTART;
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
  const itimerval often{{0, 300}, {0, 300}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  handled = 0;
  while (handled < 300) ASSERT_EQ(port_of(fd), port);
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(wrong_in_handler, 0);
}

class Interrupted : public ::testing::Test {
 protected:
  void install(int flags) {
    struct sigaction action {};
    action.sa_handler = [](int) { ++handled; };
    action.sa_flags = flags;
    ASSERT_EQ(sigaction(SIGALRM, &action, &before_), 0);
    handled = 0;
  }
  void alarm_soon() {
    const itimerval soon{{0, 0}, {0, 100'000}};
    ASSERT_EQ(setitimer(ITIMER_REAL, &soon, nullptr), 0);
  }
  void TearDown() override { sigaction(SIGALRM, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

TEST_F(Interrupted, ConnectReturnsAndGoesOnByItself) {
  install(0);
  const UniqueFd client = stream_socket();
  alarm_soon();
  EXPECT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(fcntl(client.get(), F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EALREADY);
}

TEST_F(Interrupted, ConnectIsRestartedWhereTheHandlerSaysSo) {
  install(SA_RESTART);
  const UniqueFd client = stream_socket();
  alarm_soon();
  EXPECT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EHOSTUNREACH);
  EXPECT_EQ(handled, 1);
}

TEST_F(Interrupted, AcceptReturns) {
  install(0);
  const UniqueFd listener = listener_on(kOwnAddress);
  alarm_soon();
  EXPECT_EQ(accept(listener.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINTR);
}

TEST(TimeLimits, EndConnectAndAccept) {
  const timeval soon{0, 100'000};
  const UniqueFd client = stream_socket();
  ASSERT_EQ(setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon), 0);
  EXPECT_EQ(connect_to(client, kAbsentAddress, 80), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  const UniqueFd listener = listener_on(kOwnAddress);
  ASSERT_EQ(setsockopt(listener.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
  EXPECT_EQ(accept(listener.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
}

struct Waiting {
  UniqueFd fd;
  bool connects = false;
  std::atomic<bool> has_begun{false};
};

void* wait_in_hook(void* argument) {
  auto* const waiting = static_cast<Waiting*>(argument);
  waiting->has_begun = true;
  if (waiting->connects) {
    connect_to(waiting->fd, kAbsentAddress, 80);
  } else {
    accept(waiting->fd.get(), nullptr, nullptr);
  }
  return nullptr;
}

class Cancelled : public ::testing::TestWithParam<bool> {};

TEST_P(Cancelled, ThreadEndsInTheHookAndOthersGoOn) {
#if ZTSHIM_HAS_ASAN
  GTEST_SKIP() << "AddressSanitizer takes the stack that a cancellation unwinds for an overflow";
#endif
  // Many times: the request finds the thread at another place in the hook each time.
  for (int round = 0; round < 200; ++round) {
    Waiting waiting;
    waiting.connects = GetParam();
    waiting.fd = waiting.connects ? stream_socket() : listener_on(kOwnAddress);
    pthread_t thread{};
    ASSERT_EQ(pthread_create(&thread, nullptr, wait_in_hook, &waiting), 0);
    while (!waiting.has_begun) std::this_thread::yield();
    for (int i = 0; i < round; ++i) std::this_thread::yield();
    ASSERT_EQ(pthread_cancel(thread), 0);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    ASSERT_EQ(result, PTHREAD_CANCELED);
  }
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  EXPECT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
}
INSTANTIATE_TEST_SUITE_P(ConnectAndAccept, Cancelled, ::testing::Values(true, false));

TEST(Threads, ShareTheConnectionsToTheService) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 24; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const UniqueFd fd = stream_socket();
        if (bind_to(fd, kOwnAddress, 0) != 0 || port_of(fd) == 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Its socket still takes connections, and then it is gone: whoever has just connected asks the
// next.
TEST(EndedService, IsNotHeldAgainstWhoeverConnectedAtItsEnd) {
  const UniqueFd listener = listener_on(kOwnAddress);  // the next service: the home's own
  const std::string name = home() + "/service.sock", aside = home() + "/next.sock";
  ASSERT_EQ(rename(name.c_str(), aside.c_str()), 0);
  UniqueFd ending(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto address = rpc::ServiceAddress::in_home(home().c_str());
  ASSERT_TRUE(address);
  ASSERT_EQ(
      bind(ending.get(), reinterpret_cast<const sockaddr*>(&address->address), address->length), 0);
  ASSERT_EQ(listen(ending.get(), 1), 0);
  const pid_t child = fork();
  if (child == 0) {
    ending.reset();
    capability::drop();
    _exit(virtual_socket(stream_socket().get()) ? 0 : 1);
  }
  UniqueFd connection(accept4(ending.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char hello = 0;
  EXPECT_GT(recv(connection.get(), &hello, 1, 0), 0);
  EXPECT_EQ(rename(aside.c_str(), name.c_str()), 0);
  ending.reset();
  connection.reset();
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(EndedService, IsReplacedAndItsSocketsBehaveLikeANetworkThatIsGone) {
  const UniqueFd listener = listener_on(kOwnAddress);
  const UniqueFd client = stream_socket();
  ASSERT_EQ(connect_to(client, kOwnAddress, port_of(listener)), 0);
  const UniqueFd server = accepted_from(listener);
  const UniqueFd fresh = stream_socket();
  stop_service();

  const UniqueFd next = stream_socket();  // hosts it anew
  EXPECT_TRUE(is_hosting_service());
  EXPECT_EQ(bind_to(next, kOwnAddress, 0), 0);

  EXPECT_EQ(name_by(getpeername, client), "errno " + std::to_string(ENOTCONN));
  EXPECT_EQ(connect_to(fresh, kOwnAddress, 80), -1);
  EXPECT_EQ(errno, ENETDOWN);
  EXPECT_EQ(accept(listener.get(), nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  char byte;
  EXPECT_LE(read(client.get(), &byte, 1), 0);
  EXPECT_EQ(send(client.get(), "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
}

}  // namespace
}  // namespace ztshim::test
