// Everything that crossed a simulated network: a digest of all of it, to compare runs, and the last
// few thousand datagrams, opened, for people to read when a scenario fails.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/time.h"
#include "tests/sim/packet_reader.h"

namespace ztshim::sim {

class Trace {
 public:
  enum class Fate : std::uint8_t {
    Sent,
    Lost,         // as links lose
    NobodyThere,  // no host and no box has this address
    Expired,      // its TTL was used up on the way
    Refused,      // by a box that had not been sent to from there
    NoHairpin,    // for the box it left through, which does not turn datagrams around
    TooLarge,     // for a link
    Cut,          // across a partition
    Asleep,       // the machine is suspended, or nothing runs there
    Swallowed,    // by the test's filter
    Count,
  };

  // Names and keys of those who take part, so that their packets can be read.
  void introduce(const std::string& name, const Identity& identity) {
    reader_.introduce(name, identity);
  }
  const PacketReader& reader() const { return reader_; }

  // A datagram is sent. What befalls it at once is its fate; what befalls it later is another line.
  void datagram(Time when, const Endpoint& from, const Endpoint& to, ByteView bytes, Fate fate);
  void ended(Time when, const Endpoint& from, const Endpoint& to, ByteView bytes, Fate fate);
  void note(Time when, std::string text);

  void keep(std::size_t lines) { kept_ = lines; }

  std::uint64_t digest() const { return digest_; }
  std::size_t datagrams() const { return datagrams_; }  // sent, whatever became of them
  std::size_t count(Fate fate) const { return fates_.at(static_cast<std::size_t>(fate)); }
  // Readable, one line per event; the seed is the first line.
  std::string text(std::uint64_t seed) const;

 private:
  struct Line {
    Time when;
    Endpoint from, to;
    Bytes bytes;
    Fate fate = Fate::Sent;
    bool is_end = false;
    std::string note;
  };
  void record(Line line, ByteView bytes);
  std::string describe(ByteView datagram) const;

  PacketReader reader_;
  std::deque<Line> lines_;
  std::size_t kept_ = 4000;
  std::uint64_t digest_ = 0xcbf29ce484222325ULL;
  std::size_t datagrams_ = 0;
  std::array<std::size_t, static_cast<std::size_t>(Fate::Count)> fates_{};
};

}  // namespace ztshim::sim
