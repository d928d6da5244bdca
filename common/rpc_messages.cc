#include "common/rpc_messages.h"

#include <cstring>
#include <limits>
#include <type_traits>

#include "common/reader.h"

namespace ztshim::rpc {
namespace {

// The kernel's own bound (MAX_ERRNO).
constexpr std::int32_t kMaxErrno = 4095;

// Writer for a fixed buffer: Writer's vector would allocate.
class SpanWriter {
 public:
  explicit SpanWriter(MutableBytes to) : to_(to) {}

  template <std::unsigned_integral T>
  void be(T value) {
    for (std::size_t i = sizeof(T); i-- > 0;) byte(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void i32(std::int32_t value) { be(static_cast<std::uint32_t>(value)); }
  void bytes(ByteView more) {
    for (const std::uint8_t b : more) byte(b);
  }
  void endpoint(const Endpoint& value) {  // family (0, 4, 16), port, 16 bytes, scope
    const ByteView ip = value.ip.bytes();
    byte(static_cast<std::uint8_t>(ip.size()));
    be(value.port);
    bytes(ip);
    for (std::size_t i = ip.size(); i < 16; ++i) byte(0);
    be(value.scope);
  }
  template <std::size_t N>
  void sized(const InlineBytes<N>& value) {
    be(static_cast<std::uint16_t>(value.size()));
    bytes(value.view());
  }
  // How much was written, 0 when it did not fit.
  std::size_t size() const { return failed_ ? 0 : used_; }

 private:
  void byte(std::uint8_t value) {
    if (used_ == to_.size()) {
      failed_ = true;
    } else {
      to_[used_++] = value;
    }
  }

  MutableBytes to_;
  std::size_t used_ = 0;
  bool failed_ = false;
};

// A reader that remembers why it gave up: too few bytes, or bytes that mean nothing.
class MessageReader : public Reader {
 public:
  using Reader::Reader;
  void refuse_value() {
    has_bad_value_ = !failed();
    fail();
  }
  ParseError error() const { return has_bad_value_ ? ParseError::BadValue : ParseError::Truncated; }

 private:
  bool has_bad_value_ = false;
};

std::int32_t read_i32(Reader& in) { return static_cast<std::int32_t>(in.be<std::uint32_t>()); }

Endpoint read_endpoint(MessageReader& in) {
  Endpoint endpoint;
  const auto size = in.be<std::uint8_t>();
  endpoint.port = in.be<std::uint16_t>();
  const ByteView raw = in.take(16);
  endpoint.scope = in.be<std::uint32_t>();
  if (raw.empty()) return {};
  if (size == 4) {
    endpoint.ip = IpAddress::v4(raw.first(4));
  } else if (size == 16) {
    endpoint.ip = IpAddress::v6(raw);
  } else if (size != 0) {
    in.refuse_value();
  }
  return endpoint;
}

template <typename Enum>
Enum read_enum(MessageReader& in, Enum last) {
  const auto value = in.be<std::uint8_t>();
  if (value > static_cast<std::uint8_t>(last)) in.refuse_value();
  return static_cast<Enum>(value);
}

template <std::size_t N>
void read_sized(MessageReader& in, InlineBytes<N>& to) {
  const std::size_t size = in.be<std::uint16_t>();
  if (size > N) in.refuse_value();
  to.assign(in.take(size));
}

// One pair per body: the layout, written and read. Bodies without fields need none.
void put(SpanWriter& out, const Hello& body) {
  out.be(body.version);
  out.i32(body.pid);
  out.be(static_cast<std::uint8_t>(body.egress));
  out.be(static_cast<std::uint8_t>(body.listen));
  out.be(static_cast<std::uint8_t>(body.loopback));
}
void get(MessageReader& in, Hello& body) {
  body.version = in.be<std::uint16_t>();
  body.pid = read_i32(in);
  body.egress = read_enum(in, Egress::Virtual);
  body.listen = read_enum(in, ListenOn::Both);
  body.loopback = read_enum(in, Loopback::Virtual);
}

void put(SpanWriter& out, const CreateSocket& body) {
  out.i32(body.domain);
  out.i32(body.type);
  out.i32(body.protocol);
}
void get(MessageReader& in, CreateSocket& body) {
  body.domain = read_i32(in);
  body.type = read_i32(in);
  body.protocol = read_i32(in);
}

void put(SpanWriter& out, const Bind& body) { out.endpoint(body.local); }
void get(MessageReader& in, Bind& body) { body.local = read_endpoint(in); }

void put(SpanWriter& out, const Connect& body) {
  out.endpoint(body.peer);
  out.be(body.gate_bytes);
}
void get(MessageReader& in, Connect& body) {
  body.peer = read_endpoint(in);
  body.gate_bytes = in.be<std::uint32_t>();
}

void put(SpanWriter& out, const Listen& body) {
  out.i32(body.backlog);
  out.be(body.gate_bytes);
}
void get(MessageReader& in, Listen& body) {
  body.backlog = read_i32(in);
  body.gate_bytes = in.be<std::uint32_t>();
}

void put(SpanWriter& out, const ReturnConnection& body) { out.be(body.connection); }
void get(MessageReader& in, ReturnConnection& body) { body.connection = in.be<std::uint64_t>(); }

void put(SpanWriter& out, const Shutdown& body) { out.i32(body.how); }
void get(MessageReader& in, Shutdown& body) { body.how = read_i32(in); }

void put(SpanWriter& out, const GetName& body) { out.be(static_cast<std::uint8_t>(body.side)); }
void get(MessageReader& in, GetName& body) { body.side = read_enum(in, Side::Peer); }

void put(SpanWriter& out, const GetOption& body) {
  out.i32(body.level);
  out.i32(body.name);
  out.be(body.size);
}
void get(MessageReader& in, GetOption& body) {
  body.level = read_i32(in);
  body.name = read_i32(in);
  body.size = in.be<std::uint32_t>();
}

void put(SpanWriter& out, const SetOption& body) {
  out.i32(body.level);
  out.i32(body.name);
  out.sized(body.value);
}
void get(MessageReader& in, SetOption& body) {
  body.level = read_i32(in);
  body.name = read_i32(in);
  read_sized(in, body.value);
}

void put(SpanWriter& out, const RememberedOptions& body) { out.be(body.first); }
void get(MessageReader& in, RememberedOptions& body) { body.first = in.be<std::uint32_t>(); }

void put(SpanWriter& out, const Status& body) { out.be(static_cast<std::uint8_t>(body.section)); }
void get(MessageReader& in, Status& body) { body.section = read_enum(in, Section::Sockets); }

void put(SpanWriter& out, const Join& body) { out.be(body.network); }
void get(MessageReader& in, Join& body) { body.network = in.be<std::uint64_t>(); }
void put(SpanWriter& out, const Leave& body) { out.be(body.network); }
void get(MessageReader& in, Leave& body) { body.network = in.be<std::uint64_t>(); }

void put(SpanWriter& out, const Administer& body) { out.sized(body.request); }
void get(MessageReader& in, Administer& body) { read_sized(in, body.request); }

void put(SpanWriter& out, const Ping& body) {
  out.sized(body.target);
  out.be(body.count);
  out.be(body.interval_ms);
  out.be(body.size);
}
void get(MessageReader& in, Ping& body) {
  read_sized(in, body.target);
  body.count = in.be<std::uint32_t>();
  body.interval_ms = in.be<std::uint32_t>();
  body.size = in.be<std::uint32_t>();
}

void put(SpanWriter& out, const CheckSend& body) {
  out.endpoint(body.destination);
  out.be(body.size);
  out.be(body.interface_index);
}
void get(MessageReader& in, CheckSend& body) {
  body.destination = read_endpoint(in);
  body.size = in.be<std::uint32_t>();
  body.interface_index = in.be<std::uint32_t>();
}

void put(SpanWriter& out, const Why& body) { out.endpoint(body.peer); }
void get(MessageReader& in, Why& body) { body.peer = read_endpoint(in); }

void put(SpanWriter& out, const Interfaces& body) { out.be(body.first); }
void get(MessageReader& in, Interfaces& body) { body.first = in.be<std::uint32_t>(); }

void put(SpanWriter& out, const Resolvers& body) {
  out.endpoint(body.about);
  out.be(body.first);
}
void get(MessageReader& in, Resolvers& body) {
  body.about = read_endpoint(in);
  body.first = in.be<std::uint32_t>();
}

void put(SpanWriter& out, const Source& body) { out.endpoint(body.peer); }
void get(MessageReader& in, Source& body) { body.peer = read_endpoint(in); }

template <typename Empty>
requires std::is_empty_v<Empty>
void put(SpanWriter&, const Empty&) {}
template <typename Empty>
requires std::is_empty_v<Empty>
void get(MessageReader&, Empty&) {}

// Tries the alternatives of Body one after the other until one has this op.
template <std::size_t I = 0>
bool read_body(Op op, MessageReader& in, Body& body) {
  if constexpr (I == std::variant_size_v<Body>) {
    return false;
  } else {
    using Alternative = std::variant_alternative_t<I, Body>;
    if (op != Alternative::kOp) return read_body<I + 1>(op, in, body);
    get(in, body.emplace<Alternative>());
    return true;
  }
}

}  // namespace

std::size_t serialize(const Request& request, MutableBytes to) {
  SpanWriter out(to);
  std::visit(
      [&](const auto& body) {
        out.be(static_cast<std::uint16_t>(body.kOp));
        out.be(static_cast<std::uint64_t>(request.socket.service));
        out.be(static_cast<std::uint64_t>(request.socket.socket));
        put(out, body);
      },
      request.body);
  return out.size();
}

std::size_t serialize(const Reply& reply, MutableBytes to) {
  SpanWriter out(to);
  out.be(static_cast<std::uint8_t>(reply.kind));
  out.i32(static_cast<std::int32_t>(reply.error));
  out.be(reply.number);
  out.endpoint(reply.endpoint);
  out.sized(reply.payload);
  return out.size();
}

Result<Request, ParseError> parse_request(ByteView message) {
  MessageReader in(message);
  const auto op = static_cast<Op>(in.be<std::uint16_t>());
  Request request;
  request.socket.service = ServiceId{in.be<std::uint64_t>()};
  request.socket.socket = SocketId{in.be<std::uint64_t>()};
  if (in.failed()) return failure(ParseError::Truncated);
  if (!read_body(op, in, request.body)) return failure(ParseError::UnknownOp);
  if (in.failed()) return failure(in.error());
  if (!in.at_end()) return failure(ParseError::TrailingBytes);
  return request;
}

Result<Reply, ParseError> parse_reply(ByteView message) {
  MessageReader in(message);
  Reply reply;
  reply.kind = read_enum(in, Reply::Kind::Failed);
  const std::int32_t error = read_i32(in);
  // A hook may hand it to the application: an errno, and there exactly when something failed.
  const bool has_error = reply.kind == Reply::Kind::Failed;
  if (!in.failed() && (has_error ? error < 1 || error > kMaxErrno : error != 0)) in.refuse_value();
  reply.error = static_cast<std::errc>(error);
  reply.number = in.be<std::uint64_t>();
  reply.endpoint = read_endpoint(in);
  read_sized(in, reply.payload);
  if (in.failed()) return failure(in.error());
  if (!in.at_end()) return failure(ParseError::TrailingBytes);
  return reply;
}

bool append_option(MutableBytes payload, std::size_t& used, const RememberedOption& option) {
  if (used > payload.size() || option.value.size() > kMaxOptionSize) return false;
  SpanWriter out(payload.subspan(used));
  out.i32(option.level);
  out.i32(option.name);
  out.be(static_cast<std::uint16_t>(option.value.size()));
  out.bytes(option.value);
  if (out.size() == 0) return false;
  used += out.size();
  return true;
}

std::optional<RememberedOption> next_option(ByteView& payload) {
  Reader in(payload);
  RememberedOption option;
  option.level = read_i32(in);
  option.name = read_i32(in);
  option.value = in.take(in.be<std::uint16_t>());
  if (in.failed()) return std::nullopt;
  payload = in.rest();
  return option;
}

}  // namespace ztshim::rpc
