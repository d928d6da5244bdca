#include "service/host/udp_ports.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <map>
#include <string>

#include "service/host/random.h"

namespace ztshim::host {
namespace {

const IpAddress kLocal4 = *IpAddress::parse("127.0.0.1");
const IpAddress kLocal6 = *IpAddress::parse("::1");

// Sockets on loopback that remember what arrived.
struct Station {
  explicit Station(const std::vector<IpAddress>& addresses = {kLocal4},
                   UdpPorts::Options options = {})
      : ports(std::make_unique<UdpPorts>(
            options, *loop,
            [this](const Arrival& from, MutableBytes datagram) {
              arrivals.push_back(from);
              received.emplace_back(as_text(datagram));
            },
            [this] { ++batches; })) {
    for (const IpAddress& ip : addresses) bind(ip);
  }
  // On any free port.
  void bind(const IpAddress& ip) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      const Endpoint local{ip, static_cast<std::uint16_t>(20000 + random.below(40000))};
      if (ports->add({local, {}, false}) == 0) return;
    }
    ADD_FAILURE() << "no free port";
  }
  // Until `count` datagrams are here; loopback delivers at once, the limit is for failures.
  void await(std::size_t count) {
    const Time limit = loop->now() + Duration(5000);
    while (received.size() < count && loop->now() < limit) loop->turn(limit);
    ASSERT_GE(received.size(), count);
  }
  Endpoint at(const IpAddress& ip) const { return {ip, ports->local_endpoints().front().port}; }

  SystemRandom random;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::make({}));
  std::vector<Arrival> arrivals;
  std::vector<std::string> received;
  int batches = 0;
  std::unique_ptr<UdpPorts> ports;
};

void put(Outbox& out, LocalSocket socket, const Endpoint& to, const std::string& text,
         std::uint8_t ttl = 0) {
  const MutableBytes room = out.datagram(socket, to, text.size(), ttl);
  std::copy(text.begin(), text.end(), room.begin());
}

// Recognisable content of a given size.
std::string numbered(std::size_t number, std::size_t size) {
  std::string text = std::to_string(number) + ":";
  text.resize(size, static_cast<char>('a' + number % 26));
  return text;
}

// ---- which datagrams may leave together

TEST(UdpBatches, EqualNeighboursFormOneBatchWithAShorterLast) {
  Outbox out;
  const Endpoint to{kLocal4, 1};
  for (const std::size_t size : {100U, 100U, 100U, 40U, 100U, 120U})
    put(out, 1, to, numbered(0, size));
  std::vector<UdpBatch> batches;
  plan_batches(out.datagrams(), batches);
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(batches[0].count, 4U);
  EXPECT_EQ(batches[0].segment, 100U);
  EXPECT_EQ(batches[0].bytes, 340U);
  EXPECT_EQ(batches[1].first, 4U);  // a longer one cannot join a batch of shorter ones
  EXPECT_EQ(batches[2].segment, 120U);
}

TEST(UdpBatches, AnotherDestinationSocketOrHopLimitEndsTheBatch) {
  Outbox out;
  put(out, 1, {kLocal4, 1}, "aa");
  put(out, 1, {kLocal4, 2}, "aa");
  put(out, 2, {kLocal4, 2}, "aa");
  put(out, 2, {kLocal4, 2}, "aa", 3);
  std::vector<UdpBatch> batches;
  plan_batches(out.datagrams(), batches);
  EXPECT_EQ(batches.size(), 4U);
}

TEST(UdpBatches, AFrameInBetweenSeparatesTheBytes) {
  Outbox out;
  put(out, 1, {kLocal4, 1}, "aa");
  out.frame(NetworkId(1), MacAddress(1), MacAddress(2), 0x800, as_bytes("frame"));
  put(out, 1, {kLocal4, 1}, "aa");
  std::vector<UdpBatch> batches;
  plan_batches(out.datagrams(), batches);
  EXPECT_EQ(batches.size(), 2U);
}

