// One listening port of the stack and the listeners that share it: several by SO_REUSEPORT, one
// otherwise. Connections go round among those that have room. The group lives as long as its last
// member.
#pragma once

#include <memory>
#include <vector>

#include "service/stack/pcb.h"

namespace ztshim::sockets {

class TcpListener;

class ListenGroup final : private stack::ListenEvents {
 public:
  // Takes `bound` over when it succeeds.
  static Result<std::shared_ptr<ListenGroup>> open(stack::Pcb& bound, TcpListener& first);
  void join(TcpListener& member) { members_.push_back(&member); }
  void leave(TcpListener& member);

 private:
  bool has_room(unsigned half_open) override;
  std::size_t window_limit() const override;
  bool on_accept(stack::Pcb&& connection) override;

  stack::ListenPcb pcb_;
  std::vector<TcpListener*> members_;
  std::size_t next_ = 0;  // whose turn it is
};

}  // namespace ztshim::sockets
