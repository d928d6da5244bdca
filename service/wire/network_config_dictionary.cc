#include "service/wire/network_config_dictionary.h"

#include <algorithm>

#include "service/wire/address_codec.h"
#include "service/wire/dictionary.h"

namespace ztshim {
namespace {

constexpr std::size_t kDomainSize = 128;

// Reads items up to the end or to `limit`, behind which the excess is ignored. The first item that
// cannot be read ends the list; the caller decides whether that spoils the whole.
template <typename T, typename Read>
std::optional<ParseError> read_list(ByteView blob, std::size_t limit, std::vector<T>& list,
                                    Read read) {
  Reader in(blob);
  while (!in.at_end() && list.size() < limit) {
    Result<T, ParseError> item = read(in);
    if (!item) return item.error();
    list.push_back(std::move(*item));
  }
  return std::nullopt;
}

Result<ManagedRoute, ParseError> read_route(Reader& in) {
  ManagedRoute route;
  route.target = read_prefix(in);
  route.via = read_address(in).ip;
  route.flags = in.be<std::uint16_t>();
  route.metric = in.be<std::uint16_t>();
  if (in.failed()) return failure(ParseError::Truncated);
  return route;
}

Result<IpPrefix, ParseError> read_managed_address(Reader& in) {
  const IpPrefix address = read_prefix(in);
  if (in.failed()) return failure(ParseError::Truncated);
  return address;
}

Result<NetworkDns, ParseError> read_dns(ByteView blob) {
  NetworkDns dns;
  Reader in(blob);
  const std::string_view domain = as_text(in.take(kDomainSize));
  dns.domain = domain.substr(0, domain.find('\0'));
  for (IpAddress& server : dns.servers) server = read_address(in).ip;
  if (in.failed()) return failure(ParseError::Truncated);
  return dns;
}

NetworkSso read_sso(const Dictionary& dictionary) {
  NetworkSso sso;
  sso.version = dictionary.get_number("ssov");
  sso.enabled = dictionary.get_bool("ssoe");
  if (sso.version == 0 && sso.enabled) {
    sso.authentication_url = dictionary.get_text("aurl");
    sso.authentication_expiry = dictionary.get_number("aexpt");
  }
  if (sso.version == 1) {
    sso.issuer_url = dictionary.get_text("iurl");
    sso.central_url = dictionary.get_text("ssoce");
    sso.nonce = dictionary.get_text("sson");
    sso.state = dictionary.get_text("ssos");
    sso.client_id = dictionary.get_text("ssocid");
    sso.provider = dictionary.get_text("ssop", "default");
  }
  return sso;
}

// The blobs, in whose damage `config` is left half filled.
std::optional<ParseError> read_blobs(const Dictionary& dictionary, NetworkConfig& config) {
  const auto blob = [&](std::string_view key) { return dictionary.get(key).value_or(ByteView()); };
  if (const ByteView bytes = blob("C"); !bytes.empty()) {
    Reader in(bytes);
    const auto membership = Membership::read(in);
    if (!membership) return membership.error();
    config.membership = *membership;
  }
  // What was read before the damage counts here, as with genuine nodes.
  read_list(blob("CAP"), NetworkConfig::kMaxCapabilities, config.capabilities, Capability::read);
  read_list(blob("TAG"), NetworkConfig::kMaxTags, config.tags, Tag::read);
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::stable_sort(config.capabilities.begin(), config.capabilities.end(), by_id);
  std::stable_sort(config.tags.begin(), config.tags.end(), by_id);

  using Read = std::optional<ParseError>;
  if (Read bad =
          read_list(blob("COO"), NetworkConfig::kMaxOwnerships, config.ownerships, Ownership::read))
    return bad;
  if (Read bad = read_list(blob("RT"), NetworkConfig::kMaxRoutes, config.routes, read_route))
    return bad;
  if (Read bad = read_list(blob("I"), NetworkConfig::kMaxManagedAddresses, config.managed_addresses,
                           read_managed_address)) {
    return bad;
  }
  if (Read bad = read_list(blob("R"), kMaxNetworkRules, config.rules, Rule::read)) return bad;
  // A null target or address configures nothing.
  std::erase_if(config.routes, [](const ManagedRoute& route) { return !route.target.ip; });
  std::erase_if(config.managed_addresses, [](const IpPrefix& address) { return !address.ip; });

  Reader specialists(blob("S"));
  while (specialists.remaining() >= 8 &&
         config.specialists.size() < NetworkConfig::kMaxSpecialists) {
    config.specialists.push_back(Specialist{specialists.be<std::uint64_t>()});
  }
  if (const ByteView bytes = blob("DNS"); !bytes.empty()) {
    auto dns = read_dns(bytes);
    if (!dns) return dns.error();
    config.dns = std::move(*dns);
  }
  return std::nullopt;
}

// Adds `key` with all of `list`, unless there is nothing to add.
template <typename T, typename Write>
void add_list(DictionaryWriter& out, std::string_view key, const std::vector<T>& list,
              Write write) {
  if (list.empty()) return;
  Bytes blob;
  Writer writer(blob);
  for (const T& item : list) write(writer, item);
  out.add(key, blob);
}

void add_dns(DictionaryWriter& out, const NetworkDns& dns) {
  Bytes blob;
  Writer writer(blob);
  const std::string_view domain = std::string_view(dns.domain).substr(0, kDomainSize);
  writer.bytes(as_bytes(domain)).zeroes(kDomainSize - domain.size());
  for (const IpAddress& server : dns.servers) write_address(writer, Endpoint{server, 0});
  out.add("DNS", blob);
}

void add_sso(DictionaryWriter& out, const NetworkSso& sso) {
  out.add_number("ssov", sso.version).add_bool("ssoe", sso.enabled);
  if (sso.version == 0 && sso.enabled) {
    if (!sso.authentication_url.empty()) out.add("aurl", sso.authentication_url);
    out.add_number("aexpt", sso.authentication_expiry);
  }
  if (sso.version != 1) return;
  out.add("iurl", sso.issuer_url).add("ssoce", sso.central_url).add("sson", sso.nonce);
  out.add("ssos", sso.state).add("ssocid", sso.client_id).add("ssop", sso.provider);
}

}  // namespace

bool NetworkConfig::is_active_bridge(Address address) const {
  return std::any_of(specialists.begin(), specialists.end(),
                     [address](const Specialist& specialist) {
                       return specialist.is_active_bridge() && specialist.address() == address;
                     });
}

Result<NetworkConfig, ParseError> NetworkConfig::parse(ByteView text) {
  if (text.size() > Dictionary::kMaxNetworkConfig) return failure(ParseError::TooMany);
  const Dictionary dictionary = Dictionary::parse(text);
  NetworkConfig config;
  config.network = NetworkId(dictionary.get_number("nwid"));
  config.issued_to = dictionary.get_address("id");
  if (dictionary.get_number("v") < kOldestVersion || !config.network || !config.issued_to) {
    return failure(ParseError::BadValue);
  }
  config.timestamp = dictionary.get_number("ts");
  config.credential_max_delta = dictionary.get_number("ctmd");
  config.revision = dictionary.get_number("r");
  config.trace_target = dictionary.get_address("tt");
  config.trace_level = dictionary.get_number("tl");
  config.flags = dictionary.get_number("f");
  config.multicast_limit = dictionary.get_number("ml");
  config.is_public = dictionary.get_number("t") == 1;
  config.name = dictionary.get_text("n").substr(0, kMaxNameSize);
  config.mtu = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(dictionary.get_number("mtu", kDefaultMtu), kMinMtu, kMaxMtu));
  config.sso = read_sso(dictionary);
  if (const auto damage = read_blobs(dictionary, config)) return failure(*damage);
  return config;
}

