/* Sockets that are not connected, or not yet: what may be done with them, and what they say. */
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "observe.h"
#include "scenarios.h"

static volatile sig_atomic_t pipe_signals;
static void count_signal(int number) { pipe_signals += number == SIGPIPE; }

/* All that fails for lack of a connection. */
static void say_calls(int fd) {
  char byte = 'x';
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  int count = -1;
  pipe_signals = 0;
  say("read", read(fd, &byte, 1));
  say("recv", recv(fd, &byte, 1, 0));
  say("recv MSG_DONTWAIT", recv(fd, &byte, 1, MSG_DONTWAIT));
  say("recv MSG_PEEK", recv(fd, &byte, 1, MSG_PEEK));
  say("recvmsg", recvmsg(fd, &message, 0));
  say("readv", readv(fd, &part, 1));
  say("write", write(fd, &byte, 1));
  say("writev", writev(fd, &part, 1));
  say("send", send(fd, &byte, 1, 0));
  say("SIGPIPE", pipe_signals);
  say("send MSG_NOSIGNAL", send(fd, &byte, 1, MSG_NOSIGNAL));
  say("sendmsg MSG_NOSIGNAL", sendmsg(fd, &message, MSG_NOSIGNAL));
  say("SIGPIPE", pipe_signals);
  say("FIONREAD", ioctl(fd, FIONREAD, &count));
  say("shutdown", shutdown(fd, SHUT_WR));
  say("SO_ERROR", socket_error(fd));
  say_poll("poll", fd);
}

static void unconnected(void) {
  signal(SIGPIPE, count_signal);
  const int fd = stream(SOCK_NONBLOCK);
  say_poll("poll", fd);
  say_calls(fd);
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  say("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
  say("state", info.tcpi_state);
}

/* Must not wait: there is nothing to wait for. */
static void unconnected_blocking(void) {
  signal(SIGPIPE, count_signal);
  const int fd = stream(0);
  say("bind", bind_at(fd, 0));
  say_calls(fd);
}

static void listening(void) {
  signal(SIGPIPE, count_signal);
  const int fd = listener(2);
  say_calls(fd);
}

static void epoll_of_unconnected(void) {
  const int fd = stream(0), set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  say_epoll("events", set);
  const int from = listener(1);
  say("connect", connect_at(fd, port_of(from)));
  say_epoll("events", set);
}

/* A queue for one connection that holds one: the next stays on its way. */
static int start_connecting(int from, int* first) {
  *first = stream(0);
  if (connect_at(*first, port_of(from)) != 0) say("connect", -1);
  wait_poll("queued", from, POLLIN);
  const int client = stream(SOCK_NONBLOCK);
  say("connect", connect_at(client, port_of(from)));
  return client;
}

static void connecting(void) {
  no_sigpipe();
  int first;
  const int from = listener(0), client = start_connecting(from, &first);
  char byte = 'x';
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  say_poll("poll", client);
  say("again", connect_at(client, port_of(from)));
  say("read", read(client, &byte, 1));
  say("recv", recv(client, &byte, 1, MSG_PEEK));
  say("write", write(client, &byte, 1));
  say("send", send(client, &byte, 1, 0));
  say("SO_ERROR", socket_error(client));
  say("getpeername", getpeername(client, NULL, NULL) == -1 && errno == ENOTCONN ? 0 : 1);
  say("has a port", port_of(client) != 0);
  say("bind", bind_at(client, 0));
  say("listen", listen(client, 1));
  say("TCP_INFO", getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &size));
  say("state", info.tcpi_state);
  close(accept(from, NULL, NULL));
  wait_poll("connected", client, POLLOUT);
  say("SO_ERROR", socket_error(client));
  const int server = accept(from, NULL, NULL);
  say("write", write(client, "now", 3));
  say_read("read", server);
}

static void shut_while_connecting(void) {
  no_sigpipe();
  int first;
  const int from = listener(0), client = start_connecting(from, &first);
  say("shutdown", shutdown(client, SHUT_WR));
  say_poll("poll", client);
  say("SO_ERROR", socket_error(client));
  say("write", write(client, "x", 1));
}

static void closed_while_connecting(void) {
  int first;
  const int from = listener(0), client = start_connecting(from, &first);
  const int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, client, &event));
  say_epoll("nothing yet", set);
  say("close", close(client));
  say_epoll("nothing any more", set);
}

static volatile sig_atomic_t alarms;
static void count_alarm(int number) { alarms += number == SIGALRM; }

static void time_limit_on_connect(void) {
  int first;
  const int from = listener(0), client = start_connecting(from, &first);
  const struct timeval limit = {0, 50000};
  close(client);
  const int slow = stream(0);
  say("SO_SNDTIMEO", setsockopt(slow, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  say("connect", connect_at(slow, port_of(from)));
  say("again", connect_at(slow, port_of(from)));
}

static void interrupted_connect(void) {
  int first;
  const int from = listener(0), client = start_connecting(from, &first);
  close(client);
  struct sigaction action = {.sa_handler = count_alarm};
  sigaction(SIGALRM, &action, NULL);
  const int slow = stream(0);
  const struct itimerval soon = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  say("connect", connect_at(slow, port_of(from)));
  say("handler ran", alarms > 0);
  fcntl(slow, F_SETFL, O_NONBLOCK);
  say("again", connect_at(slow, port_of(from)));
  close(accept(from, NULL, NULL));
  wait_poll("connected", slow, POLLOUT);
  say("SO_ERROR", socket_error(slow));
}

static void to_itself(void) {
  no_sigpipe();
  const int fd = stream(0);
  say("bind", bind_at(fd, 0));
  say("connect", connect_at(fd, port_of(fd)));
  say("write", write(fd, "echo", 4));
  say_read("read", fd);
}

static void unspecified_address(void) {
  const int from = stream(0);
  union place any;
  memset(&any, 0, sizeof any);
  any.any.sa_family = (sa_family_t)own_family;
  say("bind", bind_to(from, any));
  say("listen", listen(from, 1));
  const int fd = stream(0);
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  say("dissolve a fresh one", connect(fd, &none, sizeof none));
  say("port 0", connect_at(fd, 0));
}

static void dissolved(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  fcntl(all.client, F_SETFL, O_NONBLOCK);
  say("dissolve", connect(all.client, &none, sizeof none));
  say_calls(all.client);
  wait_poll("server", all.server, POLLIN | POLLHUP);
  say("SO_ERROR", socket_error(all.server));
  say("dissolve a listener", connect(all.listener, &none, sizeof none));
  say("accept", accept(all.listener, NULL, NULL));
}

const struct scenario fresh_scenarios[] = {
    {"fresh-calls", unconnected},
    {"fresh-calls-blocking", unconnected_blocking},
    {"fresh-listening", listening},
    {"fresh-epoll", epoll_of_unconnected},
    {"fresh-connecting", connecting},
    {"fresh-shut-while-connecting", shut_while_connecting},
    {"fresh-closed-while-connecting", closed_while_connecting},
    {"fresh-time-limit-on-connect", time_limit_on_connect},
    {"fresh-interrupted-connect", interrupted_connect},
    {"fresh-to-itself", to_itself},
    {"fresh-unspecified", unspecified_address},
    {"fresh-dissolved", dissolved},
    {0},
};
