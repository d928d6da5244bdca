// Key bytes that wipe themselves and have no text form.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ztshim {

void wipe(std::span<std::uint8_t> bytes) noexcept;

template <std::size_t size>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::uint8_t, size> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { wipe(bytes_); }

  std::span<const std::uint8_t, size> bytes() const { return bytes_; }
  std::span<std::uint8_t, size> writable() { return bytes_; }
  template <std::size_t offset, std::size_t count>
  std::span<const std::uint8_t, count> part() const {
    return std::span<const std::uint8_t, size>(bytes_).template subspan<offset, count>();
  }

 private:
  std::array<std::uint8_t, size> bytes_{};
};

}  // namespace ztshim