TEST(UdpBatches, StayWithinTheKernelsLimits) {
  Outbox out;
  for (std::size_t i = 0; i < 130; ++i) put(out, 1, {kLocal4, 1}, numbered(i, 20));
  for (std::size_t i = 0; i < 64; ++i) put(out, 1, {kLocal4, 2}, numbered(i, 1427));
  std::vector<UdpBatch> batches;
  plan_batches(out.datagrams(), batches);
  std::size_t covered = 0;
  for (const UdpBatch& batch : batches) {
    EXPECT_EQ(batch.first, covered);
    EXPECT_LE(batch.count, kMaxSegments);
    EXPECT_LE(batch.bytes, kMaxBatchBytes);
    covered += batch.count;
  }
  EXPECT_EQ(covered, out.datagrams().size());
}

// ---- over loopback

struct Offload {
  bool segmentation, coalescing;
};
class UdpOffload : public testing::TestWithParam<Offload> {};

// Whatever the kernel does on the way, the same datagrams come out that went in.
TEST_P(UdpOffload, EveryDatagramArrivesAsItWasSent) {
  Station sender({kLocal4}, {GetParam().segmentation, GetParam().coalescing});
  Station receiver({kLocal4}, {GetParam().segmentation, GetParam().coalescing});
  Outbox out;
  std::vector<std::string> expected;
  const auto add = [&](std::size_t size) {
    expected.push_back(numbered(expected.size(), size));
    put(out, 1, receiver.at(kLocal4), expected.back());
  };
  for (int i = 0; i < 40; ++i) add(1427);
  add(200);
  add(1400);
  for (int i = 0; i < 20; ++i) add(64);
  add(16);
  sender.ports->send(out);
  receiver.await(expected.size());
  EXPECT_EQ(receiver.received, expected);
  EXPECT_EQ(receiver.arrivals.front().remote, sender.at(kLocal4));
  EXPECT_EQ(receiver.arrivals.front().socket, 1U);
  EXPECT_EQ(sender.ports->counters().datagrams_out, expected.size());
  EXPECT_EQ(receiver.ports->counters().datagrams_in, expected.size());
  EXPECT_GT(receiver.batches, 0);
}

INSTANTIATE_TEST_SUITE_P(Combinations, UdpOffload,
                         testing::Values(Offload{true, true}, Offload{true, false},
                                         Offload{false, true}, Offload{false, false}),
                         [](const auto& combination) {
                           return std::string(combination.param.segmentation ? "Gso" : "NoGso") +
                                  (combination.param.coalescing ? "Gro" : "NoGro");
                         });

TEST(UdpPorts, SegmentedSendsTakeFewerCalls) {
  Station sender;
  if (!sender.ports->uses_segmentation()) GTEST_SKIP() << "this kernel has no UDP_SEGMENT";
  Station receiver;
  Outbox out;
  for (std::size_t i = 0; i < 32; ++i) put(out, 1, receiver.at(kLocal4), numbered(i, 1000));
  sender.ports->send(out);
  receiver.await(32);
  EXPECT_EQ(sender.ports->counters().send_calls, 1U);
}

// The limit of a segmented send is a property of the path; with a segment larger than the
// interface's MTU the kernel says EINVAL. That is the refusal a real path gives, so the fallback is
// tested with it.
TEST(UdpSender, SendsPieceByPieceWhereTheKernelRefusesSegments) {
  Station receiver;
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // A maximum segment above the loopback's MTU of 65536 cannot be had, so the refusal is provoked
  // by more segments than the kernel takes (its limit is 64 or 128).
  constexpr std::size_t kCount = 200;
  std::string all;
  for (std::size_t i = 0; i < kCount; ++i) all += numbered(i, 10);
  UdpSender sender;
  UdpSender::Target target{fd.get(), AF_INET, true};
  sender.add(target, receiver.at(kLocal4), 0, as_bytes(all), 10, kCount);
  sender.flush(target);
  EXPECT_FALSE(target.segmentation);
  EXPECT_EQ(sender.counters().datagrams, kCount);
  receiver.await(kCount);
  for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(receiver.received[i], numbered(i, 10));
}

