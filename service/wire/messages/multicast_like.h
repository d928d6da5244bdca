// MULTICAST_LIKE: which groups the sender listens to. Notes: vl2 3.4.
//
//   records of 18 bytes: network (8)   group MAC (6)   ADI (4)
#pragma once

#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/writer.h"
#include "service/wire/mac.h"
#include "service/wire/network_id.h"
#include "service/wire/parse_error.h"

namespace ztshim {

struct MulticastLike {
  struct Record {
    NetworkId network;
    MulticastGroup group;
    bool operator==(const Record&) const = default;
  };
  static constexpr std::size_t kRecordSize = 18;
  // What fits into the largest packet that arrives for sure.
  static constexpr std::size_t kMaxRecords = 550;
  std::vector<Record> records;  // of different networks, perhaps

  static Result<MulticastLike, ParseError> parse(
      ByteView payload);  // ignores a partial last record
  void write(Writer& out) const;
};

}  // namespace ztshim
