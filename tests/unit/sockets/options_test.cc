// Socket options: what is remembered, refused, left to the kernel, and what they do.
#include "service/sockets/options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {
namespace {

template <typename T>
ByteView bytes(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

int number(const Result<std::optional<Bytes>>& got) {
  EXPECT_TRUE(got.has_value() && got->has_value() && (*got)->size() == sizeof(int));
  int value = -12345;
  if (got && *got && (*got)->size() == sizeof value)
    std::memcpy(&value, (*got)->data(), sizeof value);
  return value;
}

struct NumberCase {
  int level, name, initially, set, then;
};

class NumberOption : public testing::TestWithParam<NumberCase> {};

TEST_P(NumberOption, IsReportedAsLinuxDoes) {
  const NumberCase& c = GetParam();
  World world;
  const App app = world.create(c.level == IPPROTO_IPV6 ? AF_INET6 : AF_INET);
  EXPECT_EQ(number(world.sockets->get_option(app.id, c.level, c.name, sizeof(int))), c.initially);
  ASSERT_TRUE(world.sockets->set_option(app.id, c.level, c.name, bytes(c.set)).has_value());
  EXPECT_EQ(number(world.sockets->get_option(app.id, c.level, c.name, sizeof(int))), c.then);
}

INSTANTIATE_TEST_SUITE_P(Table, NumberOption,
                         testing::Values(NumberCase{SOL_SOCKET, SO_REUSEADDR, 0, 7, 1},
                                         NumberCase{SOL_SOCKET, SO_REUSEPORT, 0, 1, 1},
                                         NumberCase{SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1},
                                         NumberCase{SOL_SOCKET, SO_BROADCAST, 0, 1, 1},
                                         NumberCase{SOL_SOCKET, SO_OOBINLINE, 0, 1, 1},
                                         NumberCase{SOL_SOCKET, SO_SNDBUF, 16384, 50000, 100000},
                                         NumberCase{SOL_SOCKET, SO_SNDBUF, 16384, 1, 4608},
                                         NumberCase{SOL_SOCKET, SO_RCVBUF, 131072, 50000, 100000},
                                         NumberCase{SOL_SOCKET, SO_RCVBUF, 131072, 100'000'000,
                                                    425984},
                                         NumberCase{IPPROTO_TCP, TCP_NODELAY, 0, 5, 1},
                                         NumberCase{IPPROTO_TCP, TCP_CORK, 0, 1, 1},
                                         NumberCase{IPPROTO_TCP, TCP_KEEPIDLE, 7200, 60, 60},
                                         NumberCase{IPPROTO_TCP, TCP_KEEPINTVL, 75, 5, 5},
                                         NumberCase{IPPROTO_TCP, TCP_KEEPCNT, 9, 3, 3},
                                         NumberCase{IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 9000, 9000},
                                         NumberCase{IPPROTO_TCP, TCP_SYNCNT, 6, 3, 3},
                                         NumberCase{IPPROTO_TCP, TCP_QUICKACK, 1, 0, 0},
                                         NumberCase{IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 1, 1},
                                         NumberCase{IPPROTO_TCP, TCP_FASTOPEN, 0, 5, 5},
                                         NumberCase{IPPROTO_IP, IP_TOS, 0, 16, 16},
                                         NumberCase{IPPROTO_IP, IP_TTL, 64, 9, 9},
                                         NumberCase{IPPROTO_IP, IP_TTL, 64, -1, 64},
                                         NumberCase{IPPROTO_IPV6, IPV6_V6ONLY, 0, 1, 1},
                                         NumberCase{IPPROTO_IPV6, IPV6_TCLASS, 0, -1, 0},
                                         NumberCase{IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, 3, 3}));

struct RefusalCase {
  int level, name, value;
  std::errc error;
};

class RefusedOption : public testing::TestWithParam<RefusalCase> {};

TEST_P(RefusedOption, FailsWithTheErrnoPeopleFallBackOn) {
  World world;
  const App app = world.create();
  const auto done =
      world.sockets->set_option(app.id, GetParam().level, GetParam().name, bytes(GetParam().value));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedOption,
    testing::Values(RefusalCase{SOL_SOCKET, SO_ZEROCOPY, 1, std::errc::operation_not_supported},
                    RefusalCase{SOL_SOCKET, SO_ATTACH_FILTER, 1, std::errc::no_protocol_option},
                    RefusalCase{SOL_SOCKET, SO_SNDBUFFORCE, 1, std::errc::operation_not_permitted},
                    RefusalCase{SOL_SOCKET, SO_TYPE, 1, std::errc::no_protocol_option},
                    RefusalCase{SOL_SOCKET, SO_ERROR, 1, std::errc::no_protocol_option},
                    RefusalCase{IPPROTO_TCP, TCP_ULP, 1, std::errc::no_such_file_or_directory},
                    RefusalCase{IPPROTO_TCP, TCP_REPAIR, 1, std::errc::operation_not_permitted},
                    RefusalCase{IPPROTO_TCP, TCP_KEEPIDLE, 0, std::errc::invalid_argument},
                    RefusalCase{IPPROTO_TCP, TCP_KEEPCNT, 1000, std::errc::invalid_argument},
                    RefusalCase{IPPROTO_TCP, 9999, 1, std::errc::no_protocol_option},
                    RefusalCase{IPPROTO_IP, IP_TTL, 0, std::errc::invalid_argument},
                    RefusalCase{IPPROTO_IP, IP_TTL, 256, std::errc::invalid_argument},
                    RefusalCase{IPPROTO_IP, IP_TRANSPARENT, 1,
                                std::errc::operation_not_permitted}));

TEST(Options, TellWhatTheSocketIs) {
  World world;
  const App app = world.create(AF_INET6);
  const auto get = [&](int name) {
    return number(world.sockets->get_option(app.id, SOL_SOCKET, name, sizeof(int)));
  };
  EXPECT_EQ(get(SO_DOMAIN), AF_INET6);
  EXPECT_EQ(get(SO_TYPE), SOCK_STREAM);
  EXPECT_EQ(get(SO_PROTOCOL), IPPROTO_TCP);
  EXPECT_EQ(get(SO_ACCEPTCONN), 0);
  EXPECT_EQ(get(SO_ERROR), 0);
}

TEST(Options, ThoseOfTheKernelObjectAreLeftToIt) {
  World world;
  const App app = world.create();
  const timeval timeout{1, 0};
  const auto set = world.sockets->set_option(app.id, SOL_SOCKET, SO_RCVTIMEO, bytes(timeout));
  ASSERT_TRUE(set.has_value());
  EXPECT_FALSE(*set);
  const auto got = world.sockets->get_option(app.id, SOL_SOCKET, SO_RCVTIMEO, sizeof timeout);
  ASSERT_TRUE(got.has_value());
  EXPECT_FALSE(got->has_value());
  EXPECT_FALSE(*world.sockets->set_option(app.id, SOL_SOCKET, SO_SNDBUF, bytes(150'000)));
  EXPECT_TRUE(
      *world.sockets->set_option(app.id, SOL_SOCKET, SO_SNDBUF, bytes(9'999)));  // too small
  EXPECT_TRUE(*world.sockets->set_option(app.id, SOL_SOCKET, SO_KEEPALIVE, bytes(1)));
}

TEST(Options, SendBufferOfAConnectingSocketDoesNotReachTheKernel) {
  World world;
  App app = world.create();
  ASSERT_EQ(world.connect(app, World::other(80)).kind, Outcome::Kind::InProgress);
  const auto set = world.sockets->set_option(app.id, SOL_SOCKET, SO_SNDBUF, bytes(200'000));
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(*set);  // it would open the gate
}

TEST(Options, ShortValuesAreInvalid) {
  World world;
  const App app = world.create();
  const std::uint8_t one = 1;
  EXPECT_EQ(world.sockets->set_option(app.id, IPPROTO_TCP, TCP_NODELAY, {&one, 1}).error(),
            std::errc::invalid_argument);
  EXPECT_EQ(world.sockets->set_option(app.id, SOL_SOCKET, SO_LINGER, {&one, 1}).error(),
            std::errc::invalid_argument);
  EXPECT_TRUE(world.sockets->set_option(app.id, IPPROTO_IP, IP_TOS, {&one, 1}).has_value());
}

TEST(Options, AnswersAreCutToTheSpaceThereIs) {
  World world;
  const App app = world.create();
  const auto got = world.sockets->get_option(app.id, SOL_SOCKET, SO_TYPE, 2);
  ASSERT_TRUE(got.has_value() && got->has_value());
  EXPECT_EQ((*got)->size(), 2U);
}

TEST(Options, LingerIsRemembered) {
  World world;
  const App app = world.create();
  const linger wanted{1, 5};
  ASSERT_TRUE(world.sockets->set_option(app.id, SOL_SOCKET, SO_LINGER, bytes(wanted)).has_value());
  const auto got = world.sockets->get_option(app.id, SOL_SOCKET, SO_LINGER, sizeof wanted);
  ASSERT_TRUE(got.has_value() && got->has_value());
  EXPECT_EQ(**got, to_bytes(bytes(wanted)));
}

TEST(Options, CongestionControlHasARealName) {
  World world;
  const App app = world.create();
  const auto got = world.sockets->get_option(app.id, IPPROTO_TCP, TCP_CONGESTION, 16);
  ASSERT_TRUE(got.has_value() && got->has_value());
  EXPECT_STREQ(reinterpret_cast<const char*>((*got)->data()), "reno");
  EXPECT_EQ(
      world.sockets->set_option(app.id, IPPROTO_TCP, TCP_CONGESTION, as_bytes("cubic")).error(),
      std::errc::no_such_file_or_directory);
  EXPECT_TRUE(
      world.sockets->set_option(app.id, IPPROTO_TCP, TCP_CONGESTION, as_bytes("reno")).has_value());
}

TEST(Options, TcpInfoDescribesTheConnection) {
  World world;
  const World::Both both = world.pair();
  both.client.write("hello");
  world.loop.serve();
  world.sockets->on_deadline(world.loop.now());
  const auto got =
      world.sockets->get_option(both.client.id, IPPROTO_TCP, TCP_INFO, sizeof(tcp_info));
  ASSERT_TRUE(got.has_value() && got->has_value());
  tcp_info info{};
  ASSERT_EQ((*got)->size(), sizeof info);
  std::memcpy(&info, (*got)->data(), sizeof info);
  EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED);
  EXPECT_EQ(info.tcpi_snd_mss, 2760U);
  EXPECT_EQ(info.tcpi_snd_cwnd, 10U);
  EXPECT_EQ(info.tcpi_unacked, 1U);
  EXPECT_EQ(info.tcpi_options & TCPI_OPT_WSCALE, TCPI_OPT_WSCALE);
}

TEST(Options, V6OnlyCannotChangeAfterBind) {
  World world;
  const App app = world.create(AF_INET6);
  ASSERT_EQ(world.sockets->bind(app.id, *Endpoint::parse("[::]:80"), world.policy).kind,
            Outcome::Kind::Done);
  EXPECT_EQ(world.sockets->set_option(app.id, IPPROTO_IPV6, IPV6_V6ONLY, bytes(1)).error(),
            std::errc::invalid_argument);
}

TEST(Options, SocketThatGoesToTheHostTakesAllAlong) {
  World world;
  const App app = world.create();
  const timeval timeout{1, 0};
  ASSERT_TRUE(world.sockets->set_option(app.id, SOL_SOCKET, SO_KEEPALIVE, bytes(1)).has_value());
  ASSERT_TRUE(world.sockets->set_option(app.id, IPPROTO_TCP, TCP_NODELAY, bytes(0)).has_value());
  ASSERT_TRUE(
      world.sockets->set_option(app.id, SOL_SOCKET, SO_RCVTIMEO, bytes(timeout)).has_value());
  ASSERT_TRUE(world.sockets->set_option(app.id, IPPROTO_TCP, TCP_NODELAY, bytes(1)).has_value());
  const auto list = world.sockets->remembered_options(app.id);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].name, SO_KEEPALIVE);
  EXPECT_EQ(list[1].name, TCP_NODELAY);
  EXPECT_EQ(list[1].value, to_bytes(bytes(1)));
  EXPECT_EQ(list[2].name, SO_RCVTIMEO);
}

TEST(Options, AreAnsweredAfterTheConnectionEnded) {
  World world;
  App client = world.create();
  ASSERT_EQ(world.connect(client, World::own(81)).kind, Outcome::Kind::InProgress);
  world.settle();
  EXPECT_EQ(number(world.sockets->get_option(client.id, SOL_SOCKET, SO_TYPE, 4)), SOCK_STREAM);
  EXPECT_EQ(number(world.sockets->get_option(client.id, SOL_SOCKET, SO_ERROR, 4)), ECONNREFUSED);
  EXPECT_EQ(number(world.sockets->get_option(client.id, SOL_SOCKET, SO_ERROR, 4)), 0);
  EXPECT_EQ(world.sockets->get_option(SocketId{4711}, SOL_SOCKET, SO_TYPE, 4).error(),
            std::errc::bad_file_descriptor);
}

TEST(Options, SmallReceiveBufferKeepsThePeerBack) {
  World world;
  App listening = world.create();
  ASSERT_TRUE(
      world.sockets->set_option(listening.id, SOL_SOCKET, SO_RCVBUF, bytes(8192)).has_value());
  ASSERT_EQ(world.sockets->bind(listening.id, World::own(80), world.policy).kind,
            Outcome::Kind::Done);
  ASSERT_EQ(world.sockets->listen(listening.id, 5, 0, world.policy).kind, Outcome::Kind::Done);
  const App client = world.connected(World::own(80));
  const App server = world.accept(listening);
  world.settle();
  const auto mine = [&] { return world.sockets->unsent_bytes(client.id); };
  for (int i = 0; i < 100 && mine() == 0; ++i) {
    client.write(std::string(20'000, 'r'));
    world.pass(Duration{100});
  }
  // The receiver holds its buffer and the promised 64 KB window, not what an untouched one would.
  std::size_t arrived = 0;
  for (std::string part = server.read(); !part.empty(); part = server.read())
    arrived += part.size();
  EXPECT_LT(arrived, 30'000U);
}

}  // namespace
}  // namespace ztshim::sockets
