// What shim, command line and service say to each other: requests and replies with fixed layouts.
// Parsing trusts nothing; neither direction allocates, so that hooks may do both in signal
// handlers. docs/rpc.md has the layouts and the meaning of every request.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <variant>

#include "common/bytes.h"
#include "common/config.h"
#include "common/endpoint.h"
#include "common/fd_contract.h"
#include "common/result.h"

namespace ztshim::rpc {

// Changes whenever a layout or a meaning does: library and service may come from different builds.
inline constexpr std::uint16_t kVersion = 2;
// The longest option value we know is TCP_INFO's (about 250 bytes); longer ones are cut.
inline constexpr std::size_t kMaxOptionSize = 512;
inline constexpr std::size_t kMaxPayload = 1024;
inline constexpr std::size_t kMaxRequestSize = 64 + kMaxOptionSize;
inline constexpr std::size_t kMaxReplySize = 64 + kMaxPayload;

// Bytes held in place; what does not fit is cut off.
template <std::size_t N>
class InlineBytes {
 public:
  InlineBytes() = default;
  explicit InlineBytes(ByteView from) { assign(from); }
  void assign(ByteView from) {
    size_ = static_cast<std::uint16_t>(std::min(from.size(), N));
    std::copy_n(from.begin(), size_, data_.begin());
  }
  ByteView view() const { return ByteView(data_).first(size_); }
  std::size_t size() const { return size_; }
  bool operator==(const InlineBytes& other) const {
    return std::equal(view().begin(), view().end(), other.view().begin(), other.view().end());
  }

