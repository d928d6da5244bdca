// Worlds, credentials, rules, dictionaries and configurations; the first byte chooses. What is read
// can be written and read again, and signatures over it can be looked at.
#include "service/wire/credentials.h"
#include "service/wire/dictionary.h"
#include "service/wire/network_config_dictionary.h"
#include "service/wire/rules.h"
#include "service/wire/world.h"
#include "tests/fuzz/fuzz.h"

using namespace ztshim;

namespace {

template <typename T>
Bytes written(const T& value) {
  Bytes bytes;
  Writer out(bytes);
  value.write(out);
  return bytes;
}

template <typename T>
void check(ByteView input) {
  Reader in(input);
  const auto value = T::read(in);
  if (!value) return;
  ZTSHIM_MUST_HOLD(!in.failed());
  const Bytes bytes = written(*value);
  ZTSHIM_MUST_HOLD(bytes.size() <= input.size() + sizeof(std::uint64_t) * 256);
  Reader again(bytes);
  const auto second = T::read(again);
  ZTSHIM_MUST_HOLD(second.has_value() && again.at_end());
  ZTSHIM_MUST_HOLD(written(*second) == bytes);
}

template <typename T>
void check_signed(ByteView input) {
  check<T>(input);
  Reader in(input);
  if (const auto value = T::read(in)) ZTSHIM_MUST_HOLD(!value->signed_bytes().empty());
}

void check_membership(ByteView input) {
  check<Membership>(input);
  Reader in(input);
  const auto mine = Membership::read(in);
  const auto theirs = Membership::read(in);
  if (mine && theirs) mine->agrees_with(*theirs, Identity());
}

void check_worlds(ByteView input) {
  check_signed<World>(input);
  const auto worlds = World::parse_all(input);
  if (worlds.size() >= 2) should_replace(worlds[0], worlds[1]);
}

void check_rules(ByteView input) {
  const auto rules = parse_rules(input);
  if (!rules) return;
  ZTSHIM_MUST_HOLD(rules->size() <= kMaxNetworkRules);
  Bytes bytes;
  Writer out(bytes);
  write_rules(out, *rules);
  ZTSHIM_MUST_HOLD(parse_rules(bytes) == *rules);
}

void check_dictionary(ByteView input) {
  const Dictionary dictionary = Dictionary::parse(input);
  DictionaryWriter out;
  for (const Dictionary::Entry& entry : dictionary.entries()) {
    out.add(entry.key, entry.value);
    dictionary.get_number(entry.key);
    dictionary.get_signed(entry.key);
    dictionary.get_bool(entry.key);
  }
  const Dictionary again = Dictionary::parse(out.bytes());
  ZTSHIM_MUST_HOLD(again.entries().size() == dictionary.entries().size());
  for (std::size_t i = 0; i < again.entries().size(); ++i) {
    ZTSHIM_MUST_HOLD(again.entries()[i].key == dictionary.entries()[i].key);
    ZTSHIM_MUST_HOLD(again.entries()[i].value == dictionary.entries()[i].value);
  }
}

void check_config(ByteView input) {
  const auto config = NetworkConfig::parse(input);
  if (!config) return;
  ZTSHIM_MUST_HOLD(config->mtu >= NetworkConfig::kMinMtu && config->mtu <= NetworkConfig::kMaxMtu);
  ZTSHIM_MUST_HOLD(config->routes.size() <= NetworkConfig::kMaxRoutes);
  for (const IpPrefix& ip : config->managed_addresses) {
    ZTSHIM_MUST_HOLD(ip.ip && ip.bits <= ip.ip.bit_count());
  }
  const Bytes bytes = config->write();
  const auto again = NetworkConfig::parse(bytes);
  ZTSHIM_MUST_HOLD(again.has_value());
  ZTSHIM_MUST_HOLD(again->write() == bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input = ByteView(data, size).subspan(1);
  using Check = void (*)(ByteView);
  constexpr Check kChecks[] = {
      check_worlds,
      check_membership,
      check_signed<Tag>,
      check_signed<Ownership>,
      check_signed<Capability>,
      check_signed<Revocation>,
      check_rules,
      check_dictionary,
      check_config,
  };
  kChecks[data[0] % std::size(kChecks)](input);
  return 0;
}
