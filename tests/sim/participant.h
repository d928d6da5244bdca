// Whatever is simulated behind a node's sockets: a Vl1 with a small upper layer today, a whole Node
// as well. The simulator knows no more of it than the real event loop would.
#pragma once

#include "common/bytes.h"
#include "common/time.h"
#include "service/crypto/random.h"
#include "service/vl1/outbox.h"

namespace ztshim::sim {

class Participant {
 public:
  Participant() = default;
  Participant(const Participant&) = delete;
  Participant& operator=(const Participant&) = delete;
  virtual ~Participant() = default;
  virtual void start(Now now, Outbox& out) = 0;
  virtual void on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) = 0;
  virtual void on_deadline(Now now, Outbox& out) = 0;
  virtual Time next_deadline() const = 0;
  // What the outbox held besides datagrams, after each call.
  virtual void on_outbox(const Outbox& out) = 0;
};

// Randomness that repeats itself (splitmix64).
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i % 8 == 0) block_ = next();
      bytes[i] = static_cast<std::uint8_t>(block_ >> (i % 8 * 8));
    }
  }

 private:
  std::uint64_t next() {
    std::uint64_t x = state_ += 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
  }
  std::uint64_t state_;
  std::uint64_t block_ = 0;
};

}  // namespace ztshim::sim
