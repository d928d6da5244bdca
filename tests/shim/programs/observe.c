#include "observe.h"

const char* own_address;

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

int stream(int flags) { return socket(AF_INET, SOCK_STREAM | flags, 0); }

struct sockaddr_in at(int port) {
  struct sockaddr_in address = {0};
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  inet_pton(AF_INET, own_address, &address.sin_addr);
  return address;
}

int bind_at(int fd, int port) {
  const struct sockaddr_in address = at(port);
  return bind(fd, (const struct sockaddr*)&address, sizeof address);
}

int connect_at(int fd, int port) {
  const struct sockaddr_in address = at(port);
  return connect(fd, (const struct sockaddr*)&address, sizeof address);
}

int port_of(int fd) {
  struct sockaddr_in address = {0};
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr*)&address, &size) != 0) say("getsockname", -1);
  return ntohs(address.sin_port);
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