Bytes NetworkConfig::write() const {
  DictionaryWriter out;
  out.add_number("v", kVersion).add_number("nwid", network.number()).add_number("ts", timestamp);
  out.add_number("ctmd", credential_max_delta).add_number("r", revision);
  out.add_address("id", issued_to).add_address("tt", trace_target).add_number("tl", trace_level);
  out.add_number("f", flags).add_number("ml", multicast_limit).add_number("t", is_public ? 1 : 0);
  out.add("n", name).add_number("mtu", mtu);
  if (membership) {
    Bytes blob;
    Writer writer(blob);
    membership->write(writer);
    out.add("C", blob);
  }
  const auto write_item = [](Writer& to, const auto& item) { item.write(to); };
  add_list(out, "CAP", capabilities, write_item);
  add_list(out, "TAG", tags, write_item);
  add_list(out, "COO", ownerships, write_item);
  add_list(out, "S", specialists, [](Writer& to, const Specialist& s) { to.be(s.value); });
  add_list(out, "RT", routes, [](Writer& to, const ManagedRoute& route) {
    write_prefix(to, route.target);
    write_address(to, Endpoint{route.via, 0});
    to.be(route.flags).be(route.metric);
  });
  add_list(out, "I", managed_addresses,
           [](Writer& to, const IpPrefix& ip) { write_prefix(to, ip); });
  add_list(out, "R", rules, write_item);
  add_dns(out, dns);
  add_sso(out, sso);
  return out.take();
}

}  // namespace ztshim
