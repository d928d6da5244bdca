// The messages that no vector file covers in full: read back equal, and safe when cut off anywhere.
#include <gtest/gtest.h>

#include "service/wire/messages/error.h"
#include "service/wire/messages/ext_frame.h"
#include "service/wire/messages/frame.h"
#include "service/wire/messages/hello.h"
#include "service/wire/messages/multicast_frame.h"
#include "service/wire/messages/multicast_like.h"
#include "service/wire/messages/network_config_request.h"
#include "service/wire/messages/network_credentials.h"
#include "service/wire/messages/ok.h"
#include "service/wire/messages/push_direct_paths.h"
#include "service/wire/messages/rendezvous.h"
#include "service/wire/messages/user_message.h"
#include "service/wire/messages/whois.h"
#include "tests/unit/wire/fixtures.h"

namespace ztshim {
namespace {

const NetworkId kNetwork(0x8e4df28b72000007);
const MulticastGroup kGroup{MacAddress(0x3333ff000001), 0};

Membership membership() { return Membership::make(1000, 500, kNetwork, identity_b()); }

// Parsed and written again it gives the same bytes; with fewer than `least` bytes it is Truncated.
template <typename Message>
void expect_contract(const Message& message, std::size_t least) {
  const Bytes bytes = written(message);
  const auto parsed = Message::parse(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_hex(written(*parsed)), to_hex(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = Message::parse(ByteView(bytes).first(size));
    if (size < least) {
      ASSERT_FALSE(cut) << size;
      EXPECT_EQ(cut.error(), ParseError::Truncated) << size;
    }
  }
}

TEST(Messages, keep_their_contract) {
  const Bytes data = bytes_of("00112233");
  expect_contract(OkHeader{Verb::Echo, PacketId(7), {}}, OkHeader::kSize);
  expect_contract(ErrorHeader{Verb::Hello, PacketId(7), ErrorCode::IdentityCollision, {}},
                  ErrorHeader::kSize);
  expect_contract(NetworkError{kNetwork, {}}, 8);
  expect_contract(UnwantedMulticast{kNetwork, kGroup}, 18);
  expect_contract(Whois{{Address(1), Address(2)}}, 5);
  expect_contract(OkWhois{{identity_a(), identity_b()}}, 71);
  expect_contract(Rendezvous{Address(1), *Endpoint::parse("10.0.0.1/9993")}, 13);
  expect_contract(Rendezvous{Address(1), *Endpoint::parse("fd00::1/9993")}, 25);
  expect_contract(UserMessage{5, data}, 8);
  expect_contract(Frame{kNetwork, 0x0800, data}, 10);
  expect_contract(ExtFrame{kNetwork, 0x10, {}, MacAddress(1), MacAddress(2), 0x0800, data}, 23);
  expect_contract(OkExtFrame{kNetwork}, 8);
  expect_contract(MulticastLike{{{kNetwork, kGroup}, {kNetwork, kGroup}}}, 18);
  expect_contract(MulticastGather{kNetwork, kGroup, 32, {}}, 23);
  expect_contract(OkMulticastGather{kNetwork, kGroup, {9, {Address(1), Address(2)}}}, 34);
  expect_contract(MulticastFrame{kNetwork, true, {}, {}, {}, kGroup, 0x0806, data}, 21);
  expect_contract(OkMulticastFrame{kNetwork, kGroup, {}, GatherResults{1, {Address(1)}}}, 30);
}

TEST(Messages, keep_it_with_a_membership_inside_too) {
  const Bytes data = bytes_of("00112233");
  const std::size_t size = written(membership()).size();
  expect_contract(
      ExtFrame{kNetwork, 0x10, membership(), MacAddress(1), MacAddress(2), 0x0800, data},
      23 + size);
  expect_contract(MulticastGather{kNetwork, kGroup, 32, membership()}, 23 + size);
  expect_contract(MulticastFrame{kNetwork, false, membership(), 32, MacAddress(1), kGroup, 6, data},
                  31 + size);
  expect_contract(OkMulticastFrame{kNetwork, kGroup, membership(), {}}, 19 + size);
}

TEST(ExtFrameMessage, says_in_its_flags_whether_a_membership_is_inside) {
  ExtFrame frame;
  frame.flags = ExtFrame::kFlagMembership;
  EXPECT_FALSE(ExtFrame::parse(written(frame))->membership);
  frame.membership = membership();
  frame.flags = 0;
  EXPECT_TRUE(ExtFrame::parse(written(frame))->membership);
}

TEST(FrameMessage, views_the_packet_and_copies_nothing) {
  const Bytes data = bytes_of("00112233");
  const Bytes payload = written(Frame{kNetwork, 0x0800, data});
  EXPECT_EQ(Frame::parse(payload)->data.data(), payload.data() + 10);
}

TEST(RendezvousMessage, has_addresses_of_two_lengths) {
  Bytes payload = written(Rendezvous{Address(1), *Endpoint::parse("10.0.0.1/9993")});
  payload[8] = 3;
  EXPECT_EQ(Rendezvous::parse(payload).error(), ParseError::BadValue);
}

TEST(PushDirectPathsMessage, steps_over_extensions_and_unknown_records) {
  const Bytes payload = bytes_of(
      "0004"
      "02 0003 aabbcc 04 06 0a000001 2709"  // with an extension
      "00 0000 09 02 1122"                  // unknown type
      "00 0000 04 05 0a00000127"            // IPv4 of a wrong length
      "01 0000 06 12 20010db8000000000000000000000001 2709");
  const auto push = PushDirectPaths::parse(payload);
  ASSERT_TRUE(push);
  ASSERT_EQ(push->paths.size(), 2U);
  EXPECT_EQ(push->paths[0].flags, PushedPath::kClusterRedirect);
  EXPECT_EQ(push->paths[0].endpoint.text(), "10.0.0.1:9993");
  EXPECT_EQ(push->paths[1].flags, PushedPath::kForget);
  EXPECT_EQ(push->paths[1].endpoint.text(), "[2001:db8::1]:9993");
  EXPECT_EQ(PushDirectPaths::parse(ByteView(payload).first(payload.size() - 1)).error(),
            ParseError::Truncated);
}

Hello hello() {
  Hello hello;
  hello.protocol = 12;
  hello.version = {1, 14, 1};
  hello.timestamp = 1700000000000;
  hello.identity = identity_a();
  hello.identity = *Identity::parse(hello.identity.text());
  hello.sent_to = *Endpoint::parse("192.0.2.1/9993");
  hello.planet_id = 1;
  hello.planet_timestamp = 2;
  hello.moons = {{127, 3, 4}, {127, 5, 0}};
  return hello;
}

TEST(HelloMessage, may_end_after_the_identity_the_address_or_the_planet) {
  const Bytes payload = written(hello());
  constexpr std::size_t kIdentityEnd = 13 + 71;
  constexpr std::size_t kAddressEnd = kIdentityEnd + 7;
  constexpr std::size_t kPlanetEnd = kAddressEnd + 16;
  const auto ends_at = [&](std::size_t size) {
    return Hello::parse(ByteView(payload).first(size));
  };
  EXPECT_FALSE(ends_at(kIdentityEnd - 1));
  ASSERT_TRUE(ends_at(kIdentityEnd));
  EXPECT_FALSE(ends_at(kIdentityEnd)->sent_to);
  EXPECT_FALSE(ends_at(kIdentityEnd + 1)) << "inside the address";
  ASSERT_TRUE(ends_at(kAddressEnd));
  EXPECT_TRUE(ends_at(kAddressEnd)->sent_to);
  ASSERT_TRUE(ends_at(kAddressEnd + 15));
  EXPECT_EQ(ends_at(kAddressEnd + 15)->planet_id, 0U);
  ASSERT_TRUE(ends_at(kPlanetEnd));
  EXPECT_EQ(ends_at(kPlanetEnd)->planet_id, 1U);
  EXPECT_FALSE(ends_at(payload.size() - 1)) << "inside the list of moons";
  EXPECT_EQ(Hello::parse(payload)->moons, hello().moons);
}

TEST(HelloMessage, has_its_tail_where_the_notes_say) {
  const auto tail = [](const char* sent_to) {
    Hello message = hello();
    message.sent_to = sent_to == nullptr ? Endpoint{} : *Endpoint::parse(sent_to);
    Bytes packet(kPacketHeaderSize);
    append(packet, written(message));
    return Hello::tail_offset(packet);
  };
  EXPECT_EQ(tail("192.0.2.1/9993"), 135U);
  EXPECT_EQ(tail("2001:db8::1/9993"), 147U);
  EXPECT_EQ(tail(nullptr), 129U);
}

TEST(HelloMessage, has_no_tail_when_it_ends_before) {
  Bytes packet(kPacketHeaderSize);
  append(packet, written(hello()));
  packet.resize(135);
  EXPECT_FALSE(Hello::tail_offset(packet));
  packet.resize(100);
  EXPECT_FALSE(Hello::tail_offset(packet));
}

TEST(OkHelloMessage, may_end_after_the_revision_or_the_address) {
  OkHello ok;
  ok.seen_at = *Endpoint::parse("192.0.2.1/9993");
  const Bytes worlds = bytes_of("0102030405");
  ok.worlds = worlds;
  const Bytes body = written(ok);
  const auto ends_at = [&](std::size_t size) { return OkHello::parse(ByteView(body).first(size)); };
  EXPECT_FALSE(ends_at(12));
  ASSERT_TRUE(ends_at(13));
  EXPECT_FALSE(ends_at(13)->seen_at);
  ASSERT_TRUE(ends_at(20));
  EXPECT_TRUE(ends_at(20)->seen_at);
  EXPECT_FALSE(ends_at(body.size() - 1));
  EXPECT_EQ(OkHello::parse(body)->worlds.size(), worlds.size());
}

TEST(OkWhoisMessage, gives_the_identities_before_the_damage) {
  Bytes body = written(OkWhois{{identity_a(), identity_b()}});
  body.resize(100);
  const auto ok = OkWhois::parse(body);
  ASSERT_TRUE(ok);
  ASSERT_EQ(ok->identities.size(), 1U);
  EXPECT_EQ(ok->identities[0], identity_a());
}

TEST(NetworkCredentialsMessage, may_end_after_any_list) {
  NetworkCredentials all;
  all.memberships = {membership()};
  all.capabilities.resize(1);
  all.tags.resize(2);
  all.revocations.resize(1);
  all.ownerships.resize(1);
  const Bytes payload = written(all);
  EXPECT_EQ(to_hex(written(*NetworkCredentials::parse(payload))), to_hex(payload));

  const std::size_t after_tags =
      payload.size() - (2 + written(Ownership{}).size()) - (2 + written(Revocation{}).size());
  const auto shorter = NetworkCredentials::parse(ByteView(payload).first(after_tags));
  ASSERT_TRUE(shorter);
  EXPECT_EQ(shorter->tags.size(), 2U);
  EXPECT_TRUE(shorter->revocations.empty());
  EXPECT_FALSE(NetworkCredentials::parse(ByteView(payload).first(after_tags - 1)));
  EXPECT_EQ(NetworkCredentials::parse({}).error(), ParseError::Truncated);
}

TEST(NetworkConfigRequestMessage, may_lack_what_is_held) {
  NetworkConfigRequest request;
  request.network = kNetwork;
  const Bytes metadata = RequestMetadata{}.write();
  request.metadata = metadata;
  request.revision_held = 5;
  const Bytes payload = written(request);
  EXPECT_EQ(NetworkConfigRequest::parse(payload)->revision_held, 5U);
  const auto shorter = NetworkConfigRequest::parse(ByteView(payload).first(payload.size() - 16));
  ASSERT_TRUE(shorter);
  EXPECT_EQ(shorter->revision_held, 0U);
  EXPECT_EQ(to_hex(shorter->metadata), to_hex(metadata));
}

TEST(RequestMetadataText, is_as_long_as_the_notes_say) {
  RequestMetadata metadata;
  metadata.vendor = 1;
  metadata.protocol = 12;
  metadata.version = {1, 14, 1};
  metadata.platform = "linux/x86_64";
  EXPECT_EQ(metadata.write().size(), 263U);
  metadata.authorization = "token:abc";
  EXPECT_EQ(RequestMetadata::parse(metadata.write()).authorization, "token:abc");
}

TEST(ParseErrors, have_names) {
  EXPECT_EQ(name_of(ParseError::Truncated), "truncated");
  EXPECT_EQ(name_of(ParseError::BadValue), "bad value");
  EXPECT_EQ(name_of(ParseError::TooMany), "too many entries");
}

}  // namespace
}  // namespace ztshim
