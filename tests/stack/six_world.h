// A stack with one IPv6 (and one IPv4) address on one network, a neighbour there, and a connection
// to it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "service/stack/pcb.h"
#include "service/stack/stack.h"
#include "tests/stack/partner.h"

namespace ztshim::stack {

inline IpAddress ip(const char* text) { return *IpAddress::parse(text); }
inline Endpoint at(const char* text) { return *Endpoint::parse(text); }

struct SixNotes final : PcbEvents {
  void on_connected() override { connected = true; }
  void on_data(pbuf* chain) override { received.append(chain); }
  void on_fin() override { fin = true; }
  void on_acknowledged() override {}
  void on_unreachable(std::errc error) override { unreachable.push_back(error); }
  void on_ending(Ending why) override { ending = why; }

  std::string text() {
    std::string bytes;
    iovec vectors[64];
    const std::size_t count = received.peek(vectors);
    for (std::size_t i = 0; i < count; ++i) {
      bytes.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
    }
    return bytes;
  }

  bool connected = false, fin = false;
  std::optional<Ending> ending;
  std::vector<std::errc> unreachable;
  PbufQueue received;
};

class SixWorld : public testing::Test {
 protected:
  static constexpr InterfaceId kNet{7};
  static constexpr std::uint64_t kOurMac = 0x02'11'22'33'44'55;
  static constexpr std::uint64_t kPartnerMac = 0x02'66'77'88'99'aa;

  explicit SixWorld(const char* partner_ip = "fd00:1::2") : partner(kNet, partner_ip, kPartnerMac) {
    config.name = "zt0";
    config.mac = kOurMac;
    config.addresses = {*IpPrefix::parse("10.1.0.1/24"), *IpPrefix::parse("fd00:1::1/64")};
    stack.set_time(now);
    configure();
    forget();
  }

  void configure() { stack.set_interface(kNet, config); }
  void forget() {
    partner.seen.clear();
    partner.arp_asked_for.clear();
  }
  static void random(MutableBytes bytes) {
    static std::mt19937 engine(12);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  }
  void turn() {
    do {
      stack.set_time(now);
      partner.flush(stack, kOurMac);
      stack.run_timers();
    } while (stack.next_deadline() <= now);
  }
  void pass(Duration time) {
    for (const Time end = now + time; now < end;) {
      now = std::min(end, std::max(stack.next_deadline(), now + Duration{1}));
      turn();
    }
  }
  // The newest TCP segment.
  Segment last() {
    const std::vector<Segment> segments = partner.take_segments();
    EXPECT_FALSE(segments.empty());
    return segments.empty() ? Segment{} : segments.back();
  }
  // The newest packet as it is.
  Bytes last_packet() const { return partner.seen.empty() ? Bytes{} : partner.seen.back().payload; }

  void begin(const Endpoint& to) {
    pcb = Pcb::create(to.ip.is_v4() ? Pcb::Kind::V4 : Pcb::Kind::V6);
    pcb.listen_to(notes);
    const auto hop = stack.route(to.ip);
    ASSERT_TRUE(hop.has_value());
    ASSERT_TRUE(pcb.connect(hop->source, to).has_value());
    turn();
  }
  void establish(const Endpoint& to) {
    peer = to;
    begin(to);
    syn = last();
    ASSERT_EQ(syn.flags, Segment::Syn);
    partner.send(stack, kOurMac,
                 {peer,
                  syn.from,
                  5000,
                  syn.sequence + 1,
                  Segment::Syn | Segment::Ack,
                  65535,
                  {2, 4, 0x0a, 0xb4, 1, 3, 3, 7},
                  {}});
    turn();
    ASSERT_TRUE(notes.connected);
    partner.seen.clear();
  }

  Time now{Duration{1'000}};
  Partner partner;
  Stack stack{[this](const OutgoingFrame& frame) { partner.on_frame(frame); }, random};
  InterfaceConfig config;
  SixNotes notes;
  Pcb pcb;
  Endpoint peer;
  Segment syn;
};

}  // namespace ztshim::stack
