// Every message as a stranger may send it: the first byte chooses the parser. What parses is
// written again, and the second reading of it is written the same.
#include "service/wire/messages/error.h"
#include "service/wire/messages/ext_frame.h"
#include "service/wire/messages/frame.h"
#include "service/wire/messages/hello.h"
#include "service/wire/messages/multicast_frame.h"
#include "service/wire/messages/multicast_gather.h"
#include "service/wire/messages/multicast_like.h"
#include "service/wire/messages/network_config.h"
#include "service/wire/messages/network_config_request.h"
#include "service/wire/messages/network_credentials.h"
#include "service/wire/messages/ok.h"
#include "service/wire/messages/push_direct_paths.h"
#include "service/wire/messages/rendezvous.h"
#include "service/wire/messages/user_message.h"
#include "service/wire/messages/whois.h"
#include "service/wire/packet.h"
#include "tests/fuzz/fuzz.h"

using namespace ztshim;

namespace {

template <typename Message>
Bytes written(const Message& message) {
  Bytes bytes;
  Writer out(bytes);
  message.write(out);
  return bytes;
}

template <typename Message>
void check(ByteView payload) {
  const auto message = Message::parse(payload);
  if (!message) return;
  const Bytes bytes = written(*message);
  const auto again = Message::parse(bytes);
  ZTSHIM_MUST_HOLD(again.has_value());
  ZTSHIM_MUST_HOLD(written(*again) == bytes);
}

// The tail is looked for before anything is known about the sender.
void check_hello(ByteView payload) {
  Bytes packet(kPacketHeaderSize);
  append(packet, payload);
  if (const auto tail = Hello::tail_offset(packet)) {
    ZTSHIM_MUST_HOLD(*tail > kPacketHeaderSize && *tail < packet.size());
  }
  if (Hello::parse(payload)) ZTSHIM_MUST_HOLD(Hello::identity_of(payload).has_value());
  check<Hello>(payload);
}

void check_metadata(ByteView text) {
  const Bytes bytes = RequestMetadata::parse(text).write();
  // What was cut at 1023 bytes can grow again by the numbers' full width.
  if (bytes.size() > 1023) return;
  ZTSHIM_MUST_HOLD(RequestMetadata::parse(bytes).write() == bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView payload = ByteView(data, size).subspan(1);
  using Check = void (*)(ByteView);
  constexpr Check kChecks[] = {
      check_hello,
      check<OkHello>,
      check<OkHeader>,
      check<ErrorHeader>,
      check<NetworkError>,
      check<UnwantedMulticast>,
      check<Whois>,
      check<OkWhois>,
      check<Rendezvous>,
      check<PushDirectPaths>,
      check<UserMessage>,
      check<Frame>,
      check<ExtFrame>,
      check<OkExtFrame>,
      check<MulticastLike>,
      check<NetworkCredentials>,
      check<NetworkConfigRequest>,
      check<ConfigChunk>,
      check<ConfigAcknowledgement>,
      check<MulticastGather>,
      check<OkMulticastGather>,
      check<MulticastFrame>,
      check<OkMulticastFrame>,
      check_metadata,
  };
  kChecks[data[0] % std::size(kChecks)](payload);
  return 0;
}
