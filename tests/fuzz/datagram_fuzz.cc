// Headers of datagrams, fragments and packets, and the compressed payload, as strangers may send
// them.
#include "service/wire/compression.h"
#include "service/wire/fragment.h"
#include "service/wire/packet.h"
#include "tests/fuzz/fuzz.h"

using namespace ztshim;

namespace {

void as_datagram(ByteView input) {
  const DatagramKind kind = kind_of_datagram(input);
  const auto fragment = FragmentHeader::read(input);
  ZTSHIM_MUST_HOLD(fragment.has_value() == (kind == DatagramKind::Fragment));
  if (!fragment) return;
  Bytes written;
  Writer out(written);
  fragment->write(out);
  ZTSHIM_MUST_HOLD(written.size() == kFragmentHeaderSize);
  ZTSHIM_MUST_HOLD(FragmentHeader::read(input)->total == fragment->total);
}

void as_packet(ByteView input) {
  const auto header = PacketHeader::read(input);
  ZTSHIM_MUST_HOLD(header.has_value() == (input.size() >= kPacketHeaderSize));
  Bytes packet = to_bytes(input);
  if (!decompress_packet(packet)) {
    ZTSHIM_MUST_HOLD(packet == to_bytes(input));
    return;
  }
  ZTSHIM_MUST_HOLD(!PacketHeader::read(packet)->is_compressed());
  if (packet.size() > kMaxPacketSize) return;  // was never compressed
  const Bytes plain = packet;
  if (compress_packet(packet)) ZTSHIM_MUST_HOLD(packet.size() < plain.size());
  ZTSHIM_MUST_HOLD(decompress_packet(packet) && packet == plain);
}

void as_packet_to_divide(ByteView input) {
  const auto plan = FragmentPlan::make(input.size(), 64 + input.size() % 1400);
  if (!plan) return;
  Bytes joined;
  for (unsigned n = 0; n < plan->count(); ++n) {
    Bytes datagram;
    Writer out(datagram);
    plan->write_datagram(out, input, n);
    append(joined, ByteView(datagram).subspan(n == 0 ? 0 : kFragmentHeaderSize));
  }
  ZTSHIM_MUST_HOLD(joined == to_bytes(input));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  as_datagram(input);
  as_packet(input);
  as_packet_to_divide(input);
  return 0;
}
