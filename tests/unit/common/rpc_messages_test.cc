#include "common/rpc_messages.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>

namespace ztshim::rpc {
namespace {

const SocketName kSocket{ServiceId{0x1122334455667788}, SocketId{42}};
const Endpoint kV4{IpAddress::v4(0x0a931105), 8080};
const Endpoint kV6{*IpAddress::parse("fd00::17"), 443};
const Endpoint kScoped{*IpAddress::parse("fe80::17"), 443, 1'000'001};

// One of every kind, with no field at its default.
std::vector<Request> all_requests() {
  const Bytes value{1, 0, 0, 0};
  return {
      {{}, Hello{kVersion, 4711, Egress::Virtual, ListenOn::Both, Loopback::Virtual}},
      {{}, CreateSocket{AF_INET6, SOCK_STREAM, 6}},
      {kSocket, Bind{kV4}},
      {kSocket, Connect{kV6, 53249}},
      {kSocket, Listen{-1, 53249}},
      {kSocket, ReturnConnection{~std::uint64_t{0}}},
      {kSocket, Shutdown{SHUT_RDWR}},
      {kSocket, GetName{Side::Peer}},
      {kSocket, TakeError{}},
      {kSocket, GetOption{6, 11, 512}},
      {kSocket, SetOption{1, 9, OptionValue(value)}},
      {kSocket, RememberedOptions{7}},
      {kSocket, UnsentBytes{}},
      {{}, WaitReady{}},
      {{}, Status{Section::Sockets}},
      {{}, Join{0x8056c2e21c000001}},
      {{}, Leave{0x8056c2e21c000001}},
      {{}, Administer{OptionValue(value)}},
      {{}, Ping{OptionValue(as_bytes("ff02::1%zt0")), 5, 1000, 56}},
      {{}, Why{kV6}},
      {kSocket, AwaitSent{}},
      {kSocket, CheckSend{kScoped, 1473, 1'000'001}},
      {{}, Interfaces{3}},
      {{}, Resolvers{kV4, 2}},
      {{}, Source{kV6}},
      {{}, GetCapability{}},
      {kSocket, TakeErrorMessage{}},
  };
}

Bytes serialized(const Request& request) {
  Bytes buffer(kMaxRequestSize);
  buffer.resize(serialize(request, buffer));
  return buffer;
}

Bytes serialized(const Reply& reply) {
  Bytes buffer(kMaxReplySize);
  buffer.resize(serialize(reply, buffer));
  return buffer;
}

Reply full_reply() {
  Reply reply;
  reply.number = 0xfedcba9876543210;
  reply.endpoint = kV6;
  reply.payload.assign(Bytes(kMaxPayload, 0x5a));
  return reply;
}

TEST(RpcRequests, EveryOpIsCovered) {
  EXPECT_EQ(all_requests().size(), std::variant_size_v<Body>);
  for (std::size_t i = 0; i < all_requests().size(); ++i) {
    EXPECT_EQ(all_requests()[i].body.index(), i);
  }
}

TEST(RpcRequests, ComeBackAsTheyWereSent) {
  for (const Request& request : all_requests()) {
    const Bytes message = serialized(request);
    ASSERT_FALSE(message.empty());
    const auto parsed = parse_request(message);
    ASSERT_TRUE(parsed) << "op " << request.body.index();
    EXPECT_EQ(*parsed, request) << "op " << request.body.index();
  }
}

TEST(RpcRequests, CutAnywhereAreTruncated) {
  for (const Request& request : all_requests()) {
    const Bytes message = serialized(request);
    for (std::size_t size = 0; size < message.size(); ++size) {
      const auto parsed = parse_request(ByteView(message).first(size));
      ASSERT_FALSE(parsed) << "op " << request.body.index() << " cut to " << size;
      EXPECT_EQ(parsed.error(), ParseError::Truncated);
    }
  }
}

TEST(RpcRequests, WithMoreThanTheirLayoutAreRefused) {
  for (const Request& request : all_requests()) {
    Bytes message = serialized(request);
    message.push_back(0);
    const auto parsed = parse_request(message);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error(), ParseError::TrailingBytes);
  }
}

TEST(RpcRequests, OfUnknownKindAreRefused) {
  constexpr auto kNext = static_cast<std::uint16_t>(std::variant_size_v<Body> + 1);
  for (const std::uint16_t op : {std::uint16_t{0}, kNext, std::uint16_t{0xffff}}) {
    Bytes message = serialized(Request{{}, WaitReady{}});
    message[0] = static_cast<std::uint8_t>(op >> 8);
    message[1] = static_cast<std::uint8_t>(op);
    const auto parsed = parse_request(message);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error(), ParseError::UnknownOp);
  }
}

