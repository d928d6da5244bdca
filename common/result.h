// Result<T, E>: a value or the reason why there is none. One file to change when std::expected
// arrives.
#pragma once

#include <system_error>
#include <tl/expected.hpp>

namespace ztshim {

template <typename T, typename E = std::errc>
using Result = tl::expected<T, E>;

template <typename E>
auto failure(E error) {
  return tl::unexpected<E>(error);
}

}  // namespace ztshim
