#include "service/wire/messages/user_message.h"

#include "common/reader.h"

namespace ztshim {

Result<UserMessage, ParseError> UserMessage::parse(ByteView payload) {
  UserMessage message;
  Reader in(payload);
  message.type = in.be<std::uint64_t>();
  message.data = in.rest();
  if (in.failed()) return failure(ParseError::Truncated);
  return message;
}

void UserMessage::write(Writer& out) const { out.be(type).bytes(data); }

}  // namespace ztshim