struct BadValue {
  const char* what;
  Request request;
  std::size_t at;
  std::uint8_t value;
};
TEST(RpcRequests, WithMeaninglessValuesAreRefused) {
  constexpr std::size_t kBody = 18;
  const BadValue cases[] = {
      {"egress", {{}, Hello{}}, kBody + 6, 2},
      {"listen", {{}, Hello{}}, kBody + 7, 3},
      {"loopback", {{}, Hello{}}, kBody + 8, 2},
      {"address size", {kSocket, Bind{kV4}}, kBody, 5},
      {"side", {kSocket, GetName{}}, kBody, 2},
      {"section", {{}, Status{}}, kBody, 4},
      {"option size", {kSocket, SetOption{}}, kBody + 8, 0xff},
  };
  for (const BadValue& bad : cases) {
    Bytes message = serialized(bad.request);
    message[bad.at] = bad.value;
    const auto parsed = parse_request(message);
    ASSERT_FALSE(parsed) << bad.what;
    EXPECT_EQ(parsed.error(), ParseError::BadValue) << bad.what;
  }
}

TEST(RpcRequests, MadeOfNoiseNeverDoMoreThanFail) {
  std::mt19937 noise(7);
  for (int round = 0; round < 20'000; ++round) {
    Bytes message(noise() % (kMaxRequestSize + 8));
    for (auto& byte : message) byte = static_cast<std::uint8_t>(noise());
    if (message.size() > 1 && round % 2 == 0) {
      message[0] = 0;
      message[1] = static_cast<std::uint8_t>(noise() % 18);
    }
    // What parses must survive the way back.
    if (const auto parsed = parse_request(message)) {
      EXPECT_EQ(parse_request(serialized(*parsed)).value(), *parsed);
    }
  }
}

TEST(RpcReplies, ComeBackAsTheyWereSent) {
  Reply not_found = Reply::failed(std::errc::connection_refused);
  for (const Reply& reply : {full_reply(), not_found, Reply::of(Reply::Kind::Host), Reply{}}) {
    const auto parsed = parse_reply(serialized(reply));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, reply);
  }
}

TEST(RpcReplies, CutAnywhereAreTruncated) {
  const Bytes message = serialized(full_reply());
  for (std::size_t size = 0; size < message.size(); ++size) {
    const auto parsed = parse_reply(ByteView(message).first(size));
    ASSERT_FALSE(parsed) << size;
    EXPECT_EQ(parsed.error(), ParseError::Truncated) << size;
  }
}

// A hook hands the number to the application as errno.
TEST(RpcReplies, CarryAnErrnoExactlyWhenTheyFailed) {
  for (const std::int32_t error : {0, -1, 4096, 1 << 30}) {
    Reply reply = Reply::failed(static_cast<std::errc>(error));
    EXPECT_FALSE(parse_reply(serialized(reply))) << error;
  }
  Reply done;
  done.error = std::errc::connection_refused;
  EXPECT_FALSE(parse_reply(serialized(done)));
}

TEST(RpcMessages, ThatDoNotFitAreNotWrittenHalf) {
  Bytes small(40);
  EXPECT_EQ(serialize(full_reply(), small), 0u);
  EXPECT_EQ(serialize(Request{kSocket, SetOption{1, 2, OptionValue(Bytes(100))}}, small), 0u);
}

TEST(RememberedOptionsPayload, HoldsOptionsInOrderUntilFull) {
  Bytes payload(64);
  std::size_t used = 0;
  const Bytes one{1, 0, 0, 0};
  const Bytes linger{1, 0, 0, 0, 5, 0, 0, 0};
  EXPECT_TRUE(append_option(payload, used, {6, 1, one}));
  EXPECT_TRUE(append_option(payload, used, {1, 13, linger}));
  const std::size_t before = used;
  EXPECT_FALSE(append_option(payload, used, {6, 4, Bytes(40)}));
  EXPECT_EQ(used, before);

  ByteView rest = ByteView(payload).first(used);
  const auto first = next_option(rest);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->level, 6);
  EXPECT_EQ(first->name, 1);
  EXPECT_EQ(to_bytes(first->value), one);
  const auto second = next_option(rest);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->name, 13);
  EXPECT_EQ(to_bytes(second->value), linger);
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(next_option(rest));
}

}  // namespace
}  // namespace ztshim::rpc
