// Paths taken apart. Knows nothing of what is behind them.
#pragma once

#include <string_view>
#include <vector>

#include "service/api/message.h"
#include "service/crypto/address.h"
#include "service/wire/network_id.h"

namespace ztshim::api {

// "/network/0123" -> {"network", "0123"}; an empty part (also after a slash at the end) stays, and
// matches nothing.
std::vector<std::string_view> parts_of(std::string_view path);

enum class Method { Get, Change, Delete, Other };  // PUT and POST are the same everywhere
Method method_of(const Request& request);

// Exactly sixteen and ten hexadecimal digits of either case.
std::optional<NetworkId> network_in(std::string_view part);
std::optional<Address> address_in(std::string_view part);

inline Response not_found() { return Response::bare(404); }
// What went wrong inside (controller.md 8, "errors inside handlers").
Response failed(std::string_view description);

}  // namespace ztshim::api
