// A connection of the command line to the service of a home, and the same questions answered from
// the files of a home that nobody hosts.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "common/rpc_messages.h"
#include "common/unique_fd.h"
#include "service/cli/command.h"

namespace ztshim::cli {

class Client {
 public:
  // Nothing: nobody hosts this home. An error: somebody does and does not answer as expected.
  static Result<std::optional<Client>, std::string> connect(const std::string& home);

  Result<Json, std::string> status(rpc::Section section);
  Result<void, std::string> join(std::uint64_t network);
  Result<void, std::string> leave(std::uint64_t network);
  // Close-on-exec, for a program to inherit (common/rpc_capability.h).
  Result<UniqueFd, std::string> capability();
  // The descriptor on which the answers come.
  Result<UniqueFd, std::string> ping(const rpc::Ping& request);
  Result<Json, std::string> why(const Endpoint& peer);
  // The answer of Control::administer; its "error" is the failure.
  Result<Json, std::string> administer(const Json& request);

 private:
  explicit Client(UniqueFd connection) : connection_(std::move(connection)) {}
  struct Answered {
    rpc::Reply reply;
    UniqueFd descriptor;
  };
  Result<Answered, std::string> ask(rpc::Body body);
  Result<Json, std::string> ask_for_json(rpc::Body body);

  UniqueFd connection_;
};

// A section from the running service, or from the files.
Result<Json, std::string> facts(const std::string& home, rpc::Section section);

}  // namespace ztshim::cli
