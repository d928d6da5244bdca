// How it works. A process keeps a few connections to the service in slots of an array. A caller
// takes one out by an atomic exchange, has it for itself for one request and one reply, and puts it
// back: no lock, so a signal handler that interrupts an exchange takes another one or opens its
// own. A new one comes through the capability, else from the home's socket. When the home's socket
// has nobody behind it the caller tries to host the service in this process; if another process
// wins that race it waits, bounded, for the other's socket.
#include "shim/client.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "common/internal_fds.h"
#include "common/log.h"
#include "common/real.h"
#include "common/rpc_channel.h"
#include "common/service_entry.h"
#include "shim/answer.h"
#include "shim/capability.h"
#include "shim/inside.h"
#include "shim/known_fd.h"
#include "shim/no_cancel.h"
#include "shim/process_identity.h"
#include "shim/settings.h"

namespace ztshim::client {
namespace {

// More threads than this at the same instant open connections of their own for one request each.
constexpr std::size_t kSlots = 16;
// The service answers at once; only a machine that hardly runs at all needs longer than this.
constexpr timeval kReplyPatience{20, 0};
// How long another process may take from winning the home's lock to listening: it may have to make
// an identity first, which took up to 4 s on slow machines.
constexpr int kHostPatienceMs = 30'000;
constexpr int kHostPollMs = 5;
// So many services in a row may end just when we have connected to them; more is one that wants
// nothing to do with this program.
constexpr int kMaxEnded = 10;

constinit std::array<std::atomic<std::uint64_t>, kSlots> slots{};
constinit std::atomic<bool> is_starting{false};
constinit std::atomic<bool> has_complained{false};
constinit std::atomic<bool> has_joined{false};

UniqueFd take_from_slots() noexcept {
  for (auto& slot : slots) {
    const std::uint64_t held = slot.exchange(0, std::memory_order_acq_rel);
    if (held == 0) continue;
    const int fd = number_of(held);
    if (known_fd(fd) == held) return UniqueFd(fd);
    forget_internal_fd(fd);  // somebody else's by now
  }
  return {};
}

void put_into_slots(UniqueFd connection) noexcept {
  const std::uint64_t wanted = known_fd(connection.get());
  if (wanted == 0) return;
  for (auto& slot : slots) {
    std::uint64_t empty = 0;
    if (!slot.compare_exchange_strong(empty, wanted, std::memory_order_acq_rel)) continue;
    [[maybe_unused]] const int kept = connection.release();
    return;
  }
}

// Asks for the number each time: it may change between sending and receiving (vacate).
Result<Answer> exchange(const UniqueFd& connection, const rpc::Request& request) noexcept {
  std::array<std::uint8_t, rpc::kMaxReplySize> buffer;
  const std::size_t size = rpc::serialize(request, buffer);
  const auto sent = rpc::send_message(connection.get(), ByteView(buffer).first(size));
  if (!sent) return failure(sent.error());
  auto received = rpc::receive_message(connection.get(), buffer, rpc::Descriptors::Allow);
  if (!received) return failure(received.error());
  const auto reply = rpc::parse_reply(ByteView(buffer).first(received->size));
  if (!reply) return failure(std::errc::connection_reset);  // an end of file included
  return Answer{*reply, std::move(received->descriptor), received->lost_descriptor};
}

void complain(std::string_view about, std::string_view reason) noexcept {
  if (has_complained.exchange(true)) return;
  log(LogArea::Shim, LogLevel::Error, "{}: {}", about, reason);
}

// Hello, and in the first connection of a process the networks it was told to join (a service
// hosted elsewhere was started with another environment).
enum class Greeting : std::uint8_t {
  Answered,
  Ended,    // the service ended between our connect and its answer, or wants no more programs
  Refused,  // it is there, and nothing can be had of it
};

Greeting greet(const UniqueFd& connection) noexcept {
  const auto of_failure = [](std::errc error) {
    return error == std::errc::resource_unavailable_try_again ? Greeting::Refused : Greeting::Ended;
  };
  const Config& settings = config();
  const auto answer = exchange(connection, {{},
                                            rpc::Hello{rpc::kVersion, ::getpid(), settings.egress,
                                                       settings.listen, settings.loopback}});
  if (!answer) return of_failure(answer.error());
  if (answer->reply.kind != rpc::Reply::Kind::Done) {
    complain("the service of this home is of another version", settings.home);
    return Greeting::Refused;
  }
  if (has_joined.exchange(true)) return Greeting::Answered;
  for (const NetworkSetting& network : settings.networks) {
    const auto joined = exchange(connection, {{}, rpc::Join{network.id}});
    if (!joined) {
      has_joined = false;
      return of_failure(joined.error());
    }
  }
  return Greeting::Answered;
}

// False: there is no point in trying on.
bool host_or_wait() noexcept {
  if (process_kind() == ProcessKind::SharesMemory) return false;
  if (is_starting.exchange(true)) {
    real().poll(nullptr, 0, kHostPollMs);
    return true;
  }
  // The service thread inherits the mask, and a handler that came here would wait for itself.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  bool may_go_on = true;
  {
    const ServiceStart start = start_service(config());
    if (start.kind == ServiceStart::Kind::Failed) {
      complain("the service could not be started", start.reason);
      may_go_on = false;
    }
    if (start.kind == ServiceStart::Kind::Elsewhere) real().poll(nullptr, 0, kHostPollMs);
  }
  is_starting.store(false);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return may_go_on;
}

// High, and with an end to its patience.
UniqueFd furnish(UniqueFd connection) noexcept {
  UniqueFd kept(keep_internal_fd(connection.release(), FdUse::Program));
  real().setsockopt(kept.get(), SOL_SOCKET, SO_RCVTIMEO, &kReplyPatience, sizeof kReplyPatience);
  real().setsockopt(kept.get(), SOL_SOCKET, SO_SNDTIMEO, &kReplyPatience, sizeof kReplyPatience);
  return kept;
}

// Through the capability: needs no path, no right and no service in the making.
UniqueFd mint_connection() noexcept {
  const int fd = capability::current();
  if (fd < 0) return {};
  auto minted = rpc::mint(fd);
  if (minted) {
    UniqueFd connection = furnish(std::move(*minted));
    if (greet(connection) == Greeting::Answered) return connection;
  } else if (minted.error() == std::errc::too_many_files_open) {
    return {};
  }
  // Its service has ended. (In a vfork child it is the parent's to find out.)
  if (process_kind() == ProcessKind::Own) capability::drop();
  return {};
}

// So that children find the service wherever they go. A service that gives none is as good as
// before.
void ask_for_capability(const UniqueFd& connection) noexcept {
  if (capability::current() >= 0 || process_kind() != ProcessKind::Own) return;
  auto answer = exchange(connection, {{}, rpc::GetCapability{}});
  if (!answer || !rpc::CapabilityName::of(answer->descriptor.get())) return;
  capability::keep(UniqueFd(keep_internal_fd(answer->descriptor.release(), FdUse::Program)));
}

Result<UniqueFd> open_connection() noexcept {
  if (UniqueFd minted = mint_connection()) return minted;
  const char* const home = config().home.c_str();
  int ended = 0;
  for (int waited = 0; waited < kHostPatienceMs; waited += kHostPollMs) {
    auto connection = rpc::connect_to_service(home);
    if (connection) {
      UniqueFd kept = furnish(std::move(*connection));
      const Greeting greeting = greet(kept);
      if (greeting == Greeting::Answered) {
        ask_for_capability(kept);
        return kept;
      }
      if (greeting == Greeting::Refused || ++ended > kMaxEnded) break;
      real().poll(nullptr, 0, kHostPollMs);
      continue;
    }
    const bool is_nobody_there = connection.error() == std::errc::no_such_file_or_directory ||
                                 connection.error() == std::errc::connection_refused;
    if (!is_nobody_there) {
      complain("the service of this home cannot be reached", home);
      return failure(connection.error());
    }
    if (!host_or_wait()) break;
  }
  return failure(std::errc::network_down);
}

}  // namespace

Result<Answer> ask(const rpc::Request& request) noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  // An inherited fd in a program whose own environment names no service.
  if (mode() != Mode::Virtual) return failure(std::errc::network_down);
  const Inside inside;
  const ProcessKind process = process_kind();
  // Twice: the service may have ended since the last request, and a new one can take its place.
  for (int attempt = 0; attempt < 2; ++attempt) {
    UniqueFd connection = take_from_slots();
    const bool is_new = !connection;
    if (is_new) {
      auto opened = open_connection();
      if (!opened) return failure(std::errc::network_down);
      connection = std::move(*opened);
    }
    auto answer = exchange(connection, request);
    if (answer) {
      // In a vfork child the slots are the parent's, and it knows nothing of a new descriptor here.
      if (!is_new || process == ProcessKind::Own) put_into_slots(std::move(connection));
      return answer;
    }
    if (answer.error() == std::errc::resource_unavailable_try_again) break;  // out of patience
    while (take_from_slots()) {
    }  // the others lead to the same dead service
  }
  return failure(std::errc::network_down);
}

bool vacate(int fd) noexcept {
  for (auto& slot : slots) {
    std::uint64_t held = slot.load(std::memory_order_acquire);
    if (number_of(held) != fd) continue;
    if (!slot.compare_exchange_strong(held, 0, std::memory_order_acq_rel)) return false;
    if (known_fd(fd) != held) return true;  // it had been closed behind our back
    put_into_slots(UniqueFd(move_internal_fd(fd)));
    return true;
  }
  return capability::vacate(fd);
}

void warm_up() noexcept {
  if (!has_joined.load() || process_kind() != ProcessKind::Own) return;
  const KeepErrno keep;
  const NoCancel no_cancel;
  const Inside inside;
  UniqueFd connection = take_from_slots();
  if (!connection) {
    auto opened = open_connection();
    if (!opened) return;
    connection = std::move(*opened);
  }
  put_into_slots(std::move(connection));
}

void forget_connections() noexcept {
  for (auto& slot : slots) slot.store(0, std::memory_order_relaxed);
  is_starting.store(false);
}

}  // namespace ztshim::client
