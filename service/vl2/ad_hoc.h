// Networks without a controller: their id says all there is to know, so each member makes up its
// own configuration. Notes: vl2 1.6.
#pragma once

#include <optional>

#include "service/wire/network_config_dictionary.h"

namespace ztshim::vl2 {

enum class AdHocError : std::uint8_t {
  BadRange,     // the last port comes before the first: no such network
  UnknownForm,  // an id of the future
};
Result<NetworkConfig, AdHocError> ad_hoc_config(NetworkId network, Address own,
                                                std::uint64_t wall_ms);

}  // namespace ztshim::vl2
