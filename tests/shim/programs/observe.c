#include "observe.h"

const char *own_address, *own_address6;
int own_family = AF_INET;

long say(const char* what, long result) {
  if (result == -1) {
    printf("%s: -1 %s\n", what, strerrorname_np(errno));
  } else {
    printf("%s: %ld\n", what, result);
  }
  return result;
}

long say_ok(const char* what, long result) {
  if (result < 0) return say(what, result);
  printf("%s: ok\n", what);
  return result;
}

void say_text(const char* what, const char* text) { printf("%s: %s\n", what, text); }

static void say_bits(const char* what, short bits) {
  printf("%s:", what);
  if (bits & POLLIN) printf(" IN");
  if (bits & POLLPRI) printf(" PRI");
  if (bits & POLLOUT) printf(" OUT");
  if (bits & POLLERR) printf(" ERR");
  if (bits & POLLHUP) printf(" HUP");
  if (bits & POLLRDHUP) printf(" RDHUP");
  if (bits & POLLNVAL) printf(" NVAL");
  printf("\n");
}

short say_poll(const char* what, int fd) {
  struct pollfd asked = {fd, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0};
  poll(&asked, 1, 0);
  say_bits(what, asked.revents);
  return asked.revents;
}

short wait_poll(const char* what, int fd, short wanted) {
  struct pollfd asked = {fd, wanted, 0};
  if (poll(&asked, 1, 10000) == 0) say_text(what, "nothing within ten seconds");
  return say_poll(what, fd);
}

void say_epoll(const char* what, int set) {
  struct epoll_event event = {0};
  const int count = epoll_wait(set, &event, 1, 0);
  if (count <= 0) {
    say_text(what, "no event");
  } else {
    say_bits(what, (short)event.events);
  }
}

socklen_t size_of(const union place* place) {
  return place->any.sa_family == AF_INET6 ? sizeof place->six : sizeof place->four;
}

union place six_at(const char* address, int port) {
  union place place;
  memset(&place, 0, sizeof place);
  place.six.sin6_family = AF_INET6;
  place.six.sin6_port = htons((uint16_t)port);
  inet_pton(AF_INET6, address, &place.six.sin6_addr);
  return place;
}

union place here(int family, int port) {
  union place place;
  memset(&place, 0, sizeof place);
  if (family == AF_INET6) return six_at(own_address6, port);
  place.four.sin_family = AF_INET;
  place.four.sin_port = htons((uint16_t)port);
  inet_pton(AF_INET, own_address, &place.four.sin_addr);
  return place;
}

union place mapped_here(int port) {
  char text[INET6_ADDRSTRLEN];
  snprintf(text, sizeof text, "::ffff:%s", own_address);
  return six_at(text, port);
}

int bind_to(int fd, union place place) { return bind(fd, &place.any, size_of(&place)); }
int connect_to(int fd, union place place) { return connect(fd, &place.any, size_of(&place)); }

static bool same_address(const union place* a, union place b) {
  if (a->any.sa_family != b.any.sa_family) return false;
  if (b.any.sa_family == AF_INET) return a->four.sin_addr.s_addr == b.four.sin_addr.s_addr;
  return memcmp(&a->six.sin6_addr, &b.six.sin6_addr, sizeof b.six.sin6_addr) == 0;
}

void say_place(const char* what, const union place* place) {
  const char* text = "another";
  if (same_address(place, here(AF_INET, 0))) text = "own IPv4";
  if (same_address(place, here(AF_INET6, 0))) text = "own IPv6";
  if (same_address(place, mapped_here(0))) text = "own IPv4, mapped";
  if (same_address(place, six_at("::", 0))) text = "IPv6 wildcard";
  if (place->any.sa_family == AF_INET && place->four.sin_addr.s_addr == 0) text = "IPv4 wildcard";
  say_text(what, text);
}

void say_name(const char* what, name_call call, int fd) {
  union place place;
  memset(&place, 0, sizeof place);
  socklen_t size = sizeof place;
  if (call(fd, &place.any, &size) != 0) {
    say(what, -1);
    return;
  }
  say_place(what, &place);
  say("  size", size);
  if (place.any.sa_family == AF_INET6) {
    say("  scope", place.six.sin6_scope_id);
    say("  flow", (long)place.six.sin6_flowinfo);
  }
}

int stream_of(int family) { return socket(family, SOCK_STREAM, 0); }
int stream(int flags) { return socket(own_family, SOCK_STREAM | flags, 0); }

struct sockaddr_in at(int port) {
  return here(AF_INET, port).four;
}

int bind_at(int fd, int port) { return bind_to(fd, here(own_family, port)); }
int connect_at(int fd, int port) { return connect_to(fd, here(own_family, port)); }

int port_of(int fd) {
  union place place;
  socklen_t size = sizeof place;
  memset(&place, 0, sizeof place);
  if (getsockname(fd, &place.any, &size) != 0) say("getsockname", -1);
  return ntohs(place.four.sin_port); /* at the same offset in both families */
}

int listener(int backlog) {
  const int fd = stream(0);
  if (bind_at(fd, 0) != 0) say("bind", -1);
  if (listen(fd, backlog) != 0) say("listen", -1);
  return fd;
}

int closed_port(void) {
  const int fd = listener(1);
  const int port = port_of(fd);
  close(fd);
  return port;
}

struct connected connected(void) {
  struct connected all;
  all.listener = listener(8);
  all.client = stream(0);
  if (connect_at(all.client, port_of(all.listener)) != 0) say("connect", -1);
  all.server = accept(all.listener, NULL, NULL);
  if (all.server < 0) say("accept", -1);
  return all;
}

void close_connected(struct connected all) {
  close(all.client);
  close(all.server);
  close(all.listener);
}

long socket_error(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -1;
  if (error == 0) return 0;
  errno = error;
  return -1;
}

void set_number(const char* what, int fd, int level, int name, int value) {
  say(what, setsockopt(fd, level, name, &value, sizeof value));
}

void get_number(const char* what, int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  const int result = getsockopt(fd, level, name, &value, &size);
  if (result != 0) {
    say(what, result);
  } else {
    printf("%s: %d (%u bytes)\n", what, value, size);
  }
}

void say_read(const char* what, int fd) {
  struct pollfd asked = {fd, POLLIN, 0};
  char text[256];
  poll(&asked, 1, 10000);
  const ssize_t size = recv(fd, text, sizeof text, MSG_DONTWAIT);
  if (size < 0) {
    say(what, -1);
  } else {
    printf("%s: %zd %.*s\n", what, size, (int)size, text);
  }
}

void no_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }
