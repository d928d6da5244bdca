// HTTP for the local API: connections, heads, bodies, time limits. Runs on threads of its own and
// knows nothing of what is asked; the only file that knows the HTTP library.
//
// How it works. One thread per listening address accepts, a few workers read and answer one
// request each. When all are busy, accepting waits: the kernel's backlog is the queue. A request
// is judged by its head (Access) before its body is read, and its body has to arrive within a
// time, so that neither strangers nor slow clients hold a worker for long.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/result.h"
#include "service/api/access.h"
#include "service/api/backend.h"

namespace ztshim::api {

class Server {
 public:
  // Listens at all of `endpoints` or fails with one sentence. `backend` outlives this object.
  static Result<std::unique_ptr<Server>, std::string> start(const std::vector<Endpoint>& endpoints,
                                                            Access access, Backend& backend);
  // Ends when the requests being answered are.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ztshim::api
