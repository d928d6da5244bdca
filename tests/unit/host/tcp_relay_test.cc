// The host's side of the TCP fallback relay against a relay that this test plays, on loopback.
#include "service/host/tcp_relay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "service/host/physical.h"
#include "service/host/random.h"

namespace ztshim::host {
namespace {

using Mode = vl1::TcpFallback::Mode;
const Endpoint kPeer{*IpAddress::parse("8.9.10.11"), 9993};

// Accepts one connection at a time and keeps what came.
class Relay {
 public:
  Relay() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    socklen_t length = Endpoint{*IpAddress::parse("127.0.0.1"), 0}.to_sockaddr(address);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_.get(), 4), 0);
    length = sizeof address;
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    place_ = *Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address), length);
  }
  const Endpoint& place() const { return place_; }
  bool is_asked() const {
    pollfd asked{listener_.get(), POLLIN, 0};
    return poll(&asked, 1, 0) == 1;
  }
  void accept_one() { client_.reset(accept(listener_.get(), nullptr, nullptr)); }
  void hang_up() { client_.reset(); }
  // What has come so far.
  const std::string& received() {
    char piece[4096];
    for (;;) {
      const ssize_t got = client_ ? recv(client_.get(), piece, sizeof piece, MSG_DONTWAIT) : -1;
      if (got <= 0) return received_;
      received_.append(piece, static_cast<std::size_t>(got));
    }
  }
  void say(const std::string& bytes) const {
    EXPECT_EQ(send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

 private:
  UniqueFd listener_, client_;
  Endpoint place_;
  std::string received_;
};

// One record with a datagram (vl1-behaviour 14).
std::string record(const Endpoint& about, const std::string& datagram) {
  std::string text("\x17\x03\x03", 3);
  const std::size_t length = 7 + datagram.size();
  text += {static_cast<char>(length >> 8), static_cast<char>(length), 4};
  text += as_text(about.ip.bytes());
  text += {static_cast<char>(about.port >> 8), static_cast<char>(about.port & 255)};
  return text + datagram;
}

// A node that may use nothing but the relay.
struct Node {
  explicit Node(const Endpoint& relay) {
    Physical::Options options;
    options.tcp_fallback = {Mode::Forced, relay};
    auto opened = Physical::open(std::move(options), random, *loop,
                                 {[this](const Arrival& from, MutableBytes datagram) {
                                    arrivals.push_back(from);
                                    received.emplace_back(as_text(datagram));
                                  },
                                  [] {}, [] {}});
    EXPECT_TRUE(opened) << opened.error();
    if (opened) physical = std::move(*opened);
  }
  template <typename Condition>
  void until(Condition condition) {
    const Time limit = loop->now() + Duration(10'000);
    while (!condition() && loop->now() < limit) {
      physical->on_deadline(loop->now());
      loop->turn(std::min(limit, loop->now() + Duration(20)));
    }
    ASSERT_TRUE(condition());
  }
  void send(const std::string& text, const Endpoint& to = kPeer) {
    Outbox out;
    const MutableBytes room = out.datagram(kAnySocket, to, text.size());
    std::copy(text.begin(), text.end(), room.begin());
    physical->send(out);
  }

  SystemRandom random;
  std::unique_ptr<EventLoop> loop = [] {
    auto made = std::move(*EventLoop::make({}));
    made->refresh_clocks();
    return made;
  }();
  std::vector<Arrival> arrivals;
  std::vector<std::string> received;
  std::unique_ptr<Physical> physical;
};

const std::string kHello = "a datagram of more than sixteen bytes";

TEST(TcpRelay, ForcedItCarriesDatagramsBothWaysAndNothingGoesByUdp) {
  Relay relay;
  Node node(relay.place());
  EXPECT_EQ(node.physical->ports().count(), 0U);
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return relay.is_asked(); }));
  relay.accept_one();
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return node.physical->uses_tcp_relay(); }));
  node.send(kHello);
  // The greeting: a record of four bytes with our version.
  ASSERT_NO_FATAL_FAILURE(
      node.until([&] { return relay.received().size() >= 9 + 12 + kHello.size(); }));
  EXPECT_EQ(relay.received().substr(0, 5), std::string("\x17\x03\x03\x00\x04", 5));
  EXPECT_EQ(relay.received().substr(9), record(kPeer, kHello));

  relay.say(std::string("\x17\x03\x03\x00\x04", 5) + "1234" + record(kPeer, kHello + "!"));
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return !node.received.empty(); }));
  EXPECT_EQ(node.received.front(), kHello + "!");
  EXPECT_EQ(node.arrivals.front().remote, kPeer);
  EXPECT_EQ(node.arrivals.front().socket, kAnySocket);
}

TEST(TcpRelay, ARelayThatTalksNonsenseIsLeft) {
  Relay relay;
  Node node(relay.place());
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return relay.is_asked(); }));
  relay.accept_one();
  relay.say("HTTP/1.1 400 Bad Request\r\n\r\n");
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return node.physical->uses_tcp_relay(); }));
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return !node.physical->uses_tcp_relay(); }));
  EXPECT_TRUE(node.received.empty());
}

TEST(TcpRelay, ARelayThatHangsUpIsNoHarm) {
  Relay relay;
  Node node(relay.place());
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return relay.is_asked(); }));
  relay.accept_one();
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return node.physical->uses_tcp_relay(); }));
  relay.hang_up();
  ASSERT_NO_FATAL_FAILURE(node.until([&] { return !node.physical->uses_tcp_relay(); }));
  node.send(kHello);
  EXPECT_TRUE(node.received.empty());
}

TEST(TcpRelay, ItIsOffUnlessAskedFor) {
  Relay relay;
  Node node(relay.place());
  PhysicalSettings settings;
  settings.bind = {{*IpAddress::parse("127.0.0.1"), 0}};
  node.physical->change(node.loop->now(), settings, {Mode::Off, relay.place()});
  EXPECT_GT(node.physical->ports().count(), 0U);
  node.physical->on_deadline(node.loop->now());
  EXPECT_EQ(node.physical->next_deadline() > node.loop->now() + Duration(5000), true);
  EXPECT_FALSE(relay.is_asked());
}

}  // namespace
}  // namespace ztshim::host
