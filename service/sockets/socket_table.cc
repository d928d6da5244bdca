#include "service/sockets/socket_table.h"

#include "service/sockets/constants.h"
#include "service/sockets/tcp_socket.h"

namespace ztshim::sockets {

const std::size_t SocketTable::kMost = kMaxSockets;

SocketTable::~SocketTable() {
  // Sockets arm and note themselves while they end.
  while (!sockets_.empty()) sockets_.erase(sockets_.begin());
}

Socket& SocketTable::add(std::unique_ptr<Socket> socket) {
  Socket& added = *socket;
  sockets_.emplace(added.id(), std::move(socket));
  return added;
}

void SocketTable::replace(std::unique_ptr<Socket> socket) {
  std::unique_ptr<Socket>& place = sockets_.at(socket->id());
  forget(*place);
  place = std::move(socket);
}

Socket* SocketTable::find(SocketId id) const {
  const auto found = sockets_.find(id);
  return found == sockets_.end() || found->second->is_over() ? nullptr : found->second.get();
}

TcpSocket* SocketTable::find_tcp(SocketId id) { return dynamic_cast<TcpSocket*>(find(id)); }

Grave* SocketTable::find_grave(SocketId id) {
  // One that ended in this turn may not be buried yet.
  const auto found = sockets_.find(id);
  if (found != sockets_.end() && found->second->is_over()) bury(*found->second);
  const auto grave = graves_.find(id);
  return grave == graves_.end() ? nullptr : &grave->second;
}

TcpSocket* SocketTable::adopt(stack::Pcb&& pcb, const SocketKind& kind, int owner_pid,
                              const Options& options) {
  if (is_full()) return nullptr;
  auto socket =
      std::make_unique<TcpSocket>(*this, new_id(), kind, owner_pid, options, std::move(pcb));
  TcpSocket* const adopted = socket.get();
  add(std::move(socket));
  return adopted;
}

void SocketTable::soon(Socket& socket) {
  if (std::exchange(socket.is_noted_, true)) return;
  noted_.push_back(socket.id());
}

void SocketTable::arm(Socket& socket, Time at) {
  if (at == socket.armed_) return;
  if (socket.armed_ != kNever) timers_.erase({socket.armed_, socket.id()});
  socket.armed_ = at;
  if (at != kNever) timers_.emplace(at, socket.id());
}

void SocketTable::run(Time now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto found = sockets_.find(timers_.begin()->second);
    timers_.erase(timers_.begin());
    if (found == sockets_.end()) continue;
    found->second->armed_ = kNever;
    soon(*found->second);
  }
  // Those noted meanwhile come next turn, so that one busy pair of sockets cannot keep the loop.
  running_.swap(noted_);
  for (const SocketId id : running_) {
    const auto found = sockets_.find(id);
    if (found == sockets_.end() || !std::exchange(found->second->is_noted_, false)) continue;
    advance(*found->second);
  }
  running_.clear();
}

void SocketTable::advance(Socket& socket) {
  if (!socket.is_over()) socket.advance();
  if (socket.is_over()) bury(socket);
}

Time SocketTable::next_deadline() const {
  if (!noted_.empty()) return now();
  return timers_.empty() ? kNever : timers_.begin()->first;
}

void SocketTable::forget(Socket& socket) {
  arm(socket, kNever);
  socket.is_noted_ = false;
}

void SocketTable::bury(Socket& socket) {
  const SocketId id = socket.id();
  forget(socket);
  Grave grave{socket.kind(), socket.owner_pid(), socket.local(), socket.pending_error(), {}};
  for (const Options::Remembered& option : socket.options().remembered()) {
    grave.options.push_back({option.level, option.name, option.value});
  }
  sockets_.erase(id);
  if (oldest_graves_.size() == kMaxGraves) {
    graves_.erase(oldest_graves_.front());
    oldest_graves_.pop_front();
  }
  graves_.emplace(id, std::move(grave));
  oldest_graves_.push_back(id);
}

}  // namespace ztshim::sockets
