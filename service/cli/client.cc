#include "service/cli/client.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/rpc_channel.h"
#include "service/host/state_store.h"
#include "service/status.h"

namespace ztshim::cli {
namespace {

std::string text_of(std::errc error) { return std::strerror(static_cast<int>(error)); }

Result<std::string, std::string> read_all(int fd) {
  std::string text;
  for (;;) {
    const std::size_t have = text.size();
    text.resize(have + 16384);
    const ssize_t got = read(fd, text.data() + have, text.size() - have);
    text.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(std::string(std::strerror(errno)));
    if (got == 0) return text;
  }
}

Json idle_networks(const host::StateStore& store) {
  Json list = Json::array();
  for (const auto& network : store.load_networks()) {
    list.push_back(status::network_without_service(network.id, network.settings));
  }
  return list;
}

Result<Json, std::string> facts_from_files(const std::string& home, rpc::Section section) {
  auto files = host::HomeFiles::open_existing(home);
  if (!files) return failure(files.error());
  const host::StateStore store(std::move(*files));
  switch (section) {
    case rpc::Section::Networks:
      return idle_networks(store);
    case rpc::Section::Peers:
    case rpc::Section::Sockets:
      return Json(Json::array());
    case rpc::Section::Status:
      break;
  }
  const auto text = store.files().read("identity.public");
  if (!text) return failure(text.error());
  if (!*text) return failure(fmt::format("{} has no identity yet: start a service there", home));
  const auto identity = Identity::parse(as_text(**text));
  if (!identity) return failure(fmt::format("{}/identity.public is damaged", home));
  return status::idle_node(*identity, {home, {}}, idle_networks(store));
}

}  // namespace

Result<std::optional<Client>, std::string> Client::connect(const std::string& home) {
  auto connection = rpc::connect_to_service(home.c_str());
  if (!connection) {
    const std::errc error = connection.error();
    const bool is_nobody_there = error == std::errc::no_such_file_or_directory ||
                                 error == std::errc::connection_refused ||
                                 error == std::errc::not_a_directory;
    if (is_nobody_there) return std::optional<Client>();
    return failure(fmt::format("cannot reach the service of {}: {}", home, text_of(error)));
  }
  Client client(std::move(*connection));
  rpc::Hello hello;
  hello.pid = getpid();
  // For `why`: as a program with this environment would have it.
  if (const auto settings = Config::from_environment()) {
    hello.egress = settings->egress;
    hello.loopback = settings->loopback;
  } else {
    hello.egress =
        Config::egress_or_split([](const char* name) -> const char* { return std::getenv(name); });
  }
  const auto answer = client.ask(hello);
  if (!answer) return failure(answer.error());
  return std::optional(std::move(client));
}

Result<Client::Answered, std::string> Client::ask(rpc::Body body) {
  std::array<std::uint8_t, rpc::kMaxRequestSize> request;
  const std::size_t size = rpc::serialize(rpc::Request{{}, std::move(body)}, request);
  if (const auto sent = rpc::send_message(connection_.get(), ByteView(request).first(size));
      !sent) {
    return failure("the service does not take requests: " + text_of(sent.error()));
  }
  std::array<std::uint8_t, rpc::kMaxReplySize> buffer;
  auto message = rpc::receive_message(connection_.get(), buffer, rpc::Descriptors::Allow);
  if (!message || message->size == 0) return failure(std::string("the service has gone"));
  const auto reply = rpc::parse_reply(ByteView(buffer).first(message->size));
  if (!reply) return failure(std::string("the service speaks another version"));
  if (reply->kind == rpc::Reply::Kind::Failed) return failure(text_of(reply->error));
  return Answered{*reply, std::move(message->descriptor)};
}

Result<Json, std::string> Client::ask_for_json(rpc::Body body) {
  const auto answer = ask(std::move(body));
  if (!answer) return failure(answer.error());
  const auto text = read_all(answer->descriptor.get());
  if (!text) return failure(text.error());
  Json json = Json::parse(*text, nullptr, false);
  if (json.is_discarded()) return failure(std::string("the service's answer cannot be read"));
  return json;
}

Result<Json, std::string> Client::status(rpc::Section section) {
  return ask_for_json(rpc::Status{section});
}

Result<void, std::string> Client::join(std::uint64_t network) {
  const auto answer = ask(rpc::Join{network});
  if (!answer) return failure(answer.error());
  return {};
}

Result<void, std::string> Client::leave(std::uint64_t network) {
  const auto answer = ask(rpc::Leave{network});
  if (!answer) return failure(answer.error());
  return {};
}

Result<UniqueFd, std::string> Client::capability() {
  auto answer = ask(rpc::GetCapability{});
  if (!answer) return failure(answer.error());
  return std::move(answer->descriptor);
}

Result<UniqueFd, std::string> Client::ping(const rpc::Ping& request) {
  auto answer = ask(request);
  if (!answer) return failure(answer.error());
  return std::move(answer->descriptor);
}

Result<Json, std::string> Client::why(const Endpoint& peer) { return ask_for_json(rpc::Why{peer}); }

Result<Json, std::string> Client::administer(const Json& request) {
  const std::string text = request.dump();
  if (text.size() > rpc::kMaxOptionSize) return failure(std::string("the request is too long"));
  auto answer = ask_for_json(rpc::Administer{rpc::OptionValue(as_bytes(text))});
  if (!answer) return answer;
  if (const auto error = answer->find("error"); error != answer->end() && error->is_string()) {
    return failure(error->get<std::string>());
  }
  return answer;
}

Result<Json, std::string> facts(const std::string& home, rpc::Section section) {
  auto client = Client::connect(home);
  if (!client) return failure(client.error());
  return *client ? (*client)->status(section) : facts_from_files(home, section);
}

}  // namespace ztshim::cli
