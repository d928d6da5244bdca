#include "service/vl2/config_assembly.h"

#include <algorithm>

namespace ztshim::vl2 {

bool ConfigAssembly::knows(const ConfigChunk& chunk) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.update_id == chunk.update_id && chunk.signature &&
           std::find(slot.seen.begin(), slot.seen.end(), *chunk.signature) != slot.seen.end();
  });
}

ConfigAssembly::Slot& ConfigAssembly::slot_for(std::uint64_t update_id) {
  const auto known = std::find_if(slots_.begin(), slots_.end(),
                                  [&](const Slot& slot) { return slot.update_id == update_id; });
  if (known != slots_.end()) return *known;
  Slot& oldest = *std::min_element(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) {
    return a.last_use < b.last_use;
  });
  oldest = Slot{};
  oldest.update_id = update_id;
  return oldest;
}

std::optional<Bytes> ConfigAssembly::add(const ConfigChunk& chunk) {
  if (!chunk.signature || chunk.update_id == 0 || knows(chunk)) return std::nullopt;
  Slot& slot = slot_for(chunk.update_id);
  slot.last_use = ++uses_;
  if (slot.seen.empty()) {
    slot.total = chunk.total_size;
    slot.data.resize(slot.total);
  }
  const std::size_t end = std::size_t{chunk.offset} + chunk.data.size();
  // A controller that contradicts itself; a complete update has given its data away.
  if (slot.total != chunk.total_size || end > slot.data.size() || slot.seen.size() >= kMaxChunks) {
    return std::nullopt;
  }
  slot.seen.push_back(*chunk.signature);
  std::copy(chunk.data.begin(), chunk.data.end(), slot.data.begin() + chunk.offset);
  slot.have += static_cast<std::uint32_t>(chunk.data.size());
  if (slot.have < slot.total) return std::nullopt;
  return std::exchange(slot.data, {});
}

}  // namespace ztshim::vl2
