/* connect(2) in all its forms. */
#include "observe.h"
#include "scenarios.h"

static bool same_name(int a, int (*name_of_a)(int, struct sockaddr*, socklen_t*), int b,
                      int (*name_of_b)(int, struct sockaddr*, socklen_t*)) {
  union place one, other;
  memset(&one, 0, sizeof one);
  memset(&other, 0, sizeof other);
  socklen_t size = sizeof one;
  if (name_of_a(a, &one.any, &size) != 0) return false;
  size = sizeof other;
  if (name_of_b(b, &other.any, &size) != 0) return false;
  return memcmp(&one, &other, sizeof one) == 0;
}

static void blocking(void) {
  const int from = listener(4);
  const int client = stream(0);
  say("connect", connect_at(client, port_of(from)));
  const int server = accept(from, NULL, NULL);
  say_ok("accept", server);
  say("client's peer is the listener", same_name(client, getpeername, from, getsockname));
  say("server's peer is the client", same_name(server, getpeername, client, getsockname));
  say("server has the listener's name", same_name(server, getsockname, from, getsockname));
  say("connect again", connect_at(client, port_of(from)));
  say_poll("client", client);
  say("write", write(client, "hello", 5));
  say_read("read", server);
}

static void non_blocking(void) {
  const int from = listener(4);
  const int client = stream(SOCK_NONBLOCK);
  say("connect", connect_at(client, port_of(from)));
  wait_poll("poll", client, POLLOUT);
  say("SO_ERROR", socket_error(client));
  say("connect again", connect_at(client, port_of(from)));
  say("and again", connect_at(client, port_of(from)));
  const int server = accept(from, NULL, NULL);
  say("write", write(client, "x", 1));
  say_read("read", server);
}

static void edges(void) {
  const int from = listener(4);
  const int client = stream(SOCK_NONBLOCK);
  const int set = epoll_create1(0);
  say("connect", connect_at(client, port_of(from)));
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, client, &event));
  struct epoll_event got;
  say("one event", epoll_wait(set, &got, 1, 10000));
  say_epoll("no more", set);
  const int server = accept(from, NULL, NULL);
  say("write", write(server, "one", 3));
  wait_poll("readable", client, POLLIN);
  say_epoll("edge", set);
  say_epoll("no more", set);
  say_read("read", client);
  say("shutdown", shutdown(server, SHUT_WR));
  wait_poll("end", client, POLLRDHUP);
  say_epoll("edge", set);
}

static void refused_blocking(void) {
  const int client = stream(0);
  say("connect", connect_at(client, closed_port()));
  say("SO_ERROR", socket_error(client));
  say("getpeername", getpeername(client, NULL, NULL) == -1 && errno == ENOTCONN ? 0 : 1);
  const int from = listener(4);
  say("connect to a listener", connect_at(client, port_of(from)));
  const int server = accept(from, NULL, NULL);
  say("write", write(client, "again", 5));
  say_read("read", server);
}

static void refused_non_blocking(void) {
  const int client = stream(SOCK_NONBLOCK);
  say("connect", connect_at(client, closed_port()));
  wait_poll("poll", client, POLLOUT);
  say("SO_ERROR", socket_error(client));
  say("SO_ERROR again", socket_error(client));
  char byte;
  say("read", read(client, &byte, 1));
  no_sigpipe();
  say("write", write(client, "x", 1));
}

static void refused_told_by_connect(void) {
  const int port = closed_port();
  const int client = stream(SOCK_NONBLOCK);
  say("connect", connect_at(client, port));
  wait_poll("poll", client, POLLOUT);
  say("connect again", connect_at(client, port));
  say("SO_ERROR", socket_error(client));
  say("a new attempt", connect_at(client, port));
  wait_poll("poll", client, POLLOUT);
  say("its SO_ERROR", socket_error(client));
}

