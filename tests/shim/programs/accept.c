/* bind(2), listen(2), accept(2). */
#include "observe.h"
#include "scenarios.h"

static int client_of(int from) {
  const int client = stream(0);
  if (connect_at(client, port_of(from)) != 0) say("connect", -1);
  return client;
}

static void flags(void) {
  const int from = stream(SOCK_NONBLOCK | SOCK_CLOEXEC);
  bind_at(from, 0);
  listen(from, 4);
  say("nobody", accept(from, NULL, NULL));
  client_of(from);
  client_of(from);
  wait_poll("one waits", from, POLLIN);
  const int plain = accept4(from, NULL, NULL, 0);
  say("plain O_NONBLOCK", (fcntl(plain, F_GETFL) & O_NONBLOCK) != 0);
  say("plain FD_CLOEXEC", fcntl(plain, F_GETFD));
  wait_poll("another waits", from, POLLIN);
  const int flagged = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  say("flagged O_NONBLOCK", (fcntl(flagged, F_GETFL) & O_NONBLOCK) != 0);
  say("flagged FD_CLOEXEC", fcntl(flagged, F_GETFD));
  say("unknown flag", accept4(from, NULL, NULL, 0x40000000));
  say_poll("idle", from);
}

static void not_a_listener(void) {
  struct connected all = connected();
  say("fresh", accept(stream(0), NULL, NULL));
  say("connected", accept(all.client, NULL, NULL));
  say("no socket", accept(0, NULL, NULL));
  say("closed", accept(999, NULL, NULL));
  const int udp = socket(AF_INET, SOCK_DGRAM, 0);
  say("datagrams", accept(udp, NULL, NULL));
  say("listen on datagrams", listen(udp, 1));
  say("listen on a connected one", listen(all.client, 1));
  close_connected(all);
}

static void truncated_address(void) {
  const int from = listener(4);
  client_of(from);
  unsigned char bytes[16];
  memset(bytes, 0xee, sizeof bytes);
  socklen_t size = 4;
  say_ok("accept", accept(from, (struct sockaddr*)bytes, &size));
  say("full size", size);
  say("family", bytes[0]);
  say("left alone", bytes[4] == 0xee);
}

static void descriptor_limit(void) {
  const int from = listener(4);
  const int client = client_of(from);
  write(client, "kept", 4);
  wait_poll("waits", from, POLLIN);
  struct rlimit before, low;
  getrlimit(RLIMIT_NOFILE, &before);
  low = before;
  low.rlim_cur = (rlim_t)client + 1;
  setrlimit(RLIMIT_NOFILE, &low);
  while (dup(0) >= 0) {
  }
  say("accept", accept(from, NULL, NULL));
  say_poll("still waits", from);
  setrlimit(RLIMIT_NOFILE, &before);
  const int server = accept(from, NULL, NULL);
  say_ok("accept", server);
  say_read("read", server);
}

static int blocked_error;

static void* blocked_accept(void* from) {
  blocked_error = accept(*(int*)from, NULL, NULL) < 0 ? errno : 0;
  return NULL;
}

/* Whether the other thread waits already or only comes to it, it gets the same answer. */
static void shut_down(void) {
  int from = listener(4);
  pthread_t thread;
  pthread_create(&thread, NULL, blocked_accept, &from);
  say("shutdown", shutdown(from, SHUT_RDWR));
  pthread_join(thread, NULL);
  say("blocked accept", blocked_error == EINVAL);
  say("accept", accept(from, NULL, NULL));
}

static void listen_again(void) {
  const int from = stream(0);
  say("listen unbound", listen(from, 1));
  say("has a port", port_of(from) != 0);
  say("listen again", listen(from, 64));
  get_number("SO_ACCEPTCONN", from, SOL_SOCKET, SO_ACCEPTCONN);
  say_poll("idle", from);
  client_of(from);
  wait_poll("one waits", from, POLLIN);
  say_ok("accept", accept(from, NULL, NULL));
}

static void bind_errors(void) {
  const int from = listener(4);
  const int port = port_of(from);
  const int fd = stream(0);
  say("in use", bind_at(fd, port));
  struct sockaddr_in address = at(0);
  say("short", bind(fd, (struct sockaddr*)&address, sizeof address - 1));
  say("long", bind(fd, (struct sockaddr*)&address, 4096));
  say("null", bind(fd, NULL, sizeof address));
  inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
  say("nobody's address", bind(stream(0), (struct sockaddr*)&address, sizeof address));
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  say("IPv6 on IPv4", bind(fd, (struct sockaddr*)&six, sizeof six));
  say("IPv4 on IPv6",
      bind(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr*)&address, sizeof address));
  address = at(0);
  address.sin_family = AF_UNSPEC;
  say("unspecified family", bind(fd, (struct sockaddr*)&address, sizeof address));
  say("bind", bind_at(fd, 0));
  say("second bind", bind_at(fd, 0));
  close(from);
  say("the port of a closed listener", bind_at(stream(0), port));
}

