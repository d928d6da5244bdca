// Datagrams that an application has written into its pair, several read with one system call.
#pragma once

#include <cstddef>
#include <memory>

#include "common/bytes.h"

namespace ztshim::sockets {

class DatagramBatch {
 public:
  static constexpr std::size_t kMost = 32;

  // Reads what is there, at most kMost. False: nothing.
  bool read(int fd);
  std::size_t size() const { return size_; }
  // Empty when it was longer than any datagram, or nothing at all: no one writes these.
  ByteView message(std::size_t index) const;

 private:
  // Pages that no large datagram ever touches cost nothing.
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t sizes_[kMost] = {};
  std::size_t size_ = 0;
};

}  // namespace ztshim::sockets
