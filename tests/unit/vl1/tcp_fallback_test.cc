#include "service/vl1/tcp_fallback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/vl1/constants.h"

namespace ztshim::vl1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Endpoint kRoot = *Endpoint::parse("9.1.2.3/9993");
const Endpoint kLan = *Endpoint::parse("192.168.1.2/9993");
const Endpoint kRoot6 = *Endpoint::parse("2a00::1/9993");

class TcpFallbackTest : public ::testing::Test {
 protected:
  void pass(Duration duration) { now += duration; }
  TcpFallback::Ways send(const Endpoint& to = kRoot) { return relay.on_send(now, to, packet); }
  // As a node does that reaches nobody: a datagram every five seconds.
  void send_in_vain(Duration duration) {
    for (const Time end = now + duration; now < end; pass(kPingCheck)) send();
  }
  void connect() {
    send_in_vain(kTcpAfter + kPingCheck);
    ASSERT_TRUE(relay.wants_connection(now));
    relay.on_connected(now);
  }
  Bytes take_queue() {
    Bytes queued = to_bytes(relay.queued());
    relay.consumed(queued.size());
    return queued;
  }
  bool receive(ByteView bytes) {
    return relay.on_bytes(bytes, [&](const Endpoint& from, MutableBytes datagram) {
      got.push_back(from.protocol_text() + " " + std::string(as_text(datagram)));
    });
  }

  Time now{Duration{5'000'000}};
  TcpFallback relay{{TcpFallback::Mode::WhenNeeded, TcpFallback::default_relay()}, now};
  const Bytes packet = Bytes(100, 'p');
  std::vector<std::string> got;
};

TEST_F(TcpFallbackTest, is_off_unless_asked_for) {
  TcpFallback off({}, now);
  for (int i = 0; i < 100; ++i, pass(kPingCheck)) off.on_send(now, kRoot, packet);
  EXPECT_FALSE(off.wants_connection(now));
  EXPECT_TRUE(off.on_send(now, kRoot, packet).udp);
}

TEST_F(TcpFallbackTest, connects_after_a_minute_in_which_only_we_were_heard) {
  send_in_vain(kTcpAfter - kPingCheck);
  EXPECT_FALSE(relay.wants_connection(now));
  send_in_vain(2 * kPingCheck);
  EXPECT_TRUE(relay.wants_connection(now));
  EXPECT_EQ(relay.relay().protocol_text(), "204.80.128.1/443");
}

TEST_F(TcpFallbackTest, a_node_that_sends_nothing_needs_no_relay) {
  pass(10 * kTcpAfter);
  send();  // the first in a long time
  EXPECT_FALSE(relay.wants_connection(now));
  pass(kTcpSendPause - Duration{1});
  send();  // one burst proves nothing
  EXPECT_FALSE(relay.wants_connection(now));
  pass(kTcpSendPause);
  send();
  EXPECT_TRUE(relay.wants_connection(now));
}

TEST_F(TcpFallbackTest, whatever_comes_from_the_internet_keeps_it_away) {
  for (int i = 0; i < 100; ++i, pass(kPingCheck)) {
    send();
    if (i % 11 == 0) relay.on_udp_received(now, kRoot6, 100);
  }
  EXPECT_FALSE(relay.wants_connection(now));
}

TEST_F(TcpFallbackTest, neighbours_and_junk_do_not_count_as_the_internet) {
  for (int i = 0; i < 14; ++i, pass(kPingCheck)) {
    send();
    relay.on_udp_received(now, kLan, 100);
    relay.on_udp_received(now, kRoot, 4);
  }
  EXPECT_TRUE(relay.wants_connection(now));
}

TEST_F(TcpFallbackTest, a_machine_that_woke_up_waits_again) {
  send_in_vain(kTcpAfter - kPingCheck);
  relay.on_resume(now);
  send_in_vain(kTcpAfter - kPingCheck);
  EXPECT_FALSE(relay.wants_connection(now));
}

TEST_F(TcpFallbackTest,
       the_stream_begins_with_our_version_and_carries_each_datagram_as_one_record) {
  connect();
  EXPECT_EQ(to_hex(take_queue()), "1703030004010e0001");
  const auto ways = send();
  EXPECT_TRUE(ways.udp);
  EXPECT_TRUE(ways.tcp);
  EXPECT_EQ(to_hex(take_queue()),
            "170303006b"
            "04"
            "09010203"
            "2709" +
                to_hex(packet));
  EXPECT_TRUE(relay.queued().empty());
}

