// A node with a controller behind the API's backend, without files and without a network.
#pragma once

#include <nlohmann/json.hpp>
#include <set>

#include "service/api/backend.h"
#include "service/api/handler.h"
#include "tests/sim/identities.h"
#include "tests/sim/participant.h"

namespace ztshim::api {

using Json = nlohmann::json;

class ApiWorld : public Backend {
 public:
  explicit ApiWorld(bool has_controller = true) : node_(environment(has_controller), random_) {
    node_.start(now_, out_);
  }

  // ---- Backend
  bool with_node(const std::function<void(Node&, Now, Outbox&)>& work) override {
    if (has_ended) return false;
    work(node_, now_, out_);
    return true;
  }
  std::string status() override {
    if (has_ended) return {};
    return R"({"address":"1122334455","online":true,"version":"1.2.3","versionMajor":1,
               "versionMinor":2,"versionRev":3,"versionBuild":0,"clock":7,
               "counters":{"datagramsIn":5}})";
  }
  std::string networks() override {
    if (has_ended) return {};
    Json list = Json::array();
    for (const auto& [id, settings] : joined) {
      list.push_back({{"id", id.text()}, {"allowDNS", settings.allow_dns.value_or(false)}});
    }
    return list.dump();
  }
  std::string peers() override {
    return has_ended ? "" : R"([{"address":"aabbccddee","role":"LEAF"}])";
  }
  Result<void, std::string> join(NetworkId network, const Settings& settings) override {
    if (cannot_store) return failure(std::string("the disk is full"));
    Settings& known = joined[network];
    if (settings.allow_dns) known.allow_dns = settings.allow_dns;
    if (settings.allow_managed) known.allow_managed = settings.allow_managed;
    return {};
  }
  bool leave(NetworkId network) override { return joined.erase(network) > 0; }
  std::string local_conf() override { return conf; }
  Result<void, std::string> save_local_conf(const std::string& text) override {
    conf = text;
    return {};
  }

  // ---- as a client
  Response ask(const std::string& method, const std::string& path, const std::string& body = "") {
    Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.query = query;
    return handle(request, *this);
  }
  Json get(const std::string& path) { return Json::parse(ask("GET", path).body, nullptr, false); }
  Json post(const std::string& path, const Json& body) {
    return Json::parse(ask("POST", path, body.dump()).body, nullptr, false);
  }

  controller::Controller& controller() { return *node_.controller(); }
  Node& node() { return node_; }
  std::string own_address() { return node_.vl1().address().text(); }
  Outbox& out() { return out_; }
  Now now() const { return now_; }

  std::map<NetworkId, Settings> joined;
  std::map<std::string, std::string> query;
  std::string conf = "{}";
  bool has_ended = false;
  bool cannot_store = false;

 private:
  static Environment environment(bool has_controller) {
    Environment environment;
    environment.vl1.identity = sim::identity(0);
    environment.run_controller = has_controller;
    return environment;
  }

  sim::SeededRandom random_{1};
  Now now_{Time{}, 1'700'000'000'000};
  Outbox out_;
  Node node_;
};

}  // namespace ztshim::api
