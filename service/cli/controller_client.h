// The controller of a running service as the command line sees it: its REST API, spoken over the
// service's socket. Notes: controller.md 8.
#pragma once

#include <functional>
#include <string>

#include "service/cli/client.h"
#include "service/wire/network_id.h"

namespace ztshim::cli {

class ControllerClient {
 public:
  // The error is one sentence; the most likely one is that nobody runs with this home.
  static Result<ControllerClient, std::string> connect(const std::string& home);

  // The answer's body. `absent` is the sentence for 404.
  Result<Json, std::string> get(const std::string& path, const std::string& absent);
  Result<Json, std::string> post(const std::string& path, const Json& body,
                                 const std::string& absent);
  Result<Json, std::string> remove(const std::string& path, const std::string& absent);

 private:
  explicit ControllerClient(Client client) : client_(std::move(client)) {}
  Result<Json, std::string> ask(Json request, const Json* body, const std::string& absent);
  Result<void, std::string> send_parts(const std::string& text, const std::string& number);

  Client client_;
};

// ---- what the subcommands about networks and members share

inline std::string path_of(const std::string& network) { return "/controller/network/" + network; }
inline std::string no_such_network(const std::string& network) {
  return "this controller has no network " + network +
         ": `ztshim controller network list` shows those it has";
}

// What such a subcommand does: asks the home's controller, prints the answer for people or scripts.
int ask_controller(HomeOptions options,
                   const std::function<Result<Json, std::string>(ControllerClient&)>& doing,
                   const std::function<void(const Json&)>& print);

// What was given as a network or a member; a sentence when it cannot be one.
Result<void, std::string> check_network(const std::string& text);
Result<void, std::string> check_member(const std::string& text);

// "KEY=JSON" for fields that have no option of their own; a value that is no JSON is a text.
Result<void, std::string> add_fields(Json& to, const std::vector<std::string>& assignments);
// "on", "off", "yes", "no", "true", "false", "1", "0".
std::optional<bool> parse_switch(const std::string& text);

}  // namespace ztshim::cli
