// Puts network configurations together from their chunks, which may come in any order, twice, from
// anybody, and of several updates at once. Takes only chunks whose signature has been checked, so
// that a stranger can push nothing out. Notes: vl2 3.7.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "service/vl2/constants.h"
#include "service/wire/messages/network_config.h"

namespace ztshim::vl2 {

class ConfigAssembly {
 public:
  // Has exactly this chunk been taken? Asked first: it saves checking the signature.
  bool knows(const ConfigChunk& chunk) const;
  // Takes a verified chunk; the dictionary when it was the last one missing.
  std::optional<Bytes> add(const ConfigChunk& chunk);

 private:
  struct Slot {
    std::uint64_t update_id = 0;  // 0: free
    std::uint32_t total = 0;
    std::uint32_t have = 0;
    std::uint64_t last_use = 0;
    std::vector<Signature> seen;  // kept when the update is complete: late copies are ignored
    Bytes data;
  };
  Slot& slot_for(std::uint64_t update_id);

  std::array<Slot, kConfigSlots> slots_;
  std::uint64_t uses_ = 0;
};

}  // namespace ztshim::vl2
