// Everything that crossed a simulated network: a digest of all of it, to compare runs, and the last
// few thousand datagrams, opened, for people to read when a scenario fails.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/time.h"
#include "service/crypto/identity.h"

namespace ztshim::sim {

class Trace {
 public:
  enum class Fate : std::uint8_t { Sent, Lost, NobodyThere };

  // Names and keys of those who take part, so that their packets can be read.
  void introduce(const std::string& name, const Identity& identity);
  void datagram(Time when, const Endpoint& from, const Endpoint& to, ByteView bytes, Fate fate);
  void note(Time when, std::string text);

  std::uint64_t digest() const { return digest_; }
  std::size_t datagrams() const { return datagrams_; }
  // Readable, one line per event; the seed is the first line.
  std::string text(std::uint64_t seed) const;

 private:
  struct Line {
    Time when;
    Endpoint from, to;
    Bytes bytes;
    Fate fate = Fate::Sent;
    std::string note;
  };
  void keep(Line line);
  std::string describe(ByteView datagram) const;
  std::string name_of(Address address) const;

  std::map<Address, std::pair<std::string, Identity>> parties_;
  std::deque<Line> lines_;
  std::uint64_t digest_ = 0xcbf29ce484222325ULL;
  std::size_t datagrams_ = 0;
};

}  // namespace ztshim::sim
