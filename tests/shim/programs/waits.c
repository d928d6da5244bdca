/* Calls that wait, and what ends their waiting: data, signals, time limits, cancellation. */
#include <sys/uio.h>

#include "observe.h"
#include "scenarios.h"

/* One call that waits; what it needs is in the table below. */
struct room {
  struct connected all;
  int full; /* a connection whose peer does not read */
  int set;  /* an epoll set that stays empty */
};

static long wait_accept(const struct room* p) { return accept(p->all.listener, NULL, NULL); }
static long wait_accept4(const struct room* p) { return accept4(p->all.listener, NULL, NULL, 0); }
static long wait_read(const struct room* p) { return read(p->all.client, &(char){0}, 1); }
static long wait_readv(const struct room* p) {
  char byte;
  struct iovec part = {&byte, 1};
  return readv(p->all.client, &part, 1);
}
static long wait_recv(const struct room* p) { return recv(p->all.client, &(char){0}, 1, 0); }
static long wait_recvfrom(const struct room* p) {
  return recvfrom(p->all.client, &(char){0}, 1, 0, NULL, NULL);
}
static long wait_recvmsg(const struct room* p) {
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  return recvmsg(p->all.client, &message, 0);
}
/* More than can ever be taken: what frees itself while the call waits (TCP asks again and again
   whether there is room) makes it a part, and that is as good as nothing. */
static char much[16 << 20];
static int cut_error;
static long cut(long sent) {
  if (sent <= 0 || sent == sizeof much) return sent;
  errno = cut_error;
  return -1;
}
static long wait_write(const struct room* p) { return cut(write(p->full, much, sizeof much)); }
static long wait_send(const struct room* p) { return cut(send(p->full, much, sizeof much, 0)); }
static long wait_sendmsg(const struct room* p) {
  struct iovec part = {much, sizeof much};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  return cut(sendmsg(p->full, &message, 0));
}
static long wait_poll_call(const struct room* p) {
  struct pollfd asked = {p->all.client, POLLIN, 0};
  return poll(&asked, 1, 10000);
}
static long wait_select(const struct room* p) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(p->all.client, &set);
  return select(p->all.client + 1, &set, NULL, NULL, &(struct timeval){10, 0});
}
static long wait_epoll(const struct room* p) {
  struct epoll_event event;
  return epoll_wait(p->set, &event, 1, 10000);
}

static const struct call {
  const char* name;
  long (*wait)(const struct room*);
} kCalls[] = {
    {"accept", wait_accept},    {"accept4", wait_accept4}, {"read", wait_read},
    {"readv", wait_readv},      {"recv", wait_recv},       {"recvfrom", wait_recvfrom},
    {"recvmsg", wait_recvmsg},  {"write", wait_write},     {"send", wait_send},
    {"sendmsg", wait_sendmsg},  {"poll", wait_poll_call},  {"select", wait_select},
    {"epoll_wait", wait_epoll},
};
enum { kCallCount = sizeof kCalls / sizeof *kCalls };

static struct room make_room(void) {
  struct room p = {.all = connected(), .set = epoll_create1(0)};
  static char block[65536];
  p.full = stream(0);
  connect_at(p.full, port_of(p.all.listener));
  accept(p.all.listener, NULL, NULL);
  const int flags = fcntl(p.full, F_GETFL);
  fcntl(p.full, F_SETFL, flags | O_NONBLOCK);
  struct pollfd asked = {p.full, POLLOUT, 0};
  do {
    while (write(p.full, block, sizeof block) > 0) {
    }
    while (write(p.full, block, 1) > 0) {
    }
  } while (poll(&asked, 1, 300) > 0);
  fcntl(p.full, F_SETFL, flags);
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(p.set, EPOLL_CTL_ADD, p.all.client, &event);
  return p;
}

static volatile sig_atomic_t alarms;
static void count_alarm(int number) { alarms += number == SIGALRM; }

static void alarm_after(int flags, long microseconds) {
  struct sigaction action = {.sa_handler = count_alarm, .sa_flags = flags};
  sigaction(SIGALRM, &action, NULL);
  alarms = 0;
  const struct itimerval soon = {{0, 0}, {0, microseconds}};
  setitimer(ITIMER_REAL, &soon, NULL);
}

static void interrupted(void) {
  const struct room p = make_room();
  cut_error = EINTR;
  for (int i = 0; i < kCallCount; ++i) {
    alarm_after(0, 30000);
    say(kCalls[i].name, kCalls[i].wait(&p));
    say("  handler ran", alarms);
  }
}

static void* give_after_alarm(void* argument) {
  const struct room* const p = argument;
  while (alarms == 0) sched_yield();
  write(p->all.server, "x", 1);
  connect_at(stream(0), port_of(p->all.listener));
  return NULL;
}

/* With SA_RESTART they go on, but for those that never do. */
static void restarted(void) {
  for (int i = 0; i < kCallCount; ++i) {
    if (kCalls[i].wait == wait_write || kCalls[i].wait == wait_send ||
        kCalls[i].wait == wait_sendmsg)
      continue;
    struct room p = {.all = connected(), .set = epoll_create1(0)};
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(p.set, EPOLL_CTL_ADD, p.all.client, &event);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    alarms = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, give_after_alarm, &p);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm_after(SA_RESTART, 30000);
    const long result = kCalls[i].wait(&p);
    const bool takes = kCalls[i].wait == wait_accept || kCalls[i].wait == wait_accept4;
    if (takes) {
      say_ok(kCalls[i].name, result);
    } else {
      say(kCalls[i].name, result);
    }
    pthread_join(thread, NULL);
    close_connected(p.all);
    close(p.set);
  }
}

