// A Vl2 of its own, to which tests hand packets as VL1 would: the node under test in the files
// about networks. What it sends is not looked at here.
#pragma once

#include <memory>
#include <vector>

#include "service/vl1/peer_cache.h"
#include "service/vl2/vl2.h"
#include "tests/sim/participant.h"

namespace ztshim::vl2 {

// Counts how often it is asked: a measure of work that does not depend on the machine.
class CountedRandom final : public RandomSource {
 public:
  void fill(MutableBytes bytes) override {
    ++draws;
    random_.fill(bytes);
  }
  std::size_t draws = 0;

 private:
  sim::SeededRandom random_{1};
};

class LoneVl2 {
 public:
  // Knows the identities of `known`.
  explicit LoneVl2(const Identity& own, const std::vector<Identity>& known = {}) : vl2_(random_) {
    vl1::Config config;
    config.identity = own;
    for (const Identity& peer : known) {
      config.cached_peers.push_back(vl1::CachedPeer{peer, 12, {1, 14, 1}, {}}.bytes());
    }
    vl1_ = std::make_unique<vl1::Vl1>(std::move(config), random_, vl2_);
    vl2_.attach(*vl1_, nullptr);
    vl1_->start(now, out);
    out.clear();
  }

  vl1::Verdict receive(const Identity& source, Verb verb, ByteView payload,
                       Verb in_re = Verb::Nop) {
    return vl2_.on_packet(now,
                          {.source = source,
                           .id = PacketId(++packets_),
                           .verb = verb,
                           .payload = payload,
                           .in_re_verb = in_re,
                           .in_re_id = PacketId(1),
                           .error = ErrorCode::None,
                           .arrival = {1, Endpoint{IpAddress::v4(0x09000001), 9993}},
                           .hops = 0},
                          out);
  }
  vl1::Verdict receive_error(const Identity& source, ErrorCode code, ByteView body) {
    return vl2_.on_packet(now,
                          {.source = source,
                           .id = PacketId(++packets_),
                           .verb = Verb::Error,
                           .payload = body,
                           .in_re_verb = Verb::NetworkConfigRequest,
                           .in_re_id = {},
                           .error = code,
                           .arrival = {},
                           .hops = 0},
                          out);
  }
  Vl2& vl2() { return vl2_; }
  vl1::Vl1& vl1() { return *vl1_; }
  std::size_t draws() const { return random_.draws; }
  void wait(Duration time) {
    now.time += time;
    now.wall_ms += time.count();
    vl1_->on_deadline(now, out);
    vl2_.on_deadline(now, out);
  }

  Now now{Time{}, 1'700'000'000'000};
  Outbox out;

 private:
  CountedRandom random_;
  Vl2 vl2_;
  std::unique_ptr<vl1::Vl1> vl1_;
  std::uint64_t packets_ = 0;
};

}  // namespace ztshim::vl2
