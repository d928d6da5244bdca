// Tells when the machine's interfaces or addresses change (rtnetlink multicast), so that sockets
// follow at once instead of at the next refresh. Says that, not what: whoever is told asks again.
#pragma once

#include <functional>
#include <memory>

#include "common/unique_fd.h"
#include "service/host/event_loop.h"

namespace ztshim::host {

class AddressWatch final : public Watcher {
 public:
  // Nothing where the kernel does not let us listen (some sandboxes): changes are then noticed by
  // the regular refresh. `loop` outlives this object; `on_change` is called from its turns, once
  // for any number of changes that came together.
  static std::unique_ptr<AddressWatch> open(EventLoop& loop, std::function<void()> on_change);
  ~AddressWatch() override;
  AddressWatch(const AddressWatch&) = delete;
  AddressWatch& operator=(const AddressWatch&) = delete;

  void on_ready(std::uint32_t events) override;

 private:
  AddressWatch(EventLoop& loop, UniqueFd fd, std::function<void()> on_change);

  EventLoop& loop_;
  UniqueFd fd_;
  std::function<void()> on_change_;
  EventLoop::WatchId watch_ = 0;
};

}  // namespace ztshim::host
