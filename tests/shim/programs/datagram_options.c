/* What a datagram socket is told with each datagram, and says with it: control messages, hop
   limits, ICMP errors, broadcasts. */
/* The second needs the first. */
/* clang-format off */
#include <time.h>
#include <linux/errqueue.h>
/* clang-format on */
#include <netinet/udp.h>

#include "datagrams.h"
#include "scenarios.h"

static int is_six(void) { return own_family == AF_INET6; }

struct control {
  char bytes[512];
  struct msghdr message;
};

static long receive_with(int fd, struct control* control, size_t room) {
  static char text[16];
  static struct iovec part;
  part = (struct iovec){text, sizeof text};
  control->message = (struct msghdr){
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control->bytes, .msg_controllen = room};
  wait_for(fd, POLLIN);
  return recvmsg(fd, &control->message, MSG_DONTWAIT);
}

static const char* name_of(const struct cmsghdr* item) {
  if (item->cmsg_level == SOL_SOCKET) {
    if (item->cmsg_type == SO_TIMESTAMP) return "SO_TIMESTAMP";
    if (item->cmsg_type == SO_TIMESTAMPNS) return "SO_TIMESTAMPNS";
  }
  if (item->cmsg_level == IPPROTO_IP) {
    if (item->cmsg_type == IP_PKTINFO) return "IP_PKTINFO";
    if (item->cmsg_type == IP_TTL) return "IP_TTL";
    if (item->cmsg_type == IP_TOS) return "IP_TOS";
    if (item->cmsg_type == IP_ORIGDSTADDR) return "IP_ORIGDSTADDR";
  }
  if (item->cmsg_level == IPPROTO_IPV6) {
    if (item->cmsg_type == IPV6_PKTINFO) return "IPV6_PKTINFO";
    if (item->cmsg_type == IPV6_HOPLIMIT) return "IPV6_HOPLIMIT";
    if (item->cmsg_type == IPV6_TCLASS) return "IPV6_TCLASS";
    if (item->cmsg_type == IPV6_ORIGDSTADDR) return "IPV6_ORIGDSTADDR";
  }
  return "another";
}

/* Numbers are the same in every place, addresses and times are not. */
static void say_control(struct control* control) {
  say("flags", control->message.msg_flags);
  say("length", (long)control->message.msg_controllen);
  for (struct cmsghdr* item = CMSG_FIRSTHDR(&control->message); item != NULL;
       item = CMSG_NXTHDR(&control->message, item)) {
    const char* const name = name_of(item);
    printf("%s, %zu bytes\n", name, item->cmsg_len);
    const unsigned char* const data = CMSG_DATA(item);
    int number = 0;
    if (item->cmsg_len == CMSG_LEN(sizeof number)) {
      memcpy(&number, data, sizeof number);
      say("  number", number);
    }
    if (item->cmsg_len == CMSG_LEN(1)) say("  number", data[0]);
    union place place;
    memset(&place, 0, sizeof place);
    place.any.sa_family = (sa_family_t)own_family;
    if (strcmp(name, "IP_PKTINFO") == 0) {
      struct in_pktinfo info;
      memcpy(&info, data, sizeof info);
      say("  has an interface", info.ipi_ifindex != 0);
      place.four.sin_addr = info.ipi_addr;
      say_place("  address", &place);
      place.four.sin_addr = info.ipi_spec_dst;
      say_place("  to answer from", &place);
    }
    if (strcmp(name, "IPV6_PKTINFO") == 0) {
      struct in6_pktinfo info;
      memcpy(&info, data, sizeof info);
      say("  has an interface", info.ipi6_ifindex != 0);
      place.six.sin6_addr = info.ipi6_addr;
      say_place("  address", &place);
    }
    if (strstr(name, "ORIGDSTADDR") != NULL) {
      memcpy(&place, data, item->cmsg_len - CMSG_LEN(0));
      say_place("  address", &place);
      say("  has a port", place.four.sin_port != 0);
    }
  }
}

