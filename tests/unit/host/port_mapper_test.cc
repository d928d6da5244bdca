// The port mapper against small routers that this test plays itself, on loopback: a NAT-PMP gateway
// and a UPnP gateway device. The libraries' own traffic is real.
#include "service/host/port_mapper.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "common/unique_fd.h"
#include "service/host/clock.h"
#include "service/host/gateways.h"

namespace ztshim::host {
namespace {

constexpr const char* kOutside = "8.9.10.11";  // a public address: private ones are double NAT
const IsCancelled kNever_cancelled = [] { return false; };

sockaddr_in address_of(const char* ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip, &address.sin_addr);
  return address;
}

// Runs `serve` on each readable socket until stop(), which derived classes call before their
// members go: the thread uses them.
class Server {
 public:
  Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 protected:
  ~Server() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  UniqueFd open(int type, const char* ip, std::uint16_t port) {
    UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = address_of(ip, port);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ADD_FAILURE() << "cannot bind " << ip << ":" << port;
    }
    return fd;
  }
  void run(std::vector<int> fds, std::function<void(int)> serve) {
    thread_ = std::thread([this, fds = std::move(fds), serve = std::move(serve)] {
      while (!stop_) {
        std::vector<pollfd> asked;
        for (const int fd : fds) asked.push_back({fd, POLLIN, 0});
        poll(asked.data(), asked.size(), 20);
        for (const pollfd& each : asked) {
          if ((each.revents & POLLIN) != 0) serve(each.fd);
        }
      }
    });
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// RFC 6886, as far as it is used: opcode 0 tells the address outside, opcode 1 maps UDP.
class NatPmpRouter : public Server {
 public:
  static constexpr const char* kAddress = "127.53.51.1";
  struct Mapping {
    std::uint16_t inside, outside;
    std::uint32_t lease;
  };
  explicit NatPmpRouter(std::uint16_t given_port = 0)
      : given_(given_port), fd_(open(SOCK_DGRAM, kAddress, 5351)) {
    run({fd_.get()}, [this](int fd) { answer(fd); });
  }
  ~NatPmpRouter() { stop(); }
  std::vector<Mapping> mappings() {
    const std::lock_guard lock(mutex_);
    return mappings_;
  }

 private:
  static void put32(std::uint8_t* to, std::uint32_t value) {
    value = htonl(value);
    memcpy(to, &value, 4);
  }
  void answer(int fd) {
    std::uint8_t in[64], out[16]{};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got = recvfrom(fd, in, sizeof in, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 2 || in[0] != 0) return;
    out[1] = static_cast<std::uint8_t>(in[1] | 0x80);
    put32(out + 4, 1);
    std::size_t size = 12;
    if (in[1] == 0) {
      const in_addr outside = address_of(kOutside, 0).sin_addr;
      memcpy(out + 8, &outside, 4);
    } else if (in[1] == 1 && got == 12) {
      std::uint16_t inside = 0, wanted = 0;
      std::uint32_t lease = 0;
      memcpy(&inside, in + 4, 2);
      memcpy(&wanted, in + 6, 2);
      memcpy(&lease, in + 8, 4);
      if (given_ != 0) wanted = htons(given_);
      memcpy(out + 8, &inside, 2);
      memcpy(out + 10, &wanted, 2);
      memcpy(out + 12, &lease, 4);
      size = 16;
      const std::lock_guard lock(mutex_);
      mappings_.push_back({ntohs(inside), ntohs(wanted), ntohl(lease)});
    } else {
      return;
    }
    sendto(fd, out, size, 0, reinterpret_cast<const sockaddr*>(&from), length);
  }

  const std::uint16_t given_;
  UniqueFd fd_;
  std::mutex mutex_;
  std::vector<Mapping> mappings_;
};

// Answers SSDP on loopback and the few SOAP calls of WANIPConnection.
class UpnpRouter : public Server {
 public:
  static constexpr const char* kInterface = "127.0.0.1";
  struct Entry {
    std::string inside, client, description, lease;
  };
  explicit UpnpRouter(std::map<std::string, Entry> present = {}, bool permanent_only = false)
      : permanent_only_(permanent_only), entries_(std::move(present)) {
    search_ = open(SOCK_DGRAM, "239.255.255.250", 1900);
    const ip_mreq group{address_of("239.255.255.250", 0).sin_addr,
                        address_of(kInterface, 0).sin_addr};
    EXPECT_EQ(setsockopt(search_.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    http_ = open(SOCK_STREAM, kInterface, 0);
    EXPECT_EQ(listen(http_.get(), 16), 0);
    sockaddr_in own{};
    socklen_t length = sizeof own;
    getsockname(http_.get(), reinterpret_cast<sockaddr*>(&own), &length);
    port_ = ntohs(own.sin_port);
    run({search_.get(), http_.get()}, [this](int fd) {
      if (fd == search_.get()) {
        answer_search();
      } else {
        answer_http();
      }
    });
  }
  ~UpnpRouter() { stop(); }
  std::map<std::string, Entry> entries() {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  static constexpr const char* kService = "urn:schemas-upnp-org:service:WANIPConnection:1";
  static constexpr const char* kDevice = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

  void answer_search() {
    char text[2048];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        recvfrom(search_.get(), text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &length);
    const std::string request(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (request.find(kDevice) == std::string::npos) return;
    const std::string answer =
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: " + std::string(kDevice) +
        "\r\nUSN: uuid:1::" + kDevice +
        "\r\nSERVER: test\r\nEXT:\r\nLOCATION: http://127.0.0.1:" + std::to_string(port_) +
        "/root.xml\r\n\r\n";
    sendto(search_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
           length);
  }

  static std::string root_description() {
    return std::string(
               "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\">"
               "<device><deviceType>") +
           kDevice +
           "</deviceType><deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1"
           "</deviceType><serviceList><service><serviceType>"
           "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType><serviceId>"
           "urn:upnp-org:serviceId:WANCommonIFC1</serviceId><controlURL>/common</controlURL>"
           "<eventSubURL>/event</eventSubURL><SCPDURL>/common.xml</SCPDURL></service></"
           "serviceList><deviceList><device><deviceType>"
           "urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>"
           "<serviceType>" +
           kService +
           "</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>"
           "<controlURL>/control</controlURL><eventSubURL>/event</eventSubURL>"
           "<SCPDURL>/scpd.xml</SCPDURL></service></serviceList></device></deviceList></device>"
           "</deviceList></device></root>";
  }
  static std::string element(const std::string& body, const std::string& name) {
    const auto start = body.find("<" + name + ">");
    if (start == std::string::npos) return {};
    const auto from = start + name.size() + 2;
    return body.substr(from, body.find("</", from) - from);
  }
  struct Answer {
    std::string status, body;
  };
  static Answer soap(const std::string& action, const std::string& fields) {
    return {
        "200 OK",
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">"
        "<s:Body><u:" +
            action + "Response xmlns:u=\"" + kService + "\">" + fields + "</u:" + action +
            "Response></s:Body></s:Envelope>"};
  }
  static Answer error(int code) {
    return {
        "500 Internal Server Error",
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">"
        "<s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>"
        "<detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>" +
            std::to_string(code) +
            "</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>"};
  }
  Answer act(const std::string& request) {
    const auto is = [&](const char* action) {
      return request.find(std::string("#") + action + "\"") != std::string::npos;
    };
    if (is("GetStatusInfo")) {
      return soap("GetStatusInfo",
                  "<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>"
                  "ERROR_NONE</NewLastConnectionError><NewUptime>5</NewUptime>");
    }
    if (is("GetExternalIPAddress")) {
      return soap("GetExternalIPAddress",
                  std::string("<NewExternalIPAddress>") + kOutside + "</NewExternalIPAddress>");
    }
    const std::lock_guard lock(mutex_);
    const std::string outside = element(request, "NewExternalPort");
    if (is("GetSpecificPortMappingEntry")) {
      const auto found = entries_.find(outside);
      if (found == entries_.end()) return error(714);
      const Entry& entry = found->second;
      return soap("GetSpecificPortMappingEntry",
                  "<NewInternalPort>" + entry.inside + "</NewInternalPort><NewInternalClient>" +
                      entry.client +
                      "</NewInternalClient><NewEnabled>1</NewEnabled>"
                      "<NewPortMappingDescription>" +
                      entry.description + "</NewPortMappingDescription><NewLeaseDuration>" +
                      entry.lease + "</NewLeaseDuration>");
    }
    if (is("AddPortMapping")) {
      const std::string lease = element(request, "NewLeaseDuration");
      if (permanent_only_ && lease != "0") return error(725);
      entries_[outside] = {element(request, "NewInternalPort"),
                           element(request, "NewInternalClient"),
                           element(request, "NewPortMappingDescription"), lease};
      return soap("AddPortMapping", "");
    }
    return error(401);
  }

  void answer_http() {
    const UniqueFd fd(accept(http_.get(), nullptr, nullptr));
    std::string request;
    char piece[4096];
    for (;;) {
      const ssize_t got = recv(fd.get(), piece, sizeof piece, 0);
      if (got <= 0) break;
      request.append(piece, static_cast<std::size_t>(got));
      const auto head = request.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const auto field = request.find("Content-Length: ");
      const std::size_t wanted =
          field == std::string::npos ? 0 : std::stoul(request.substr(field + 16));
      if (request.size() >= head + 4 + wanted) break;
    }
    const Answer answer =
        request.starts_with("GET") ? Answer{"200 OK", root_description()} : act(request);
    const std::string text = "HTTP/1.1 " + answer.status +
                             "\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: " +
                             std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
    send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  const bool permanent_only_;
  UniqueFd search_, http_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // by external port
};

constexpr const char* kDescription = "ZeroTier/01bcd7b70e@24680";

// ---- NAT-PMP

TEST(NatPmp, MapsThePortForTenMinutes) {
  NatPmpRouter router;
  const auto mapped = map_by_nat_pmp(inet_addr(NatPmpRouter::kAddress), 24680, kNever_cancelled);
  ASSERT_TRUE(mapped) << mapped.error();
  EXPECT_EQ(mapped->text(), std::string(kOutside) + ":24680");
  const auto mappings = router.mappings();
  ASSERT_EQ(mappings.size(), 1U);
  EXPECT_EQ(mappings[0].inside, 24680);
  EXPECT_EQ(mappings[0].outside, 24680);
  EXPECT_EQ(mappings[0].lease, 600U);
}

TEST(NatPmp, TakesThePortThatTheRouterGives) {
  NatPmpRouter router(30001);
  const auto mapped = map_by_nat_pmp(inet_addr(NatPmpRouter::kAddress), 24680, kNever_cancelled);
  ASSERT_TRUE(mapped) << mapped.error();
  EXPECT_EQ(mapped->port, 30001);
}

TEST(NatPmp, ARouterThatDoesNotSpeakItIsAFailure) {
  EXPECT_FALSE(map_by_nat_pmp(inet_addr("127.53.51.9"), 24680, kNever_cancelled));
}

// ---- UPnP

TEST(Upnp, MapsThePortUnderTheNodesName) {
  UpnpRouter router;
  const auto mapped = map_by_upnp(UpnpRouter::kInterface, 24680, kDescription, kNever_cancelled);
  ASSERT_TRUE(mapped) << mapped.error();
  EXPECT_EQ(mapped->text(), std::string(kOutside) + ":24680");
  const auto entries = router.entries();
  ASSERT_EQ(entries.count("24680"), 1U);
  EXPECT_EQ(entries.at("24680").inside, "24680");
  EXPECT_EQ(entries.at("24680").client, "127.0.0.1");
  EXPECT_EQ(entries.at("24680").description, kDescription);
  EXPECT_EQ(entries.at("24680").lease, "600");
}

TEST(Upnp, APortThatOthersHaveIsLeftToThem) {
  const UpnpRouter::Entry others{"24680", "127.0.0.9", "game", "0"};
  UpnpRouter router({{"24680", others}, {"24681", others}});
  const auto mapped = map_by_upnp(UpnpRouter::kInterface, 24680, kDescription, kNever_cancelled);
  ASSERT_TRUE(mapped) << mapped.error();
  EXPECT_EQ(mapped->port, 24682);
  EXPECT_EQ(router.entries().at("24680").description, "game");
  EXPECT_EQ(router.entries().at("24682").inside, "24680");
}

TEST(Upnp, OurOwnMappingOfAnEarlierRunIsKept) {
  UpnpRouter router({{"24680", {"24680", "127.0.0.9", "game", "0"}},
                     {"24681", {"24680", "127.0.0.1", kDescription, "60"}}});
  const auto mapped = map_by_upnp(UpnpRouter::kInterface, 24680, kDescription, kNever_cancelled);
  ASSERT_TRUE(mapped) << mapped.error();
  EXPECT_EQ(mapped->port, 24681);
  EXPECT_EQ(router.entries().size(), 2U);
  EXPECT_EQ(router.entries().at("24681").lease, "600");  // renewed
}

TEST(Upnp, RoutersThatKnowOnlyPermanentLeasesGetThem) {
  UpnpRouter router({}, true);
  const auto mapped = map_by_upnp(UpnpRouter::kInterface, 24680, kDescription, kNever_cancelled);
  ASSERT_TRUE(mapped) << mapped.error();
  EXPECT_EQ(router.entries().at("24680").lease, "0");
}

// ---- the thread

struct Mapper {
  explicit Mapper(PortMapper::Places places)
      : mapper(PortMapper::start(
            *loop, {24680, kDescription, std::move(places)},
            [this](std::vector<Endpoint> mapped) { answers.push_back(std::move(mapped)); })) {}
  void await(std::size_t count) {
    const Time limit = loop->now() + Duration(30'000);
    while (answers.size() < count && loop->now() < limit) loop->turn(limit);
    ASSERT_GE(answers.size(), count);
  }
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::make({}));
  std::vector<std::vector<Endpoint>> answers;
  std::unique_ptr<PortMapper> mapper;
};

TEST(PortMapper, TriesUpnpWhereNatPmpIsNotSpoken) {
  UpnpRouter router;
  PortMapper::Places places;
  places.nat_pmp_gateway = inet_addr("127.53.51.9");
  places.upnp_interface = UpnpRouter::kInterface;
  Mapper mapper(places);
  ASSERT_TRUE(mapper.mapper);
  ASSERT_NO_FATAL_FAILURE(mapper.await(1));
  EXPECT_EQ(mapper.answers[0].at(0).text(), std::string(kOutside) + ":24680");
  EXPECT_EQ(router.entries().at("24680").description, kDescription);
}

TEST(PortMapper, TellsWhenTheMappingChangesOrIsGone) {
  auto router = std::make_unique<NatPmpRouter>();
  PortMapper::Places places;
  places.nat_pmp_gateway = inet_addr(NatPmpRouter::kAddress);
  places.upnp = false;
  Mapper mapper(places);
  ASSERT_TRUE(mapper.mapper);
  ASSERT_NO_FATAL_FAILURE(mapper.await(1));
  EXPECT_EQ(mapper.answers[0].at(0).port, 24680);
  router.reset();
  router = std::make_unique<NatPmpRouter>(30001);
  mapper.mapper->ask_again();
  ASSERT_NO_FATAL_FAILURE(mapper.await(2));
  EXPECT_EQ(mapper.answers[1].at(0).port, 30001);
  router.reset();
  mapper.mapper->ask_again();
  ASSERT_NO_FATAL_FAILURE(mapper.await(3));
  EXPECT_TRUE(mapper.answers[2].empty());
}

TEST(PortMapper, CanBeTakenDownWhileItWaitsForARouter) {
  PortMapper::Places places;
  places.nat_pmp_gateway = inet_addr("127.53.51.9");
  places.upnp_interface = UpnpRouter::kInterface;
  const std::int64_t start = monotonic_us();
  for (int i = 0; i < 20; ++i) Mapper{places};
  EXPECT_LT(monotonic_us() - start, 5'000'000);
}

}  // namespace
}  // namespace ztshim::host
