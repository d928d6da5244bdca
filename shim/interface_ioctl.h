// ioctl(2) about network interfaces (netdevice(7)): the kernel answers for its own, we for ours.
#pragma once

namespace ztshim {

bool is_about_interfaces(unsigned long request) noexcept;

// `fd` is any descriptor, a virtual socket included. The result as ioctl(2)'s.
int interface_ioctl(int fd, unsigned long request, void* argument) noexcept;

}  // namespace ztshim