static void wildcard(void) {
  const int from = stream(0);
  struct sockaddr_in any = {.sin_family = AF_INET};
  say("bind", bind(from, (struct sockaddr*)&any, sizeof any));
  say("listen", listen(from, 4));
  const int client = client_of(from);
  const int server = accept(from, NULL, NULL);
  struct sockaddr_in name = {0};
  socklen_t size = sizeof name;
  getsockname(server, (struct sockaddr*)&name, &size);
  const struct sockaddr_in own = at(0);
  say("server has the address", name.sin_addr.s_addr == own.sin_addr.s_addr);
  getsockname(from, (struct sockaddr*)&name, &size);
  say("listener has none", name.sin_addr.s_addr == 0);
  write(client, "any", 3);
  say_read("read", server);
}

static void inherited_options(void) {
  const int from = stream(0);
  set_number("NODELAY", from, IPPROTO_TCP, TCP_NODELAY, 1);
  set_number("KEEPALIVE", from, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_number("KEEPIDLE", from, IPPROTO_TCP, TCP_KEEPIDLE, 77);
  bind_at(from, 0);
  listen(from, 4);
  client_of(from);
  const int server = accept(from, NULL, NULL);
  get_number("NODELAY", server, IPPROTO_TCP, TCP_NODELAY);
  get_number("KEEPALIVE", server, SOL_SOCKET, SO_KEEPALIVE);
  get_number("KEEPIDLE", server, IPPROTO_TCP, TCP_KEEPIDLE);
  get_number("ACCEPTCONN", server, SOL_SOCKET, SO_ACCEPTCONN);
}

static void reset_while_waiting(void) {
  const int from = listener(4);
  const int client = client_of(from);
  const struct linger at_once = {1, 0};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  wait_poll("waits", from, POLLIN);
  close(client);
  const int server = accept(from, NULL, NULL);
  say_ok("accept", server);
  wait_poll("server", server, POLLIN);
  say_read("read", server);
  say_read("read again", server);
}

static int sharing(int port) {
  const int fd = stream(SOCK_NONBLOCK);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  say("bind", bind_at(fd, port));
  say("listen", listen(fd, 64));
  return fd;
}

static int drain(int from) {
  int count = 0;
  for (int fd; (fd = accept(from, NULL, NULL)) >= 0; ++count) close(fd);
  return count;
}

static void reuse_port(void) {
  enum { kConnections = 40 };
  const int first = sharing(0);
  const int port = port_of(first);
  const int second = sharing(port);
  say("without the option", bind_at(stream(0), port));
  int clients[kConnections];
  for (int i = 0; i < kConnections; ++i) {
    clients[i] = stream(0);
    if (connect_at(clients[i], port) != 0) say("connect", -1);
  }
  wait_poll("first", first, POLLIN);
  wait_poll("second", second, POLLIN);
  int by_first = 0, by_second = 0;
  for (int tries = 0; by_first + by_second < kConnections && tries < 1000; ++tries) {
    struct pollfd both[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
    poll(both, 2, 10);
    by_first += drain(first);
    by_second += drain(second);
  }
  say("each has some", by_first > 0 && by_second > 0);
  say("all", by_first + by_second);
  close(first);
  const int late = stream(0);
  say("the other goes on", connect_at(late, port));
  wait_poll("second", second, POLLIN);
  say("accepted", drain(second));
  close(second);
  say("nobody", connect_at(stream(0), port));
}

static void workers(void) {
  enum { kWorkers = 4, kConnections = 40 };
  const int from = listener(64);
  for (int i = 0; i < kWorkers; ++i) {
    if (fork() == 0) {
      for (;;) {
        const int server = accept(from, NULL, NULL);
        char byte;
        if (server < 0 || read(server, &byte, 1) != 1 || byte == 'q') _exit(0);
        write(server, &byte, 1);
        close(server);
      }
    }
  }
  int answered = 0;
  for (int i = 0; i < kConnections; ++i) {
    const int client = client_of(from);
    char byte = 'x';
    write(client, &byte, 1);
    answered += read(client, &byte, 1) == 1;
    close(client);
  }
  for (int i = 0; i < kWorkers; ++i) write(client_of(from), "q", 1);
  int ended = 0;
  while (wait(NULL) > 0) ++ended;
  say("answered", answered);
  say("workers ended", ended);
}

const struct scenario accept_scenarios[] = {
    {"accept-flags", flags},
    {"accept-not-a-listener", not_a_listener},
    {"accept-truncated-address", truncated_address, ONLY_FOUR},
    {"accept-descriptor-limit", descriptor_limit},
    {"accept-shut-down", shut_down},
    {"accept-listen-again", listen_again},
    {"accept-bind-errors", bind_errors, ONLY_FOUR},
    {"accept-wildcard", wildcard, ONLY_FOUR},
    {"accept-inherited-options", inherited_options},
    {"accept-reset-while-waiting", reset_while_waiting},
    {"accept-reuse-port", reuse_port},
    {"accept-workers", workers},
    {0},
};
