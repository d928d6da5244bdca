// When the application puts a file of its own at a number of ours (dup2, dup3): ours moves away
// first, as if it had never been there.
#pragma once

namespace ztshim {

// Afterwards `fd` is nobody's of ours and may be replaced. Not yet free: whatever was there is
// closed by being replaced, so that nobody else can get the number in between.
void give_way(int fd) noexcept;

}  // namespace ztshim
