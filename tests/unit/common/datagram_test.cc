#include "common/datagram.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "common/unique_fd.h"

namespace ztshim {
namespace {

const SocketName kName{ServiceId{0x0123456789abcdef}, SocketId{42}};
const SocketName kOther{ServiceId{0x0123456789abcdef}, SocketId{43}};

DatagramHeader full() {
  DatagramHeader header;
  header.socket = kName;
  header.kind = DatagramHeader::Kind::Error;
  header.wanted = DatagramHeader::kWantsPacketInfo6 | DatagramHeader::kWantsTimestamp;
  header.domain = AF_INET6;
  header.remote = {*IpAddress::parse("fe80::1"), 53, 1'000'001};
  header.local = {*IpAddress::parse("10.147.17.5"), 0xabcd};
  header.interface_index = 1'000'001;
  header.hop_limit = 64;
  header.traffic_class = 0x28;
  header.received_ns = 1'790'000'000'123'456'789;
  header.error = std::errc::connection_refused;
  return header;
}

Bytes message_of(const DatagramHeader& header, std::string_view text) {
  Bytes message(DatagramHeader::kSize);
  header.write(std::span<std::uint8_t, DatagramHeader::kSize>(message));
  append(message, as_bytes(text));
  return message;
}

TEST(DatagramHeader, ComesBackAsItWasWritten) {
  const auto read = DatagramHeader::read(message_of(full(), "payload"), kName);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, DatagramHeader::Kind::Error);
  EXPECT_EQ(read->wanted, full().wanted);
  EXPECT_EQ(read->domain, AF_INET6);
  EXPECT_EQ(read->remote, full().remote);
  EXPECT_EQ(read->local, full().local);
  EXPECT_EQ(read->interface_index, 1'000'001U);
  EXPECT_EQ(read->hop_limit, 64);
  EXPECT_EQ(read->traffic_class, 0x28);
  EXPECT_EQ(read->received_ns, full().received_ns);
  EXPECT_EQ(read->error, std::errc::connection_refused);
}

TEST(DatagramHeader, IsThatOfItsOwnSocketAlone) {
  EXPECT_FALSE(DatagramHeader::read(message_of(full(), "payload"), kOther));
}

TEST(DatagramHeader, IsNotSeenInBareBytes) {
  EXPECT_FALSE(DatagramHeader::read(as_bytes(std::string(200, 'x')), kName));
  EXPECT_FALSE(DatagramHeader::read({}, kName));
  const Bytes whole = message_of(full(), "");
  EXPECT_TRUE(DatagramHeader::read(whole, kName));
  EXPECT_FALSE(DatagramHeader::read(ByteView(whole).first(whole.size() - 1), kName));
}

TEST(DatagramHeader, BareBytesThatLookLikeOneAreToldApart) {
  const Bytes whole = message_of(full(), "");
  EXPECT_TRUE(DatagramHeader::begins_with_mark(ByteView(whole).first(16), kName));
  EXPECT_FALSE(DatagramHeader::begins_with_mark(ByteView(whole).first(15), kName));
  EXPECT_FALSE(DatagramHeader::begins_with_mark(whole, kOther));
}

TEST(DatagramError, ComesBackAsItWasWritten) {
  DatagramError error;
  error.domain = AF_INET6;
  error.error = std::errc::message_size;
  error.origin = 3;
  error.type = 2;
  error.code = 1;
  error.info = 1400;
  error.offender = {*IpAddress::parse("fe80::1"), 0, 1'000'001};
  error.destination = {*IpAddress::parse("fd00::17"), 53};
  Bytes message(DatagramError::kSize + 5);
  error.write(std::span<std::uint8_t, DatagramError::kSize>(message.data(), DatagramError::kSize));
  EXPECT_EQ(DatagramError::read(message), error);
  EXPECT_FALSE(DatagramError::read(ByteView(message).first(DatagramError::kSize - 1)));
}

TEST(DatagramPair, TellsItsKindAndItsMark) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd application(ends[0]), service(ends[1]);
  EXPECT_TRUE(is_datagram_pair(application.get()));
  EXPECT_FALSE(is_marked_connected(application.get()));
  EXPECT_TRUE(mark_connected(application.get(), true));
  EXPECT_TRUE(is_marked_connected(application.get()));
  EXPECT_FALSE(is_marked_connected(service.get()));
  EXPECT_TRUE(mark_connected(application.get(), false));
  EXPECT_FALSE(is_marked_connected(application.get()));
  EXPECT_FALSE(is_datagram_pair(-1));
}

}  // namespace
}  // namespace ztshim