TEST_F(TcpFallbackTest, only_datagrams_to_the_ipv4_internet_go_that_way) {
  connect();
  take_queue();
  EXPECT_FALSE(send(kLan).tcp);
  EXPECT_FALSE(send(kRoot6).tcp);
  EXPECT_FALSE(relay.on_send(now, kRoot, Bytes(15)).tcp);
  EXPECT_THAT(take_queue(), IsEmpty());
}

TEST_F(TcpFallbackTest, the_queue_is_bounded_and_what_was_written_partly_stays_in_order) {
  connect();
  const Bytes large(1400, 'x');
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) taken += relay.on_send(now, kRoot, large).tcp ? 1U : 0U;
  EXPECT_LE(relay.queued().size(), kTcpQueue);
  EXPECT_EQ(taken, (kTcpQueue - 9) / (1400 + 12));
  relay.consumed(9 + 3);
  EXPECT_EQ(to_hex(relay.queued().first(2)), "057f");  // the rest of a record's header
}

TEST_F(TcpFallbackTest, what_comes_back_is_a_datagram_from_its_source_in_pieces_of_any_size) {
  connect();
  const Bytes stream = *from_hex(
      "1703030004010e0001"  // a greeting
      "170303001704090102032709"
      "30313233343536373839616263646566"  // from kRoot
      "1703030011"
      "00"
      "30313233343536373839616263646566"  // from nowhere
      "1703030023062a0000000000000000000000000000012709"
      "30313233343536373839616263646566");
  for (std::size_t i = 0; i < stream.size(); ++i) {
    EXPECT_TRUE(receive(ByteView(stream).subspan(i, 1)));
  }
  EXPECT_THAT(got, ElementsAre("9.1.2.3/9993 0123456789abcdef", "2a00::1/9993 0123456789abcdef"));
  got.clear();
  EXPECT_TRUE(receive(stream));
  EXPECT_EQ(got.size(), 2U);
}

TEST_F(TcpFallbackTest, a_relay_cannot_pretend_to_be_in_our_lan) {
  connect();
  EXPECT_TRUE(
      receive(*from_hex("170303001704"
                        "c0a80102"
                        "2709"
                        "30313233343536373839616263646566")));
  EXPECT_TRUE(
      receive(*from_hex("170303001704"
                        "7f000001"
                        "2709"
                        "30313233343536373839616263646566")));
  EXPECT_TRUE(
      receive(*from_hex("170303000704"
                        "09010203"
                        "2709")));
  EXPECT_TRUE(
      receive(*from_hex("170303000204"
                        "09")));
  EXPECT_TRUE(receive(*from_hex("1703030000")));
  EXPECT_THAT(got, IsEmpty());
}

TEST_F(TcpFallbackTest, another_protocol_ends_the_connection) {
  connect();
  EXPECT_FALSE(receive(as_bytes("HTTP/1.1 400 Bad Request")));
}

TEST_F(TcpFallbackTest, closes_when_udp_works_again_and_comes_back_when_it_does_not) {
  connect();
  relay.on_udp_received(now, kRoot, 100);
  EXPECT_FALSE(relay.wants_connection(now));
  relay.on_closed(now);
  EXPECT_FALSE(send().tcp);
  send_in_vain(kTcpAfter);
  EXPECT_FALSE(relay.wants_connection(now));
  send_in_vain(2 * kPingCheck);
  EXPECT_TRUE(relay.wants_connection(now));
}

TEST_F(TcpFallbackTest, a_connection_that_fails_is_tried_again_after_a_while) {
  send_in_vain(kTcpAfter + kPingCheck);
  relay.on_closed(now);
  EXPECT_FALSE(relay.wants_connection(now));
  pass(kTcpRetry);
  EXPECT_TRUE(relay.wants_connection(now));
}

TEST_F(TcpFallbackTest, forced_means_no_udp_and_always_a_connection) {
  TcpFallback forced({TcpFallback::Mode::Forced, kRoot}, now);
  EXPECT_TRUE(forced.wants_connection(now));
  EXPECT_FALSE(forced.on_send(now, kRoot, packet).udp);
  forced.on_connected(now);
  EXPECT_TRUE(forced.on_send(now, kRoot, packet).tcp);
  forced.on_udp_received(now, kRoot, 100);
  EXPECT_TRUE(forced.wants_connection(now));
}

}  // namespace
}  // namespace ztshim::vl1
