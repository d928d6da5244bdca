#include "service/crypto/secret.h"

#include <sodium.h>

namespace ztshim {

// A plain memset before the end of a lifetime is what compilers remove first.
void wipe(std::span<std::uint8_t> bytes) noexcept { sodium_memzero(bytes.data(), bytes.size()); }

}  // namespace ztshim
