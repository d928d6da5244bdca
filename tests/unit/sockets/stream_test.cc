// Connections between two applications of one service: data, closes and resets as they see them.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <random>

#include "tests/unit/sockets/world.h"

namespace ztshim::sockets {
namespace {

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 engine(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(engine());
  return bytes;
}

// Writes all of `bytes` to one end and reads them at the other, with turns of the loop in between.
std::string transfer(World& world, const App& from, const App& to, std::string_view bytes,
                     std::size_t read_size = 1 << 20) {
  std::string arrived;
  std::size_t sent = 0;
  while (arrived.size() < bytes.size()) {
    const ssize_t n = from.write(bytes.substr(sent, 300'000));
    if (n > 0) sent += static_cast<std::size_t>(n);
    world.settle();
    const std::string part = to.read(read_size);
    arrived += part;
    if (part.empty() && n <= 0) {
      world.pass(Duration{50});
      if (to.read_error() == 0) break;
    }
  }
  return arrived;
}

void shut_write(const App& app) { ASSERT_EQ(::shutdown(app.fd.get(), SHUT_WR), 0); }

// close(2) with SO_LINGER: what is waited for, and until when.
TEST(AwaitSent, IsOverWhenThePeerHasAcknowledgedTheFin) {
  World world;
  auto [client, server] = world.pair();
  EXPECT_FALSE(*world.sockets->await_sent(client.id)) << "it is not closed yet";
  const std::string bulk(4 << 20, 'x');
  while (client.write(bulk) > 0) world.settle();  // until the peer's window and our queues are full
  client.fd.reset();
  world.settle();
  auto waiting = world.sockets->await_sent(client.id);
  ASSERT_TRUE(waiting.has_value() && *waiting);
  pollfd asked{(*waiting)->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&asked, 1, 0), 0);
  while (!server.read().empty()) world.settle();
  world.pass(Duration{1'000});
  while (!server.read().empty()) world.settle();
  EXPECT_EQ(::poll(&asked, 1, 0), 1);
  EXPECT_FALSE(*world.sockets->await_sent(client.id));
}

// The bytes had been acknowledged before the close; close(2) then waited for its whole time.
TEST(AwaitSent, IsOverWhenOnlyTheFinWasLeft) {
  World world;
  auto [client, server] = world.pair();
  EXPECT_EQ(client.write("all"), 3);
  world.settle();
  client.fd.reset();
  ASSERT_TRUE(world.loop.serve());  // the close is seen, the FIN not yet sent
  auto waiting = world.sockets->await_sent(client.id);
  ASSERT_TRUE(waiting.has_value() && *waiting);
  world.settle();
  world.pass(Duration{100});
  pollfd asked{(*waiting)->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&asked, 1, 0), 1);
}

// Python's ssl tests: a server that echoes to a client which does not read and then closes.
TEST(Stream, ResetEndsAWriteWhileThereIsStillSomethingToRead) {
  World world;
  auto [client, server] = world.pair();
  const std::string bulk(1 << 20, 'x');
  while (server.write(bulk) > 0) world.settle();
  std::size_t sent = 0;
  for (ssize_t n; (n = client.write(bulk)) > 0; world.settle()) sent += static_cast<std::size_t>(n);
  ASSERT_EQ(server.poll_bits() & POLLOUT, 0);
  client.fd.reset();
  world.settle();
  EXPECT_EQ(server.poll_bits() & POLLOUT, POLLOUT);
  EXPECT_EQ(server.write(bulk), -1);
  EXPECT_EQ(errno, EPIPE);
  std::size_t received = 0;
  for (std::string part; !(part = server.read(4096)).empty(); world.settle()) {
    received += part.size();
    if ((server.poll_bits() & POLLERR) != 0) break;  // all that was left is in the pair now
  }
  EXPECT_NE(server.poll_bits() & POLLERR, 0);
  EXPECT_GT(received, 0U);
  EXPECT_LE(received, sent);
  EXPECT_EQ(server.poll_bits() & POLLHUP, POLLHUP);
}

TEST(Stream, CarriesBytesBothWays) {
  World world;
  const auto [client, server] = world.pair();
  EXPECT_EQ(client.write("ping"), 4);
  world.settle();
  EXPECT_EQ(server.read(), "ping");
  EXPECT_EQ(server.write("pong"), 4);
  world.settle();
  EXPECT_EQ(client.read(), "pong");
}

TEST(Stream, KeepsTheOrderOfManySmallWrites) {
  World world;
  const auto [client, server] = world.pair();
  std::string expected, arrived;
  for (int i = 0; i < 500; ++i) {
    const std::string word = std::to_string(i) + ",";
    ASSERT_EQ(client.write(word), static_cast<ssize_t>(word.size()));
    expected += word;
    if (i % 7 == 0) world.settle();
  }
  world.pass(Duration{500});
  arrived = server.read();
  EXPECT_EQ(arrived, expected);
}

TEST(Stream, CarriesMegabytesUnchanged) {
  World world;
  const auto [client, server] = world.pair();
  const std::string sent = random_bytes(16'000'003, 1);
  EXPECT_TRUE(transfer(world, client, server, sent) == sent);
  const std::string back = random_bytes(5'000'001, 2);
  EXPECT_TRUE(transfer(world, server, client, back, 5'001) == back);
}

TEST(Stream, CarriesMegabytesInOneByteReads) {
  World world;
  const auto [client, server] = world.pair();
  const std::string sent = random_bytes(20'000, 3);
  EXPECT_TRUE(transfer(world, client, server, sent, 1) == sent);
}

TEST(Stream, ConnectedSocketIsOnlyWritable) {
  World world;
  const auto [client, server] = world.pair();
  EXPECT_EQ(client.poll_bits(), POLLOUT);
  EXPECT_EQ(server.poll_bits(), POLLOUT);
}

TEST(Stream, ClientsHalfCloseIsEndOfFileAndTheAnswerStillComes) {
  World world;
  const auto [client, server] = world.pair();
  client.write("request");
  shut_write(client);
  world.settle();
  EXPECT_EQ(server.poll_bits(), POLLIN | POLLOUT | POLLRDHUP);
  EXPECT_EQ(server.read(), "request");
  EXPECT_EQ(server.read_error(), 0);
  EXPECT_EQ(server.write("answer"), 6);
  world.settle();
  EXPECT_EQ(client.read(), "answer");
  EXPECT_EQ(client.read_error(), EAGAIN);
}

TEST(Stream, ServersHalfCloseIsEndOfFileAndTheClientMayGoOn) {
  World world;
  const auto [client, server] = world.pair();
  server.write("banner");
  shut_write(server);
  world.settle();
  EXPECT_EQ(client.read(), "banner");
  EXPECT_EQ(client.read_error(), 0);
  EXPECT_EQ(client.poll_bits(), POLLIN | POLLOUT | POLLRDHUP);
  EXPECT_EQ(client.write("late"), 4);
  world.settle();
  EXPECT_EQ(server.read(), "late");
}

TEST(Stream, BothHalvesClosedIsHangUpWithoutError) {
  World world;
  const auto [client, server] = world.pair();
  shut_write(client);
  world.settle();
  shut_write(server);
  world.pass(Duration{60});
  EXPECT_EQ(client.poll_bits() & (POLLHUP | POLLERR), POLLHUP);
  EXPECT_EQ(server.poll_bits() & (POLLHUP | POLLERR), POLLHUP);
  EXPECT_EQ(client.read_error(), 0);
  EXPECT_EQ(world.sockets->take_error(client.id), 0);
}

TEST(Stream, CloseSendsWhatWasWritten) {
  World world;
  auto [client, server] = world.pair();
  const std::string sent = random_bytes(150'000, 4);
  ASSERT_EQ(client.write(sent), static_cast<ssize_t>(sent.size()));
  client.fd.reset();
  world.settle();
  std::string arrived = server.read();
  world.pass(Duration{500});
  arrived += server.read();
  EXPECT_TRUE(arrived == sent);
  EXPECT_EQ(server.read_error(), 0);
  EXPECT_EQ(server.poll_bits() & POLLERR, 0);
}

TEST(Stream, CloseWithUnreadInputResetsThePeer) {
  World world;
  auto [client, server] = world.pair();
  client.write("nobody reads this");
  world.settle();
  server.fd.reset();
  world.pass(Duration{60});  // it might have been lost on its way to accept(2)
  EXPECT_EQ(client.poll_bits() & (POLLHUP | POLLERR), POLLHUP | POLLERR);
  EXPECT_EQ(client.read_error(), ECONNRESET);
  EXPECT_EQ(client.read_error(), 0);
  EXPECT_EQ(client.write("x"), -1);
}

TEST(Stream, ResetShowsDataThenErrorThenEnd) {
  World world;
  auto [client, server] = world.pair();
  client.write("unread");
  server.write("some data");
  world.settle();
  server.fd.reset();  // leaves "unread"
  world.settle();
  EXPECT_EQ(client.poll_bits(), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
  EXPECT_EQ(client.read(9), "some data");
  EXPECT_EQ(client.read_error(), ECONNRESET);
  EXPECT_EQ(client.read_error(), 0);
}

TEST(Stream, ResetIsVisibleEvenWhenNothingWasEverSent) {
  World world;
  auto [client, server] = world.pair();
  const linger hard{1, 0};
  const auto* const value = reinterpret_cast<const std::uint8_t*>(&hard);
  ASSERT_TRUE(world.sockets->set_option(client.id, SOL_SOCKET, SO_LINGER, {value, sizeof hard})
                  .has_value());
  client.fd.reset();
  world.settle();
  EXPECT_EQ(server.read_error(), ECONNRESET);
  EXPECT_EQ(server.read_error(), 0);
  EXPECT_EQ(world.sockets->take_error(server.id), ECONNRESET);
  EXPECT_EQ(world.sockets->take_error(server.id), 0);
}

TEST(Stream, ResetIsVisibleAfterEverythingWasForwarded) {
  World world;
  auto [client, server] = world.pair();
  client.write("question");
  world.settle();
  EXPECT_EQ(server.read(), "question");
  server.write("answer");
  world.settle();
  server.fd.reset();  // in order: "answer" is unread at the client, nothing at the server
  world.settle();
  EXPECT_EQ(client.read(6), "answer");
  EXPECT_EQ(client.read_error(), 0);
  // Now writing to the closed one brings the reset.
  EXPECT_EQ(client.write("too late"), 8);
  world.settle();
  EXPECT_NE(client.poll_bits() & POLLHUP, 0);
}

TEST(Stream, ShutdownOfTheReadingHalfDiscardsWithoutReset) {
  World world;
  auto [client, server] = world.pair();
  ASSERT_EQ(::shutdown(server.fd.get(), SHUT_RD), 0);
  for (int i = 0; i < 20; ++i) {
    ASSERT_GT(client.write(std::string(100'000, 'x')), 0);
    world.settle();
  }
  EXPECT_EQ(client.poll_bits() & (POLLERR | POLLHUP), 0);
  server.write("still here");
  world.settle();
  EXPECT_EQ(client.read(), "still here");
}

TEST(Stream, SlowReaderStopsTheWriter) {
  World world;
  const auto [client, server] = world.pair();
  std::size_t accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    const ssize_t n = client.write(std::string(65'536, 'z'));
    if (n > 0) accepted += static_cast<std::size_t>(n);
    world.settle();
    if (n < 0 && i > 100) break;
    if (n < 0) world.pass(Duration{100});
  }
  // Both pairs' buffers, the receive window and the send buffer, but not 128 MB.
  EXPECT_LT(accepted, 3'000'000U);
  EXPECT_GT(accepted, 200'000U);
  EXPECT_EQ(client.poll_bits() & POLLOUT, 0);
  std::size_t arrived = 0;
  for (int i = 0; i < 1000 && arrived < accepted; ++i) {
    arrived += server.read().size();
    world.pass(Duration{20});
  }
  EXPECT_EQ(arrived, accepted);
  EXPECT_EQ(client.poll_bits() & POLLOUT, POLLOUT);
}

TEST(Stream, IdleConnectionMakesNoEvents) {
  World world;
  const auto [client, server] = world.pair();
  client.write("something");
  world.pass(Duration{1000});
  const std::uint64_t before = world.loop.delivered;
  world.pass(Duration{10'000});  // the byte that stays unread must not wake anybody
  EXPECT_EQ(world.loop.delivered, before);
}

TEST(Stream, UrgentBytesArriveInTheirPlace) {
  World world;
  const World::Both both = world.pair();
  both.client.write("before");
  ASSERT_EQ(::send(both.client.fd.get(), "!", 1, MSG_OOB | MSG_DONTWAIT), 1);
  both.client.write("after");
  world.pass(Duration{200});
  EXPECT_EQ(both.server.read(), "before!after");
}

TEST(Stream, UnsentBytesCountWhatThePeerHasNotAcknowledged) {
  World world;
  const auto [client, server] = world.pair();
  EXPECT_EQ(world.sockets->unsent_bytes(client.id), 0U);
  client.write("12345");
  EXPECT_EQ(world.sockets->unsent_bytes(client.id), 5U);
  world.pass(Duration{200});
  EXPECT_EQ(world.sockets->unsent_bytes(client.id), 0U);
}

TEST(Stream, IsDrainedOnlyWhenTheClosedSocketsDataIsAcknowledged) {
  World world;
  auto [client, server] = world.pair();
  EXPECT_TRUE(world.sockets->is_drained());
  client.write(std::string(100'000, 'd'));
  client.fd.reset();
  world.loop.serve();
  world.sockets->on_deadline(world.loop.now());
  EXPECT_FALSE(world.sockets->is_drained());
  world.pass(Duration{500});
  EXPECT_EQ(server.read().size(), 100'000U);
  world.pass(Duration{500});
  EXPECT_TRUE(world.sockets->is_drained());
}

TEST(Stream, AnExitingProcessesLastWordsArrive) {
  World world;
  const App listening = world.listener(80);
  const App client = world.connected(World::own(80), AF_INET, 77);
  const App server = world.accept(listening);
  ASSERT_TRUE(server.fd);
  client.write("last words");
  world.sockets->close_sockets_of(77);
  EXPECT_FALSE(world.sockets->is_drained());
  world.pass(Duration{100});
  EXPECT_EQ(server.read(), "last words");
  EXPECT_EQ(server.read_error(), 0);
  EXPECT_TRUE(world.sockets->is_drained());
}

TEST(Stream, CorkedWritesLeaveTogetherOrAfterAWhile) {
  World world;
  const World::Both both = world.pair();
  const App &client = both.client, &server = both.server;
  const int on = 1, off = 0;
  const auto set_cork = [&](const int& value) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&value);
    ASSERT_TRUE(
        world.sockets->set_option(client.id, IPPROTO_TCP, TCP_CORK, {bytes, 4}).has_value());
  };
  set_cork(on);
  client.write("head");
  world.pass(Duration{100});
  EXPECT_EQ(server.read(), "");
  client.write("body");
  set_cork(off);
  world.settle();
  EXPECT_EQ(server.read(), "headbody");
  set_cork(on);
  client.write("alone");
  world.pass(Duration{250});
  EXPECT_EQ(server.read(), "alone");
}

}  // namespace
}  // namespace ztshim::sockets
