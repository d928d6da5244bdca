/* How connections carry data and how they end. */
#include "observe.h"
#include "scenarios.h"

static void half_close(void) {
  struct connected all = connected();
  say_poll("idle", all.server);
  say("write", write(all.client, "last", 4));
  say("shutdown", shutdown(all.client, SHUT_WR));
  say_poll("client", all.client);
  wait_poll("server", all.server, POLLRDHUP);
  say_read("read", all.server);
  say_read("end", all.server);
  say_read("still the end", all.server);
  say("write back", write(all.server, "reply", 5));
  say_read("read", all.client);
  no_sigpipe();
  say("write after shutdown", write(all.client, "x", 1));
  say("shutdown", shutdown(all.server, SHUT_WR));
  wait_poll("both ended", all.client, POLLHUP);
  say_read("end", all.client);
  say("SO_ERROR", socket_error(all.client));
  close_connected(all);
}

static void peer_closes(void) {
  struct connected all = connected();
  write(all.server, "bye", 3);
  close(all.server);
  wait_poll("client", all.client, POLLRDHUP);
  say_read("read", all.client);
  say_read("end", all.client);
  no_sigpipe();
  say("first write", write(all.client, "x", 1));
  wait_poll("answered by a reset", all.client, POLLHUP);
  say("second write", write(all.client, "x", 1));
  say_read("read", all.client);
}

static void peer_closes_with_unread_data(void) {
  struct connected all = connected();
  write(all.client, "unread", 6);
  write(all.server, "arrived", 7);
  struct pollfd asked = {all.server, POLLIN, 0};
  poll(&asked, 1, 10000);
  asked.fd = all.client;
  poll(&asked, 1, 10000);
  close(all.server);
  wait_poll("client", all.client, POLLHUP);
  say_read("read", all.client);
  say_read("reset", all.client);
  say_read("end", all.client);
  say("SO_ERROR", socket_error(all.client));
  no_sigpipe();
  say("write", write(all.client, "x", 1));
}

