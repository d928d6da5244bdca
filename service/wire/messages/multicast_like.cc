#include "service/wire/messages/multicast_like.h"

#include "common/reader.h"

namespace ztshim {

Result<MulticastLike, ParseError> MulticastLike::parse(ByteView payload) {
  MulticastLike like;
  Reader in(payload);
  like.records.reserve(payload.size() / kRecordSize);
  while (in.remaining() >= kRecordSize) {
    Record record;
    record.network = NetworkId(in.be<std::uint64_t>());
    record.group = MulticastGroup::read(in);
    like.records.push_back(record);
  }
  if (like.records.empty()) return failure(ParseError::Truncated);
  return like;
}

void MulticastLike::write(Writer& out) const {
  for (const Record& record : records) {
    out.be(record.network.number());
    record.group.write(out);
  }
}

}  // namespace ztshim
