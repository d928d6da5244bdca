#include "service/cli/local_api.h"

#include <nlohmann/json.hpp>

#include "common/log.h"
#include "service/api/server.h"
#include "service/api/token.h"
#include "service/host/random.h"

namespace ztshim::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kLocalConf = "local.conf";

// settings.allowManagementFrom: clients from elsewhere.
std::vector<IpPrefix> management_in(const std::string& local_conf) {
  std::vector<IpPrefix> ranges;
  const Json conf = Json::parse(local_conf, nullptr, false);
  if (!conf.is_object() || !conf.contains("settings")) return ranges;
  const Json& settings = conf["settings"];
  if (!settings.is_object() || !settings.contains("allowManagementFrom")) return ranges;
  for (const Json& entry : settings["allowManagementFrom"]) {
    if (!entry.is_string()) continue;
    if (const auto range = IpPrefix::parse(entry.get<std::string>())) {
      ranges.push_back(*range);
    } else {
      log(LogArea::Service, LogLevel::Warn, "local.conf: allowManagementFrom: {} is no range",
          entry.dump());
    }
  }
  return ranges;
}

std::vector<Endpoint> endpoints_for(std::uint16_t port, bool is_for_others) {
  std::vector<Endpoint> endpoints;
  // "::" takes IPv4 as well, where there is IPv6 at all.
  if (is_for_others) return {{*IpAddress::parse("::"), port}, {*IpAddress::parse("0.0.0.0"), port}};
  return {{*IpAddress::parse("127.0.0.1"), port}, {*IpAddress::parse("::1"), port}};
}

}  // namespace

// Carries each question to the service's own thread.
class LocalApi::Backend final : public api::Backend {
 public:
  explicit Backend(Service& service) : service_(service) {}

  bool with_node(const std::function<void(Node&, Now, Outbox&)>& work) override {
    return service_.call(work);
  }
  std::string status() override { return section(rpc::Section::Status); }
  std::string networks() override { return section(rpc::Section::Networks); }
  std::string peers() override { return section(rpc::Section::Peers); }

  Result<void, std::string> join(NetworkId network, const Settings& changes) override {
    Result<void, std::string> outcome = failure(std::string("the service is ending"));
    service_.call([&](Node&, Now, Outbox&) { outcome = join_now(network, changes); });
    return outcome;
  }

  bool leave(NetworkId network) override {
    bool was_joined = false;
    service_.call([&](Node& node, Now, Outbox&) {
      was_joined = node.vl2().info(network).has_value();
      if (was_joined) static_cast<void>(service_.leave(network.number()));
    });
    return was_joined;
  }

  std::string local_conf() override {
    const auto content = service_.store().files().read(kLocalConf);
    return content && *content ? std::string(as_text(**content)) : std::string("{}");
  }
  Result<void, std::string> save_local_conf(const std::string& text) override {
    return service_.store().files().write(kLocalConf, as_bytes(text), host::kPublicFile);
  }

 private:
  std::string section(rpc::Section section) {
    std::string text;
    service_.call([&](Node&, Now, Outbox&) { text = service_.status_json(section); });
    return text;
  }

  Result<void, std::string> join_now(NetworkId network, const Settings& changes) {
    if (!service_.join(network.number())) {
      return failure(std::string("the membership cannot be stored"));
    }
    return service_.change_settings(
        network, [&changes](vl2::LocalSettings& settings) -> Result<void, std::string> {
          if (changes.allow_managed) {
            settings.allow_managed = *changes.allow_managed;
            settings.managed_within.clear();
          }
          settings.allow_global = changes.allow_global.value_or(settings.allow_global);
          settings.allow_default = changes.allow_default.value_or(settings.allow_default);
          settings.allow_dns = changes.allow_dns.value_or(settings.allow_dns);
          return {};
        });
  }

  Service& service_;
};

struct LocalApi::Parts {
  explicit Parts(Service& service) : backend(service) {}
  Backend backend;
  std::unique_ptr<api::Server> server;
};

LocalApi::LocalApi() = default;
LocalApi::~LocalApi() = default;

std::unique_ptr<LocalApi> LocalApi::start(Service& service) {
  const auto give_up = [](const std::string& reason) {
    log(LogArea::Service, LogLevel::Warn, "no local API: {}", reason);
    return nullptr;
  };
  host::SystemRandom random;
  const host::HomeFiles& files = service.store().files();
  auto parts = std::make_unique<Parts>(service);
  auto token = api::load_or_make_token(files, api::kTokenFile, random);
  if (!token) return give_up(token.error());
  auto metrics_token = api::load_or_make_token(files, api::kMetricsTokenFile, random);
  if (!metrics_token) return give_up(metrics_token.error());
  api::Access access{std::move(*token), std::move(*metrics_token),
                     management_in(parts->backend.local_conf())};
  // From the home, where clients look as well: the loop may be running already, in its own thread.
  const std::uint16_t port = service.store().load_port();
  if (port == 0) return give_up("the service has no port");
  const bool is_for_others = !access.management.empty();
  auto server =
      api::Server::start(endpoints_for(port, is_for_others), std::move(access), parts->backend);
  if (!server) return give_up(server.error());
  parts->server = std::move(*server);
  std::unique_ptr<LocalApi> api(new LocalApi);
  api->parts_ = std::move(parts);
  return api;
}

}  // namespace ztshim::cli
