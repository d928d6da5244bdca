// The packet payload's compressed form: one raw LZ4 block from offset 28 to the end, marked in the
// verb byte. Applied before sealing and undone after opening. Notes: vl1-packets 4.
#pragma once

#include "common/bytes.h"

namespace ztshim {

// Compresses the payload of an unsealed packet in place when it is longer than 64 bytes and becomes
// strictly shorter; tells whether it did. A packet already compressed stays as it is.
bool compress_packet(Bytes& packet);

// Undoes it in an opened packet, if the flag is set, and clears the flag. False: malformed, or not
// 1 .. 9996 bytes long: drop the packet, whose content is then unchanged.
bool decompress_packet(Bytes& packet);

}  // namespace ztshim
