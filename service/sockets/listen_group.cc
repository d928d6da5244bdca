#include "service/sockets/listen_group.h"

#include <algorithm>

#include "service/sockets/constants.h"
#include "service/sockets/tcp_listener.h"

namespace ztshim::sockets {

Result<std::shared_ptr<ListenGroup>> ListenGroup::open(stack::Pcb& bound, TcpListener& first) {
  auto group = std::make_shared<ListenGroup>();
  group->members_.push_back(&first);
  auto listening = stack::ListenPcb::listen(bound, *group);
  if (!listening) return failure(listening.error());
  group->pcb_ = std::move(*listening);
  return group;
}

void ListenGroup::leave(TcpListener& member) {
  members_.erase(std::remove(members_.begin(), members_.end(), &member), members_.end());
  if (members_.empty()) pcb_.close();
}

// Those who are still shaking hands may end up with any of the members, and do not count as waiting
// (Linux has SYN cookies for them): many clients often come in the same moment, before the
// application had a chance to accept any, and a SYN that is dropped costs its client a second and
// more. So a queue that is not full yet may become longer than the backlog, once.
bool ListenGroup::has_room(unsigned half_open) {
  std::size_t room = 0;
  for (TcpListener* const member : members_) room += member->room();
  return room > 0 && half_open < std::max(room, kLeastHalfOpen);
}

std::size_t ListenGroup::window_limit() const {
  return members_.empty() ? stack::ReceiveWindow::kMost : members_.front()->window_limit();
}

bool ListenGroup::on_accept(stack::Pcb&& connection) {
  if (members_.empty()) return false;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    TcpListener& member = *members_[next_++ % members_.size()];
    if (member.room() > 0) return member.take(std::move(connection));
  }
  // Its place went to another since its SYN came.
  return members_[next_++ % members_.size()]->take(std::move(connection));
}

}  // namespace ztshim::sockets
