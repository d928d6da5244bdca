/* What the scenarios about datagrams have in common. */
#pragma once

#include "observe.h"

int datagram(int flags);
/* Bound to the own address, on a free port. */
int bound_datagram(void);
/* Two bound sockets, each connected to the other. */
struct two {
  int a, b;
};
struct two connected_datagrams(void);
void close_two(struct two both);
long send_to_port(int fd, const void* data, size_t size, int flags, int port);
long send_text(int fd, const char* text, int port);
/* Waits until `fd` is readable, receives with its sender: "what: 5 hello from own IPv4, its port
   1". `port`: the one it should be from. */
void say_received(const char* what, int fd, int port);
/* A port on which no datagram socket is. */
int closed_datagram_port(void);
/* Waits for an event of these, ten seconds at most. */
int wait_for(int fd, short events);
/* A repeating text of that size. */
const char* text_of(size_t size);
int is_text_of(const char* text, size_t size);
