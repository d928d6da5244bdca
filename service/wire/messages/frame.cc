#include "service/wire/messages/frame.h"

#include "common/reader.h"

namespace ztshim {

Result<Frame, ParseError> Frame::parse(ByteView payload) {
  Frame frame;
  Reader in(payload);
  frame.network = NetworkId(in.be<std::uint64_t>());
  frame.ether_type = in.be<std::uint16_t>();
  frame.data = in.rest();
  if (in.failed()) return failure(ParseError::Truncated);
  return frame;
}

void Frame::write(Writer& out) const { out.be(network.number()).be(ether_type).bytes(data); }

}  // namespace ztshim
