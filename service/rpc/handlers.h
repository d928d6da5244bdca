// What each request means: from a parsed request to calls of sockets/ and Control, and back to a
// reply.
#pragma once

#include "common/rpc_messages.h"
#include "common/unique_fd.h"
#include "service/rpc/control.h"
#include "service/sockets/sockets.h"

namespace ztshim::rpc {

struct Caller;

// Who hands out capabilities: the server that makes the sessions.
class Capabilities {
 public:
  virtual ~Capabilities() = default;
  // The end for the process that asks. EMFILE, ENFILE: there are too many.
  virtual Result<UniqueFd> give(const Caller& to) = 0;
};

// Everything a request can reach; outlives the sessions.
struct Services {
  sockets::Sockets& sockets;
  Control& control;
  ServiceId id{};
  Capabilities* capabilities = nullptr;
};

// Who asks, and what it wants for its own sockets (its environment, from Hello).
struct Caller {
  int pid = 0;  // as the kernel knows it; what Hello says if it lives in another pid namespace
  sockets::Policy policy;
};

struct Answer {
  Reply reply;
  UniqueFd descriptor;
};

// Never blocks. Hello is the session's own business and fails here.
Answer handle(const Request& request, const Caller& caller, const Services& services);

}  // namespace ztshim::rpc
