/* What programs see of the network interfaces, one line a fact; names_test.py asserts them.
 *
 *   shim_interfaces list            getifaddrs(3), if_nameindex(3)
 *   shim_interfaces ioctl DOMAIN    every request of netdevice(7), on a socket of AF_INET, AF_INET6
 * or AF_UNIX
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void print_address(const char* what, const struct sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "-";
  if (address == NULL) {
    printf(" %s=-", what);
  } else if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &((const struct sockaddr_in*)address)->sin_addr, text, sizeof text);
    printf(" %s=%s", what, text);
  } else if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6* six = (const struct sockaddr_in6*)address;
    inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    printf(" %s=%s%%%u", what, text, six->sin6_scope_id);
  } else if (address->sa_family == AF_PACKET) {
    const struct sockaddr_ll* link = (const struct sockaddr_ll*)address;
    printf(" %s=link%d/%d/", what, link->sll_ifindex, link->sll_hatype);
    for (int i = 0; i < link->sll_halen; ++i) printf("%02x", link->sll_addr[i]);
  }
}

static int list(void) {
  struct ifaddrs* all = NULL;
  if (getifaddrs(&all) != 0) return perror("getifaddrs"), 1;
  for (struct ifaddrs* at = all; at != NULL; at = at->ifa_next) {
    printf("%s flags=%x", at->ifa_name, at->ifa_flags);
    print_address("address", at->ifa_addr);
    print_address("netmask", at->ifa_netmask);
    print_address("broadcast", (at->ifa_flags & IFF_BROADCAST) != 0 ? at->ifa_broadaddr : NULL);
    puts("");
  }
  freeifaddrs(all);
  struct if_nameindex* names = if_nameindex();
  for (struct if_nameindex* at = names; at != NULL && at->if_index != 0; ++at) {
    char back[IF_NAMESIZE] = "";
    printf("name %s=%u back=%u,%s\n", at->if_name, at->if_index, if_nametoindex(at->if_name),
           if_indextoname(at->if_index, back) == NULL ? "none" : back);
  }
  if_freenameindex(names);
  errno = 0;
  printf("unknown: %u", if_nametoindex("zt-nothing"));
  printf(" %s", strerror(errno));
  char back[IF_NAMESIZE] = "";
  errno = 0;
  const char* const found = if_indextoname(4000000000u, back);
  printf(" %s %s\n", found == NULL ? "null" : found, strerror(errno));
  return 0;
}

static void ask(int fd, const char* name, unsigned long request, const char* what) {
  struct ifreq asked;
  memset(&asked, 0, sizeof asked);
  strncpy(asked.ifr_name, name, IFNAMSIZ - 1);
  if (request == SIOCGIFNAME) asked.ifr_ifindex = (int)if_nametoindex(name);
  if (ioctl(fd, request, &asked) != 0) {
    printf(" %s=%s", what, strerror(errno));
  } else if (request == SIOCGIFFLAGS) {
    printf(" %s=%x", what, (unsigned short)asked.ifr_flags);
  } else if (request == SIOCGIFHWADDR) {
    printf(" %s=%d/", what, asked.ifr_hwaddr.sa_family);
    for (int i = 0; i < 6; ++i) printf("%02x", (unsigned char)asked.ifr_hwaddr.sa_data[i]);
  } else if (request == SIOCGIFNAME) {
    printf(" %s=%s", what, asked.ifr_name);
  } else if (request == SIOCGIFMTU || request == SIOCGIFINDEX) {
    printf(" %s=%d", what, asked.ifr_mtu);
  } else {
    print_address(what, &asked.ifr_addr);
  }
}

static int ioctls(const char* domain) {
  const int family = strcmp(domain, "inet") == 0    ? AF_INET
                     : strcmp(domain, "inet6") == 0 ? AF_INET6
                                                    : AF_UNIX;
  const int fd = socket(family, SOCK_STREAM, 0);
  struct ifreq room[64];
  struct ifconf all = {.ifc_len = sizeof room, .ifc_req = room};
  struct ifconf size = {.ifc_len = 0, .ifc_req = NULL};
  if (fd < 0 || ioctl(fd, SIOCGIFCONF, &all) != 0 || ioctl(fd, SIOCGIFCONF, &size) != 0) {
    return perror("SIOCGIFCONF"), 1;
  }
  printf("SIOCGIFCONF sizes agree: %d\n", all.ifc_len == size.ifc_len);
  /* Room for all but one: the kernel's way is to fill what fits. */
  struct ifconf few = {.ifc_len = all.ifc_len - 1, .ifc_req = room};
  ioctl(fd, SIOCGIFCONF, &few);
  printf("one less fits: %d\n", few.ifc_len == all.ifc_len - (int)sizeof room[0]);
  ioctl(fd, SIOCGIFCONF, &all);
  for (unsigned i = 0; i < (unsigned)all.ifc_len / sizeof room[0]; ++i) {
    printf("%s", room[i].ifr_name);
    print_address("conf", &room[i].ifr_addr);
    ask(fd, room[i].ifr_name, SIOCGIFADDR, "address");
    ask(fd, room[i].ifr_name, SIOCGIFNETMASK, "netmask");
    ask(fd, room[i].ifr_name, SIOCGIFBRDADDR, "broadcast");
    ask(fd, room[i].ifr_name, SIOCGIFFLAGS, "flags");
    ask(fd, room[i].ifr_name, SIOCGIFINDEX, "index");
    ask(fd, room[i].ifr_name, SIOCGIFNAME, "name");
    ask(fd, room[i].ifr_name, SIOCGIFMTU, "mtu");
    ask(fd, room[i].ifr_name, SIOCGIFHWADDR, "mac");
    puts("");
  }
  printf("unknown");
  ask(fd, "zt-nothing", SIOCGIFADDR, "address");
  ask(fd, "zt-nothing", SIOCGIFFLAGS, "flags");
  puts("");
  close(fd);
  return 0;
}

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "list") == 0) return list();
  if (count == 3 && strcmp(arguments[1], "ioctl") == 0) return ioctls(arguments[2]);
  fprintf(stderr, "usage: shim_interfaces list | ioctl inet|inet6|unix\n");
  return 64;
}
