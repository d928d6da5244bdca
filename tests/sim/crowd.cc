#include "tests/sim/crowd.h"

#include <ctime>

#include "common/reader.h"
#include "service/crypto/suites.h"
#include "service/vl1/peer_cache.h"
#include "service/wire/messages/hello.h"
#include "service/wire/messages/ok.h"
#include "service/wire/packet.h"
#include "tests/sim/sim_node.h"

namespace ztshim::sim {
namespace {

constexpr std::size_t kKeys = 16;
constexpr unsigned kProtocol = 12;
constexpr SoftwareVersion kVersion{1, 14, 1};

std::int64_t cpu_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Bytes ok_payload(Verb in_re, PacketId id) {
  Bytes payload;
  Writer writer(payload);
  OkHeader{in_re, id, {}}.write(writer);
  if (in_re != Verb::Hello) return payload;
  OkHello ok;
  ok.protocol = kProtocol;
  ok.version = kVersion;
  ok.write(writer);
  return payload;
}

}  // namespace

class Crowd::Upper final : public vl1::UpperLayer {
 public:
  vl1::Verdict on_packet(Now, const vl1::Incoming&, Outbox&) override { return vl1::Verdict::Done; }
  void on_identity_known(Now, Address, Outbox&) override {}
  bool is_virtual(const IpAddress&) const override { return false; }
};

// As a root the node remembers as many peers as it can hold.
Crowd::Crowd(std::size_t peers)
    : size_(peers), own_(identity(0)), upper_(std::make_unique<Upper>()) {
  for (std::size_t k = 0; k < kKeys; ++k) keys_.emplace_back(*own_.agree(identity(k + 1)));
  vl1::Config config;
  config.identity = own_;
  config.planet = planet_of({{own_, {address_of(0)}}});
  for (std::size_t n = 0; n < size_; ++n) {
    config.cached_peers.push_back(vl1::CachedPeer{identity_of(n), kProtocol, kVersion, {}}.bytes());
  }
  node_ = std::make_unique<vl1::Vl1>(std::move(config), node_random_, *upper_);
  node_->set_sockets(now_, {{1, {address_of(0)}}}, out_);
  node_->start(now_, out_);
  // One after the other within KEEPALIVE_IDLE, so that their deadlines do not all come at once.
  const Time begin = now_.time;
  constexpr std::size_t kSpread = 14'000;
  for (std::size_t n = 0; n < size_; ++n) {
    now_.time = begin + Duration(static_cast<std::int64_t>(n * kSpread / size_));
    meet(n);
  }
  now_.wall_ms += (now_.time - begin).count();
  out_.clear();
}

Identity Crowd::identity_of(std::size_t n) const {
  std::string text = identity(n % kKeys + 1).text();
  text.replace(0, 10, address(n).text());
  return *Identity::parse(text);
}

// A /24 each, in 9/8 and 10/8.
Arrival Crowd::arrival(std::size_t n) const {
  return {1, address_of(1 + static_cast<unsigned>(n))};
}

Bytes Crowd::seal(std::size_t n, Address to, Verb verb, ByteView payload,
                  const PacketKeys& with) const {
  Bytes bytes(kPacketHeaderSize);
  write_packet_header(bytes, PacketId(random_.number()), to, address(n), verb);
  append(bytes, payload);
  with.seal(bytes, Suite::AesGmacSiv);
  return bytes;
}

Bytes Crowd::frame(std::size_t n, ByteView payload) const {
  return seal(n, own_.address(), Verb::Frame, payload, keys(n));
}

Bytes Crowd::frame_for(std::size_t n, std::size_t to, ByteView payload) const {
  return seal(n, address(to), Verb::Frame, payload, keys(n));  // relays cannot tell
}

Bytes Crowd::hello(std::size_t n) const {
  Hello message;
  message.protocol = kProtocol;
  message.version = kVersion;
  message.timestamp = static_cast<std::uint64_t>(now_.wall_ms);
  message.identity = identity_of(n);
  message.sent_to = address_of(0);
  Bytes bytes(kPacketHeaderSize);
  write_packet_header(bytes, PacketId(random_.number()), own_.address(), address(n), Verb::Hello);
  Writer writer(bytes);
  message.write(writer);
  if (const auto tail = Hello::tail_offset(bytes)) keys(n).crypt_hello_tail(bytes, *tail);
  keys(n).seal(bytes, Suite::Poly1305None);
  return bytes;
}

// It greets the node, and answers when the node wants to know whether it is really there.
void Crowd::meet(std::size_t n) {
  out_.clear();
  Bytes greeting = hello(n);
  node_->on_datagram(now_, arrival(n), greeting, out_);
  auto replies = answers();
  out_.clear();
  for (auto& [who, reply] : replies) node_->on_datagram(now_, arrival(who), reply, out_);
  Bytes first = frame(n, as_bytes("here"));
  node_->on_datagram(now_, arrival(n), first, out_);
  out_.clear();
}

std::vector<std::pair<std::size_t, Bytes>> Crowd::answers() const {
  std::vector<std::pair<std::size_t, Bytes>> all;
  for (const Outbox::Datagram& datagram : out_.datagrams()) {
    Bytes bytes = to_bytes(out_.bytes_of(datagram));
    const auto header = PacketHeader::read(bytes);
    if (!header || header->destination.number() < kFirst) continue;
    const std::size_t n = header->destination.number() - kFirst;
    if (n >= size_ || !keys(n).open(bytes)) continue;
    const auto verb = static_cast<Verb>(bytes[kVerbOffset] & 0x1f);
    if (verb != Verb::Hello && verb != Verb::Echo) continue;
    all.emplace_back(n, seal(n, own_.address(), Verb::Ok, ok_payload(verb, header->id), keys(n)));
  }
  return all;
}

void Crowd::run_for(Duration duration, Answers wanted) {
  const Time end = now_.time + duration;
  while (node_->next_deadline() <= end) {
    const Time due = std::max(node_->next_deadline(), now_.time);
    now_.wall_ms += (due - now_.time).count();
    now_.time = due;
    out_.clear();
    const std::int64_t begin = cpu_nanoseconds();
    node_->on_deadline(now_, out_);
    nanoseconds_ += cpu_nanoseconds() - begin;
    ++wake_ups_;
    probes_ += out_.datagrams().size();
    if (wanted == Answers::No) continue;
    auto replies = answers();
    out_.clear();
    for (auto& [who, reply] : replies) node_->on_datagram(now_, arrival(who), reply, out_);
  }
  now_.wall_ms += (end - now_.time).count();
  now_.time = end;
  out_.clear();
}

std::size_t Crowd::reachable() const {
  std::size_t all = 0;
  for (std::size_t n = 0; n < size_; ++n) {
    all += node_->is_reachable(now_.time, address(n)) ? 1U : 0U;
  }
  return all;
}

}  // namespace ztshim::sim
