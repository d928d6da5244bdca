#include "service/life_line.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/internal_fds.h"

namespace ztshim {

void LifeLine::open() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  reading_.reset(keep_internal_fd(ends[0]));
  writing_.reset(keep_internal_fd(ends[1], FdUse::LifeLine));
}

void LifeLine::watch(host::EventLoop& loop) {
  // Its number is closed already, and may be another file by now.
  [[maybe_unused]] const int closed = writing_.release();
  if (!reading_) return;
  loop_ = &loop;
  watch_ = loop.watch(reading_.get(), EPOLLIN, *this);
  is_held_ = watch_ != 0;
}

void LifeLine::on_ready(std::uint32_t events) {
  if ((events & EPOLLHUP) == 0) return;
  is_held_ = false;
  loop_->unwatch(watch_);
  reading_.reset();
}

}  // namespace ztshim
