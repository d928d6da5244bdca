/* Resets in every state of a connection, and what the two sides are told. */
#include <sys/uio.h>

#include "observe.h"
#include "scenarios.h"

static volatile sig_atomic_t pipe_signals;
static void count_signal(int number) { pipe_signals += number == SIGPIPE; }

static void reset_by(int fd) {
  const struct linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

/* One error, and the end after it. */
static void say_reset(int fd) {
  char byte;
  wait_poll("poll", fd, POLLHUP);
  say("read", read(fd, &byte, 1));
  say("read again", read(fd, &byte, 1));
  say("SO_ERROR", socket_error(fd));
  pipe_signals = 0;
  say("write", write(fd, "x", 1));
  say("SIGPIPE", pipe_signals);
  say_poll("poll", fd);
  say("shutdown", shutdown(fd, SHUT_WR));
  say("getpeername", getpeername(fd, NULL, NULL) == -1 && errno == ENOTCONN);
}

static void established(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  reset_by(all.server);
  say_reset(all.client);
}

static void established_told_by_so_error(void) {
  struct connected all = connected();
  reset_by(all.server);
  wait_poll("poll", all.client, POLLHUP);
  say("SO_ERROR", socket_error(all.client));
  say_read("read", all.client);
  say_read("read again", all.client);
}

static void established_told_by_write(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  reset_by(all.server);
  wait_poll("poll", all.client, POLLHUP);
  say("write", write(all.client, "x", 1));
  say("SIGPIPE", pipe_signals);
  say("write again", write(all.client, "x", 1));
  say("SIGPIPE", pipe_signals);
  say("send MSG_NOSIGNAL", send(all.client, "x", 1, MSG_NOSIGNAL));
  say("SIGPIPE", pipe_signals);
  say_read("read", all.client);
}

static void with_unread_data(void) {
  struct connected all = connected();
  write(all.server, "lost", 4);
  wait_poll("arrived", all.client, POLLIN);
  reset_by(all.server);
  wait_poll("poll", all.client, POLLHUP);
  say_read("read", all.client);
  say_read("read again", all.client);
}

static void after_our_end(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  shutdown(all.client, SHUT_WR);
  wait_poll("server", all.server, POLLRDHUP);
  reset_by(all.server);
  wait_poll("poll", all.client, POLLHUP);
  say_read("read", all.client);
  say_read("read again", all.client);
  say("SO_ERROR", socket_error(all.client));
}

static void after_their_end(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  shutdown(all.server, SHUT_WR);
  wait_poll("client", all.client, POLLRDHUP);
  reset_by(all.server);
  wait_poll("poll", all.client, POLLHUP);
  say("SO_ERROR", socket_error(all.client));
  say_read("read", all.client);
  say("write", write(all.client, "x", 1));
  say("SIGPIPE", pipe_signals);
}

static void by_a_close_with_unread_data(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  write(all.client, "unread", 6);
  wait_poll("arrived", all.server, POLLIN);
  close(all.server);
  say_reset(all.client);
}

static void* reader(void* fd) {
  static char byte;
  static int error;
  error = read(*(int*)fd, &byte, 1) < 0 ? errno : 0;
  return &error;
}

static void of_a_waiting_reader(void) {
  struct connected all = connected();
  pthread_t thread;
  void* error;
  pthread_create(&thread, NULL, reader, &all.client);
  reset_by(all.server);
  pthread_join(thread, &error);
  errno = *(int*)error;
  say("waiting read", errno == 0 ? 0 : -1);
}

static void* filler(void* fd) {
  static char block[65536];
  static int error;
  while (write(*(int*)fd, block, sizeof block) > 0) {
  }
  error = errno;
  return &error;
}

static void of_a_waiting_writer(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  pthread_t thread;
  void* error;
  pthread_create(&thread, NULL, filler, &all.client);
  struct pollfd asked = {all.client, POLLOUT, 0};
  while (poll(&asked, 1, 100) != 0) {
  }
  reset_by(all.server);
  pthread_join(thread, &error);
  say("waiting write failed", *(int*)error == ECONNRESET || *(int*)error == EPIPE);
  say_read("read", all.client);
}

static void epoll_sees(void) {
  struct connected all = connected();
  const int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, all.client, &event));
  say_epoll("connected", set);
  say_epoll("no more", set);
  reset_by(all.server);
  wait_poll("poll", all.client, POLLHUP);
  say_epoll("reset", set);
  say_epoll("no more", set);
}

static void of_a_queued_connection(void) {
  const int from = listener(4), client = stream(0);
  say("connect", connect_at(client, port_of(from)));
  wait_poll("queued", from, POLLIN);
  close(from);
  wait_poll("poll", client, POLLHUP);
  say_read("read", client);
}

static void after_shut_reading(void) {
  signal(SIGPIPE, count_signal);
  struct connected all = connected();
  say("shutdown", shutdown(all.server, SHUT_RD));
  say("write", write(all.client, "dropped", 7));
  say("still connected", write(all.server, "x", 1));
  say_read("read", all.client);
  say_poll("client", all.client);
}

static void only_once(void) {
  struct connected all = connected();
  const int copy = dup(all.client);
  reset_by(all.server);
  wait_poll("poll", copy, POLLHUP);
  say_read("read", all.client);
  say_read("read of the copy", copy);
}

const struct scenario reset_scenarios[] = {
    {"reset-established", established},
    {"reset-told-by-so-error", established_told_by_so_error},
    {"reset-told-by-write", established_told_by_write},
    {"reset-with-unread-data", with_unread_data},
    {"reset-after-our-end", after_our_end},
    {"reset-after-their-end", after_their_end},
    {"reset-by-a-close", by_a_close_with_unread_data},
    {"reset-of-a-reader", of_a_waiting_reader},
    {"reset-of-a-writer", of_a_waiting_writer},
    {"reset-epoll", epoll_sees},
    {"reset-of-a-queued-connection", of_a_queued_connection},
    {"reset-after-shut-reading", after_shut_reading},
    {"reset-only-once", only_once},
    {0},
};
