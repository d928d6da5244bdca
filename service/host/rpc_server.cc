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
constexpr mode_t kSharedSocketMode = 0666;
constexpr int kBacklog = 128;
// One per process that uses the home. The bound keeps a runaway fork loop from taking all our
// descriptors; those beyond it are refused and see a network that is gone.
constexpr std::size_t kMaxSessions = 4096;

std::string reason(const HomeFiles& files) {
  return fmt::format("cannot listen on {}: {}", files.path_of(kSocketName), std::strerror(errno));
}

// Others may pass through the home's folder, not look around in it. False: not ours to change.
bool open_to_others(int folder) {
  struct stat now {};
  return fstat(folder, &now) == 0 && fchmod(folder, (now.st_mode & 07777) | S_IXGRP | S_IXOTH) == 0;
}

}  // namespace

Result<std::unique_ptr<RpcServer>, std::string> RpcServer::open(const HomeFiles& files,
                                                                EventLoop& loop,
                                                                const rpc::Services& services,
                                                                std::vector<uid_t> allowed) {
  const auto address = rpc::ServiceAddress::in_home(files.directory().c_str());
  if (!address) {
    errno = static_cast<int>(address.error());
    return failure(reason(files));
  }
  UniqueFd fd(
      keep_internal_fd(real().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  if (!fd) return failure(reason(files));
  files.remove(kSocketName);
  const mode_t mode = allowed.empty() ? kSocketMode : kSharedSocketMode;
  if (!allowed.empty() && !open_to_others(files.descriptor())) return failure(reason(files));
  // The mode of an unbound socket becomes that of its name, so it is never open to others; the
  // second chmod is for programs with an odd umask.
  if (fchmod(fd.get(), mode) != 0 ||
      real().bind(fd.get(), reinterpret_cast<const sockaddr*>(&address->address),
                  address->length) != 0 ||
      fchmodat(files.descriptor(), kSocketName, mode, 0) != 0 ||
      real().listen(fd.get(), kBacklog) != 0) {
    return failure(reason(files));
  }
  std::unique_ptr<RpcServer> server(
      new RpcServer(files, loop, services, std::move(fd), std::move(allowed)));
  server->watch_ = loop.watch(server->listener_.get(), EPOLLIN, *server);
  if (server->watch_ == 0) return failure(reason(files));
  return server;
}

RpcServer::RpcServer(const HomeFiles& files, EventLoop& loop, const rpc::Services& services,
                     UniqueFd fd, std::vector<uid_t> allowed)
    : files_(files),
      loop_(loop),
      services_(services),
      capabilities_(loop, services.id,
                    [this](UniqueFd connection) { begin_session(std::move(connection)); }),
      listener_(std::move(fd)),
      allowed_(std::move(allowed)) {
  services_.capabilities = &capabilities_;
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

// The same user, root, or whom the user lets in.
bool RpcServer::is_allowed(int connection) const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (real().getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid() ||
         std::find(allowed_.begin(), allowed_.end(), peer.uid) != allowed_.end();
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
  if (!is_allowed(connection.get())) {
    log(LogArea::Rpc, LogLevel::Warn, "refused a program of another user");
    return true;
  }
  begin_session(std::move(connection));
  return true;
}

void RpcServer::begin_session(UniqueFd connection) {
  if (sessions_.size() >= kMaxSessions) {
    log(LogArea::Rpc, LogLevel::Warn, "refused a program: too many");
    return;
  }
  auto session =
      std::make_unique<rpc::Session>(std::move(connection), services_, loop_,
                                     [this](rpc::Session& ended) { sessions_.erase(&ended); });
  const rpc::Session* const key = session.get();
  sessions_.emplace(key, std::move(session));
}

}  // namespace ztshim::host
