// Sockets that come and go, addresses that change, sleep, and rules that are read again.
#include "service/vl1/roaming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/vl1/vl1_fixture.h"

namespace ztshim::vl1 {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class RoamingTest : public Vl1Test {
 protected:
  RoamingTest() {
    node->set_sockets(now, {{1, {at("9.5.0.1/9993")}}}, out);
    pass(Duration{2000});
    out.clear();
  }
};

TEST_F(RoamingTest, paths_over_a_socket_that_is_gone_go_at_once_and_the_peer_is_greeted) {
  make_bob_a_friend();
  node->set_sockets(now, {{2, {at("9.6.0.1/9993")}}}, out);
  EXPECT_THAT(paths_to(bob), IsEmpty());
  EXPECT_THAT(sent_to(bob), ElementsAre("0>" + bob.place.protocol_text() + " HELLO"));
  EXPECT_THAT(paths_to(root), IsEmpty());
  EXPECT_THAT(sent_to(root), ElementsAre("0>" + root.place.protocol_text() + " HELLO"));
  answer_greetings(bob);
  EXPECT_TRUE(node->is_reachable(now.time, bob.identity.address()));
}

TEST_F(RoamingTest, a_peer_we_have_nothing_to_do_with_is_left_alone) {
  meet_bob();
  node->set_sockets(now, {{2, {at("9.6.0.1/9993")}}}, out);
  EXPECT_THAT(paths_to(bob), IsEmpty());
  EXPECT_THAT(sent_to(bob), IsEmpty());
}

TEST_F(RoamingTest, paths_over_other_sockets_stay_and_are_asked) {
  make_bob_a_friend();
  node->set_sockets(now, {{1, {at("9.5.0.1/9993")}}, {2, {at("9.6.0.1/9993")}}}, out);
  const std::string place = bob.place.protocol_text();
  EXPECT_THAT(sent_to(bob), UnorderedElementsAre("1>" + place + " ECHO", "2>" + place + " HELLO"));
  EXPECT_THAT(paths_to(bob), ElementsAre("1>" + place));
}

TEST_F(RoamingTest, the_same_sockets_told_again_change_nothing) {
  make_bob_a_friend();
  node->set_sockets(now, {{1, {at("9.5.0.1/9993")}}}, out);
  EXPECT_THAT(datagrams(), IsEmpty());
}

// The kernel lists interfaces in the order it likes.
TEST_F(RoamingTest, the_same_addresses_in_another_order_change_nothing) {
  node->set_sockets(now, {{1, {at("9.5.0.1/1"), at("9.5.0.2/1")}}, {2, {at("9.5.0.3/2")}}}, out);
  node->set_external_endpoints(now, {at("9.9.9.9/1"), at("9.9.9.8/1")}, out);
  make_bob_a_friend();
  receive(bob, bob.packet(Verb::Nop, {}));
  pass(Duration{2000});
  out.clear();
  node->set_sockets(now, {{2, {at("9.5.0.3/2")}}, {1, {at("9.5.0.2/1"), at("9.5.0.1/1")}}}, out);
  node->set_external_endpoints(now, {at("9.9.9.8/1"), at("9.9.9.9/1")}, out);
  EXPECT_THAT(datagrams(), IsEmpty());
  receive(bob, bob.packet(Verb::Nop, {}));
  EXPECT_THAT(pushed_to(bob), IsEmpty());
}

TEST_F(RoamingTest, another_address_behind_the_same_socket_is_shown_to_everybody_who_matters) {
  make_bob_a_friend();
  node->set_sockets(now, {{1, {at("9.7.0.1/9993")}}}, out);
  EXPECT_THAT(sent_to(bob), ElementsAre("1>" + bob.place.protocol_text() + " ECHO"));
  EXPECT_THAT(sent_to(root), Contains("0>" + root.place.protocol_text() + " HELLO"));
  // And offered with the next packet of his, although he has had the old list a moment ago.
  out.clear();
  receive(bob, bob.packet(Verb::Nop, {}));
  EXPECT_THAT(pushed_to(bob), ElementsAre(at("9.7.0.1/9993")));
}

// Datagrams of the TCP fallback come on no particular socket, and the answers leave by all ways.
TEST_F(RoamingTest, what_comes_on_no_particular_socket_is_a_path_that_stays_when_sockets_go) {
  receive(bob, bob.packet(Verb::Nop, {}), kAnySocket);
  const auto sent = datagrams();
  out.clear();
  for (const Bytes& hello : sent) {
    OkHello ok;
    ok.protocol = 12;
    Bytes body;
    Writer writer(body);
    ok.write(writer);
    receive(bob, bob.ok(Verb::Hello, packet_id_of(hello), body), kAnySocket);
  }
  ASSERT_THAT(paths_to(bob), ElementsAre("0>" + bob.place.protocol_text()));
  node->set_sockets(now, {}, out);
  EXPECT_THAT(paths_to(root), IsEmpty());
  EXPECT_THAT(paths_to(bob), ElementsAre("0>" + bob.place.protocol_text()));
  out.clear();
  node->send(now, bob.identity.address(), Verb::Frame, as_bytes("x"), {}, {}, out);
  EXPECT_THAT(sent_to(bob), ElementsAre("0>" + bob.place.protocol_text() + " FRAME"));
}

TEST_F(RoamingTest, a_mapped_port_is_offered_too) {
  make_bob_a_friend();
  node->set_external_endpoints(now, {at("9.9.9.9/4000")}, out);
  receive(bob, bob.packet(Verb::Nop, {}));
  EXPECT_THAT(pushed_to(bob), ElementsAre(at("9.5.0.1/9993"), at("9.9.9.9/4000")));
  out.clear();
  node->set_external_endpoints(now, {at("9.9.9.9/4000")}, out);
  receive(bob, bob.packet(Verb::Nop, {}));
  EXPECT_THAT(pushed_to(bob), IsEmpty());  // nothing new
}

TEST_F(RoamingTest, after_sleep_paths_are_asked_and_roots_greeted) {
  make_bob_a_friend();
  pass(Duration{3'600'000});
  receive(root, root.packet(Verb::Nop, {}));
  make_bob_a_friend();
  out.clear();
  pass(Duration{100'000});
  node->on_resume(now, out);
  EXPECT_THAT(sent_to(bob), ElementsAre("1>" + bob.place.protocol_text() + " ECHO"));
  EXPECT_THAT(sent_to(root), Contains("0>" + root.place.protocol_text() + " HELLO"));
}

TEST_F(RoamingTest, what_the_operator_forbids_is_no_path_any_more) {
  make_bob_a_friend();
  Settings settings;
  settings.peers[bob.identity.address()].blacklist = {{bob.place.ip, 24}};
  node->configure(now, settings, out);
  EXPECT_THAT(paths_to(bob), IsEmpty());
  EXPECT_THAT(paths_to(root), Not(IsEmpty()));
  out.clear();
  receive(bob, bob.packet(Verb::Nop, {}));
  EXPECT_THAT(sent_to(bob), Not(Contains("1>" + bob.place.protocol_text() + " HELLO")));
}

TEST_F(RoamingTest, own_addresses_in_forbidden_networks_are_not_offered) {
  make_bob_a_friend();
  Settings settings;
  settings.physical = {{*IpPrefix::parse("9.5.0.0/16"), true}};
  node->configure(now, settings, out);
  node->set_sockets(now, {{1, {at("9.5.0.1/9993"), at("9.7.0.1/9993")}}}, out);
  out.clear();
  receive(bob, bob.packet(Verb::Nop, {}));
  EXPECT_THAT(pushed_to(bob), ElementsAre(at("9.7.0.1/9993")));
}

}  // namespace
}  // namespace ztshim::vl1
