#include "service/host/rpc_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"

namespace ztshim::host {
namespace {

constexpr const char* kSocketName = "service.sock";
constexpr mode_t kSocketMode = 0600;
constexpr int kBacklog = 128;
// One per process that uses the home. The bound keeps a runaway fork loop from taking all our
// descriptors; those beyond it are refused and see a network that is gone.
constexpr std::size_t kMaxSessions = 4096;

std::string reason(const HomeFiles& files) {
  return fmt::format("cannot listen on {}: {}", files.path_of(kSocketName), std::strerror(errno));
}

// The same user, or root.
bool is_allowed(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (real().getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

}  // namespace

Result<std::unique_ptr<RpcServer>, std::string> RpcServer::open(const HomeFiles& files,
                                                                EventLoop& loop,
                                                                const rpc::Services& services) {
  const auto address = rpc::ServiceAddress::in_home(files.directory().c_str());
  if (!address) {
    errno = static_cast<int>(address.error());
    return failure(reason(files));
  }
  UniqueFd fd(
      keep_internal_fd(real().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  if (!fd) return failure(reason(files));
  files.remove(kSocketName);
  // The mode of an unbound socket becomes that of its name, so it is never open to others; the
  // second chmod is for programs with an odd umask.
  if (fchmod(fd.get(), kSocketMode) != 0 ||
      real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address->address),
                  address->length) != 0 ||
      fchmodat(files.descriptor(), kSocketName, kSocketMode, 0) != 0 ||
      real().listen(fd.get(), kBacklog) != 0) {
    return failure(reason(files));
  }
  std::unique_ptr<RpcServer> server(new RpcServer(files, loop, services, std::move(fd)));
  server->watch_ = loop.watch(server->listener_.get(), EPOLLIN, *server);
  if (server->watch_ == 0) return failure(reason(files));
  return server;
}

RpcServer::~RpcServer() {
  loop_.unwatch(watch_);
  files_.remove(kSocketName);
}

bool RpcServer::has_others_than(int pid) const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [pid](const auto& entry) { return entry.second->pid() != pid; });
}

void RpcServer::on_ready(std::uint32_t) {
  while (accept_one()) {
  }
}

bool RpcServer::accept_one() {
  UniqueFd connection(keep_internal_fd(
      real().accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)));
  if (!connection) {
    if (errno == EINTR || errno == ECONNABORTED) return true;
    if (errno != EAGAIN) {
      log(LogArea::Rpc, LogLevel::Warn, "cannot accept a program: {}", std::strerror(errno));
    }
    return false;
  }
  if (!is_allowed(connection.get()) || sessions_.size() >= kMaxSessions) {
    log(LogArea::Rpc, LogLevel::Warn, "refused a program: {}",
        sessions_.size() >= kMaxSessions ? "too many" : "of another user");
    return true;
  }
  auto session =
      std::make_unique<rpc::Session>(std::move(connection), services_, loop_,
                                     [this](rpc::Session& ended) { sessions_.erase(&ended); });
  const rpc::Session* const key = session.get();
  sessions_.emplace(key, std::move(session));
  return true;
}

}  // namespace ztshim::host