static void linger_nothing(void) {
  struct connected all = connected();
  const struct linger at_once = {1, 0};
  say("SO_LINGER", setsockopt(all.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
  close(all.server);
  wait_poll("client", all.client, POLLHUP);
  say("SO_ERROR", socket_error(all.client));
  say("SO_ERROR again", socket_error(all.client));
  say_read("read", all.client);
}

static void shutdown_errors(void) {
  const int fresh = stream(0);
  say("fresh", shutdown(fresh, SHUT_WR));
  say("unknown", shutdown(fresh, 3));
  struct connected all = connected();
  say("unknown", shutdown(all.client, -1));
  say("no socket", shutdown(0, SHUT_WR));
  say("reading half", shutdown(all.client, SHUT_RD));
  say_read("read", all.client);
  say("write", write(all.client, "x", 1));
  say_read("read", all.server);
  say("both", shutdown(all.client, SHUT_RDWR));
  say("twice", shutdown(all.client, SHUT_WR));
  close_connected(all);
}

static void reading(void) {
  struct connected all = connected();
  char text[32] = "";
  say("nothing", recv(all.client, text, 1, MSG_DONTWAIT));
  write(all.server, "0123456789", 10);
  wait_poll("readable", all.client, POLLIN);
  int count = -1;
  say("FIONREAD", ioctl(all.client, FIONREAD, &count));
  say("bytes", count);
  say("peek", recv(all.client, text, 4, MSG_PEEK));
  say_text("peeked", text);
  memset(text, 0, sizeof text);
  say("all", recv(all.client, text, 10, MSG_WAITALL));
  say_text("text", text);
  const struct timeval limit = {0, 50000};
  setsockopt(all.client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  say("time limit", recv(all.client, text, 1, 0));
  close_connected(all);
}

static void raise_sigpipe(void) {
  struct connected all = connected();
  shutdown(all.client, SHUT_WR);
  const pid_t child = fork();
  if (child == 0) {
    write(all.client, "x", 1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("killed by SIGPIPE", WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
  say("MSG_NOSIGNAL", send(all.client, "x", 1, MSG_NOSIGNAL));
  close_connected(all);
}

/* Writes until nothing more is taken: the peer does not read. */
static void fill(int fd) {
  char block[65536];
  memset(block, 'f', sizeof block);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  struct pollfd asked = {fd, POLLOUT, 0};
  do {
    while (write(fd, block, sizeof block) > 0) {
    }
  } while (poll(&asked, 1, 300) > 0);
}

static long close_and_time(int fd) {
  struct timeval before, after;
  gettimeofday(&before, NULL);
  close(fd);
  gettimeofday(&after, NULL);
  return (after.tv_sec - before.tv_sec) * 1000 + (after.tv_usec - before.tv_usec) / 1000;
}

static void linger_time(void) {
  const struct linger a_second = {1, 1};
  struct connected full = connected();
  setsockopt(full.client, SOL_SOCKET, SO_LINGER, &a_second, sizeof a_second);
  fill(full.client);
  const long waited = close_and_time(full.client);
  say("waits for a peer that does not read", waited >= 900 && waited < 10000);
  const struct linger long_time = {1, 60};
  struct connected quick = connected();
  setsockopt(quick.client, SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time);
  write(quick.client, "all", 3);
  say("not longer than it takes", close_and_time(quick.client) < 10000);
  say_read("arrived", quick.server);
  struct connected shared = connected();
  setsockopt(shared.client, SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time);
  fill(shared.client);
  const int other = dup(shared.client);
  say("not while others hold it", close_and_time(shared.client) < 10000);
  const struct linger never = {0, 0};
  setsockopt(other, SOL_SOCKET, SO_LINGER, &never, sizeof never);
  say("not once it is switched off", close_and_time(other) < 10000);
}

static void linger_of_another(void) {
  struct connected full = connected();
  fill(full.client);
  const pid_t child = fork();
  if (child == 0) {
    const struct linger a_second = {1, 1};
    _exit(setsockopt(full.client, SOL_SOCKET, SO_LINGER, &a_second, sizeof a_second) != 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  say("set by the child", status);
  say("waits", close_and_time(full.client) >= 900);
}

static void queues(void) {
  struct connected all = connected();
  int count = -1;
  say("fresh SIOCOUTQ", ioctl(stream(0), SIOCOUTQ, &count));
  say("bytes", count);
  count = -1;
  say("SIOCOUTQ", ioctl(all.client, SIOCOUTQ, &count));
  say("bytes", count);
  say("null", ioctl(all.client, SIOCOUTQ, NULL));
  fill(all.client);
  say("full SIOCOUTQ", ioctl(all.client, SIOCOUTQ, &count));
  say("bytes", count > 10000);
  say("listener SIOCOUTQ", ioctl(all.listener, SIOCOUTQ, &count));
  say("listener FIONREAD", ioctl(all.listener, FIONREAD, &count));
  write(all.server, "12345", 5);
  wait_poll("readable", all.client, POLLIN);
  say("SIOCINQ", ioctl(all.client, SIOCINQ, &count));
  say("bytes", count);
  int on = 1;
  say("FIONBIO", ioctl(all.server, FIONBIO, &on));
  char block[65536];
  while (count > 0) {
    struct pollfd asked = {all.server, POLLIN, 0};
    poll(&asked, 1, 10);
    while (read(all.server, block, sizeof block) > 0) {
    }
    ioctl(all.client, SIOCOUTQ, &count);
  }
  say("all acknowledged", count);
  say("closed fd", ioctl(999, SIOCOUTQ, &count));
}

enum { kBulk = 4 << 20 };

static unsigned char bulk_byte(size_t at) { return (unsigned char)(at * 7 + (at >> 11)); }

static void* send_bulk(void* argument) {
  const int fd = *(int*)argument;
  unsigned char block[50000];
  for (size_t at = 0; at < kBulk;) {
    const size_t size = kBulk - at < sizeof block ? kBulk - at : sizeof block;
    for (size_t i = 0; i < size; ++i) block[i] = bulk_byte(at + i);
    const ssize_t sent = send(fd, block, size, 0);
    if (sent < 0) {
      say("send", -1);
      return NULL;
    }
    at += (size_t)sent;
  }
  shutdown(fd, SHUT_WR);
  return NULL;
}

static void check_bulk(const char* what, int fd) {
  unsigned char block[70000];
  size_t at = 0;
  long wrong = 0;
  for (;;) {
    const ssize_t size = recv(fd, block, sizeof block, 0);
    if (size < 0) say("recv", -1);
    if (size <= 0) break;
    for (ssize_t i = 0; i < size; ++i) wrong += block[i] != bulk_byte(at + (size_t)i);
    at += (size_t)size;
  }
  say(what, (long)at);
  say("wrong bytes", wrong);
}

static void* check_at_server(void* fd) {
  check_bulk("server received", *(int*)fd);
  return NULL;
}

static void both_ways(void) {
  struct connected all = connected();
  pthread_t sender, receiver, back;
  pthread_create(&sender, NULL, send_bulk, &all.client);
  pthread_create(&receiver, NULL, check_at_server, &all.server);
  pthread_join(sender, NULL);
  pthread_join(receiver, NULL);
  pthread_create(&back, NULL, send_bulk, &all.server);
  check_bulk("client received", all.client);
  pthread_join(back, NULL);
  close_connected(all);
}

static void slow_reader(void) {
  struct connected all = connected();
  fcntl(all.client, F_SETFL, O_NONBLOCK);
  char block[65536];
  memset(block, 'b', sizeof block);
  size_t accepted = 0;
  /* until nothing more is taken for a while: the buffers on the way are full */
  struct pollfd asked = {all.client, POLLOUT, 0};
  for (;;) {
    const ssize_t size = write(all.client, block, sizeof block);
    if (size > 0) {
      accepted += (size_t)size;
    } else if (poll(&asked, 1, 500) == 0) {
      break;
    }
    if (accepted > 256u << 20) break;
  }
  say("bounded", accepted < 64u << 20);
  shutdown(all.client, SHUT_WR);
  size_t received = 0;
  ssize_t size;
  while ((size = read(all.server, block, sizeof block)) > 0) received += (size_t)size;
  say("all of it arrived", received == accepted);
  close_connected(all);
}

const struct scenario end_scenarios[] = {
    {"end-half-close", half_close},
    {"end-peer-closes", peer_closes},
    {"end-peer-closes-with-unread-data", peer_closes_with_unread_data},
    {"end-linger-nothing", linger_nothing},
    {"end-linger-time", linger_time},
    {"end-linger-of-another", linger_of_another},
    {"end-queues", queues},
    {"end-shutdown-errors", shutdown_errors},
    {"end-reading", reading},
    {"end-sigpipe", raise_sigpipe},
    {"end-both-ways", both_ways},
    {"end-slow-reader", slow_reader},
    {0},
};