static void unspec(void) {
  struct connected all = connected();
  const struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  say("dissolve", connect(all.client, &nothing, sizeof nothing));
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  say("getpeername", getpeername(all.client, (struct sockaddr*)&name, &size));
  say("connect", connect_at(all.client, port_of(all.listener)));
  close_connected(all);
}

static void bad_addresses(void) {
  const int client = stream(0);
  const struct sockaddr_in good = at(1);
  const struct sockaddr* const address = (const struct sockaddr*)&good;
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  struct sockaddr_storage odd = {.ss_family = 99};
  say("short", connect(client, address, sizeof good - 1));
  say("tiny", connect(client, address, 1));
  say("long", connect(client, address, 4096));
  say("null", connect(client, NULL, sizeof good));
  say("null and nothing", connect(client, NULL, 0));
  say("wild", connect(client, (const struct sockaddr*)-1L, sizeof good));
  say("IPv6 on IPv4", connect(client, (const struct sockaddr*)&six, sizeof six));
  say("unknown family", connect(client, (const struct sockaddr*)&odd, sizeof odd));
  const int six_fd = socket(AF_INET6, SOCK_STREAM, 0);
  say("IPv4 on IPv6", connect(six_fd, address, sizeof good));
  say("closed", connect(999, address, sizeof good));
  say("no socket", connect(0, address, sizeof good));
}

static void on_a_listener(void) {
  const int from = listener(4);
  say("connect", connect_at(from, port_of(from)));
}

static void getpeername_unconnected(void) {
  const int fd = stream(0);
  struct sockaddr_in name = {0};
  socklen_t size = sizeof name;
  say("getpeername", getpeername(fd, (struct sockaddr*)&name, &size));
  say("getsockname", getsockname(fd, (struct sockaddr*)&name, &size));
  say("family", name.sin_family);
  say("port", name.sin_port);
  say("address", (long)name.sin_addr.s_addr);
  say("size", size);
  size = 3;
  say("cut", getsockname(fd, (struct sockaddr*)&name, &size));
  say("full size", size);
  size = (socklen_t)-1;
  say("negative size", getsockname(fd, (struct sockaddr*)&name, &size));
  size = sizeof name;
  say("null address", getsockname(fd, NULL, &size));
  say("null size", getsockname(fd, (struct sockaddr*)&name, NULL));
}

static void mapped(void) {
  const int from = listener(4);
  const int client = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                 .sin6_port = htons((uint16_t)port_of(from))};
  char text[INET6_ADDRSTRLEN];
  snprintf(text, sizeof text, "::ffff:%s", own_address);
  inet_pton(AF_INET6, text, &address.sin6_addr);
  say("connect", connect(client, (const struct sockaddr*)&address, sizeof address));
  struct sockaddr_in6 peer = {0};
  socklen_t size = sizeof peer;
  say("getpeername", getpeername(client, (struct sockaddr*)&peer, &size));
  say("size", size);
  say("mapped", IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr));
  say_ok("accept", accept(from, NULL, NULL));
}

static void bound_first(void) {
  const int from = listener(4);
  const int spare = listener(1);
  const int port = port_of(spare);
  close(spare);
  const int client = stream(0);
  say("bind", bind_at(client, port));
  say("connect", connect_at(client, port_of(from)));
  say("keeps its port", port_of(client) == port);
}

const struct scenario connect_scenarios[] = {
    {"connect-blocking", blocking},
    {"connect-non-blocking", non_blocking},
    {"connect-edges", edges},
    {"connect-refused", refused_blocking},
    {"connect-refused-non-blocking", refused_non_blocking},
    {"connect-refused-told-by-connect", refused_told_by_connect},
    {"connect-unspec", unspec},
    {"connect-bad-addresses", bad_addresses, ONLY_FOUR},
    {"connect-on-a-listener", on_a_listener},
    {"connect-names-of-a-fresh-socket", getpeername_unconnected, ONLY_FOUR},
    {"connect-mapped", mapped, ONLY_FOUR},
    {"connect-bound-first", bound_first},
    {0},
};
