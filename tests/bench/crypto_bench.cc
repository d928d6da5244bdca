// Nanoseconds per packet for sealing and opening, and per identity for what names and joins nodes.
// The sizes are those of performance.md 2.
#include <benchmark/benchmark.h>

#include "service/crypto/identity.h"
#include "service/crypto/suites.h"

namespace ztshim {
namespace {

class CountingRandom final : public RandomSource {
 public:
  void fill(MutableBytes bytes) override {
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(++state_ * 151 >> 3);
  }

 private:
  std::uint32_t state_ = 0;
};

PacketKeys keys() {
  AgreedKey key;
  CountingRandom().fill(key.writable());
  return PacketKeys(key);
}

void seal(benchmark::State& state, Suite suite) {
  const PacketKeys with = keys();
  Bytes packet(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto step : state) {
    with.seal(packet, suite);
    benchmark::DoNotOptimize(packet.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void open(benchmark::State& state, Suite suite) {
  const PacketKeys with = keys();
  Bytes sealed(static_cast<std::size_t>(state.range(0)), 0x5a);
  with.seal(sealed, suite);
  Bytes packet(sealed.size());
  for (auto step : state) {
    std::copy(sealed.begin(), sealed.end(), packet.begin());  // opening is in place
    if (!with.open(packet)) state.SkipWithError("does not open");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

#define ZTSHIM_PACKET_SIZES ->Arg(64)->Arg(1400)->Arg(2800)
BENCHMARK_CAPTURE(seal, suite3, Suite::AesGmacSiv) ZTSHIM_PACKET_SIZES;
BENCHMARK_CAPTURE(open, suite3, Suite::AesGmacSiv) ZTSHIM_PACKET_SIZES;
BENCHMARK_CAPTURE(seal, suite1, Suite::Poly1305Salsa2012) ZTSHIM_PACKET_SIZES;
BENCHMARK_CAPTURE(open, suite1, Suite::Poly1305Salsa2012) ZTSHIM_PACKET_SIZES;
BENCHMARK_CAPTURE(seal, suite0, Suite::Poly1305None) ZTSHIM_PACKET_SIZES;

// What the first packet to a new peer costs on top.
void first_seal(benchmark::State& state) {
  Bytes packet(64, 0x5a);
  for (auto step : state) keys().seal(packet, Suite::AesGmacSiv);
}
BENCHMARK(first_seal);

const Identity& somebody() {
  static const Identity identity = [] {
    CountingRandom random;
    return Identity::generate(random);
  }();
  return identity;
}

void validate(benchmark::State& state) {
  for (auto step : state) benchmark::DoNotOptimize(somebody().is_valid());
}
BENCHMARK(validate)->Unit(benchmark::kMillisecond);

void agree(benchmark::State& state) {
  for (auto step : state) benchmark::DoNotOptimize(somebody().agree(somebody()));
}
BENCHMARK(agree)->Unit(benchmark::kMicrosecond);

void sign(benchmark::State& state) {
  for (auto step : state) benchmark::DoNotOptimize(somebody().sign(as_bytes("message")));
}
BENCHMARK(sign)->Unit(benchmark::kMicrosecond);

void verify(benchmark::State& state) {
  const Signature signature = somebody().sign(as_bytes("message"));
  for (auto step : state) {
    benchmark::DoNotOptimize(somebody().verify(as_bytes("message"), signature));
  }
}
BENCHMARK(verify)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ztshim

BENCHMARK_MAIN();