 private:
  std::uint16_t size_ = 0;
  std::array<std::uint8_t, N> data_;  // bytes past size_ are never read
};
using OptionValue = InlineBytes<kMaxOptionSize>;

enum class Op : std::uint16_t {
  Hello = 1,
  CreateSocket,
  Bind,
  Connect,
  Listen,
  ReturnConnection,
  Shutdown,
  GetName,
  TakeError,
  GetOption,
  SetOption,
  RememberedOptions,
  UnsentBytes,
  WaitReady,
  Status,
  Join,
  Leave,
  Administer,
  Ping,
  Why,
  AwaitSent,
  CheckSend,
  Interfaces,
  Resolvers,
  Source,
  GetCapability,
  TakeErrorMessage,
};

enum class Side : std::uint8_t { Local, Peer };
enum class Section : std::uint8_t { Status, Peers, Networks, Sockets };

// ---- Requests. The first of every connection is Hello; it carries what the calling process wants.
struct Hello {
  static constexpr Op kOp = Op::Hello;
  std::uint16_t version = kVersion;
  std::int32_t pid = 0;
  Egress egress = Egress::Split;
  ListenOn listen = ListenOn::Virtual;
  Loopback loopback = Loopback::Host;
  bool operator==(const Hello&) const = default;
};
struct CreateSocket {  // reply: number = socket id, with the application's end
  static constexpr Op kOp = Op::CreateSocket;
  std::int32_t domain = 0, type = 0, protocol = 0;
  bool operator==(const CreateSocket&) const = default;
};
struct Bind {
  static constexpr Op kOp = Op::Bind;
  Endpoint local;
  bool operator==(const Bind&) const = default;
};
struct Connect {
  static constexpr Op kOp = Op::Connect;
  Endpoint peer;
  std::uint32_t gate_bytes = 0;  // the caller writes them into the fd after InProgress
  bool operator==(const Connect&) const = default;
};
struct Listen {
  static constexpr Op kOp = Op::Listen;
  std::int32_t backlog = 0;
  std::uint32_t gate_bytes = 0;  // the caller writes them into the fd after Done
  bool operator==(const Listen&) const = default;
};
struct ReturnConnection {
  static constexpr Op kOp = Op::ReturnConnection;
  std::uint64_t connection = 0;
  bool operator==(const ReturnConnection&) const = default;
};
struct Shutdown {
  static constexpr Op kOp = Op::Shutdown;
  std::int32_t how = 0;
  bool operator==(const Shutdown&) const = default;
};
struct GetName {  // reply: endpoint, number = the socket's domain
  static constexpr Op kOp = Op::GetName;
  Side side = Side::Local;
  bool operator==(const GetName&) const = default;
};
struct TakeError {  // reply: number = errno or 0
  static constexpr Op kOp = Op::TakeError;
  bool operator==(const TakeError&) const = default;
};
struct GetOption {  // reply: payload, or NotOurs
  static constexpr Op kOp = Op::GetOption;
  std::int32_t level = 0, name = 0;
  std::uint32_t size = 0;
  bool operator==(const GetOption&) const = default;
};
struct SetOption {  // reply: Done, or NotOurs: the kernel object wants it too
  static constexpr Op kOp = Op::SetOption;
  std::int32_t level = 0, name = 0;
  OptionValue value;
  bool operator==(const SetOption&) const = default;
};
// Reply: payload = options number `first` and following, as many as fit (OptionReader); number =
// how many there are in all; endpoint = the local name (wildcard, port 0: not bound).
struct RememberedOptions {
  static constexpr Op kOp = Op::RememberedOptions;
  std::uint32_t first = 0;
  bool operator==(const RememberedOptions&) const = default;
};
struct UnsentBytes {  // reply: number
  static constexpr Op kOp = Op::UnsentBytes;
  bool operator==(const UnsentBytes&) const = default;
};
// Reply: Done at once, or NotReady with a descriptor that becomes readable (end of file) when every
// joined network has an address or a final refusal.
struct WaitReady {
  static constexpr Op kOp = Op::WaitReady;
  bool operator==(const WaitReady&) const = default;
};
struct Status {  // reply: a memfd holding JSON
  static constexpr Op kOp = Op::Status;
  Section section = Section::Status;
  bool operator==(const Status&) const = default;
};
struct Join {
  static constexpr Op kOp = Op::Join;
  std::uint64_t network = 0;
  bool operator==(const Join&) const = default;
};
struct Leave {
  static constexpr Op kOp = Op::Leave;
  std::uint64_t network = 0;
  bool operator==(const Leave&) const = default;
};
// What only the command line asks: one JSON object. Reply: a memfd holding the JSON answer, which
// says itself whether it went well.
struct Administer {
  static constexpr Op kOp = Op::Administer;
  InlineBytes<kMaxOptionSize> request;
  bool operator==(const Administer&) const = default;
};

// Reply: a SOCK_SEQPACKET descriptor on which the answers come, one JSON object in each message;
// the end of file ends it, and closing it stops it. EINVAL: no address; ENETUNREACH: on no network.
struct Ping {
  static constexpr Op kOp = Op::Ping;
  OptionValue target;       // "ADDRESS" or "ADDRESS%NETWORK"
  std::uint32_t count = 0;  // 0: until it is stopped
  std::uint32_t interval_ms = 0, size = 0;
  bool operator==(const Ping&) const = default;
};
// Which way would a connection go? Reply: a memfd holding JSON.
struct Why {
  static constexpr Op kOp = Op::Why;
  Endpoint peer;
  bool operator==(const Why&) const = default;
};

// After the last descriptor of a connection was closed. Reply: Done, or NotReady with a descriptor
// that becomes readable (end of file) when everything was acknowledged, the FIN included.
struct AwaitSent {
  static constexpr Op kOp = Op::AwaitSent;
  bool operator==(const AwaitSent&) const = default;
};

// Of a datagram socket: would a datagram of `size` bytes to `destination` (empty: to the connected
// peer) leave? Binds the socket as its first send does. Reply: Done; Failed with what sendto(2)
// says: EMSGSIZE, EACCES, ENETUNREACH, EDESTADDRREQ, …; NotReady. Whoever sends asks this once for
// each new destination: the datagrams themselves go through the pair and get no answer.
struct CheckSend {
  static constexpr Op kOp = Op::CheckSend;
  Endpoint destination;
  std::uint32_t size = 0;
  std::uint32_t interface_index = 0;  // IP_PKTINFO's; 0: any
  bool operator==(const CheckSend&) const = default;
};

// What programs see as our interfaces. Reply: number = how many there are, payload = number `first`
// and following, as many as fit (InterfaceRecord). NotReady: the same, but some networks are not up
// yet.
struct Interfaces {
  static constexpr Op kOp = Op::Interfaces;
  std::uint32_t first = 0;
  bool operator==(const Interfaces&) const = default;
};
// Which networks have resolvers of their own? With an address: those to which it belongs. Reply: as
// that of Interfaces, with ResolverRecords; NotReady: more may come.
struct Resolvers {
  static constexpr Op kOp = Op::Resolvers;
  Endpoint about;
  std::uint32_t first = 0;
  bool operator==(const Resolvers&) const = default;
};
// The own address that a connection to `peer` would have. Reply: endpoint; Host; Failed
// ENETUNREACH.
struct Source {
  static constexpr Op kOp = Op::Source;
  Endpoint peer;
  bool operator==(const Source&) const = default;
};
struct GetCapability {  // reply: the process's end of one (rpc_capability.h)
  static constexpr Op kOp = Op::GetCapability;
  bool operator==(const GetCapability&) const = default;
};

// The oldest of a datagram socket's error queue (IP_RECVERR), which is its no longer. Reply:
// payload = a DatagramError (datagram.h) and the bytes that came back; Failed EAGAIN when there is
// none.
struct TakeErrorMessage {
  static constexpr Op kOp = Op::TakeErrorMessage;
  bool operator==(const TakeErrorMessage&) const = default;
};

using Body =
    std::variant<Hello, CreateSocket, Bind, Connect, Listen, ReturnConnection, Shutdown, GetName,
                 TakeError, GetOption, SetOption, RememberedOptions, UnsentBytes, WaitReady, Status,
                 Join, Leave, Administer, Ping, Why, AwaitSent, CheckSend, Interfaces, Resolvers,
                 Source, GetCapability, TakeErrorMessage>;
struct Request {
  SocketName socket;  // zeroes where the request is about no socket
  Body body;
  bool operator==(const Request&) const = default;
};

struct Reply {
  enum class Kind : std::uint8_t {
    Done,
    InProgress,  // Connect: the handshake runs, write the gate
    Host,        // take a kernel socket instead and repeat the call there
    NotOurs,     // options: the kernel object answers
    NotReady,    // the networks are not up yet; nothing was done
    Gone,        // no such socket: it belonged to a service that has ended
    Failed,      // with `error`
  };
  Kind kind = Kind::Done;
  std::errc error{};  // only with Failed
  std::uint64_t number = 0;
  Endpoint endpoint;
  InlineBytes<kMaxPayload> payload;

  static Reply failed(std::errc error) {
    Reply reply;
    reply.kind = Kind::Failed;
    reply.error = error;
    return reply;
  }
  static Reply of(Kind kind) {
    Reply reply;
    reply.kind = kind;
    return reply;
  }
  bool operator==(const Reply&) const = default;
};

enum class ParseError : std::uint8_t { Truncated, TrailingBytes, BadValue, UnknownOp };

// Fill the front of `to` and return how much; 0 when it does not fit (it always fits in kMax…Size).
std::size_t serialize(const Request& request, MutableBytes to);
std::size_t serialize(const Reply& reply, MutableBytes to);
Result<Request, ParseError> parse_request(ByteView message);
Result<Reply, ParseError> parse_reply(ByteView message);

// ---- The payload of a RememberedOptions reply: (level, name, size, value) one after the other.
struct RememberedOption {
  std::int32_t level = 0, name = 0;
  ByteView value;
};
// Appends to `used` bytes of `payload`; false (and nothing changed) when it does not fit.
bool append_option(MutableBytes payload, std::size_t& used, const RememberedOption& option);
// Takes the first option off `payload`; nothing at its end or when it is damaged.
std::optional<RememberedOption> next_option(ByteView& payload);

}  // namespace ztshim::rpc