static void* accept_after_alarm(void* from) {
  while (alarms == 0) sched_yield();
  close(accept(*(int*)from, NULL, NULL));
  return NULL;
}

/* The queue is full until the alarm has come. */
static void say_restarted_connect(void) {
  int from = listener(0);
  connect_at(stream(0), port_of(from));
  wait_poll("queue is full", from, POLLIN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  alarms = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, accept_after_alarm, &from);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  alarm_after(SA_RESTART, 30000);
  say("connect", connect_at(stream(0), port_of(from)));
  pthread_join(thread, NULL);
}

static void restarted_connect(void) { say_restarted_connect(); }

static void restarted_beside_another(void) {
  struct sigaction action = {.sa_handler = count_alarm};
  sigaction(SIGUSR1, &action, NULL);
  say_restarted_connect();
}

/* A time limit on the socket; a signal ends the call then even with SA_RESTART. */
static void limited(void) {
  const struct room p = make_room();
  cut_error = EAGAIN;
  const struct timeval limit = {0, 30000};
  setsockopt(p.all.client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(p.all.listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(p.full, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  for (int i = 0; i < kCallCount; ++i) {
    if (kCalls[i].wait == wait_poll_call || kCalls[i].wait == wait_select ||
        kCalls[i].wait == wait_epoll)
      continue;
    say(kCalls[i].name, kCalls[i].wait(&p));
  }
  struct timeval got = {0, 0};
  socklen_t size = sizeof got;
  say("SO_SNDTIMEO", getsockopt(p.full, SOL_SOCKET, SO_SNDTIMEO, &got, &size));
  say("microseconds", got.tv_usec);
  set_number("short", p.full, SOL_SOCKET, SO_SNDTIMEO, 1);
  const struct timeval wrong = {1, 1000000}, negative = {-1, 0};
  say("too many microseconds", setsockopt(p.full, SOL_SOCKET, SO_SNDTIMEO, &wrong, sizeof wrong));
  say("negative", setsockopt(p.full, SOL_SOCKET, SO_SNDTIMEO, &negative, sizeof negative));
  const struct timeval longer = {5, 0};
  setsockopt(p.all.client, SOL_SOCKET, SO_RCVTIMEO, &longer, sizeof longer);
  alarm_after(SA_RESTART, 30000);
  say("interrupted", wait_recv(&p));
}

struct waiter {
  const struct room* place;
  const struct call* call;
};

static void* wait_in_thread(void* argument) {
  const struct waiter* const waiter = argument;
  waiter->call->wait(waiter->place);
  return NULL;
}

/* Each of the calls is a cancellation point, whether it has begun to wait or only comes to it. */
static void cancelled(void) {
  const struct room p = make_room();
  for (int i = 0; i < kCallCount; ++i) {
    for (int later = 0; later < 2; ++later) {
      struct waiter waiter = {&p, &kCalls[i]};
      pthread_t thread;
      pthread_create(&thread, NULL, wait_in_thread, &waiter);
      if (later) poll(NULL, 0, 20); /* it waits by now, or not: both must do */
      pthread_cancel(thread);
      void* result = NULL;
      pthread_join(thread, &result);
      say(kCalls[i].name, result == PTHREAD_CANCELED);
    }
  }
  write(p.all.server, "still", 5);
  say_read("read", p.all.client);
}

static void* connect_in_thread(void* from) {
  connect_at(stream(0), port_of(*(int*)from));
  return NULL;
}

static void cancelled_connect(void) {
  int from = listener(0);
  connect_at(stream(0), port_of(from));
  wait_poll("queue is full", from, POLLIN);
  pthread_t thread;
  pthread_create(&thread, NULL, connect_in_thread, &from);
  pthread_cancel(thread);
  void* result = NULL;
  pthread_join(thread, &result);
  say("connect", result == PTHREAD_CANCELED);
}

static void* close_cancelled(void* fd) {
  pthread_cancel(pthread_self());
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  close(*(int*)fd);
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  pthread_testcancel();
  return NULL;
}

static void not_when_disabled(void) {
  struct connected all = connected();
  pthread_t thread;
  pthread_create(&thread, NULL, close_cancelled, &all.server);
  void* result = NULL;
  pthread_join(thread, &result);
  say("cancelled after it", result == PTHREAD_CANCELED);
  say_read("the end", all.client);
}

static void ignored_signal(void) {
  struct connected all = connected();
  signal(SIGUSR1, SIG_IGN);
  kill(getpid(), SIGUSR1);
  const struct timeval limit = {0, 30000};
  setsockopt(all.client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  say("read", read(all.client, &(char){0}, 1));
}

const struct scenario wait_scenarios[] = {
    {"wait-interrupted", interrupted},
    {"wait-restarted", restarted},
    {"wait-restarted-connect", restarted_connect},
    {"wait-restarted-beside-another", restarted_beside_another},
    {"wait-limited", limited},
    {"wait-cancelled", cancelled},
    {"wait-cancelled-connect", cancelled_connect},
    {"wait-not-when-disabled", not_when_disabled},
    {"wait-ignored-signal", ignored_signal},
    {0},
};
