// Which sends the service has lately said yes to. A datagram gets no answer through its pair, so
// whoever sends asks first (CheckSend), but not for each datagram. Usable in signal handlers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/endpoint.h"
#include "common/fd_contract.h"

namespace ztshim::checked_sends {

struct Send {
  SocketName socket;
  Endpoint destination;  // empty: the connected peer
  std::uint32_t interface_index = 0;
  std::size_t size = 0;
};

// Was it, or a larger one to the same place, allowed within this second?
bool is_allowed(const Send& send) noexcept;
void remember(const Send& send) noexcept;
// Something was changed that the answers may depend on: a name, an option.
void forget_all() noexcept;

}  // namespace ztshim::checked_sends
