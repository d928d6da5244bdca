// Every limit and duration of the virtual sockets, with its reason.
#pragma once

#include <cstddef>

#include "common/time.h"

namespace ztshim::sockets {

// Sockets of all applications together, those that only finish sending included. Each holds a
// descriptor, whose limit usually comes first; beyond this lwIP's lists get slow
// (docs/performance.md).
inline constexpr std::size_t kMaxSockets = 16384;
// Sockets that are over but whose application may still ask for their error or names. Nobody tells
// us when it has closed them, so the oldest are forgotten.
inline constexpr std::size_t kMaxGraves = 4096;

// Linux gives up a SYN after 1 + 2 + 4 + … seconds: 6 retries are 127 s (tcp(7), tcp_syn_retries).
inline constexpr int kSynRetries = 6;
inline constexpr Duration kMaxSynInterval{120'000};
// Linux reports EHOSTUNREACH when three requests for the neighbour's address, a second apart, went
// unanswered.
inline constexpr Duration kNeighbourPatience{3'000};
// After close(2) the peer has this long to acknowledge something or to say FIN before we stop
// waiting; Linux' tcp_fin_timeout.
inline constexpr Duration kOrphanPatience{60'000};
// While somebody waits in close(2): how often is looked whether the FIN was acknowledged.
inline constexpr Duration kLingererCheck{10};
// Linux' limit for holding back a corked partial segment.
inline constexpr Duration kCorkPatience{200};
// A connect that fails before the application wrote its gate waits for it, so that the failure
// shows the right poll bits; the shim writes it at once, so this is for one that died in between.
inline constexpr Duration kGatePatience{1'000};
// How long an accepted fd that was lost to the descriptor limit may take to be handed back. The
// shim says so in its next call; more would only delay the FIN of servers that close at once.
inline constexpr Duration kReturnPatience{50};
// How long the kernel may take from telling that a listener is closed to closing what is in its
// queue: microseconds, unless the closing thread loses its processor in between.
inline constexpr Duration kQueueClosing{5};
// Descriptors or descriptors in flight ran out: when to try again.
inline constexpr Duration kDescriptorRetry{100};

// Accept messages on a listener's pair. In-flight descriptors count against the whole user's limit
// (ETOOMANYREFS), and one that is not taken yet costs nothing while it waits on our side.
inline constexpr std::size_t kMaxInFlight = 16;
// Linux' net.core.somaxconn, which caps listen(2)'s backlog.
inline constexpr int kMaxBacklog = 4096;
// Handshakes under way at a listener whose backlog is smaller; Linux' least
// net.ipv4.tcp_max_syn_backlog.
inline constexpr std::size_t kLeastHalfOpen = 128;
// Bytes given to an accepted fd before it is known to be taken; kept, to give them again.
inline constexpr std::size_t kMaxEarlyBytes = std::size_t{64} * 1024;

// One read from a pair. Large reads cost the least per byte; more than a pair holds is never there.
inline constexpr std::size_t kReadSize = std::size_t{256} * 1024;
// Reading waits until lwIP takes at least this much, or everything there is: many small segments
// cost more than they gain.
inline constexpr std::size_t kLowWater = std::size_t{16} * 1024;

// Errors that wait for MSG_ERRQUEUE; whoever asked for them and does not fetch them gets no more.
inline constexpr std::size_t kMostQueuedErrors = 64;

// SO_SNDBUF of an application's end. The newest byte that stays unread (stream_pump.h) keeps its
// whole kernel buffer charged to the writer, and the writer counts as writable only while four
// times that fits. The largest buffer is sendfile's and splice's, 64 KiB in one piece: 66 304 bytes
// with its overhead (tests/platform/gate_test.cc), so the effective size, twice what is set, must
// be 265 216 at the least. Also what smaller wishes of the application are raised to.
inline constexpr int kLeastSendBuffer = 139'264;
inline constexpr int kSafeSendBuffer = 265'216;

// What Linux reports for buffers nobody touched, and its limits for those somebody did.
inline constexpr int kReportedSendBuffer = 16384;
inline constexpr int kReportedReceiveBuffer = 131072;
inline constexpr int kReportedDatagramBuffer = 212992;
inline constexpr int kMaxBuffer = 212992;  // net.core.wmem_max, rmem_max
inline constexpr int kMinSendBuffer = 4608;
inline constexpr int kMinReceiveBuffer = 2304;

}  // namespace ztshim::sockets
