// Every duration and limit of VL1, with its reason. "Protocol": the notes give the number
// (vl1-behaviour 19) and peers count on it; "ours": chosen here, others would do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace ztshim::vl1 {

// ---- what we say about ourselves (vl1 3). The protocol version promises suite 3; the software
// version is that of the release whose behaviour the notes describe.
inline constexpr std::uint8_t kProtocolVersion = 12;
inline constexpr std::uint8_t kSoftwareMajor = 1;
inline constexpr std::uint8_t kSoftwareMinor = 14;
inline constexpr std::uint16_t kSoftwareRevision = 1;
inline constexpr unsigned kOldestProtocol = 4;  // older identities have another form
inline constexpr unsigned kEchoProtocol = 5;    // first to answer ECHO
inline constexpr unsigned kSivProtocol = 12;    // first to open suite 3
inline constexpr unsigned kPortProtocol = 5;    // older ones read a port of 0 in OK(HELLO)

// ---- keeping in touch. Protocol.
// The grid of the reference's periodic check: unreachable roots are greeted this often.
inline constexpr Duration kPingCheck{5'000};
// NATs forget a silent UDP mapping after 30 s or more; half of that survives one lost probe.
inline constexpr Duration kKeepaliveIdle{14'000};
inline constexpr Duration kFullPing{60'000};  // HELLO instead of ECHO: versions, surface, worlds
inline constexpr Duration kRootFullPing{224'000};  // roots learn of us again after their restart
inline constexpr Duration kLeafAlwaysPing{28'000};
// Two missed keepalives: a path that heard nothing for so long falls behind any other.
inline constexpr Duration kPathAlive{19'000};
inline constexpr Duration kPathExpiry{243'000};  // no authentic direct packet: unusable, removed
inline constexpr Duration kPeerTimeout{500'000};
inline constexpr Duration kTrustTime{600'000};
// Ours, to notice early that a path leads nowhere. A peer that sends through a relay although
// something came directly from it so long ago, or longer, may have lost its way to us (packets
// overtaken by the first direct one are younger).
inline constexpr Duration kDoubtPath{500};
// We are sending and have heard nothing for so long: ask. TCP is never silent that long; a stream
// in one direction costs an ECHO each time.
inline constexpr Duration kSilentPath{5'000};
inline constexpr Duration kAskAgain{5'000};  // while there is no answer
// Ours: between two packets to a place that would take over from a live path to the same IP. Peers
// with several sockets send from all of them, and each such question costs two packets.
inline constexpr Duration kDisputePath{5'000};
// Ours: the same once the older path has answered. Most peers have two ports, for good.
inline constexpr Duration kSettledPath{600'000};
inline constexpr Duration kConfirmPath{1'000};   // HELLOs to one unconfirmed path
inline constexpr Duration kSilenceCap{140'000};  // silence counts at most so much against a path
// The mapping towards the root that relays for us stays open (vl1-behaviour 3.1 allows 14-30 s):
// just under the 30 s after which common NATs forget.
inline constexpr Duration kRootMapping{25'000};

// Ours: a root that greets us may be trying a path it has not learned, and does so at most once per
// kConfirmPath when it hears from us. Should our answer be lost it gets another occasion after
// this.
inline constexpr Duration kReassureRoot{1'200};
// Ours: who has not answered a question for so long is passed over while there is another way.
// Three WHOIS retries, and longer than any sane round trip.
inline constexpr Duration kAnswerTime{1'600};

// ---- queues. Protocol: 5 s is longer than any WHOIS that will be answered.
inline constexpr Duration kWhoisRetry{500};
inline constexpr Duration kQueueTime{5'000};
inline constexpr std::size_t kQueueLength = 32;
// Ours: a stranger who sends under one unknown address must not push out everybody else's packets.
inline constexpr std::size_t kWaitingPerSource = 8;
// Ours: lookups under way. At 500 ms each this bounds what strangers make us ask of the root.
inline constexpr std::size_t kLookups = 256;
inline constexpr std::size_t kLookupsForStrangers = 64;

// ---- datagrams. Protocol.
inline constexpr std::size_t kUdpPayload = 1432;     // usual limit per datagram
inline constexpr std::size_t kUdpRead = 1500;        // what a genuine node reads of one
inline constexpr std::size_t kMaxDatagrams = 7;      // per packet
inline constexpr std::size_t kMaxWorldsInOk = 1429;  // OK(HELLO) stays within kUdpRead
// Ours. HELLO stays within one datagram: roots of the public planet do not put fragments together.
inline constexpr std::size_t kMoonsInHello = 64;
// Incomplete packets held, in all and from one source (ours; the reference has 32 in all). One busy
// sender with reordering needs a handful, and each may hold 10 KB of a stranger's bytes.
inline constexpr std::size_t kIncompletePackets = 64;
inline constexpr std::size_t kIncompletePerSource = 16;
inline constexpr Duration kReassemblyTime{5'000};

// What local.conf may set instead of kUdpPayload (vl1-packets 2.5). More than kUdpRead does not
// work towards genuine nodes.
inline constexpr std::size_t kSmallestMtu = 1400;
inline constexpr std::size_t kLargestMtu = 10'324;
inline constexpr std::size_t kMaxPhysicalNetworks = 32;

// ---- relaying. Protocol.
inline constexpr unsigned kRelayMaxHops = 3;
inline constexpr Duration kIntroduce{30'000};  // per pair
// Pairs remembered (ours). A forgotten pair is introduced once more than needed.
inline constexpr std::size_t kIntroductions = 4096;
// As many as this for each peer we know, so that a root with many pairs does not introduce them
// with every packet.
inline constexpr std::size_t kIntroductionsPerPeer = 4;

// ---- gates. Protocol.
inline constexpr Duration kEchoGate{166};
inline constexpr Duration kWhoisGate{100};
// A validation costs us 10 to 50 ms; per source network (IPv4 /24, IPv6 /48).
inline constexpr Duration kValidateGate{2'000};
inline constexpr std::size_t kValidateSlots = 1 << 14;
inline constexpr Duration kPushGateGap{30'000};
inline constexpr unsigned kPushGateBurst = 8;
inline constexpr unsigned kPushPerScope = 8;  // addresses tried per scope and family and packet
inline constexpr Duration kPushRelayed{15'000};
inline constexpr Duration kPushDirect{120'000};
inline constexpr std::size_t kPushPacketSize = 1200;
// Ours. Packets of a peer's can be replayed from made-up places: each such place costs a HELLO, and
// a greeting with old worlds is answered with new ones, several times its size. A peer with many
// sockets needs about ten confirmations at once, and the worlds once per socket.
inline constexpr Duration kReplayInterval{1'000};
inline constexpr unsigned kConfirmationsPerPeer = 16;
inline constexpr unsigned kWorldsPerPeer = 4;
// Ours: how many different sources of packets the ECHO gate and the confirmation gate remember.
inline constexpr std::size_t kGateSlots = 1024;

inline constexpr Duration kMemorized{30'000};  // places the operator named are tried so often
inline constexpr Duration kBeaconGate{2'500};  // answers to obsolete beacons, per node

// ---- low-bandwidth mode (vl1-behaviour 15). Protocol.
inline constexpr Duration kSlowPingCheck{25'000};
inline constexpr int kSlowPush = 16;  // times kPushDirect

// ---- TCP fallback (vl1-behaviour 14). Protocol, but for kTcpRetry and the largest datagram.
inline constexpr Duration kTcpAfter{60'000};     // nothing by UDP for so long
inline constexpr Duration kTcpSendPause{2'500};  // the last datagram is at least so old
inline constexpr Duration kTcpUdpBack{30'000};   // UDP works: something came within this time
inline constexpr Duration kTcpRetry{10'000};     // after a connection failed or broke
inline constexpr std::size_t kTcpSmallestDatagram = 16;
inline constexpr std::size_t kTcpLargestDatagram = 10'024;
inline constexpr std::size_t kTcpQueue = 64 * 1024;

// ---- tables
inline constexpr std::size_t kMaxPaths = 64;  // per peer; protocol
// Ours. A record costs about 1 KB, and 3 KB more once suite 3 is spoken; validation admits one
// stranger per 2 s and source network, and he is forgotten after 500 s, so this is reached only
// with 200 networks taking part per 50 000.
inline constexpr std::size_t kMaxPeers = 100'000;
inline constexpr Duration kSurfaceTime{600'000};     // protocol
inline constexpr std::size_t kSurfaceEntries = 128;  // ours: reporters whose word we keep
// Replies come within a round trip; controllers may think for some seconds. Notes: at least 30 s.
inline constexpr Duration kExpectedReplyTime{60'000};
// Ours. Requests whose answers are believed, at some 60 bytes each: as many to begin with, and at
// most (twice the round trips of a hundred thousand peers that are asked every 14 s). The table
// grows when one would be forgotten whose answer may be under way.
inline constexpr std::size_t kFewestExpectedReplies = 512;
inline constexpr std::size_t kMostExpectedReplies = 32'768;
inline constexpr Duration kReplyUnderWay{5'000};
inline constexpr std::size_t kCachedAddresses = 16;  // per record of the peer cache; ours
// Ours. Peers of an earlier run that are greeted at the start; the others when they are wanted, or
// when a packet of theirs comes. A root greets all it knew, who would not notice its restart: so
// many at once, each of which costs a key agreement, and the next ones after a pause.
inline constexpr std::size_t kGreetedAtStart = 256;
inline constexpr std::size_t kGreetedAtOnce = 256;
inline constexpr Duration kGreetingPause{50};
// Ours. Entries of the heap of deadlines per peer, and in any case; more are stale.
inline constexpr std::size_t kDeadlinesPerPeer = 4;
inline constexpr std::size_t kSpareDeadlines = 64;
// Ours. Records kept in memory of peers that were forgotten, at some 200 bytes each.
inline constexpr std::size_t kArchivedPeers = 10'000;

}  // namespace ztshim::vl1
