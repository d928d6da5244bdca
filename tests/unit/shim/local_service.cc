#include "tests/unit/shim/local_service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/internal_fds.h"
#include "common/service_entry.h"
#include "service/host/event_loop.h"
#include "service/host/home_files.h"
#include "service/host/rpc_server.h"
#include "service/rpc/control.h"
#include "service/sockets/sockets.h"
#include "service/stack/stack.h"

namespace ztshim::test {
namespace {

constexpr ServiceId kFirstId{0x7e57000000000001};
constexpr stack::InterfaceId kInterface{1};
constexpr std::uint32_t kInterfaceIndex = 1'000'001;  // none of the host's

std::atomic<bool> networks_are_ready{true};
std::atomic<int> joined{0};
std::atomic<std::uint64_t> next_id{static_cast<std::uint64_t>(kFirstId)};

class Service final : public rpc::Control {
 public:
  explicit Service(const std::string& directory)
      : files_(*host::HomeFiles::open(directory)),
        loop_(*host::EventLoop::make({})),
        stack_([](const stack::OutgoingFrame&) {},
               [](MutableBytes to) {
                 if (::getrandom(to.data(), to.size(), 0) < 0) ::abort();
               }),
        sockets_(stack_, *loop_, ServiceId{next_id.load()}),
        rpc_(*host::RpcServer::open(files_, *loop_, {sockets_, *this, ServiceId{next_id++}})) {
    loop_->set_turn_hook([this] { stack_.set_time(loop_->now()); });
    loop_->refresh_clocks();
    stack_.set_time(loop_->now());
    stack_.set_interface(kInterface,
                         {"zttest0",
                          kInterfaceIndex,
                          0x02aabbccdd01,
                          2800,
                          {*IpPrefix::parse("10.9.9.1/24"), *IpPrefix::parse("fd09::1/64")},
                          {}});
    thread_ = std::thread([this] { run(); });
  }
  ~Service() override {
    stop_ = true;
    loop_->wake();
    thread_.join();
  }

  // ---- any thread
  void wake() { loop_->wake(); }
  bool is_drained() {
    for (int i = 0; i < 3000; ++i) {
      if (drained_) return true;
      ask_drained_ = true;
      loop_->wake();
      std::this_thread::yield();
      usleep(1000);
    }
    return false;
  }

  void vacate(int fd) {
    vacated_ = fd;
    loop_->wake();
    while (vacated_ == fd) std::this_thread::yield();
  }

  // ---- rpc::Control
  bool networks_ready() const override { return networks_are_ready; }
  Result<UniqueFd> make_ready_fd() override {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return failure(std::errc::too_many_files_open);
    waiters_.emplace_back(keep_internal_fd(ends[1]));
    return UniqueFd(keep_internal_fd(ends[0]));
  }
  std::string status_json(rpc::Section section) const override {
    return "{\"section\":" + std::to_string(static_cast<int>(section)) + "}";
  }
  Result<void> join(std::uint64_t) override {
    ++joined;
    return {};
  }
  Result<void> leave(std::uint64_t) override { return {}; }
  std::string administer(std::string_view) override { return "{}"; }
  Result<UniqueFd> ping(std::string_view, const rpc::Ping&) override {
    return failure(std::errc::network_unreachable);
  }
  std::string why(const Endpoint&, const sockets::Policy&) override { return "{}"; }
  std::vector<rpc::InterfaceRecord> interfaces(const sockets::Policy&) const override { return {}; }
  std::vector<rpc::ResolverRecord> resolvers(const IpAddress&) const override { return {}; }
  bool resolvers_ready() const override { return true; }

 private:
  void run() {
    while (!stop_) {
      loop_->turn(std::min(stack_.next_deadline(), sockets_.next_deadline()));
      const Time now = loop_->now();
      if (now >= stack_.next_deadline()) stack_.run_timers();
      if (now >= sockets_.next_deadline()) sockets_.on_deadline(now);
      if (networks_are_ready) waiters_.clear();
      if (const int fd = vacated_; fd >= 0) {
        loop_->vacate(fd);
        vacated_ = -1;
      }
      if (ask_drained_.exchange(false)) drained_ = sockets_.is_drained();
    }
  }

  host::HomeFiles files_;
  std::unique_ptr<host::EventLoop> loop_;
  stack::Stack stack_;
  sockets::Sockets sockets_;
  std::unique_ptr<host::RpcServer> rpc_;
  std::vector<UniqueFd> waiters_;
  std::atomic<bool> stop_{false}, drained_{false}, ask_drained_{false};
  std::atomic<int> vacated_{-1};
  std::thread thread_;
};

std::atomic<Service*> running{nullptr};
bool is_forked = false;

// Before the library's constructor reads the environment.
__attribute__((constructor(101))) void prepare_environment() {
  const std::string& folder = home();
  ::setenv("ZTSHIM_HOME", folder.c_str(), 1);
  ::setenv("ZTSHIM_NETWORK", "8056c2e21c000001", 1);
  ::setenv("ZTSHIM_WAIT", "1", 1);
}

const int cleaner = (::atexit([] {
                       if (!is_forked) std::filesystem::remove_all(home());
                     }),
                     0);

}  // namespace

const std::string& home() {
  static const std::string* const made = [] {
    auto* const pattern = new std::string("/tmp/ztshim-hooks-XXXXXX");
    if (::mkdtemp(pattern->data()) == nullptr) ::abort();
    return pattern;
  }();
  return *made;
}

void set_networks_ready(bool ready) {
  networks_are_ready = ready;
  if (Service* const service = running) service->wake();
}

int networks_joined() { return joined; }

}  // namespace ztshim::test

namespace ztshim {

ServiceStart start_service(const Config& config) noexcept {
  if (test::is_forked) return {ServiceStart::Kind::Failed, "a fork"};
  if (test::running == nullptr) test::running = new test::Service(config.home);
  return {ServiceStart::Kind::Hosting, {}};
}
bool is_hosting_service() noexcept { return test::running != nullptr; }
void vacate_service_fd(int fd) noexcept {
  if (test::Service* const service = test::running) service->vacate(fd);
}
bool drain_service(Duration) noexcept {
  return test::running == nullptr || test::running.load()->is_drained();
}
// Nothing is handed over here: handover_test.py has real processes for that.
HandOver hand_over_service() noexcept {
  if (test::running == nullptr) return HandOver::Done;
  return HandOver::Refused;
}
void note_fork_of_host() noexcept {}
void note_end_of_first_thread() noexcept {}
bool is_service_copy() noexcept { return false; }
void stop_service() noexcept { delete test::running.exchange(nullptr); }
void forget_service_after_fork() noexcept {
  test::is_forked = true;
  test::running = nullptr;
}

}  // namespace ztshim
