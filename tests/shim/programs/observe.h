/* What the scenarios are written with: a program that talks to itself at one address and prints
   what it sees. The same lines must come out on kernel loopback and on the overlay, so nothing that
   depends on the place (ports, addresses, times) is printed. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The addresses everything happens at, and the family of this run. */
extern const char *own_address, *own_address6;
extern int own_family;

/* "what: 3", or "what: -1 ECONNREFUSED". Returns the result. */
long say(const char* what, long result);
/* "what: 0", or what a value is not printed for: "what: ok". */
long say_ok(const char* what, long result);
void say_text(const char* what, const char* text);
/* "what: IN OUT HUP": as poll(2) shows it now, or after waiting (ten seconds at most) for `wanted`.
 */
short say_poll(const char* what, int fd);
short wait_poll(const char* what, int fd, short wanted);
/* The bits of an epoll event. */
void say_epoll(const char* what, int set);

/* An address of either family. */
union place {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};
socklen_t size_of(const union place* place);
/* The own address, by its family; IPv4-mapped; an IPv6 address by its text. */
union place here(int family, int port);
union place mapped_here(int port);
union place six_at(const char* address, int port);
/* bind, connect, getsockname and so on with a whole address. */
int bind_to(int fd, union place place);
int connect_to(int fd, union place place);
/* Which of the known addresses it is, without its port: "own IPv6", "mapped own", ... */
void say_place(const char* what, const union place* place);
typedef int (*name_call)(int, struct sockaddr*, socklen_t*);
void say_name(const char* what, name_call call, int fd);

/* Of the run's family, as are all that follow. */
int stream(int flags);
int stream_of(int family);
struct sockaddr_in at(int port);
int bind_at(int fd, int port);
int connect_at(int fd, int port);
int port_of(int fd);
/* Listening on a free port. */
int listener(int backlog);
/* A port where nobody listens. */
int closed_port(void);
struct connected {
  int listener, client, server;
};
struct connected connected(void);
void close_connected(struct connected all);
/* SO_ERROR. */
long socket_error(int fd);
void set_number(const char* what, int fd, int level, int name, int value);
void get_number(const char* what, int fd, int level, int name);
/* Waits until `fd` is readable, then reads into a text: "what: 5 hello". */
void say_read(const char* what, int fd);
void no_sigpipe(void);
