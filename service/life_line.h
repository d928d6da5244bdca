// How a service that was handed over learns that nobody is left who cannot do without it. A fork of
// its first host has the remains of that host's stack in its memory and cannot host a service of
// its own; so has the host itself once it has handed over. All of them hold the writing end of one
// pipe, which closes by itself when they end or exec.
#pragma once

#include "common/unique_fd.h"
#include "service/host/event_loop.h"

namespace ztshim {

class LifeLine final : public Watcher {
 public:
  // Without descriptors to spare there is none, and nobody counts as left.
  void open();
  // In the copy, whose own writing end is closed.
  void watch(host::EventLoop& loop);
  bool is_held() const { return is_held_; }
  void on_ready(std::uint32_t events) override;

 private:
  UniqueFd reading_, writing_;
  host::EventLoop* loop_ = nullptr;
  host::EventLoop::WatchId watch_ = 0;
  bool is_held_ = false;
};

}  // namespace ztshim
