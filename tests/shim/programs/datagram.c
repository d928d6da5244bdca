/* UDP as a program sees it first: sizes, names, peers that come and go, errors, readiness. */
#include "datagrams.h"
#include "scenarios.h"

static void basics(void) {
  const int fd = datagram(0);
  get_number("SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
  get_number("SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
  get_number("SO_ACCEPTCONN", fd, SOL_SOCKET, SO_ACCEPTCONN);
  get_number("SO_ERROR", fd, SOL_SOCKET, SO_ERROR);
  say_name("fresh", getsockname, fd);
  say_name("fresh peer", getpeername, fd);
  say_poll("fresh", fd);
  char text[8];
  say("recv without waiting", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say("send", send(fd, "x", 1, 0));
  say("write", write(fd, "x", 1));
  say("listen", listen(fd, 1));
  say("accept", accept(fd, NULL, NULL));
  say("lseek", lseek(fd, 0, SEEK_SET));
  int flags = fcntl(fd, F_GETFL);
  say("O_RDWR", flags & O_ACCMODE);
  say("close", close(fd));
  const int with = datagram(SOCK_NONBLOCK | SOCK_CLOEXEC);
  say("O_NONBLOCK", (fcntl(with, F_GETFL) & O_NONBLOCK) != 0);
  say("FD_CLOEXEC", fcntl(with, F_GETFD));
  say("recv", recv(with, text, sizeof text, 0));
  say("read", read(with, text, sizeof text));
}

static void protocols(void) {
  say_ok("UDP", socket(own_family, SOCK_DGRAM, IPPROTO_UDP));
  say("TCP", socket(own_family, SOCK_DGRAM, IPPROTO_TCP));
  say("unknown", socket(own_family, SOCK_DGRAM, 254));
  say("too large", socket(own_family, SOCK_DGRAM, 4711));
  say("negative", socket(own_family, SOCK_DGRAM, -1));
  say("UDP as a stream", socket(own_family, SOCK_STREAM, IPPROTO_UDP));
  say("unknown flag", socket(own_family, SOCK_DGRAM | 0x40000000, 0));
  say("seqpacket", socket(own_family, SOCK_SEQPACKET, 0));
}

static void names(void) {
  const int fd = datagram(0);
  const int other = bound_datagram();
  say_name("bound", getsockname, other);
  say("has a port", port_of(other) != 0);
  say("send", send_text(fd, "x", port_of(other)));
  say_name("after the first send", getsockname, fd);
  const int port = port_of(fd);
  say("has a port", port != 0);
  say_received("received", other, port);
  say("connect", connect_at(fd, port_of(other)));
  say_name("connected", getsockname, fd);
  say_name("its peer", getpeername, fd);
  say("the port stays", port_of(fd) == port);
  say("bind a second time", bind_at(fd, 0));
  say("bind another a second time", bind_at(other, 0));
}

static void bind_errors(void) {
  const int fd = bound_datagram();
  const int port = port_of(fd);
  say("in use", bind_at(datagram(0), port));
  const int sharing = datagram(0);
  set_number("SO_REUSEADDR", sharing, SOL_SOCKET, SO_REUSEADDR, 1);
  say("in use, SO_REUSEADDR on one", bind_at(sharing, port));
  union place place = here(own_family, port);
  say("too short", bind(datagram(0), &place.any, 3));
  say("null", bind(datagram(0), NULL, sizeof place));
  place.any.sa_family = 99;
  say("unknown family", bind(datagram(0), &place.any, sizeof place.four));
  say("close", close(fd));
  say("free at once", bind_at(sharing, port));
}

static void one_size(size_t size) {
  char what[32];
  static char text[70000];
  const int from = datagram(0), to = bound_datagram();
  snprintf(what, sizeof what, "send %zu", size);
  if (say(what, send_to_port(from, text_of(size), size, 0, port_of(to))) >= 0) {
    wait_for(to, POLLIN);
    int queued = -1;
    say("  FIONREAD", ioctl(to, FIONREAD, &queued));
    say("  it says", queued);
    say("  received", recv(to, text, sizeof text, MSG_DONTWAIT));
    say("  whole", is_text_of(text, size));
    say("  and no more", recv(to, text, sizeof text, MSG_DONTWAIT));
  }
  close(from);
  close(to);
}

static void sizes(void) {
  static const size_t all[] = {0, 1, 95, 96, 97, 1232, 1233, 1472, 1473, 2800, 9000, 65000};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) one_size(all[i]);
}

static void largest4(void) {
  one_size(65507);
  one_size(65508);
  one_size(65536);
}

static void connected_sizes(void) {
  static const size_t all[] = {0, 1, 15, 16, 95, 96, 97, 192, 1472, 1473, 65000};
  static char text[70000];
  const struct two both = connected_datagrams();
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    char what[32];
    snprintf(what, sizeof what, "write %zu", all[i]);
    say(what, write(both.a, text_of(all[i]), all[i]));
    wait_for(both.b, POLLIN);
    memset(text, 0, sizeof text);
    say("  read", read(both.b, text, sizeof text));
    say("  whole", is_text_of(text, all[i]));
  }
  say("too large", write(both.a, text_of(65536), 65536));
  say("nothing more", recv(both.b, text, sizeof text, MSG_DONTWAIT));
}

static void truncation(void) {
  const struct two both = connected_datagrams();
  const int from = datagram(0);
  const int port = port_of(both.b);
  char text[8];
  for (int connected = 0; connected < 2; ++connected) {
    /* A connected receiver takes from its peer alone. */
    const int to = connected ? both.b : bound_datagram();
    for (int i = 0; i < 6; ++i) {
      if (connected) {
        say("write", write(both.a, "hello world", 11));
      } else {
        say("send", send_text(from, "hello world", port_of(to)));
      }
    }
    wait_for(to, POLLIN);
    say("peek with MSG_TRUNC", recv(to, text, 4, MSG_PEEK | MSG_TRUNC));
    say("peek", recv(to, text, 4, MSG_PEEK));
    say("read", read(to, text, 5));
    printf("bytes: %.5s\n", text);
    wait_for(to, POLLIN);
    say("recv with MSG_TRUNC", recv(to, text, 5, MSG_TRUNC));
    wait_for(to, POLLIN);
    say("recv of nothing", recv(to, NULL, 0, 0));
    wait_for(to, POLLIN);
    say("recv of nothing with MSG_TRUNC", recv(to, NULL, 0, MSG_TRUNC));
    wait_for(to, POLLIN);
    struct iovec parts[] = {{text, 2}, {text + 2, 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    say("recvmsg", recvmsg(to, &message, 0));
    say("flags", message.msg_flags);
    wait_for(to, POLLIN);
    message.msg_flags = 4711;
    say("recvmsg with MSG_TRUNC", recvmsg(to, &message, MSG_TRUNC | MSG_CMSG_CLOEXEC));
    say("is cut", (message.msg_flags & MSG_TRUNC) != 0);
    say("close-on-exec is kept", (message.msg_flags & MSG_CMSG_CLOEXEC) != 0);
    say("nothing more", recv(to, text, 5, MSG_DONTWAIT));
  }
  say("port", port != 0);
}

static void reading_nothing(void) {
  const int from = datagram(0), to = bound_datagram();
  char text[8];
  say("send", send_text(from, "hello", port_of(to)));
  say("send nothing", send_to_port(from, "", 0, 0, port_of(to)));
  say("send nothing by null", send_to_port(from, NULL, 0, 0, port_of(to)));
  wait_for(to, POLLIN);
  say("read nothing", read(to, text, 0));
  struct iovec none = {text, 0}, many[1025] = {0};
  say("readv nothing", readv(to, &none, 1));
  say("readv of no parts", readv(to, &none, 0));
  say("readv of too many", readv(to, many, 1025));
  say("still there", recv(to, text, 8, 0));
  wait_for(to, POLLIN);
  say("the empty one", recv(to, text, 8, MSG_DONTWAIT));
  wait_for(to, POLLIN);
  say("the other", read(to, text, 8));
  say("nothing more", recv(to, text, 8, MSG_DONTWAIT));
}

static void addresses(void) {
  const int from = bound_datagram(), to = bound_datagram();
  const int port = port_of(from);
  for (int i = 0; i < 6; ++i) say("send", send_text(from, "x", port_of(to)));
  char text[8];
  unsigned char bytes[32];
  memset(bytes, 0xee, sizeof bytes);
  socklen_t size = 6;
  wait_for(to, POLLIN);
  say("little room", recvfrom(to, text, 8, 0, (struct sockaddr*)bytes, &size));
  say("full size", size);
  say("port", (bytes[2] << 8 | bytes[3]) == port);
  say("left alone", bytes[6] == 0xee);
  size = 0;
  wait_for(to, POLLIN);
  say("no room", recvfrom(to, text, 8, 0, (struct sockaddr*)bytes, &size));
  say("full size", size);
  wait_for(to, POLLIN);
  size = 4711;
  say("null address", recvfrom(to, text, 8, 0, NULL, &size));
  say("size left alone", size);
  wait_for(to, POLLIN);
  union place place;
  struct iovec part = {text, 8};
  struct msghdr message = {
      .msg_name = &place, .msg_namelen = sizeof place, .msg_iov = &part, .msg_iovlen = 1};
  say("recvmsg", recvmsg(to, &message, 0));
  say("its size", message.msg_namelen);
  say_place("from", &place);
  say("flags", message.msg_flags);
  say_received("recvfrom", to, port);
  say_received("recvfrom", to, port);
}

static void destinations(void) {
  const int fd = datagram(0), to = bound_datagram();
  union place place = here(own_family, port_of(to));
  say("too short", sendto(fd, "x", 1, 0, &place.any, 15));
  say("tiny", sendto(fd, "x", 1, 0, &place.any, 1));
  say("null", sendto(fd, "x", 1, 0, NULL, sizeof place));
  say("bad", sendto(fd, "x", 1, 0, (struct sockaddr*)8, sizeof place.six));
  say("long", sendto(fd, "x", 1, 0, &place.any, sizeof(struct sockaddr_storage)));
  say("too long", sendto(fd, "x", 1, 0, &place.any, sizeof(struct sockaddr_storage) + 1));
  say_received("received", to, port_of(fd));
  place.four.sin_port = 0;
  say("port 0", sendto(fd, "x", 1, 0, &place.any, size_of(&place)));
  place = here(own_family, port_of(to));
  place.any.sa_family = 99;
  say("unknown family", sendto(fd, "x", 1, 0, &place.any, sizeof place.six));
  place.any.sa_family = AF_UNSPEC;
  say("AF_UNSPEC", sendto(fd, "x", 1, 0, &place.any, size_of(&place)));
  say("MSG_OOB", send_to_port(fd, "x", 1, MSG_OOB, port_of(to)));
  say("MSG_CONFIRM", send_to_port(fd, "x", 1, MSG_CONFIRM, port_of(to)));
  say("MSG_DONTROUTE", send_to_port(fd, "x", 1, MSG_DONTROUTE, port_of(to)));
  say("MSG_EOR", send_to_port(fd, "x", 1, MSG_EOR, port_of(to)));
}

static void other_family(void) {
  const int fd = datagram(0);
  const union place six = here(AF_INET6, 9);
  say("an IPv6 destination", sendto(fd, "x", 1, 0, &six.any, sizeof six.six));
  say("to connect to", connect_to(fd, six));
  say("to bind to", bind_to(fd, six));
}

static void peers(void) {
  const int fd = bound_datagram();
  const int first = bound_datagram(), second = bound_datagram();
  const int port = port_of(fd);
  say("a first datagram from the second", send_text(second, "early", port));
  wait_for(fd, POLLIN);
  say("connect", connect_at(fd, port_of(first)));
  say_name("peer", getpeername, fd);
  say("from the second again", send_text(second, "stranger", port));
  say("from the first", send_text(first, "friend", port));
  say_received("what was queued before", fd, port_of(second));
  say_received("then the peer's alone", fd, port_of(first));
  say("write", write(fd, "to the first", 12));
  say_received("first", first, port);
  say("elsewhere all the same", send_text(fd, "elsewhere", port_of(second)));
  say_received("second", second, port);
  say("reconnect", connect_at(fd, port_of(second)));
  say("write", write(fd, "to the second", 13));
  say_received("second", second, port);
  say("from the first", send_text(first, "former friend", port));
  say("from the second", send_text(second, "friend", port));
  say_received("the new peer's alone", fd, port_of(second));
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  say("dissolve", connect(fd, &none, sizeof none));
  say_name("peer", getpeername, fd);
  say_name("name", getsockname, fd);
  say("the port stays", port_of(fd) == port);
  say("write", write(fd, "nobody", 6));
  say("send", send_text(fd, "hello", port_of(first)));
  say("with a new port", port_of(fd) != 0);
  say_received("first", first, port_of(fd));
  say("from the first", send_text(first, "anybody", port_of(fd)));
  say_received("again from all", fd, port_of(first));
  say("dissolve again", connect(fd, &none, sizeof none));
}

static void dissolved_port(void) {
  const int fd = datagram(0), to = bound_datagram();
  say("connect", connect_at(fd, port_of(to)));
  say("has a port", port_of(fd) != 0);
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  say("dissolve", connect(fd, &none, sizeof none));
  say_name("name", getsockname, fd);
  say("has a port", port_of(fd) != 0);
  say("send", send_text(fd, "x", port_of(to)));
  say("has a port", port_of(fd) != 0);
}

static void connect_errors(void) {
  const union place place = here(own_family, 9);
  say("too short", connect(datagram(0), &place.any, 15));
  say("tiny", connect(datagram(0), &place.any, 1));
  say("null", connect(datagram(0), NULL, sizeof place));
  union place odd = place;
  odd.any.sa_family = 99;
  say("unknown family", connect(datagram(0), &odd.any, sizeof odd.six));
  say("port 0", connect_at(datagram(0), 0));
}

static void not_told(void) {
  const int fd = datagram(0);
  char text[8];
  const int port = closed_datagram_port();
  say("send", send_text(fd, "x", port));
  say("send", send_text(fd, "x", port));
  const int to = bound_datagram();
  say("send elsewhere", send_text(fd, "x", port_of(to)));
  wait_for(to, POLLIN);
  say("nothing is told without a peer", recv(fd, text, sizeof text, MSG_DONTWAIT));
  say("SO_ERROR", socket_error(fd));
}

static void readiness(void) {
  const int fd = bound_datagram(), from = datagram(0);
  const int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
  say("epoll_ctl", epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  say_poll("idle", fd);
  say_epoll("idle", set);
  say_epoll("once", set);
  say("send", send_text(from, "x", port_of(fd)));
  wait_poll("one", fd, POLLIN);
  say_epoll("one", set);
  say_epoll("once", set);
  say("send", send_text(from, "y", port_of(fd)));
  char text[8];
  say("read", read(fd, text, 8));
  wait_for(fd, POLLIN);
  say("read", read(fd, text, 8));
  say_poll("idle again", fd);
  fd_set readable, writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(fd, &readable);
  FD_SET(fd, &writable);
  struct timeval now = {0, 0};
  say("select", select(fd + 1, &readable, &writable, NULL, &now));
  say("readable", FD_ISSET(fd, &readable) != 0);
  say("writable", FD_ISSET(fd, &writable) != 0);
}

static void port_is_released(void) {
  const int fd = bound_datagram();
  const int port = port_of(fd);
  const int from = datagram(0);
  say("send", send_text(from, "unread", port));
  wait_for(fd, POLLIN);
  close(fd);
  const int again = datagram(0);
  say("bind to it at once", bind_at(again, port));
  char text[8];
  say("what was queued is gone", recv(again, text, 8, MSG_DONTWAIT));
  say("send", send_text(from, "new", port));
  say_received("received", again, port_of(from));
}

static void wildcard(void) {
  const int fd = datagram(0);
  const union place any =
      own_family == AF_INET6 ? six_at("::", 0) : (union place){.four = {.sin_family = AF_INET}};
  say("bind", bind_to(fd, any));
  say_name("name", getsockname, fd);
  const int from = bound_datagram();
  say("send", send_text(from, "x", port_of(fd)));
  say_received("received", fd, port_of(from));
  say("answer", send_text(fd, "y", port_of(from)));
  say_received("answered", from, port_of(fd));
  say("connect", connect_at(fd, port_of(from)));
  say_name("name", getsockname, fd);
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  say("dissolve", connect(fd, &none, sizeof none));
  say_name("name", getsockname, fd);
}

static void shut_down(void) {
  const struct two both = connected_datagrams();
  char text[8];
  const int loose = bound_datagram();
  say("without a peer", shutdown(loose, SHUT_RD));
  say("odd", shutdown(both.a, 7));
  say("write", write(both.b, "x", 1));
  wait_for(both.a, POLLIN);
  say("reading", shutdown(both.a, SHUT_RD));
  say("what was queued", recv(both.a, text, 8, MSG_DONTWAIT));
  say("then the end", recv(both.a, text, 8, 0));
  say("without waiting", recv(both.a, text, 8, MSG_DONTWAIT));
  say_poll("poll", both.a);
  say("writing goes on", write(both.a, "y", 1));
  say_read("it comes", both.b);
  signal(SIGPIPE, SIG_DFL);
  say("writing", shutdown(both.b, SHUT_WR));
  say("write", write(both.b, "z", 1));
  say("send", send(both.b, "z", 1, 0));
  say("reading goes on", write(both.a, "y", 1));
  say_read("it comes", both.b);
}

static void shut_down_both(void) {
  const struct two both = connected_datagrams();
  char text[8];
  say("shutdown", shutdown(both.a, SHUT_RDWR));
  say_poll("poll", both.a);
  say("read", read(both.a, text, 8));
  say("write", write(both.a, "x", 1));
  say("once more", shutdown(both.a, SHUT_RDWR));
  say_name("its name", getsockname, both.a);
  const int port = port_of(both.a);
  say("its port is taken", bind_at(datagram(0), port));
  close(both.a);
  say("until it is closed", bind_at(datagram(0), port));
}

static void* wait_for_a_datagram(void* argument) {
  char text[8];
  const ssize_t size = recv(*(int*)argument, text, sizeof text, 0);
  return (void*)size;
}

static void shutdown_wakes(void) {
  int fd = bound_datagram();
  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_a_datagram, &fd);
  /* Whether it waits already makes no difference. */
  say("shutdown", shutdown(fd, SHUT_RDWR));
  void* result = NULL;
  pthread_join(thread, &result);
  say("the reader", (long)result);
}

const struct scenario datagram_scenarios[] = {
    {"datagram-basics", basics},
    {"datagram-protocols", protocols},
    {"datagram-names", names},
    {"datagram-bind-errors", bind_errors},
    {"datagram-sizes", sizes},
    {"datagram-largest4", largest4, ONLY_FOUR},
    {"datagram-connected-sizes", connected_sizes},
    {"datagram-truncation", truncation},
    {"datagram-reading-nothing", reading_nothing},
    {"datagram-addresses", addresses},
    {"datagram-destinations", destinations},
    {"datagram-other-family", other_family, ONLY_FOUR},
    {"datagram-peers", peers},
    {"datagram-dissolved-port", dissolved_port},
    {"datagram-connect-errors", connect_errors},
    {"datagram-not-told", not_told},
    {"datagram-readiness", readiness},
    {"datagram-port-is-released", port_is_released},
    {"datagram-wildcard", wildcard},
    {"datagram-shutdown", shut_down},
    {"datagram-shutdown-both", shut_down_both},
    {"datagram-shutdown-wakes", shutdown_wakes},
    {NULL, NULL},
};
