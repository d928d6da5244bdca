#include "datagrams.h"

int datagram(int flags) { return socket(own_family, SOCK_DGRAM | flags, 0); }

int bound_datagram(void) {
  const int fd = datagram(0);
  if (bind_at(fd, 0) != 0) say("bind", -1);
  return fd;
}

struct two connected_datagrams(void) {
  struct two both = {bound_datagram(), bound_datagram()};
  if (connect_at(both.a, port_of(both.b)) != 0) say("connect", -1);
  if (connect_at(both.b, port_of(both.a)) != 0) say("connect", -1);
  return both;
}

void close_two(struct two both) {
  close(both.a);
  close(both.b);
}

long send_to_port(int fd, const void* data, size_t size, int flags, int port) {
  const union place to = here(own_family, port);
  return sendto(fd, data, size, flags, &to.any, size_of(&to));
}

long send_text(int fd, const char* text, int port) {
  return send_to_port(fd, text, strlen(text), 0, port);
}

int wait_for(int fd, short events) {
  struct pollfd asked = {fd, events, 0};
  return poll(&asked, 1, 10000) == 1;
}

void say_received(const char* what, int fd, int port) {
  char text[256];
  union place from;
  socklen_t size = sizeof from;
  memset(&from, 0xee, sizeof from);
  wait_for(fd, POLLIN);
  const ssize_t got = recvfrom(fd, text, sizeof text, MSG_DONTWAIT, &from.any, &size);
  if (got < 0) {
    say(what, -1);
    return;
  }
  printf("%s: %zd %.*s\n", what, got, (int)got, text);
  say_place("  from", &from);
  say("  its size", size);
  say("  its port", ntohs(from.four.sin_port) == port);
}

int closed_datagram_port(void) {
  const int fd = bound_datagram();
  const int port = port_of(fd);
  close(fd);
  return port;
}

static char texts[70000];

const char* text_of(size_t size) {
  if (texts[0] == '\0') {
    for (size_t i = 0; i < sizeof texts; ++i) texts[i] = (char)('a' + i % 23);
  }
  return size <= sizeof texts ? texts : NULL;
}

int is_text_of(const char* text, size_t size) { return memcmp(text, text_of(size), size) == 0; }
