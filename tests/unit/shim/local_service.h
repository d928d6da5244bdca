// The service's half of the door for tests of the hooks: real sockets, stack, loop and RPC in a
// thread, but no node. Its one network has the address kOwnAddress and nobody else on it.
#pragma once

#include <string>

namespace ztshim::test {

inline constexpr const char* kOwnAddress = "10.9.9.1";
// On the subnet, but nobody answers for it.
inline constexpr const char* kAbsentAddress = "10.9.9.77";

// The home that ZTSHIM_HOME names in this process.
const std::string& home();

// Are the networks up? They are, unless a test says otherwise. Any thread.
void set_networks_ready(bool ready);
int networks_joined();

}  // namespace ztshim::test
