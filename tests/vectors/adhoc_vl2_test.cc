// mac.json, what a node says because of a network without controller: nothing to it, and nobody is
// asked about it. (Its root hears which groups the node listens to; the recording had no root.)
#include "service/node/node.h"
#include "service/wire/compression.h"
#include "tests/sim/sim_node.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

VECTOR_SUITE(AdHocNetworkTalk, "mac.json", "adhoc_networks");

class Talk {
 public:
  Talk() {
    const World planet = sim::planet_of({{root_identity_, {kRootAt}}});
    Environment environment;
    environment.vl1.identity = root_identity_;
    environment.vl1.planet = planet;
    root_ = std::make_unique<Node>(std::move(environment), random_);
    Environment other;
    other.vl1.identity = own_identity_;
    other.vl1.planet = planet;
    node_ = std::make_unique<Node>(std::move(other), random_);
    root_->start(now_, of_root_);
    node_->start(now_, of_node_);
    run_for(std::chrono::seconds(5));
    EXPECT_TRUE(node_->vl1().is_online(now_.time));
    said_.clear();
  }
  void run_for(Duration duration) {
    const Time end = now_.time + duration;
    while (true) {
      exchange();
      const Time next = std::min(root_->next_deadline(), node_->next_deadline());
      if (next > end) break;
      now_.wall_ms += std::max(next, now_.time).time_since_epoch().count() -
                      now_.time.time_since_epoch().count();
      now_.time = std::max(next, now_.time);
      root_->on_deadline(now_, of_root_);
      node_->on_deadline(now_, of_node_);
    }
    now_.time = end;
  }
  void join(NetworkId network) { node_->join(now_, network, of_node_); }
  std::size_t said(Verb verb) const {
    return static_cast<std::size_t>(std::count(said_.begin(), said_.end(), verb));
  }

 private:
  void exchange() {
    while (!of_root_.empty() || !of_node_.empty()) {
      Outbox from_root, from_node;
      std::swap(from_root, of_root_);
      std::swap(from_node, of_node_);
      for (const auto& sent : from_root.datagrams()) {
        Bytes bytes = to_bytes(from_root.bytes_of(sent));
        node_->on_datagram(now_, {1, kRootAt}, bytes, of_node_);
      }
      for (const auto& sent : from_node.datagrams()) {
        Bytes bytes = to_bytes(from_node.bytes_of(sent));
        note(bytes);
        root_->on_datagram(now_, {1, kNodeAt}, bytes, of_root_);
      }
    }
  }
  void note(Bytes packet) {
    if (!keys_.open(packet)) return;
    if (const auto header = PacketHeader::read(packet)) said_.push_back(header->verb());
  }

  static inline const Endpoint kRootAt{IpAddress::v4(0x09000001), 9993};
  static inline const Endpoint kNodeAt{IpAddress::v4(0x09000101), 9993};
  const Identity root_identity_ = identity(file("network_config.json").at("controller_secret"));
  const Identity own_identity_ = identity(file("network_config.json").at("member_secret"));
  const PacketKeys keys_{own_identity_.agree(root_identity_).value()};
  sim::SeededRandom random_{1};
  Now now_{Time{}, 1'700'000'000'000};
  std::unique_ptr<Node> root_;
  std::unique_ptr<Node> node_;
  Outbox of_root_;
  Outbox of_node_;
  std::vector<Verb> said_;
};

TEST_P(AdHocNetworkTalk, asks_nobody) {
  Talk talk;
  talk.join(NetworkId::parse(text("network_id")).value());
  talk.run_for(std::chrono::seconds(130));
  EXPECT_GT(talk.said(Verb::Hello) + talk.said(Verb::Echo), 0U) << "it is alive";
  EXPECT_EQ(talk.said(Verb::NetworkConfigRequest) + talk.said(Verb::Whois) +
                talk.said(Verb::MulticastGather) + talk.said(Verb::NetworkCredentials),
            number("packets_sent"));
}

}  // namespace
}  // namespace ztshim::vectors
