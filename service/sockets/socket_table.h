// All virtual sockets by id: who wants to act within this turn, who at which time, and what is
// still known of those that are over.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "service/sockets/socket.h"

namespace ztshim::sockets {

// What an application may still ask for after its socket has come to its end.
struct Grave {
  SocketKind kind;
  int owner_pid = 0;
  Endpoint local;
  std::errc error{};
  std::vector<Sockets::RememberedOption> options;
};

class SocketTable final : public Hub {
 public:
  using Hub::Hub;
  ~SocketTable();
  using Decider = std::function<Decision(const IpAddress&, const Policy&, std::uint32_t)>;
  void set_decider(Decider decider) { decider_ = std::move(decider); }

  SocketId new_id() { return SocketId{++last_id_}; }
  bool is_full() const { return sockets_.size() >= kMost; }
  Socket& add(std::unique_ptr<Socket> socket);
  // Puts `socket` in the place of the one with its id.
  void replace(std::unique_ptr<Socket> socket);
  Socket* find(SocketId id) const;
  Grave* find_grave(SocketId id);
  const std::unordered_map<SocketId, std::unique_ptr<Socket>>& all() const { return sockets_; }

  void run(Time now);
  Time next_deadline() const;

  void soon(Socket& socket) override;
  void arm(Socket& socket, Time at) override;
  TcpSocket* adopt(stack::Pcb&& pcb, const SocketKind& kind, int owner_pid,
                   const Options& options) override;
  TcpSocket* find_tcp(SocketId id) override;
  Decision decide(const IpAddress& ip, const Policy& policy,
                  std::uint32_t interface_index) const override {
    return decider_(ip, policy, interface_index);
  }

 private:
  static const std::size_t kMost;
  void advance(Socket& socket);
  void bury(Socket& socket);
  void forget(Socket& socket);

  Decider decider_;
  std::unordered_map<SocketId, std::unique_ptr<Socket>> sockets_;
  std::vector<SocketId> noted_, running_;
  std::set<std::pair<Time, SocketId>> timers_;
  std::unordered_map<SocketId, Grave> graves_;
  std::deque<SocketId> oldest_graves_;
  std::uint64_t last_id_ = 0;
};

}  // namespace ztshim::sockets
