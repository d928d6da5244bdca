#include "service/api/handler.h"

#include <algorithm>
#include <exception>

#include "service/api/controller_routes.h"
#include "service/api/metrics.h"
#include "service/api/node_routes.h"
#include "service/api/route.h"

namespace ztshim::api {
namespace {

// A script element runs what it gets: the name must be nothing but a name.
bool is_function_name(const std::string& text) {
  const auto is_harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '.';
  };
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), is_harmless);
}

// The list of everything reads all records that nobody has asked for yet. Network by network, so
// that the node's packets do not wait for all of them.
Response every_network(Backend& backend) {
  std::vector<NetworkId> ids;
  bool has_controller = false;
  const auto look = [&](Node& node, Now, Outbox&) {
    has_controller = node.controller() != nullptr;
    if (has_controller) ids = node.controller()->networks();
  };
  if (!backend.with_node(look)) return Response::bare(503);
  if (!has_controller) return not_found();
  std::vector<std::string> entries;
  for (const NetworkId id : ids) {
    std::string entry;
    const bool is_running = backend.with_node(
        [&](Node& node, Now, Outbox&) { entry = network_with_counts(*node.controller(), id); });
    if (!is_running) return Response::bare(503);
    if (!entry.empty()) entries.push_back(std::move(entry));
  }
  return Response::json(network_list(entries));
}

Response route(const Request& request, Backend& backend) {
  if (request.path == "/metrics" && method_of(request) == Method::Get) {
    return metrics(backend.status());
  }
  if (!is_controller_path(request.path)) return handle_node(request, backend);
  if (request.path == "/unstable/controller/network" && method_of(request) == Method::Get) {
    return every_network(backend);
  }
  Response response;
  const bool is_running = backend.with_node([&](Node& node, Now now, Outbox& out) {
    try {
      response = handle_controller(node.controller(), now, request, out);
    } catch (const std::exception& e) {  // must not end the service, whose thread this is
      response = failed(e.what());
    }
  });
  return is_running ? response : Response::bare(503);
}

}  // namespace

Response handle(const Request& request, Backend& backend) noexcept {
  try {
    const auto wrapper = request.query.find("jsonp");
    if (wrapper == request.query.end()) return route(request, backend);
    if (!is_function_name(wrapper->second)) return Response::bare(400);
    Response response = route(request, backend);
    if (response.content_type != "application/json") return response;
    response.body = wrapper->second + "(" + (response.body.empty() ? "{}" : response.body) + ");";
    response.content_type = "application/javascript";
    return response;
  } catch (const std::exception& e) {  // out of memory, mostly
    return Response::bare(500);
  }
}

}  // namespace ztshim::api
