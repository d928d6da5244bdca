// What a client gets for its requests, and what becomes of clients that break the rules. The
// sockets behind the sessions are real; the rest of the service is a few answers.
#include "service/rpc/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <set>
#include <string>

#include "common/rpc_channel.h"
#include "tests/unit/sockets/world.h"

namespace ztshim::rpc {
namespace {

using Kind = Reply::Kind;
using sockets::World;

class FakeControl final : public Control {
 public:
  bool networks_ready() const override { return ready; }
  Result<UniqueFd> make_ready_fd() override {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return failure(std::errc::too_many_files_open);
    waiting.reset(ends[1]);
    return UniqueFd(ends[0]);
  }
  std::string status_json(Section section) const override {
    return std::string(100'000, static_cast<char>('0' + static_cast<int>(section)));
  }
  Result<void> join(std::uint64_t network) override {
    networks.insert(network);
    return {};
  }
  Result<void> leave(std::uint64_t network) override {
    if (networks.erase(network) == 0) return failure(std::errc::io_error);
    return {};
  }
  std::string administer(std::string_view request) override { return std::string(request) + "!"; }

  Result<UniqueFd> ping(std::string_view target, const Ping& request) override {
    pinged = std::string(target) + " " + std::to_string(request.count);
    if (request.count == 0) return failure(std::errc::invalid_argument);
    return make_ready_fd();
  }
  std::string why(const Endpoint& peer, const sockets::Policy& policy) override {
    return peer.text() +
           (policy.egress == sockets::Policy::Egress::Virtual ? " virtual" : " split");
  }

  std::vector<InterfaceRecord> interfaces(const sockets::Policy&) const override {
    return std::vector<InterfaceRecord>(
        100, InterfaceRecord{7, 1, 2800, 42, "zt0", {*IpPrefix::parse("10.1.0.1/24")}});
  }
  std::vector<ResolverRecord> resolvers(const IpAddress& about) const override {
    return {{about ? about.text() : "corp.example", "zt0", {}}};
  }
  bool resolvers_ready() const override { return ready; }

  std::string pinged;
  bool ready = true;
  UniqueFd waiting;
  std::set<std::uint64_t> networks;
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : client_(connect()) {}

  UniqueFd connect() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    session_ = std::make_unique<Session>(UniqueFd(ends[0]),
                                         Services{*world_.sockets, control_, world_.service},
                                         world_.loop, [this](Session&) { session_.reset(); });
    return UniqueFd(ends[1]);
  }

  void serve() {
    while (world_.loop.serve()) {
    }
  }
  void send(const Request& request) {
    std::array<std::uint8_t, kMaxRequestSize> buffer;
    const std::size_t size = serialize(request, buffer);
    ASSERT_TRUE(send_message(client_.get(), ByteView(buffer).first(size)));
  }
  struct Got {
    Reply reply;
    UniqueFd descriptor;
  };
  std::optional<Got> receive() {
    std::array<std::uint8_t, kMaxReplySize> buffer;
    auto message = receive_message(client_.get(), buffer, Descriptors::Allow);
    if (!message || message->size == 0) return std::nullopt;
    const auto reply = parse_reply(ByteView(buffer).first(message->size));
    EXPECT_TRUE(reply);
    return Got{*reply, std::move(message->descriptor)};
  }
  Got ask(const Request& request) {
    send(request);
    serve();
    auto got = receive();
    EXPECT_TRUE(got) << "no reply to op " << request.body.index();
    return got ? std::move(*got) : Got{};
  }
  void say_hello(Egress egress = Egress::Split, Loopback loopback = Loopback::Host) {
    const Got got = ask({{}, Hello{kVersion, 1, egress, ListenOn::Virtual, loopback}});
    ASSERT_EQ(got.reply.kind, Kind::Done);
    EXPECT_EQ(got.reply.number, static_cast<std::uint64_t>(world_.service));
  }
  // A socket and its fd.
  SocketName create(UniqueFd* fd = nullptr, int domain = AF_INET) {
    Got got = ask({{}, CreateSocket{domain, SOCK_STREAM, 0}});
    EXPECT_EQ(got.reply.kind, Kind::Done);
    EXPECT_TRUE(got.descriptor);
    if (fd != nullptr)
      *fd = std::move(got.descriptor);
    else
      kept_.push_back(std::move(got.descriptor));
    return {world_.service, SocketId{got.reply.number}};
  }

