// What VL1 costs per known peer, per packet and per deadline, with 10 to 100 000 peers. It should
// be flat: what rises a little is the processor's cache running out.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <map>
#include <memory>

#include "tests/sim/crowd.h"

namespace ztshim::sim {
namespace {

constexpr std::size_t kPayload = 64;
constexpr std::size_t kPrepared = 1 << 15;  // packets of as many peers, in random order
constexpr std::size_t kFew = 8;             // peers that have something to say

struct Measured {
  explicit Measured(std::size_t peers) {
    const std::size_t before = mallinfo2().uordblks;
    crowd = std::make_unique<Crowd>(peers);
    bytes_per_peer =
        static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(peers);
    SeededRandom random(peers);
    const Bytes payload(kPayload, 0x5a);
    for (std::size_t i = 0; i < kPrepared; ++i) {
      const std::size_t n = random.below(peers);
      senders.push_back(n);
      frames.push_back(crowd->frame(n, payload));
      relayed.push_back(crowd->frame_for(n, n ^ 1, payload));
    }
    for (std::size_t i = 0; i < kFew; ++i) few.push_back(crowd->frame(i % peers, payload));
  }
  std::unique_ptr<Crowd> crowd;
  double bytes_per_peer = 0;
  std::vector<std::size_t> senders;
  std::vector<Bytes> frames, relayed;
  std::vector<Bytes> few;
};

// Made once per number of peers: introducing a hundred thousand takes a while.
Measured& with_peers(std::int64_t peers) {
  static std::map<std::int64_t, std::unique_ptr<Measured>> all;
  auto& made = all[peers];
  if (!made) made = std::make_unique<Measured>(static_cast<std::size_t>(peers));
  return *made;
}

void receive(benchmark::State& state) {
  Measured& measured = with_peers(state.range(0));
  Crowd& crowd = *measured.crowd;
  Bytes datagram;
  std::size_t i = 0;
  const auto opened = crowd.node().counters().packets_opened;
  for (auto step : state) {
    const std::size_t n = i++ % kPrepared;
    datagram.assign(measured.frames[n].begin(), measured.frames[n].end());
    crowd.out().clear();
    crowd.node().on_datagram(crowd.now(), crowd.arrival(measured.senders[n]), datagram,
                             crowd.out());
  }
  if (crowd.node().counters().packets_opened - opened != i) state.SkipWithError("not opened");
  state.counters["bytes_per_peer"] = measured.bytes_per_peer;
}

// The same where few of the known peers speak, and what belongs to them stays in the cache.
void receive_from_few(benchmark::State& state) {
  Measured& measured = with_peers(state.range(0));
  Crowd& crowd = *measured.crowd;
  Bytes datagram;
  std::size_t i = 0;
  for (auto step : state) {
    const std::size_t n = i++ % kFew;
    datagram.assign(measured.few[n].begin(), measured.few[n].end());
    crowd.out().clear();
    crowd.node().on_datagram(crowd.now(), crowd.arrival(n), datagram, crowd.out());
  }
}

void send_to_few(benchmark::State& state) {
  Crowd& crowd = *with_peers(state.range(0)).crowd;
  const Bytes payload(kPayload, 0x5a);
  std::size_t i = 0;
  for (auto step : state) {
    crowd.out().clear();
    crowd.node().send(crowd.now(), crowd.address(i++ % kFew), Verb::Frame, {}, payload, {},
                      crowd.out());
  }
}

void send(benchmark::State& state) {
  Measured& measured = with_peers(state.range(0));
  Crowd& crowd = *measured.crowd;
  const Bytes payload(kPayload, 0x5a);
  std::size_t i = 0;
  for (auto step : state) {
    const Address to = crowd.address(measured.senders[i++ % kPrepared]);
    crowd.out().clear();
    crowd.node().send(crowd.now(), to, Verb::Frame, {}, payload, {}, crowd.out());
    if (crowd.out().datagrams().empty()) state.SkipWithError("not sent");
  }
}

// As a root does: neither opened nor sealed.
void relay(benchmark::State& state) {
  Measured& measured = with_peers(state.range(0));
  Crowd& crowd = *measured.crowd;
  Bytes datagram;
  std::size_t i = 0;
  for (auto step : state) {
    const std::size_t n = i++ % kPrepared;
    datagram.assign(measured.relayed[n].begin(), measured.relayed[n].end());
    crowd.out().clear();
    crowd.node().on_datagram(crowd.now(), crowd.arrival(measured.senders[n]), datagram,
                             crowd.out());
    if (crowd.out().datagrams().empty()) state.SkipWithError("not relayed");
  }
}

// The event loop asks for the next deadline after every turn, and wakes up for others' timers.
void nothing_due(benchmark::State& state) {
  Crowd& crowd = *with_peers(state.range(0)).crowd;
  for (auto step : state) {
    crowd.out().clear();
    crowd.node().on_deadline(crowd.now(), crowd.out());
    benchmark::DoNotOptimize(crowd.node().next_deadline());
  }
}

// Four minutes of keeping in touch with all of them; the time is that of one probe, sealed.
void deadline(benchmark::State& state) {
  Crowd& crowd = *with_peers(state.range(0)).crowd;
  for (auto step : state) {
    const std::size_t probes = crowd.probes();
    const std::size_t wake_ups = crowd.wake_ups();
    const std::int64_t before = crowd.nanoseconds();
    crowd.run_for(std::chrono::seconds(240), Crowd::Answers::No);
    const auto made = static_cast<double>(crowd.probes() - probes);
    state.SetIterationTime(1e-9 * static_cast<double>(crowd.nanoseconds() - before) / made);
    state.counters["probes_per_peer"] = made / static_cast<double>(crowd.size());
    state.counters["probes_per_wake_up"] = made / static_cast<double>(crowd.wake_ups() - wake_ups);
  }
}

#define ZTSHIM_PEERS ->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000)->Arg(100'000)
BENCHMARK(receive) ZTSHIM_PEERS;
BENCHMARK(send) ZTSHIM_PEERS;
BENCHMARK(receive_from_few) ZTSHIM_PEERS;
BENCHMARK(send_to_few) ZTSHIM_PEERS;
BENCHMARK(relay) ZTSHIM_PEERS;
BENCHMARK(nothing_due) ZTSHIM_PEERS;
BENCHMARK(deadline) ZTSHIM_PEERS->UseManualTime()->Iterations(1);

}  // namespace
}  // namespace ztshim::sim

BENCHMARK_MAIN();
