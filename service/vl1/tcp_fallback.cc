#include "service/vl1/tcp_fallback.h"

#include <algorithm>

#include "common/reader.h"
#include "common/writer.h"
#include "service/vl1/constants.h"
#include "service/wire/address_codec.h"

namespace ztshim::vl1 {
namespace {

constexpr std::uint8_t kApplicationData = 0x17;
constexpr std::uint16_t kTlsVersion = 0x0303;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kGreetingSize = 4;
constexpr std::uint8_t kTypeV4 = 4;
constexpr std::uint8_t kTypeV6 = 6;

bool is_global(const Endpoint& endpoint) { return scope_of(endpoint.ip) == Scope::Global; }

// What the relay would carry, and what counts as a sign that UDP works: whole packets to or from
// the internet. Junk and beacons are shorter.
bool counts(const Endpoint& endpoint, std::size_t size) {
  return size >= kTcpSmallestDatagram && is_global(endpoint);
}

void write_header(Writer& out, std::size_t length) {
  out.be(kApplicationData);
  out.be(kTlsVersion);
  out.be(static_cast<std::uint16_t>(length));
}

}  // namespace

Endpoint TcpFallback::default_relay() { return {IpAddress::v4(0xcc508001), 443}; }

TcpFallback::TcpFallback(const Settings& settings, Time now) : settings_(settings), since_(now) {}

void TcpFallback::on_udp_received(Time now, const Endpoint& from, std::size_t size) {
  if (!counts(from, size)) return;
  last_received_ = now;
  wanted_ = false;
}

bool TcpFallback::udp_is_dead(Time now) const {
  return now - last_received_ >= kTcpAfter && now - since_ >= kTcpAfter;
}

TcpFallback::Ways TcpFallback::on_send(Time now, const Endpoint& to, ByteView datagram) {
  Ways ways;
  ways.udp = settings_.mode != Mode::Forced;
  if (settings_.mode == Mode::Off || !to.ip.is_v4() || !counts(to, datagram.size())) return ways;
  // A node that does not try, or that has only begun to, is not one whose UDP is blocked.
  const Duration pause = now - last_sent_;
  last_sent_ = now;
  if (pause >= kTcpSendPause && pause <= kTcpAfter && udp_is_dead(now)) wanted_ = true;
  if (!connected_) return ways;
  const std::size_t record = kRecordHeader + 1 + to.ip.bytes().size() + 2 + datagram.size();
  if (queued().size() + record > kTcpQueue) return ways;
  append_record(to, datagram);
  ways.tcp = true;
  return ways;
}

void TcpFallback::append_record(const Endpoint& to, ByteView datagram) {
  Writer out(queue_);
  write_header(out, 1 + to.ip.bytes().size() + 2 + datagram.size());
  out.be(kTypeV4);
  out.bytes(to.ip.bytes());
  out.be(to.port);
  out.bytes(datagram);
}

void TcpFallback::on_connected(Time) {
  on_closed(kLongAgo);
  connected_ = true;
  Writer out(queue_);
  write_header(out, kGreetingSize);
  out.be(kSoftwareMajor);
  out.be(kSoftwareMinor);
  out.be(kSoftwareRevision);
}

void TcpFallback::on_closed(Time now) {
  connected_ = false;
  not_before_ = now == kLongAgo ? kLongAgo : now + kTcpRetry;
  queue_.clear();
  written_ = 0;
  incoming_.clear();
}

void TcpFallback::on_resume(Time now) { since_ = now; }

bool TcpFallback::wants_connection(Time now) const {
  if (settings_.mode == Mode::Off || now < not_before_) return false;
  if (settings_.mode == Mode::Forced) return true;
  // UDP works again when something came lately; that it came once is no proof yet that it will.
  if (connected_) return now - last_received_ >= kTcpUdpBack;
  return wanted_;
}

void TcpFallback::consumed(std::size_t bytes) {
  written_ = std::min(written_ + bytes, queue_.size());
  if (written_ < queue_.size()) return;
  queue_.clear();
  written_ = 0;
}

bool TcpFallback::on_bytes(ByteView bytes, const OnDatagram& deliver) {
  while (!bytes.empty()) {
    // Never more than one record is kept, so a hostile relay costs at most 64 KiB.
    const std::size_t header_missing = kRecordHeader - std::min(incoming_.size(), kRecordHeader);
    const std::size_t from_header = std::min(header_missing, bytes.size());
    append(incoming_, bytes.first(from_header));
    bytes = bytes.subspan(from_header);
    if (incoming_.size() < kRecordHeader) return true;
    if (incoming_[0] != kApplicationData || incoming_[1] != 0x03 || incoming_[2] != 0x03) {
      return false;
    }
    const std::size_t length = static_cast<std::size_t>(incoming_[3]) << 8 | incoming_[4];
    const std::size_t missing = kRecordHeader + length - incoming_.size();
    const std::size_t taken = std::min(missing, bytes.size());
    append(incoming_, bytes.first(taken));
    bytes = bytes.subspan(taken);
    if (taken < missing) return true;
    deliver_record(MutableBytes(incoming_).subspan(kRecordHeader), deliver);
    incoming_.clear();
  }
  return true;
}

// Records of four bytes are greetings. Those without an address, or with one that cannot be a
// node's, have nothing that a node could use.
void TcpFallback::deliver_record(MutableBytes content, const OnDatagram& deliver) {
  if (content.size() == kGreetingSize || content.empty()) return;
  const std::uint8_t type = content[0];
  if (type != kTypeV4 && type != kTypeV6) return;
  Reader in(ByteView(content).subspan(1));
  const ByteView ip = in.take(type == kTypeV4 ? 4 : 16);
  const auto port = in.be<std::uint16_t>();
  if (in.failed() || port == 0) return;
  const Endpoint from{type == kTypeV4 ? IpAddress::v4(ip) : IpAddress::v6(ip), port};
  const MutableBytes datagram = content.last(in.remaining());
  if (!counts(from, datagram.size()) || datagram.size() > kTcpLargestDatagram) return;
  deliver(from, datagram);
}

}  // namespace ztshim::vl1
