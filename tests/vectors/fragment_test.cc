// fragment.json: a packet as datagrams, and back. Receivers' tables of incomplete packets are
// VL1's.
#include "service/wire/fragment.h"

#include "service/crypto/hash.h"
#include "service/wire/messages/user_message.h"
#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

VECTOR_SUITE(Fragments, "fragment.json", "cases");

// Head and pieces in their order put together again.
Bytes joined(const Json& datagrams) {
  Bytes packet = hex_bytes(datagrams.at(0).at("datagram"));
  for (std::size_t i = 1; i < datagrams.size(); ++i) {
    append(packet, ByteView(hex_bytes(datagrams[i].at("datagram"))).subspan(kFragmentHeaderSize));
  }
  return packet;
}

std::size_t limit() {
  return file("fragment.json").at("format").at("default_physical_mtu").get<std::size_t>();
}

TEST(FragmentFormat, has_the_recorded_limits) {
  const Json& format = file("fragment.json").at("format");
  EXPECT_EQ(format.at("default_physical_mtu").get<std::size_t>(), kDefaultDatagramLimit);
  EXPECT_EQ(format.at("max_fragments").get<unsigned>(), kMaxDatagramsPerPacket);
}

TEST_P(Fragments, each_datagram_is_what_it_says) {
  const Json& datagrams = data().at("datagrams");
  ASSERT_EQ(datagrams.size(), number("datagram_count"));
  const bool is_receivable = datagrams.size() <= kMaxDatagramsPerPacket;
  const auto head = PacketHeader::read(hex_bytes(datagrams[0].at("datagram")));
  ASSERT_TRUE(head);
  EXPECT_EQ(to_hex(head->flags, 2), text("head_flags_byte"));
  EXPECT_EQ(head->is_fragmented(), datagrams.size() > 1);
  for (std::size_t i = 0; i < datagrams.size(); ++i) {
    const Bytes datagram = hex_bytes(datagrams[i].at("datagram"));
    EXPECT_EQ(datagram.size(), datagrams[i].at("size").get<std::size_t>());
    EXPECT_EQ(datagrams[i].at("kind"), i == 0 ? "head" : "fragment");
    const auto header = FragmentHeader::read(datagram);
    if (i == 0) {
      EXPECT_EQ(kind_of_datagram(datagram), DatagramKind::Packet);
      EXPECT_FALSE(header);
      continue;
    }
    EXPECT_EQ(kind_of_datagram(datagram), DatagramKind::Fragment);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->packet, head->id);
    EXPECT_EQ(header->destination, head->destination);
    EXPECT_EQ(header->total, datagrams.size());
    EXPECT_EQ(header->number, i);
    EXPECT_EQ(header->total, datagrams[i].at("total").get<unsigned>());
    EXPECT_EQ(header->number, datagrams[i].at("number").get<unsigned>());
    EXPECT_EQ(header->hops, datagrams[i].at("hops").get<unsigned>());
    EXPECT_EQ(datagram[13], datagrams[i].at("indicator").get<unsigned>());
    EXPECT_EQ(header->is_receivable(), is_receivable);
    EXPECT_EQ(to_hex(written(*header)), to_hex(ByteView(datagram).first(kFragmentHeaderSize)));
  }
}

TEST_P(Fragments, open_once_they_are_joined) {
  Bytes packet = joined(data().at("datagrams"));
  ASSERT_EQ(packet.size(), number("whole_packet_size"));
  EXPECT_EQ(to_hex(sha512(packet)), text("whole_packet_sha512"));
  EXPECT_EQ(static_cast<int>(PacketHeader::read(packet)->suite()), data().at("cipher_suite"));
  const PacketKeys keys = keys_between(data().at("receiver_secret"), data().at("sender_secret"));
  ASSERT_EQ(keys.open(packet), flag("dearmor_ok"));
  EXPECT_EQ(PacketHeader::read(packet)->verb(), Verb::UserMessage);
  const auto message = UserMessage::parse(payload_of(packet));
  ASSERT_TRUE(message);
  EXPECT_EQ(to_hex(message->type, 16), text("message_type_id"));
  EXPECT_EQ(to_hex(message->data), text("message"));
}

TEST_P(Fragments, the_classic_division_cuts_in_the_same_places) {
  const Json& datagrams = data().at("datagrams");
  const Bytes packet = joined(datagrams);
  const auto plan = FragmentPlan::make(packet.size(), limit(), Division::Classic);
  if (datagrams.size() > kMaxDatagramsPerPacket) {
    EXPECT_FALSE(plan) << "nobody would put it together again";
    return;
  }
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->count(), datagrams.size());
  for (unsigned n = 0; n < plan->count(); ++n) {
    Bytes datagram;
    Writer out(datagram);
    plan->write_datagram(out, packet, n);
    EXPECT_EQ(to_hex(datagram), datagrams[n].at("datagram").get<std::string>());
    EXPECT_EQ(datagram.size(), plan->datagram_size(n));
  }
}

TEST_P(Fragments, seals_and_cuts_the_message_into_the_same_bytes) {
  if (data().at("cipher_suite") == 3) return;  // its ID before sealing is not on record
  const Json& datagrams = data().at("datagrams");
  const auto header = *PacketHeader::read(hex_bytes(datagrams[0].at("datagram")));
  const Bytes data_bytes = bytes("message");
  UserMessage message;
  message.type = *hex_number(text("message_type_id"));
  message.data = data_bytes;
  Bytes packet(kPacketHeaderSize);
  write_packet_header(packet, header.id, header.destination, header.source, Verb::UserMessage);
  append(packet, written(message));
  if (datagrams.size() > 1) set_fragmented(packet);
  keys_between(data().at("sender_secret"), data().at("receiver_secret"))
      .seal(packet, header.suite());
  EXPECT_EQ(to_hex(packet), to_hex(joined(datagrams)));
}

TEST_P(Fragments, equal_pieces_carry_the_same_packet) {
  const Bytes packet = joined(data().at("datagrams"));
  const auto plan = FragmentPlan::make(packet.size(), limit(), Division::Equal);
  if (!plan) {
    EXPECT_GT(number("datagram_count"), kMaxDatagramsPerPacket);
    return;
  }
  EXPECT_EQ(plan->count(), number("datagram_count"));
  Bytes again;
  for (unsigned n = 0; n < plan->count(); ++n) {
    Bytes datagram;
    Writer out(datagram);
    plan->write_datagram(out, packet, n);
    EXPECT_LE(datagram.size(), limit());
    append(again, ByteView(datagram).subspan(n == 0 ? 0 : kFragmentHeaderSize));
  }
  EXPECT_EQ(to_hex(again), to_hex(packet));
}

}  // namespace
}  // namespace ztshim::vectors