static void wants_all(int fd) {
  set_number("SO_TIMESTAMP", fd, SOL_SOCKET, SO_TIMESTAMP, 1);
  if (is_six()) {
    set_number("IPV6_RECVPKTINFO", fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_number("IPV6_RECVHOPLIMIT", fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    set_number("IPV6_RECVTCLASS", fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    set_number("IPV6_RECVORIGDSTADDR", fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
  } else {
    set_number("IP_PKTINFO", fd, IPPROTO_IP, IP_PKTINFO, 1);
    set_number("IP_RECVTTL", fd, IPPROTO_IP, IP_RECVTTL, 1);
    set_number("IP_RECVTOS", fd, IPPROTO_IP, IP_RECVTOS, 1);
    set_number("IP_RECVORIGDSTADDR", fd, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
  }
}

static void told(void) {
  const int fd = bound_datagram(), from = bound_datagram();
  struct control control;
  say("send", send_text(from, "nothing asked", port_of(fd)));
  say("receive", receive_with(fd, &control, sizeof control.bytes));
  say_control(&control);
  wants_all(fd);
  for (int connected = 0; connected < 2; ++connected) {
    say("send", send_text(from, "x", port_of(fd)));
    say("receive", receive_with(fd, &control, sizeof control.bytes));
    say_control(&control);
    say("connect", connect_at(fd, port_of(from)));
  }
  set_number("SO_TIMESTAMPNS", fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  say("send", send_text(from, "x", port_of(fd)));
  say("receive", receive_with(fd, &control, sizeof control.bytes));
  say_control(&control);
}

static void told_in_little_room(void) {
  const int fd = bound_datagram(), from = datagram(0);
  wants_all(fd);
  struct control control;
  static const size_t rooms[] = {0, 8, 15, 16, 17, 24, 32, 33, 48, 60, 64, 80, 100, 128, 160};
  for (size_t i = 0; i < sizeof rooms / sizeof *rooms; ++i) {
    say("room", (long)rooms[i]);
    say("send", send_text(from, "x", port_of(fd)));
    say("receive", receive_with(fd, &control, rooms[i]));
    say("flags", control.message.msg_flags);
    say("length", (long)control.message.msg_controllen);
  }
}

static long send_with(int fd, int port, int level, int type, const void* data, size_t size) {
  char control[64] = {0};
  union place to = here(own_family, port);
  struct iovec part = {"x", 1};
  struct msghdr message = {.msg_name = &to,
                           .msg_namelen = size_of(&to),
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = CMSG_SPACE(size)};
  struct cmsghdr* const item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(item), data, size);
  return sendmsg(fd, &message, 0);
}

static void said(void) {
  const int fd = bound_datagram(), from = bound_datagram();
  wants_all(fd);
  const int port = port_of(fd);
  struct control control;
  const int level = is_six() ? IPPROTO_IPV6 : IPPROTO_IP;
  const int hops = is_six() ? IPV6_HOPLIMIT : IP_TTL, class = is_six() ? IPV6_TCLASS : IP_TOS;
  static const int numbers[] = {1, 7, 255, 0, 256, -1, -2};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
    say("number", numbers[i]);
    if (say("hops", send_with(from, port, level, hops, &numbers[i], sizeof(int))) == 1) {
      say("receive", receive_with(fd, &control, sizeof control.bytes));
      say_control(&control);
    }
    if (say("class", send_with(from, port, level, class, &numbers[i], sizeof(int))) == 1) {
      say("receive", receive_with(fd, &control, sizeof control.bytes));
      say_control(&control);
    }
  }
  const char one = 0x1c;
  say("short", send_with(from, port, level, hops, &one, 1));
  say("unknown", send_with(from, port, level, 4711, &numbers[0], sizeof(int)));
  say("unknown of the socket", send_with(from, port, SOL_SOCKET, 4711, &numbers[0], sizeof(int)));
  const int number = fd;
  say("a descriptor", send_with(from, port, SOL_SOCKET, SCM_RIGHTS, &number, sizeof number));
  say("receive", receive_with(fd, &control, sizeof control.bytes));
  set_number("hops of the socket", from, level, is_six() ? IPV6_UNICAST_HOPS : IP_TTL, 9);
  set_number("class of the socket", from, level, class, 0x20);
  say("send", send_text(from, "x", port));
  say("receive", receive_with(fd, &control, sizeof control.bytes));
  say_control(&control);
}

static void refused(void) {
  const int fd = datagram(0);
  char text[8];
  say("connect", connect_at(fd, closed_datagram_port()));
  say("write", write(fd, "x", 1));
  wait_for(fd, POLLIN);
  say("read", read(fd, text, sizeof text));
  say("read once more", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say("write", write(fd, "x", 1));
  wait_for(fd, POLLIN);
  say("write tells it", write(fd, "x", 1));
  say("write", write(fd, "x", 1));
  wait_for(fd, POLLIN);
  say("or recvmsg tells it", recv(fd, text, sizeof text, MSG_PEEK));
  say("write", send(fd, "x", 1, MSG_NOSIGNAL));
  wait_for(fd, POLLIN);
  say("or SO_ERROR", socket_error(fd));
  say("once", socket_error(fd));
  say("then it is gone", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say_poll("and nothing is to be read", fd);
  struct iovec part = {text, 8};
  struct mmsghdr many[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
                            {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
  say("sendmmsg", sendmmsg(fd, many, 1, 0));
  wait_for(fd, POLLIN);
  say("recvmmsg tells it", recvmmsg(fd, many, 2, MSG_DONTWAIT, NULL));
}

static void refused_poll(void) {
  const int fd = datagram(0);
  say("connect", connect_at(fd, closed_datagram_port()));
  say("write", write(fd, "x", 1));
  wait_poll("poll", fd, POLLIN);
}

/* One entry of the error queue. Addresses differ from place to place; that the offender is whom the
   datagram was for does not. */
static void say_error(int fd, struct control* control, size_t room, size_t text_room) {
  static char text[64];
  static struct iovec part;
  union place to;
  memset(text, 0, sizeof text);
  memset(&to, 0, sizeof to);
  part = (struct iovec){text, text_room};
  control->message = (struct msghdr){.msg_name = &to,
                                     .msg_namelen = sizeof to,
                                     .msg_iov = &part,
                                     .msg_iovlen = 1,
                                     .msg_control = control->bytes,
                                     .msg_controllen = room};
  const long size = say("error queue", recvmsg(fd, &control->message, MSG_ERRQUEUE));
  if (size < 0) return;
  say_text("  of", text);
  say("  flags", control->message.msg_flags);
  say("  name length", control->message.msg_namelen);
  say("  family", to.any.sa_family);
  const struct cmsghdr* const item = CMSG_FIRSTHDR(&control->message);
  if (item == NULL) return;
  say("  control", (long)item->cmsg_len);
  say("  level", item->cmsg_level);
  say("  type", item->cmsg_type);
  if (item->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err))) return;
  struct sock_extended_err error;
  memcpy(&error, CMSG_DATA(item), sizeof error);
  errno = (int)error.ee_errno;
  say("  errno", error.ee_errno == 0 ? 0 : -1);
  say("  origin", error.ee_origin);
  say("  of ICMP", error.ee_type);
  say("  code", error.ee_code);
  say("  info", error.ee_info);
  const struct sockaddr* const offender =
      SO_EE_OFFENDER((const struct sock_extended_err*)CMSG_DATA(item));
  say("  offender's family", offender->sa_family);
  if (is_six()) {
    say("  is the destination",
        memcmp(&((const struct sockaddr_in6*)offender)->sin6_addr, &to.six.sin6_addr, 16) == 0);
  } else {
    say("  is the destination",
        memcmp(&((const struct sockaddr_in*)offender)->sin_addr, &to.four.sin_addr, 4) == 0);
  }
}

static void error_queue(void) {
  const int fd = datagram(0), level = is_six() ? IPPROTO_IPV6 : IPPROTO_IP;
  const int option = is_six() ? IPV6_RECVERR : IP_RECVERR;
  struct control control;
  char text[8];
  get_number("before", fd, level, option);
  set_number("wanted", fd, level, option, 1);
  get_number("now", fd, level, option);
  say_error(fd, &control, sizeof control.bytes, 64);
  say("connect", connect_at(fd, closed_datagram_port()));
  say("write", write(fd, "first", 5));
  wait_for(fd, POLLIN);
  say("read", recv(fd, text, sizeof text, 0));
  say_error(fd, &control, sizeof control.bytes, 64);
  say_error(fd, &control, sizeof control.bytes, 64);
  say("write", write(fd, "second", 6));
  wait_for(fd, POLLIN);
  say_error(fd, &control, sizeof control.bytes, 3);
  say("the queue has told it", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say("nor is it SO_ERROR", socket_error(fd));
  say("write", write(fd, "third", 5));
  wait_for(fd, POLLIN);
  say_error(fd, &control, 24, 64);
  say("write", write(fd, "fourth", 6));
  wait_for(fd, POLLIN);
  set_number("no more", fd, level, option, 0);
  say_error(fd, &control, sizeof control.bytes, 64);
}

/* Without a peer an error is told to those alone who have asked. */
static void error_queue_unconnected(void) {
  const int fd = datagram(0), level = is_six() ? IPPROTO_IPV6 : IPPROTO_IP;
  struct control control;
  char text[8];
  const int port = closed_datagram_port();
  set_number("wanted", fd, level, is_six() ? IPV6_RECVERR : IP_RECVERR, 1);
  union place to = here(own_family, port);
  say("sendto", sendto(fd, "hello", 5, 0, &to.any, size_of(&to)));
  wait_for(fd, POLLIN);
  say("receive", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say("once", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say_error(fd, &control, sizeof control.bytes, 64);
  say_error(fd, &control, sizeof control.bytes, 64);
}

static void broadcast(void) {
  const int fd = datagram(0);
  union place to = here(AF_INET, 9);
  inet_pton(AF_INET, "255.255.255.255", &to.four.sin_addr);
  get_number("SO_BROADCAST", fd, SOL_SOCKET, SO_BROADCAST);
  say("not allowed", sendto(fd, "x", 1, 0, &to.any, sizeof to.four));
  say("to connect to", connect_to(fd, to));
  set_number("SO_BROADCAST", fd, SOL_SOCKET, SO_BROADCAST, 1);
  get_number("SO_BROADCAST", fd, SOL_SOCKET, SO_BROADCAST);
  say("to connect to", connect_to(fd, to));
}

const struct scenario datagram_option_scenarios[] = {
    {"datagram-told", told},
    {"datagram-told-in-little-room", told_in_little_room},
    {"datagram-said", said},
    {"datagram-refused", refused},
    {"datagram-refused-poll", refused_poll},
    {"datagram-error-queue", error_queue},
    {"datagram-error-queue-unconnected", error_queue_unconnected},
    {"datagram-broadcast", broadcast, ONLY_FOUR},
    {NULL, NULL},
};
