#include "service/stack/lwip_error.h"

#include "lwip/err.h"

namespace ztshim::stack {

std::errc errno_of(int error, Phase phase) {
  const bool connecting = phase == Phase::Connecting;
  switch (static_cast<err_enum_t>(error)) {
    case ERR_OK:
      return std::errc{};
    case ERR_RST:
      return connecting ? std::errc::connection_refused : std::errc::connection_reset;
    case ERR_ABRT:  // the retransmission limit, in both phases
    case ERR_TIMEOUT:
      return std::errc::timed_out;
    case ERR_RTE:
      return std::errc::network_unreachable;
    case ERR_USE:
      return std::errc::address_in_use;
    case ERR_VAL:
    case ERR_ARG:
      return std::errc::invalid_argument;
    case ERR_ISCONN:
      return std::errc::already_connected;
    case ERR_ALREADY:
      return std::errc::connection_already_in_progress;
    case ERR_INPROGRESS:
    case ERR_WOULDBLOCK:
      return std::errc::operation_in_progress;
    case ERR_CONN:
    case ERR_CLSD:
      return std::errc::not_connected;
    case ERR_MEM:
    case ERR_BUF:
      return std::errc::no_buffer_space;
    case ERR_IF:
      return std::errc::network_down;
  }
  return std::errc::io_error;
}

}  // namespace ztshim::stack
