#include "service/host/rpc_capabilities.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"
#include "common/rpc_channel.h"

namespace ztshim::host {
namespace {

// One for each tree of processes, which share it. The bound keeps a program that asks and asks from
// taking all our descriptors.
constexpr std::size_t kMaxGiven = 1024;

int option_of(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return real().getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// What came may be any descriptor at all.
bool is_connection(int fd) {
  return option_of(fd, SO_DOMAIN) == AF_UNIX && option_of(fd, SO_TYPE) == SOCK_SEQPACKET &&
         option_of(fd, SO_ACCEPTCONN) == 0;
}

}  // namespace

class RpcCapabilities::Given final : public Watcher {
 public:
  Given(RpcCapabilities& owner, std::uint64_t number, UniqueFd end)
      : owner_(owner), number_(number), end_(std::move(end)) {
    watch_ = owner_.poller_.watch(end_.get(), EPOLLIN, *this);
  }
  ~Given() override { owner_.poller_.unwatch(watch_); }
  bool is_watched() const { return watch_ != 0; }

  void on_ready(std::uint32_t) override {
    while (take_one()) {
    }
    if (is_over_) owner_.given_.erase(number_);  // destroys this object
  }

 private:
  bool take_one() {
    std::uint8_t byte = 0;
    auto message =
        rpc::receive_message(end_.get(), MutableBytes(&byte, 1), rpc::Descriptors::Allow);
    if (!message && message.error() == std::errc::resource_unavailable_try_again) return false;
    // The end, or something that no holder of a capability says.
    if (!message || message->size == 0) {
      is_over_ = true;
      return false;
    }
    UniqueFd connection(keep_internal_fd(message->descriptor.release()));
    // Without a free number here the connection is lost, and its sender sees it end.
    if (!connection || !is_connection(connection.get())) return true;
    const int flags = real().fcntl(connection.get(), F_GETFL);
    real().fcntl(connection.get(), F_SETFL, static_cast<long>(flags | O_NONBLOCK));
    owner_.on_connection_(std::move(connection));
    return true;
  }

  RpcCapabilities& owner_;
  std::uint64_t number_;
  UniqueFd end_;
  Poller::WatchId watch_ = 0;
  bool is_over_ = false;
};

RpcCapabilities::RpcCapabilities(Poller& poller, ServiceId service, OnConnection on_connection)
    : poller_(poller), service_(service), on_connection_(std::move(on_connection)) {}

RpcCapabilities::~RpcCapabilities() = default;

Result<UniqueFd> RpcCapabilities::give(const rpc::Caller& to) {
  if (given_.size() >= kMaxGiven) return failure(std::errc::too_many_files_open);
  const std::uint64_t number = ++last_number_;
  auto pair = rpc::make_capability({service_, number});
  if (!pair) return failure(pair.error());
  const int flags = real().fcntl(pair->service_end.get(), F_GETFL);
  real().fcntl(pair->service_end.get(), F_SETFL, static_cast<long>(flags | O_NONBLOCK));
  auto given = std::make_unique<Given>(*this, number, std::move(pair->service_end));
  if (!given->is_watched()) return failure(std::errc::not_enough_memory);
  given_.emplace(number, std::move(given));
  log(LogArea::Rpc, LogLevel::Debug, "pid={} holds capability {}", to.pid, number);
  return std::move(pair->process_end);
}

}  // namespace ztshim::host