TEST(UdpSender, CountsWhatCannotBeDeliveredAndGoesOn) {
  Station receiver;
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  UdpSender sender;
  UdpSender::Target target{fd.get(), AF_INET, false};
  // Port 0 is refused with EINVAL at once.
  sender.add(target, {kLocal4, 0}, 0, as_bytes("lost"), 4, 1);
  sender.add(target, receiver.at(kLocal4), 0, as_bytes("kept"), 4, 1);
  sender.flush(target);
  EXPECT_EQ(sender.counters().dropped_error, 1U);
  receiver.await(1);
  EXPECT_EQ(receiver.received.front(), "kept");
}

TEST(UdpPorts, ADatagramForAnySocketLeavesFromEachOfItsFamily) {
  Station sender({kLocal4, *IpAddress::parse("127.0.0.2")});
  Station receiver;
  Outbox out;
  put(out, kAnySocket, receiver.at(kLocal4), "hello");
  sender.ports->send(out);
  receiver.await(2);
  EXPECT_EQ(receiver.arrivals[0].remote.ip.text(), "127.0.0.1");
  EXPECT_EQ(receiver.arrivals[1].remote.ip.text(), "127.0.0.2");
}

TEST(UdpPorts, ADatagramWithoutASocketOfItsFamilyIsCounted) {
  Station sender;
  Outbox out;
  put(out, kAnySocket, {kLocal6, 9}, "hello");
  put(out, 7, {kLocal4, 9}, "hello");
  sender.ports->send(out);
  EXPECT_EQ(sender.ports->counters().dropped_socket, 2U);
}

TEST(UdpPorts, TheHopLimitOfADatagramIsSetOnTheWire) {
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const socklen_t length = Endpoint{kLocal4, 0}.to_sockaddr(address);
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  sockaddr_in own{};
  socklen_t own_length = sizeof own;
  ASSERT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &own_length), 0);
  const int on = 1;
  ASSERT_EQ(setsockopt(fd.get(), IPPROTO_IP, IP_RECVTTL, &on, sizeof on), 0);

  Station sender;
  Outbox out;
  put(out, 1, {kLocal4, ntohs(own.sin_port)}, "short-lived", 3);
  sender.ports->send(out);

  char bytes[64], control[CMSG_SPACE(sizeof(int))];
  iovec iov{bytes, sizeof bytes};
  msghdr header{};
  header.msg_iov = &iov;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ASSERT_EQ(recvmsg(fd.get(), &header, 0), 11);
  const cmsghdr* const c = CMSG_FIRSTHDR(&header);
  ASSERT_NE(c, nullptr);
  int ttl = 0;
  std::memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
  EXPECT_EQ(ttl, 3);
}

TEST(UdpPorts, ASocketsNumberIsNeverUsedAgain) {
  Station station({kLocal4, kLocal4});
  const auto before = station.ports->sockets();
  ASSERT_EQ(before.size(), 2U);
  const Endpoint kept = before[1].addresses.front();
  station.ports->close_unless([&](const Endpoint& local) { return local == kept; });
  station.bind(kLocal4);
  const auto after = station.ports->sockets();
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[0], before[1]);
  EXPECT_GT(after[1].socket, before[1].socket);
}

TEST(UdpPorts, AClosedSocketReceivesNothingMore) {
  Station sender, receiver;
  const Endpoint closed = receiver.at(kLocal4);
  receiver.bind(kLocal4);
  Outbox out;
  put(out, 1, closed, "too late");
  sender.ports->send(out);  // waits in the kernel already
  receiver.ports->close_unless([&](const Endpoint& local) { return local != closed; });
  out.clear();
  put(out, 1, receiver.at(kLocal4), "in time");
  sender.ports->send(out);
  receiver.await(1);
  EXPECT_EQ(receiver.received, std::vector<std::string>{"in time"});
}

TEST(UdpPorts, SaysWhyASocketCannotBeHad) {
  Station station;
  EXPECT_EQ(station.ports->add({station.at(kLocal4), {}, false}), EADDRINUSE);
  EXPECT_EQ(station.ports->add({{*IpAddress::parse("192.0.2.1"), 20000}, {}, false}),
            EADDRNOTAVAIL);
  EXPECT_EQ(station.ports->count(), 1U);
}

}  // namespace
}  // namespace ztshim::host
