// The AF_UNIX pairs behind repurposed fds, and what the kernel says about our end of them.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "common/bytes.h"
#include "common/fd_contract.h"
#include "common/result.h"
#include "common/unique_fd.h"

namespace ztshim::sockets {

struct Pair {
  UniqueFd application_end;  // blocking, close-on-exec, named
  UniqueFd service_end;
};
// SOCK_STREAM, or SOCK_SEQPACKET for datagrams. EMFILE, ENFILE, ENOBUFS.
Result<Pair> make_pair(const SocketName& name, int type);
// Are the buffers of pairs as large as the newest-byte rule needs (constants.h)? Not where
// net.core.wmem_max is set below its default: then a reset may look like an end.
bool may_keep_newest_byte();

std::size_t unread_bytes(int fd);    // waiting for us
std::size_t unread_by_peer(int fd);  // memory of what the other end has not read, not bytes
std::size_t read_some(int fd, MutableBytes to);  // 0: nothing there
bool peek_one(int fd, std::uint8_t& byte);
// Reads and forgets exactly `count` bytes that are known to be there.
void skip_bytes(int fd, std::size_t count, MutableBytes scratch);
// What send(2) says: bytes, or -1 and errno.
ssize_t write_some(int fd, std::span<const iovec> from);
// Sends bytes and, attached to them, a descriptor.
ssize_t write_with_fd(int fd, ByteView bytes, int attached);

}  // namespace ztshim::sockets