  World world_;
  FakeControl control_;
  std::unique_ptr<Session> session_;
  UniqueFd client_;
  std::vector<UniqueFd> kept_;
};

TEST_F(SessionTest, BeginsWithHello) {
  send({{}, WaitReady{}});
  serve();
  EXPECT_FALSE(receive());
  EXPECT_FALSE(session_);
}

TEST_F(SessionTest, TellsAnotherVersionWhichOneItSpeaks) {
  Hello hello;
  hello.version = kVersion + 1;
  const Got got = ask({{}, hello});
  EXPECT_EQ(got.reply.kind, Kind::Failed);
  EXPECT_EQ(got.reply.error, std::errc::protocol_not_supported);
  EXPECT_EQ(got.reply.number, kVersion);
  EXPECT_FALSE(session_);
}

TEST_F(SessionTest, SaysHelloOnce) {
  say_hello();
  EXPECT_EQ(ask({{}, Hello{}}).reply.error, std::errc::protocol_error);
  EXPECT_TRUE(session_);
}

TEST_F(SessionTest, EndsWithGarbage) {
  say_hello();
  ASSERT_TRUE(send_message(client_.get(), as_bytes("garbage")));
  serve();
  EXPECT_FALSE(session_);
}

TEST_F(SessionTest, EndsWithMessagesLongerThanAnyRequest) {
  say_hello();
  ASSERT_TRUE(send_message(client_.get(), Bytes(kMaxRequestSize + 1)));
  serve();
  EXPECT_FALSE(session_);
}

TEST_F(SessionTest, EndsWhenTheClientCloses) {
  say_hello();
  client_.reset();
  serve();
  EXPECT_FALSE(session_);
}

TEST_F(SessionTest, AnswersALastRequestOfAClientThatHasClosed) {
  say_hello();
  send({{}, Join{7}});
  client_.reset();
  serve();
  EXPECT_EQ(control_.networks, std::set<std::uint64_t>{7});
  EXPECT_FALSE(session_);
}

TEST_F(SessionTest, KnowsTheProcessFromTheKernelAndNotFromHello) {
  ASSERT_EQ(ask({{}, Hello{kVersion, 4711, Egress::Split, ListenOn::Virtual}}).reply.kind,
            Kind::Done);
  EXPECT_EQ(session_->pid(), getpid());
  const SocketName name = create();
  EXPECT_EQ(world_.sockets->owner_pid(name.socket), getpid());
}

TEST_F(SessionTest, GivesASocketWhoseFdSaysItsName) {
  say_hello();
  UniqueFd fd;
  const SocketName name = create(&fd);
  sockaddr_un address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(SocketName::from_sockaddr(address, size), name);
  EXPECT_EQ(ask({{}, CreateSocket{AF_UNIX, SOCK_STREAM, 0}}).reply.error,
            std::errc::address_family_not_supported);
}

TEST_F(SessionTest, RefusesSocketsOfAnotherServiceAndThoseThatNeverWere) {
  say_hello();
  const SocketName name = create();
  for (const Body& body :
       {Body{Bind{World::own(1)}}, Body{Connect{World::own(1), 1}}, Body{Listen{1, 1}},
        Body{ReturnConnection{1}}, Body{Shutdown{SHUT_WR}}, Body{GetName{}}, Body{TakeError{}},
        Body{GetOption{1, 1, 4}}, Body{SetOption{1, 1, {}}}, Body{RememberedOptions{0}},
        Body{UnsentBytes{}}}) {
    EXPECT_EQ(ask({{ServiceId{99}, name.socket}, body}).reply.kind, Kind::Gone) << body.index();
    EXPECT_EQ(ask({{world_.service, SocketId{0xffff}}, body}).reply.kind, Kind::Gone)
        << body.index();
  }
}

TEST_F(SessionTest, NamesABoundSocketWithItsDomain) {
  say_hello();
  const SocketName name = create();
  EXPECT_EQ(ask({name, Bind{World::own(8080)}}).reply.kind, Kind::Done);
  const Got local = ask({name, GetName{Side::Local}});
  EXPECT_EQ(local.reply.endpoint, World::own(8080));
  EXPECT_EQ(local.reply.number, static_cast<std::uint64_t>(AF_INET));
  EXPECT_EQ(ask({name, GetName{Side::Peer}}).reply.error, std::errc::not_connected);
  EXPECT_EQ(ask({name, Bind{World::own(8081)}}).reply.error, std::errc::invalid_argument);
}

TEST_F(SessionTest, ChecksTheAddressFamily) {
  say_hello();
  const SocketName four = create();
  const SocketName six = create(nullptr, AF_INET6);
  const Endpoint v6{*IpAddress::parse("::1"), 1};
  EXPECT_EQ(ask({four, Connect{v6, 1}}).reply.error, std::errc::address_family_not_supported);
  EXPECT_EQ(ask({six, Bind{World::own(1)}}).reply.error, std::errc::address_family_not_supported);
  EXPECT_EQ(ask({four, Connect{Endpoint{}, 1}}).reply.error,
            std::errc::address_family_not_supported);
}

class HostLoopback : public SessionTest, public ::testing::WithParamInterface<Egress> {};

TEST_P(HostLoopback, IsTheHostsWhateverTheNetworksDo) {
  control_.ready = false;
  say_hello(GetParam());
  const SocketName four = create();
  const SocketName six = create(nullptr, AF_INET6);
  for (const char* const ip : {"127.0.0.1", "127.9.9.9", "0.0.0.0"}) {
    EXPECT_EQ(ask({four, Connect{{*IpAddress::parse(ip), 80}, 1}}).reply.kind, Kind::Host) << ip;
  }
  for (const char* const ip : {"::1", "::ffff:127.0.0.1", "::"}) {
    EXPECT_EQ(ask({six, Connect{{*IpAddress::parse(ip), 80}, 1}}).reply.kind, Kind::Host) << ip;
  }
  EXPECT_EQ(ask({four, Bind{{*IpAddress::parse("127.0.0.1"), 80}}}).reply.kind, Kind::Host);
}
// A virtual one needs no network either.
TEST_F(SessionTest, AnswersForAVirtualLoopbackAtOnce) {
  control_.ready = false;
  say_hello(Egress::Virtual, Loopback::Virtual);
  const SocketName four = create();
  EXPECT_EQ(ask({four, Bind{{*IpAddress::parse("127.0.0.1"), 80}}}).reply.kind, Kind::Done);
  EXPECT_EQ(ask({four, Listen{1, 1}}).reply.kind, Kind::Done);
  EXPECT_EQ(ask({create(), Connect{{*IpAddress::parse("0.0.0.0"), 80}, 1}}).reply.kind,
            Kind::InProgress);
  EXPECT_EQ(ask({create(), Connect{{*IpAddress::parse("192.0.2.1"), 80}, 1}}).reply.kind,
            Kind::NotReady);
}

INSTANTIATE_TEST_SUITE_P(UnderEveryPolicy, HostLoopback,
                         ::testing::Values(Egress::Split, Egress::Virtual));

// 192.0.2.0/24 is on no network (RFC 5737).
const Endpoint kElsewhere{*IpAddress::parse("192.0.2.1"), 80};

TEST_F(SessionTest, SendsOtherDestinationsToTheHostUnderSplit) {
  say_hello(Egress::Split);
  const SocketName name = create();
  EXPECT_EQ(ask({name, Connect{kElsewhere, 1}}).reply.kind, Kind::Host);
  EXPECT_EQ(ask({name, Bind{kElsewhere}}).reply.kind, Kind::Host);
}

TEST_F(SessionTest, RefusesOtherDestinationsUnderVirtual) {
  say_hello(Egress::Virtual);
  const SocketName name = create();
  EXPECT_EQ(ask({name, Connect{kElsewhere, 1}}).reply.error, std::errc::network_unreachable);
  EXPECT_EQ(ask({name, Bind{kElsewhere}}).reply.error, std::errc::address_not_available);
}

TEST_F(SessionTest, SaysNotReadyOnlyForWhatMayYetBecomeVirtual) {
  control_.ready = false;
  for (const Egress egress : {Egress::Split, Egress::Virtual}) {
    client_ = connect();
    say_hello(egress);
    const SocketName name = create();
    EXPECT_EQ(ask({name, Connect{kElsewhere, 1}}).reply.kind, Kind::NotReady);
    EXPECT_EQ(ask({name, Bind{kElsewhere}}).reply.kind, Kind::NotReady);
    const SocketName listener = create();
    EXPECT_EQ(ask({listener, Bind{{IpAddress::v4(0), 0}}}).reply.kind, Kind::Done);
    EXPECT_EQ(ask({name, Connect{World::own(1), 53249}}).reply.kind, Kind::InProgress);
  }
}

TEST_F(SessionTest, GivesADescriptorThatTellsWhenNetworksAreReady) {
  say_hello();
  EXPECT_EQ(ask({{}, WaitReady{}}).reply.kind, Kind::Done);
  control_.ready = false;
  const Got waiting = ask({{}, WaitReady{}});
  EXPECT_EQ(waiting.reply.kind, Kind::NotReady);
  ASSERT_TRUE(waiting.descriptor);
  pollfd asked{waiting.descriptor.get(), POLLIN, 0};
  EXPECT_EQ(poll(&asked, 1, 0), 0);
  control_.waiting.reset();
  EXPECT_EQ(poll(&asked, 1, 0), 1);
}

TEST_F(SessionTest, RemembersOptionsInAsManyRepliesAsItTakes) {
  say_hello();
  const SocketName name = create();
  const Bytes on{1, 0, 0, 0};
  const auto set = [&](int level, int option) {
    return ask({name, SetOption{level, option, OptionValue(on)}}).reply;
  };
  EXPECT_EQ(set(SOL_SOCKET, SO_KEEPALIVE).kind, Kind::Done);
  EXPECT_EQ(set(SOL_SOCKET, SO_REUSEADDR).kind, Kind::Done);
  EXPECT_EQ(set(IPPROTO_TCP, 0x7fff).kind, Kind::Failed);
  Got got = ask({name, RememberedOptions{0}});
  EXPECT_EQ(got.reply.number, 2u);
  ByteView payload = got.reply.payload.view();
  EXPECT_EQ(next_option(payload)->name, SO_KEEPALIVE);
  EXPECT_EQ(next_option(payload)->name, SO_REUSEADDR);
  EXPECT_TRUE(payload.empty());
  EXPECT_EQ(got.reply.endpoint, (Endpoint{IpAddress::v4(0), 0}));
  got = ask({name, RememberedOptions{1}});
  payload = got.reply.payload.view();
  EXPECT_EQ(next_option(payload)->name, SO_REUSEADDR);
  EXPECT_EQ(ask({name, RememberedOptions{9}}).reply.payload.size(), 0u);
}

TEST_F(SessionTest, ShowsOptionsAndLeavesTheKernelsToTheKernel) {
  say_hello();
  const SocketName name = create();
  const Got type = ask({name, GetOption{SOL_SOCKET, SO_PROTOCOL, 4}});
  EXPECT_EQ(type.reply.kind, Kind::Done);
  EXPECT_EQ(to_bytes(type.reply.payload.view()), (Bytes{6, 0, 0, 0}));
  EXPECT_EQ(ask({name, GetOption{SOL_SOCKET, SO_RCVTIMEO, 16}}).reply.kind, Kind::NotOurs);
}

TEST_F(SessionTest, WritesStatusIntoAFile) {
  say_hello();
  for (const Section section :
       {Section::Status, Section::Peers, Section::Networks, Section::Sockets}) {
    const Got got = ask({{}, Status{section}});
    ASSERT_TRUE(got.descriptor);
    struct stat file {};
    ASSERT_EQ(fstat(got.descriptor.get(), &file), 0);
    EXPECT_EQ(file.st_size, 100'000);
    char first = 0;
    EXPECT_EQ(read(got.descriptor.get(), &first, 1), 1);
    EXPECT_EQ(first, '0' + static_cast<int>(section));
  }
}

TEST_F(SessionTest, PingsAndGivesTheDescriptorForTheAnswers) {
  say_hello();
  const Got got = ask({{}, Ping{OptionValue(as_bytes("fd00::1")), 3, 1000, 8}});
  EXPECT_EQ(got.reply.kind, Kind::Done);
  EXPECT_TRUE(got.descriptor);
  EXPECT_EQ(control_.pinged, "fd00::1 3");
  EXPECT_EQ(ask({{}, Ping{}}).reply.error, std::errc::invalid_argument);
}

TEST_F(SessionTest, TellsWhyByTheCallersOwnPolicy) {
  say_hello();
  const Got got = ask({{}, Why{World::other(80)}});
  ASSERT_TRUE(got.descriptor);
  char text[64] = "";
  EXPECT_GT(read(got.descriptor.get(), text, sizeof text - 1), 0);
  EXPECT_STREQ(text, "10.9.8.9:80 split");
}

TEST_F(SessionTest, JoinsAndLeavesNetworks) {
  say_hello();
  EXPECT_EQ(ask({{}, Join{7}}).reply.kind, Kind::Done);
  EXPECT_EQ(control_.networks.count(7), 1u);
  EXPECT_EQ(ask({{}, Join{0}}).reply.error, std::errc::invalid_argument);
  EXPECT_EQ(ask({{}, Leave{7}}).reply.kind, Kind::Done);
  EXPECT_EQ(ask({{}, Leave{7}}).reply.error, std::errc::io_error);
}

TEST_F(SessionTest, TellsInterfacesPageByPage) {
  say_hello();
  std::uint32_t seen = 0;
  while (seen < 100) {
    const Got got = ask({{}, Interfaces{seen}});
    ASSERT_EQ(got.reply.kind, Kind::Done);
    ASSERT_EQ(got.reply.number, 100U);
    ByteView payload = got.reply.payload.view();
    std::uint32_t here = 0;
    while (const auto record = InterfaceRecord::next(payload)) {
      EXPECT_EQ(record->name, "zt0");
      ++here;
    }
    EXPECT_TRUE(payload.empty());
    ASSERT_GT(here, 10U);
    seen += here;
  }
  EXPECT_EQ(seen, 100U);
  EXPECT_TRUE(ask({{}, Interfaces{100}}).reply.payload.view().empty());
  EXPECT_TRUE(ask({{}, Interfaces{0xffffffff}}).reply.payload.view().empty());
}

TEST_F(SessionTest, TellsResolversAndThatMoreMayCome) {
  say_hello();
  control_.ready = false;
  const Got got = ask({{}, Resolvers{{*IpAddress::parse("::ffff:10.1.0.7"), 0}, 0}});
  EXPECT_EQ(got.reply.kind, Kind::NotReady);
  ByteView payload = got.reply.payload.view();
  const auto record = ResolverRecord::next(payload);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->domain, "10.1.0.7");
}

TEST_F(SessionTest, TellsTheSourceByTheCallersPolicy) {
  say_hello();
  const Got here = ask({{}, Source{World::other(0)}});
  EXPECT_EQ(here.reply.kind, Kind::Done);
  EXPECT_EQ(here.reply.endpoint.ip, World::own(0).ip);
  const Endpoint elsewhere = *Endpoint::parse("192.0.2.1:0");
  EXPECT_EQ(ask({{}, Source{elsewhere}}).reply.kind, Kind::Host);
  client_ = connect();
  say_hello(Egress::Virtual);
  EXPECT_EQ(ask({{}, Source{elsewhere}}).reply.error, std::errc::network_unreachable);
}

// The port of a listener is free in the call after its close, whatever else the loop has to do.
TEST_F(SessionTest, SeesWhatWasClosedBeforeARequestAboutPorts) {
  say_hello();
  for (int round = 0; round < 50; ++round) {
    UniqueFd fd;
    const SocketName name = create(&fd);
    ASSERT_EQ(ask({name, Bind{World::own(80)}}).reply.kind, Kind::Done) << round;
    ASSERT_EQ(ask({name, Listen{1, 1}}).reply.kind, Kind::Done);
    ASSERT_EQ(ask({name, TakeError{}}).reply.number, 0u);
    fd.reset();
  }
}

}  // namespace
}  // namespace ztshim::rpc
