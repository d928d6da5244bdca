// What clients may ask of the service beyond sockets; implemented in service/service.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/rpc_messages.h"
#include "common/rpc_records.h"
#include "common/unique_fd.h"
#include "service/sockets/sockets.h"

namespace ztshim::rpc {

class Control {
 public:
  virtual ~Control() = default;
  // Has every joined network an address or a final refusal? True when none is joined.
  virtual bool networks_ready() const = 0;
  // A descriptor that becomes readable (end of file: the read end of a pipe, say) when
  // networks_ready() turns true. EMFILE, ENFILE; several may be out at once.
  virtual Result<UniqueFd> make_ready_fd() = 0;
  // The section as one JSON value.
  virtual std::string status_json(Section section) const = 0;
  // Joining a joined network and leaving one that was not joined are no errors. EIO: not stored.
  virtual Result<void> join(std::uint64_t network) = 0;
  virtual Result<void> leave(std::uint64_t network) = 0;
  // Begins to ping; the descriptor is for the asker (rpc_messages.h). EINVAL, ENETUNREACH, EAGAIN.
  virtual Result<UniqueFd> ping(std::string_view target, const Ping& request) = 0;
  // JSON: what connect() to it would do for somebody with this policy, and why.
  virtual std::string why(const Endpoint& peer, const sockets::Policy& policy) = 0;
  // What somebody with this policy sees as interfaces.
  virtual std::vector<InterfaceRecord> interfaces(const sockets::Policy& policy) const = 0;
  // The networks that look up names for us; `about` (if it is one): those it belongs to.
  virtual std::vector<ResolverRecord> resolvers(const IpAddress& about) const = 0;
  // False while a network that may push resolvers is still coming up.
  virtual bool resolvers_ready() const = 0;
  // A JSON object from the command line; the answer is one too, with "error" when it failed.
  virtual std::string administer(std::string_view request) = 0;
};

}  // namespace ztshim::rpc
