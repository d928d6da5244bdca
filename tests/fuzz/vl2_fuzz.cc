// A member of a private network and whatever others may send it; and the rules on any frame.
//
// An even first byte: packets one after the other, each as sender (1), verb (1), length (2),
// payload. An odd one: length (2) of a rule list, the list, and a frame.
#include <optional>

#include "common/reader.h"
#include "service/vl2/rule_engine.h"
#include "service/wire/messages/network_credentials.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/identities.h"
#include "tests/unit/vl2/lone_vl2.h"

using namespace ztshim;

namespace {

constexpr std::uint64_t kTime = 1'700'000'000'000;

const Identity& controller() {
  static const Identity identity = sim::identity(0);
  return identity;
}
const Identity& own() {
  static const Identity identity = sim::identity(1);
  return identity;
}
const Identity& member() {
  static const Identity identity = sim::identity(2);
  return identity;
}
const Identity& stranger() {
  static const Identity identity = sim::identity(3);
  return identity;
}
NetworkId network() { return NetworkId(controller().address().number() << 24 | 0x77); }

Membership membership_of(const Identity& identity) {
  Membership made = Membership::make(kTime, 1'800'000, network(), identity);
  made.sign(controller());
  return made;
}

NetworkConfig config() {
  NetworkConfig config;
  config.network = network();
  config.issued_to = own().address();
  config.timestamp = kTime;
  config.credential_max_delta = 1'800'000;
  config.flags = NetworkConfig::kFlagBroadcast | NetworkConfig::kFlagNdpEmulation;
  config.multicast_limit = 32;
  config.rules = {Rule{RuleType::ActionAccept, false, false, {}}};
  config.managed_addresses = {IpPrefix::parse("10.147.17.5/24").value()};
  config.membership = membership_of(own());
  return config;
}

void receive_packets(Reader in) {
  static const Bytes dictionary = config().write();
  static const Bytes credentials = [] {
    NetworkCredentials shown;
    shown.memberships = {membership_of(member())};
    Bytes bytes;
    Writer out(bytes);
    shown.write(out);
    return bytes;
  }();
  vl2::LoneVl2 node(own(), {controller(), member(), stranger()});
  node.vl2().join(node.now, network(), {}, {}, node.out);
  node.vl2().apply_own_config(node.now, network(), dictionary, node.out);
  node.receive(member(), Verb::NetworkCredentials, credentials);
  node.out.clear();
  const Identity* const senders[] = {&controller(), &member(), &stranger()};
  while (!in.at_end()) {
    const Identity& sender = *senders[in.be<std::uint8_t>() % 3];
    const auto verb = static_cast<Verb>(in.be<std::uint8_t>() & 0x1f);
    const ByteView payload = in.take(in.be<std::uint16_t>());
    if (in.failed()) return;
    if (verb == Verb::Error) {
      node.receive_error(sender, static_cast<ErrorCode>(payload.empty() ? 0 : payload[0] & 0x0f),
                         payload);
    } else {
      node.receive(sender, verb, payload, Verb::MulticastGather);
    }
    node.wait(std::chrono::milliseconds(700));
    for (const Outbox::Frame& frame : node.out.frames()) {
      // Nobody but the member has a certificate, and nobody is a bridge.
      ZTSHIM_MUST_HOLD(frame.source == MacAddress::of_member(member().address(), network()));
    }
    node.out.clear();
  }
}

void judge_frame(Reader in) {
  const auto rules = parse_rules(in.take(in.be<std::uint16_t>()));
  if (in.failed() || !rules) return;
  NetworkConfig ours = config();
  ours.rules = *rules;
  const ByteView payload = in.take(in.remaining());
  static constexpr std::uint16_t kTypes[] = {0x0800, 0x86dd, 0x0806, 0x1234};
  sim::SeededRandom random(1);
  for (const std::uint16_t type : kTypes) {
    for (const bool inbound : {false, true}) {
      const Address other = member().address();
      const vl2::EthernetFrame frame{
          MacAddress::of_member(inbound ? own().address() : other, network()),
          MacAddress::of_member(inbound ? other : own().address(), network()), type, payload};
      const vl2::CredentialStore nothing;
      const vl2::FilterDecision decision =
          vl2::filter({.inbound = inbound,
                       .own = own().address(),
                       .source = inbound ? other : own().address(),
                       .destination = inbound ? own().address() : other,
                       .frame = frame,
                       .config = ours,
                       .remote = &nothing,
                       .random = random});
      for (std::size_t i = 0; i < decision.copy_count; ++i) {
        ZTSHIM_MUST_HOLD(decision.copies[i].length <= payload.size());
        ZTSHIM_MUST_HOLD(decision.copies[i].target != own().address());
      }
      if (decision.verdict == vl2::FilterDecision::Verdict::Redirect) {
        ZTSHIM_MUST_HOLD(decision.redirect_to != own().address());
      }
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in(ByteView(data, size));
  const bool is_rules = (in.be<std::uint8_t>() & 1) != 0;
  if (in.failed()) return 0;
  if (is_rules) {
    judge_frame(in);
  } else {
    receive_packets(in);
  }
  return 0;
}
