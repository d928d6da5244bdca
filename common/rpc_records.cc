#include "common/rpc_records.h"

#include <net/if.h>

#include <algorithm>

#include "common/reader.h"
#include "common/writer.h"

namespace ztshim::rpc {
namespace {

// A size in one byte, then the bytes.
void put_text(Writer& out, std::string_view text, std::size_t most) {
  const std::string_view cut = text.substr(0, most);
  out.be(static_cast<std::uint8_t>(cut.size()));
  out.bytes(as_bytes(cut));
}

std::string get_text(Reader& in, std::size_t most) {
  const std::size_t size = in.be<std::uint8_t>();
  if (size > most) in.fail();
  return std::string(as_text(in.take(size)));
}

// The size of the address, then its bytes.
void put_ip(Writer& out, const IpAddress& ip) {
  out.be(static_cast<std::uint8_t>(ip.bytes().size()));
  out.bytes(ip.bytes());
}

IpAddress get_ip(Reader& in) {
  const std::size_t size = in.be<std::uint8_t>();
  const ByteView raw = in.take(size);
  if (size == 4) return IpAddress::v4(raw);
  if (size == 16) return IpAddress::v6(raw);
  in.fail();
  return {};
}

constexpr std::size_t kMostName = IFNAMSIZ - 1;
constexpr std::size_t kMostDomain = 253;

}  // namespace

void InterfaceRecord::append_to(Bytes& payload) const {
  Writer out(payload);
  out.be(index).be(flags).be(mtu).be_bytes(mac, 6);
  put_text(out, name, kMostName);
  const std::size_t count = std::min(addresses.size(), kMostAddresses);
  out.be(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    put_ip(out, addresses[i].ip);
    out.be(static_cast<std::uint8_t>(addresses[i].bits));
  }
}

std::optional<InterfaceRecord> InterfaceRecord::next(ByteView& payload) {
  Reader in(payload);
  InterfaceRecord record;
  record.index = in.be<std::uint32_t>();
  record.flags = in.be<std::uint32_t>();
  record.mtu = in.be<std::uint32_t>();
  record.mac = in.be_bytes(6);
  record.name = get_text(in, kMostName);
  for (std::size_t left = in.be<std::uint8_t>(); left > 0 && !in.failed(); --left) {
    IpPrefix address;
    address.ip = get_ip(in);
    address.bits = in.be<std::uint8_t>();
    if (address.bits > address.ip.bit_count()) in.fail();
    record.addresses.push_back(address);
  }
  if (in.failed() || record.name.empty()) return std::nullopt;
  payload = in.rest();
  return record;
}

void ResolverRecord::append_to(Bytes& payload) const {
  Writer out(payload);
  put_text(out, domain, kMostDomain);
  put_text(out, interface, kMostName);
  const std::size_t count = std::min(servers.size(), kMostServers);
  out.be(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    out.be(static_cast<std::uint8_t>(servers[i].is_on_network ? 1 : 0));
    put_ip(out, servers[i].ip);
  }
}

std::optional<ResolverRecord> ResolverRecord::next(ByteView& payload) {
  Reader in(payload);
  ResolverRecord record;
  record.domain = get_text(in, kMostDomain);
  record.interface = get_text(in, kMostName);
  for (std::size_t left = in.be<std::uint8_t>(); left > 0 && !in.failed(); --left) {
    Server server;
    server.is_on_network = in.be<std::uint8_t>() != 0;
    server.ip = get_ip(in);
    record.servers.push_back(server);
  }
  if (in.failed() || record.domain.empty()) return std::nullopt;
  payload = in.rest();
  return record;
}

}  // namespace ztshim::rpc
