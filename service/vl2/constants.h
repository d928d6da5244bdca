// Every duration and limit of VL2, with its reason. "Protocol": the notes give the number (vl2 12)
// and other nodes count on it; "ours": chosen here, others would do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace ztshim::vl2 {

// ---- configuration. Protocol.
inline constexpr Duration kConfigCheck{5'000};       // between requests while there is no answer
inline constexpr Duration kConfigRefresh{60'000};    // of a configuration held
inline constexpr Duration kSlowConfigCheck{25'000};  // both in low-bandwidth mode
inline constexpr Duration kSlowConfigRefresh{64 * 60'000};
// A controller silently ignores what comes within 1000 ms of the last one; the margin is for
// jitter.
inline constexpr Duration kRequestSpacing{1'100};
inline constexpr std::size_t kConfigSlots = 3;  // updates being put together at once
// Chunks of one update that are remembered (ours): the largest configuration needs 50.
inline constexpr std::size_t kMaxChunks = 64;
// As many are passed on to other members in this time (ours): one update, if it is a large one.
inline constexpr Duration kPassOnPeriod{5'000};

// ---- credentials. Protocol.
inline constexpr Duration kPushEvery{500'000};    // to a member we talk to, if nothing changed
inline constexpr Duration kPushOnRequest{1'000};  // spacing of answers to NEED_MEMBERSHIP
// Receivers look at one packet a second from each sender, whatever its network; what comes too
// early is lost. The margin is for jitter.
inline constexpr Duration kPushSpacing{1'100};
inline constexpr Duration kCredentialsGate{1'000};  // one packet per sender and network
// ERROR NEED_MEMBERSHIP per member; the reference sends it for every retry.
inline constexpr Duration kNeedCredentialsEvery{1'000};
// Members whose credentials we keep per network (ours): only those the controller vouched for, or
// who passed VL1's validation on a public network, get here. About 1 KB each.
inline constexpr std::size_t kMaxMembers = 65'536;
// Idle members are forgotten when the table is half full. Those of whom something was revoked stay
// longer than the longest credential window, so that thresholds outlive the certificates they
// concern.
inline constexpr Duration kForgetMember{600'000};
inline constexpr Duration kForgetRevoked{2 * 7'200'000};
// How many different senders each of the gates above remembers (ours).
inline constexpr std::size_t kGateEntries = 4'096;

// ---- packets that wait for credentials or for the identity of their signer. Protocol; the share
// of one sender is ours: a stranger must not push out everybody else's.
inline constexpr Duration kHoldTime{5'000};
inline constexpr std::size_t kHeldPackets = 32;
inline constexpr std::size_t kHeldPerSource = 8;

// ---- multicast. Protocol.
inline constexpr Duration kLikeEvery{60'000};
inline constexpr Duration kLikeCheck{5'000};
// Ours: to a root that could not be reached when it was to be told.
inline constexpr Duration kLikeRetry{500};
inline constexpr Duration kLikeExpiry{600'000};
inline constexpr Duration kBridgedGroupExpiry{1'200'000};
inline constexpr Duration kGatherEvery{60'000};  // explicit, while some members are known
inline constexpr Duration kSlowGatherEvery{3 * 60'000};
inline constexpr Duration kMulticastPending{5'000};
inline constexpr std::size_t kMulticastQueue = 32;  // frames per group
inline constexpr std::size_t kGatherPeers = 16;
// What fits into one datagram of 1432 bytes (vl2 9.4).
inline constexpr std::size_t kGatherAnswer = 274;
// Ours: subscriptions kept in all and per announcing node. A root keeps everybody's: a million are
// about 50 MB; a host with many IPv6 addresses announces some dozens.
inline constexpr std::size_t kMaxSubscriptions = 1'000'000;
inline constexpr std::size_t kMaxSubscriptionsPerNode = 4'096;
// Ours: groups learned behind our bridge, per network; groups with queued frames, in all.
inline constexpr std::size_t kMaxBridgedGroups = 4'096;
inline constexpr std::size_t kMaxPendingGroups = 256;
// Explicit gathers for groups nobody is known in go out with every frame (vl2 9.3). Ours: not more
// often than this per group, or a host that pings a dead address floods root and controller.
inline constexpr Duration kGatherSpacing{200};

// ---- bridging. Protocol.
inline constexpr std::size_t kBridgeSpam = 32;
// Ours (the reference keeps 67108864): each entry costs about 50 bytes.
inline constexpr std::size_t kMaxBridgeRoutes = 262'144;

// ---- others
inline constexpr Duration kHousekeeping{30'000};  // expiry of tables; protocol
inline constexpr std::size_t kMaxFramePayload = 10'000;
// The controller remembers whom it served so long, for LIKE and GATHER. Protocol.
inline constexpr Duration kServedMemory{180'000};

}  // namespace ztshim::vl2
